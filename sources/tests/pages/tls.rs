//! Servers with a certificate that a private authority has signed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use gaugelog_sources::{Registry, Settings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use crate::read_with;
use crate::server::{Server, ok, redirect};

/// An authority, and a server at 127.0.0.1 that has a certificate for a name.
struct Site {
    address: SocketAddr,
    directory: TempDir,
}

impl Site {
    fn start(name: &str, answer: Vec<u8>) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), authority.pem()).unwrap();

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let session = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(session, stream.unwrap());
                // One that does not trust us says so, and goes.
                if stream.read(&mut [0; 4096]).is_ok() {
                    let _ = stream.write_all(&answer);
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        });
        Self { address, directory }
    }

    fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    fn url(&self) -> String {
        format!("https://{}/", self.address)
    }
}

#[test]
fn a_private_authority_is_trusted_when_it_is_given_and_not_else() {
    let site = Site::start("127.0.0.1", ok(b"7", ""));
    let settings = Settings::new();
    let trusting = settings.clone().ca_file(site.ca_file());
    assert_eq!(read_with(&site.url(), &trusting), Ok(7.0));
    assert_eq!(read_with(&site.url(), &trusting), Ok(7.0));
    let message = read_with(&site.url(), &settings).unwrap_err();
    assert!(message.ends_with("invalid peer certificate: UnknownIssuer"), "{message}");
    // Another authority is no help.
    let other = Site::start("127.0.0.1", ok(b"7", ""));
    let message = read_with(&site.url(), &settings.ca_file(other.ca_file())).unwrap_err();
    assert!(message.contains("invalid peer certificate: "), "{message}");
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let site = Site::start("elsewhere.example", ok(b"7", ""));
    let trusting = Settings::new().ca_file(site.ca_file());
    let message = read_with(&site.url(), &trusting).unwrap_err();
    assert!(
        message.contains("invalid peer certificate: certificate not valid for name"),
        "{message}"
    );
}

#[test]
fn a_server_without_tls_is_an_error() {
    let server = Server::page("7");
    let spec = server.url("/").replace("http:", "https:");
    assert!(read_with(&spec, &Settings::new()).is_err());
}

#[test]
fn no_redirect_leads_out_of_tls() {
    let plain = Server::page("7");
    let site = Site::start("127.0.0.1", redirect(&plain.url("/")));
    let trusting = Settings::new().ca_file(site.ca_file());
    let message = read_with(&site.url(), &trusting).unwrap_err();
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
