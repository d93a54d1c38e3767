//! An event's object before and after, as flat fields, whatever its sender tells.
//!
//! NetBox sends both states; DATAGERRY sends them as lists of `{name, value}`; Infrahub sends
//! only what changed. Conditions, templates and dialects see one shape. Pure.

use serde_json::Map;

use crate::model::{Event, Json};

/// Fields by name.
pub type Fields = Map<String, Json>;

/// The two states. `None`: there was no object (created, deleted), or nothing is known of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshots {
    pub before: Option<Fields>,
    pub after: Option<Fields>,
}

impl Snapshots {
    /// What the event tells: its states where the sender gave any, else what changed.
    pub fn of(event: &Event) -> Self {
        let told = Self { before: flat(&event.before), after: flat(&event.after) };
        if told.before.is_some() || told.after.is_some() || event.changes.is_empty() {
            return told;
        }
        let side = |pick: fn(&crate::model::Change) -> &Json| {
            event.changes.iter().map(|change| (change.field.clone(), pick(change).clone())).collect()
        };
        Self {
            before: (event.action != "created").then(|| side(|change| &change.from)),
            after: (event.action != "deleted").then(|| side(|change| &change.to)),
        }
    }

    /// The object as it is now; of one that is gone, as it was.
    pub fn latest(&self) -> Option<&Fields> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

/// A state as fields; lists of `{name, value}` under `fields` are put beside the rest.
fn flat(state: &Json) -> Option<Fields> {
    let members = state.as_object()?;
    let Some(named) = members.get("fields").and_then(pairs) else { return Some(members.clone()) };
    let rest = members.iter().filter(|(key, _)| *key != "fields");
    Some(named.chain(rest.map(|(key, value)| (key.clone(), value.clone()))).collect())
}

fn pairs(list: &Json) -> Option<impl Iterator<Item = (String, Json)>> {
    let list = list.as_array()?;
    let pair = |item: &Json| {
        let name = item.get("name")?.as_str()?;
        Some((name.to_owned(), item.get("value").cloned().unwrap_or_default()))
    };
    list.iter().map(pair).collect::<Option<Vec<_>>>().map(Vec::into_iter)
}
