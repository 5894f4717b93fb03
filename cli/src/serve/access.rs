//! Who may ask: the `Host` that a request names, and the token that it brings.
//!
//! Without a look at `Host`, a page of another site could have its own name lead to this
//! machine and then read what is here (DNS rebinding). An IP address cannot be made to
//! lead elsewhere.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use subtle::ConstantTimeEq;

use super::answer::{Answer, Refusal};
use super::query::Query;
use crate::exit::Exit;

const COOKIE: &str = "gaugelog";
/// Lengths of a token: a shorter one can be guessed.
const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 16..=256;

/// Under which names, and with which token.
#[derive(Debug)]
pub(super) struct Access {
    token: Option<String>,
    hosts: Vec<String>,
}

impl Access {
    /// # Errors
    /// [`Exit::Error`] for a token that cannot be read or used.
    pub(super) fn new(token_file: Option<&Path>, hosts: &[String]) -> Result<Self, Exit> {
        let token = token_file.map(token).transpose()?;
        Ok(Self { token, hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect() })
    }

    /// Lets a request in, or answers in its place: with a refusal, or by turning the token
    /// of an address into a cookie.
    pub(super) fn check(&self, request: &Parts) -> Result<(), Answer> {
        self.check_host(&request.headers)?;
        let Some(token) = &self.token else { return Ok(()) };
        let is_token = |given: &str| bool::from(given.as_bytes().ct_eq(token.as_bytes()));
        let query = Query::parse(request.uri.query());
        if let Some(given) = query.as_ref().ok().and_then(|query| query.get("token")) {
            return Err(match is_token(given) {
                true => with_cookie(token, request.uri.path()),
                false => unauthorized("the token of the address is not the one that is asked for"),
            });
        }
        match bearer(&request.headers).or_else(|| cookie(&request.headers)) {
            Some(given) if is_token(given) => Ok(()),
            Some(_) => Err(unauthorized("the token is not the one that is asked for")),
            None => Err(unauthorized(
                "a token is needed: open this address with ?token=TOKEN once, or send the header \
                 Authorization: Bearer TOKEN",
            )),
        }
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<(), Answer> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let Some(host) = host else {
            return Err(Refusal::bad("the request has no Host, or not one that is text").into());
        };
        let name = without_port(host).to_ascii_lowercase();
        if is_address(&name) || name == "localhost" || self.hosts.contains(&name) {
            return Ok(());
        }
        let text = format!("{name} is no name of this server; begin it with --host {name}");
        Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, text).into())
    }
}

fn token(path: &Path) -> Result<String, Exit> {
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

/// `[::1]:8080` is `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_address(name: &str) -> bool {
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    inner.unwrap_or(name).parse::<IpAddr>().is_ok()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim() == COOKIE).map(|(_, value)| value.trim())
}

fn unauthorized(text: &str) -> Answer {
    let refusal = Refusal::new(StatusCode::UNAUTHORIZED, text);
    refusal.with(header::WWW_AUTHENTICATE, "Bearer").into()
}

/// Sends a browser to the same place without the token, which stays in no history.
fn with_cookie(token: &str, path: &str) -> Answer {
    // Two slashes at the beginning would name another server.
    let place = format!("/{}", path.trim_start_matches('/'));
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000");
    let headers = [(header::SET_COOKIE, cookie), (header::LOCATION, place)];
    let value = |(name, text): (_, String)| Some((name, HeaderValue::from_str(&text).ok()?));
    Answer {
        status: StatusCode::SEE_OTHER,
        headers: headers.into_iter().filter_map(value).collect(),
        ..Answer::json(&serde_json::json!({ "signed_in": true }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
