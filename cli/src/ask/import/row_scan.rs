//! The rows of a CSV file by their bytes: where quotes open and close, and where lines and
//! rows begin. The csv crate takes any text after a closing quote as part of the cell, which
//! joins rows where a quote is missing.

use memchr::{memchr, memchr_iter, memrchr, memrchr2};

use super::Refused;

const QUOTE: u8 = b'"';

/// Follows a file part by part. A part without a quote takes a few searches, and no step for
/// each byte.
pub(super) struct RowScan {
    delimiter: u8,
    has_comments: bool,
    state: State,
    /// The last byte so far.
    last: Option<u8>,
    /// The line of the next byte.
    line: u64,
    /// The line of the row that is not at its end yet, and its bytes so far.
    row_line: u64,
    row_bytes: usize,
    /// The line of the quote that begins a cell, while that is open.
    quote_line: u64,
}

/// What the next byte is in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    RowStart,
    CellStart,
    /// A cell without quotes around it; in it a quote is text.
    Text,
    Quoted,
    /// After a quote in a quoted cell: it closes the cell, or it is the first of two.
    Closed,
    /// In blanks after a closing quote.
    Padded,
    /// To the next line feed.
    Comment,
}

/// Where in a part other text follows a closing quote.
#[derive(Debug)]
pub(super) struct Misquoted {
    pub(super) at: usize,
    pub(super) why: Refused,
}

impl RowScan {
    /// With `has_comments`, lines that begin with `#` are none.
    pub(super) fn new(delimiter: u8, has_comments: bool) -> Self {
        let (state, last, row_bytes) = (State::RowStart, None, 0);
        let (line, row_line, quote_line) = (1, 1, 1);
        Self { delimiter, has_comments, state, last, line, row_line, row_bytes, quote_line }
    }

    /// Whether the next byte is in a quoted cell.
    pub(super) fn is_quoted(&self) -> bool {
        self.state == State::Quoted
    }

    pub(super) fn is_comment(&self) -> bool {
        self.state == State::Comment
    }

    /// The line of the next byte, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn last(&self) -> Option<u8> {
        self.last
    }

    /// Bytes of the row that is not at its end yet.
    pub(super) fn row_bytes(&self) -> usize {
        if self.is_comment() { 0 } else { self.row_bytes }
    }

    pub(super) fn row_line(&self) -> u64 {
        self.row_line
    }

    /// Why the file cannot end here, if it cannot.
    pub(super) fn ends_open(&self) -> Option<Refused> {
        let why = "a quote begins a cell here, and is not closed before the end of the file; close \
                   or remove it";
        self.is_quoted().then(|| Refused::without_end(self.quote_line, why.to_owned()))
    }

    /// Goes on over the next part of the file.
    pub(super) fn follow(&mut self, part: &[u8]) -> Result<(), Misquoted> {
        let (mut row, mut quote) = (None, None);
        let mut at = 0;
        while at < part.len() {
            let rest = &part[at..];
            match self.state {
                State::RowStart | State::CellStart | State::Text => {
                    let unquoted = &rest[..memchr(QUOTE, rest).unwrap_or(rest.len())];
                    row = memrchr2(b'\n', b'\r', unquoted).map(|end| at + end + 1).or(row);
                    self.state = self.after(unquoted);
                    at += unquoted.len();
                    if matches!(self.state, State::RowStart | State::CellStart) && at < part.len() {
                        quote = Some(at);
                        self.state = State::Quoted;
                    }
                    at += usize::from(self.state != State::Comment);
                }
                State::Quoted => {
                    let end = memchr(QUOTE, rest);
                    at += end.map_or(rest.len(), |end| end + 1);
                    self.state = end.map_or(State::Quoted, |_| State::Closed);
                }
                State::Comment => {
                    let end = memchr(b'\n', rest);
                    at += end.map_or(rest.len(), |end| end + 1);
                    row = end.map(|_| at).or(row);
                    self.state = end.map_or(State::Comment, |_| State::RowStart);
                }
                State::Closed | State::Padded => {
                    self.state = match rest[0] {
                        QUOTE if self.state == State::Closed => State::Quoted,
                        b'\r' | b'\n' => State::RowStart,
                        byte if byte == self.delimiter => State::CellStart,
                        b' ' | b'\t' => State::Padded,
                        _ => return Err(self.misquoted(part, at, quote)),
                    };
                    at += 1;
                    row = (self.state == State::RowStart).then_some(at).or(row);
                }
            }
        }
        self.go_on(part, row, quote);
        Ok(())
    }

    /// Passes a part in which the row and the quote began at these bytes, if in it.
    fn go_on(&mut self, part: &[u8], row: Option<usize>, quote: Option<usize>) {
        let end = self.line + line_ends(self.last, part);
        // From the end, as that is mostly near.
        let line = |at: usize| {
            let before = at.checked_sub(1).map(|before| part[before]);
            end - line_ends(before, &part[at..])
        };
        self.row_line = row.map_or(self.row_line, line);
        self.quote_line = quote.map_or(self.quote_line, line);
        self.row_bytes = row.map_or(self.row_bytes + part.len(), |at| part.len() - at);
        (self.line, self.last) = (end, part.last().copied().or(self.last));
    }

    /// The state after bytes without a quote, outside quotes and comments.
    fn after(&self, unquoted: &[u8]) -> State {
        let Some(last) = unquoted.last() else { return self.state };
        // A comment ends at a line feed, but a carriage return too may end the row before it.
        let begin = memrchr(b'\n', unquoted).map_or(0, |end| end + 1);
        let lines = &unquoted[begin..];
        let is_line_start = begin > 0 || self.state == State::RowStart;
        let is_comment = |at: usize| lines.get(at) == Some(&b'#');
        if self.has_comments
            && (is_line_start && is_comment(0)
                || memchr_iter(b'\r', lines).any(|end| is_comment(end + 1)))
        {
            return State::Comment;
        }
        match last {
            b'\r' | b'\n' => State::RowStart,
            last if *last == self.delimiter => State::CellStart,
            _ => State::Text,
        }
    }

    /// Of a part in which other text follows a closing quote, and the open quote began at
    /// `quote`, or in an earlier part.
    fn misquoted(&self, part: &[u8], at: usize, quote: Option<usize>) -> Misquoted {
        let line = |at: usize| self.line + line_ends(self.last, &part[..at]);
        let begun = quote.map_or(self.quote_line, line);
        let why = format!(
            "a quote begins a cell here, and the next one, in line {}, does not end it, as other \
             text follows; close the cell or remove its quote, write a quote within a cell twice, \
             or give another --delimiter",
            line(at)
        );
        Misquoted { at, why: Refused::without_end(begun, why) }
    }
}

/// How many lines end at a carriage return, a line feed or both, where `before` is the byte
/// before.
pub(super) fn line_ends(before: Option<u8>, bytes: &[u8]) -> u64 {
    let line_feeds = memchr_iter(b'\n', bytes).count();
    let alone = |at: &usize| bytes.get(at + 1) != Some(&b'\n');
    let carriage_returns = memchr_iter(b'\r', bytes).filter(alone).count();
    let is_divided = before == Some(b'\r') && bytes.first() == Some(&b'\n');
    (line_feeds + carriage_returns) as u64 - u64::from(is_divided)
}

#[cfg(test)]
mod tests {
    use csv::ByteRecord;
    use proptest::prelude::*;

    use super::super::layout::csv_reader;
    use super::*;

    /// However a file is divided, the same is found in it.
    #[track_caller]
    fn finds(text: &str, expected: Result<(bool, u64, u64), (usize, u64)>) {
        for length in 1..=text.len().max(1) {
            let mut scan = RowScan::new(b',', true);
            let mut done = 0;
            let ended = text.as_bytes().chunks(length).try_for_each(|part| {
                scan.follow(part).map_err(|it| (done + it.at, it.why.line))?;
                done += part.len();
                Ok(())
            });
            let found = ended.map(|()| (scan.is_quoted(), scan.line(), scan.row_line()));
            assert_eq!(found, expected, "{text:?} in parts of {length}");
        }
    }

    #[test]
    fn a_quoted_cell_goes_on_to_its_closing_quote() {
        finds("1,\"a\n\nb\"\n2,", Ok((false, 4, 4)));
        finds("1,\"a\"\"\n", Ok((true, 2, 1)));
        finds("1,5\" pipe\n\"", Ok((true, 2, 2)));
        finds("1,\"\",\"x\"\r\n\"\"", Ok((false, 2, 2)));
        finds("", Ok((false, 1, 1)));
    }

    #[test]
    fn text_after_a_closing_quote_is_found_with_the_line_of_the_first() {
        finds("\n\"1\"2", Err((4, 2)));
        finds("a\n\"ok\",1\n2,\"valve 3\n\n4,\"ok\"\n", Err((24, 3)));
        finds("\"a\" x,", Err((4, 1)));
        finds("\"a\" \"", Err((4, 1)));
        finds("\"a\" \t,\"b\" \r\n", Ok((false, 2, 2)));
    }

    #[test]
    fn quotes_in_comments_are_text() {
        finds("# a \"b\n# \"c\"d\n1,\"", Ok((true, 3, 3)));
        finds("1\r# a \"b\n\r\n", Ok((false, 4, 4)));
        finds("1,# \"a\n", Ok((false, 2, 2)));
    }

    #[test]
    fn each_line_end_is_counted_once() {
        finds("1\n2\r\n3\r4", Ok((false, 4, 4)));
        finds("\r\r\n\n\r", Ok((false, 5, 5)));
    }

    fn rows(text: &str) -> Vec<ByteRecord> {
        let text = format!("{text}\n");
        csv_reader(b',')
            .from_reader(text.as_bytes())
            .into_byte_records()
            .map(Result::unwrap)
            .collect()
    }

    proptest! {
        /// A row begins at the same byte for the csv crate: it reads the two parts of a file
        /// as it reads all of it.
        #[test]
        fn rows_begin_where_the_csv_crate_begins_them(text in "[a#,\"\r\n]{0,24}") {
            let mut scan = RowScan::new(b',', true);
            for (at, byte) in text.bytes().enumerate() {
                if scan.follow(&[byte]).is_err() {
                    break;
                }
                if scan.state == State::RowStart {
                    let (before, after) = text.split_at(at + 1);
                    prop_assert_eq!([rows(before), rows(after)].concat(), rows(&text));
                }
            }
        }
    }
}
