//! Sending bytes to one address, for programs that forward observations.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use ureq::http::header::AUTHORIZATION;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector};
use ureq::{Agent, Proxy};

use super::address::Address;
use super::fetch::explained;
use super::identity::Identity;
use super::trust::Trust;
use super::{connect, tls};
use crate::quote::{escaped, quoted};
use crate::settings::Settings;
use crate::source::SourceError;
use crate::spec::without_secrets;

/// The most bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 4096;
const ANSWER_CHARS_MAX: usize = 300;

/// An address to which bytes are posted, over HTTP or HTTPS.
///
/// The check of the server, the deadline and the use of a proxy follow the [`Settings`],
/// as for a [`Page`](crate::Page). A connection is used again while the server keeps it
/// open. A user and a password in the address are sent and never shown; the query is not
/// shown either. Redirects are not followed: they would send data elsewhere.
///
/// ```no_run
/// use gaugelog_sources::{Post, Settings};
/// let post = Post::open("http://localhost:9090/api/v1/write", &Settings::new(), None)?;
/// let answer = post.send(&[("content-type", "text/plain")], b"7")?;
/// println!("{}: {} {}", post.shown(), answer.status, answer.text);
/// # Ok::<(), gaugelog_sources::SourceError>(())
/// ```
pub struct Post {
    agent: Agent,
    address: Address,
    shown: String,
    deadline: Duration,
}

/// The answer of a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The beginning of the answer, as one line that is safe for a terminal.
    pub text: String,
    headers: HeaderMap,
}

impl Answer {
    /// A header, if the answer has it and it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Post {
    /// An address to post to, and the client certificate for a server that requires one.
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// An invalid address, a file of certificates that cannot be read, or a client
    /// certificate that does not belong to its key or is for an address without TLS.
    pub fn open(
        address: &str,
        settings: &Settings,
        identity: Option<Identity>,
    ) -> Result<Self, SourceError> {
        if address.contains('#') {
            return Err(SourceError::fatal("an address to send to has no #; remove it"));
        }
        let shown = escaped(&without_secrets(address)).into_owned();
        let address = Address::parse(address).map_err(SourceError::fatal)?;
        let trust = Trust::of(settings)?;
        if address.is_https() && matches!(trust, Trust::Anybody) {
            log::warn!("{shown}: the certificate is not checked, so any server is trusted");
        }
        if identity.is_some() && !address.is_https() {
            return Err(SourceError::fatal("a client certificate is for https:; write that"));
        }
        let tls = match identity {
            Some(identity) => tls::Tls::showing(trust, identity),
            None => tls::Tls::new(trust),
        };
        let tls = tls.map_err(SourceError::fatal)?;
        let connector =
            ().chain(ConnectProxyConnector::default()).chain(connect::Racing).chain(tls);
        let proxy = if settings.proxy_from_environment { Proxy::try_from_env() } else { None };
        let config = Agent::config_builder()
            .proxy(proxy)
            .timeout_global(Some(settings.deadline))
            // Redirects and statuses are judged by the caller.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .max_idle_connections(1)
            .accept_encoding("identity")
            .user_agent(concat!("gaugelog/", env!("CARGO_PKG_VERSION")))
            .build();
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        Ok(Self { agent, address, shown, deadline: settings.deadline })
    }

    /// The address without its secrets.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether the address has a user, with or without a password.
    #[must_use]
    pub fn names_user(&self) -> bool {
        self.address
            .request(None)
            .is_ok_and(|request| request.headers().contains_key(AUTHORIZATION))
    }

    /// Ends what is being sent, in whichever thread, with an error. Nothing is sent any more.
    pub fn shut_down(&self) {
        self.agent.clone().shutdown();
    }

    /// Posts bytes with these headers and waits for the answer, whatever its status.
    ///
    /// # Errors
    /// A header that cannot be sent; a server that cannot be reached, is not trusted, or
    /// does not answer in time. The text follows the address and shows no secrets.
    pub fn send(&self, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, SourceError> {
        let (mut parts, _) = self.address.request(None).map_err(SourceError::new)?.into_parts();
        parts.method = Method::POST;
        for (name, value) in headers {
            let wrong = || SourceError::fatal(format!("the header {name} cannot be sent"));
            let name = HeaderName::try_from(*name).map_err(|_| wrong())?;
            let mut value = HeaderValue::try_from(*value).map_err(|_| wrong())?;
            value.set_sensitive(name == AUTHORIZATION);
            parts.headers.insert(name, value);
        }
        let answer = self.agent.run(Request::from_parts(parts, body));
        let answer = answer.map_err(|error| SourceError::new(explained(error, self.deadline)))?;
        let (parts, mut body) = answer.into_parts();
        let mut text = Vec::new();
        // The status is valid even if the text after it is cut off.
        let _ = body.as_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut text);
        Ok(Answer {
            status: parts.status.as_u16(),
            text: quoted(&text, ANSWER_CHARS_MAX),
            headers: parts.headers,
        })
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Post").field(&self.shown).finish()
    }
}
