//! Where stores are forwarded to, and how: what the command line or a file says.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use gaugelog_sources::{Fingerprint, Identity, Page, Post, Settings, without_secrets};

use super::batch::Collisions;
use super::cursor;
use super::dropping;
use super::message::Protocol;
use super::receiver::{Credentials, Receiver};
use crate::duration;
use crate::exit::Exit;
use crate::prometheus::names::Naming;

const EVERY: Duration = Duration::from_secs(5);
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// A receiver of remote write, and what it gets.
#[derive(Args, Clone, Debug, PartialEq)]
pub(crate) struct Destination {
    /// The address of a receiver of Prometheus remote write, or parquet:DIR.
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
    /// How often new observations are looked for.
    #[arg(long, value_name = "DUR", value_parser = duration::parse, default_value = "5s")]
    pub(crate) every: Duration,
    /// The version of remote write: 1 or 2.
    #[arg(long, value_name = "VERSION", default_value = "1")]
    pub(crate) protocol: Protocol,
    /// What becomes of observations that fall into one millisecond: last (the last is sent),
    /// refuse (the first is sent, the others are listed as refused), or spread (later ones go
    /// to the next free millisecond). They are counted and reported.
    #[arg(long, value_name = "HOW", default_value = "last", hide_possible_values = true)]
    pub(crate) collisions: Collisions,
    #[command(flatten)]
    pub(crate) naming: Naming,
    /// The name of the cursor [default: made of the address]. Addresses that differ in their
    /// user or query only need different names.
    #[arg(long, value_name = "NAME", value_parser = cursor::name)]
    pub(crate) cursor: Option<String>,
    /// A file with a token that the receiver wants.
    #[arg(long, value_name = "FILE")]
    pub(crate) bearer_token_file: Option<PathBuf>,
    /// A file with user:password.
    #[arg(long, value_name = "FILE", conflicts_with = "bearer_token_file")]
    pub(crate) basic_auth_file: Option<PathBuf>,
    /// A file with certificates (PEM) to trust besides the usual ones.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The SHA-256 of the certificate that the receiver must show; it replaces all other
    /// checks.
    #[arg(long, value_name = "SHA256")]
    pub(crate) pin: Option<Fingerprint>,
    /// A file with a client certificate (PEM), for a receiver that wants one.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The file with its key (PEM, without a password).
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// How long a request may take.
    #[arg(long, value_name = "DUR", value_parser = duration::parse, default_value = "30s")]
    pub(crate) timeout: Duration,
    /// Heed http_proxy, https_proxy, all_proxy and no_proxy.
    #[arg(long)]
    pub(crate) proxy_from_environment: bool,
}

impl Destination {
    /// An address, and what holds unless something else is said.
    pub(crate) fn new(to: &str) -> Self {
        Self {
            to: to.to_owned(),
            every: EVERY,
            protocol: Protocol::One,
            collisions: Collisions::Last,
            naming: Naming::default(),
            cursor: None,
            bearer_token_file: None,
            basic_auth_file: None,
            ca_file: None,
            pin: None,
            cert: None,
            key: None,
            timeout: TIMEOUT,
            proxy_from_environment: false,
        }
    }

    /// The address without what is secret.
    pub(crate) fn shown(&self) -> String {
        gaugelog_sources::escaped(&without_secrets(&self.to)).into_owned()
    }

    /// The name of its cursors.
    pub(crate) fn cursor_name(&self) -> String {
        self.cursor.clone().unwrap_or_else(|| cursor::name_of(&self.shown()))
    }

    /// Where the receiver may count what it drops without a word.
    pub(super) fn dropping(&self) -> Option<Page> {
        dropping::page(&self.to, &self.settings())
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::new()
            .deadline(self.timeout)
            .proxy_from_environment(self.proxy_from_environment);
        settings.ca_file.clone_from(&self.ca_file);
        settings.pin = self.pin;
        settings
    }

    /// The receiver, not yet connected.
    ///
    /// # Errors
    /// What is wrong with the address, the certificates or the credentials.
    pub(crate) fn receiver(&self) -> Result<Receiver, Exit> {
        let settings = self.settings();
        let is_https = self.to.get(..6).is_some_and(|it| it.eq_ignore_ascii_case("https:"));
        if self.pin.is_some() && !is_https {
            let why = "a pin is for https:; write that, or leave the pin out";
            return Err(Exit::Error(format!("{}: {why}", self.shown())));
        }
        let identity = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Identity::read(cert, key).map(Some),
            _ => Ok(None),
        };
        let post = identity.and_then(|identity| Post::open(&self.to, &settings, identity));
        let post = post.map_err(|error| Exit::Error(format!("{}: {error}", self.shown())))?;
        let credentials = match (&self.bearer_token_file, &self.basic_auth_file) {
            (Some(file), _) => Credentials::Bearer(file.clone()),
            (None, Some(file)) => Credentials::Basic(file.clone()),
            (None, None) => Credentials::None,
        };
        let has_file = !matches!(credentials, Credentials::None);
        let receiver = Receiver { post, protocol: self.protocol, credentials };
        receiver.check_user(has_file).map_err(Exit::Error)?;
        receiver.credentials.check().map_err(Exit::Error)?;
        Ok(receiver)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        destination: Destination,
    }

    /// A file that says nothing else means what the command line does.
    #[test]
    fn defaults_are_the_same_everywhere() {
        let line = Line::try_parse_from(["", "--to", "http://h/"]).unwrap();
        assert_eq!(line.destination, Destination::new("http://h/"));
    }
}
