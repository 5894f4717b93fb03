//! What is sent back: a body that is whole in memory, or a refusal in JSON.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::Response;
use hyper::StatusCode;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};

use crate::exit::Exit;
use crate::explain;

pub(super) const JSON: &str = "application/json";

/// What a page from here may do: load and ask what comes from here, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// With every answer.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // What is shown is of now, and may not lie in a cache of somebody else.
    (header::CACHE_CONTROL, "no-store"),
];

/// What a request gets.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) media_type: &'static str,
    pub(super) body: Bytes,
    /// Headers of this answer alone.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Answer {
    pub(super) fn new(media_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, media_type, body: body.into(), headers: Vec::new() }
    }

    pub(super) fn json(value: &serde_json::Value) -> Self {
        Self::new(JSON, value.to_string() + "\n")
    }

    /// As hyper sends it, with a body that `kept` may hold together with something else.
    pub(super) fn into_response(self, kept: impl FnOnce(Bytes) -> Bytes) -> Response<Whole> {
        let mut response = Response::new(Whole(Some(kept(self.body))));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.extend(self.headers);
        response
    }
}

/// Why a request gets no answer. It is one as well.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) text: String,
    pub(super) header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), header: None }
    }

    /// The request makes no sense.
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(super) fn with(self, name: HeaderName, value: &'static str) -> Self {
        Self { header: Some((name, HeaderValue::from_static(value))), ..self }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let answer = Self::json(&serde_json::json!({ "error": refusal.text }));
        Self { status: refusal.status, headers: refusal.header.into_iter().collect(), ..answer }
    }
}

impl From<Exit> for Refusal {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Usage(text) => Self::bad(text.trim_start_matches("error: ").trim_end()),
            Exit::Error(text) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, text),
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "it could not be answered"),
        }
    }
}

impl From<gaugelog::Error> for Refusal {
    fn from(error: gaugelog::Error) -> Self {
        use gaugelog::ErrorKind::{Invalid, NotAStore, NotFound, Removed};
        let status = match error.kind() {
            Invalid => StatusCode::BAD_REQUEST,
            // A store without its manifest is listed, and cannot be read.
            NotAStore if explain::without_manifest(&error).is_some() => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            NotFound | NotAStore => StatusCode::NOT_FOUND,
            // The next try is about what is there then.
            Removed => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, explain::explained_later(&error))
    }
}

/// A body in one piece.
pub(super) struct Whole(Option<Bytes>);

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
