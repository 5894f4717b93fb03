//! The check of a server's certificate.

use std::sync::Arc;

use ::ring::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use crate::http::certificate::{Certificate, Unfit, day};
use crate::http::trust::{Fingerprint, Roots, Trust};
use crate::quote::quoted;

const NAMES_CHARS_MAX: usize = 100;

/// Judges the certificate that a server shows.
#[derive(Debug)]
pub(super) struct Verifier {
    judge: Judge,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
enum Judge {
    /// Authorities, and servers' own certificates.
    Known {
        web: Arc<WebPkiServerVerifier>,
        own: Vec<CertificateDer<'static>>,
    },
    Pinned(Fingerprint),
    Anybody,
}

impl Verifier {
    pub(super) fn new(trust: Trust, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let judge = match trust {
            Trust::Known(Roots { store, own }) => {
                let builder = WebPkiServerVerifier::builder_with_provider(
                    Arc::new(store),
                    Arc::clone(provider),
                );
                Judge::Known { web: builder.build().map_err(|error| error.to_string())?, own }
            }
            Trust::Pinned(fingerprint) => Judge::Pinned(fingerprint),
            Trust::Anybody => Judge::Anybody,
        };
        Ok(Self { judge, algorithms: provider.signature_verification_algorithms })
    }

    /// Checks a signature with the key of a certificate whose kind the library refuses.
    /// It was decided before that this is the server's key.
    fn verify_by_key(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let bad = || Error::InvalidCertificate(CertificateError::BadSignature);
        let certificate = Certificate::parse(certificate).ok_or_else(bad)?;
        let (algorithm, key) = certificate.key().ok_or_else(bad)?;
        let known = self.algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
        let fitting = known
            .flat_map(|(_, verifiers)| verifiers.iter())
            .filter(|verifier| verifier.public_key_alg_id().as_ref() == algorithm);
        for verifier in fitting {
            if verifier.verify_signature(key, message, signed.signature()).is_ok() {
                return Ok(HandshakeSignatureValid::assertion());
            }
        }
        Err(bad())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = match &self.judge {
            Judge::Anybody => Ok(()),
            Judge::Pinned(pinned) if *pinned == fingerprint(shown) => Ok(()),
            Judge::Pinned(_) => Err(format!(
                "its certificate has the SHA-256 {}, which is not the one of --pin",
                fingerprint(shown)
            )),
            // The server's own certificate, byte for byte: its kind does not matter.
            Judge::Known { own, .. } if own.contains(&shown.clone().into_owned()) => {
                match Certificate::parse(shown) {
                    Some(certificate) => {
                        certificate.check(host, now).map_err(|unfit| unfit_in_words(&unfit, host))
                    }
                    None => Err("its certificate cannot be read".to_owned()),
                }
            }
            Judge::Known { web, .. } => web
                .verify_server_cert(shown, intermediates, host, ocsp_response, now)
                .map(|_| ())
                .map_err(|error| refused_in_words(&error, shown, host)),
        };
        verified.map(|()| ServerCertVerified::assertion()).map_err(Error::General)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match verify_tls12_signature(message, certificate, signed, &self.algorithms) {
            Err(error) if is_of_its_kind(&error) => {
                self.verify_by_key(message, certificate, signed)
            }
            verified => verified,
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match verify_tls13_signature(message, certificate, signed, &self.algorithms) {
            Err(error) if is_of_its_kind(&error) => {
                let key = Certificate::parse(certificate).and_then(|it| it.key_der());
                let key = SubjectPublicKeyInfoDer::from(key.ok_or(error)?);
                verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
            }
            verified => verified,
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether an error is about the kind of certificate and not about the signature.
fn is_of_its_kind(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::BadSignature) => false,
        Error::InvalidCertificate(_) => true,
        _ => false,
    }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
    Fingerprint(bytes)
}

fn unfit_in_words(unfit: &Unfit, host: &ServerName<'_>) -> String {
    match unfit {
        Unfit::Expired(day) => format!("its certificate was valid until {day}"),
        Unfit::NotYetValid(day) => {
            format!("its certificate is valid from {day} on; is the clock of this machine right?")
        }
        Unfit::OtherNames(names) if names.is_empty() => {
            format!("its certificate names no host, and not {}", host.to_str())
        }
        Unfit::OtherNames(names) => {
            let names = quoted(names.join(", ").as_bytes(), NAMES_CHARS_MAX);
            format!("its certificate is for {names}, and not for {}", host.to_str())
        }
    }
}

/// Why a verifier for the web refuses a certificate, and what to do about it.
fn refused_in_words(error: &Error, shown: &CertificateDer<'_>, host: &ServerName<'_>) -> String {
    let Error::InvalidCertificate(error) = error else { return super::in_words(error) };
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            unfit_in_words(&Unfit::Expired(day(not_after.as_secs())), host)
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            unfit_in_words(&Unfit::NotYetValid(day(not_before.as_secs())), host)
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            unfit_in_words(&Unfit::OtherNames(presented.iter().map(|it| plain(it)).collect()), host)
        }
        CertificateError::BadSignature => {
            "its certificate is not signed by the authority that it names".to_owned()
        }
        CertificateError::Revoked => "its certificate was revoked".to_owned(),
        other => {
            let why = match other {
                CertificateError::UnknownIssuer => {
                    "is not signed by an authority that is known here".to_owned()
                }
                other => {
                    let other = quoted(other.to_string().as_bytes(), NAMES_CHARS_MAX);
                    format!("is not one for a server of the web ({other})")
                }
            };
            format!(
                "its certificate {why}; give the authority's or the server's own by --ca-file, \
                 or this one's SHA-256 by --pin: {}",
                fingerprint(shown)
            )
        }
    }
}

/// `DnsName("a")`, as the library lists it, without the library's notation.
fn plain(name: &str) -> String {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')'));
    inside.map_or(name, |(inside, _)| inside).trim_matches('"').to_owned()
}
