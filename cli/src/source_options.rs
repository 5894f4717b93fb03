//! What the command line says about sources, whichever they are.

use std::collections::HashSet;
use std::path::PathBuf;

use clap::Args;
use gaugelog_sources::{Fingerprint, LineFormat, Settings, TimeColumn, TimeUnit, Zone};

/// For which sources an option or a key means something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    #[cfg(feature = "config")]
    All,
    /// Those that are polled on a schedule.
    Polled,
    Page,
    /// Pages by TLS.
    Secured,
    StandardInput,
}

impl Kind {
    /// What it is for, where that is not the source of this spec.
    pub(crate) fn for_others_than(self, spec: &str) -> Option<&'static str> {
        let is = |scheme: &str| self::scheme(spec).eq_ignore_ascii_case(scheme);
        let (is_one, others) = match self {
            #[cfg(feature = "config")]
            Self::All => (true, ""),
            Self::Polled => (!is("stdin"), "sources that are polled; stdin comes at its own pace"),
            Self::Page => (is("http") || is("https"), "pages, http:// or https://"),
            Self::Secured => (is("https"), "pages of https://"),
            Self::StandardInput => (is("stdin"), "stdin"),
        };
        (!is_one).then_some(others)
    }
}

/// What stands before the first colon of a spec.
pub(crate) fn scheme(spec: &str) -> &str {
    let spec = spec.strip_prefix("rate:").unwrap_or(spec);
    spec.split(':').next().unwrap_or_default()
}

/// The spec of `[NAME=]SPEC`.
fn spec_of(text: &str) -> &str {
    match text.split_once('=') {
        Some((name, spec)) if !name.contains(':') => spec,
        _ => text,
    }
}

/// Refuses an option that means nothing to any of these sources. Each has its name, whether it
/// is given, and what it is for.
///
/// # Errors
/// In words.
pub(crate) fn check_heeded(
    options: &[(&str, bool, Kind)],
    sources: &[String],
) -> Result<(), String> {
    for (option, _, kind) in options.iter().filter(|(_, is_given, _)| *is_given) {
        let others: Option<Vec<_>> =
            sources.iter().map(|source| kind.for_others_than(spec_of(source))).collect();
        if let Some([only_for, ..]) = others.as_deref() {
            return Err(format!("{option} is for {only_for}; leave it out"));
        }
    }
    Ok(())
}

/// Options that hold for the sources of a command.
#[derive(Args, Debug)]
pub(crate) struct SourceOptions {
    /// A file with certificates (PEM) to trust besides the usual ones, for https: an
    /// authority's, or a server's own, such as one that a device has made for itself.
    #[arg(long, value_name = "FILE", help_heading = "Pages")]
    ca_file: Option<PathBuf>,
    /// The SHA-256 of the certificate that the server must show, for one https source; it
    /// replaces all other checks. `openssl x509 -noout -sha256 -fingerprint` prints it.
    #[arg(long, value_name = "SHA256", help_heading = "Pages")]
    pin: Option<Fingerprint>,
    /// Accept any certificate, for one https source.
    #[arg(long, help_heading = "Pages")]
    insecure: bool,
    /// The most bytes that a page may have, also decompressed, such as 500kB or 4MiB.
    #[arg(long, value_name = "SIZE", value_parser = page_bytes, default_value = "1MiB", help_heading = "Pages")]
    page_max: u64,
    /// Heed http_proxy, https_proxy, all_proxy and no_proxy.
    #[arg(long, help_heading = "Pages")]
    proxy_from_environment: bool,
    /// Whether a time stands before each number of stdin: first, none, or auto, where the
    /// first line that is understood decides.
    #[arg(long, value_name = "WHERE", default_value = "auto", help_heading = "Standard input")]
    time: TimeColumn,
    /// What a time of stdin that is a bare number counts since 1970: s, ms, us or ns
    /// [default: seconds, and none before 1980].
    #[arg(long, value_name = "UNIT", help_heading = "Standard input")]
    time_unit: Option<TimeUnit>,
    /// The time zone of times of stdin without an offset, such as Europe/Berlin, +02:00 or
    /// local [default: UTC].
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true, help_heading = "Standard input")]
    tz: Option<Zone>,
    /// End with status 1 at the first line of stdin that is refused, and refuse a last line
    /// without a line end.
    #[arg(long, help_heading = "Standard input")]
    strict: bool,
}

impl SourceOptions {
    /// Each option, whether it is given, and what it is for.
    fn given(&self) -> [(&'static str, bool, Kind); 9] {
        [
            ("--ca-file", self.ca_file.is_some(), Kind::Page),
            ("--pin", self.pin.is_some(), Kind::Secured),
            ("--insecure", self.insecure, Kind::Secured),
            ("--page-max", self.page_max != Settings::new().page_bytes_max, Kind::Page),
            ("--proxy-from-environment", self.proxy_from_environment, Kind::Page),
            ("--time", self.time != TimeColumn::Auto, Kind::StandardInput),
            ("--time-unit", self.time_unit.is_some(), Kind::StandardInput),
            ("--tz", self.tz.is_some(), Kind::StandardInput),
            ("--strict", self.strict, Kind::StandardInput),
        ]
    }

    /// The settings of the sources that these specs name.
    ///
    /// # Errors
    /// An option that is for other sources, or for one where there are several, in words.
    pub(crate) fn settings(&self, specs: &[String]) -> Result<Settings, String> {
        check_heeded(&self.given(), specs)?;
        let address = |text: &String| {
            let spec = spec_of(text);
            let is_secured = Kind::Secured.for_others_than(spec).is_none();
            let spec = spec.strip_prefix("rate:").unwrap_or(spec);
            is_secured.then(|| spec.split('#').next().unwrap_or(spec).to_owned())
        };
        let addresses: HashSet<String> = specs.iter().filter_map(address).collect();
        if addresses.len() > 1 {
            for (is_given, option) in [(self.pin.is_some(), "--pin"), (self.insecure, "--insecure")]
            {
                if is_given {
                    return Err(format!(
                        "{option} is for one https source; collect the others by a command of \
                         their own"
                    ));
                }
            }
        }
        let mut settings = Settings::new()
            .insecure(self.insecure)
            .page_bytes_max(self.page_max)
            .proxy_from_environment(self.proxy_from_environment);
        let mut lines = LineFormat::default();
        lines.time = self.time;
        lines.unit = self.time_unit;
        lines.zone = self.tz.clone().unwrap_or_default();
        settings = settings.lines(lines).strict(self.strict);
        settings.ca_file.clone_from(&self.ca_file);
        settings.pin = self.pin;
        Ok(settings)
    }
}

/// The most that a page may be allowed: it is held in memory.
const PAGE_BYTES_MAX: u64 = 1 << 30;

/// The size of a page as people write it: `500000`, `500kB`, `4MiB`.
pub(crate) fn page_bytes(text: &str) -> Result<u64, String> {
    let wrong = || "no size; write something like 500kB, 4MiB or a number of bytes".to_owned();
    let text = text.trim();
    let (number, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "kib" => 1 << 10,
        "m" | "mb" => 1_000_000,
        "mib" => 1 << 20,
        "g" | "gb" => 1_000_000_000,
        "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match number.checked_mul(factor) {
        Some(bytes @ 1..=PAGE_BYTES_MAX) => Ok(bytes),
        _ => Err("out of range; between 1 byte and 1 GiB is possible".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::page_bytes;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, size) in [
            ("500", 500),
            ("500kB", 500_000),
            (" 4 MiB ", 4 << 20),
            ("1GiB", 1 << 30),
            ("2k", 2000),
        ] {
            assert_eq!(page_bytes(text), Ok(size), "{text}");
        }
        for text in ["", "0", "-1", "1.5MiB", "MiB", "2GiB", "4 parsec", "99999999999999999999"] {
            assert!(page_bytes(text).is_err(), "{text}");
        }
    }
}
