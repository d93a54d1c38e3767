//! What an answer means: the value that was asked for, or why there is none.

use std::sync::Arc;

use http::header::RETRY_AFTER;

use super::miss::{Miss, hidden, words};
use crate::adapter::cover;
use crate::json::{NonFinite, parse};
use crate::model::{FailureClass, Json, Timestamp};
use crate::outbound::client::Answer;
use crate::rules::Lookup;
use crate::schedule;

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Good {
    pub value: Arc<Json>,
    /// The same as the record may show it.
    pub shown: Arc<Json>,
    pub status: u16,
}

impl Good {
    /// Whether the same is true for a while. What is not there may come any moment.
    pub fn keeps(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Judges an answer. Takes as long as its document is large.
pub(super) fn judge(lookup: &Lookup, answer: &Answer, now: Timestamp) -> Result<Good, Miss> {
    let (status, settings) = (answer.status, &lookup.settings);
    // Objects are deleted, and their webhooks come late: nothing was found, and nothing is wrong.
    if matches!(status, 404 | 410) && settings.graphql.is_none() {
        let value = Arc::new(Json::Null);
        return Ok(Good { shown: value.clone(), value, status });
    }
    if let Some(miss) = Miss::of_status(status) {
        let asked = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = asked.and_then(|asked| schedule::retry_after(asked, now));
        return Err(Miss { retry_after, ..miss });
    }
    let document = document(lookup, answer).map_err(|miss| miss.with_status(status))?;
    let value = match &lookup.select {
        Some(path) => path.first(&document).cloned().unwrap_or(Json::Null),
        None => document,
    };
    let value = Arc::new(value);
    Ok(Good { shown: shown(lookup, &value), value, status })
}

/// A value as the record may show it: without what the lookup redacts, and without the lookup's
/// credentials, which some servers say back. Takes as long as the value is large.
pub(super) fn shown(lookup: &Lookup, value: &Arc<Json>) -> Arc<Json> {
    let mut copy = Json::clone(value);
    cover(&mut copy, &lookup.redact);
    words(&lookup.settings).hide_in(&mut copy);
    if copy == **value { value.clone() } else { Arc::new(copy) }
}

fn document(lookup: &Lookup, answer: &Answer) -> Result<Json, Miss> {
    let settings = &lookup.settings;
    if !answer.whole {
        return Err(match answer.body.len() >= settings.max_body {
            true => Miss::config(format!(
                "the answer is longer than {} bytes; ask for less, or raise the lookup's max_body",
                settings.max_body
            )),
            false => Miss::new(FailureClass::Timeout, "the answer broke off or came too slowly"),
        });
    }
    let document = parse(&answer.body, NonFinite::Refuse).map_err(|error| {
        let error = hidden(&error.to_string(), settings);
        Miss::config(format!("the answer is no JSON: {error}; check the lookup's url"))
    })?;
    match settings.graphql.as_ref().and_then(|_| error(&document.value)) {
        Some(message) => {
            let message = hidden(message, settings);
            Err(Miss::config(format!("the query was answered with an error: {message}")))
        }
        None => Ok(document.value),
    }
}

/// What an answer to a query says is wrong. Errors should be a list, but not every server knows.
fn error(document: &Json) -> Option<&str> {
    let first = match document.get("errors")? {
        Json::Null => return None,
        Json::Array(errors) => errors.first()?,
        other => other,
    };
    let message = first.get("message").unwrap_or(first);
    Some(message.as_str().unwrap_or("it says no more"))
}
