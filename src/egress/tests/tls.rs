//! HTTPS against a receiver with certificates of its own authority.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS12;
use rustls::{DEFAULT_VERSIONS, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::fixture;
use super::receiver::{OK, Receiver, Reply, Seen};
use super::sending::{send, send_one, stack_of};
use crate::config::{Auth, Destination, OAuth2, TlsVersion};
use crate::model::{Attempt, FailureClass};
use crate::secret::Secret;

const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1/128"];

/// An authority, and the folder its files are in.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        let name = format!("Authority {}", fastrand::u32(..));
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, folder: tempfile::tempdir().unwrap() }
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn file(&self, name: &str, pem: String) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path
    }

    fn ca_file(&self) -> PathBuf {
        self.file("ca.pem", self.issuer.pem())
    }

    /// A receiver for `name`; with `mutual` it wants a client certificate of this authority.
    async fn receiver(&self, name: &str, mutual: bool) -> Receiver {
        self.receiver_of(name, mutual, DEFAULT_VERSIONS, |_, _| OK).await
    }

    async fn receiver_of(
        &self,
        name: &str,
        mutual: bool,
        versions: &[&'static SupportedProtocolVersion],
        plan: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static,
    ) -> Receiver {
        let (certificate, key) = self.issue(name);
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_protocol_versions(versions).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = match mutual {
            true => builder.with_client_cert_verifier(verifier.build().unwrap()),
            false => builder.with_no_client_auth(),
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Receiver::behind(plan, move |tcp| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(tcp).await.ok() }
        })
        .await
    }
}

async fn attempt(receiver: &Receiver, edit: impl FnOnce(&mut Destination)) -> Attempt {
    let url = format!("https://localhost:{}/hook", receiver.address.port());
    send_one(fixture::destination(&url, edit), LOOPBACK).await.attempt
}

#[tokio::test]
async fn a_receiver_of_ones_own_authority_is_reached_over_one_connection() {
    let authority = Authority::new();
    let receiver = authority.receiver("localhost", false).await;
    let url = format!("https://localhost:{}/hook", receiver.address.port());
    let ca = authority.ca_file();
    let (stack, _) = stack_of(fixture::destination(&url, |d| d.tls.ca = Some(ca)), LOOPBACK);
    for _ in 0..3 {
        let attempt = send(&stack, fixture::delivery("a", b"{}"), 0).await.attempt;
        assert_eq!((attempt.status, attempt.error), (Some(200), None));
    }
    assert_eq!(receiver.accepted(), 1);
}

#[tokio::test]
async fn an_unknown_authority_and_a_wrong_name_are_tls_failures() {
    let authority = Authority::new();
    let receiver = authority.receiver("localhost", false).await;
    let stranger = Authority::new();
    let unknown = attempt(&receiver, |d| d.tls.ca = Some(stranger.ca_file())).await;
    assert_eq!(unknown.class, Some(FailureClass::Tls), "{:?}", unknown.error);
    assert!(unknown.remedy.unwrap().contains("tls.ca"));

    let other = authority.receiver("elsewhere.example.org", false).await;
    let misnamed = attempt(&other, |d| d.tls.ca = Some(authority.ca_file())).await;
    assert_eq!(misnamed.class, Some(FailureClass::Tls), "{:?}", misnamed.error);
    assert!(misnamed.remedy.unwrap().contains("host name"));
    assert_eq!(receiver.seen().len() + other.seen().len(), 0, "nothing was sent");
}

#[tokio::test]
async fn with_verification_off_whoever_answers_is_believed() {
    let receiver = Authority::new().receiver("elsewhere.example.org", false).await;
    let attempt = attempt(&receiver, |d| d.tls.verify = false).await;
    assert_eq!((attempt.status, attempt.error), (Some(200), None));
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_it_is_wanted() {
    let authority = Authority::new();
    let receiver = authority.receiver("localhost", true).await;
    let without = attempt(&receiver, |d| d.tls.ca = Some(authority.ca_file())).await;
    assert_eq!(without.class, Some(FailureClass::Tls), "{:?}", without.error);
    assert!(without.remedy.unwrap().contains("tls.client_cert"));
    let with = |issuer: &Authority| {
        let (certificate, key) = issuer.issue("gateway.example.org");
        let certificate = authority.file("client.pem", certificate.pem());
        let files = (certificate, authority.file("client.key", key.serialize_pem()));
        attempt(&receiver, |d| {
            d.tls.ca = Some(authority.ca_file());
            d.tls.client = Some(files);
        })
    };
    let wrong = with(&Authority::new()).await;
    assert_eq!(wrong.class, Some(FailureClass::Tls), "{:?}", wrong.error);
    assert!(wrong.remedy.unwrap().contains("does not trust who signed tls.client_cert"), "{:?}", wrong.error);
    assert_eq!(receiver.seen().len(), 0);
    assert_eq!(with(&authority).await.status, Some(200));
}

#[tokio::test]
async fn a_receiver_with_old_tls_only_is_refused_where_newer_is_wanted() {
    let authority = Authority::new();
    let receiver = authority.receiver_of("localhost", false, &[&TLS12], |_, _| OK).await;
    let with = |oldest| {
        attempt(&receiver, move |d| {
            d.tls.min_version = oldest;
        })
    };
    // Not verified, so that only the versions can be why.
    let unverified = |oldest| {
        attempt(&receiver, move |d| {
            d.tls.verify = false;
            d.tls.min_version = oldest;
        })
    };
    assert_eq!(unverified(TlsVersion::Tls12).await.status, Some(200));
    for refused in [unverified(TlsVersion::Tls13).await, with(TlsVersion::Tls13).await] {
        assert_eq!(refused.class, Some(FailureClass::Tls), "{:?}", refused.error);
        assert!(refused.remedy.unwrap().contains("tls.min_version"), "{:?}", refused.error);
    }
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn tokens_are_fetched_under_the_same_tls_settings() {
    let authority = Authority::new();
    let token = r#"{"access_token": "first-token"}"#;
    let tokens = authority
        .receiver_of("localhost", false, DEFAULT_VERSIONS, move |_, _| Reply::Status(200, &[], token))
        .await;
    let receiver = Receiver::start(|_, _| OK).await;
    let to = |ca: Option<PathBuf>| {
        fixture::destination(&receiver.url(), |d| {
            d.auth = Some(Auth::OAuth2(OAuth2 {
                token_url: format!("https://localhost:{}/token", tokens.address.port()).parse().unwrap(),
                client_id: "gateway".to_owned(),
                client_secret: Secret::new("hunter2"),
                scope: None,
                audience: None,
                in_body: false,
            }));
            d.tls.ca = ca;
        })
    };
    let stranger = send_one(to(Some(Authority::new().ca_file())), LOOPBACK).await.attempt;
    assert_eq!(stranger.class, Some(FailureClass::Tls), "{:?}", stranger.error);
    assert!(stranger.error.unwrap().starts_with("could not agree on TLS with the token endpoint"));
    assert_eq!(send_one(to(Some(authority.ca_file())), LOOPBACK).await.attempt.status, Some(200));
    assert_eq!(receiver.seen()[0].header("authorization"), "Bearer first-token");
}

#[tokio::test]
async fn a_missing_certificate_file_is_found_once_it_is_there() {
    let authority = Authority::new();
    let receiver = authority.receiver("localhost", false).await;
    let url = format!("https://localhost:{}/hook", receiver.address.port());
    let later = authority.folder.path().join("ca.pem");
    let (stack, _) = stack_of(fixture::destination(&url, |d| d.tls.ca = Some(later)), LOOPBACK);
    let first = send(&stack, fixture::delivery("a", b"{}"), 0).await.attempt;
    assert_eq!(first.class, Some(FailureClass::Config));
    assert!(first.error.unwrap().contains("ca.pem"));
    authority.ca_file();
    let second = send(&stack, fixture::delivery("a", b"{}"), 1).await.attempt;
    assert_eq!((second.number, second.status), (2, Some(200)));
}

#[tokio::test]
async fn https_to_a_port_without_tls_is_a_tls_failure() {
    let receiver = Receiver::start(|_, _| OK).await;
    let attempt = attempt(&receiver, |d| d.tls.verify = false).await;
    assert_eq!(attempt.class, Some(FailureClass::Tls), "{:?}", attempt.error);
    assert!(attempt.remedy.unwrap().contains("http://"));
}
