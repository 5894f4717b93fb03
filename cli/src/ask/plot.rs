//! `gaugelog plot`: a picture of stores, as a file or on the terminal.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use gaugelog::{Snapshot, Store};
use gaugelog_sources::escaped;
use jiff::Timestamp;
use rustix::stdio;
use rustix::termios::{isatty, tcgetwinsize};

use super::range::{Range, RangeOptions};
use super::stores::{self, Named};
use super::{Readable, whole_file};
use crate::exit::Exit;
use crate::output;
use crate::page::Saved;
use crate::plot::{self, Binning, Drawing, Look, Source, terminal};
use crate::service::publish;

const EXAMPLES: &str = "\
Examples:
  gaugelog plot room.log --since -1h
  gaugelog plot house --since today --tz Europe/Berlin --unit °C -o house.png
  gaugelog plot room.log --dist --dark -o room.svg
  gaugelog plot room.log --title \"The cellar in June\" --size 1600x900 -o .
  gaugelog plot house -o house.html

A picture is a .png or .svg file. An .html file is a page to move and zoom in, with all that
it needs in it. If -o names a folder, a new PNG in there is named after the
stores and the unit, and its path is printed. Without -o the picture is text, as wide as the
terminal.

The axis of time of a picture begins with --since and ends with --until, or now if that is
earlier. Without them it goes from the first observation to the last.

Where several observations share a pixel, a pale band reaches from the smallest to the
largest, and the dark line is their mean. A line is not drawn over a gap of more than ten
times the usual distance. Bins of a distribution follow Freedman and Diaconis.

PNG and SVG show letters that their font lacks, such as Chinese ones, as boxes; pages and
text do not.";

/// The stores and the unit in the name of a picture, in bytes: a kind, a time, a number and
/// an ending follow, and a file system takes 255.
const STEM_MAX: usize = 180;

/// Without a terminal, text is as wide and high as this.
const TEXT_SIZE: (u16, u16) = (80, 24);

/// What to draw, and how.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Stores, or folders of stores; up to 8 in one picture.
    #[arg(value_name = "STORE", required = true)]
    stores: Vec<PathBuf>,
    #[command(flatten)]
    range: RangeOptions,
    /// Draw the distribution of the values.
    #[arg(long)]
    dist: bool,
    /// Draw the normal distribution of the same mean and deviation over the bars, in a
    /// picture of one store.
    #[arg(long, requires = "dist")]
    normal: bool,
    /// The .png, .svg or .html file to write, or a folder for a PNG [default: text].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The title [default: the names of the stores].
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    title: Option<String>,
    /// The unit of the values, such as °C.
    #[arg(long, value_name = "UNIT", allow_hyphen_values = true)]
    unit: Option<String>,
    /// Light marks on dark paper.
    #[arg(long, requires = "output")]
    dark: bool,
    /// Width and height in pixels [default: 1200x675].
    #[arg(long, value_name = "WIDTHxHEIGHT", requires = "output")]
    size: Option<Size>,
}

/// Width and height of a picture in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size(u32, u32);

impl Size {
    const DEFAULT: Self = Self(1200, 675);
    const MIN: Self = Self(320, 240);
    const MAX: Self = Self(8_000, 8_000);
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = text.split_once('x').and_then(|(width, height)| {
            Some(Self(width.trim().parse().ok()?, height.trim().parse().ok()?))
        });
        let (Self(width_min, height_min), Self(width_max, height_max)) = (Self::MIN, Self::MAX);
        size.filter(|Self(width, height)| {
            (width_min..=width_max).contains(width) && (height_min..=height_max).contains(height)
        })
        .ok_or_else(|| {
            format!(
                "write width and height in pixels, from {width_min}x{height_min} to \
                 {width_max}x{height_max}, such as 1200x675"
            )
        })
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let target = Target::of(arguments.output.as_deref())?;
    let range = arguments.range.range()?;
    let stores = stores::named(&arguments.stores)?;
    check(arguments, &target, stores.len())?;
    let readable = Readable::among(stores)?;
    let (stores, snapshots) = (&readable.stores, &readable.snapshots);
    let sources = sources(stores, snapshots, &range);
    let look = look(arguments, &range);
    match target {
        Target::Text => print(arguments.dist, &sources, &look)?,
        Target::Folder(folder) => {
            let drawing = draw(arguments, &sources, &look)?;
            let path = publish(folder, &stem(arguments, stores), &drawing, "--output")?;
            output::print(format!("{}\n", output::shown(&path)).as_bytes())?;
        }
        Target::Png(path) => {
            let png = draw(arguments, &sources, &look)?.png();
            let png =
                png.map_err(|error| Exit::Error(format!("cannot encode the picture: {error}")))?;
            write(path, &png)?;
        }
        Target::Svg(path) => write(path, draw(arguments, &sources, &look)?.svg().as_bytes())?,
        Target::Html(path) => {
            write(path, page(arguments, stores, snapshots, &range)?.as_bytes())?;
        }
    }
    readable.end()
}

/// Refuses more stores than there are colours, and a curve that would not be drawn.
fn check(arguments: &Arguments, target: &Target<'_>, stores: usize) -> Result<(), Exit> {
    if stores > plot::SERIES_MAX {
        return Err(Exit::Error(format!(
            "{} stores are too many for one picture, which has room for {}; name fewer",
            stores,
            plot::SERIES_MAX
        )));
    }
    if arguments.normal && (stores > 1 || matches!(target, Target::Text)) {
        return Err(Exit::Usage(
            "error: --normal is for a .png or .svg picture of one store; leave it out, or name one \
             store and a file with -o\n"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Where the picture goes.
enum Target<'a> {
    Text,
    Folder(&'a Path),
    Png(&'a Path),
    Svg(&'a Path),
    Html(&'a Path),
}

impl<'a> Target<'a> {
    fn of(output: Option<&'a Path>) -> Result<Self, Exit> {
        let Some(path) = output else { return Ok(Self::Text) };
        if path.is_dir() {
            return match Store::open_read_only(path) {
                Err(_) => Ok(Self::Folder(path)),
                Ok(_) => Err(Exit::Error(format!(
                    "{}: this is a store, not a place for a picture; name another with -o",
                    path.display()
                ))),
            };
        }
        let extension = path.extension().map(OsStr::to_ascii_lowercase);
        match extension.as_deref().and_then(OsStr::to_str) {
            Some("png") => Ok(Self::Png(path)),
            Some("svg") => Ok(Self::Svg(path)),
            Some("html") => Ok(Self::Html(path)),
            _ => Err(Exit::Error(format!(
                "{}: this kind of picture cannot be written; name a .png, .svg or .html \
                 file, or a folder that exists",
                path.display()
            ))),
        }
    }
}

fn sources(stores: &[Named], snapshots: &[Snapshot], range: &Range) -> Vec<Source> {
    let source = |(store, snapshot): (&Named, &Snapshot)| Source {
        name: Some(store.name.clone()),
        window: range.window(snapshot),
    };
    stores.iter().zip(snapshots).map(source).collect()
}

fn look(arguments: &Arguments, range: &Range) -> Look {
    let Size(width, height) = arguments.size.unwrap_or(Size::DEFAULT);
    let text = |text: Option<&str>| text.map(|text| escaped(text).into_owned());
    Look {
        width,
        height,
        is_dark: arguments.dark,
        zone: range.zone.clone(),
        title: text(arguments.title.as_deref()),
        unit: text(unit(arguments)),
        since: range.since,
        until: range.until.map(|until| until.saturating_sub(1).min(now_ns())),
        has_normal: arguments.normal,
    }
}

fn now_ns() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

/// The stores as a page in one file.
fn page(
    arguments: &Arguments,
    stores: &[Named],
    snapshots: &[Snapshot],
    range: &Range,
) -> Result<String, Exit> {
    if arguments.dist {
        return Err(Exit::Error(
            "a page shows values over time alone; leave out --dist, or name a .png or .svg file"
                .to_owned(),
        ));
    }
    if arguments.dark || arguments.size.is_some() {
        return Err(Exit::Error(
            "a page has the size of its window and the colours that the browser is set to; \
             leave out --size and --dark, or name a .png or .svg file"
                .to_owned(),
        ));
    }
    let names: Vec<&str> = stores.iter().map(|store| store.name.as_str()).collect();
    let title = names.join(", ");
    let saved = Saved {
        title: arguments.title.as_deref().unwrap_or(&title),
        unit: unit(arguments).unwrap_or_default(),
        zone: &range.zone,
        stores: &names,
        snapshot: &|at| Ok(snapshots[at].clone()),
        has_unreadable: false,
        times: range.bounds(),
    };
    Ok(saved.to_html()?)
}

fn draw(arguments: &Arguments, sources: &[Source], look: &Look) -> Result<Drawing, Exit> {
    Ok(match arguments.dist {
        true => plot::distribution(sources, Binning::Round, look)?,
        false => plot::series(sources, look)?,
    })
}

/// The beginning of a picture's name: the stores, the unit and the kind.
fn stem(arguments: &Arguments, stores: &[Named]) -> String {
    let kind = if arguments.dist { "dist" } else { "time" };
    let names = stores.iter().map(|store| store.name.as_str());
    let parts: Vec<&str> = names.chain(unit(arguments)).collect();
    let parts = parts.join("-");
    let end = (0..=STEM_MAX).rev().find(|end| parts.is_char_boundary(*end)).unwrap_or(0);
    let beginning = parts.get(..end).filter(|_| parts.len() > STEM_MAX).unwrap_or(&parts);
    let stem = format!("{beginning}-{kind}");
    stem.replace(|letter: char| letter == '/' || letter.is_whitespace(), "-")
}

/// The unit, unless it is blank.
fn unit(arguments: &Arguments) -> Option<&str> {
    arguments.unit.as_deref().map(str::trim).filter(|unit| !unit.is_empty())
}

fn write(path: &Path, picture: &[u8]) -> Result<(), Exit> {
    whole_file::write(path, |file, refused| file.write_all(picture).map_err(|it| refused(&it)))
}

/// Draws with letters, as wide as the terminal, and in colours if it is one.
fn print(is_dist: bool, sources: &[Source], look: &Look) -> Result<(), Exit> {
    let out = stdio::stdout();
    let is_terminal = isatty(out);
    let size = tcgetwinsize(out).ok().filter(|_| is_terminal);
    let (columns, rows) = size
        .map(|size| (size.ws_col, size.ws_row))
        .filter(|(columns, rows)| *columns > 0 && *rows > 0)
        .unwrap_or(TEXT_SIZE);
    let has_colours = is_terminal && has_colours(|name| std::env::var_os(name));
    let paper = terminal::Paper { columns: columns.into(), rows: rows.into(), has_colours };
    let text = match is_dist {
        true => terminal::distribution(sources, look, paper)?,
        false => terminal::series(sources, look, paper)?,
    };
    output::print(text.as_bytes())
}

/// Whether a terminal with these variables has colours, and they are wanted.
fn has_colours(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
    !is_dumb && variable("NO_COLOR").is_none_or(|it| it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_have_them() {
        for (set, expected) in [
            (None, true),
            (Some(("TERM", "xterm")), true),
            (Some(("TERM", "dumb")), false),
            (Some(("NO_COLOR", "1")), false),
            (Some(("NO_COLOR", "")), true),
        ] {
            let variable = |name: &str| {
                set.filter(|(of, _)| *of == name).map(|(_, value)| OsString::from(value))
            };
            assert_eq!(has_colours(variable), expected, "{set:?}");
        }
    }
}
