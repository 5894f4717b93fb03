//! TLS, and descriptions of its errors.

mod verifier;

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig, ClientConnection, ConfigBuilder, StreamOwned};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

use super::connect::remaining;
use super::identity::Identity;
use super::trust::Trust;
use crate::quote::quoted;
use verifier::Verifier;

const QUOTED_CHARS_MAX: usize = 200;

/// Uses TLS on a connection if its address requires that.
pub(super) struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    pub(super) fn new(trust: Trust) -> Result<Self, String> {
        Ok(Self { config: Arc::new(builder(trust)?.with_no_client_auth()) })
    }

    /// Shows a certificate to a server that wants one.
    pub(super) fn showing(trust: Trust, identity: Identity) -> Result<Self, String> {
        let Identity { certificates, key } = identity;
        let config = builder(trust)?.with_client_auth_cert(certificates, key);
        let config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                "the key is not that of the client certificate; name the two that belong together"
                    .to_owned()
            }
            other => format!("the client certificate cannot be used: {other}"),
        })?;
        Ok(Self { config: Arc::new(config) })
    }
}

fn builder(trust: Trust) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
    let verifier = Verifier::new(trust, &provider)?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier)))
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, Secured>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(connection) = chained else { return Ok(None) };
        if !details.needs_tls() || connection.is_tls() {
            return Ok(Some(Either::A(connection)));
        }
        let host = details.uri.host().unwrap_or("");
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host)
            .map_err(|_| failed("its host is not a name that a certificate can have".to_owned()))?;
        let mut tls = ClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|error| failed(in_words(&error)))?;
        let mut socket =
            TransportAdapter::new(connection.boxed(), Arc::clone(&details.current_time));
        socket.set_timeout(remaining(details));
        while tls.is_handshaking() {
            if let Err(error) = tls.complete_io(&mut socket) {
                return Err(match error.get_ref().and_then(|it| it.downcast_ref()) {
                    Some(error) => failed(in_words(error)),
                    None => Error::from(error),
                });
            }
        }
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(Either::B(Secured { stream: StreamOwned { conn: tls, sock: socket }, buffers })))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// A connection with TLS.
pub(super) struct Secured {
    stream: StreamOwned<ClientConnection, TransportAdapter>,
    buffers: LazyBuffers,
}

impl Transport for Secured {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().set_timeout(timeout);
        self.stream.write_all(&self.buffers.output()[..amount])?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secured")
    }
}

/// Why TLS with a server failed.
#[derive(Debug)]
pub(super) struct TlsFailed(String);

impl fmt::Display for TlsFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsFailed {}

fn failed(words: String) -> Error {
    Error::Other(Box::new(TlsFailed(words)))
}

/// What went wrong, in a text that follows the address.
pub(super) fn in_words(error: &rustls::Error) -> String {
    match error {
        // The verifier's errors are texts already.
        rustls::Error::General(words) => words.clone(),
        rustls::Error::InvalidMessage(_) => {
            "the server does not speak TLS at this port; is it http: and not https:?".to_owned()
        }
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(_) => {
            "the server and this program have no version or cipher of TLS in common; 1.2 and \
             1.3 are spoken here"
                .to_owned()
        }
        rustls::Error::AlertReceived(alert) => {
            format!("the server ended TLS: {}", alert_in_words(*alert))
        }
        rustls::Error::InvalidCertificate(_) => "its certificate is not valid for this \
                                                 connection: the signature is wrong"
            .to_owned(),
        other => {
            let other = quoted(other.to_string().as_bytes(), QUOTED_CHARS_MAX);
            format!("TLS with the server failed: {other}")
        }
    }
}

fn alert_in_words(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::HandshakeFailure => {
            "it accepts none of the ciphers that are offered".to_owned()
        }
        AlertDescription::CertificateRequired => {
            "it requires a client certificate (--cert and --key)".to_owned()
        }
        AlertDescription::UnknownCA => {
            "it does not know the authority of the client certificate".to_owned()
        }
        AlertDescription::UnrecognisedName => "it does not know its host's name".to_owned(),
        AlertDescription::InternalError => "it has an internal error".to_owned(),
        other => match other.as_str() {
            Some(name) => name.to_owned(),
            None => format!("alert {}", u8::from(other)),
        },
    }
}
