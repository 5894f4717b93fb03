//! Whose word is taken for who a server is.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

use crate::source::SourceError;

/// All certificates that there are in public are a quarter of this.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Mozilla's certificates, and those in a file. They are built in: an image made from
/// scratch has none.
pub(super) fn roots(ca_file: Option<&Path>) -> Result<RootCerts, SourceError> {
    let Some(path) = ca_file else { return Ok(RootCerts::WebPki) };
    let own = certificates(path).map_err(|what| {
        SourceError::fatal(format!("certificates in {}: {what}", path.display()))
    })?;
    let usual = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    Ok(RootCerts::from(usual.map(|der| Certificate::from_der(der.as_ref())).chain(own)))
}

fn certificates(path: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let mut pem = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut pem))
        .map_err(|error| error.to_string())?;
    if pem.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("the file has more than {FILE_BYTES_MAX} bytes"));
    }
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(_) => return Err("the file is damaged or not PEM".to_owned()),
        }
    }
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
        assert!(matches!(roots(None).unwrap(), RootCerts::WebPki));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let key = rcgen::KeyPair::generate().unwrap();
        let own = rcgen::CertificateParams::new([]).unwrap().self_signed(&key).unwrap();
        std::fs::write(&path, format!("A comment\n{}{}", own.pem(), key.serialize_pem())).unwrap();
        let RootCerts::Specific(all) = roots(Some(&path)).unwrap() else { panic!("not all") };
        assert_eq!(all.len(), webpki_root_certs::TLS_SERVER_ROOT_CERTS.len() + 1);
        assert!(all.len() > 100);
        assert_eq!(all.last().unwrap().der(), &own.der()[..]);
    }
}
