//! TLS settings, as rustls wants them.
//!
//! Reads certificate files; opens no socket.

use std::path::Path;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ConfigBuilder, DEFAULT_VERSIONS, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, WantsVerifier,
};

use super::classify::Unusable;
use crate::config::{Tls, TlsVersion};

/// What connections are secured with. `tls.ca` stands in place of the
/// platform's roots, so that a private authority is trusted and nobody else.
pub fn client_config(tls: &Tls) -> Result<ClientConfig, Unusable> {
    let provider = Arc::new(ring::default_provider());
    let builder = versions(provider.clone(), tls.min_version)?;
    let builder = match (&tls.ca, tls.verify) {
        (_, false) => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate { provider }))
        }
        (Some(file), true) => builder.with_root_certificates(authorities(file)?),
        (None, true) => builder.with_native_roots().map_err(|error| {
            let remedy = "install the platform's CA certificates, or name a file in tls.ca";
            Unusable::new(format!("could not load the platform's CA certificates: {error}"), remedy)
        })?,
    };
    let Some((certificate, key)) = &tls.client else { return Ok(builder.with_no_client_auth()) };
    builder.with_client_auth_cert(certificates(certificate)?, private_key(key)?).map_err(|error| {
        let text = format!("could not use the client certificate {}: {error}", certificate.display());
        Unusable::new(text, "check that tls.client_cert and tls.client_key belong together")
    })
}

/// For ways without TLS: trusts nobody, reads nothing.
pub fn bare() -> Result<ClientConfig, Unusable> {
    Ok(versions(Arc::new(ring::default_provider()), TlsVersion::default())?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

fn versions(
    provider: Arc<CryptoProvider>,
    oldest: TlsVersion,
) -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Unusable> {
    let versions = match oldest {
        TlsVersion::Tls12 => DEFAULT_VERSIONS,
        TlsVersion::Tls13 => &[&TLS13],
    };
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| Unusable::new(format!("could not set up TLS: {error}"), "report this"))
}

fn authorities(file: &Path) -> Result<RootCertStore, Unusable> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| unreadable(file, &error))?;
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(file, &error))?;
    if found.is_empty() {
        return Err(unreadable(file, &"there is no PEM certificate in it"));
    }
    Ok(found)
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Unusable> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, cause: &dyn std::fmt::Display) -> Unusable {
    let text = format!("could not read {}: {cause}", file.display());
    Unusable::new(text, "check the files that the sections tls and proxy name (PEM, readable by the gateway)")
}

/// `tls.verify: false`: whoever answers is believed. The handshake's own signatures are still
/// checked, so that a recorded handshake cannot be replayed.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
