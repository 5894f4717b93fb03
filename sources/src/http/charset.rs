//! From bytes to text: UTF-8, UTF-16 and Latin-1, and text that is declared as one of
//! them but is not quite valid.

/// How the bytes of a page encode characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    /// In the order of a byte order mark, or with the high byte first if there is none.
    Utf16,
    Utf16Le,
    Latin1,
}

/// The charset that a Content-Type declares; UTF-8 if it declares none or an unknown one.
/// ASCII is a part of all that are in use.
pub(super) fn declared(media: &str) -> Charset {
    let parameters = media.split(';').skip(1);
    let charset =
        parameters.filter_map(|parameter| parameter.split_once('=')).find_map(|(name, value)| {
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim())
        });
    match &*charset.unwrap_or("").trim_matches(['"', '\'']).to_ascii_lowercase() {
        "utf-16" | "utf16" | "utf-16be" | "utf16be" | "ucs-2" => Charset::Utf16,
        "utf-16le" | "utf16le" => Charset::Utf16Le,
        "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" | "latin-1" | "l1"
        | "windows-1252" | "cp1252" => Charset::Latin1,
        _ => Charset::Utf8,
    }
}

/// The text of a page. A byte order mark overrides what was declared. Nothing is refused
/// here: what is not text in one place must not cost the number in another.
pub(super) fn decode(bytes: &[u8], declared: Charset) -> String {
    let (charset, bytes) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (Charset::Utf8, rest),
        [0xfe, 0xff, rest @ ..] => (Charset::Utf16, rest),
        [0xff, 0xfe, rest @ ..] => (Charset::Utf16Le, rest),
        _ => (declared, bytes),
    };
    match charset {
        Charset::Utf8 => utf8(bytes),
        Charset::Utf16 => utf16(bytes, u16::from_be_bytes),
        Charset::Utf16Le => utf16(bytes, u16::from_le_bytes),
        Charset::Latin1 => bytes.iter().copied().map(char::from).collect(),
    }
}

/// Bytes that are not UTF-8 are read as Latin-1, which devices send without declaring it.
fn utf8(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().copied().map(char::from));
    }
    text
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let chars = char::decode_utf16(pairs.iter().copied().map(unit));
    let mut text: String = chars.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    if !rest.is_empty() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn charsets_are_known_in_every_spelling() {
        for (media, charset) in [
            ("", Charset::Utf8),
            ("text/plain", Charset::Utf8),
            ("application/json; charset=utf-8", Charset::Utf8),
            ("text/plain; version=0.0.4; charset=\"ISO-8859-1\"", Charset::Latin1),
            ("text/plain;Charset = Latin1", Charset::Latin1),
            ("text/csv; charset=UTF-16", Charset::Utf16),
            ("text/csv; charset=utf-16le", Charset::Utf16Le),
            ("text/plain; charset=koi8-r", Charset::Utf8),
        ] {
            assert_eq!(declared(media), charset, "{media}");
        }
    }

    #[test]
    fn bytes_become_text() {
        for (bytes, charset, text) in [
            (&b"21.5 \xc2\xb0C"[..], Charset::Utf8, "21.5 °C"),
            (b"21.5 \xb0C", Charset::Utf8, "21.5 °C"),
            (b"21.5 \xb0C", Charset::Latin1, "21.5 °C"),
            (b"\xef\xbb\xbf21.5", Charset::Latin1, "21.5"),
            (b"\x002\x001", Charset::Utf16, "21"),
            (b"2\x001\x00", Charset::Utf16Le, "21"),
            (b"\xff\xfe2\x001\x00", Charset::Utf8, "21"),
            (b"\xfe\xff\x002\xd8\x00\x00", Charset::Utf8, "2\u{fffd}\u{fffd}"),
            (b"", Charset::Utf16, ""),
        ] {
            assert_eq!(decode(bytes, charset), text, "{bytes:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_text_is_read_back(text in "[^\u{feff}]*") {
            prop_assume!(!text.starts_with(['\u{fffe}', 'ÿ', 'þ']));
            prop_assert_eq!(decode(text.as_bytes(), Charset::Utf8), &*text);
            let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            prop_assert_eq!(decode(&units, Charset::Utf16Le), &*text);
            let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            prop_assert_eq!(decode(&units, Charset::Utf16), &*text);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            for charset in [Charset::Utf8, Charset::Utf16, Charset::Utf16Le, Charset::Latin1] {
                decode(&bytes, charset);
            }
        }
    }
}
