//! A file of sources as text and as TOML, in which every key and value knows its line.

use std::cell::RefCell;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use gaugelog_sources::escaped;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::files;

const FILE_BYTES_MAX: u64 = 1 << 20;
const SHOWN_CHARS_MAX: usize = 60;
/// Keys whose values may be secret, and are shown in no error.
const SECRET: [&str; 5] = ["spec", "url", "to", "body", "headers"];

/// A file that was read.
pub(super) struct Document {
    path: PathBuf,
    text: String,
    /// What is said of files that may be credentials of the service; without it, they must
    /// be there.
    absent: Option<RefCell<Vec<String>>>,
}

impl Document {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let bytes = files::read(path, FILE_BYTES_MAX)
            .map_err(|why| format!("{}: cannot be read: {why}", path.display()))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let line = line_of(error.as_bytes(), valid);
            format!(
                "{}:{line}: there is a byte that is not UTF-8; save it as UTF-8",
                path.display()
            )
        })?;
        Ok(Self { path: path.to_owned(), text, absent: None })
    }

    #[cfg(test)]
    pub(super) fn of(path: &str, text: &str) -> Self {
        Self { path: PathBuf::from(path), text: text.to_owned(), absent: None }
    }

    /// From now on, files that may be credentials of the service may be absent.
    pub(super) fn allow_absent(&mut self) {
        self.absent = Some(RefCell::default());
    }

    /// What is said of the absent ones.
    pub(super) fn absent(self) -> Vec<String> {
        self.absent.map(RefCell::into_inner).unwrap_or_default()
    }

    /// The table that the whole file is.
    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'_>>, String> {
        DeTable::parse(&self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.at(at, format_args!("this is not TOML: {}", error.message()))
        })
    }

    /// What is wrong at a place of the text.
    fn at(&self, offset: usize, what: impl Display) -> String {
        format!("{}: {what}", self.place(offset))
    }

    /// `FILE:LINE`.
    fn place(&self, offset: usize) -> String {
        format!("{}:{}", self.path.display(), line_of(self.text.as_bytes(), offset))
    }

    /// The directory that files are named from.
    pub(super) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

fn line_of(text: &[u8], offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// A key and its value.
#[derive(Clone, Copy)]
pub(super) struct Field<'d> {
    pub(super) document: &'d Document,
    pub(super) key: &'d str,
    key_at: usize,
    value: &'d Spanned<DeValue<'d>>,
}

/// The keys of a table, in the order of the file.
pub(super) fn fields<'d>(document: &'d Document, table: &'d DeTable<'d>) -> Vec<Field<'d>> {
    let field = |(key, value): (&'d Spanned<_>, &'d Spanned<DeValue<'d>>)| {
        let name: &'d std::borrow::Cow<'d, str> = key.get_ref();
        Field { document, key: name, key_at: key.span().start, value }
    };
    let mut fields: Vec<Field<'d>> = table.iter().map(field).collect();
    fields.sort_by_key(|field| field.key_at);
    fields
}

impl<'d> Field<'d> {
    /// What is wrong with the value.
    pub(super) fn wrong(&self, why: impl Display) -> String {
        let span = self.value.span();
        let value = self.document.text.get(span.clone()).unwrap_or("");
        let is_shown = !SECRET.contains(&self.key) && !value.contains('\n');
        let shown = match is_shown {
            true => format!("{} = {}", self.key, shortened(value)),
            false => self.key.to_owned(),
        };
        self.document.at(span.start, format_args!("{}: {why}", escaped(&shown)))
    }

    /// What is wrong with the key.
    pub(super) fn wrong_key(&self, why: impl Display) -> String {
        let key = shortened(self.key);
        self.document.at(self.key_at, format_args!("{}: {why}", escaped(&key)))
    }

    /// `FILE:LINE`.
    pub(super) fn place(&self) -> String {
        self.document.place(self.key_at)
    }

    pub(super) fn text(&self) -> Result<&'d str, String> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.wrong(format_args!("write a text in quotes, {} = \"…\"", self.key))),
        }
    }

    /// A text, read by a function whose error says what would be right.
    pub(super) fn read<T, E: Display>(
        &self,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, String> {
        read(self.text()?).map_err(|why| self.wrong(why))
    }

    /// The file of this name; `None` for one that may be absent, and is.
    pub(super) fn file(&self) -> Result<Option<PathBuf>, String> {
        let (name, directory) = (self.text()?, self.document.directory());
        let absent = self.document.absent.as_ref();
        let Some(absent) = absent.filter(|_| files::may_be_credential(name, directory)) else {
            return Ok(Some(files::found(name, directory)));
        };
        absent.borrow_mut().push(self.wrong(format_args!(
            "there is no such file; the service has it if its unit says LoadCredential={name}:FILE"
        )));
        Ok(None)
    }

    pub(super) fn flag(&self) -> Result<bool, String> {
        match self.value.get_ref() {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(self.wrong("write true or false")),
        }
    }

    pub(super) fn number(&self) -> Result<f64, String> {
        let number: Option<f64> = match self.value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        number
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.wrong("write a finite number, such as 0.1"))
    }

    /// The texts of a list.
    pub(super) fn texts(&self) -> Result<Vec<&'d str>, String> {
        let wrong = || self.wrong(format_args!("write a list of texts, {} = [\"…\"]", self.key));
        let DeValue::Array(list) = self.value.get_ref() else { return Err(wrong()) };
        let text = |item: &'d Spanned<DeValue<'d>>| match item.get_ref() {
            DeValue::String(text) => Ok(&**text),
            _ => Err(wrong()),
        };
        list.iter().map(text).collect()
    }

    /// The tables of a list, each where it begins.
    pub(super) fn tables(&self) -> Result<Vec<Field<'d>>, String> {
        let wrong = || {
            self.wrong_key(format_args!(
                "write a table for each, in two brackets, [[{}]]",
                self.key
            ))
        };
        let DeValue::Array(list) = self.value.get_ref() else { return Err(wrong()) };
        let table = |item: &'d Spanned<DeValue<'d>>| match item.get_ref() {
            DeValue::Table(_) => Ok(Field { key_at: item.span().start, value: item, ..*self }),
            _ => Err(wrong()),
        };
        list.iter().map(table).collect()
    }

    pub(super) fn table(&self) -> Result<Vec<Field<'d>>, String> {
        match self.value.get_ref() {
            DeValue::Table(table) => Ok(fields(self.document, table)),
            _ => Err(self.wrong(format_args!("write a table, {} = {{ name = … }}", self.key))),
        }
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Table(_))
    }
}

fn shortened(text: &str) -> String {
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(SHOWN_CHARS_MAX).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}
