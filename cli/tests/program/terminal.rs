//! A terminal, and what stands on its screen.

use std::fs::File;
use std::io::Read;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

pub(crate) struct Terminal {
    master: File,
    pub(crate) screen: Screen,
}

impl Terminal {
    /// The terminal, and its other end for a program.
    pub(crate) fn open(columns: usize) -> (Self, File) {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a terminal");
        grantpt(&master).expect("it is ours");
        unlockpt(&master).expect("it is open");
        let name = ptsname(&master, Vec::new()).expect("a name");
        let path = name.to_str().expect("UTF-8");
        let other_end = File::options().read(true).write(true).open(path).expect("it opens");
        let screen = Screen { rows: vec![String::new()], columns, ..Screen::default() };
        let mut terminal = Self { master: File::from(master), screen };
        terminal.resize(columns);
        (terminal, other_end)
    }

    /// Lines that have become too long continue in further rows.
    pub(crate) fn resize(&mut self, columns: usize) {
        let size = u16::try_from(columns).expect("a width");
        let size = Winsize { ws_row: 24, ws_col: size, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.master, size).expect("it is resized");
        self.screen.resize(columns);
    }

    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // The end of a terminal is an error.
        let _ = self.master.read_to_end(&mut bytes);
        bytes
    }

    /// Reads until the screen is so, or the program has ended.
    pub(crate) fn read_until(&mut self, mut is_so: impl FnMut(&Screen) -> bool) {
        let mut bytes = [0; 4096];
        while !is_so(&self.screen) {
            // The end of a terminal is an error.
            let Ok(length @ 1..) = self.master.read(&mut bytes) else { return };
            bytes[..length].iter().for_each(|byte| self.screen.show(*byte));
        }
    }
}

/// Rows of ASCII text; nothing scrolls away.
#[derive(Default)]
pub(crate) struct Screen {
    rows: Vec<String>,
    row: usize,
    column: usize,
    columns: usize,
    /// How often everything below was erased, which ends the drawing of a table.
    pub(crate) drawings: usize,
    /// A control sequence that has begun.
    control: Option<String>,
}

impl Screen {
    pub(crate) fn text(&self) -> String {
        let rows: Vec<&str> = self.rows.iter().map(|row| row.trim_end()).collect();
        rows.join("\n").trim_end().to_owned()
    }

    /// As terminals do it that wrap lines again.
    fn resize(&mut self, columns: usize) {
        let mut rows = Vec::new();
        for (number, row) in std::mem::take(&mut self.rows).iter().enumerate() {
            if number == self.row {
                self.row = rows.len();
            }
            let mut rest = row.trim_end();
            while rest.len() > columns {
                let (part, others) = rest.split_at(columns);
                rows.push(part.to_owned());
                rest = others;
            }
            rows.push(rest.to_owned());
        }
        (self.rows, self.columns) = (rows, columns);
    }

    fn show(&mut self, byte: u8) {
        match (byte, self.control.take()) {
            (b'A'..=b'Z', Some(control)) => self.obey(byte, &control),
            (_, Some(control)) => self.control = Some(control + &char::from(byte).to_string()),
            (b'\x1b', None) => self.control = Some(String::new()),
            (b'\r', None) => self.column = 0,
            (b'\n', None) => self.row += 1,
            (_, None) => self.put(char::from(byte)),
        }
        if self.rows.len() <= self.row {
            self.rows.resize(self.row + 1, String::new());
        }
    }

    fn obey(&mut self, letter: u8, control: &str) {
        match (letter, control) {
            (b'A', up) => {
                let up: usize = up.trim_start_matches('[').parse().expect("a number of rows");
                self.row = self.row.checked_sub(up).expect("it stays on the screen");
            }
            (b'K', "[") => self.rows[self.row].truncate(self.column),
            (b'J', "[") => {
                self.rows[self.row].truncate(self.column);
                self.rows.truncate(self.row + 1);
                self.drawings += 1;
            }
            _ => panic!("{control:?} and {:?}", char::from(letter)),
        }
    }

    fn put(&mut self, character: char) {
        if self.column == self.columns {
            (self.row, self.column) = (self.row + 1, 0);
            self.rows.resize(self.rows.len().max(self.row + 1), String::new());
        }
        let row = &mut self.rows[self.row];
        row.extend(std::iter::repeat_n(' ', self.column.saturating_sub(row.len())));
        let end = (self.column + 1).min(row.len());
        row.replace_range(self.column..end, &character.to_string());
        self.column += 1;
    }
}
