//! What a dialect has no words for: the facts of an event as they are, which stand beside what
//! the dialect says as the member `crossconnect`. The shipped adapters read it.

use crate::model::{Change, Event, Json, json};

/// What stands in place of a redacted value.
const MASK: &str = "***";

/// A JSON object. Its values are moved, not serialised again, so that numbers keep their digits.
pub(super) fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The facts as they are.
pub(super) fn facts(event: &Event) -> Json {
    object([
        ("system", json!(event.system)),
        ("type", json!(event.r#type)),
        ("action", json!(event.action)),
        ("object", json!(event.object)),
        ("branch", json!(event.branch)),
        ("actor", json!(event.actor)),
        ("occurred_at", json!(event.occurred_at)),
        ("correlation_id", json!(event.correlation_id)),
        ("changes", event.changes.iter().map(change).collect()),
    ])
}

fn change(change: &Change) -> Json {
    let mut json =
        object([("field", json!(change.field)), ("from", change.from.clone()), ("to", change.to.clone())]);
    if change.partial {
        json["partial"] = Json::Bool(true);
    }
    json
}

/// Whether a change is hidden. Two masks look alike, so a receiver would not see it in the states.
pub(super) fn is_masked(change: &Change) -> bool {
    [&change.from, &change.to].into_iter().any(|value| value.as_str() == Some(MASK))
}

/// What the dialect `kinds` names, or the kind itself.
pub(super) fn kind<'k>(kinds: &'k super::Kinds, kind: &'k String) -> &'k String {
    kinds.get(kind).unwrap_or(kind)
}

/// Ids made of digits as numbers; those that a number would not keep as they are stay texts.
pub(super) fn number_or_text(id: &str) -> Json {
    match id.parse::<u64>() {
        Ok(number) if number.to_string() == id => json!(number),
        _ => json!(id),
    }
}
