//! What a server's certificate states: its dates, its names, its key.
//!
//! The certificates of devices are often of kinds that a verifier for the web refuses to
//! read: version 1, a name only in the subject, or an authority that signs itself.

use std::net::IpAddr;

use jiff::Timestamp;
use rustls::pki_types::{ServerName, UnixTime};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// `id-at-commonName`, RFC 5280, appendix A.1.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// A parsed certificate, with any serial number.
pub(super) struct Certificate(CertificateInner<Raw>);

/// Why a certificate does not fit the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    Expired(String),
    NotYetValid(String),
    /// It has only these other names.
    OtherNames(Vec<String>),
}

impl Certificate {
    pub(super) fn parse(der: &[u8]) -> Option<Self> {
        CertificateInner::from_der(der).ok().map(Self)
    }

    /// Whether its dates are valid and it names the host, by its alternative names or, if
    /// there are none, by the common name of its subject.
    pub(super) fn check(&self, host: &ServerName<'_>, now: UnixTime) -> Result<(), Unfit> {
        let validity = self.0.tbs_certificate().validity();
        let begins = validity.not_before.to_unix_duration().as_secs();
        let ends = validity.not_after.to_unix_duration().as_secs();
        if now.as_secs() > ends {
            return Err(Unfit::Expired(day(ends)));
        }
        if now.as_secs() < begins {
            return Err(Unfit::NotYetValid(day(begins)));
        }
        let names = self.names();
        match names.iter().any(|name| is_for(name, host)) {
            true => Ok(()),
            false => Err(Unfit::OtherNames(names)),
        }
    }

    fn names(&self) -> Vec<String> {
        let certificate = self.0.tbs_certificate();
        let alternative = certificate.get_extension::<SubjectAltName>().ok().flatten();
        let names: Vec<String> = alternative
            .iter()
            .flat_map(|(_, names)| &names.0)
            .filter_map(alternative_name)
            .collect();
        if !names.is_empty() {
            return names;
        }
        let attributes = certificate.subject().iter();
        attributes
            .filter(|attribute| attribute.oid == COMMON_NAME)
            .filter_map(|attribute| str::from_utf8(attribute.value.value()).ok())
            .map(str::to_owned)
            .collect()
    }

    /// Its key, with the algorithm.
    pub(super) fn key_der(&self) -> Option<Vec<u8>> {
        self.0.tbs_certificate().subject_public_key_info().to_der().ok()
    }

    /// The algorithm of its key, as a verifier of signatures names it, and the key.
    pub(super) fn key(&self) -> Option<(Vec<u8>, &[u8])> {
        let key = self.0.tbs_certificate().subject_public_key_info();
        let algorithm = key.algorithm.to_der().ok()?;
        // Without the tag and the length, one byte each: no algorithm is longer than that
        // allows.
        let algorithm = algorithm.get(2..).filter(|inside| inside.len() < 128)?.to_vec();
        Some((algorithm, key.subject_public_key.as_bytes()?))
    }
}

fn alternative_name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let address: Option<IpAddr> = match bytes.len() {
                4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
                _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
            };
            address.map(|address| address.to_string())
        }
        _ => None,
    }
}

/// Whether a name of a certificate means the host. One asterisk may replace the first
/// label. An address counts in any notation, also in the place of a name.
fn is_for(name: &str, host: &ServerName<'_>) -> bool {
    match host {
        ServerName::IpAddress(address) => {
            name.parse::<IpAddr>().is_ok_and(|named| named == IpAddr::from(*address))
        }
        ServerName::DnsName(host) => {
            let host = host.as_ref().trim_end_matches('.').to_ascii_lowercase();
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            match name.strip_prefix("*.") {
                Some(domain) => host.split_once('.').is_some_and(|(label, rest)| {
                    !label.is_empty() && rest == domain && domain.contains('.')
                }),
                None => host == name,
            }
        }
        _ => false,
    }
}

/// A time in seconds since 1970, as a day.
pub(super) fn day(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|it| Timestamp::from_second(it).ok());
    match moment {
        Some(moment) => moment.strftime("%Y-%m-%d").to_string(),
        None => "a day outside the calendar".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_compared_as_people_mean_them() {
        for (name, host, is_meant) in [
            ("nas.local", "nas.local", true),
            ("NAS.local.", "nas.LOCAL", true),
            ("nas", "nas.local", false),
            ("*.home.arpa", "nas.home.arpa", true),
            ("*.home.arpa", "a.nas.home.arpa", false),
            ("*.home.arpa", "home.arpa", false),
            ("*.arpa", "home.arpa", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("2001:DB8:0::1", "2001:db8::1", true),
            ("192.0.2.1", "192.0.2.10", false),
            ("", "nas", false),
        ] {
            let host_name = ServerName::try_from(host).unwrap();
            assert_eq!(is_for(name, &host_name), is_meant, "{name} {host}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Any server can send any certificate.
        #[test]
        fn no_bytes_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
            let key = rcgen::KeyPair::generate().unwrap();
            let params = rcgen::CertificateParams::new(["nas.local".to_owned()]).unwrap();
            let mut der = params.self_signed(&key).unwrap().der().to_vec();
            for (at, byte) in flips {
                let at = at.index(der.len());
                der[at] = byte;
            }
            if let Some(certificate) = Certificate::parse(&der) {
                let host = ServerName::try_from("nas.local").unwrap();
                let _ = certificate.check(&host, UnixTime::now());
                let _ = certificate.key();
            }
        }
    }
}
