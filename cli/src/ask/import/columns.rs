//! Which columns of a CSV file hold the time and the value.

use csv::StringRecord;

use super::numbers::Numbers;
use super::times::Times;
use crate::figures::plural;

/// 1980 to 2100 in nanoseconds: times of data lie between them.
const PLAUSIBLE: std::ops::Range<i64> = 315_532_800_000_000_000..4_102_444_800_000_000_000;

/// The sample of a file, while its columns are found.
pub(super) struct Columns<'a> {
    pub(super) heading: Option<Vec<String>>,
    /// Rows before `rows` that `--skip` passes.
    pub(super) skipped: Vec<StringRecord>,
    pub(super) rows: Vec<StringRecord>,
    pub(super) times: &'a Times,
    pub(super) numbers: &'a Numbers,
}

impl Columns<'_> {
    fn count(&self) -> usize {
        let of_rows = self.rows.iter().map(StringRecord::len).max().unwrap_or(0);
        of_rows.max(self.heading.as_ref().map_or(0, Vec::len))
    }

    /// How many cells a row is to have. A heading may leave the last ones unnamed. Without one,
    /// the first row says it, so that an import goes on with `--skip` as it began; what is no
    /// row of data may be skipped too.
    pub(super) fn width(&self, time: &[usize], value: usize) -> usize {
        let Some(names) = &self.heading else {
            let mut rows = self.skipped.iter().filter(|row| self.is_datum(row, time, value));
            return rows.next().or(self.rows.first()).map_or(0, StringRecord::len);
        };
        let named = names.iter().rposition(|name| !name.is_empty());
        named.into_iter().chain(time.iter().copied()).fold(value, usize::max) + 1
    }

    /// Whether a row has a time and a value.
    fn is_datum(&self, row: &StringRecord, time: &[usize], value: usize) -> bool {
        let cells: Option<Vec<&str>> = time.iter().map(|at| row.get(*at).map(str::trim)).collect();
        let is_time = |cells: Vec<&str>| cells.is_empty() || self.times.fits(&cells.join(" "));
        cells.is_some_and(is_time) && row.get(value).is_some_and(|cell| self.numbers.fits(cell))
    }

    /// The column of this name, or of this number from 1.
    pub(super) fn named(&self, text: &str) -> Result<usize, String> {
        let by_name = |name: &String| name == text || name.eq_ignore_ascii_case(text);
        if let Some(at) = self.heading.iter().flatten().position(|name| name == text) {
            return Ok(at);
        }
        if let Some(at) = self.heading.iter().flatten().position(by_name) {
            return Ok(at);
        }
        match text.parse::<usize>() {
            Ok(number) if (1..=self.count()).contains(&number) => Ok(number - 1),
            _ => Err(format!(
                "there is no column {text:?}; the columns are {}{}",
                self.list(),
                self.no_heading()
            )),
        }
    }

    /// Why there are no names, where a row was not skipped for it already.
    fn no_heading(&self) -> &'static str {
        if self.heading.is_some() || !self.skipped.is_empty() {
            return "";
        }
        "; the first row is taken for data, as it has a number or a time: if it is a heading, name \
         columns by number and pass it with --skip 1"
    }

    fn list(&self) -> String {
        let name = |at: usize| match self.heading.as_ref().and_then(|names| names.get(at)) {
            Some(name) => format!("{} {name:?}", at + 1),
            None => (at + 1).to_string(),
        };
        (0..self.count()).map(name).collect::<Vec<_>>().join(", ")
    }

    fn all(&self, at: usize, fits: impl Fn(&str) -> bool) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.get(at).is_some_and(&fits))
    }

    /// The name of a column in lower case, empty if it has none.
    fn name(&self, at: usize) -> String {
        let name = self.heading.as_ref().and_then(|names| names.get(at));
        name.map(|name| name.to_ascii_lowercase()).unwrap_or_default()
    }

    /// Whether a name in lower case begins with a word for the time, as `timestamp_ms` does.
    fn is_time_name(&self, name: &str) -> bool {
        const WORDS: [&str; 6] = ["time", "date", "timestamp", "datetime", "ts", "epoch"];
        let word = name.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty());
        // A year is a whole time only where a form says so.
        word.is_some_and(|word| WORDS.contains(&word) || word == "year" && self.times.have_form())
    }

    /// A column that its name calls the time, then one with times of the calendar. A bare
    /// number may be anything: a column of them is taken only if it alone is of our times.
    pub(super) fn find_time(&self) -> Result<usize, String> {
        let columns = || (0..self.count()).filter(|at| !is_value_name(&self.name(*at)));
        let is_time = |at: &usize| self.all(*at, |cell| self.times.fits(cell));
        let named = columns().filter(|at| self.is_time_name(&self.name(*at)));
        // Without a row only the heading counts.
        if let Some(at) = named.clone().find(|at| is_time(at) || self.rows.is_empty()) {
            return Ok(at);
        }
        let found: Vec<usize> = columns().filter(is_time).collect();
        if let Some(at) = found.iter().find(|at| !self.all(**at, is_number)) {
            return Ok(*at);
        }
        let is_of_our_times =
            |cell: &str| self.times.parse(cell).is_ok_and(|it| PLAUSIBLE.contains(&it));
        let of_our_times: Vec<usize> =
            found.iter().copied().filter(|at| self.all(*at, is_of_our_times)).collect();
        let named = named.clone().next();
        let is_text = |at: &usize| self.times.have_form() && !self.all(*at, is_number);
        let mut others = columns().filter(|_| found.is_empty());
        let meant = named.or_else(|| others.clone().find(|at| self.has_times(*at)));
        let meant = meant.or_else(|| others.find(is_text));
        if let Some(why) = meant.and_then(|at| self.first_wrong(at, |it| self.times.wrong(it))) {
            return Err(format!(
                "no column has times that are understood: {why}; or name another column with \
                 --time, or give --start and --rate or --every; the columns are {}",
                self.list()
            ));
        }
        match (&found[..], &of_our_times[..], named) {
            (_, [only], None) => Ok(*only),
            ([only], _, None) if self.times.have_calendar_form() => Ok(*only),
            ([_, ..], _, None) => Err(format!(
                "the numbers of a column may be times or not; name the time with --time; the \
                 columns are {}",
                self.list()
            )),
            _ => Err(format!(
                "no column has times that are understood; name it with --time and say how it is \
                 written with --time-format or --time-unit, or give another --delimiter, or --start \
                 and --rate or --every; the columns are {}",
                self.list()
            )),
        }
    }

    /// Whether a column has times of the calendar, perhaps beside other texts.
    fn has_times(&self, at: usize) -> bool {
        let cells = self.rows.iter().filter_map(|row| row.get(at));
        cells.filter(|cell| !is_number(cell)).any(|cell| self.times.fits(cell))
    }

    /// The column of the time. If it has days alone, the one with the time of the day belongs
    /// to it.
    pub(super) fn with_clock(&self, time: usize) -> Result<Vec<usize>, String> {
        let is_clock = |cell: &str| {
            cell.contains(':') && cell.bytes().all(|it| it.is_ascii_digit() || b":. ".contains(&it))
        };
        let is_day = !self.all(time, |cell| cell.contains(':'));
        let clock = (0..self.count()).find(|at| is_day && self.all(*at, is_clock));
        let Some(clock) = clock else { return Ok(vec![time]) };
        let joined = |row: &StringRecord| {
            let both = format!("{} {}", row[time].trim(), row[clock].trim());
            self.times.fits(&both)
        };
        if self.rows.iter().all(joined) {
            return Ok(vec![time, clock]);
        }
        Err(format!(
            "column {} has times of the day; name both columns with --time {},{}, and say how they \
             are written with --time-format",
            clock + 1,
            time + 1,
            clock + 1
        ))
    }

    pub(super) fn find_value(&self, time: &[usize]) -> Result<usize, String> {
        let has_number = |at: usize| {
            let is_number = |row: &StringRecord| {
                row.get(at).is_some_and(|cell| matches!(self.numbers.parse(cell), Ok(Some(_))))
            };
            self.rows.iter().any(is_number)
        };
        let fits = |at: &usize| {
            !time.contains(at) && self.all(*at, |cell| self.numbers.fits(cell)) && has_number(*at)
        };
        // Without a row only the heading counts.
        let may_be = |at: &usize| fits(at) || self.rows.is_empty() && !time.contains(at);
        let found: Vec<usize> = (0..self.count()).filter(may_be).collect();
        let is_value = |at: &&usize| is_value_name(&self.name(**at));
        match (&found[..], found.iter().find(is_value)) {
            ([only], _) => Ok(*only),
            (_, Some(named)) => Ok(*named),
            ([], None) => Err(format!(
                "no column has numbers alone{}; name it with --value, and what stands for a \
                 missing value with --missing; the columns are {}",
                self.no_number(time).map(|why| format!(": {why}")).unwrap_or_default(),
                self.list()
            )),
            _ => Err(format!(
                "several columns have numbers; name one with --value; the columns are {}",
                self.list()
            )),
        }
    }

    /// Why the column that is most like numbers is none, by its first wrong cell.
    fn no_number(&self, time: &[usize]) -> Option<String> {
        let has_digit = |cell: &str| cell.bytes().any(|byte| byte.is_ascii_digit());
        let like_numbers = |at: &usize| {
            let rows = self.rows.iter().filter(|row| row.get(*at).is_some_and(has_digit));
            (is_value_name(&self.name(*at)), rows.count())
        };
        // The first of those that are equally like them.
        let columns = (0..self.count()).rev().filter(|at| !time.contains(at));
        self.first_wrong(columns.max_by_key(like_numbers)?, |it| self.numbers.parse(it).err())
    }

    /// The first cell of a column that is wrong, by its line, and why.
    fn first_wrong(&self, at: usize, wrong: impl Fn(&str) -> Option<String>) -> Option<String> {
        self.rows.iter().find_map(|row| {
            let line = row.position().map_or(0, csv::Position::line);
            let place = format!("line {line}, column {}", at + 1);
            let why = match row.get(at) {
                Some(cell) => format!("{place}: {}", wrong(cell)?),
                None => format!("line {line}: {}", lacks(row, at)),
            };
            // Not below --skip, which counts rows.
            let is_first = self.heading.is_none() && line <= 1 && self.rows.first() == Some(row);
            let heading = if is_first { "; if it is a heading, pass it with --skip 1" } else { "" };
            Some(why + heading)
        })
    }

    pub(super) fn example(&self, time: &[usize], value: usize) -> String {
        let Some(row) = self.rows.first() else { return "-".to_owned() };
        let cell = |at: usize| row.get(at).unwrap_or("").trim().to_owned();
        if time.is_empty() {
            return format!("{:?} is the value", cell(value));
        }
        let time = time.iter().map(|at| cell(*at)).collect::<Vec<_>>().join(" ");
        format!("{time:?} is the time, {:?} the value", cell(value))
    }
}

/// What to say of a row that ends before a column.
pub(super) fn lacks(row: &StringRecord, column: usize) -> String {
    let (cells, s) = (row.len(), plural(row.len() as u64));
    format!("it has {cells} cell{s}, and none in column {}; complete it", column + 1)
}

fn is_number(cell: &str) -> bool {
    cell.trim().parse::<f64>().is_ok()
}

fn is_value_name(name: &str) -> bool {
    ["value", "val"].contains(&name)
}
