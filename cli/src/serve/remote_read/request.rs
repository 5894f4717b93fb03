//! What a client of remote read asks: `ReadRequest` of Prometheus's `remote.proto`.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};

use regex_lite::{Regex, RegexBuilder};

use super::super::answer::Refusal;
use crate::prometheus::Labels;
use crate::prometheus::protobuf::{Field, fields, read_varint};

/// More queries than any client sends at once: Prometheus sends one.
const QUERIES_MAX: usize = 32;
/// Of all queries together.
const MATCHERS_MAX: usize = 128;
/// What a regular expression may take in memory; matching takes four times as much.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// How much of one an error quotes, in characters.
const PATTERN_SHOWN: usize = 200;

/// `ReadRequest.ResponseType`: all samples in one message.
const SAMPLES: u64 = 0;

/// A range of times, and the series that are meant.
#[derive(Debug, Default)]
pub(super) struct Query {
    first_ms: i64,
    last_ms: i64,
    matchers: Vec<Matcher>,
}

impl Query {
    /// The times of the milliseconds that are meant, the last one included.
    pub(super) fn times_ns(&self) -> RangeInclusive<i64> {
        let first = self.first_ms.saturating_mul(NANOSECONDS);
        let last = self.last_ms.saturating_mul(NANOSECONDS).saturating_add(NANOSECONDS - 1);
        first..=last
    }

    /// The series that are meant, until they are `unwanted`. There is one regular expression
    /// in memory at a time.
    ///
    /// # Errors
    /// For a regular expression that is not understood or too large.
    pub(super) fn meant<'a, T>(
        &self,
        all: &'a [(Labels, T)],
        unwanted: &AtomicBool,
    ) -> Result<Vec<&'a (Labels, T)>, Refusal> {
        let mut meant: Vec<_> = all.iter().collect();
        for matcher in &self.matchers {
            let allows = matcher.ready()?;
            meant.retain(|(labels, _)| !unwanted.load(Ordering::Relaxed) && allows(labels));
        }
        Ok(meant)
    }
}

/// In a millisecond.
pub(super) const NANOSECONDS: i64 = 1_000_000;

/// What a label must be. One that a series does not have counts as empty.
#[derive(Debug)]
struct Matcher {
    name: String,
    /// A text, or a regular expression.
    value: String,
    is_pattern: bool,
    is_negated: bool,
}

impl Matcher {
    /// Whether it allows the series with some labels.
    fn ready(&self) -> Result<impl Fn(&Labels) -> bool, Refusal> {
        let regex = self.is_pattern.then(|| regex(&self.value)).transpose()?;
        Ok(move |labels: &Labels| {
            let found = labels.iter().find(|(name, _)| *name == self.name);
            let found = found.map_or("", |(_, value)| value.as_str());
            let is_met = regex.as_ref().map_or(self.value == found, |it| it.is_match(found));
            is_met != self.is_negated
        })
    }
}

/// The queries of a message, decompressed.
///
/// # Errors
/// For what is no such message, or asks too much or what is not answered here.
pub(super) fn decode(message: &[u8]) -> Result<Vec<Query>, Refusal> {
    let mut queries: Vec<Query> = Vec::new();
    let mut kinds = Vec::new();
    for field in fields(message) {
        match field.ok_or_else(no_request)? {
            (1, Field::Bytes(query)) => queries.push(decode_query(query)?),
            (2, Field::Varint(kind)) => kinds.push(kind),
            // Several numbers may be packed together.
            (2, Field::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    kinds.push(read_varint(&mut packed).ok_or_else(no_request)?);
                }
            }
            _ => {}
        }
        let matchers = queries.iter().map(|query| query.matchers.len()).sum();
        for (count, most, what) in
            [(queries.len(), QUERIES_MAX, "queries"), (matchers, MATCHERS_MAX, "matchers")]
        {
            if count > most {
                let text = format!("more than {most} {what}; send several requests");
                return Err(Refusal::bad(text));
            }
        }
    }
    if kinds.is_empty() || kinds.contains(&SAMPLES) {
        return Ok(queries);
    }
    Err(Refusal::bad(
        "the client takes nothing but streamed answers, and answers here are not streamed: \
         let it accept the response type SAMPLES too",
    ))
}

fn decode_query(message: &[u8]) -> Result<Query, Refusal> {
    let mut query = Query::default();
    for field in fields(message) {
        match field.ok_or_else(no_request)? {
            (1, Field::Varint(first)) => query.first_ms = first.cast_signed(),
            (2, Field::Varint(last)) => query.last_ms = last.cast_signed(),
            (3, Field::Bytes(matcher)) => query.matchers.push(decode_matcher(matcher)?),
            // Among them hints, which a server need not heed.
            _ => {}
        }
    }
    Ok(query)
}

fn decode_matcher(message: &[u8]) -> Result<Matcher, Refusal> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| no_request());
    let (mut kind, mut name, mut value) = (0, String::new(), String::new());
    for field in fields(message) {
        match field.ok_or_else(no_request)? {
            (1, Field::Varint(given)) => kind = given,
            (2, Field::Bytes(given)) => name = text(given)?,
            (3, Field::Bytes(given)) => value = text(given)?,
            _ => {}
        }
    }
    let (is_pattern, is_negated) = match kind {
        0 => (false, false),
        1 => (false, true),
        2 => (true, false),
        3 => (true, true),
        _ => return Err(Refusal::bad(format!("{kind} is no kind of matcher"))),
    };
    Ok(Matcher { name, value, is_pattern, is_negated })
}

/// All of a label's value is meant, as in Prometheus.
fn regex(pattern: &str) -> Result<Regex, Refusal> {
    let mut whole = RegexBuilder::new(&format!("^(?s:{pattern})$"));
    let mut build = |bytes_max| {
        whole.size_limit(bytes_max).build().map_err(|error| {
            let shown: String = pattern.chars().take(PATTERN_SHOWN).collect();
            Refusal::bad(format!("{shown:?} is no regular expression that is understood: {error}"))
        })
    };
    let regex = build(REGEX_BYTES_MAX)?;
    // Matching takes a place for each group in each state.
    match regex.captures_len() {
        1 => Ok(regex),
        groups => build(REGEX_BYTES_MAX / groups),
    }
}

fn no_request() -> Refusal {
    Refusal::bad("the body is no ReadRequest of Prometheus's remote read")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::prometheus::protobuf::{VARINT, bytes, nested, tag, varint};

    fn matcher(kind: u64, name: &str, value: &str) -> Result<Matcher, Refusal> {
        let mut message = Vec::new();
        tag(&mut message, 1, VARINT);
        varint(&mut message, kind);
        bytes(&mut message, 2, name.as_bytes());
        bytes(&mut message, 3, value.as_bytes());
        decode_matcher(&message)
    }

    #[test]
    fn matchers_are_those_of_prometheus() {
        let labels = [("__name__", "room"), ("host", "box\n1")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        for (kind, name, value, expected) in [
            (0, "__name__", "room", true),
            (0, "__name__", "roo", false),
            (1, "__name__", "roo", true),
            (1, "__name__", "room", false),
            (2, "__name__", "ro{1,}.", true),
            (2, "__name__", "roo", false),
            (2, "__name__", "hall|room", true),
            (2, "host", "box.1", true),
            (3, "__name__", "r.*", false),
            (3, "__name__", "h.*", true),
            // A label that is not there is empty.
            (0, "site", "", true),
            (1, "site", "", false),
            (2, "site", ".+", false),
            (2, "site", ".*", true),
            (3, "site", ".+", true),
        ] {
            let matcher = matcher(kind, name, value).unwrap();
            let allows = matcher.ready().unwrap();
            assert_eq!(allows(&labels), expected, "{kind} {name} {value}");
        }
    }

    #[test]
    fn what_is_no_matcher_is_refused() {
        let groups = "()".repeat(1_000);
        for (kind, value, why) in [
            (4, "a", "4 is no kind"),
            (2, "(", "\"(\" is no regular expression"),
            (2, "(a{1000}){1000}", "no regular expression that is understood"),
            (2, &groups, "exceeded size limit"),
        ] {
            let refused = matcher(kind, "a", value).and_then(|it| it.ready().map(drop));
            let refusal = refused.unwrap_err();
            assert!(refusal.text.contains(why), "{refusal:?}");
            assert!(refusal.text.len() < 500);
        }
    }

    /// Sampled answers are what a client takes that says nothing.
    #[test]
    fn the_kind_of_answer_is_negotiated() {
        let mut packed = Vec::new();
        bytes(&mut packed, 2, &[1, 0]);
        for (message, is_answered) in
            [(&b""[..], true), (&[0x10, 0], true), (&[0x10, 1], false), (&packed, true)]
        {
            assert_eq!(decode(message).is_ok(), is_answered, "{message:?}");
        }
    }

    #[test]
    fn requests_are_bounded() {
        let queries = |count, matchers| {
            let mut message = Vec::new();
            for _ in 0..count {
                nested(&mut message, 1, |query| {
                    (0..matchers).for_each(|_| bytes(query, 3, b""));
                });
            }
            decode(&message).map_err(|refusal| refusal.text)
        };
        assert!(queries(QUERIES_MAX, MATCHERS_MAX / QUERIES_MAX).is_ok());
        assert!(queries(QUERIES_MAX + 1, 0).unwrap_err().contains("more than 32 queries"));
        assert!(queries(1, MATCHERS_MAX + 1).unwrap_err().contains("more than 128 matchers"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_request_or_refused(message in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&message);
        }
    }
}
