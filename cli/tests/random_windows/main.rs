//! `gaugelog stats` of random windows of five stores, in disorder, with gaps and with
//! damage, is what an independent computation gives.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]

mod draw;
mod expected;
#[path = "../program/mod.rs"]
mod program;
mod stores;

use std::collections::BTreeMap;
use std::path::Path;

use draw::Draw;
use expected::{Every, cut, quantile_differs, summary_differs, time_of};
use gaugelog::Observation;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use program::Ran;
use program::tool::ran;
use serde_json::Value;
use stores::{Damage, LEAF, Row, SECOND, Stored};

const WINDOWS: usize = 200;
const BUCKETS_MAX: i64 = 300;
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"];
const WIDTHS: [Every; 9] = [
    Every::Seconds("90s", 90),
    Every::Seconds("5m", 300),
    Every::Seconds("1h", 3_600),
    Every::Seconds("7h", 25_200),
    Every::Day,
    Every::Seconds("1d", 86_400),
    Every::Seconds("36h", 129_600),
    Every::Week,
    Every::Month,
];

/// What is asked.
#[derive(Debug)]
struct Question {
    since: Option<i64>,
    until: Option<i64>,
    zone: &'static str,
    every: Option<Every>,
    quantiles: Vec<f64>,
    merge: bool,
}

#[derive(Default)]
struct Tally {
    rows: usize,
    buckets: usize,
    /// Answers about the damaged chunk that did without its damaged page, and others.
    complete: usize,
    incomplete: usize,
}

#[test]
fn answers_are_those_of_an_independent_computation() {
    let dir = tempfile::tempdir().unwrap();
    let mut draw = Draw(15);
    let all = stores::five(&dir.path().join("house"), &mut draw);
    let mut tally = Tally::default();
    for _ in 0..WINDOWS {
        let chosen = match draw.below(8) {
            at @ 0..5 => &all[at..=at],
            _ => &all[..],
        };
        let question = Question::draw(&mut draw, chosen);
        check(dir.path(), &question, chosen, &mut tally);
    }
    assert!(tally.rows > WINDOWS && tally.buckets > WINDOWS);
    assert!(tally.complete > 5 && tally.incomplete > 5, "both kinds of answers are tested");
}

impl Question {
    fn draw(draw: &mut Draw, stores: &[Stored]) -> Self {
        let mut time = || {
            let rows = &draw.pick(stores).rows;
            // Half of them where a leaf ends or begins, if time is in order.
            let any = draw.below(rows.len());
            let at = if draw.is_one_in(2) { any } else { any - any % LEAF };
            let at = at.saturating_sub(draw.below(2));
            let observed = rows[at].observation.timestamp_ns;
            // At an observation, a nanosecond beside it, or anywhere.
            let beside = [0, -1, 1, draw.signed_below(3_600 * SECOND)];
            (!draw.is_one_in(6)).then(|| observed + *draw.pick(&beside))
        };
        let (mut since, mut until) = (time(), time());
        if since.zip(until).is_some_and(|(since, until)| until < since) {
            (since, until) = (until, since);
        }
        let times = stores.iter().flat_map(|store| [store.rows.first(), store.rows.last()]);
        let times: Vec<i64> = times.flatten().map(|row| row.observation.timestamp_ns).collect();
        let end = until.unwrap_or(*times.iter().max().unwrap());
        let span = end - since.unwrap_or(*times.iter().min().unwrap());
        let fitting = WIDTHS.map(|it| (span / SECOND / it.seconds() < BUCKETS_MAX).then_some(it));
        let fitting: Vec<Every> = fitting.into_iter().flatten().collect();
        let every = (!draw.is_one_in(2)).then(|| *draw.pick(&fitting));
        let quantiles = [0.0, 0.05, 0.5, 0.95, 0.999, 1.0];
        let count = if every.is_some() { draw.below(2) } else { 1 + draw.below(3) };
        let mut quantiles: Vec<f64> = (0..count).map(|_| *draw.pick(&quantiles)).collect();
        quantiles.dedup();
        let (zone, merge) = (*draw.pick(&ZONES), draw.is_one_in(3));
        Self { since, until, zone, every, quantiles, merge }
    }

    fn ask(&self, dir: &Path, stores: &[Stored]) -> Ran {
        let store = match stores {
            [one] => format!("house/{}", one.name),
            _ => "house".to_owned(),
        };
        let mut arguments = vec!["stats".to_owned(), store, "--json".into(), "--tz".into()];
        arguments.push(self.zone.to_owned());
        for (name, time) in [("--since", self.since), ("--until", self.until)] {
            let time = time.map(|time| Timestamp::from_nanosecond(time.into()).unwrap());
            arguments.extend(time.into_iter().flat_map(|it| [name.to_owned(), it.to_string()]));
        }
        let every = self.every.map(|every| ["--every".to_owned(), every.text().to_owned()]);
        arguments.extend(every.into_iter().flatten());
        if !self.quantiles.is_empty() {
            let texts: Vec<String> = self.quantiles.iter().map(f64::to_string).collect();
            arguments.extend(["--quantile".to_owned(), texts.join(",")]);
        }
        arguments.extend(self.merge.then(|| "--merge".to_owned()));
        ran(dir, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The rows of each answer, by where its bucket begins and the number of its store.
    fn expected(&self, stores: &[Stored]) -> BTreeMap<(Option<i64>, usize), Vec<Row>> {
        let time = |row: &Row| row.observation.timestamp_ns;
        let is_inside = |row: &&Row| {
            self.since.is_none_or(|since| since <= time(row))
                && self.until.is_none_or(|until| time(row) < until)
        };
        let mut expected = BTreeMap::<_, Vec<Row>>::new();
        let zone = TimeZone::get(self.zone).unwrap();
        for (number, store) in stores.iter().enumerate() {
            let number = if self.merge { 0 } else { number };
            let rows: Vec<Row> = store.rows.iter().filter(is_inside).copied().collect();
            let parts = match self.every {
                None => vec![(None, rows)],
                Some(every) => {
                    let buckets = cut(&rows, time, every, &zone).into_iter();
                    buckets.map(|(start, rows)| (Some(start), rows)).collect()
                }
            };
            for (start, rows) in parts {
                expected.entry((start, number)).or_default().extend(rows);
            }
        }
        // Stable: of equal times, the first store comes first.
        expected.values_mut().for_each(|rows| rows.sort_by_key(time));
        expected
    }
}

#[track_caller]
fn check(dir: &Path, question: &Question, stores: &[Stored], tally: &mut Tally) {
    let ran = question.ask(dir, stores);
    let is_reported = |store: &Stored| ran.stderr.contains(&format!("/{}/", store.name));
    let are_reported: Vec<bool> = stores.iter().map(is_reported).collect();
    for (store, is_reported) in stores.iter().zip(&are_reported) {
        match store.damage {
            Damage::None => assert!(!is_reported, "{question:?} {ran:?}"),
            Damage::Frame => assert!(is_reported, "{question:?} {ran:?}"),
            Damage::Page if *is_reported => tally.incomplete += 1,
            Damage::Page => tally.complete += 1,
        }
    }
    let status = i32::from(are_reported.contains(&true));
    assert_eq!(ran.status, Some(status), "{question:?} {ran:?}");

    let lines: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut lines = lines.iter().peekable();
    for ((start, number), rows) in question.expected(stores) {
        let name = match (question.merge, stores.len()) {
            (true, 1) => "1 store".to_owned(),
            (true, count) => format!("{count} stores"),
            _ => stores[number].name.to_owned(),
        };
        let reported = if question.merge { status == 1 } else { are_reported[number] };
        let is_found = |found: &&Value| {
            let from = found.get("from").map(time_of);
            found["store"] == *name && from == start
        };
        let readable = observations(&rows, |row| !row.is_unreadable);
        let Some(found) = lines.next_if(is_found) else {
            // All that the bucket had is in the page.
            assert!(reported && readable.is_empty(), "no {start:?} of {name} in {question:?}");
            continue;
        };
        let whole = observations(&rows, |_| true);
        let either = |differs: &dyn Fn(&[Observation]) -> Option<String>| {
            let why = differs(&whole)?;
            // Where a summary stands for the page, an answer is whole even so.
            if reported && differs(&readable).is_none() { None } else { Some(why) }
        };
        if let Some(why) = either(&|rows| summary_differs(found, rows)) {
            panic!("{why}\n{question:?}");
        }
        for q in &question.quantiles {
            let value = &found["quantiles"][q.to_string()];
            if let Some(why) = either(&|rows| quantile_differs(value, *q, rows)) {
                panic!("{why}\n{found}\n{question:?}");
            }
        }
        tally.rows += 1;
        tally.buckets += usize::from(start.is_some());
    }
    assert_eq!(lines.next(), None, "{question:?}");
}

fn observations(rows: &[Row], are_meant: impl Fn(&Row) -> bool) -> Vec<Observation> {
    rows.iter().filter(|row| are_meant(row)).map(|row| row.observation).collect()
}
