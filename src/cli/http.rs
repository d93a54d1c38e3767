//! A small HTTP client: one request, one answer, both bounded. Never follows a redirect.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// The largest answer read, in bytes.
const MAX_ANSWER: usize = 64 << 20;
/// For resolving and connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What these commands call themselves.
pub const USER_AGENT: &str = concat!("crossconnect/", env!("CARGO_PKG_VERSION"));

/// A client with a pool of connections; cheap to clone.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

/// One answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Http {
    /// A client whose requests take at most `timeout`, answer included. HTTPS trusts the
    /// platform's roots (or those in `SSL_CERT_FILE`).
    pub fn new(timeout: Duration) -> anyhow::Result<Self> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), timeout })
    }

    /// Sends one request. Errors name the host, never the path (which may hold a token).
    pub async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let host = host(request.uri());
        let exchange = async {
            let answer = self.client.request(request).await?;
            let (parts, body) = answer.into_parts();
            anyhow::Ok(Answer { status: parts.status, headers: parts.headers, body: read(body).await? })
        };
        match tokio::time::timeout(self.timeout, exchange).await {
            Ok(answer) => answer.with_context(|| format!("could not reach {host}")),
            Err(_) => bail!("could not reach {host}: no answer within {:?}", self.timeout),
        }
    }
}

/// Scheme, host and port of a URL.
pub fn host(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    // Whatever stands before an @ is a credential.
    let authority = authority.rsplit('@').next().unwrap_or_default();
    format!("{}://{authority}", uri.scheme_str().unwrap_or("http"))
}

/// Reads an absolute http or https URL.
pub fn url(text: &str) -> Result<Uri, String> {
    let wrong = || "expected a URL like http://127.0.0.1:8080/hooks/netbox".to_owned();
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(uri),
        _ => Err(wrong()),
    }
}

/// A text as one part of a query or a path.
pub fn encode(text: &str) -> String {
    crate::percent::encode(text, crate::percent::unreserved)
}

/// The client's side of TLS. A machine without any roots can still speak plain HTTP.
fn tls() -> anyhow::Result<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = || {
        rustls::ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .context("could not set up TLS")
    };
    let verified = match builder()?.with_native_roots() {
        Ok(verified) => verified,
        Err(_) => builder()?.with_root_certificates(rustls::RootCertStore::empty()),
    };
    Ok(verified.with_no_client_auth())
}

async fn read(mut body: Incoming) -> anyhow::Result<Bytes> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            anyhow::ensure!(
                bytes.len() + data.len() <= MAX_ANSWER,
                "the answer is larger than {MAX_ANSWER} bytes"
            );
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_needs_scheme_and_host() {
        assert!(url("http://127.0.0.1:8080/hooks/netbox").is_ok());
        assert!(url("https://example.com").is_ok());
        for wrong in ["127.0.0.1:8080", "/hooks/netbox", "ftp://example.com/", ""] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn errors_name_the_host_without_credentials_and_path() {
        let uri = url("https://user:pw@example.com:8443/hooks/lab/token").unwrap();
        assert_eq!(host(&uri), "https://example.com:8443");
    }

    #[test]
    fn what_goes_into_a_query_is_encoded() {
        assert_eq!(encode("a b&c=ü"), "a%20b%26c%3D%C3%BC");
    }

    #[tokio::test]
    async fn nobody_listening_is_an_error_that_names_the_host() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let request = Request::get(format!("http://{free}/secret")).body(Full::default()).unwrap();
        let error = Http::new(Duration::from_secs(5)).unwrap().send(request).await.unwrap_err();
        let text = format!("{error:#}");
        assert!(text.starts_with(&format!("could not reach http://{free}: ")), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
