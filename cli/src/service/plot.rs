//! `--plot`: a PNG of the series or of its distribution, whose path is printed.

use std::io;
use std::path::{Path, PathBuf};

use gaugelog::Snapshot;
use jiff::Timestamp;

use super::{Picture, Place, reading};
use crate::exit::Exit;
use crate::explain::way_out_of_io;
use crate::plot::{self, Binning, Drawing, Look, Source};
use crate::{json, output, place};

/// numpy's default.
const BINS: usize = 10;

pub(super) fn run(store: &Place, picture: Picture, out: Option<PathBuf>) -> Result<(), Exit> {
    reading(store, |snapshot| {
        let out = place::pictures(out)?;
        if out.to_str().is_none() {
            let why = "this path is not UTF-8 and cannot be printed as JSON";
            let shown = output::shown(&out);
            return Err(Exit::Error(format!("{shown}: {why}; name another with --out DIR")));
        }
        let path = draw(snapshot, picture, &out)?;
        let mut line = Vec::new();
        json::string(&mut line, &path.to_string_lossy());
        line.push(b'\n');
        output::print(&line)
    })
}

/// Draws the series over time, or its distribution, into a new file in `dir`.
fn draw(snapshot: &Snapshot, picture: Picture, dir: &Path) -> Result<PathBuf, Exit> {
    let (look, sources) = (Look::default(), [Source { name: None, window: snapshot.window(..) }]);
    let (kind, drawing) = match picture {
        Picture::Time => ("time", plot::series(&sources, &look)?),
        Picture::Dist => ("dist", plot::distribution(&sources, Binning::Equal(BINS), &look)?),
    };
    publish(dir, kind, &drawing, "--out")
}

/// Writes a picture to a new file in `dir`, which `option` names. The file's name begins
/// with `kind`.
pub(crate) fn publish(
    dir: &Path,
    kind: &str,
    drawing: &Drawing,
    option: &str,
) -> Result<PathBuf, Exit> {
    let png = drawing.png();
    let png = png.map_err(|error| Exit::Error(format!("cannot encode the picture: {error}")))?;
    plot::write_new(dir, &plot::stem(kind, Timestamp::now()), &png).map_err(|error| {
        let another = format!("name another directory with {option} DIR");
        let create = format!("create this directory first, or {another}");
        let way_out = match error.kind() {
            io::ErrorKind::NotFound => &create,
            _ => way_out_of_io(&error).unwrap_or(&another),
        };
        Exit::Error(format!("{}: cannot write the picture: {error}; {way_out}", dir.display()))
    })
}
