//! Prints the tables, in Markdown.

use std::fmt::Write;

use crate::job::{Engine, Job};
use crate::rounds::{Results, median};
use crate::rows::{Goal, Row};

pub(crate) fn print(rows: &[Row], results: &Results) {
    println!("{}", figures(rows, results));
    print!("{}", goals(rows, results));
}

/// The median of each engine in each workload.
fn figures(rows: &[Row], results: &Results) -> String {
    let mut text = String::from("| workload | unit |");
    for engine in Engine::ALL {
        write!(text, " {} |", engine.title()).expect("a string takes all");
    }
    text += "\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n";
    for row in rows {
        write!(text, "| {} | {} |", row.title, row.unit).expect("a string takes all");
        for engine in Engine::ALL {
            let Some(job) = row.job(engine) else {
                text += " – |";
                continue;
            };
            let values: Vec<f64> = values(row, job, results).into_iter().flatten().collect();
            let cell = match values.len() {
                0 => "failed".to_owned(),
                _ if engine == Engine::Gaugelog => spread(&values),
                _ => digits(median(values)),
            };
            write!(text, " {cell} |").expect("a string takes all");
        }
        text.push('\n');
    }
    text
}

/// Each goal, and what was reached.
fn goals(rows: &[Row], results: &Results) -> String {
    let mut text = String::from("| workload | goal | reached: median (least to most) | |\n");
    text += "|---|---|---|---|\n";
    for row in rows {
        for goal in &row.goals {
            let reached = reached(row, goal, results);
            let verdict = match reached.is_empty() {
                true => "not measured",
                false if holds(goal, median(reached.clone())) => "yes",
                false => "no",
            };
            let spread = spread(&reached);
            let (goal, unit) = (described(goal, row), unit(goal, row));
            writeln!(text, "| {} | {goal} | {spread}{unit} | {verdict} |", row.title)
                .expect("a string takes all");
        }
    }
    text
}

/// The figures of each round, in the row's unit.
fn values(row: &Row, job: &Job, results: &Results) -> Vec<Option<f64>> {
    let rounds = results.get(job).map_or(&[][..], Vec::as_slice);
    let value = |measured: &Option<crate::rounds::Measured>| {
        measured.as_ref()?.get(&row.metric).map(|value| value * row.scale)
    };
    rounds.iter().map(value).collect()
}

/// What a goal is about, in each round in which both processes succeeded.
fn reached(row: &Row, goal: &Goal, results: &Results) -> Vec<f64> {
    let of = |engine| row.job(engine).map_or(Vec::new(), |job| values(row, job, results));
    let ours = of(Engine::Gaugelog);
    let paired = |theirs: Vec<Option<f64>>, with: fn(f64, f64) -> f64| {
        let pairs = ours.iter().zip(theirs);
        pairs.filter_map(|(our, their)| Some(with((*our)?, their?))).collect()
    };
    match goal {
        Goal::AtMost(_) => ours.into_iter().flatten().collect(),
        Goal::MoreAtMost(_, engine) => paired(of(*engine), |our, their| our - their),
        Goal::TimesAtLeast(_, engine) | Goal::TimesAtMost(_, engine) => {
            paired(of(*engine), |our, their| our / their)
        }
        Goal::TimesOwn(_, job, _) => paired(values(row, job, results), |our, their| our / their),
    }
}

fn holds(goal: &Goal, reached: f64) -> bool {
    match goal {
        Goal::TimesAtLeast(least, _) | Goal::TimesOwn(least, _, _) => reached >= *least,
        Goal::AtMost(most) | Goal::MoreAtMost(most, _) | Goal::TimesAtMost(most, _) => {
            reached <= *most
        }
    }
}

fn described(goal: &Goal, row: &Row) -> String {
    match goal {
        Goal::TimesAtLeast(least, engine) => format!("≥ {least} × {}", engine.title()),
        Goal::TimesAtMost(most, engine) => format!("≤ {most} × {}", engine.title()),
        Goal::TimesOwn(least, _, what) => format!("≥ {least} × {what}"),
        Goal::MoreAtMost(most, engine) => {
            format!("≤ {most} {} over the {}", row.unit, engine.title())
        }
        Goal::AtMost(most) => format!("≤ {} {}", digits(*most), row.unit),
    }
}

fn unit(goal: &Goal, row: &Row) -> String {
    match goal {
        Goal::AtMost(_) | Goal::MoreAtMost(..) => format!(" {}", row.unit),
        Goal::TimesAtLeast(..) | Goal::TimesAtMost(..) | Goal::TimesOwn(..) => " ×".to_owned(),
    }
}

fn spread(values: &[f64]) -> String {
    let middle = digits(median(values.to_vec()));
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.len() < 2 {
        middle
    } else {
        format!("{middle} ({} to {})", digits(least), digits(most))
    }
}

/// A number with three digits.
fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
