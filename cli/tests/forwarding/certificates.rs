//! Receivers with TLS: a client certificate that is wanted, and one of their own that is wrong.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// What a server at 127.0.0.1 shows, and whose clients it takes.
fn server(authority: &Authority, clients: Option<&Authority>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap().der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    Arc::new(config.with_single_cert(vec![certificate], key).unwrap())
}

/// Writes a certificate that an authority has signed, and its key.
fn write_client(dir: &Path, name: &str, authority: &Authority) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["box".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    fs::write(dir.join(format!("{name}.pem")), certificate.pem()).unwrap();
    fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

#[test]
fn a_receiver_that_wants_a_client_certificate_gets_it() {
    let bench = Bench::holding(25_000);
    let dir = bench.dir.path();
    let (ours, others) = (authority("ours"), authority("others"));
    fs::write(dir.join("ca.pem"), ours.pem()).unwrap();
    write_client(dir, "box", &ours);
    write_client(dir, "other", &others);
    let receiver = Receiver::start_tls(server(&ours, Some(&ours)), |_| Act::Take);
    let trusting = ["--ca-file", "ca.pem"];
    let given = |cert: &'static str, key: &'static str| {
        [&["--once"][..], &trusting, &["--cert", cert, "--key", key]].concat()
    };
    fs::write(
        dir.join("both.pem"),
        [".pem", ".key"]
            .map(|end| fs::read_to_string(dir.join(format!("box{end}"))).unwrap())
            .concat(),
    )
    .unwrap();
    succeeded(&bench.forward(&receiver, &given("box.pem", "box.key")));
    assert_eq!((receiver.samples(), receiver.connections()), (samples(0..25_000), 1));
    succeeded(&bench.forward(&receiver, &given("both.pem", "both.pem")));

    append(&bench.store, 25_000..25_001);
    fs::write(dir.join("locked.key"), "-----BEGIN ENCRYPTED PRIVATE KEY-----\n").unwrap();
    for (cert, key, said) in [
        ("box.pem", "other.key", "the key is not that of the client certificate"),
        ("box.pem", "box.pem", "key of the client certificate in box.pem: there is none"),
        ("box.key", "box.key", "client certificate in box.key: there is none"),
        ("box.pem", "locked.key", "it is encrypted; write it without a password"),
        ("none.pem", "box.key", "client certificate in none.pem: No such file"),
    ] {
        let ran = bench.forward(&receiver, &given(cert, key));
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(said), "no {said:?} in {ran:?}");
    }
    let plain = Receiver::start(|_| Act::Take);
    let ran = bench.forward(&plain, &given("box.pem", "box.key"));
    assert!(ran.stderr.contains("a client certificate is for https:"), "{ran:?}");
    assert_eq!(bench.forward(&receiver, &["--once", "--cert", "box.pem"]).status, Some(2));
    let pin = "ab".repeat(32);
    let ran = bench.forward(&plain, &["--once", "--pin", &pin]);
    assert!(ran.status == Some(1) && ran.stderr.contains("a pin is for https:"), "{ran:?}");
}

/// It is tried again and nothing is given up: the certificate may be mended.
#[test]
fn a_wrong_certificate_is_named_and_nothing_is_lost() {
    let bench = Bench::holding(3);
    let dir = bench.dir.path();
    let (ours, others) = (authority("ours"), authority("others"));
    fs::write(dir.join("ca.pem"), ours.pem()).unwrap();
    write_client(dir, "other", &others);
    let wanting = Receiver::start_tls(server(&ours, Some(&ours)), |_| Act::Take);
    let wrong = Receiver::start_tls(server(&others, None), |_| Act::Take);
    let foreign = ["--cert", "other.pem", "--key", "other.key"];
    for (receiver, options, said) in [
        (&wanting, &[][..], "the server ended TLS: it requires a client certificate (--cert"),
        (&wanting, &foreign, "it does not know the authority of the client certificate"),
        (&wrong, &[], "its certificate is not signed by an authority that is known here"),
    ] {
        let options = [&["--ca-file", "ca.pem"], options].concat();
        let url = receiver.url();
        let arguments = [&["forward", "room.log", "--to", &url][..], &options].concat();
        let mut command = tool(dir, &arguments);
        command.stderr(fs::File::create(dir.join("said")).unwrap());
        let mut running = Running(command.stdout(std::process::Stdio::null()).spawn().unwrap());
        let heard = || fs::read_to_string(dir.join("said")).unwrap();
        wait_until(|| heard().contains("not sent: "));
        running.signal(Signal::TERM);
        running.0.wait().unwrap();
        assert!(heard().contains(said), "no {said:?} in {}", heard());
        assert_eq!((receiver.messages(), &bench.cursor(receiver)["next"]), (0, &0.into()));
    }
    write_client(dir, "box", &ours);
    let options = ["--once", "--ca-file", "ca.pem", "--cert", "box.pem", "--key", "box.key"];
    succeeded(&bench.forward(&wanting, &options));
    assert_eq!(wanting.samples(), samples(0..3));
}
