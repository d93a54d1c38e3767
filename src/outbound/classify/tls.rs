//! Handshakes that failed.

use rustls::{AlertDescription, CertificateError, Error};

use super::{Failure, one_line};
use crate::model::FailureClass;
use crate::outbound::party::Party;

pub(super) fn failure(party: Party, error: &Error) -> Failure {
    let text = format!("could not agree on TLS{}: {}", with(party), one_line(&error.to_string()));
    Failure::new(FailureClass::Tls, text, remedy(party, error))
}

/// The other side hung up in the middle of the handshake.
pub(super) fn eof(party: Party, text: &str) -> Failure {
    let text = format!("could not agree on TLS{}: {text}", with(party));
    Failure::new(FailureClass::Tls, text, no_tls(party))
}

/// The receiver goes without saying.
fn with(party: Party) -> String {
    match party {
        Party::Receiver => String::new(),
        _ => format!(" with {}", party.name()),
    }
}

fn no_tls(party: Party) -> String {
    let clear = if party == Party::State { "redis://" } else { "http://" };
    format!("check that this port speaks TLS; if it does not, the {} begins with {clear}", party.url())
}

fn remedy(party: Party, error: &Error) -> String {
    use CertificateError as Bad;
    let (name, url, ca) = (party.name(), party.url(), party.ca());
    match error {
        Error::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => {
            format!("give {ca} the certificate of the authority that signed the one of {name}")
        }
        Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            format!("use a host name in the {url} that the certificate of {name} names")
        }
        Error::InvalidCertificate(
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. },
        ) => format!("renew the certificate of {name}, or set this machine's clock"),
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => {
            format!("mend the certificate of {name}")
        }
        Error::InvalidMessage(_) => no_tls(party),
        _ if party == Party::Proxy => format!("check the TLS settings of {name}, and `{ca}`"),
        Error::PeerIncompatible(_) | Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            format!("{name} speaks no TLS that is new enough: see tls.min_version, or renew {name}")
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            format!("{name} wants a client certificate: give tls.client_cert and tls.client_key")
        }
        Error::AlertReceived(AlertDescription::UnknownCA | AlertDescription::DecryptError) => {
            format!("{name} does not trust who signed tls.client_cert")
        }
        Error::AlertReceived(_) => {
            format!(
                "{name} ended the handshake: check TLS versions and whether it wants a client certificate"
            )
        }
        _ => format!("check the TLS settings here and those of {name}"),
    }
}
