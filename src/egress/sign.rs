//! From a delivery to the exact request that leaves, with a fresh timestamp and signature
//! every time. The dry run shows what this file builds, so both are always the same.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::Full;
use tower::{BoxError, Service};

use super::target;
use crate::clock::Clock;
use crate::config::Destination;
use crate::model::{Delivery, Timestamp};
use crate::outbound::classify::{Failure, Unusable};
use crate::secret::{REDACTED, sounds_secret};
use crate::store::Leased;

const AGENT: &str = concat!("crossconnect/", env!("CARGO_PKG_VERSION"));

/// What the connection itself decides; neither a config nor a script may.
const FRAMING: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The request that would leave now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    pub method: String,
    /// Credentials in it read `[redacted]`.
    pub url: String,
    /// In wire order; values that hold secrets read `[redacted]`.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// Builds the request of one delivery as it would leave at `now`; sends nothing.
///
/// # Errors
///
/// A failure of class `config` if the destination's settings make no request.
pub fn preview(destination: &Destination, delivery: &Delivery, now: Timestamp) -> Result<Preview, Failure> {
    let request =
        build(destination, delivery, now).map_err(|error| Failure::of_error(&error, destination.timeout))?;
    Ok(Preview {
        method: destination.method.to_string(),
        url: target::shown(destination, delivery),
        headers: shown_headers(destination, request.headers()),
        body: target::shown_body(delivery),
    })
}

/// A delivery on its way down the stack.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub leased: Arc<Leased>,
    /// Filled once the request is built: its headers as they may be shown.
    pub shown: Arc<OnceLock<Vec<(String, String)>>>,
}

/// The layer: delivery in, signed request out.
#[derive(Debug, Clone)]
pub(super) struct Sign<S> {
    pub inner: S,
    pub destination: Arc<Destination>,
    pub clock: Arc<dyn Clock>,
}

impl<S> Service<Outgoing> for Sign<S>
where
    S: Service<Request<Full<Bytes>>, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, outgoing: Outgoing) -> Self::Future {
        match build(&self.destination, &outgoing.leased.delivery, self.clock.now()) {
            Ok(request) => {
                outgoing.shown.get_or_init(|| shown_headers(&self.destination, request.headers()));
                Box::pin(self.inner.call(request))
            }
            Err(unusable) => Box::pin(async move { Err(unusable.into()) }),
        }
    }
}

/// Later lines win over earlier ones: the destination's own headers, then the delivery's,
/// then the signature's, which nobody may replace.
fn build(
    destination: &Destination,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<Request<Full<Bytes>>, Unusable> {
    let (url, body) = (target::url(destination, delivery)?, target::body(destination, delivery)?);
    let mut headers = HeaderMap::new();
    if let Some(host) = host_of(&url) {
        headers.insert(HOST, host);
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(CONTENT_TYPE, value("content-type", &delivery.content_type)?);
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    put(&mut headers, configured(destination)?);
    put(&mut headers, given(destination, delivery)?);
    for (name, text) in signed(destination, delivery, &body, now)? {
        let mut value = value(&name, &text)?;
        // Some schemes send the secret itself.
        value.set_sensitive(destination.sign.scheme.token_header() == Some(name.as_str()));
        headers.insert(named(&name)?, value);
    }
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = destination.method.clone();
    *request.uri_mut() = url;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The signature's headers. What is to be signed never leaves unsigned.
fn signed(
    destination: &Destination,
    delivery: &Delivery,
    body: &[u8],
    now: Timestamp,
) -> Result<Vec<(String, String)>, Unusable> {
    let signer = &destination.sign;
    let headers = signer.sign(&delivery.id.to_string(), now.as_second(), body);
    let wanted = signer.scheme.signature_header();
    if wanted.is_none_or(|wanted| headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted))) {
        return Ok(headers);
    }
    let why = match signer.expired_at(now.as_second()) {
        Some(until) => format!("the last secret to sign with expired at {until}"),
        None => "there is no secret to sign with".to_owned(),
    };
    Err(Unusable::new(why, "give the destination a new secret under `sign`"))
}

/// The destination's static headers; all but a few harmless ones count as secret.
fn configured(destination: &Destination) -> Result<Vec<(HeaderName, HeaderValue)>, Unusable> {
    let usable = |(name, _): &&(HeaderName, _)| !FRAMING.contains(&name.as_str());
    let read = |(name, secret): &(HeaderName, crate::secret::Secret)| {
        let mut value = value(name.as_str(), secret.expose())?;
        value.set_sensitive(![CONTENT_TYPE, ACCEPT, USER_AGENT, HOST].contains(name));
        Ok((name.clone(), value))
    };
    destination.headers.iter().filter(usable).map(read).collect()
}

/// What format or script gave to the delivery.
fn given(destination: &Destination, delivery: &Delivery) -> Result<Vec<(HeaderName, HeaderValue)>, Unusable> {
    let mut found = Vec::with_capacity(delivery.headers.len());
    for (name, text) in &delivery.headers {
        let filled = target::filled(destination, delivery, text, target::Place::Header)?;
        let (name, mut value) = (named(name)?, value(name, &filled)?);
        let lower = name.as_str();
        if FRAMING.contains(&lower) || lower == "host" || lower.starts_with("webhook-") {
            continue;
        }
        value.set_sensitive(sounds_secret(lower) || filled != *text);
        found.push((name, value));
    }
    Ok(found)
}

/// Replaces what was there under the same names; within the group all values stay.
fn put(headers: &mut HeaderMap, group: Vec<(HeaderName, HeaderValue)>) {
    for (name, _) in &group {
        headers.remove(name);
    }
    for (name, value) in group {
        headers.append(name, value);
    }
}

fn named(name: &str) -> Result<HeaderName, Unusable> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        let remedy = "use letters, digits and hyphens in header names";
        Unusable::new(format!("{name:?} is no header name"), remedy)
    })
}

fn value(name: &str, text: &str) -> Result<HeaderValue, Unusable> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        // The value itself may be a secret.
        let error = format!("the value of the header {name} holds a line break or another control character");
        Unusable::new(error, "look for a line break at the end of the secret or file it comes from")
    })
}

/// Host and, unless it is the scheme's own, port.
fn host_of(url: &Uri) -> Option<HeaderValue> {
    let host = url.host()?;
    let usual = if url.scheme_str() == Some("https") { 443 } else { 80 };
    match url.port_u16() {
        Some(port) if port != usual => HeaderValue::from_str(&format!("{host}:{port}")).ok(),
        _ => HeaderValue::from_str(host).ok(),
    }
}

/// As they may be shown to an operator. What `auth` adds, or puts in place of another value, is
/// added by the client; it is named here all the same.
fn shown_headers(destination: &Destination, headers: &HeaderMap) -> Vec<(String, String)> {
    let show = |value: &HeaderValue| match value.is_sensitive() {
        true => REDACTED.to_owned(),
        false => String::from_utf8_lossy(value.as_bytes()).into_owned(),
    };
    let replaced = |name: &HeaderName| destination.auth.is_some() && *name == AUTHORIZATION;
    let own = headers.iter().filter(|(name, _)| !replaced(name));
    let mut shown: Vec<_> = own.map(|(name, value)| (name.as_str().to_owned(), show(value))).collect();
    if destination.auth.is_some() {
        shown.push((AUTHORIZATION.as_str().to_owned(), REDACTED.to_owned()));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Auth, OAuth2};
    use crate::egress::tests::fixture;
    use crate::signature::Scheme;

    fn header<'a>(preview: &'a Preview, name: &str) -> Vec<&'a str> {
        preview.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }

    #[test]
    fn the_signature_wins_over_the_delivery_which_wins_over_the_destination() {
        let destination = fixture::destination("http://example.org:8443/hook?token=abc&x=1", |destination| {
            destination.headers = fixture::headers(&[
                ("x-team", "net"),
                ("x-colour", "blue"),
                ("accept", "text/plain"),
                ("transfer-encoding", "chunked"),
            ]);
        });
        let mut delivery = fixture::delivery("lane", b"{}");
        delivery.headers = fixture::texts(&[
            ("X-Colour", "red"),
            ("webhook-id", "forged"),
            ("Host", "evil"),
            ("content-length", "9"),
        ]);
        let preview = preview(&destination, &delivery, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(header(&preview, "x-colour"), ["red"]);
        assert_eq!(header(&preview, "x-team"), [REDACTED]);
        assert_eq!(header(&preview, "accept"), ["text/plain"]);
        assert_eq!(header(&preview, "webhook-id"), [delivery.id.to_string()]);
        assert_eq!(header(&preview, "webhook-timestamp"), ["0"]);
        assert_eq!(header(&preview, "host"), ["example.org:8443"]);
        assert_eq!(header(&preview, "content-length"), ["2"]);
        assert_eq!(header(&preview, "user-agent"), [AGENT]);
        assert!(header(&preview, "transfer-encoding").is_empty());
        assert_eq!(preview.url, "http://example.org:8443/hook?token=[redacted]&x=1");
        assert_eq!(preview.body, delivery.body);
    }

    #[test]
    fn a_secret_that_is_sent_as_it_is_is_not_shown() {
        let destination = fixture::destination("http://example.org/", |destination| {
            let secrets = vec![crate::secret::Secret::new("hunter2")];
            destination.sign = crate::signature::Signer { scheme: Scheme::Gitlab, secrets };
        });
        let delivery = fixture::delivery("lane", b"{}");
        let sent = build(&destination, &delivery, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(sent.headers()["x-gitlab-token"], "hunter2");
        let preview = preview(&destination, &delivery, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(header(&preview, "x-gitlab-token"), [REDACTED]);
        assert!(!format!("{preview:?} {sent:?}").contains("hunter2"));
    }

    #[test]
    fn nothing_leaves_unsigned_because_the_last_secret_expired() {
        let destination = fixture::destination("http://example.org/", |destination| {
            let secrets = vec![crate::secret::Secret::new("hunter2").until(Timestamp::UNIX_EPOCH)];
            destination.sign = crate::signature::Signer { scheme: Scheme::Github, secrets };
        });
        let sent = |now| preview(&destination, &fixture::delivery("lane", b"{}"), now);
        let before = sent(Timestamp::from_second(-1).unwrap()).unwrap();
        assert_eq!(header(&before, "x-hub-signature-256").len(), 1);
        let failure = sent(Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(failure.class, crate::model::FailureClass::Config);
        assert_eq!(failure.error, "the last secret to sign with expired at 1970-01-01T00:00:00Z");
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_named_but_its_value_is_not() {
        let destination = fixture::destination("http://example.org/", |destination| {
            destination.headers = fixture::headers(&[("authorization", "Bearer hunter2\n")]);
        });
        let failure = preview(&destination, &fixture::delivery("lane", b"{}"), Timestamp::UNIX_EPOCH);
        let failure = failure.unwrap_err();
        assert_eq!(failure.class, crate::model::FailureClass::Config);
        assert!(failure.error.contains("authorization") && !failure.error.contains("hunter2"));
    }

    #[test]
    fn a_proof_is_shown_as_one_header_without_being_made() {
        let url = "https://sso.example.org/token".parse().unwrap();
        let secret = || crate::secret::Secret::new("hunter2");
        for auth in [
            Auth::Basic { user: "ann".to_owned(), password: secret() },
            Auth::Bearer(secret()),
            Auth::OAuth2(OAuth2 {
                token_url: url,
                client_id: "gateway".to_owned(),
                client_secret: secret(),
                scope: None,
                audience: None,
                in_body: false,
            }),
        ] {
            let destination = fixture::destination("https://example.org/", |d| d.auth = Some(auth.clone()));
            let mut delivery = fixture::delivery("lane", b"{}");
            delivery.headers = fixture::texts(&[("Authorization", "from a script")]);
            let preview = preview(&destination, &delivery, Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(header(&preview, "authorization"), [REDACTED]);
            assert!(!format!("{preview:?}").contains("hunter2"));
        }
    }
}
