//! Texts in lines that are not wider than there is room for.

use super::shapes::Style;

/// The first lines of a text; the last one ends in an ellipsis if there were more.
pub(super) fn cut(mut lines: Vec<String>, most: usize, style: Style, room: f64) -> Vec<String> {
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = shortened(&format!("{last} …"), style, room);
        }
    }
    lines
}

pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Parts joined to lines that fit into the room. A part that is wider than all of it ends
/// in an ellipsis.
pub(super) fn wrapped(parts: &[String], between: &str, style: Style, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let part = shortened(part, style, room);
        let longer = lines.last().map(|line| format!("{line}{between}{part}"));
        match (longer.filter(|longer| style.width(longer) <= room), lines.last_mut()) {
            (Some(longer), Some(line)) => *line = longer,
            _ => lines.push(part),
        }
    }
    lines
}

/// A text, or as much of its beginning as fits, and an ellipsis.
pub(super) fn shortened(text: &str, style: Style, room: f64) -> String {
    if style.width(text) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        if style.width(&format!("{kept}{letter}…")) > room {
            break;
        }
        kept.push(letter);
    }
    format!("{}…", kept.trim_end())
}
