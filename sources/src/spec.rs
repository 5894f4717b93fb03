//! Specs as text: what is wrong with one, which parts may be shown, and short names.

use std::error::Error;
use std::fmt;

use crate::quote::quoted;

/// The prefix of a spec whose value is a counter.
pub(crate) const RATE_PREFIX: &str = "rate:";
/// A file system takes 255 bytes.
const SHORT_NAME_BYTES_MAX: usize = 64;
/// How much of a spec an error shows, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// Why a spec names no source, in one line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    spec: String,
    message: String,
}

impl SpecError {
    pub(crate) fn new(spec: &str, message: impl Into<String>) -> Self {
        let spec = quoted(without_secrets(spec).as_bytes(), SHOWN_CHARS_MAX);
        Self { spec, message: message.into() }
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "source \"{}\": {}", self.spec, self.message)
    }
}

impl Error for SpecError {}

pub(crate) fn is_scheme(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(allowed)
}

/// The spec as logs and errors may show it. For a program, the arguments are left out.
/// For an address, and for any unknown spec, the user, the password, the query, which
/// often holds keys, and everything after a blank are left out.
///
/// ```
/// use gaugelog_sources::without_secrets;
/// assert_eq!(without_secrets("https://me:pw@host/now?key=1#/temp"), "https://…@host/now?…#/temp");
/// assert_eq!(without_secrets("exec:curl -u me:pw host"), "exec:curl …");
/// assert_eq!(without_secrets("normal:mean=14"), "normal:mean=14");
/// ```
#[must_use]
pub fn without_secrets(spec: &str) -> String {
    let counted = spec.trim_start_matches(RATE_PREFIX);
    if counted.len() < spec.len() {
        return format!("{}{}", &spec[..spec.len() - counted.len()], without_secrets(counted));
    }
    match spec.split_once(':') {
        Some(("normal" | "sensor" | "stdin", _)) => spec.to_owned(),
        Some(("exec", command)) => format!("exec:{}", first_word(command.trim_start())),
        // A misspelt scheme may be any of them.
        Some((scheme, rest)) if is_scheme(&scheme.to_ascii_lowercase()) => {
            format!("{scheme}:{}", public_part(rest))
        }
        _ => public_part(spec),
    }
}

/// The public part of an address, from its slashes on.
fn public_part(address: &str) -> String {
    let place = address.trim_start_matches('/');
    let slashes = &address[..address.len() - place.len()];
    // The last @ of all: a password that contains / ? # is a mistake, but still secret.
    let user_ends = if has_torn_password(place) { place.rfind('@') } else { None };
    let (page, fragment) = match user_ends {
        Some(at) => (&place[at..], ""),
        None => split_at_first(place, '#'),
    };
    let (page, query) = split_at_first(page, '?');
    let (user, page) = page.rsplit_once('@').map_or(("", page), |(_, page)| ("…@", page));
    let query = if query.is_empty() { "" } else { "?…" };
    if page.contains(char::is_whitespace) {
        return format!("{slashes}{user}{}", first_word(page));
    }
    format!("{slashes}{user}{page}{query}{fragment}")
}

/// Whether the port is invalid, so that it may be half a password.
fn has_torn_password(place: &str) -> bool {
    let (authority, rest) = place.split_at(place.find(['/', '?', '#']).unwrap_or(place.len()));
    let Some((_, port)) = authority.rsplit_once(':').filter(|_| !authority.ends_with(']')) else {
        return false;
    };
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_what_of_the_page = rest.starts_with("#/") || rest.contains('{');
    !authority.contains('@') && (!is_port || rest.starts_with('#') && !is_what_of_the_page)
}

/// The text before the first blank, and a sign if there is more.
fn first_word(text: &str) -> String {
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) if !rest.trim().is_empty() => format!("{word} …"),
        _ => text.trim_end().to_owned(),
    }
}

/// The text before a character, and the rest from it on.
fn split_at_first(text: &str, at: char) -> (&str, &str) {
    text.split_at(text.find(at).unwrap_or(text.len()))
}

/// A short name for what a spec names, usable as a directory name: lower-case letters,
/// digits, `-`, `_` and `.`, at most 64 bytes. Two specs may have the same name.
///
/// ```
/// use gaugelog_sources::short_name;
/// assert_eq!(short_name("sensor:hwmon/coretemp/Package id 0"), "coretemp-package-id-0");
/// assert_eq!(short_name("https://api.example.org/v1/now?key=1#/main/temp"), "api.example.org-now-main-temp");
/// assert_eq!(short_name("exec:/usr/bin/ups-load -q"), "ups-load");
/// assert_eq!(short_name("normal:mean=14"), "normal");
/// ```
#[must_use]
pub fn short_name(spec: &str) -> String {
    let spec = spec.trim_start_matches(RATE_PREFIX);
    let (scheme, rest) = spec.split_once(':').unwrap_or((spec, ""));
    let telling = match scheme {
        "normal" | "stdin" => String::new(),
        "sensor" => of_sensor(rest).to_owned(),
        "exec" => last_part(rest.split_whitespace().next().unwrap_or("")).to_owned(),
        _ if rest.starts_with("//") => of_address(&without_secrets(spec)),
        _ => public_part(rest),
    };
    let is_custom = !["sensor", "exec", "http", "https"].contains(&scheme);
    let name = if is_custom { slug(&format!("{scheme}-{telling}")) } else { slug(&telling) };
    let name = if name.is_empty() { slug(scheme) } else { name };
    if name.is_empty() { "source".to_owned() } else { name }
}

/// The device and its quantity, without the kind of sensor.
fn of_sensor(rest: &str) -> &str {
    if let Some(file) = rest.strip_prefix("file=") {
        return last_part(file.split(',').next().unwrap_or(""));
    }
    match rest.split_once('/') {
        Some(("hwmon" | "thermal" | "iio" | "power" | "w1", device)) => device,
        _ => rest,
    }
}

/// The host, the last part of the path, and the part of the page.
fn of_address(address: &str) -> String {
    let (_, address) = address.split_once("://").unwrap_or(("", address));
    let (page, fragment) = split_at_first(address, '#');
    let (place, _query) = split_at_first(page, '?');
    let (host, path) = split_at_first(place.trim_start_matches("…@"), '/');
    format!("{host}-{}-{fragment}", last_part(path))
}

fn last_part(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or("")
}

fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        if slug.len() + c.len_utf8() > SHORT_NAME_BYTES_MAX {
            break;
        }
        if c.is_alphanumeric() || c == '_' || c == '.' {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    // A name that begins with a dot is hidden, and one that begins with "-" looks like an
    // option.
    slug.trim_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_differ_from_other_text() {
        assert!(is_scheme("http") && is_scheme("a-1_b"));
        for text in ["", "1a", "-a", "Http", "a b", "a:", "ä"] {
            assert!(!is_scheme(text), "{text}");
        }
    }

    #[test]
    fn secrets_are_left_out_and_nothing_else() {
        for (spec, shown) in [
            ("https://host/a", "https://host/a"),
            ("http://u@host", "http://…@host"),
            ("http://u:p@h@host/x@y", "http://…@y"),
            ("http://host/?#/a?b@c", "http://host/?…#/a?b@c"),
            ("http://host:80/a#up{job=\"a b@c\"}", "http://host:80/a#up{job=\"a b@c\"}"),
            ("http://host:80#/a@b", "http://host:80#/a@b"),
            ("http://[::1]/a#/b@c", "http://[::1]/a#/b@c"),
            ("HTTP://u:p@host", "HTTP://…@host"),
            ("exec:curl -u a:b", "exec:curl …"),
            ("exec: curl ", "exec:curl"),
            ("exec:'my prog' x", "exec:'my …"),
            ("sensor:hwmon/nvme@0000:01:00.0/Core 0", "sensor:hwmon/nvme@0000:01:00.0/Core 0"),
            ("dice:6", "dice:6"),
            ("", ""),
        ] {
            assert_eq!(without_secrets(spec), shown);
        }
    }

    #[test]
    fn secrets_in_a_spec_that_is_wrong_are_left_out_too() {
        for (spec, shown) in [
            ("http://u:pw/pw@host/x", "http://…@host/x"),
            ("http://u:pw#pw@host/x", "http://…@host/x"),
            ("http://u:pw?pw@host/x?k=pw", "http://…@host/x?…"),
            ("http://u:1#pw@host/x", "http://…@host/x"),
            ("https:/u:pw@host/x", "https:/…@host/x"),
            ("http:u:pw@host/x", "http:…@host/x"),
            ("https//u:pw@host/?a=pw", "…@host/?…"),
            ("htps:://u:pw@host", "htps:…@host"),
            ("u:pw@host", "u:…@host"),
            ("pw@host:x", "…@host:x"),
            ("pw@host?pw", "…@host?…"),
            ("http://host/a pw#/x", "http://host/a …"),
            ("exe:curl -u u:pw", "exe:curl …"),
            ("curl -u u:pw", "curl …"),
        ] {
            assert_eq!(without_secrets(spec), shown);
        }
        assert_eq!(short_name("mqtt:u:pw@host"), "mqtt-host");
    }

    #[test]
    fn names_are_short_and_fit_for_a_directory() {
        for (spec, name) in [
            ("stdin", "stdin"),
            ("sensor:loadavg/5", "loadavg-5"),
            ("sensor:pressure/cpu/some/avg10", "pressure-cpu-some-avg10"),
            ("sensor:hwmon/nvme@0000:01:00.0/Composite", "nvme-0000-01-00.0-composite"),
            ("sensor:thermal/x86_pkg_temp", "x86_pkg_temp"),
            ("sensor:w1/28-000005e2fdc3", "28-000005e2fdc3"),
            ("sensor:file=/sys/class/backlight/intel/brightness,scale=0.1", "brightness"),
            ("sensor:file=", "sensor"),
            ("sensor:hwmon/Überdruck/°C", "überdruck-c"),
            ("http://me:pw@host:8080/metrics?x=1#up{job=\"a b\"}", "host-8080-metrics-up-job-a-b"),
            ("http://[::1]/", "1"),
            ("http:", "http"),
            ("exec:", "exec"),
            ("exec:../../x y", "x"),
            ("dice:6", "dice-6"),
            ("mqtt://me:pw@host/room/temp", "mqtt-host-temp"),
            ("", "source"),
            ("../..", "source"),
            (":::", "source"),
        ] {
            assert_eq!(short_name(spec), name, "{spec}");
        }
        assert_eq!(short_name(&format!("x:{}", "ü".repeat(500))).len(), SHORT_NAME_BYTES_MAX);
    }
}
