//! From whatever went wrong to a class, one line and one sentence of remedy.
//!
//! Libraries hide causes in `source()`; this file digs them out. It never sees a body or a
//! secret.

use std::error::Error;
use std::io;
use std::time::Duration;

use tower::timeout::error::Elapsed;

use super::guard::{Refused, Unresolved};
use crate::model::FailureClass;

/// Why an attempt failed, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Failure {
    pub class: FailureClass,
    /// What went wrong, in one line.
    pub error: String,
    /// One sentence: what to do about it.
    pub remedy: String,
}

/// The destination's settings do not make a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Unusable {
    error: String,
    remedy: String,
}

impl Unusable {
    pub fn new(error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { error: error.into(), remedy: remedy.into() }
    }
}

/// Resolving, connecting and the TLS handshake took too long together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no connection within {0:?}")]
pub struct ConnectTimeout(pub Duration);

impl Failure {
    fn new(class: FailureClass, error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { class, error: error.into(), remedy: remedy.into() }
    }

    /// What an attempt that broke the program's own assumptions is recorded as.
    pub fn internal() -> Self {
        let remedy = "look for the panic in the log and report it; the delivery is tried again";
        Self::new(FailureClass::Config, "the gateway failed while sending", remedy)
    }

    /// The failure that an error is, in an attempt that may take `timeout`.
    pub fn of_error(error: &(dyn Error + 'static), timeout: Duration) -> Self {
        let causes = causes(error);
        let known = causes.iter().find_map(|cause| of_known(*cause, timeout));
        let http = || causes.iter().find_map(|cause| of_hyper(cause.downcast_ref()?));
        let io = || causes.iter().rev().find_map(|cause| of_io(cause.downcast_ref()?));
        known.or_else(io).or_else(http).unwrap_or_else(|| {
            let text = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
            let remedy = "check that the receiver runs and can be reached from here";
            Self::new(FailureClass::Connect, format!("could not send: {text}"), remedy)
        })
    }

    /// The failure that an answer's status is; `None` for 2xx.
    pub fn of_status(status: u16, location: Option<&str>) -> Option<Self> {
        let answered = format!("the receiver answered {status}");
        let (class, remedy) = match status {
            200..=299 => return None,
            300..=399 => {
                let error = match location {
                    Some(to) => format!("{answered} and points to {}", one_line(to)),
                    None => answered,
                };
                let remedy = "redirects are not followed: give the destination the final URL";
                return Some(Self::new(FailureClass::Http3xx, error, remedy));
            }
            401 | 403 | 407 => (
                FailureClass::Http4xx,
                "check the destination's credentials and that the receiver holds the same signing secret",
            ),
            404 | 405 => (FailureClass::Http4xx, "check the destination's url and method"),
            408 | 425 | 429 => (
                FailureClass::Http4xx,
                "the receiver wants it slower: lower the destination's rate or in_flight",
            ),
            410 => {
                (FailureClass::Http4xx, "the receiver is gone for good: remove the destination or its url")
            }
            413 => (FailureClass::Http4xx, "the body is too large for the receiver: send less with a script"),
            415 => (FailureClass::Http4xx, "the receiver wants another format or content type"),
            400..=499 => (
                FailureClass::Http4xx,
                "read the answer below: the receiver does not like this body or its headers",
            ),
            502..=504 => {
                (FailureClass::Http5xx, "the receiver or a proxy in front of it is down or overloaded")
            }
            _ => (FailureClass::Http5xx, "look into the receiver's own log"),
        };
        Some(Self::new(class, answered, remedy))
    }
}

/// The error and everything below it, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut found = vec![error];
    let mut next = below(error);
    // A bound, should a chain ever lead back to itself.
    while let Some(cause) = next.filter(|_| found.len() < 32) {
        found.push(cause);
        next = below(cause);
    }
    found
}

/// `io::Error::source` skips the error that it wraps, so that one is asked for first.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        return Some(inner);
    }
    error.source()
}

fn of_known(cause: &(dyn Error + 'static), timeout: Duration) -> Option<Failure> {
    use FailureClass::{Config, Dns, RefusedAddress, Timeout};
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some(failure.clone());
    }
    if let Some(unusable) = cause.downcast_ref::<Unusable>() {
        return Some(Failure::new(Config, &unusable.error, &unusable.remedy));
    }
    if let Some(refused) = cause.downcast_ref::<Refused>() {
        return Some(Failure::new(RefusedAddress, refused.to_string(), refused.remedy()));
    }
    if let Some(unresolved) = cause.downcast_ref::<Unresolved>() {
        let remedy = "check the host name in the destination's url and this machine's DNS";
        return Some(Failure::new(Dns, one_line(&unresolved.to_string()), remedy));
    }
    if let Some(slow) = cause.downcast_ref::<ConnectTimeout>() {
        let remedy = "check address, port and firewalls between here and the receiver";
        return Some(Failure::new(Timeout, slow.to_string(), remedy));
    }
    if cause.is::<Elapsed>() {
        let remedy = "let the receiver answer first and work later, or raise the destination's timeout";
        return Some(Failure::new(Timeout, format!("no answer within {timeout:?}"), remedy));
    }
    cause.downcast_ref().map(of_tls)
}

fn of_tls(error: &rustls::Error) -> Failure {
    use rustls::{CertificateError, Error as Tls};
    let remedy = match error {
        Tls::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "give the destination's tls.ca the certificate of the authority that signed the receiver's"
        }
        Tls::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "use a host name in the url that the receiver's certificate names",
        Tls::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => "renew the receiver's certificate, or set this machine's clock",
        Tls::InvalidCertificate(_) | Tls::NoCertificatesPresented => "mend the receiver's certificate",
        Tls::InvalidMessage(_) => {
            "check that this port speaks TLS; if it does not, the url begins with http://"
        }
        Tls::AlertReceived(_) => {
            "the receiver ended the handshake: check TLS versions and whether it wants a client certificate"
        }
        _ => "check the TLS settings of the destination and of the receiver",
    };
    Failure::new(
        FailureClass::Tls,
        format!("could not agree on TLS: {}", one_line(&error.to_string())),
        remedy,
    )
}

fn of_hyper(error: &hyper::Error) -> Option<Failure> {
    let (text, remedy) = if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        (
            "the connection was closed before an answer came".to_owned(),
            "look into the receiver's log; a TLS port behind an http:// url does this too",
        )
    } else if error.is_parse() {
        (
            format!("the answer is no HTTP: {}", one_line(&error.to_string())),
            "check that an HTTP server listens there, and http:// against https://",
        )
    } else {
        return None;
    };
    Some(Failure::new(FailureClass::Connect, text, remedy))
}

fn of_io(error: &io::Error) -> Option<Failure> {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut, UnexpectedEof};
    let text = one_line(&error.to_string());
    // tokio-rustls says this in words only.
    if error.kind() == UnexpectedEof && text.contains("tls") {
        let remedy = "check that this port speaks TLS; if it does not, the url begins with http://";
        return Some(Failure::new(FailureClass::Tls, format!("could not agree on TLS: {text}"), remedy));
    }
    let reachable = "check address, port and firewalls between here and the receiver";
    let (class, what, remedy) = match error.kind() {
        TimedOut => (FailureClass::Timeout, "could not connect", reachable),
        HostUnreachable | NetworkUnreachable => (FailureClass::Connect, "could not connect", reachable),
        ConnectionRefused => {
            let remedy = "nothing listens there: start the receiver or mend the port in the url";
            (FailureClass::Connect, "could not connect", remedy)
        }
        _ => (FailureClass::Connect, "the connection failed", "look into the receiver's log"),
    };
    Some(Failure::new(class, format!("{what}: {}", lower_first(&text)), remedy))
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Bounded, and without control characters: part of it comes from the other side.
fn one_line(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classify(error: impl Error + 'static) -> Failure {
        Failure::of_error(&error, Duration::from_secs(20))
    }

    #[test]
    fn a_tls_error_is_found_below_two_io_errors() {
        let inner = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::NoCertificatesPresented);
        assert_eq!(classify(io::Error::other(inner)).class, FailureClass::Tls);
        let eof = io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof");
        assert_eq!(classify(io::Error::other(eof)).class, FailureClass::Tls);
    }

    #[test]
    fn io_kinds_tell_refused_from_timed_out() {
        let refused = classify(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!(refused.class, FailureClass::Connect);
        assert_eq!(refused.error, "could not connect: connection refused");
        assert_eq!(classify(io::Error::from(io::ErrorKind::TimedOut)).class, FailureClass::Timeout);
        assert_eq!(classify(Elapsed::new()).error, "no answer within 20s");
        assert_eq!(classify(ConnectTimeout(Duration::from_secs(3))).error, "no connection within 3s");
    }

    #[test]
    fn statuses_fall_into_their_classes() {
        let class = |status| Failure::of_status(status, None).map(|failure| failure.class);
        assert_eq!(class(200), None);
        assert_eq!(class(299), None);
        assert_eq!(class(304), Some(FailureClass::Http3xx));
        assert_eq!(class(410), Some(FailureClass::Http4xx));
        assert_eq!(class(429), Some(FailureClass::Http4xx));
        assert_eq!(class(503), Some(FailureClass::Http5xx));
        assert_eq!(class(999), Some(FailureClass::Http5xx));
        let moved = Failure::of_status(302, Some("https://else\nwhere/")).unwrap();
        assert_eq!(moved.error, "the receiver answered 302 and points to https://else where/");
    }
}
