//! An event's object before and after, as flat fields, whatever its sender tells.
//!
//! NetBox sends both states; DATAGERRY sends them as lists of `{name, value}`; Infrahub sends
//! only what changed; others send the new state and what changed. Conditions, templates and
//! dialects see one shape. Pure.

use std::collections::HashSet;

use crate::model::{Change, Event, Json, Map};

/// Fields by name.
pub type Fields = Map;

/// The two states. `None`: there was no object (created, deleted), or nothing is known of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshots {
    pub before: Option<Fields>,
    pub after: Option<Fields>,
}

impl Snapshots {
    /// What the event tells: its states where the sender gave any, the other one worked out
    /// from what changed; without any state, what changed.
    pub fn of(event: &Event) -> Self {
        let (created, deleted) = (event.action == "created", event.action == "deleted");
        let told = |state, absent: bool| if absent { None } else { flat(state) };
        let (mut before, mut after) = (told(&event.before, created), told(&event.after, deleted));
        if !event.changes.is_empty() {
            if before.is_none() && !created {
                before = Some(with(after.as_ref(), &event.changes, |change| &change.from));
            }
            if after.is_none() && !deleted {
                after = Some(with(before.as_ref(), &event.changes, |change| &change.to));
            }
            if let (Some(before), Some(after)) = (&mut before, &after) {
                take_back(before, after, &event.changes);
            }
        }
        Self { before, after }
    }

    /// Without the fields that differ although no change tells of them, such as counters and times
    /// of the last edit: who compares the states of an update finds the changes and nothing else.
    pub fn without_bookkeeping(mut self, changes: &[Change]) -> Self {
        let (Some(before), Some(after)) = (&mut self.before, &mut self.after) else { return self };
        let told: HashSet<&str> = changes.iter().flat_map(|change| outer(&change.field)).collect();
        let differs = |field: &&str| before.get(field) != after.get(field) && !told.contains(*field);
        let fields = before.keys().chain(after.keys());
        let untold: HashSet<String> = fields.filter(differs).map(str::to_owned).collect();
        before.retain(|field, _| !untold.contains(field));
        after.retain(|field, _| !untold.contains(field));
        self
    }

    /// The object as it is now; of one that is gone, as it was.
    pub fn latest(&self) -> Option<&Fields> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

/// A dotted field, and what it may be a part of.
fn outer(field: &str) -> impl Iterator<Item = &str> {
    let dots = field.match_indices('.').filter_map(|(dot, _)| field.get(..dot));
    dots.chain([field])
}

/// The other state, if any is known, with the changed fields as they were or are.
fn with(other: Option<&Fields>, changes: &[Change], side: fn(&Change) -> &Json) -> Fields {
    let mut state = other.cloned().unwrap_or_default();
    for change in changes {
        let value = side(change).clone();
        match nested(&mut state, &change.field) {
            Some(place) => *place = value,
            None => {
                state.insert(change.field.clone(), value);
            }
        }
    }
    state
}

/// DATAGERRY tells of a switched state in `changes` only: its object before has the new one already.
fn take_back(before: &mut Fields, after: &Fields, changes: &[Change]) {
    for change in changes {
        let (was, is) = (before.get_mut(&change.field), after.get(&change.field));
        if let (Some(was), Some(is)) = (was, is)
            && was == is
            && *is == change.to
            && !change.partial
        {
            *was = change.from.clone();
        }
    }
}

/// Where a dotted field stands, if it does; names may have dots themselves.
fn nested<'s>(state: &'s mut Fields, field: &str) -> Option<&'s mut Json> {
    if state.contains_key(field) {
        return state.get_mut(field);
    }
    let (outer, inner) = field.split_once('.')?;
    nested(state.get_mut(outer)?.as_object_mut()?, inner)
}

/// A state as fields; lists of `{name, value}` under `fields` come first and win over members
/// of the same name, which only describe the record.
fn flat(state: &Json) -> Option<Fields> {
    let members = state.as_object()?;
    let Some(named) = members.get("fields").and_then(pairs) else { return Some(members.clone()) };
    let mut fields = Fields::new();
    let rest = members.iter().filter(|(key, _)| *key != "fields");
    for (name, value) in named.into_iter().chain(rest) {
        if !fields.contains_key(name) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    Some(fields)
}

fn pairs(list: &Json) -> Option<Vec<(&str, &Json)>> {
    let pair = |item| {
        let name = Json::get(item, "name")?.as_str()?;
        Some((name, item.get("value").unwrap_or(&Json::Null)))
    };
    list.as_array()?.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json;

    /// An event with these of its members.
    fn event(parts: Json) -> Event {
        let mut whole = json!({"id": "evt_01939f6a8a4f7c3e9d2b5a6c7d8e9f00", "type": "lab.a.b", "source": "s",
            "system": "lab", "actor": {}, "received_at": "2026-11-22T05:30:00Z", "changes": [],
            "before": null, "after": null, "data": null});
        let parts = parts.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(parts);
        whole.told().unwrap()
    }

    fn of(parts: Json) -> (Json, Json) {
        let Snapshots { before, after } = Snapshots::of(&event(parts));
        (json!(before), json!(after))
    }

    #[test]
    fn states_that_were_sent_stay_as_they_are() {
        let (before, after) =
            of(json!({"action": "updated", "before": {"a": {"b": 1}}, "after": {"a": {"b": 2}},
            "changes": [{"field": "a.b", "from": 1, "to": 2}]}));
        assert_eq!((before, after), (json!({"a": {"b": 1}}), json!({"a": {"b": 2}})));
    }

    #[test]
    fn there_is_nothing_before_a_creation_and_nothing_after_a_deletion() {
        let state = json!({"name": "a"});
        for (action, wanted) in
            [("created", (json!(null), state.clone())), ("deleted", (state.clone(), json!(null)))]
        {
            let found = of(json!({"action": action, "before": state, "after": state}));
            assert_eq!(found, wanted, "{action}");
        }
    }

    #[test]
    fn lists_of_named_values_become_fields_of_which_the_first_counts() {
        let named = |value: u32| {
            json!({"public_id": 5, "version": "1.0.0", "fields": [
                {"name": "version", "value": value}, {"name": "version", "value": 9}, {"name": "empty"}]})
        };
        let (before, after) = of(json!({"action": "updated", "before": named(1), "after": named(2)}));
        assert_eq!(before, json!({"version": 1, "empty": null, "public_id": 5}));
        assert_eq!(after["version"], 2);
        let (_, after) = of(json!({"action": "updated", "after": {"fields": ["name"], "id": 1}}));
        assert_eq!(after, json!({"fields": ["name"], "id": 1}), "a field of that name is no list of fields");
    }

    #[test]
    fn the_state_that_is_missing_is_worked_out_from_the_changes() {
        let changes = json!([{"field": "status", "from": "a", "to": "b"}, {"field": "cf.x.y", "from": 1, "to": 2},
            {"field": "gone", "from": [1], "to": null}]);
        let known = json!({"name": "n", "status": "b", "cf": {"x.y": 2, "z": 3}});
        let (before, after) = of(json!({"action": "updated", "after": known, "changes": changes}));
        assert_eq!(before, json!({"name": "n", "status": "a", "cf": {"x.y": 1, "z": 3}, "gone": [1]}));
        assert_eq!(after, known);
    }

    #[test]
    fn without_bookkeeping_the_states_differ_by_what_changed() {
        let (before, after) = (
            json!({"a": 1, "cf": {"x": 1}, "version": "1.0.0", "same": 1, "gone": 1}),
            json!({"a": 2, "cf": {"x": 2}, "version": "1.0.1", "same": 1, "edited": 9}),
        );
        let changes = json!([{"field": "a", "from": 1, "to": 2}, {"field": "cf.x", "from": 1, "to": 2}]);
        let event = event(json!({"action": "updated", "before": before, "after": after, "changes": changes}));
        let Snapshots { before, after } = Snapshots::of(&event).without_bookkeeping(&event.changes);
        assert_eq!(json!(before), json!({"a": 1, "cf": {"x": 1}, "same": 1}));
        assert_eq!(json!(after), json!({"a": 2, "cf": {"x": 2}, "same": 1}));
    }

    #[test]
    fn a_state_before_that_already_shows_the_change_is_put_right() {
        let state = json!({"active": true, "fields": [{"name": "a", "value": 1}]});
        let changes = json!([{"field": "active", "from": false, "to": true}]);
        let (before, after) =
            of(json!({"action": "updated", "before": state, "after": state, "changes": changes}));
        assert_eq!((&before["active"], &after["active"]), (&json!(false), &json!(true)));
    }

    #[test]
    fn without_any_state_the_changes_are_the_states() {
        let changes = json!([{"field": "name", "from": null, "to": "a"}]);
        for (action, wanted) in [
            ("created", (json!(null), json!({"name": "a"}))),
            ("deleted", (json!({"name": null}), json!(null))),
            ("merged", (json!({"name": null}), json!({"name": "a"}))),
        ] {
            assert_eq!(of(json!({"action": action, "changes": changes})), wanted, "{action}");
        }
        assert_eq!(of(json!({"action": "merged"})), (json!(null), json!(null)));
    }
}
