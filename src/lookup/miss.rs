//! Why a lookup failed: a class, and one line that says what happened and what to do.
//!
//! No secret of the lookup ever stands in it, whoever says it.

use std::error::Error;
use std::time::Duration;

use crate::config::{Auth, Lookup};
use crate::model::FailureClass;
use crate::outbound::classify::Failure;
use crate::secret::REDACTED;
use crate::template::TemplateError;

/// What others say is cut after so many characters.
const LONGEST: usize = 300;
/// Words of headers that are shorter may well be no credentials, and would be found everywhere.
const SHORTEST_WORD: usize = 8;

/// Why a lookup failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Miss {
    pub class: FailureClass,
    pub error: String,
    /// The status of the answer, if one came.
    pub status: Option<u16>,
    /// How long the other side wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Miss {
    pub fn new(class: FailureClass, error: impl Into<String>) -> Self {
        Self { class, error: error.into(), status: None, retry_after: None }
    }

    pub fn config(error: impl Into<String>) -> Self {
        Self::new(FailureClass::Config, error)
    }

    /// A template that could not be rendered for the event.
    pub fn template(error: &TemplateError) -> Self {
        Self::config(format!("{} ({})", error.message, error.place))
    }

    /// No answer came.
    pub fn of_error(error: &(dyn Error + 'static), lookup: &Lookup) -> Self {
        let Failure { class, error, remedy } = Failure::of_error(error, lookup.timeout);
        // The words are those of deliveries.
        let text =
            format!("{error}; {remedy}").replace("destination", "lookup").replace("receiver", "server");
        Self::new(class, hidden(&text, lookup))
    }

    /// The whole exchange took too long.
    pub fn late(lookup: &Lookup) -> Self {
        let error = format!(
            "no whole answer within {:?}; ask for less, or raise the lookup's timeout",
            lookup.timeout
        );
        Self::new(FailureClass::Timeout, error)
    }

    /// A status that is no success; `None`: it is one.
    pub fn of_status(status: u16) -> Option<Self> {
        let class = Failure::of_status(status, None)?.class;
        let remedy = match status {
            300..=399 => {
                "redirects are not followed: give the lookup the final url, with its slash at the end"
            }
            401 | 403 | 407 => "check the lookup's credentials, and what they may read",
            404 | 405 | 410 => "check the lookup's url",
            408 | 425 | 429 => "lower the lookup's rate or in_flight, or cache longer",
            400..=499 => "check the lookup's url and what it asks",
            502..=504 => "the server or a proxy in front of it is down or overloaded",
            _ => "look into the server's own log",
        };
        let error = format!("the server answered {status}; {remedy}");
        Some(Self { status: Some(status), ..Self::new(class, error) })
    }

    pub fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }
}

/// What the other side says, in one bounded line and without the lookup's credentials.
pub(super) fn hidden(text: &str, lookup: &Lookup) -> String {
    let mut text = text.to_owned();
    for word in words(lookup) {
        if text.contains(word) {
            text = text.replace(word, REDACTED);
        }
    }
    let line = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut bounded: String = line.take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        bounded.push('…');
    }
    bounded
}

/// The credentials, the longest first, as one may hold another.
fn words(lookup: &Lookup) -> Vec<&str> {
    let headers = lookup.headers.iter().map(|(_, secret)| secret.expose());
    // `Token abc`: the credential alone is as secret as the whole value.
    let mut words: Vec<&str> =
        headers.flat_map(str::split_whitespace).filter(|word| word.len() >= SHORTEST_WORD).collect();
    words.extend(match &lookup.auth {
        None => None,
        Some(Auth::Basic { password: secret, .. } | Auth::Bearer(secret)) => Some(secret.expose()),
        Some(Auth::OAuth2(auth)) => Some(auth.client_secret.expose()),
    });
    words.retain(|word| !word.is_empty());
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words
}
