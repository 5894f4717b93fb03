//! Text from elsewhere, made fit to be shown.

/// The beginning of a text as one that a terminal may be shown: one line, no control
/// characters, no bytes that are not text, at most so many characters.
pub(crate) fn quoted(text: &[u8], chars_max: usize) -> String {
    // Four bytes a character: no need to look at a mebibyte for forty characters.
    let cut = &text[..text.len().min(chars_max.saturating_mul(4).saturating_add(4))];
    let shown = String::from_utf8_lossy(cut);
    let mut chars = shown.trim().chars();
    let mut quoted = String::new();
    for c in chars.by_ref().take(chars_max) {
        match c {
            // These do no harm, and are hard to read escaped.
            '"' | '\'' | '\\' => quoted.push(c),
            _ => quoted.extend(c.escape_debug()),
        }
    }
    if chars.next().is_some() || cut.len() < text.len() {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn quotes_are_short_and_harmless() {
        for (text, shown) in [
            (&b" warm \n"[..], "warm"),
            (b"1234567", "12345…"),
            (b"\x1b[2J", "\\u{1b}[2J"),
            (b"1\xff2", "1\u{fffd}2"),
            (b"a\nb", "a\\nb"),
            (b"{\"'\\", "{\"'\\"),
            (b"", ""),
        ] {
            assert_eq!(quoted(text, 5), shown);
        }
        assert_eq!(quoted(&[b'9'; 1 << 20], 3), "999…");
    }
}
