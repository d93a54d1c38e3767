//! What an attempt says about the receiver, whatever becomes of the delivery.

use crate::model::{Attempt, FailureClass};

/// How the receiver is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It answers; also where it does not like what it was sent.
    Well,
    /// Whatever were sent would fail as this did.
    Sick,
    /// It was not asked.
    Unknown,
}

/// Answers that say something about the way there, not about what was sent.
const OF_THE_WAY: [u16; 9] = [401, 403, 404, 405, 407, 408, 410, 425, 429];
/// Answers of one that has too much to do, or has something in front of it that says so.
const SLOWER: [u16; 4] = [429, 502, 503, 504];
/// Answers whose `Retry-After` speaks for the receiver as a whole.
const STAY_AWAY: [u16; 2] = [429, 503];

impl Verdict {
    pub fn of(attempt: &Attempt) -> Self {
        use FailureClass::{Config, Connect, Dns, Http3xx, Http4xx, Http5xx, RefusedAddress, Timeout, Tls};
        match attempt.class {
            None => Self::Well,
            Some(Config | RefusedAddress) => Self::Unknown,
            Some(Http4xx) if !attempt.status.is_some_and(|status| OF_THE_WAY.contains(&status)) => Self::Well,
            Some(Http4xx | Http3xx | Http5xx | Connect | Dns | Tls | Timeout) => Self::Sick,
        }
    }
}

/// Whether the receiver asks for fewer attempts.
pub(super) fn wants_fewer(attempt: &Attempt) -> bool {
    attempt.status.is_some_and(|status| SLOWER.contains(&status))
}

/// Whether the receiver's `Retry-After` holds for other deliveries too.
pub(super) fn wants_none(attempt: &Attempt) -> bool {
    attempt.status.is_some_and(|status| STAY_AWAY.contains(&status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::tests::fixture;

    #[test]
    fn a_receiver_that_answers_is_well_unless_the_answer_is_about_the_way() {
        for status in [401, 403, 404, 405, 407, 408, 410, 425, 429, 301, 307, 500, 502, 503, 504, 599] {
            assert_eq!(Verdict::of(&fixture::answered(status)), Verdict::Sick, "{status}");
        }
        for status in [200, 204, 400, 402, 406, 409, 411, 413, 415, 422, 451] {
            assert_eq!(Verdict::of(&fixture::answered(status)), Verdict::Well, "{status}");
        }
    }

    #[test]
    fn what_fails_on_our_side_says_nothing_about_the_receiver() {
        use FailureClass::{Config, Connect, Dns, RefusedAddress, Timeout, Tls};
        for class in [Connect, Dns, Tls, Timeout] {
            assert_eq!(Verdict::of(&fixture::failed(class)), Verdict::Sick, "{class:?}");
        }
        for class in [Config, RefusedAddress] {
            assert_eq!(Verdict::of(&fixture::failed(class)), Verdict::Unknown, "{class:?}");
        }
    }

    #[test]
    fn four_answers_ask_for_fewer_attempts_and_two_of_them_for_none() {
        let fewer: Vec<u16> = (200..600).filter(|s| wants_fewer(&fixture::answered(*s))).collect();
        let none: Vec<u16> = (200..600).filter(|s| wants_none(&fixture::answered(*s))).collect();
        assert_eq!((fewer, none), (vec![429, 502, 503, 504], vec![429, 503]));
    }
}
