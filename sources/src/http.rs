//! A page on the web, and the number in it.

mod address;
mod body;
mod certificate;
mod charset;
mod connect;
mod exposition;
mod extract;
mod fetch;
mod guard;
mod headers;
mod identity;
mod json;
mod post;
mod public;
mod tls;
mod trust;

use std::fmt;
use std::sync::Arc;

use ureq::Agent;
use ureq::unversioned::resolver::{DefaultResolver, Resolver};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector};

use crate::quote::escaped;
use crate::settings::Settings;
use crate::source::{Reading, Readings, Source, SourceError};
use crate::spec::without_secrets;
use address::Address;
use extract::Wanted;
use fetch::Limits;
use guard::{Guard, IsPublic};
pub use headers::Headers;
pub use identity::Identity;
pub use post::{Answer, Post};
pub use trust::Fingerprint;
use trust::Trust;

/// A number on a page that is fetched at each poll, over HTTP or HTTPS.
///
/// The number is the whole page, or what the fragment after `#` names: a JSON Pointer
/// (`#/main/temp`, RFC 6901), for which a string that is a number counts as one, or a
/// sample of a Prometheus page (`#name{label="x"}`). A step `[name=="attic"]` of a
/// pointer chooses the one object that has this member. A sample must have the labels
/// that are named (`=`, `!=`, `=~`, `!~`) and may have others. If several match, the one
/// without other labels is taken. It must be there once. The time of a sample is ignored.
///
/// Errors elsewhere in the page do not matter: `NaN` or `1e999`, a byte that is not text,
/// a line that is not a sample. Declared charsets may be UTF-8, UTF-16 and Latin-1.
///
/// # Pages that are cut off
/// A page is complete if all bytes of its Content-Length, its last chunk or the end of
/// its gzip arrived. A page with none of these must show its end: JSON its closing
/// bracket, the line of a sample its line end, and OpenMetrics its `# EOF`. A page that
/// is one bare number has no such end, and is used as it is.
///
/// # Who the server is
/// For HTTPS, a certificate is accepted if it is signed by an authority that is built in
/// or in [`Settings::ca_file`]. The server's own certificate in that file, byte for byte,
/// is accepted too, whatever kind it is, if its dates are valid and it names the host.
/// With [`Settings::pin`] only the certificate with that SHA-256 is accepted, and with
/// [`Settings::insecure`] any.
///
/// # Limits
/// A poll takes no longer than its deadline, however slow the server is. A page has at
/// most [`Settings::page_bytes_max`], also decompressed. If a server has several
/// addresses, the first that answers is used (RFC 8305). At most three redirects are
/// followed: to HTTP or HTTPS, never from HTTPS to HTTP, and never to an address that is
/// loopback, private, link-local or otherwise not public, unless the spec's own address
/// is such. This is checked on the address that is connected to, so no name can get
/// around it. With a proxy, which looks up names itself, the proxy must check it.
///
/// # Secrets
/// A user and a password in the address, [`Settings::headers`] and [`Settings::body`] are
/// sent only to its own server, and are never shown. The query is not shown either, since
/// it often holds keys. The HTTP library logs addresses with their query at its debug
/// level: a logger that writes `ureq`'s lines too shows them.
pub struct Page {
    agent: Agent,
    guard: Arc<Guard>,
    address: Address,
    /// Which part of the page each value is.
    wanted: Vec<Wanted>,
    /// The address of each value as it may be shown.
    shown: Vec<String>,
    /// That of the page, which fails for all of them.
    shown_page: String,
    /// The body that is sent by POST.
    body: Option<String>,
    limits: Limits,
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Page {
    /// The number on the page at an address, which may end with a fragment.
    ///
    /// # Errors
    /// An invalid address, a fragment that is neither a pointer nor a sample, or a file
    /// of certificates that cannot be read.
    pub fn open(address: &str, settings: &Settings) -> Result<Self, SourceError> {
        Self::guarded(address, settings, public::is_public, DefaultResolver::default())
    }

    /// Several numbers on the page at an address. Each has its own fragment.
    pub(crate) fn open_several(
        page: &str,
        fragments: &[Option<&str>],
        settings: &Settings,
    ) -> Result<Self, SourceError> {
        let (is_public, lookup) = (public::is_public, DefaultResolver::default());
        Self::guarded_several(page, fragments, settings, is_public, lookup)
    }

    /// The same with another rule for public addresses and another resolver of names.
    fn guarded(
        address: &str,
        settings: &Settings,
        is_public: IsPublic,
        lookup: impl Resolver,
    ) -> Result<Self, SourceError> {
        let (page, fragment) = match address.split_once('#') {
            Some((page, fragment)) => (page, Some(fragment)),
            None => (address, None),
        };
        Self::guarded_several(page, &[fragment], settings, is_public, lookup)
    }

    fn guarded_several(
        page: &str,
        fragments: &[Option<&str>],
        settings: &Settings,
        is_public: IsPublic,
        lookup: impl Resolver,
    ) -> Result<Self, SourceError> {
        let mut address = Address::parse(page).map_err(SourceError::fatal)?;
        address.add_headers(settings.headers.clone()).map_err(SourceError::fatal)?;
        let wanted: Result<Vec<Wanted>, String> =
            fragments.iter().map(|fragment| Wanted::parse(*fragment)).collect();
        let wanted = wanted.map_err(SourceError::fatal)?;
        let shown = |fragment: &Option<&str>| {
            let whole = fragment.map_or(page.to_owned(), |fragment| format!("{page}#{fragment}"));
            escaped(&without_secrets(&whole)).into_owned()
        };
        let shown_page = shown(if let [only] = fragments { only } else { &None });
        let shown: Vec<String> = fragments.iter().map(shown).collect();
        let trust = Trust::of(settings)?;
        if address.is_https() && matches!(trust, Trust::Anybody) {
            log::warn!("{}: the certificate is not checked, so any server is trusted", shown[0]);
        }
        let tls = tls::Tls::new(trust).map_err(SourceError::fatal)?;
        let connector =
            ().chain(ConnectProxyConnector::default()).chain(connect::Racing).chain(tls);
        let guard = Arc::new(Guard::new(is_public, Box::new(lookup)));
        let resolver = guard::Guarded(Arc::clone(&guard));
        let agent = Agent::with_parts(fetch::config(settings), connector, resolver);
        let limits =
            Limits { deadline: settings.deadline, page_bytes_max: settings.page_bytes_max };
        let body = settings.body.clone();
        Ok(Self { agent, guard, address, wanted, shown, shown_page, body, limits })
    }

    /// Fetches the page once, and finds each value on it.
    fn read(&self) -> Result<Readings, SourceError> {
        let failed = |address: &str, what| SourceError::new(format!("{address}: {what}"));
        let body = self.body.as_deref();
        let page = fetch::fetch(&self.agent, &self.guard, &self.address, body, self.limits)
            .map_err(|what| failed(&self.shown_page, what))?;
        let find = |(at, wanted): (usize, &Wanted)| match wanted.find(&page) {
            Ok(value) => Ok(Some(Reading::new(value))),
            Err(what) => Err(failed(&self.shown[at], what)),
        };
        Ok(self.wanted.iter().enumerate().map(find).collect())
    }
}

impl Source for Page {
    fn name(&self) -> &str {
        "http"
    }

    fn description(&self) -> String {
        self.value_description(0)
    }

    fn values(&self) -> usize {
        self.wanted.len()
    }

    fn value_description(&self, value: usize) -> String {
        let shown = self.shown.get(value).map_or("", String::as_str);
        format!("the number at {shown}")
    }

    fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
        self.read()?.into_iter().next().unwrap_or(Ok(None))
    }

    fn poll_all(&mut self) -> Result<Option<Readings>, SourceError> {
        self.read().map(Some)
    }
}

/// Which number to take from a text like a page.
#[derive(Debug)]
pub(crate) struct Pick(Wanted);

impl Pick {
    /// Reads the text after `#`. The error says what would be right.
    pub(crate) fn parse(fragment: &str) -> Result<Self, String> {
        Wanted::parse(Some(fragment)).map(Self)
    }

    /// The number in a text, or an error that shows what is there instead.
    pub(crate) fn find(&self, text: &str) -> Result<f64, String> {
        self.0.find(&body::Text::whole(text))
    }
}

#[cfg(fuzzing)]
pub(crate) fn find_on_page(fragment: Option<&str>, page: &str) -> Option<Result<f64, String>> {
    Wanted::parse(fragment).ok().map(|wanted| wanted.find(&body::Text::whole(page)))
}

#[cfg(test)]
mod tests;
