//! What the command line says about sources, whichever they are.

use std::path::PathBuf;

use clap::Args;
use gaugelog_sources::{Fingerprint, Settings};

/// Options that hold for the sources of a command.
#[derive(Args, Debug)]
pub(crate) struct SourceOptions {
    /// A file with certificates (PEM) to trust besides the usual ones, for https: an
    /// authority's, or a server's own, such as one that a device has made for itself.
    #[arg(long, value_name = "FILE", help_heading = "Pages")]
    ca_file: Option<PathBuf>,
    /// The SHA-256 of the certificate that the server must show, for one https source; it
    /// replaces all other checks. `openssl x509 -noout -sha256 -fingerprint` prints it.
    #[arg(long, value_name = "SHA256", help_heading = "Pages")]
    pin: Option<Fingerprint>,
    /// Believe whoever answers, for one https source: its certificate is not checked.
    #[arg(long, help_heading = "Pages")]
    insecure: bool,
    /// Heed http_proxy, https_proxy, all_proxy and no_proxy.
    #[arg(long, help_heading = "Pages")]
    proxy_from_environment: bool,
}

impl SourceOptions {
    /// The settings of the sources that these specs name.
    ///
    /// # Errors
    /// An option that is for one source where there are several, in words.
    pub(crate) fn settings(&self, specs: &[String]) -> Result<Settings, String> {
        let is_secured = |text: &&String| {
            // `[NAME=]SPEC`.
            let spec = match text.split_once('=') {
                Some((name, spec)) if !name.contains(':') => spec,
                _ => text.as_str(),
            };
            spec.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
        };
        if specs.iter().filter(is_secured).count() > 1 {
            for (is_given, option) in [(self.pin.is_some(), "--pin"), (self.insecure, "--insecure")]
            {
                if is_given {
                    return Err(format!(
                        "{option} is for one https source; collect the others by a command of \
                         their own"
                    ));
                }
            }
        }
        let mut settings = Settings::new()
            .insecure(self.insecure)
            .proxy_from_environment(self.proxy_from_environment);
        settings.ca_file.clone_from(&self.ca_file);
        settings.pin = self.pin;
        Ok(settings)
    }
}
