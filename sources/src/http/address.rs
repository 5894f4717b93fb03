//! Addresses of pages: parsing, comparing, and following redirects.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fluent_uri::{Uri, UriRef};
use percent_encoding::percent_decode_str;
use ureq::http;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE};
use ureq::http::{HeaderMap, HeaderValue};

use super::headers::Headers;
use crate::quote::quoted;
use crate::spec::without_secrets;

const SHOWN_CHARS_MAX: usize = 100;

/// The address of a page. Its secrets are kept apart.
#[derive(Clone)]
pub(super) struct Address {
    /// Without user and fragment.
    uri: Uri<String>,
    origin: Origin,
    /// Secret headers for this server alone.
    headers: HeaderMap,
}

/// The server of an address: only it may see the secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    is_https: bool,
    host: String,
    port: u16,
}

impl Address {
    /// Reads an address without a fragment. The error says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let uri = Uri::parse(text).map_err(|error| wrong_place(text, error.index()))?;
        Self::of(&uri.to_owned())
    }

    fn of(uri: &Uri<String>) -> Result<Self, String> {
        let is_https = match &*uri.scheme().as_str().to_ascii_lowercase() {
            "https" => true,
            "http" => false,
            other => return Err(format!("{other}: is neither http: nor https:")),
        };
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or("it names no host, such as https://host/page")?;
        let port = authority.port_to_u16().ok().flatten();
        if authority.port().is_some_and(|port| !port.is_empty()) && port.unwrap_or(0) == 0 {
            return Err("its port is not a number from 1 to 65535".to_owned());
        }
        let port = port.unwrap_or(if is_https { 443 } else { 80 });
        let mut headers = HeaderMap::new();
        if let Some(user) = authority.userinfo() {
            headers.insert(AUTHORIZATION, basic(user.as_str())?);
        }
        let origin = Origin { is_https, host: authority.host().to_ascii_lowercase(), port };
        let without_user = {
            let Origin { host, port, .. } = &origin;
            let scheme = if is_https { "https" } else { "http" };
            let query = uri.query().map_or(String::new(), |query| format!("?{query}"));
            format!("{scheme}://{host}:{port}{}{query}", uri.path())
        };
        let uri = Uri::parse(without_user).map_err(|_| "it is no address".to_owned())?;
        Ok(Self { uri, origin, headers })
    }

    pub(super) fn is_https(&self) -> bool {
        self.origin.is_https
    }

    /// Where a redirect from here leads. The secrets of this address are passed on only
    /// to the same server.
    pub(super) fn redirected(&self, location: &str) -> Result<Self, String> {
        let shown = || shown(location);
        let no_address = || format!("a redirect leads to \"{}\", which is no address", shown());
        // Many servers send unencoded file names.
        let encoded = encoded(location);
        let there = UriRef::parse(&*encoded).map_err(|_| no_address())?;
        let there = there.resolve_against(&self.uri).map_err(|_| no_address())?;
        let mut there = Self::of(&there.strip_fragment().to_owned())
            .map_err(|what| format!("a redirect leads to \"{}\": {what}", shown()))?;
        if self.origin.is_https && !there.origin.is_https {
            return Err(format!("a redirect leads from https to \"{}\"", shown()));
        }
        there.headers.clear();
        if self.is_same_server(&there) {
            there.headers.clone_from(&self.headers);
        }
        Ok(there)
    }

    /// Adds headers for this server.
    pub(super) fn add_headers(&mut self, headers: Headers) -> Result<(), String> {
        let headers = headers.into_map();
        if headers.contains_key(AUTHORIZATION) && self.headers.contains_key(AUTHORIZATION) {
            return Err("it names a user, and there is a token or an Authorization header too; \
                        remove one"
                .to_owned());
        }
        self.headers.extend(headers);
        Ok(())
    }

    pub(super) fn is_same_server(&self, other: &Self) -> bool {
        self.origin == other.origin
    }

    /// The request for the HTTP library; with a body, by POST.
    pub(super) fn request<'a>(
        &self,
        body: Option<&'a str>,
    ) -> Result<http::Request<&'a [u8]>, String> {
        let method = if body.is_some() { http::Method::POST } else { http::Method::GET };
        let mut request = http::Request::builder().method(method).uri(self.uri.as_str());
        if let Some(headers) = request.headers_mut() {
            headers.clone_from(&self.headers);
            if body.is_some() {
                let json = HeaderValue::from_static("application/json");
                headers.entry(CONTENT_TYPE).or_insert(json);
            }
        }
        let body = body.unwrap_or_default().as_bytes();
        request.body(body).map_err(|_| "it is no address of a page".to_owned())
    }
}

/// What is wrong with an address, and how to write it. The error of the library would
/// quote the address, which may hold a password.
fn wrong_place(text: &str, at: usize) -> String {
    let no_address = "it is no address, such as https://host/page".to_owned();
    let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else { return no_address };
    let begin = text.find("//").map_or(0, |at| at + 2);
    let end = text[begin..].find(['/', '?', '#']).map_or(text.len(), |end| begin + end);
    if at < begin {
        return no_address;
    }
    if at >= end {
        return match must_be_encoded(c) {
            true => format!("it is no address: {c:?} cannot stand there; write {}", percent(c)),
            false if c == '%' => {
                "it is no address: behind % two hexadecimal digits follow; write %25 for % itself"
                    .to_owned()
            }
            false => no_address,
        };
    }
    if text[at..end].contains('@') {
        return "it is no address: what is special in a user or a password is written with %, \
                such as %40 for @"
            .to_owned();
    }
    if c.is_ascii() {
        return match c.is_ascii_alphanumeric() {
            true => no_address,
            false => format!("it is no address: {c:?} cannot stand in a host"),
        };
    }
    "it is no address: a host with other letters than a to z is written in its ASCII form, \
     which begins with xn--, such as xn--mnchen-3ya.example"
        .to_owned()
}

/// Whether a character must be percent-encoded in every address.
fn must_be_encoded(c: char) -> bool {
    !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(c)
}

fn percent(c: char) -> String {
    let mut bytes = [0; 4];
    c.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The address with all such characters encoded.
fn encoded(address: &str) -> String {
    let address = address.trim_ascii();
    let encode = |c| if must_be_encoded(c) { percent(c) } else { String::from(c) };
    address.chars().map(encode).collect()
}

/// Where a redirect leads, in a form for errors: our own key may be in it, sent back by
/// the server.
fn shown(location: &str) -> String {
    let public = location.split(['?', '#']).next().unwrap_or("");
    let more = if public.len() < location.len() { "?…" } else { "" };
    let public = match public.rsplit_once('@') {
        Some((user, place)) => {
            let scheme = user.find("//").map_or("", |at| &user[..at + 2]);
            format!("{scheme}…@{place}")
        }
        None => public.to_owned(),
    };
    quoted(format!("{public}{more}").as_bytes(), SHOWN_CHARS_MAX)
}

/// The header for a user and a password. No log shows it.
fn basic(user: &str) -> Result<HeaderValue, String> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let mut plain: Vec<u8> = percent_decode_str(name).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(password));
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(plain)))
        .map_err(|_| "its user and password cannot be sent".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_secrets(self.uri.as_str()))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn addresses_are_taken_apart() {
        let address = parsed("HTTP://me:p%40ss@Host.example:8080/a/b?k=v");
        assert_eq!(address.uri, "http://host.example:8080/a/b?k=v");
        assert_eq!(address.headers[AUTHORIZATION], "Basic bWU6cEBzcw==");
        assert_eq!(parsed("https://h").origin, parsed("https://h:443/x").origin);
        assert_eq!(parsed("http://[::1]/").origin.to_string(), "http://[::1]:80");
        assert_ne!(parsed("http://h").origin, parsed("https://h").origin);
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_it() {
        for text in [
            "http:",
            "http:///x",
            "https://:80/",
            "http://h:0/",
            "http://h:99999/",
            "ftp://h/",
            "http://h/a b",
            "http://u:secret@h:x/",
            "file:///etc/passwd",
            "http://h/{x}",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn how_to_write_it_is_said() {
        for (text, said) in [
            ("http://h/a b", "' ' cannot stand there; write %20"),
            ("http://h/é", "'é' cannot stand there; write %C3%A9"),
            ("http://h/?a={b}", "'{' cannot stand there; write %7B"),
            ("http://h/a%zz", "write %25 for % itself"),
            ("http://münchen.example/", "such as xn--mnchen-3ya.example"),
            ("http://a b/", "' ' cannot stand in a host"),
            ("http://me:se cret@h/", "such as %40 for @"),
            ("http:", "it names no host"),
            ("h/x", "it is no address, such as https://host/page"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("se cret"), "{error}");
        }
    }

    #[test]
    fn redirects_are_resolved() {
        let from = parsed("https://me:pw@h/a/b?x=1");
        for (location, to) in [
            ("c", "https://h:443/a/c"),
            ("/c?y#z", "https://h:443/c?y"),
            ("../../../c", "https://h:443/c"),
            ("//other/c", "https://other:443/c"),
            ("https://H:443/", "https://h:443/"),
            ("/a b/é|{x}", "https://h:443/a%20b/%C3%A9%7C%7Bx%7D"),
            (" /a%20b?c d ", "https://h:443/a%20b?c%20d"),
        ] {
            let there = from.redirected(location).unwrap();
            assert_eq!(there.uri, to);
            let keeps = !to.contains("other");
            assert_eq!(!there.headers.is_empty(), keeps, "{location}");
        }
    }

    #[test]
    fn secrets_do_not_come_back_from_another_server() {
        let there = parsed("https://me:pw@h/").redirected("https://other/").unwrap();
        assert!(there.redirected("https://h/").unwrap().headers.is_empty());
        // Nor can a server give us a user and a password.
        let there = parsed("https://h/").redirected("https://you:pw@other/").unwrap();
        assert!(there.headers.is_empty());
    }

    #[test]
    fn forbidden_redirects_are_named() {
        let from = parsed("https://h/");
        for (location, message) in [
            ("http://h/", "a redirect leads from https to \"http://h/\""),
            ("http://u:pw@h/?k=1", "a redirect leads from https to \"http://…@h/?…\""),
            (
                "file:///etc/passwd",
                "a redirect leads to \"file:///etc/passwd\": file: is neither http: nor https:",
            ),
            ("a%b", "a redirect leads to \"a%b\", which is no address"),
            ("/a%b?key=pw", "a redirect leads to \"/a%b?…\", which is no address"),
            ("/a%b#token=pw", "a redirect leads to \"/a%b?…\", which is no address"),
            ("//me:pw@h/a%b", "a redirect leads to \"//…@h/a%b\", which is no address"),
        ] {
            assert_eq!(from.redirected(location).unwrap_err(), message);
        }
        assert!(parsed("http://h/").redirected("https://h/").is_ok());
    }
}
