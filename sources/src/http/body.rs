//! From the bytes of a server to text: content coding, charset, and whether everything
//! has arrived.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use ureq::http::{HeaderMap, HeaderName, header};

use super::charset;
use crate::quote::quoted;

const QUOTED_CHARS_MAX: usize = 40;
/// The first bytes of every gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A page, as text.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    pub(super) text: String,
    /// Whether everything has arrived: its Content-Length, its last chunk or the end of
    /// its gzip. A page without any of these may be cut off anywhere.
    pub(super) is_whole: bool,
    /// Whether it is declared as OpenMetrics, which has its own end marker.
    pub(super) is_open_metrics: bool,
    /// A content coding that is not supported and was not decoded.
    pub(super) coding: Option<String>,
}

/// The result of reading a body.
pub(super) struct Received {
    pub(super) bytes: Vec<u8>,
    /// The error that ended reading before the end of the body.
    pub(super) broken: Option<io::Error>,
}

impl Text {
    /// A complete page that needs no decoding.
    pub(super) fn whole(text: &str) -> Self {
        Self { text: text.to_owned(), is_whole: true, ..Self::default() }
    }

    /// Decodes content coding and charset, as the headers name them.
    pub(super) fn decode(
        headers: &HeaderMap,
        received: Received,
        bytes_max: u64,
    ) -> Result<Self, Failed> {
        let Received { bytes, broken } = received;
        let coding = header_of(headers, header::CONTENT_ENCODING);
        let coding = coding.filter(|coding| !coding.eq_ignore_ascii_case("identity"));
        let is_gzip = coding.as_ref().is_some_and(|coding| is_gzip(coding))
            && (bytes.starts_with(&GZIP_MAGIC) || bytes.is_empty());
        let (bytes, is_whole, coding) = if is_gzip {
            match (gunzip(&bytes, bytes_max), broken) {
                (Ok(page), _) => (page, true, None),
                (Err(Failed::Gzip(_)), Some(broken)) => return Err(Failed::Broken(broken)),
                (Err(failed), _) => return Err(failed),
            }
        } else if let Some(broken) = broken {
            return Err(Failed::Broken(broken));
        } else {
            (bytes, is_delimited(headers), coding)
        };
        let media = header_of(headers, header::CONTENT_TYPE).unwrap_or_default();
        let is_open_metrics =
            media.to_ascii_lowercase().starts_with("application/openmetrics-text");
        let text = charset::decode(&bytes, charset::declared(&media));
        Ok(Self { text, is_whole, is_open_metrics, coding })
    }
}

/// Why a body is not text.
#[derive(Debug)]
pub(super) enum Failed {
    Broken(io::Error),
    Gzip(io::Error),
    TooLarge,
}

/// A header as text, without surrounding white space; `None` if it is empty.
fn header_of(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let text = quoted(headers.get(name)?.as_bytes().trim_ascii(), QUOTED_CHARS_MAX);
    (!text.is_empty()).then_some(text)
}

/// Both names are in use, in any case.
fn is_gzip(coding: &str) -> bool {
    ["gzip", "x-gzip"].iter().any(|known| coding.eq_ignore_ascii_case(known))
}

/// Whether a body has a stated end. If it has, the HTTP library has checked that the end
/// arrived.
fn is_delimited(headers: &HeaderMap) -> bool {
    let is_chunked = |coding: String| coding.to_ascii_lowercase().ends_with("chunked");
    headers.contains_key(header::CONTENT_LENGTH)
        || header_of(headers, header::TRANSFER_ENCODING).is_some_and(is_chunked)
}

fn gunzip(bytes: &[u8], bytes_max: u64) -> Result<Vec<u8>, Failed> {
    let mut page = Vec::new();
    let reader = MultiGzDecoder::new(bytes);
    reader.take(bytes_max.saturating_add(1)).read_to_end(&mut page).map_err(Failed::Gzip)?;
    if page.len() as u64 > bytes_max {
        return Err(Failed::TooLarge);
    }
    Ok(page)
}
