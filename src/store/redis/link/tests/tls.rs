//! Encrypted connections, with an authority of the test's own.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::bed::{Server, free_port, state};
use super::*;
use crate::config::{RedisServers, Tls, TlsVersion};

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, format!("Authority {}", fastrand::u32(..)));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { issuer, folder: tempfile::tempdir().unwrap() };
        std::fs::write(authority.ca(), authority.issuer.pem()).unwrap();
        authority
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The files of a certificate for `name` and of its key.
    fn issue(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let [cert_file, key_file] =
            ["crt", "key"].map(|ending| self.folder.path().join(format!("{name}.{ending}")));
        std::fs::write(&cert_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        (cert_file, key_file)
    }

    /// A server for `name` that speaks TLS at the port that is returned with it.
    fn server(&self, name: &str, settings: &[&str]) -> (Server, u16) {
        let port = free_port();
        let (cert, key) = self.issue(name);
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let (tls_port, cert, key, ca) = (port.to_string(), text(&cert), text(&key), text(&self.ca()));
        let mut all = vec!["--tls-port", &tls_port, "--tls-cert-file", &cert, "--tls-key-file", &key];
        all.extend(["--tls-ca-cert-file", &ca]);
        all.extend(settings);
        (Server::start(&all), port)
    }

    fn trusted(&self) -> Tls {
        Tls { ca: Some(self.ca()), ..Tls::default() }
    }
}

fn encrypted(port: u16, tls: Tls) -> config::Redis {
    let servers = RedisServers::One("localhost".into(), port);
    config::Redis { tls: Some(tls), ..state(servers) }
}

const OPEN: &[&str] = &["--tls-auth-clients", "no"];

#[tokio::test]
async fn a_certificate_of_the_named_authority_is_trusted_and_bells_ring_encrypted_too() {
    let authority = Authority::new();
    let (_server, port) = authority.server("localhost", OPEN);
    let link = open(&encrypted(port, authority.trusted())).await;
    let mut ear = link.listen();
    assert_eq!(hears(&mut ear).await, Heard::Connected);
    assert_eq!(link.run(call(0, &["ring", link.channel(), "x"])).await, Ok(Value::Int(1)));
    assert_eq!(hears(&mut ear).await, Heard::Message(b"x".to_vec()));
}

#[tokio::test]
async fn whoever_cannot_be_trusted_is_refused_with_the_remedy() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (server, port) = authority.server("localhost", OPEN);
    let (_elsewhere, misnamed) = authority.server("elsewhere", OPEN);
    let cases = [
        (port, other.trusted(), "state.tls.ca"),
        (port, Tls::default(), "state.tls.ca"),
        (misnamed, authority.trusted(), "use a host name"),
        (server.port, authority.trusted(), "redis://"),
    ];
    for (port, tls, remedy) in cases {
        let line = refusal(&encrypted(port, tls)).await;
        assert!(line.starts_with(&format!("localhost:{port}: could not agree on TLS")), "{line}");
        assert!(line.contains(remedy), "{line}");
    }
    let unverified = Tls { verify: false, ..Tls::default() };
    open(&encrypted(misnamed, unverified)).await;
}

#[tokio::test]
async fn a_plain_connection_to_an_encrypted_port_is_told_so() {
    let authority = Authority::new();
    let (_server, port) = authority.server("localhost", OPEN);
    let line = refusal(&state(RedisServers::One("localhost".into(), port))).await;
    assert!(line.contains("`rediss://` against `redis://`"), "{line}");
}

#[tokio::test]
async fn a_server_that_wants_a_client_certificate_gets_ours() {
    let authority = Authority::new();
    let (_server, port) = authority.server("localhost", &["--tls-protocols", "TLSv1.3"]);
    let line = refusal(&encrypted(port, authority.trusted())).await;
    assert!(line.starts_with(&format!("localhost:{port}: ")), "{line}");
    assert!(line.contains("client certificate"), "{line}");
    let ours = Tls {
        client: Some(authority.issue("gateway")),
        min_version: TlsVersion::Tls13,
        ..authority.trusted()
    };
    let link = open(&encrypted(port, ours)).await;
    assert_eq!(link.run(call(0, &["key"])).await, Ok(text("{test:0}")));
}
