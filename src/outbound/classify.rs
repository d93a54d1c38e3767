//! From whatever went wrong to a class, one line and one sentence of remedy.
//!
//! Libraries hide causes in `source()`; this file digs them out. It never sees a body or a
//! secret.

mod status;
#[cfg(test)]
mod tests;
mod tls;

use std::error::Error;
use std::io;
use std::time::Duration;

use tower::timeout::error::Elapsed;

use super::guard::{Refused, Unresolved};
use super::party::Party;
use super::proxy::{NotByProxy, ProxyError};
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

/// The settings do not make a request.
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
    pub(super) fn new(class: FailureClass, error: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { class, error: error.into(), remedy: remedy.into() }
    }

    /// What an attempt that broke the program's own assumptions is recorded as.
    pub fn internal() -> Self {
        let remedy = "look for the panic in the log and report it; the delivery is tried again";
        Self::new(FailureClass::Config, "the gateway failed while sending", remedy)
    }

    /// The failure that an error is, in a delivery's attempt that may take `timeout`.
    pub fn of_error(error: &(dyn Error + 'static), timeout: Duration) -> Self {
        Self::of_error_with(Party::Receiver, error, timeout)
    }

    /// The same, in words about `party`. What lies on the way to it (a proxy, the token endpoint)
    /// is named as what it is.
    pub fn of_error_with(party: Party, error: &(dyn Error + 'static), timeout: Duration) -> Self {
        let causes = causes(error);
        let known = causes.iter().find_map(|cause| of_known(party, *cause, timeout));
        let http = || causes.iter().find_map(|cause| of_hyper(party, cause.downcast_ref()?));
        let io = || causes.iter().rev().find_map(|cause| of_io(party, cause.downcast_ref()?));
        known.or_else(io).or_else(http).unwrap_or_else(|| {
            let text = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
            let remedy = format!("check that {} runs and can be reached from here", party.name());
            let text = format!("{}could not send: {}", party.prefix(), one_line(&text));
            Self::new(FailureClass::Connect, text, remedy)
        })
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

fn of_known(party: Party, cause: &(dyn Error + 'static), timeout: Duration) -> Option<Failure> {
    use FailureClass::{Config, Dns, RefusedAddress, Timeout};
    let (before, name) = (party.prefix(), party.name());
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some(failure.clone());
    }
    if let Some(error) = cause.downcast_ref::<ProxyError>() {
        return Some(error.failure(timeout));
    }
    if let Some(unusable) = cause.downcast_ref::<Unusable>() {
        return Some(Failure::new(Config, &unusable.error, &unusable.remedy));
    }
    if let Some(refused) = cause.downcast_ref::<Refused>() {
        return Some(Failure::new(RefusedAddress, format!("{before}{refused}"), refused.remedy()));
    }
    if let Some(refused) = cause.downcast_ref::<NotByProxy>() {
        return Some(Failure::new(RefusedAddress, format!("{before}{refused}"), refused.remedy()));
    }
    if let Some(unresolved) = cause.downcast_ref::<Unresolved>() {
        let text = format!("{before}{}", one_line(&unresolved.to_string()));
        return Some(Failure::new(Dns, text, unresolved.remedy(party)));
    }
    if let Some(slow) = cause.downcast_ref::<ConnectTimeout>() {
        let remedy = format!("check address, port and firewalls between here and {name}");
        return Some(Failure::new(Timeout, format!("{before}{slow}"), remedy));
    }
    if cause.is::<Elapsed>() {
        let remedy = match party {
            Party::Receiver => {
                "let the receiver answer first and work later, or raise the timeout".to_owned()
            }
            _ => format!("see why {name} is slow, or raise the timeout"),
        };
        return Some(Failure::new(Timeout, format!("{before}no answer within {timeout:?}"), remedy));
    }
    cause.downcast_ref().map(|error| tls::failure(party, error))
}

fn of_hyper(party: Party, error: &hyper::Error) -> Option<Failure> {
    let (name, before) = (party.name(), party.prefix());
    let (text, remedy) = if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        (
            "the connection was closed before an answer came".to_owned(),
            format!("look into the log of {name}; a TLS port behind an http:// url does this too"),
        )
    } else if error.is_parse() {
        (
            format!("the answer is no HTTP: {}", one_line(&error.to_string())),
            "check that an HTTP server listens there, and http:// against https://".to_owned(),
        )
    } else {
        return None;
    };
    Some(Failure::new(FailureClass::Connect, format!("{before}{text}"), remedy))
}

fn of_io(party: Party, error: &io::Error) -> Option<Failure> {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, TimedOut, UnexpectedEof};
    let (name, before) = (party.name(), party.prefix());
    let text = one_line(&error.to_string());
    // tokio-rustls says this in words only.
    if error.kind() == UnexpectedEof && text.contains("tls") {
        return Some(tls::eof(party, &text));
    }
    let reachable = format!("check address, port and firewalls between here and {name}");
    let (class, what, remedy) = match error.kind() {
        TimedOut => (FailureClass::Timeout, "could not connect", reachable),
        HostUnreachable | NetworkUnreachable => (FailureClass::Connect, "could not connect", reachable),
        ConnectionRefused => {
            let remedy =
                format!("nothing listens there: start {name} or mend the port in the {}", party.url());
            (FailureClass::Connect, "could not connect", remedy)
        }
        _ => (FailureClass::Connect, "the connection failed", format!("look into the log of {name}")),
    };
    Some(Failure::new(class, format!("{before}{what}: {}", lower_first(&text)), remedy))
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Bounded, and without control characters: part of it comes from the other side.
pub fn one_line(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
