//! What a lookup found for an event, as it is recorded.

use serde::{Deserialize, Serialize};

use super::{FailureClass, Json};

/// One lookup made for one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Looked {
    pub name: String,
    /// Where it asked; credentials read `[redacted]`.
    pub url: Option<String>,
    /// The status of the answer, if one came.
    pub status: Option<u16>,
    /// The answer was known from an earlier question.
    pub cached: bool,
    pub ms: u64,
    /// What scripts and templates get; `null` where nothing was found.
    pub value: Json,
    /// `None`: it succeeded.
    pub class: Option<FailureClass>,
    /// What went wrong, in one line.
    pub error: Option<String>,
}
