//! Why a lookup failed: a class, and one line that says what happened and what to do.
//!
//! No secret of the lookup ever stands in it, whoever says it.

use std::error::Error;
use std::time::Duration;

use crate::config::Lookup;
use crate::model::FailureClass;
use crate::outbound::classify::Failure;
use crate::outbound::echo::Words;
use crate::outbound::party::Party;
use crate::template::TemplateError;

/// What others say is cut after so many characters.
const LONGEST: usize = 300;

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
        let failure = Failure::of_error_with(Party::Asked, error, lookup.timeout);
        Self::new(failure.class, hidden(&told(&failure), lookup))
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
        let failure = Failure::of_status_with(Party::Asked, status, None)?;
        Some(Self::new(failure.class, told(&failure)).with_status(status))
    }

    pub fn with_status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }
}

fn told(failure: &Failure) -> String {
    format!("{}; {}", failure.error, failure.remedy)
}

/// The credentials of a lookup.
pub(super) fn words(lookup: &Lookup) -> Words {
    Words::of(&lookup.headers, lookup.auth.as_ref(), lookup.proxy.as_deref())
}

/// What the other side says, in one bounded line and without the lookup's credentials.
pub(super) fn hidden(text: &str, lookup: &Lookup) -> String {
    let text = words(lookup).hidden(text);
    let line = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut bounded: String = line.take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        bounded.push('…');
    }
    bounded
}
