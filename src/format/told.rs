//! What a dialect's own members tell of an event, read as its shipped adapter reads them. Where
//! that is not the event's, the facts have to stand beside them.

use crate::model::{Actor, Event, Json, Map, Object};

/// The facts that a source's `map` or `kinds` may have changed.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    pub object: Option<Object>,
    pub branch: Option<String>,
    pub actor: Actor,
    pub correlation_id: Option<String>,
}

impl Told {
    /// Whether these are the event's.
    pub fn is_of(&self, event: &Event) -> bool {
        self.object == event.object
            && self.branch == event.branch
            && self.actor == event.actor
            && self.correlation_id == event.correlation_id
    }
}

/// An object, where both its kind and its id are told.
pub(super) fn object(
    kind: Option<String>,
    id: Option<String>,
    name: Option<String>,
    url: Option<String>,
) -> Option<Object> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    Some(Object { kind: given(kind)?, id: given(id)?, name, url })
}

/// The text in the first of some places (JSON pointers) that holds one. What does not begin
/// with `/` is the text itself.
pub(super) fn first(body: &Map, places: &[&str]) -> Option<String> {
    let texts = places.iter().filter_map(|place| match place.strip_prefix('/') {
        Some(path) => {
            let (member, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
            text(body.get(member)?.pointer(rest)?)
        }
        None => Some((*place).to_owned()),
    });
    texts.into_iter().find(|text| places.len() == 1 || !text.is_empty())
}

/// A text, number or boolean as text.
pub(super) fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.to_string()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
