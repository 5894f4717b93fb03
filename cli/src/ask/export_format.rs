//! How an export is written: as `--format` says, or the ending of the file's name.

use std::fs;
use std::path::Path;

use clap::ValueEnum;

use crate::exit::Exit;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Csv,
    Jsonl,
    Json,
    Influx,
    #[cfg(feature = "parquet")]
    Parquet,
}

/// The endings that say a format.
const KNOWN: &str = if cfg!(feature = "parquet") {
    ".csv, .txt, .jsonl, .ndjson, .json, .lp or .parquet"
} else {
    ".csv, .txt, .jsonl, .ndjson, .json or .lp"
};

/// Endings of files that programs would take for something else than any export.
const OTHERS: [(&str, &str); 5] = [
    ("gz", "export to standard output, as in `gaugelog export STORE | gzip > FILE.csv.gz`"),
    ("zst", "export to standard output, as in `gaugelog export STORE | zstd > FILE.csv.zst`"),
    ("xz", "export to standard output, as in `gaugelog export STORE | xz > FILE.csv.xz`"),
    ("zip", "name a file that ends in .csv, and pack that"),
    ("xlsx", "name a file that ends in .csv, which a spreadsheet opens"),
];

impl Format {
    /// The format of a file: the given one, or that of its ending, or CSV.
    ///
    /// # Errors
    /// [`Exit::Usage`] for a file whose ending says another format.
    pub(super) fn of(given: Option<Self>, file: Option<&Path>) -> Result<Self, Exit> {
        // A device or a pipe is no file that anyone opens by its ending.
        let is_written_to = |file: &&Path| {
            fs::metadata(file).is_ok_and(|found| !found.is_file() && !found.is_dir())
        };
        let ending = file.filter(|file| !is_written_to(file)).and_then(Path::extension);
        let ending = ending.map(|it| it.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let wrong = |way_out: &str| {
            Err(Exit::Usage(format!("error: an export is no .{ending} file; {way_out}\n")))
        };
        if let Some((_, way_out)) = OTHERS.iter().find(|(other, _)| *other == ending) {
            return wrong(way_out);
        }
        #[cfg(not(feature = "parquet"))]
        if ending == "parquet" {
            return wrong("this program was built without Parquet; name a file that ends in .csv");
        }
        match (given, Self::of_ending(&ending)) {
            // JSON lines are often named so.
            (Some(Self::Jsonl), Some(Self::Json)) => Ok(Self::Jsonl),
            (Some(given), _) if ending == "txt" && given.is_text() => Ok(given),
            (Some(given), Some(its)) if given != its => Err(Exit::Usage(format!(
                "error: a .{ending} file has the format {}; leave --format out, or name another \
                 file\n",
                its.name()
            ))),
            (None, None) if !ending.is_empty() => Err(Exit::Usage(format!(
                "error: .{ending} is not an ending that says a format; name a file that ends in \
                 {KNOWN}, or give --format\n"
            ))),
            (given, its) => Ok(given.or(its).unwrap_or(Self::Csv)),
        }
    }

    /// The name on the command line.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn of_ending(ending: &str) -> Option<Self> {
        match ending {
            "csv" | "txt" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "json" => Some(Self::Json),
            "lp" => Some(Self::Influx),
            #[cfg(feature = "parquet")]
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    fn is_text(self) -> bool {
        match self {
            Self::Csv | Self::Jsonl | Self::Json | Self::Influx => true,
            #[cfg(feature = "parquet")]
            Self::Parquet => false,
        }
    }

    /// Whether it has no place for the statistics of buckets.
    pub(super) fn is_for_observations(self) -> bool {
        match self {
            Self::Csv | Self::Jsonl | Self::Json => false,
            Self::Influx => true,
            #[cfg(feature = "parquet")]
            Self::Parquet => true,
        }
    }
}
