//! The table of several sources on a terminal, a row each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gaugelog::Store;

use super::progress::DIGITS;
use crate::ask::table::table;
use crate::figures::{count, figure_or_dash};
use crate::live;
use crate::queue::{self, Place};

/// What is known of a source without its store.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) store: Option<Store>,
    pub(super) last: Option<f64>,
    pub(super) rate: Option<f64>,
    pub(super) failed: u64,
}

/// The table that was drawn last.
#[derive(Default)]
pub(super) struct Overview {
    /// The events of all sources, how many have stalled, and the size of the terminal.
    drawn: (u64, usize, (usize, usize)),
    /// A terminal that takes nothing gets no second table.
    is_waiting: Arc<AtomicBool>,
}

impl Overview {
    /// Draws the table if there were events since, another number of sources has stalled, or
    /// the terminal has another size.
    pub(super) fn draw(&mut self, events: u64, stalled: usize, rows: impl FnOnce() -> Vec<Row>) {
        let now = (events, stalled, live::size());
        if self.drawn == now || self.is_waiting.swap(true, Ordering::Relaxed) {
            return;
        }
        self.drawn = now;
        let is_queued = queue::push(Place::Live, self.drawing(rows()));
        debug_assert!(is_queued, "collecting has begun");
    }

    fn drawing(&self, rows: Vec<Row>) -> impl FnOnce() -> Vec<u8> + Send + use<> {
        let waiting = Waiting(Arc::clone(&self.is_waiting));
        move || {
            drop(waiting);
            text(&rows, live::size()).into_bytes()
        }
    }
}

/// A table that waits for the terminal. One that finds no room in the queue waits no more.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Takes away what is drawn anew.
pub(super) fn clear() {
    queue::push(Place::Live, Vec::new);
}

/// Prints the table as it is at the end.
pub(super) fn conclude(rows: Vec<Row>) {
    clear();
    queue::push(Place::Out, move || text(&rows, live::size()).into_bytes());
}

/// As many rows and columns as the terminal has room for.
fn text(rows: &[Row], (width, height): (usize, usize)) -> String {
    // The heading, and the line below the table.
    let room = height.saturating_sub(2).max(1);
    let shown = if rows.len() > room { room - 1 } else { rows.len() };
    let has_failed = rows.iter().any(|row| row.failed > 0);
    let cells: Vec<Vec<String>> = rows[..shown].iter().map(|row| cells(row, has_failed)).collect();
    let heading = heading(has_failed);
    let fits = |columns: &usize| {
        let part = |line: &[String]| line[..*columns].to_vec();
        let rows: Vec<Vec<String>> = cells.iter().map(|row| part(row)).collect();
        let text = table(&part(&heading), &rows, 1);
        text.lines().all(|line| line.chars().count() < width).then_some(text)
    };
    let mut text = (1..=heading.len()).rev().find_map(|columns| fits(&columns)).unwrap_or_default();
    if shown < rows.len() {
        let rest = format!("and {} more", rows.len() - shown);
        text.extend(rest.chars().take(width.saturating_sub(1)));
        text.push('\n');
    }
    text
}

fn heading(has_failed: bool) -> Vec<String> {
    let failed = has_failed.then_some("failed");
    let names = ["source", "last"].into_iter().chain(failed);
    names.chain(["observations", "mean", "std dev", "rate"]).map(str::to_owned).collect()
}

fn cells(row: &Row, has_failed: bool) -> Vec<String> {
    // A store that cannot be read at the moment is reported at the end.
    let read = |store: &Store| store.snapshot().and_then(|it| it.summary()).ok();
    let summary = row.store.as_ref().and_then(read);
    let of = |figure: fn(&gaugelog::Summary) -> Option<f64>| summary.as_ref().and_then(figure);
    let observations = summary.as_ref().map(|it| count(it.count()));
    let failed = has_failed.then(|| count(row.failed));
    let rate = row.rate.map(|it| format!("{}/s", figure_or_dash(Some(it), 3)));
    [row.name.clone(), figure_or_dash(row.last, DIGITS)]
        .into_iter()
        .chain(failed)
        .chain([
            observations.unwrap_or_else(|| "-".to_owned()),
            figure_or_dash(of(|it| it.mean()), DIGITS),
            figure_or_dash(of(|it| it.std_dev()), DIGITS),
            rate.unwrap_or_else(|| "-".to_owned()),
        ])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, failed: u64) -> Row {
        Row { name: name.to_owned(), store: None, last: Some(2.5), rate: Some(10.0), failed }
    }

    #[test]
    fn a_table_that_finds_no_room_holds_up_no_other() {
        let overview = Overview::default();
        overview.is_waiting.store(true, Ordering::Relaxed);
        drop(overview.drawing(vec![row("attic", 0)]));
        assert!(!overview.is_waiting.load(Ordering::Relaxed));
    }

    #[test]
    fn columns_that_do_not_fit_are_left_out() {
        let rows = [row("attic", 0), row("cellar", 0)];
        let wide = "source  last  observations  mean  std dev  rate\n\
                    attic    2.5             -     -        -  10/s\n\
                    cellar   2.5             -     -        -  10/s\n";
        assert_eq!(text(&rows, (48, 24)), wide);
        let narrow = "source  last  observations  mean  std dev\n\
                      attic    2.5             -     -        -\n\
                      cellar   2.5             -     -        -\n";
        assert_eq!(text(&rows, (47, 24)), narrow);
        assert_eq!(text(&rows, (13, 24)), "source  last\nattic    2.5\ncellar   2.5\n");
        assert_eq!(text(&rows, (12, 24)), "source\nattic\ncellar\n");
        assert_eq!(text(&rows, (6, 24)), "");
    }

    #[test]
    fn failures_have_a_column_once_there_are_any() {
        let rows = [row("attic", 0), row("cellar", 12)];
        let expected = "source  last  failed\nattic    2.5       0\ncellar   2.5      12\n";
        assert_eq!(text(&rows, (21, 24)), expected);
    }

    #[test]
    fn rows_that_do_not_fit_are_counted() {
        let rows: Vec<Row> = (0..9).map(|number| row(&number.to_string(), 0)).collect();
        assert_eq!(text(&rows, (13, 5)), "source  last\n0        2.5\n1        2.5\nand 7 more\n");
        assert_eq!(text(&rows, (13, 11)).lines().count(), 10);
        assert_eq!(text(&rows, (13, 1)), "source  last\nand 9 more\n");
    }
}
