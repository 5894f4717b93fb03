//! The last lines of a terminal, which are drawn anew in their place.

use std::env;
use std::io::{IsTerminal, stdout};

/// Where the terminal does not say how large it is.
const SIZE_DEFAULT: (usize, usize) = (80, 24);

/// The lines that stand there, and how many characters each has.
#[derive(Default)]
pub(crate) struct Live {
    lines: Vec<u8>,
    widths: Vec<usize>,
}

impl Live {
    /// What draws these lines in place of those that stand there. Each ends with a line
    /// feed, and is less wide than the terminal.
    pub(crate) fn replace(&mut self, lines: Vec<u8>, width: usize) -> Vec<u8> {
        let mut bytes = self.back(width);
        self.widths.clear();
        for line in String::from_utf8_lossy(&lines).lines() {
            bytes.extend_from_slice(format!("{line}\x1b[K\n").as_bytes());
            self.widths.push(line.chars().count());
        }
        bytes.extend_from_slice(b"\x1b[J");
        self.lines = lines;
        bytes
    }

    /// What takes the lines away, for other text, and what brings them back below it.
    pub(crate) fn around(&mut self, width: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        if self.widths.is_empty() {
            return None;
        }
        let mut away = self.back(width);
        away.extend_from_slice(b"\x1b[J");
        self.widths.clear();
        let lines = std::mem::take(&mut self.lines);
        Some((away, self.replace(lines, width)))
    }

    /// What moves to the first of the lines.
    fn back(&self, width: usize) -> Vec<u8> {
        // A terminal that has become narrower shows a long line as several.
        let rows: usize = self.widths.iter().map(|it| it.div_ceil(width.max(1)).max(1)).sum();
        if rows == 0 { Vec::new() } else { format!("\r\x1b[{rows}A").into_bytes() }
    }
}

/// Whether lines of standard output can be drawn anew.
pub(crate) fn can_redraw() -> bool {
    stdout().is_terminal() && can_be_redrawn()
}

/// Whether a terminal can: an editor's shell cannot, for one.
pub(crate) fn can_be_redrawn() -> bool {
    env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// The columns and rows of the terminal.
pub(crate) fn size() -> (usize, usize) {
    let (width, height) = SIZE_DEFAULT;
    let Ok(size) = rustix::termios::tcgetwinsize(rustix::stdio::stdout()) else {
        return (width, height);
    };
    let known = |said: u16, default| if said > 0 { usize::from(said) } else { default };
    (known(size.ws_col, width), known(size.ws_row, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_are_drawn_in_place_of_those_before() {
        let mut live = Live::default();
        assert_eq!(text(live.replace(b"a 1\nb 2\n".to_vec(), 80)), "a 1\x1b[K\nb 2\x1b[K\n\x1b[J");
        assert_eq!(text(live.replace(b"a 3\n".to_vec(), 80)), "\r\x1b[2Aa 3\x1b[K\n\x1b[J");
        let (away, back) = live.around(80).unwrap();
        assert_eq!(text(away), "\r\x1b[1A\x1b[J");
        assert_eq!(text(back), "a 3\x1b[K\n\x1b[J");
        assert_eq!(text(live.replace(Vec::new(), 80)), "\r\x1b[1A\x1b[J");
        assert!(live.around(80).is_none());
    }

    #[test]
    fn a_terminal_that_became_narrower_shows_a_line_as_several() {
        let mut live = Live::default();
        live.replace(b"123456789\n\n".to_vec(), 10);
        let drawn = text(live.replace(b"1234\n".to_vec(), 5));
        assert!(drawn.starts_with("\r\x1b[3A1234"), "{drawn:?}");
    }
}
