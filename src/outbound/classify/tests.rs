//! Errors as libraries nest them.

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
