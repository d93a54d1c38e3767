//! An event that waits for others before it leaves: by what it is gathered, and with whom.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use super::run::{Run, script_error};
use crate::config::Coalesce;
use crate::model::{By, Decision, Event, Failure, Gathered, Json};
use crate::script::Joining;

/// Longer keys stand in the group as their hash: stores index it.
const LONGEST: usize = 512;

impl Run<'_> {
    /// Asks the script whether the event goes on, and for its key; formats nothing yet.
    pub(super) fn gather(&self, coalesce: &Coalesce, gathered: &mut Vec<Gathered>) -> Decision {
        match self.joining(coalesce.by) {
            Ok(Joining::Dropped(reason)) => Decision::Filtered { reason },
            Ok(Joining::Joins(said)) => {
                let waits = self.waiting(coalesce, said);
                let key = waits.key.clone();
                gathered.push(waits);
                Decision::Gathered { key, batch: None, until: None }
            }
            Err(failure) => Decision::Failed(failure),
        }
    }

    fn joining(&self, by: By) -> Result<Joining, Failure> {
        match &self.route.script {
            None => Ok(Joining::Joins(None)),
            Some(script) => {
                script.join(self.event, by == By::Key, self.lookups, self.now).map_err(script_error)
            }
        }
    }

    /// `said`: the key that the script gave.
    fn waiting(&self, coalesce: &Coalesce, said: Option<String>) -> Gathered {
        let found = key(coalesce.by, self.event, said).filter(|key| !key.is_empty());
        let alone = found.is_none();
        let key = found.unwrap_or_else(|| self.event.id.to_string());
        Gathered {
            event: self.event.id,
            route: self.route.name.to_string(),
            by: coalesce.by,
            group: group(coalesce.by, &self.event.source, &key),
            key,
            window: coalesce.window,
            alone,
            lineage: self.came(),
            content: self.event.clone(),
            lookups: self.lookups.map_or(Json::Null, |found| Json::clone(found)),
        }
    }
}

/// What the event has in common with those that it waits for; `None`: nothing.
fn key(by: By, event: &Event, said: Option<String>) -> Option<String> {
    match by {
        By::Correlation => event.correlation_id.clone(),
        By::Object => event.object.as_ref().map(|object| format!("{}:{}", object.kind, object.id)),
        By::Kind => event.object.as_ref().map(|object| object.kind.clone()),
        By::Branch => event.branch.clone(),
        By::Key => said,
    }
}

/// Ids of one source mean nothing in another; a script's key is meant across sources.
fn group(by: By, source: &str, key: &str) -> String {
    let key = match key.len() {
        ..=LONGEST => Cow::Borrowed(key),
        _ => Cow::Owned(format!("sha256:{}", hex::encode(Sha256::digest(key)))),
    };
    match by {
        By::Key => format!("key:{key}"),
        _ => format!("{}:{source}:{key}", by.name()),
    }
}

#[cfg(test)]
mod tests;
