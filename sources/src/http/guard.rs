//! Where a name leads, and whether a redirect may lead there.
//!
//! The addresses are checked right before connecting. If the name were checked before,
//! the check could see one address and the connection use another.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// A rule for which addresses are public.
pub(super) type IsPublic = fn(IpAddr) -> bool;

/// Watches where one page and its redirects lead.
pub(super) struct Guard {
    is_public: IsPublic,
    lookup: Box<dyn Resolver>,
    /// Whether a redirect is being followed.
    is_redirected: AtomicBool,
    /// Whether the page's own address is public. Then redirects must lead to public
    /// addresses too.
    is_first_public: AtomicBool,
}

impl Guard {
    pub(super) fn new(is_public: IsPublic, lookup: Box<dyn Resolver>) -> Self {
        let (is_redirected, is_first_public) = (AtomicBool::new(false), AtomicBool::new(true));
        Self { is_public, lookup, is_redirected, is_first_public }
    }

    /// Sets whether the next name is that of a redirect.
    pub(super) fn redirected(&self, is_redirected: bool) {
        self.is_redirected.store(is_redirected, Ordering::Relaxed);
        if !is_redirected {
            self.is_first_public.store(true, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

/// An address that a redirect must not lead to.
#[derive(Debug)]
pub(super) struct NotPublic(pub(super) IpAddr);

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a public address", self.0)
    }
}

impl std::error::Error for NotPublic {}

/// The guard as the resolver of the HTTP library.
#[derive(Debug)]
pub(super) struct Guarded(pub(super) Arc<Guard>);

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let guard = &*self.0;
        // It starts a thread, and panics if that is not possible at the moment.
        let found = catch_unwind(AssertUnwindSafe(|| guard.lookup.resolve(uri, config, timeout)))
            .unwrap_or_else(|_| {
            Err(io::Error::other("the look-up of the name failed; there may be too many threads")
                .into())
        })?;
        // The name is that of the proxy, which the user has chosen.
        if config.proxy().is_some_and(|proxy| !proxy.is_no_proxy(uri)) {
            return Ok(found);
        }
        let special = found.iter().map(|found| found.ip()).find(|ip| !(guard.is_public)(*ip));
        if !guard.is_redirected.load(Ordering::Relaxed) {
            // A name with addresses of both kinds counts as public.
            let is_public = found.iter().any(|found| (guard.is_public)(found.ip()));
            guard.is_first_public.store(is_public, Ordering::Relaxed);
        } else if let Some(special) = special
            && guard.is_first_public.load(Ordering::Relaxed)
        {
            return Err(Error::Other(Box::new(NotPublic(special))));
        }
        Ok(found)
    }
}
