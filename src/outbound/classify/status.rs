//! What a status that is no success means, and what to do about it.

use super::{Failure, one_line};
use crate::model::FailureClass;
use crate::outbound::party::Party;

impl Failure {
    /// The failure that the status of a receiver's answer is; `None` for 2xx.
    pub fn of_status(status: u16, location: Option<&str>) -> Option<Self> {
        Self::of_status_with(Party::Receiver, status, location)
    }

    /// The same, in words about `party`.
    pub fn of_status_with(party: Party, status: u16, location: Option<&str>) -> Option<Self> {
        let answered = format!("{} answered {status}", party.name());
        let class = match status {
            200..=299 => return None,
            300..=399 => FailureClass::Http3xx,
            400..=499 => FailureClass::Http4xx,
            _ => FailureClass::Http5xx,
        };
        let error = match location.filter(|_| class == FailureClass::Http3xx) {
            Some(to) => format!("{answered} and points to {}", one_line(to)),
            None => answered,
        };
        let remedy = match party {
            Party::Receiver => of_receiver(status).to_owned(),
            Party::Asked => of_asked(status).to_owned(),
            Party::Tokens | Party::Proxy | Party::State => of_other(party, status),
        };
        Some(Self::new(class, error, remedy))
    }
}

fn of_receiver(status: u16) -> &'static str {
    match status {
        300..=399 => "redirects are not followed: give the destination the final URL",
        401 | 403 | 407 => {
            "check the destination's credentials and that the receiver holds the same signing secret"
        }
        404 | 405 => "check the destination's url and method",
        408 | 425 | 429 => "the receiver wants it slower: lower the destination's rate or in_flight",
        410 => "the receiver is gone for good: remove the destination or its url",
        413 => "the body is too large for the receiver: send less with a script",
        415 => "the receiver wants another format or content type",
        400..=499 => "read the answer below: the receiver does not like this body or its headers",
        502..=504 => "the receiver or a proxy in front of it is down or overloaded",
        _ => "look into the receiver's own log",
    }
}

fn of_asked(status: u16) -> &'static str {
    match status {
        300..=399 => "redirects are not followed: give the lookup the final url, with its slash at the end",
        401 | 403 | 407 => "check the lookup's credentials, and what they may read",
        404 | 405 | 410 => "check the lookup's url",
        408 | 425 | 429 => "lower the lookup's rate or in_flight, or cache longer",
        400..=499 => "check the lookup's url and what it asks",
        502..=504 => "the system asked or a proxy in front of it is down or overloaded",
        _ => "look into the log of the system asked",
    }
}

fn of_other(party: Party, status: u16) -> String {
    let (name, url) = (party.name(), party.url());
    match status {
        300..=399 => format!("redirects are not followed: give `{url}` the final URL"),
        401 | 403 | 407 => format!("check the credentials that {name} wants"),
        404 | 405 | 410 => format!("check `{url}`"),
        408 | 425 | 429 => format!("{name} wants to be asked less often"),
        400..=499 => format!("look into the log of {name} for what it does not like"),
        502..=504 => format!("{name} or a proxy in front of it is down or overloaded"),
        _ => format!("look into the log of {name}"),
    }
}
