//! `/api/v1/read`: stores as series of Prometheus, which reads them from here.
//!
//! A request and its answer are protobuf, compressed with snappy:
//! <https://prometheus.io/docs/prometheus/latest/querying/remote_read_api/>. All samples of
//! an answer are one message. Series have the names that `gaugelog forward` gives them.

mod request;

use gaugelog::Window;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::answer::{Answer, Refusal};
use super::overview::missing;
use super::stores::Reader;
use crate::ask::stores::Named;
use crate::prometheus::names::{self, Naming};
use crate::prometheus::protobuf::nested;
use crate::prometheus::{Labels, Sample, write_labels, write_sample};
use request::{NANOSECONDS, Query};

/// Of all series of an answer together: they take 4 MB.
const SAMPLES_MAX: u64 = 200_000;
/// Of a request, before and after decompression.
pub(super) const REQUEST_BYTES_MAX: usize = 64 * 1024;

const MEDIA_TYPE: &str = "application/x-protobuf";
/// In how many places the stores of an answer are damaged.
const MISSING: HeaderName = HeaderName::from_static("gaugelog-missing");

/// Refuses what is not said to be protobuf. A page of another site can send that only with
/// leave, which is not given.
pub(super) fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or("");
    let media_type = given.split_once(';').map_or(given, |(media_type, _)| media_type);
    if media_type.trim().eq_ignore_ascii_case(MEDIA_TYPE) {
        return Ok(());
    }
    let text = format!("the Content-Type is {given:?}; remote read sends {MEDIA_TYPE}");
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text))
}

/// Answers the body of a request.
pub(super) fn read(reader: &Reader<'_>, naming: &Naming, body: &[u8]) -> Result<Answer, Refusal> {
    let queries = request::decode(&decompressed(body)?)?;
    let all = reader.all()?.into_iter();
    let named: Vec<(Labels, Named)> =
        all.map(|store| (naming.labels(&store.name), store)).collect();
    let mut reading = Reading::default();
    let mut message = Vec::new();
    for query in &queries {
        nested(&mut message, 1, |result| reading.answer(reader, query, &named, result))?;
    }
    let mut compressed = snap::raw::Encoder::new()
        .compress_vec(&message)
        .map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    // It may wait for its reader.
    compressed.shrink_to_fit();
    let mut answer = Answer::new(MEDIA_TYPE, compressed);
    answer.headers.push((header::CONTENT_ENCODING, HeaderValue::from_static("snappy")));
    if reading.missing > 0 {
        answer.headers.push((MISSING, reading.missing.into()));
    }
    Ok(answer)
}

fn decompressed(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let no_snappy = |error| Refusal::bad(format!("the body is not compressed by snappy: {error}"));
    if snap::raw::decompress_len(body).map_err(no_snappy)? > REQUEST_BYTES_MAX {
        return Err(too_large());
    }
    snap::raw::Decoder::new().decompress_vec(body).map_err(no_snappy)
}

/// Refuses a request of more bytes than [`REQUEST_BYTES_MAX`].
pub(super) fn too_large() -> Refusal {
    let text = format!("a request has at most {REQUEST_BYTES_MAX} bytes; ask for fewer series");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}

/// What was read for an answer so far.
#[derive(Debug, Default)]
struct Reading {
    samples: u64,
    /// Damaged places that were met.
    missing: usize,
}

impl Reading {
    /// Writes the series that a query means and that have something of its time.
    fn answer(
        &mut self,
        reader: &Reader<'_>,
        query: &Query,
        named: &[(Labels, Named)],
        result: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let mut meant = query.meant(named, reader.unwanted())?;
        names::check_distinct(meant.iter().map(|(labels, store)| (&*store.path, labels)))?;
        // Prometheus merges what several servers answer, and takes each for sorted.
        meant.sort_by(|(left, _), (right, _)| left.cmp(right));
        for (labels, store) in meant {
            let snapshot = reader.snapshot(store)?;
            let window = snapshot.window(query.times_ns());
            let count = window.summary()?.count();
            self.samples += count;
            if self.samples > SAMPLES_MAX {
                return Err(too_many());
            }
            if count > 0 {
                nested(result, 1, |series| write(labels, &window, series))?;
            }
            self.missing += missing(&snapshot).len();
        }
        Ok(())
    }
}

fn too_many() -> Refusal {
    Refusal::bad(format!(
        "more than {SAMPLES_MAX} samples; ask for a shorter time or fewer series, or bring all \
         of them to Prometheus with `gaugelog forward`"
    ))
}

/// Writes a series. Of several observations in a millisecond it has the latest, since
/// Prometheus keeps one.
fn write(labels: &Labels, window: &Window, series: &mut Vec<u8>) -> gaugelog::Result<()> {
    write_labels(series, labels);
    let mut last: Option<Sample> = None;
    for observation in window.iter() {
        let observation = observation?;
        let time_ms = observation.timestamp_ns.div_euclid(NANOSECONDS);
        let before = last.replace(Sample { time_ms, value: observation.value });
        if let Some(before) = before.filter(|before| before.time_ms < time_ms) {
            write_sample(series, before);
        }
    }
    last.into_iter().for_each(|last| write_sample(series, last));
    Ok(())
}
