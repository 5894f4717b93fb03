//! Reads what remote write sends, independently of what writes it: fields in any order.

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: Vec<(String, String)>,
    /// Milliseconds and values.
    pub(crate) samples: Vec<(i64, f64)>,
}

enum Field<'a> {
    Varint(u64),
    Fixed([u8; 8]),
    Bytes(&'a [u8]),
}

/// The series of a message of 1.0 or 2.0; `None` for what is no such message.
pub(crate) fn decode(message: &[u8], is_two: bool) -> Option<Vec<Series>> {
    let fields = fields(message)?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let mut symbols = Vec::new();
    for (number, field) in &fields {
        if let (true, 4, Field::Bytes(bytes)) = (is_two, number, field) {
            symbols.push(text(bytes)?);
        }
    }
    if is_two && symbols.first().is_none_or(|symbol| !symbol.is_empty()) {
        return None;
    }
    let wanted = if is_two { 5 } else { 1 };
    let series = fields.iter().filter(|(number, _)| *number == wanted);
    series
        .map(|(_, field)| match field {
            Field::Bytes(bytes) => decode_series(bytes, is_two.then_some(&symbols[..])),
            _ => None,
        })
        .collect()
}

fn decode_series(bytes: &[u8], symbols: Option<&[String]>) -> Option<Series> {
    let mut series = Series { labels: Vec::new(), samples: Vec::new() };
    for (number, field) in fields(bytes)? {
        match (number, field, symbols) {
            (1, Field::Bytes(label), None) => series.labels.push(decode_label(label)?),
            (1, Field::Bytes(mut places), Some(symbols)) => {
                let mut named = Vec::new();
                while !places.is_empty() {
                    named.push(symbols.get(usize::try_from(varint(&mut places)?).ok()?)?.clone());
                }
                let pairs = named.chunks(2);
                series.labels.extend(pairs.map(|pair| (pair[0].clone(), pair[1].clone())));
            }
            (2, Field::Bytes(sample), _) => series.samples.push(decode_sample(sample)?),
            (5, Field::Bytes(_), Some(_)) => {}
            _ => return None,
        }
    }
    Some(series)
}

fn decode_label(bytes: &[u8]) -> Option<(String, String)> {
    let (mut name, mut value) = (String::new(), String::new());
    for (number, field) in fields(bytes)? {
        let Field::Bytes(bytes) = field else { return None };
        let text = String::from_utf8(bytes.to_vec()).ok()?;
        match number {
            1 => name = text,
            2 => value = text,
            _ => return None,
        }
    }
    Some((name, value))
}

fn decode_sample(bytes: &[u8]) -> Option<(i64, f64)> {
    let (mut time_ms, mut value) = (0, 0.0);
    for (number, field) in fields(bytes)? {
        match (number, field) {
            (1, Field::Fixed(bytes)) => value = f64::from_le_bytes(bytes),
            (2, Field::Varint(number)) => time_ms = number.cast_signed(),
            _ => return None,
        }
    }
    Some((time_ms, value))
}

fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let field = match tag & 7 {
            0 => Field::Varint(varint(&mut bytes)?),
            1 => Field::Fixed(*take(&mut bytes, 8)?.first_chunk()?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Field::Bytes(take(&mut bytes, length)?)
            }
            _ => return None,
        };
        fields.push((tag >> 3, field));
    }
    Some(fields)
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
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
