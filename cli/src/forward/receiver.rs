//! Sends a message to a receiver, and says what its answer means.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use gaugelog_sources::{Answer, Post};
use jiff::Timestamp;

use super::message::{self, Protocol};
use crate::prometheus::{Labels, Sample};

const FILE_BYTES_MAX: u64 = 64 * 1024;
/// Longer than that no receiver can put us off.
const RETRY_AFTER_MOST: Duration = Duration::from_secs(3_600);
/// What a receiver of 2.0 must say.
const WRITTEN: &str = "x-prometheus-remote-write-samples-written";

/// What proves who we are.
#[derive(Clone, Debug)]
pub(crate) enum Credentials {
    None,
    /// A file with a token.
    Bearer(PathBuf),
    /// A file with `user:password`.
    Basic(PathBuf),
}

/// Where samples go.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(super) post: Post,
    pub(super) protocol: Protocol,
    pub(super) credentials: Credentials,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    Taken,
    /// The same message may be taken later.
    Later {
        why: String,
        after: Option<Duration>,
    },
    /// Something in the message is refused, for good.
    Refused(String),
    /// It is no receiver of this protocol, or not for us: no message would be taken.
    Unfit(String),
}

impl Receiver {
    /// Refuses an address that names a user, where there is a file with credentials.
    pub(crate) fn check_user(&self, has_file: bool) -> Result<(), String> {
        if !has_file || !self.post.names_user() {
            return Ok(());
        }
        Err(format!(
            "{}: the address names a user, and there is a file with credentials too; remove one",
            self.post.shown()
        ))
    }

    /// Sends samples of one series, which are in the order of their times.
    pub(super) fn send(
        &self,
        labels: &Labels,
        samples: impl ExactSizeIterator<Item = Sample>,
    ) -> Verdict {
        let count = samples.len();
        let authorization = match self.credentials.header() {
            Ok(header) => header,
            Err(why) => return Verdict::Later { why, after: None },
        };
        let message = message::encode(self.protocol, labels, samples);
        let body = match snap::raw::Encoder::new().compress_vec(&message) {
            Ok(body) => body,
            Err(error) => return Verdict::Unfit(format!("cannot compress a message: {error}")),
        };
        let (content_type, version) = match self.protocol {
            Protocol::One => ("application/x-protobuf", "0.1.0"),
            Protocol::Two => {
                ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0")
            }
        };
        let mut headers = vec![
            ("content-type", content_type),
            ("content-encoding", "snappy"),
            ("x-prometheus-remote-write-version", version),
        ];
        if let Some(authorization) = &authorization {
            headers.push(("authorization", authorization));
        }
        match self.post.send(&headers, &body) {
            Ok(answer) => judge(self.protocol, count, &answer),
            Err(error) => Verdict::Later { why: error.to_string(), after: None },
        }
    }
}

/// What an answer means. What is about the message as such is told apart from what is about
/// some of its samples: only the latter may cost samples.
fn judge(protocol: Protocol, count: usize, answer: &Answer) -> Verdict {
    let status = answer.status;
    let words = match answer.text.is_empty() {
        true => format!("status {status}"),
        false => format!("status {status}: {}", answer.text),
    };
    match status {
        200..=299 => taken(protocol, count, answer),
        408 | 425 | 429 | 500..=599 => {
            let after = answer.header("retry-after").and_then(|it| delay(it, Timestamp::now()));
            Verdict::Later { why: words, after }
        }
        // Thanos answers 409 for samples that are too old.
        400 | 409 | 413 | 422 => Verdict::Refused(words),
        300..=399 => {
            let to = answer.header("location").unwrap_or("another address");
            let to = gaugelog_sources::without_secrets(to);
            Verdict::Unfit(format!("status {status}: it redirects to {to}; name that with --to"))
        }
        401 | 403 => Verdict::Unfit(format!(
            "{words}; give what it wants by --bearer-token-file or --basic-auth-file"
        )),
        404 | 405 => Verdict::Unfit(format!(
            "{words}; is it the address of remote write, such as http://host:9090/api/v1/write, \
             and is it switched on?"
        )),
        415 => Verdict::Unfit(format!("{words}; try the other --protocol, 1 or 2")),
        _ => Verdict::Unfit(words),
    }
}

fn taken(protocol: Protocol, count: usize, answer: &Answer) -> Verdict {
    if protocol == Protocol::One {
        return Verdict::Taken;
    }
    let status = answer.status;
    match answer.header(WRITTEN).map(str::parse) {
        Some(Ok(written)) if count <= written => Verdict::Taken,
        Some(Ok(written)) => Verdict::Later {
            why: format!("status {status}, but it has written {written} of {count} samples"),
            after: None,
        },
        // VictoriaMetrics answers 204 to messages of 2.0 and stores nothing.
        _ => Verdict::Unfit(format!(
            "status {status}, but it does not say how many samples it has written: it does not \
             know remote write 2.0; use --protocol 1"
        )),
    }
}

/// What `Retry-After` says: seconds, or a date.
fn delay(text: &str, now: Timestamp) -> Option<Duration> {
    let delay = match text.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
            Duration::try_from(until.duration_since(now)).unwrap_or_default()
        }
    };
    Some(delay.min(RETRY_AFTER_MOST))
}

impl Credentials {
    /// Read for each message: tokens are replaced from time to time.
    fn header(&self) -> Result<Option<String>, String> {
        match self {
            Self::None => Ok(None),
            Self::Bearer(path) => {
                let token = secret(path)?;
                match token.contains(char::is_whitespace) {
                    true => Err(format!("{}: a token has no blanks", path.display())),
                    false => Ok(Some(format!("Bearer {token}"))),
                }
            }
            Self::Basic(path) => {
                let user = secret(path)?;
                match user.contains(':') {
                    true => Ok(Some(format!("Basic {}", BASE64_STANDARD.encode(user)))),
                    false => Err(format!("{}: write user:password in it", path.display())),
                }
            }
        }
    }

    /// Reads the file once, so that what is wrong with it is said at the start.
    pub(super) fn check(&self) -> Result<(), String> {
        self.header().map(drop)
    }
}

/// The one line of a file, which no error shows.
fn secret(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| format!("{}: cannot read it: {error}", path.display()))?;
    let line = text.trim_end_matches(['\r', '\n']);
    match line.is_empty() || line.chars().any(char::is_control) {
        true => Err(format!("{}: it must have one line of text", path.display())),
        false => Ok(line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-29T06:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("999999999", Some(3_600)),
            ("Sun, 29 Nov 2026 06:01:00 GMT", Some(60)),
            ("Sun, 29 Nov 2026 05:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(delay(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn secrets_are_one_line_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        let header = |credentials: Credentials, text: &str| {
            std::fs::write(&path, text).unwrap();
            credentials.header()
        };
        let (bearer, basic) = (Credentials::Bearer(path.clone()), Credentials::Basic(path.clone()));
        assert_eq!(header(bearer.clone(), "hunter2\n"), Ok(Some("Bearer hunter2".to_owned())));
        assert_eq!(header(basic.clone(), "me:p@ss\n"), Ok(Some("Basic bWU6cEBzcw==".to_owned())));
        for (credentials, text) in
            [(&bearer, ""), (&bearer, "hunter2 x"), (&bearer, "hunter2\nx"), (&basic, "hunter2")]
        {
            let said = header(credentials.clone(), text).unwrap_err();
            assert!(said.contains("secret: ") && !said.contains("hunter2"), "{said}");
        }
    }
}
