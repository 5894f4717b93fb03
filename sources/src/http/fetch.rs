//! Fetching a page within the limits on time, size and redirects.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::{Method, Request, Response, StatusCode, header};
use ureq::{Agent, Body, Error, Proxy};

use super::address::Address;
use super::body::{Failed, Received, Text};
use super::guard::{Guard, NotPublic};
use super::tls::TlsFailed;
use crate::quote::quoted;
use crate::settings::Settings;

const REDIRECTS_MAX: usize = 3;
const QUOTED_CHARS_MAX: usize = 120;

pub(super) fn config(settings: &Settings) -> Config {
    let proxy = if settings.proxy_from_environment { Proxy::try_from_env() } else { None };
    Agent::config_builder()
        .proxy(proxy)
        .timeout_global(Some(settings.deadline))
        // Redirects and statuses are judged here.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        // A poll leaves no connection open.
        .max_idle_connections(0)
        .accept_encoding("gzip")
        .user_agent(concat!("gaugelog/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// How long a poll may take, and how large a page may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) deadline: Duration,
    /// Also the limit of a decompressed page.
    pub(super) page_bytes_max: u64,
}

/// The page at an address, or where its redirects lead. The error text follows the
/// address.
pub(super) fn fetch(
    agent: &Agent,
    guard: &Guard,
    first: &Address,
    body: Option<&str>,
    limits: Limits,
) -> Result<Text, String> {
    let Limits { deadline, page_bytes_max } = limits;
    let begun = Instant::now();
    let explain = |error| explained(error, deadline);
    let (mut address, mut body) = (first.clone(), body);
    for redirects in 0..=REDIRECTS_MAX {
        let left = deadline.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(explain(Error::Timeout(ureq::Timeout::Global)));
        }
        guard.redirected(redirects > 0);
        let request = address.request(body)?;
        let response = ask(agent, request, left).map_err(explain)?;
        match location(&response)? {
            Some(location) => {
                let there = address.redirected(&location)?;
                body = body.filter(|_| is_sent_on(response.status()));
                if body.is_some() && !there.is_same_server(first) {
                    return Err("a redirect leads to another server, to which the body is not \
                                sent; name that address itself"
                        .to_owned());
                }
                address = there;
            }
            None => return page(response, page_bytes_max, explain),
        }
    }
    Err(format!("there are more than {REDIRECTS_MAX} redirects"))
}

/// Requests a page.
fn ask(agent: &Agent, request: Request<&[u8]>, left: Duration) -> Result<Response<Body>, Error> {
    if request.method() == Method::POST {
        return agent.run(agent.configure_request(request).timeout_global(Some(left)).build());
    }
    // The HTTP library sends no body with GET, and refuses one.
    let request = request.map(|_| ());
    agent.run(agent.configure_request(request).timeout_global(Some(left)).build())
}

/// Whether a redirect is followed with the body. Others are followed by GET.
fn is_sent_on(status: StatusCode) -> bool {
    matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT)
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
    match response.headers().get(header::LOCATION) {
        Some(location) => Ok(Some(String::from_utf8_lossy(location.as_bytes()).into_owned())),
        None => Err(format!("status {status}, but it does not say where to go")),
    }
}

/// The body of a successful response, as text.
fn page(
    mut response: Response<Body>,
    bytes_max: u64,
    explain: impl Fn(Error) -> String,
) -> Result<Text, String> {
    if !response.status().is_success() {
        return Err(format!("status {}", response.status()));
    }
    let mut bytes = Vec::new();
    let reader = response.body_mut().as_reader();
    let broken = reader.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).err();
    let too_large = || {
        format!(
            "the page has more than {bytes_max} bytes; --page-max (page_max in a file) allows more"
        )
    };
    if bytes.len() as u64 > bytes_max {
        return Err(too_large());
    }
    let received = Received { bytes, broken };
    Text::decode(response.headers(), received, bytes_max).map_err(|failed| match failed {
        Failed::Broken(error) => explain(Error::from(error)),
        Failed::Gzip(error) => {
            let error = quoted(error.to_string().as_bytes(), QUOTED_CHARS_MAX);
            format!("the page cannot be decompressed: gzip: {error}")
        }
        Failed::TooLarge => too_large(),
    })
}

/// What went wrong, without the address, which may hold secrets.
pub(super) fn explained(error: Error, deadline: Duration) -> String {
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
            "the server closed the connection in the middle of its answer".to_owned()
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
