//! Servers with a certificate: of a private authority, of their own, of an odd kind.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use gaugelog_sources::{Fingerprint, Registry, Settings};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use tempfile::TempDir;

use crate::read_with;
use crate::server::{Server, ok, redirect};

/// A certificate, and the key with which a server signs.
struct Shown {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Shown {
    /// A certificate that signs itself.
    fn own(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { certificate, key: pkcs8(&key) }
    }

    /// Version 1, RSA, with the name only in its subject: a verifier for the web refuses
    /// to read it.
    fn version_1() -> Self {
        let pem = include_bytes!("version1.pem");
        Self {
            certificate: CertificateDer::from_pem_slice(pem).unwrap(),
            key: PrivateKeyDer::from_pem_slice(pem).unwrap(),
        }
    }

    fn pem(&self) -> String {
        let lines = base64_lines(&self.certificate).join("\n");
        format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n")
    }
}

/// Lines of base64, as PEM has them.
fn base64_lines(bytes: &[u8]) -> Vec<String> {
    use base64::Engine;
    let text = base64::prelude::BASE64_STANDARD.encode(bytes);
    text.as_bytes().chunks(64).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect()
}

fn pkcs8(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()))
}

/// Shows a certificate, whether or not the key belongs to it.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A server at 127.0.0.1, and a file with the certificates to trust.
pub(crate) struct Site {
    address: SocketAddr,
    directory: TempDir,
    certificate: CertificateDer<'static>,
}

impl Site {
    /// With a certificate for a name. It is signed by an authority, which is trusted.
    pub(crate) fn start(name: &str, answer: Vec<u8>) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap().der().clone();
        let shown = Shown { certificate, key: pkcs8(&key) };
        Self::serve(shown, &authority.pem(), &[&TLS12, &TLS13], answer)
    }

    /// With a certificate that is itself trusted.
    fn of(shown: Shown) -> Self {
        let pem = shown.pem();
        Self::serve(shown, &pem, &[&TLS12, &TLS13], ok(b"7", ""))
    }

    fn serve(
        shown: Shown,
        trusted: &str,
        versions: &[&'static SupportedProtocolVersion],
        answer: Vec<u8>,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), trusted).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = provider.key_provider.load_private_key(shown.key).unwrap();
        let certified = CertifiedKey::new(vec![shown.certificate.clone()], key);
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Always(Arc::new(certified))));
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let session = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(session, stream.unwrap());
                // A client that does not trust us sends an alert and closes.
                if stream.read(&mut [0; 4096]).is_ok() {
                    let _ = stream.write_all(&answer);
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        });
        Self { address, directory, certificate: shown.certificate }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}/", self.address)
    }

    pub(crate) fn pin(&self) -> Fingerprint {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.certificate);
        let digits: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        digits.parse().unwrap()
    }

    fn read(&self, settings: &Settings) -> Result<f64, String> {
        let prefix = format!("{}: ", self.url());
        read_with(&self.url(), settings).map_err(|said| said.replace(&prefix, ""))
    }

    /// The result of reading when the file is trusted.
    fn trusted(&self) -> Result<f64, String> {
        self.read(&Settings::new().ca_file(self.ca_file()))
    }
}

/// A device's certificate: it signs itself, and may sign others.
fn device(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn with_common_name(mut params: CertificateParams, name: &str) -> CertificateParams {
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

#[test]
fn a_private_authority_is_trusted_when_it_is_given_and_not_else() {
    let site = Site::start("127.0.0.1", ok(b"7", ""));
    assert_eq!(site.trusted(), Ok(7.0));
    assert_eq!(site.trusted(), Ok(7.0));
    let message = site.read(&Settings::new()).unwrap_err();
    let expected = format!(
        "its certificate is not signed by an authority that is known here; give the authority's or \
         the server's own by --ca-file, or this one's SHA-256 by --pin: {}",
        site.pin()
    );
    assert_eq!(message, expected);
    // Another authority does not help.
    let other = Site::start("127.0.0.1", ok(b"7", ""));
    let message = site.read(&Settings::new().ca_file(other.ca_file())).unwrap_err();
    assert!(message.starts_with("its certificate is not signed by"), "{message}");
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let site = Site::start("elsewhere.example", ok(b"7", ""));
    let message = site.trusted().unwrap_err();
    assert_eq!(message, "its certificate is for elsewhere.example, and not for 127.0.0.1");
}

/// Certificates that devices make for themselves, and a verifier for the web refuses.
#[test]
fn a_servers_own_certificate_is_trusted_whatever_kind_it_is_of() {
    let site = Site::of(Shown::own(&device(&["127.0.0.1"])));
    assert_eq!(site.trusted(), Ok(7.0), "one with the flag of an authority");
    let site = Site::of(Shown::own(&with_common_name(device(&[]), "127.0.0.1")));
    assert_eq!(site.trusted(), Ok(7.0), "one with a common name alone");
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let shown = Shown::version_1();
        let pem = shown.pem();
        let site = Site::serve(shown, &pem, versions, ok(b"7", ""));
        assert_eq!(site.trusted(), Ok(7.0), "one of version 1, {versions:?}");
    }
}

#[test]
fn a_servers_own_certificate_must_hold_and_name_it() {
    let expired = |mut params: CertificateParams| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 31);
        params
    };
    let early = |mut params: CertificateParams| {
        params.not_before = date_time_ymd(2999, 1, 1);
        params.not_after = date_time_ymd(3000, 1, 1);
        params
    };
    for (params, said) in [
        (expired(device(&["127.0.0.1"])), "its certificate was valid until 2020-01-31"),
        (
            early(device(&["127.0.0.1"])),
            "its certificate is valid from 2999-01-01 on; is the clock of this machine right?",
        ),
        (
            device(&["nas.local", "192.0.2.1"]),
            "its certificate is for nas.local, 192.0.2.1, and not for 127.0.0.1",
        ),
        // A subject counts only if there are no other names.
        (
            with_common_name(device(&["nas.local"]), "127.0.0.1"),
            "its certificate is for nas.local, and not for 127.0.0.1",
        ),
    ] {
        assert_eq!(Site::of(Shown::own(&params)).trusted().unwrap_err(), said);
    }
    let unnamed = Site::of(Shown::own(&device(&[]))).trusted().unwrap_err();
    assert!(unnamed.ends_with(", and not for 127.0.0.1"), "{unnamed}");
}

/// Another certificate of the same name and kind is not the server's own.
#[test]
fn a_certificate_that_is_only_alike_is_refused() {
    let site = Site::of(Shown::own(&device(&["127.0.0.1"])));
    let other = Site::of(Shown::own(&device(&["127.0.0.1"])));
    let message = site.read(&Settings::new().ca_file(other.ca_file())).unwrap_err();
    assert!(message.contains("by --pin: "), "{message}");
}

#[test]
fn a_pin_replaces_all_other_checks() {
    let mut expired = device(&["nas.local"]);
    expired.not_before = date_time_ymd(2019, 1, 1);
    expired.not_after = date_time_ymd(2020, 1, 1);
    for shown in [Shown::own(&expired), Shown::version_1()] {
        let site = Site::of(shown);
        assert_eq!(site.read(&Settings::new().pin(site.pin())), Ok(7.0));
        let other = "ab".repeat(32).parse().unwrap();
        let message = site.trusted_with_pin(other).unwrap_err();
        let expected = format!(
            "its certificate has the SHA-256 {}, which is not the one of --pin",
            site.pin()
        );
        assert_eq!(message, expected);
    }
}

impl Site {
    /// A pin is checked even if the certificate would be trusted without it.
    fn trusted_with_pin(&self, pin: Fingerprint) -> Result<f64, String> {
        self.read(&Settings::new().ca_file(self.ca_file()).insecure(true).pin(pin))
    }
}

#[test]
fn any_server_is_trusted_only_on_request() {
    let site = Site::of(Shown::own(&device(&["nas.local"])));
    assert!(site.read(&Settings::new()).is_err());
    assert_eq!(site.read(&Settings::new().insecure(true)), Ok(7.0));
}

/// Anyone who has seen a certificate can show it, but only its owner can sign with its
/// key.
#[test]
fn a_certificate_without_its_key_is_refused() {
    for version in [&TLS12, &TLS13] {
        for certificate in
            [Shown::version_1().certificate, Shown::own(&device(&["127.0.0.1"])).certificate]
        {
            let key = Shown::own(&device(&[])).key;
            let stolen = Shown { certificate, key };
            let pem = stolen.pem();
            let site = Site::serve(stolen, &pem, &[version], ok(b"7", ""));
            for settings in [
                Settings::new().ca_file(site.ca_file()),
                Settings::new().pin(site.pin()),
                Settings::new().insecure(true),
            ] {
                let message = site.read(&settings).unwrap_err();
                assert!(message.contains("the signature is wrong"), "{message}");
            }
        }
    }
}

/// The address of a server that sends these bytes at once, whatever the request is.
fn saying(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // Reads a part of the request, since closing before would reset the
            // connection.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(&answer);
        }
    });
    format!("https://{address}/")
}

#[test]
fn a_server_without_tls_is_an_error() {
    let spec = saying(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    let message = read_with(&spec, &Settings::new()).unwrap_err();
    let said = "the server does not speak TLS at this port; is it http: and not https:?";
    assert_eq!(message, format!("{spec}: {said}"));
    // An alert: the version is too old, or none of the ciphers is known.
    for (alert, said) in [
        (70, "the server and this program have no version or cipher of TLS in common"),
        (40, "the server ended TLS: it accepts none of the ciphers that are offered"),
        (112, "the server ended TLS: it does not know its host's name"),
    ] {
        let spec = saying(vec![21, 3, 1, 0, 2, 2, alert]);
        let message = read_with(&spec, &Settings::new()).unwrap_err();
        assert!(message.contains(said), "{message}");
    }
}

#[test]
fn no_redirect_leads_out_of_tls() {
    let plain = Server::page("7");
    let site = Site::start("127.0.0.1", redirect(&plain.url("/")));
    let message = site.trusted().unwrap_err();
    assert!(message.contains("a redirect leads from https to \"http://127.0.0.1"), "{message}");
    assert!(plain.heads().is_empty());
}

#[test]
fn a_redirect_may_lead_into_tls() {
    let site = Site::start("127.0.0.1", ok(b"7", ""));
    let plain = Server::bytes(redirect(&site.url()));
    let trusting = Settings::new().ca_file(site.ca_file());
    assert_eq!(read_with(&plain.url("/"), &trusting), Ok(7.0));
}

#[test]
fn a_file_without_certificates_is_refused_when_the_source_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    for (text, said) in [
        ("", "there is none; they begin with -----BEGIN CERTIFICATE-----"),
        ("-----BEGIN CERTIFICATE-----\n!\n", "the file is damaged or not PEM"),
    ] {
        std::fs::write(&path, text).unwrap();
        let settings = Settings::new().ca_file(&path);
        let error = Registry::standard().open("https://h/", &settings).err().unwrap().to_string();
        assert!(error.ends_with(&format!("certificates in {}: {said}", path.display())), "{error}");
    }
    let settings = Settings::new().ca_file(directory.path().join("none.pem"));
    let error = Registry::standard().open("https://h/", &settings).err().unwrap().to_string();
    assert!(error.ends_with("No such file or directory (os error 2)"), "{error}");
}
