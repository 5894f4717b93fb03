//! The certificate that proves to a server who the client is.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::trust::certificates;
use crate::source::SourceError;

const FILE_BYTES_MAX: u64 = 1 << 20;
const ENCRYPTED: &[u8] = b"ENCRYPTED";

/// A client certificate and its key, for servers that want one.
pub struct Identity {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads both from files in PEM, which may be one. The certificate comes first, and
    /// those of the authorities between it and the server's follow.
    ///
    /// # Errors
    /// A file that cannot be read, or has no certificate or no key.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, SourceError> {
        let certificates = certificates(certificate).map_err(|why| {
            SourceError::fatal(format!("client certificate in {}: {why}", certificate.display()))
        })?;
        let key = read_key(key).map_err(|why| {
            SourceError::fatal(format!("key of the client certificate in {}: {why}", key.display()))
        })?;
        Ok(Self { certificates, key })
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut text))
        .map_err(|error| error.to_string())?;
    if text.windows(ENCRYPTED.len()).any(|it| it == ENCRYPTED) {
        return Err("it is encrypted; write it without a password, as openssl pkey does, and let \
                    only this user read it"
            .to_owned());
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            "there is none; it begins with -----BEGIN PRIVATE KEY-----".to_owned()
        }
        _ => "the file is damaged or not PEM".to_owned(),
    })
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.certificates.len()).finish()
    }
}
