//! A batch that is complete becomes one delivery per destination: what its script makes of it, or
//! what template or format say.

use std::sync::Arc;

use super::run::{Of, Run, object_lane, script_error};
use crate::format::Digest;
use crate::model::{Batch, By, Event, Failure, Sealed, Stage, Timestamp};
use crate::rules::{Route, Rules};
use crate::script::Verdict;

/// Makes a batch into what leaves, by the rules of today: those that gathered it may be gone.
pub fn seal(rules: &Rules, batch: &Batch, now: Timestamp) -> Sealed {
    let Some(route) = rules.routes.iter().find(|route| *route.name == *batch.route) else {
        return Sealed::Failed(gone(&batch.route));
    };
    sealed(route, batch, now).unwrap_or_else(Sealed::Failed)
}

fn sealed(route: &Route, batch: &Batch, now: Timestamp) -> Result<Sealed, Failure> {
    let verdict = match &route.script {
        Some(script) => script.run_batch(&batch.members, now).map_err(script_error)?,
        None => Verdict::Pass,
    };
    let digest = Digest::of(batch, now).ok_or_else(|| failed("there is no event in the batch".to_owned()))?;
    let event = Arc::new(standing(&digest, route)?);
    let run = Run { of: Of::Batch(&digest), event: &event, route, lookups: None, now };
    Ok(Sealed::Sent(match verdict {
        Verdict::Dropped(reason) => return Ok(Sealed::Dropped(reason)),
        Verdict::Messages(messages) if messages.is_empty() => {
            return Ok(Sealed::Dropped(Some("transform_batch gave no message".to_owned())));
        }
        Verdict::Messages(messages) => run.worded(messages)?,
        Verdict::Pass => run.formatted()?,
    }))
}

/// What stands for the events; its `data`, which is all of them, only where a template may ask.
fn standing(digest: &Digest<'_>, route: &Route) -> Result<Event, Failure> {
    if route.to.iter().any(|outlet| outlet.templates.is_some()) {
        return digest.event().map_err(failed);
    }
    Ok(digest.head())
}

/// Batches of one object keep to its lane, and so to the order of what leaves by itself; others
/// leave one after the other within their group.
pub(super) fn lane(batch: &Batch) -> String {
    let object = batch.members.first().filter(|_| batch.by == By::Object);
    object.and_then(|member| object_lane(&member.event)).unwrap_or_else(|| format!("batch:{}", batch.group))
}

fn gone(route: &str) -> Failure {
    let message = format!(
        "there is no route `{route}` any more; bring it back, or replay the receipts to route their events anew"
    );
    Failure { stage: Stage::Route, message, place: None }
}

fn failed(message: String) -> Failure {
    Failure { stage: Stage::Format, message, place: None }
}

#[cfg(test)]
mod tests;
