//! Headers that are sent with the request for a page.

use ureq::http::header::{AUTHORIZATION, HeaderName};
use ureq::http::{HeaderMap, HeaderValue};

use crate::source::SourceError;

/// Headers that the HTTP library writes itself. A second one would contradict it.
const NOT_OURS: [&str; 7] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "transfer-encoding",
    "upgrade",
];

/// Headers that are sent with the request for a page. They may be secret, and are sent
/// only to the server of the address itself.
///
/// ```
/// use gaugelog_sources::Headers;
/// let headers = Headers::new().with("Accept", "application/json")?.bearer("0815")?;
/// assert!(!format!("{headers:?}").contains("0815"));
/// assert!(Headers::new().with("Content-Length", "7").is_err());
/// # Ok::<(), gaugelog_sources::SourceError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers(HeaderMap);

impl Headers {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header.
    ///
    /// # Errors
    /// An invalid name or value, a name that is there already, or a header that the HTTP
    /// library writes itself, such as `Host`.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, SourceError> {
        let wrong = |why: &str| SourceError::fatal(format!("the header {name:?} {why}"));
        let parsed = HeaderName::try_from(name)
            .map_err(|_| wrong("has a name that no header can have; use letters, digits and -"))?;
        if NOT_OURS.contains(&parsed.as_str()) {
            return Err(wrong("cannot be set; remove it"));
        }
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| wrong("has a value with control characters; remove them"))?;
        value.set_sensitive(true);
        if self.0.insert(parsed, value).is_some() {
            return Err(wrong("is there twice; remove one"));
        }
        Ok(self)
    }

    /// Adds a token for authentication: `Authorization: Bearer TOKEN`.
    ///
    /// # Errors
    /// A token that is empty or has other characters than visible ASCII, or if there is
    /// an `Authorization` already.
    pub fn bearer(self, token: &str) -> Result<Self, SourceError> {
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let why = "a token has visible ASCII characters, without blanks, in one line";
            return Err(SourceError::fatal(why));
        }
        self.with(AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// Their names, in lower case.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(HeaderName::as_str)
    }

    /// The headers for the HTTP library.
    pub(super) fn into_map(self) -> HeaderMap {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_sent_is_refused_without_showing_it() {
        let headers = Headers::new().with("X-Key", "hunter2").unwrap();
        assert_eq!(headers.names().collect::<Vec<_>>(), ["x-key"]);
        for (name, value, why) in [
            ("", "hunter2", "no header can have"),
            ("a b", "hunter2", "no header can have"),
            ("x-key", "hunter2", "is there twice"),
            ("A", "hunter2\r\nB: c", "control characters"),
            ("Host", "hunter2", "cannot be set"),
            ("TRANSFER-ENCODING", "hunter2", "cannot be set"),
        ] {
            let error = headers.clone().with(name, value).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("hunter2"), "{error}");
        }
        for token in ["", "hunter 2", "hunter2\n", "hünter2"] {
            let error = Headers::new().bearer(token).unwrap_err().to_string();
            assert!(error.contains("a token has") && !error.contains("unter"), "{error}");
        }
        let twice = headers.bearer("a").unwrap().bearer("b").unwrap_err().to_string();
        assert!(twice.contains("\"authorization\" is there twice"), "{twice}");
    }
}
