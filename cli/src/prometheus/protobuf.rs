//! Protobuf, as far as Prometheus's messages need it. They have few fields, so they are
//! written and read by hand. The encoding: <https://protobuf.dev/programming-guides/encoding/>.

/// How a field's bytes follow its tag.
pub(crate) const VARINT: u8 = 0;
pub(crate) const FIXED_64: u8 = 1;
const BYTES: u8 = 2;
const FIXED_32: u8 = 5;

pub(crate) fn tag(out: &mut Vec<u8>, field: u8, kind: u8) {
    out.push(field << 3 | kind);
}

pub(crate) fn bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    tag(out, field, BYTES);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// A message within another one, written in its place: its length is put before it after.
pub(crate) fn nested<T>(out: &mut Vec<u8>, field: u8, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    tag(out, field, BYTES);
    let mut at = out.len();
    // Most are so short that this byte is all of the length.
    out.push(0);
    let written = write(out);
    let mut length = out.len() - at - 1;
    while length > 0x7f {
        out[at] = length.to_le_bytes()[0] | 0x80;
        length >>= 7;
        at += 1;
        out.insert(at, 0);
    }
    out[at] = length.to_le_bytes()[0];
    written
}

/// Seven bits a byte, the lowest first; all but the last have the highest bit set.
pub(crate) fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Field<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes.
    Fixed,
}

/// The fields of a message, with their numbers. A piece that is no protobuf is `None`, and
/// the last.
pub(crate) fn fields(message: &[u8]) -> impl Iterator<Item = Option<(u64, Field<'_>)>> {
    let mut rest = Some(message);
    std::iter::from_fn(move || {
        let mut bytes = rest.filter(|bytes| !bytes.is_empty())?;
        let field = field(&mut bytes);
        rest = field.is_some().then_some(bytes);
        Some(field)
    })
}

fn field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let tag = read_varint(bytes)?;
    let field = match u8::try_from(tag & 7) {
        Ok(VARINT) => Field::Varint(read_varint(bytes)?),
        Ok(FIXED_64) => take(bytes, 8).map(|_| Field::Fixed)?,
        Ok(BYTES) => {
            let length = usize::try_from(read_varint(bytes)?).ok()?;
            Field::Bytes(take(bytes, length)?)
        }
        Ok(FIXED_32) => take(bytes, 4).map(|_| Field::Fixed)?,
        _ => return None,
    };
    Some((tag >> 3, field))
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

/// `None` for more than the ten bytes that 64 bits take.
pub(crate) fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let byte = take(bytes, 1)?[0];
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_length_before_it() {
        for length in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x20_0000] {
            let content = vec![7; length];
            let mut plain = Vec::new();
            bytes(&mut plain, 3, &content);
            let mut found = Vec::new();
            nested(&mut found, 3, |out| out.extend_from_slice(&content));
            assert_eq!(found, plain, "{length}");
            assert_eq!(fields(&found).collect::<Vec<_>>(), [Some((3, Field::Bytes(&content)))]);
        }
    }

    #[test]
    fn what_is_cut_short_is_no_protobuf() {
        let mut message = Vec::new();
        tag(&mut message, 1, VARINT);
        varint(&mut message, u64::MAX);
        let whole = message.len();
        bytes(&mut message, 2, b"abc");
        message.extend_from_slice(&[3 << 3 | FIXED_64, 0, 0, 0, 0, 0, 0, 0, 0]);
        message.extend_from_slice(&[4 << 3 | FIXED_32, 0, 0, 0, 0]);
        let all: Vec<_> = fields(&message).collect();
        let first = Some((1, Field::Varint(u64::MAX)));
        let second = Some((2, Field::Bytes(&b"abc"[..])));
        let [third, fourth] = [3, 4].map(|number| Some((number, Field::Fixed)));
        assert_eq!(all, [first, second, third, fourth]);
        let ends = [whole, whole + 5, whole + 14, message.len()];
        for length in (0..message.len()).filter(|length| *length > 0 && !ends.contains(length)) {
            assert_eq!(fields(&message[..length]).last(), Some(None), "{length}");
        }
        // A group, which nobody writes any more, and a number of more than 64 bits.
        assert_eq!(fields(&[0x0b, 0x0c]).collect::<Vec<_>>(), [None]);
        assert_eq!(fields(&[0xff; 20]).collect::<Vec<_>>(), [None]);
    }
}
