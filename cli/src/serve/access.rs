//! Who may ask: the `Host` and the `Origin` that a request names, and the token that it brings.
//!
//! Without a look at `Host`, a page of another site could have its own name lead to this
//! machine and then read what is here (DNS rebinding). An IP address cannot be made to
//! lead elsewhere.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{StatusCode, Uri};
use subtle::ConstantTimeEq;

use super::answer::{Answer, Refusal};
use super::query::Query;
use crate::exit::Exit;

/// Lengths of a token: a shorter one can be guessed.
const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 16..=256;

/// Under which names, and with which token.
#[derive(Debug)]
pub(super) struct Access {
    token: Option<String>,
    /// The name of the cookie that has the token. Browsers send the cookies of a host to all
    /// of its ports.
    cookie: String,
    hosts: Vec<String>,
}

impl Access {
    /// To what listens at this port.
    pub(super) fn new(token: Option<String>, hosts: &[String], port: u16) -> Self {
        Self { token, cookie: format!("gaugelog-{port}"), hosts: hosts.to_vec() }
    }

    /// Lets a request in, or answers in its place: with a refusal, or by turning the token
    /// of an address into a cookie.
    pub(super) fn check(&self, request: &Parts) -> Result<(), Answer> {
        let host = self.check_host(&request.headers)?;
        self.check_origin(&request.headers, &host)?;
        let Some(token) = &self.token else { return Ok(()) };
        let is_token = |given: &str| bool::from(given.as_bytes().ct_eq(token.as_bytes()));
        let query = Query::parse(request.uri.query());
        if let Some(given) = query.as_ref().ok().and_then(|query| query.get("token")) {
            return Err(match is_token(given) {
                true => self.with_cookie(token, &request.uri),
                false => unauthorized("the token of the address is not the one that is asked for"),
            });
        }
        match bearer(&request.headers).or_else(|| self.cookie(&request.headers)) {
            Some(given) if is_token(given) => Ok(()),
            Some(_) => Err(unauthorized("the token is not the one that is asked for")),
            None => Err(unauthorized(
                "a token is needed: open this address with ?token=TOKEN once, or send the header \
                 Authorization: Bearer TOKEN",
            )),
        }
    }

    /// The name under which the server is asked.
    fn check_host(&self, headers: &HeaderMap) -> Result<String, Answer> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let Some(host) = host else {
            return Err(Refusal::bad("the request has no Host, or not one that is text").into());
        };
        let name = name_of(host);
        if is_address(&name) || name == "localhost" || self.hosts.contains(&name) {
            return Ok(name);
        }
        let text = format!("{name} is no name of this server; begin it with --host {name}");
        Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, text).into())
    }

    /// Refuses what a page of another site sends. Ports may differ: a proxy has its own.
    fn check_origin(&self, headers: &HeaderMap, host: &str) -> Result<(), Answer> {
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or("");
        let name = origin.split_once("://").map(|(_, host)| name_of(host));
        if name.is_some_and(|name| name == host || self.hosts.contains(&name)) {
            return Ok(());
        }
        let text = format!("{origin:?} is the Origin of another site, which may not ask here");
        Err(Refusal::new(StatusCode::FORBIDDEN, text).into())
    }

    fn cookie<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let all = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
        let mut pairs =
            all.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| name.trim() == self.cookie).map(|(_, value)| value.trim())
    }

    /// Sends a browser to the same place without the token, which stays in no history. A page
    /// of another site cannot send the cookie, and a link from there does: no `GET` changes
    /// anything here.
    fn with_cookie(&self, token: &str, uri: &Uri) -> Answer {
        let name = &self.cookie;
        let cookie = format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000");
        let headers = [(header::SET_COOKIE, cookie), (header::LOCATION, without_token(uri))];
        let value = |(name, text): (_, String)| Some((name, HeaderValue::from_str(&text).ok()?));
        Answer {
            status: StatusCode::SEE_OTHER,
            headers: headers.into_iter().filter_map(value).collect(),
            ..Answer::json(&serde_json::json!({ "signed_in": true }))
        }
    }
}

/// A name that requests may have as their `Host`, as the command line gives it.
pub(super) fn host(text: &str) -> Result<String, String> {
    let is_label = |label: &str| {
        let fits = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        !label.is_empty() && label.bytes().all(fits)
    };
    let name = without_root(text);
    match name.split('.').all(is_label) {
        true => Ok(name.to_ascii_lowercase()),
        false => Err("write a name alone, without a port, such as gauges.example.org; its parts \
                      are of letters from a to z, digits, - and _ (xn--… for others); addresses \
                      need not be given"
            .to_owned()),
    }
}

/// The token in a file.
///
/// # Errors
/// [`Exit::Error`] for one that cannot be read or used.
pub(super) fn token(path: &Path) -> Result<String, Exit> {
    let path_shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| Exit::Error(format!("{path_shown}: cannot read the token: {error}")))?;
    let token = text.trim_end_matches(['\n', '\r']);
    let fits = |c: u8| c.is_ascii_alphanumeric() || b"-._~+/=".contains(&c);
    if !TOKEN_BYTES.contains(&token.len()) || !token.bytes().all(fits) {
        let (least, most) = TOKEN_BYTES.into_inner();
        return Err(Exit::Error(format!(
            "{path_shown}: a token is one line of {least} to {most} letters, digits and -._~+/=; \
             make one with `head -c 24 /dev/urandom | base64`"
        )));
    }
    Ok(token.to_owned())
}

/// The name in a `Host`.
fn name_of(host: &str) -> String {
    without_root(without_port(host)).to_ascii_lowercase()
}

/// `[::1]:8080` is `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The dot of the root at the end of a name changes nothing: `box.local.` is `box.local`.
fn without_root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn is_address(name: &str) -> bool {
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    inner.unwrap_or(name).parse::<IpAddr>().is_ok()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unauthorized(text: &str) -> Answer {
    let refusal = Refusal::new(StatusCode::UNAUTHORIZED, text);
    refusal.with(header::WWW_AUTHENTICATE, "Bearer").into()
}

/// The path, and the query without the token. Two slashes at the beginning would name another
/// server, and browsers take a backslash for a slash.
fn without_token(uri: &Uri) -> String {
    let path = format!("/{}", uri.path().trim_start_matches(['/', '\\']));
    let parameters = uri.query().unwrap_or("").split('&').filter(|it| !it.is_empty());
    let is_token = |it: &&str| Query::parse(Some(it)).is_ok_and(|it| it.get("token").is_some());
    let others: Vec<&str> = parameters.filter(|it| !is_token(it)).collect();
    if others.is_empty() { path } else { format!("{path}?{}", others.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_no_request_can_name_is_refused() {
        for name in ["gauges.example.org", "box", "a_b-1.local", "10.0.0.1"] {
            assert_eq!(host(name), Ok(name.to_owned()));
        }
        for name in ["Gauges.Example.org", "gauges.example.org."] {
            assert_eq!(host(name), Ok("gauges.example.org".to_owned()));
        }
        let odd = ["", " ", ".", "a:8080", "http://a", "a/b", "a..b", "a..", "*.example.org"];
        for odd in odd.into_iter().chain(["[::1]", "bücher.example"]) {
            let why = host(odd).unwrap_err();
            assert!(why.contains("without a port") && why.contains("a to z"), "{odd}");
        }
    }

    #[test]
    fn the_token_alone_leaves_an_address() {
        for (address, expected) in [
            ("/?token=a", "/"),
            (
                "/api/v1/stores/room/stats?since=-1h&token=a&tz=%2B02:00",
                "/api/v1/stores/room/stats?since=-1h&tz=%2B02:00",
            ),
            ("/?%74oken=a&x", "/?x"),
            ("//evil.example/?token=a&x=1", "/evil.example/?x=1"),
            ("/\\evil.example/?token=a", "/evil.example/"),
        ] {
            assert_eq!(without_token(&address.parse().unwrap()), expected);
        }
    }

    #[test]
    fn a_host_is_named_with_and_without_its_port() {
        for (host, expected) in [
            ("localhost", "localhost"),
            ("localhost:8080", "localhost"),
            ("[::1]:8080", "[::1]"),
            ("127.0.0.1", "127.0.0.1"),
            ("evil.example:x", "evil.example:x"),
        ] {
            assert_eq!(without_port(host), expected);
        }
        for (name, expected) in
            [("[::1]", true), ("127.0.0.1", true), ("::1", true), ("127.0.0.1.evil.example", false)]
        {
            assert_eq!(is_address(name), expected, "{name}");
        }
        // An address without brackets is cut at its last colon, and is none then.
        assert!(!is_address(without_port("evil.example:80")));
    }
}
