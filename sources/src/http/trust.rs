//! Which certificates are trusted.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::settings::Settings;
use crate::source::SourceError;

/// All public authorities together take a quarter of this.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a server's certificate must be.
#[derive(Debug)]
pub(super) enum Trust {
    /// Signed by an authority, or one of the given servers' own.
    Known(Roots),
    /// The one with this SHA-256, whatever it states.
    Pinned(Fingerprint),
    /// Any.
    Anybody,
}

/// Authorities, and certificates from a file that may be a server's own.
#[derive(Debug)]
pub(super) struct Roots {
    pub(super) store: RootCertStore,
    pub(super) own: Vec<CertificateDer<'static>>,
}

/// The SHA-256 of a certificate.
///
/// ```
/// use gaugelog_sources::Fingerprint;
/// let text = "9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15:A3:BF:4F:1B:2B:0B:82:2C:D1:5D:6C:15:B0:F0:0A:08";
/// let fingerprint: Fingerprint = text.parse()?;
/// assert_eq!(fingerprint, text.replace(':', "").to_lowercase().parse()?);
/// assert_eq!(fingerprint.to_string().len(), 64);
/// # Ok::<(), gaugelog_sources::SourceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub(super) [u8; 32]);

impl FromStr for Fingerprint {
    type Err = SourceError;

    /// 64 hexadecimal digits, with or without colons, as `openssl x509 -noout -sha256
    /// -fingerprint` prints them. What it prints before them may be there too.
    fn from_str(text: &str) -> Result<Self, SourceError> {
        let wrong = || {
            SourceError::fatal(
                "a certificate's SHA-256 has 64 hexadecimal digits, as openssl x509 -noout \
                 -sha256 -fingerprint prints them",
            )
        };
        let digits = text.rsplit_once('=').map_or(text, |(_, digits)| digits);
        let digits: Vec<char> = digits.trim().chars().filter(|c| *c != ':').collect();
        if digits.len() != 64 {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let digit = |at: usize| pair.get(at).and_then(|c| c.to_digit(16)).ok_or_else(wrong);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Trust {
    /// As in the settings of a source. A pin replaces all other checks.
    pub(super) fn of(settings: &Settings) -> Result<Self, SourceError> {
        match (settings.pin, settings.insecure) {
            (Some(pin), _) => Ok(Self::Pinned(pin)),
            (None, true) => Ok(Self::Anybody),
            (None, false) => Ok(Self::Known(Roots::new(settings.ca_file.as_deref())?)),
        }
    }
}

impl Roots {
    /// Mozilla's authorities, which are built in (an image made from scratch has none),
    /// and the certificates in a file.
    fn new(ca_file: Option<&Path>) -> Result<Self, SourceError> {
        let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let own = match ca_file {
            None => Vec::new(),
            Some(path) => certificates(path).map_err(|what| {
                SourceError::fatal(format!("certificates in {}: {what}", path.display()))
            })?,
        };
        // A certificate that is not an authority's may still be the server's own.
        store.add_parsable_certificates(own.iter().cloned());
        Ok(Self { store, own })
    }
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut pem = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut pem))
        .map_err(|error| error.to_string())?;
    if pem.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("the file has more than {FILE_BYTES_MAX} bytes"));
    }
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|_| "the file is damaged or not PEM".to_owned())?;
    if certificates.is_empty() {
        return Err("there is none; they begin with -----BEGIN CERTIFICATE-----".to_owned());
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_of_ones_own_come_on_top_of_the_usual() {
        let usual = Roots::new(None).unwrap();
        assert!(usual.store.len() > 100 && usual.own.is_empty());
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let key = rcgen::KeyPair::generate().unwrap();
        let own = rcgen::CertificateParams::new([]).unwrap().self_signed(&key).unwrap();
        std::fs::write(&path, format!("A comment\n{}{}", own.pem(), key.serialize_pem())).unwrap();
        let roots = Roots::new(Some(&path)).unwrap();
        assert_eq!(roots.store.len(), usual.store.len() + 1);
        assert_eq!(roots.own, [own.der().clone()]);
    }

    #[test]
    fn fingerprints_are_read_in_the_forms_that_tools_print() {
        let digits = "0123456789abcdef".repeat(4);
        let pairs: Vec<&str> = (0..32).map(|at| &digits[2 * at..2 * at + 2]).collect();
        let colons = pairs.join(":").to_uppercase();
        for text in [&digits, &colons, &format!("sha256 Fingerprint={colons}\n")] {
            assert_eq!(text.parse::<Fingerprint>().unwrap().to_string(), digits);
        }
        for text in ["", "0123", &digits[1..], &format!("{digits}0"), &digits.replace('a', "g")] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }
}
