//! Making text from elsewhere safe to show.

use std::borrow::Cow;

/// A text as one line that cannot control a terminal: characters that are not printable
/// are escaped, as in `\u{1b}`.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    // The library escapes quotes and backslashes too, which are harmless.
    let is_plain = |c: char| matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1;
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_plain(c) { escaped.push(c) } else { escaped.extend(c.escape_debug()) }
    }
    Cow::Owned(escaped)
}

/// The beginning of a text, safe for a terminal: one line, no control characters, only
/// valid characters, and at most this many.
pub(crate) fn quoted(text: &[u8], chars_max: usize) -> String {
    // Four bytes a character: forty characters do not need a mebibyte.
    let cut = &text[..text.len().min(chars_max.saturating_mul(4).saturating_add(4))];
    let shown = String::from_utf8_lossy(cut);
    let mut chars = shown.trim().chars();
    let beginning: String = chars.by_ref().take(chars_max).collect();
    let mut quoted = escaped(&beginning).into_owned();
    if chars.next().is_some() || cut.len() < text.len() {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::{escaped, quoted};

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
        assert_eq!(escaped("a \"°\" \\ é"), "a \"°\" \\ é");
        assert_eq!(escaped("a\u{1b}[2J\n\u{202e}\u{7f}"), "a\\u{1b}[2J\\n\\u{202e}\\u{7f}");
    }
}
