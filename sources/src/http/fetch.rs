//! Fetching a page within the limits: time, size, and where redirects may lead.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body, Error, Proxy};

use super::address::Address;
use super::guard::{Guard, NotPublic};
use super::tls::TlsFailed;
use crate::quote::quoted;
use crate::settings::Settings;

/// The longest page, decompressed.
const PAGE_BYTES_MAX: u64 = 1 << 20;
const REDIRECTS_MAX: usize = 3;
const QUOTED_CHARS_MAX: usize = 120;

pub(super) fn config(settings: &Settings) -> Config {
    let proxy = if settings.proxy_from_environment { Proxy::try_from_env() } else { None };
    Agent::config_builder()
        .proxy(proxy)
        .timeout_global(Some(settings.deadline))
        // Redirects and statuses are for us to judge.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        // A poll leaves nothing open behind it.
        .max_idle_connections(0)
        .user_agent(concat!("gaugelog/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The page at an address, or where its redirects lead; the error is in words that
/// follow the address.
pub(super) fn fetch(
    agent: &Agent,
    guard: &Guard,
    first: &Address,
    deadline: Duration,
) -> Result<Vec<u8>, String> {
    let begun = Instant::now();
    let explain = |error| explained(error, deadline);
    let mut address = first.clone();
    for redirects in 0..=REDIRECTS_MAX {
        let left = deadline.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(explain(Error::Timeout(ureq::Timeout::Global)));
        }
        guard.redirected(redirects > 0);
        let request = address.request()?;
        let request = agent.configure_request(request).timeout_global(Some(left)).build();
        let response = agent.run(request).map_err(explain)?;
        match location(&response)? {
            Some(location) => address = address.redirected(&location)?,
            None => return page(response, explain),
        }
    }
    Err(format!("there are more than {REDIRECTS_MAX} redirects"))
}

/// Where a response leads, if it is a redirect.
fn location(response: &Response<Body>) -> Result<Option<String>, String> {
    let status = response.status();
    let is_redirect = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !is_redirect.contains(&status) {
        return Ok(None);
    }
    let location = response.headers().get(header::LOCATION).map(|location| location.to_str());
    match location {
        Some(Ok(location)) => Ok(Some(location.to_owned())),
        Some(Err(_)) => Err("a redirect leads to what is no address".to_owned()),
        None => Err(format!("status {status}, but it does not say where to go")),
    }
}

/// The body of a response that is good.
fn page(
    mut response: Response<Body>,
    explain: impl Fn(Error) -> String,
) -> Result<Vec<u8>, String> {
    if !response.status().is_success() {
        return Err(format!("status {}", response.status()));
    }
    // What the library has decompressed has no such header any more.
    if let Some(encoding) = response.headers().get(header::CONTENT_ENCODING)
        && encoding != "identity"
    {
        let encoding = quoted(encoding.as_bytes(), QUOTED_CHARS_MAX);
        return Err(format!("the page is compressed by \"{encoding}\", which was not asked for"));
    }
    let mut page = Vec::new();
    let reader = response.body_mut().as_reader();
    reader
        .take(PAGE_BYTES_MAX + 1)
        .read_to_end(&mut page)
        .map_err(|error| explain(Error::from(error)))?;
    if page.len() as u64 > PAGE_BYTES_MAX {
        return Err(format!("the page has more than {PAGE_BYTES_MAX} bytes"));
    }
    Ok(page)
}

/// What went wrong, without the address, which may hold secrets.
fn explained(error: Error, deadline: Duration) -> String {
    let words = match error {
        Error::Timeout(_) => return format!("it took longer than {deadline:?}"),
        Error::HostNotFound => return "its host is not known".to_owned(),
        Error::Other(other) => match other.downcast_ref::<NotPublic>() {
            Some(NotPublic(ip)) => {
                return format!("a redirect leads to {ip}, which is not a public address");
            }
            None if other.is::<TlsFailed>() => return other.to_string(),
            None => other.to_string(),
        },
        Error::BadUri(_) | Error::InvalidProxyUrl | Error::ConnectProxyFailed(_) => {
            "the proxy or the address cannot be used".to_owned()
        }
        Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            return format!("it took longer than {deadline:?}");
        }
        Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server broke off in the middle".to_owned()
        }
        Error::Io(error) => match error.get_ref().and_then(|it| it.downcast_ref()) {
            Some(error) => super::tls::in_words(error),
            None => error.to_string(),
        },
        Error::Protocol(error) => format!("the server does not speak HTTP: {error}"),
        other => other.to_string(),
    };
    quoted(words.as_bytes(), QUOTED_CHARS_MAX)
}
