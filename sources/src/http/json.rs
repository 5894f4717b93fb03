//! The number at a JSON Pointer.

mod pointer;
mod reader;

use super::extract::{number, shown};
use pointer::{Choice, written};
pub(super) use pointer::{Step, parse};
use reader::{Fault, Inside, Kind, Value};

/// The number at the end of the steps.
pub(super) fn find(page: &str, steps: &[Step]) -> Result<f64, String> {
    let mut here = Value::of_page(page).map_err(|fault| explained(page, fault))?;
    for (depth, step) in steps.iter().enumerate() {
        let next = match step {
            Step::Name(name) => member(here, name),
            Step::Choose(choices) => chosen(here, choices),
        };
        here = next.map_err(|what| format!("{}: {what}", at(&steps[..=depth])))?;
    }
    value(here).map_err(|what| format!("{} is {what}", at(steps)))
}

fn explained(page: &str, fault: Fault) -> String {
    match fault {
        Fault::Torn if page.trim().is_empty() => "the page is empty".to_owned(),
        Fault::Torn => format!("the page was cut off within \"{}\"", shown(page)),
        Fault::Unexpected(at) => {
            let before = &page[..at];
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
            let found = page[at..].chars().next().map(String::from).unwrap_or_default();
            let found = crate::quote::quoted(found.as_bytes(), 1);
            format!(
                "\"{}\" is not JSON: there is \"{found}\" at line {line} column {column}",
                shown(page)
            )
        }
    }
}

/// The member or the item of this name.
fn member<'a>(here: Value<'a>, name: &str) -> Result<Value<'a>, String> {
    match here.kind() {
        Kind::Object(members) => {
            let mut found = members.clone().filter(|(member, _)| member == name);
            match (found.next(), found.next()) {
                (Some((_, only)), None) => Ok(only),
                (None, _) => {
                    let there: Vec<String> = members.take(SHOWN_MAX).map(|it| it.0).collect();
                    Err(format!("there is none; there is \"{}\"", shown(&there.join(" "))))
                }
                (Some(_), Some(_)) => Err("it is there several times".to_owned()),
            }
        }
        Kind::Array(items) => {
            // Neither 01 nor +1 nor -.
            let is_index = name == "0" || name.starts_with(|c: char| ('1'..='9').contains(&c));
            let index = name.parse::<usize>().ok().filter(|_| is_index);
            let item = index.and_then(|index| items.clone().nth(index));
            item.map(|(_, item)| item)
                .ok_or_else(|| format!("there is none; it is an array of {}", items.count()))
        }
        other => Err(format!("there is none; above it is {}", words(other))),
    }
}

/// The most names that are read for an error.
const SHOWN_MAX: usize = 20;

/// The one object among several that has all of these members.
fn chosen<'a>(here: Value<'a>, choices: &[Choice]) -> Result<Value<'a>, String> {
    let several = match here.kind() {
        Kind::Object(inside) | Kind::Array(inside) => inside,
        other => return Err(format!("there is nothing to choose from; it is {}", words(other))),
    };
    let mut found =
        several.clone().filter(|(_, value)| choices.iter().all(|choice| has(*value, choice)));
    match (found.next(), found.next()) {
        (Some((_, only)), None) => Ok(only),
        (Some(_), Some(_)) => Err(format!("there are {} of them", 2 + found.count())),
        (None, _) => {
            let there: Vec<String> = several
                .flat_map(|(_, value)| members(value))
                .filter(|(name, _)| choices.iter().any(|choice| *name == choice.name))
                .take(SHOWN_MAX)
                .map(|(_, value)| plain(value))
                .collect();
            Err(format!("there is none; there is \"{}\"", shown(&there.join(" "))))
        }
    }
}

fn members(value: Value<'_>) -> impl Iterator<Item = (String, Value<'_>)> {
    let inside: Option<Inside<'_>> = match value.kind() {
        Kind::Object(members) => Some(members),
        _ => None,
    };
    inside.into_iter().flatten()
}

fn has(value: Value<'_>, choice: &Choice) -> bool {
    members(value).any(|(name, value)| name == choice.name && is(value, choice))
}

fn is(value: Value<'_>, choice: &Choice) -> bool {
    match (value.kind(), choice.is_text) {
        (Kind::Text(text), true) => text == choice.value,
        (Kind::Word(word), false) => {
            let equal = number(word).is_some_and(|value| number(&choice.value) == Some(value));
            word == choice.value || equal
        }
        _ => false,
    }
}

/// A value as an error lists it.
fn plain(value: Value<'_>) -> String {
    match value.kind() {
        Kind::Text(text) => text,
        Kind::Word(word) => word.to_owned(),
        other => words(other),
    }
}

fn value(found: Value<'_>) -> Result<f64, String> {
    let not_finite = |what: String| format!("{what}, which is not a finite number");
    match found.kind() {
        Kind::Word(word @ ("null" | "true" | "false")) => {
            Err(format!("{word}, which is not a number"))
        }
        Kind::Word(word) => number(word).ok_or_else(|| not_finite(shown(word))),
        Kind::Text(text) => {
            number(&text).ok_or_else(|| not_finite(format!("the string \"{}\"", shown(&text))))
        }
        other => Err(format!("{}, which is not a number", words(other))),
    }
}

/// The steps as written, for errors.
fn at(steps: &[Step]) -> String {
    match written(steps) {
        way if way.is_empty() => "the page".to_owned(),
        way => format!("#{}", shown(&way)),
    }
}

fn words(kind: Kind<'_>) -> String {
    match kind {
        Kind::Word(word @ ("null" | "true" | "false")) => word.to_owned(),
        Kind::Word(word) => format!("the number {}", shown(word)),
        Kind::Text(text) => format!("the string \"{}\"", shown(&text)),
        Kind::Array(items) => format!("an array of {}", items.count()),
        Kind::Object(members) => format!("an object of {}", members.count()),
    }
}

#[cfg(test)]
mod tests;
