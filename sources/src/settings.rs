//! Settings that all sources share.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::http::{Fingerprint, Headers};
use crate::line::LineFormat;

/// The settings for all sources that a [`Registry`](crate::Registry) opens.
///
/// ```
/// use std::time::Duration;
/// use gaugelog_sources::Settings;
/// let settings = Settings::new().deadline(Duration::from_secs(2)).ca_file("/etc/site-ca.pem");
/// assert_eq!(settings.deadline, Duration::from_secs(2));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The time that one poll may take in all, from looking up a name to the last byte.
    /// Reading a file cannot be interrupted, so no deadline applies to it.
    pub deadline: Duration,
    /// The directory that holds `sys` and `proc`.
    pub root: PathBuf,
    /// A PEM file with certificates to trust besides the usual ones: those of
    /// authorities, and servers' own.
    pub ca_file: Option<PathBuf>,
    /// The SHA-256 of the certificate that a server must show. It replaces all other
    /// checks of it.
    pub pin: Option<Fingerprint>,
    /// Whether any certificate is trusted. Then anyone who can redirect a connection can
    /// send false values.
    pub insecure: bool,
    /// Headers that are sent with requests for pages.
    pub headers: Headers,
    /// The body that is sent to a page, by POST. It is JSON unless a header says
    /// otherwise.
    pub body: Option<String>,
    /// The most bytes that a page may have, also decompressed.
    pub page_bytes_max: u64,
    /// Whether `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` are used. A proxy
    /// looks up names itself, so it must then check where a name leads.
    pub proxy_from_environment: bool,
    /// The format of the lines of standard input.
    pub lines: LineFormat,
    /// Whether the first refused line of standard input ends it with an error.
    pub is_strict: bool,
    /// Setting this flag ends a program that is being waited for, so that it does not
    /// outlive us.
    pub stop: Arc<AtomicBool>,
}

/// A body may hold a key, and is not shown.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Settings");
        shown.field("deadline", &self.deadline).field("root", &self.root);
        shown.field("ca_file", &self.ca_file).field("pin", &self.pin);
        shown.field("insecure", &self.insecure).field("headers", &self.headers);
        shown.field("page_bytes_max", &self.page_bytes_max).field("lines", &self.lines);
        shown.field("is_strict", &self.is_strict).finish_non_exhaustive()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

impl Settings {
    /// Ten seconds a poll, the machine's own sensors, no other certificates, pages of 1
    /// MiB, no proxy.
    #[must_use]
    pub fn new() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            root: PathBuf::from("/"),
            ca_file: None,
            pin: None,
            insecure: false,
            headers: Headers::new(),
            body: None,
            page_bytes_max: 1 << 20,
            proxy_from_environment: false,
            lines: LineFormat::default(),
            is_strict: false,
            stop: Arc::default(),
        }
    }

    /// The time that one poll may take in all.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The directory that holds `sys` and `proc`.
    #[must_use]
    pub fn root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = root.into();
        self
    }

    /// A PEM file with certificates to trust besides the usual ones.
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// The SHA-256 of the certificate that a server must show.
    #[must_use]
    pub fn pin(mut self, fingerprint: Fingerprint) -> Self {
        self.pin = Some(fingerprint);
        self
    }

    /// Whether any certificate is trusted.
    #[must_use]
    pub fn insecure(mut self, insecure: bool) -> Self {
        self.insecure = insecure;
        self
    }

    /// Headers that are sent with requests for pages.
    #[must_use]
    pub fn headers(mut self, headers: Headers) -> Self {
        self.headers = headers;
        self
    }

    /// The body that is sent to a page, by POST.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The most bytes that a page may have, also decompressed.
    #[must_use]
    pub fn page_bytes_max(mut self, bytes: u64) -> Self {
        self.page_bytes_max = bytes;
        self
    }

    /// Whether the environment may name a proxy.
    #[must_use]
    pub fn proxy_from_environment(mut self, heeded: bool) -> Self {
        self.proxy_from_environment = heeded;
        self
    }

    /// The format of the lines of standard input.
    #[must_use]
    pub fn lines(mut self, format: LineFormat) -> Self {
        self.lines = format;
        self
    }

    /// Whether the first refused line ends standard input with an error.
    #[must_use]
    pub fn strict(mut self, is_strict: bool) -> Self {
        self.is_strict = is_strict;
        self
    }

    /// A flag that ends a program that is being waited for, such as the collector's stop
    /// flag.
    #[must_use]
    pub fn stop(mut self, flag: Arc<AtomicBool>) -> Self {
        self.stop = flag;
        self
    }
}
