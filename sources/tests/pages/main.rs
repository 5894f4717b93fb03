//! Pages on servers that answer well, badly, slowly or not at all, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_answers;
mod good_answers;
mod hostile;
mod posts;
mod redirects;
mod requests;
mod secrets;
mod server;
mod slow_servers;
mod tls;

use std::time::Duration;

use gaugelog_sources::{Registry, Settings};

/// The result of polling a page, within a time that only a slow server uses up.
fn read(spec: &str) -> Result<f64, String> {
    read_with(spec, &Settings::new().deadline(Duration::from_secs(60)))
}

fn read_with(spec: &str, settings: &Settings) -> Result<f64, String> {
    let mut source = Registry::standard().open(spec, settings).map_err(|it| it.to_string())?;
    match source.poll() {
        Ok(reading) => Ok(reading.unwrap().value),
        Err(error) => {
            assert!(error.can_poll_again(), "{error}");
            Err(error.to_string())
        }
    }
}

/// The error of a poll, without the address of the page.
fn error(spec: &str) -> String {
    let shown = gaugelog_sources::without_secrets(spec);
    let message = read(spec).unwrap_err();
    message.strip_prefix(&format!("{shown}: ")).unwrap_or_else(|| panic!("{message}")).to_owned()
}
