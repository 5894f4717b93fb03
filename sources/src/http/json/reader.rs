//! JSON, read as leniently as the wanted number allows.
//!
//! Only the places of values are used, so that errors elsewhere do not matter: `NaN`,
//! `1e999`, a raw tab in a string, a lone surrogate, a comma too many. The brackets must
//! close, because a page that was cut off ends early. It uses only a byte of memory for
//! each open bracket, and does not recurse.

/// Why a page is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It ends within a value.
    Torn,
    /// The character at this byte cannot be there.
    Unexpected(usize),
}

/// A value whose text is known to be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value<'a> {
    text: &'a str,
}

/// The kind of a value.
#[derive(Debug)]
pub(super) enum Kind<'a> {
    Object(Inside<'a>),
    Array(Inside<'a>),
    /// Without quotes and escapes.
    Text(String),
    /// A number, `true`, `null`, or what some programs write in their place, such as
    /// `NaN`.
    Word(&'a str),
}

/// The values within a pair of brackets, one after another.
#[derive(Clone, Debug)]
pub(super) struct Inside<'a> {
    scanner: Scanner<'a>,
    is_object: bool,
}

#[derive(Clone, Debug)]
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Value<'a> {
    /// The one value of a page. White space may surround it, and zero bytes may follow:
    /// some devices send the end of a C string too.
    pub(super) fn of_page(page: &'a str) -> Result<Self, Fault> {
        let mut scanner = Scanner { text: page, at: 0 };
        scanner.skip_blanks();
        let value = scanner.value()?;
        scanner.skip_blanks();
        let rest = &page[scanner.at..];
        match rest.trim_end_matches(['\0', ' ', '\t', '\r', '\n']) {
            "" => Ok(value),
            _ => Err(Fault::Unexpected(scanner.at)),
        }
    }

    pub(super) fn kind(self) -> Kind<'a> {
        let inside = |is_object| Inside {
            scanner: Scanner { text: self.text.get(1..).unwrap_or(""), at: 0 },
            is_object,
        };
        match self.text.as_bytes().first() {
            Some(b'{') => Kind::Object(inside(true)),
            Some(b'[') => Kind::Array(inside(false)),
            Some(b'"') => Kind::Text(unescaped(self.text)),
            _ => Kind::Word(self.text),
        }
    }
}

impl<'a> Iterator for Inside<'a> {
    /// The name, which is empty in an array, and the value.
    type Item = (String, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let scanner = &mut self.scanner;
        scanner.skip_blanks();
        if scanner.peek() == Some(b',') {
            scanner.at += 1;
            scanner.skip_blanks();
        }
        // All of it is known to be complete, since the value around it is.
        let name = match self.is_object {
            true => scanner.name().ok()?,
            false => String::new(),
        };
        Some((name, scanner.value().ok()?))
    }
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The error at this place: the end of the text, or an unexpected character.
    fn fault(&self) -> Fault {
        if self.at < self.text.len() { Fault::Unexpected(self.at) } else { Fault::Torn }
    }

    /// Skips a value, which begins here, and returns its text.
    fn value(&mut self) -> Result<Value<'a>, Fault> {
        let begin = self.at;
        let mut open = Vec::new();
        loop {
            self.skip_blanks();
            let bracket = open.last().copied();
            if bracket.is_some() && self.peek() == bracket {
                // There is nothing between the brackets, or after the last comma.
                open.pop();
                self.at += 1;
            } else {
                if bracket == Some(b'}') {
                    self.name()?;
                }
                match self.peek() {
                    Some(opening @ (b'{' | b'[')) => {
                        open.push(if opening == b'{' { b'}' } else { b']' });
                        self.at += 1;
                        continue;
                    }
                    Some(b'"') => self.string()?,
                    _ => self.word()?,
                }
            }
            if self.goes_on(&mut open)? {
                continue;
            }
            return Ok(Value { text: &self.text[begin..self.at] });
        }
    }

    /// Skips closing brackets and a comma after a value. Returns whether a value must
    /// follow.
    fn goes_on(&mut self, open: &mut Vec<u8>) -> Result<bool, Fault> {
        while let Some(bracket) = open.last().copied() {
            self.skip_blanks();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    return Ok(true);
                }
                Some(byte) if byte == bracket => {
                    open.pop();
                    self.at += 1;
                }
                _ => return Err(self.fault()),
            }
        }
        Ok(false)
    }

    /// Skips a name and its colon, and returns the name.
    fn name(&mut self) -> Result<String, Fault> {
        let begin = self.at;
        let is_quoted = self.peek() == Some(b'"');
        if is_quoted {
            self.string()?
        } else {
            self.word()?
        }
        let name = &self.text[begin..self.at];
        self.skip_blanks();
        if self.peek() != Some(b':') {
            return Err(self.fault());
        }
        self.at += 1;
        self.skip_blanks();
        Ok(if is_quoted { unescaped(name) } else { name.to_owned() })
    }

    /// Skips a string with any content.
    fn string(&mut self) -> Result<(), Fault> {
        let mut bytes = self.text.as_bytes()[self.at + 1..].iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' => {
                    self.at = self.text.len() - bytes.len();
                    return Ok(());
                }
                b'\\' => drop(bytes.next()),
                _ => {}
            }
        }
        Err(Fault::Torn)
    }

    /// Skips a number or whatever is in its place.
    fn word(&mut self) -> Result<(), Fault> {
        let rest = &self.text[self.at..];
        let may_begin = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        if !rest.starts_with(may_begin) {
            return Err(self.fault());
        }
        let ends = |c: char| c.is_whitespace() || c == '\0' || ",:[]{}\"".contains(c);
        self.at += rest.find(ends).unwrap_or(rest.len());
        Ok(())
    }
}

/// A string without its quotes and escapes. Half of a surrogate pair becomes the
/// replacement character, and an unknown escape stays as it is.
fn unescaped(quoted: &str) -> String {
    let inside = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"')).unwrap_or(quoted);
    let mut text = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some((before, behind)) = rest.split_once('\\') {
        text.push_str(before);
        let mut chars = behind.chars();
        match chars.next() {
            Some('u') => {
                let (c, length) = unicode(behind);
                text.push(c);
                rest = &behind[length..];
                continue;
            }
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some(c @ ('"' | '\\' | '/')) => text.push(c),
            Some(c) => text.extend(['\\', c]),
            None => text.push('\\'),
        }
        rest = chars.as_str();
    }
    text.push_str(rest);
    text
}

/// The character of `uXXXX`, or of two of them with a backslash between, and the length
/// of what was read.
fn unicode(escape: &str) -> (char, usize) {
    let unit = |at: usize| {
        let digits = escape.get(at..at + 4)?;
        let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|_| are_digits)
    };
    let Some(first) = unit(1) else { return ('\u{fffd}', 1) };
    let second = if escape.get(5..7) == Some("\\u") { unit(7) } else { None };
    let pair = [first, second.unwrap_or(0)];
    match char::decode_utf16(pair).next() {
        Some(Ok(c)) if c.len_utf16() == 2 => (c, 11),
        Some(Ok(c)) => (c, 5),
        _ => ('\u{fffd}', 5),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The values within, by name and text.
    fn inside(page: &str) -> Vec<(String, &str)> {
        match Value::of_page(page).unwrap().kind() {
            Kind::Object(inside) | Kind::Array(inside) => {
                inside.map(|(name, value)| (name, value.text)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_are_found_whatever_surrounds_them() {
        let page =
            r#" {"a": NaN, b : -1e999,"c\"" :[1,{"x":2},[]] ,"d":"tab	\ud800 \q", "e":{},} "#;
        let expected =
            [("a", "NaN"), ("b", "-1e999"), ("c\"", r#"[1,{"x":2},[]]"#)].map(|it| (it.0, it.1));
        let found = inside(page);
        for ((name, text), (found_name, found_text)) in expected.iter().zip(&found) {
            assert_eq!((*name, *text), (found_name.as_str(), *found_text));
        }
        assert_eq!(found.len(), 5);
        assert_eq!(inside("[1 , \"a,]\", [2, 3],\n]\0\0").len(), 3);
    }

    #[test]
    fn strings_lose_their_escapes() {
        for (quoted, text) in [
            (r#""""#, ""),
            (r#""a\n\t\r\b\f\"\\\/""#, "a\n\t\r\u{8}\u{c}\"\\/"),
            (r#""\u00e9\u00C9""#, "éÉ"),
            (r#""\ud83d\ude00!""#, "😀!"),
            (r#""\ud83d!""#, "\u{fffd}!"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""\u12""#, "\u{fffd}12"),
            (r#""\x\é""#, "\\x\\é"),
        ] {
            assert_eq!(unescaped(quoted), text, "{quoted}");
        }
    }

    #[test]
    fn what_was_cut_off_differs_from_what_is_wrong() {
        for page in
            ["", " ", "{", "[", "{\"a", "{\"a\"", "{\"a\":", "{\"a\": 1", "[1,", "[[1]", "\"a\\"]
        {
            assert_eq!(Value::of_page(page), Err(Fault::Torn), "{page}");
        }
        for (page, at) in [
            ("<html>", 0),
            ("{\"a\" 1}", 5),
            ("[1}", 2),
            ("[1 2]", 3),
            ("1 2", 2),
            ("]", 0),
            ("{,}", 1),
            ("{'a': 1}", 1),
        ] {
            assert_eq!(Value::of_page(page), Err(Fault::Unexpected(at)), "{page}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Any valid JSON is read like the reference implementation reads it.
        #[test]
        fn good_json_is_read_as_by_the_reference(value in json()) {
            let text = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(tree(Value::of_page(&text).unwrap()), value);
        }

        #[test]
        fn no_beginning_of_a_page_is_a_page(value in json(), part in any::<prop::sample::Index>()) {
            let text = format!("[{}]", serde_json::to_string(&value).unwrap());
            let mut end = part.index(text.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            prop_assert_eq!(Value::of_page(&text[..end]), Err(Fault::Torn));
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            (-1e300..1e300).prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn tree(value: Value<'_>) -> serde_json::Value {
        match value.kind() {
            Kind::Object(inside) => inside.map(|(name, value)| (name, tree(value))).collect(),
            Kind::Array(inside) => inside.map(|(_, value)| tree(value)).collect(),
            Kind::Text(text) => text.into(),
            Kind::Word("null") => serde_json::Value::Null,
            Kind::Word("true") => true.into(),
            Kind::Word("false") => false.into(),
            Kind::Word(number) => number.parse::<f64>().unwrap().into(),
        }
    }
}
