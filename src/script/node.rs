//! The event and other JSON documents as a tree that is read in place: a node is a document
//! and the way to a spot in it. Nothing is copied until somebody asks for it.
//!
//! Knows no rhai.

use std::borrow::Cow;
use std::sync::Arc;

use super::seat::Seat;
use crate::model::{Actor, Change, Event, Json, Object};

/// A spot in a document that never changes. Cheap to clone; the spots of an event that scripts ask for
/// most take no memory of their own.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Event(Arc<Event>),
    /// One of the event's fields.
    Field(Arc<Event>, &'static str),
    Change(Arc<Event>, usize),
    Json(Arc<Json>),
    Batch(Arc<[Seat]>),
    /// Any other, by the way to it.
    Below(Arc<(Node, Step)>),
}

/// One step of the way to a spot.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(Box<str>),
    Index(usize),
}

/// What stands at a spot.
#[derive(Debug, Clone)]
pub(super) enum Seen<'a> {
    Json(&'a Json),
    Event(&'a Event),
    Seats(&'a [Seat]),
    Seat(&'a Seat),
    Object(&'a Object),
    Actor(&'a Actor),
    Changes(&'a [Change]),
    Change(&'a Change),
    Text(Cow<'a, str>),
    Bool(bool),
    Nothing,
}

/// The shape of what stands at a spot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Map,
    List,
    Scalar,
}

impl Node {
    pub(super) fn json(value: Json) -> Self {
        Self::Json(Arc::new(value))
    }

    /// The spot of a key. Where nothing stands, nothing is seen.
    pub(super) fn key(&self, key: &str) -> Self {
        if let Self::Event(event) = self
            && let Some(field) = Event::FIELDS.into_iter().find(|field| *field == key)
        {
            return Self::Field(event.clone(), field);
        }
        Self::Below(Arc::new((self.clone(), Step::Key(key.into()))))
    }

    pub(super) fn index(&self, index: usize) -> Self {
        match self {
            Self::Field(event, "changes") => Self::Change(event.clone(), index),
            _ => Self::Below(Arc::new((self.clone(), Step::Index(index)))),
        }
    }

    /// What stands here. Documents nest at most [`crate::json::MAX_DEPTH`] levels, which
    /// bounds the recursion.
    pub(super) fn seen(&self) -> Seen<'_> {
        match self {
            Self::Event(event) => Seen::Event(event),
            Self::Field(event, name) => event_child(event, name),
            Self::Change(event, index) => event.changes.get(*index).map_or(Seen::Nothing, Seen::Change),
            Self::Json(value) => Seen::Json(value),
            Self::Batch(seats) => Seen::Seats(seats),
            Self::Below(way) => match &way.1 {
                Step::Key(key) => way.0.seen().child(key),
                Step::Index(index) => way.0.seen().item(*index),
            },
        }
    }

    /// The same spot of the same document; cheaper than comparing what stands there.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Event(a), Self::Event(b)) => Arc::ptr_eq(a, b),
            (Self::Field(a, x), Self::Field(b, y)) => x == y && Arc::ptr_eq(a, b),
            (Self::Change(a, x), Self::Change(b, y)) => x == y && Arc::ptr_eq(a, b),
            (Self::Json(a), Self::Json(b)) => Arc::ptr_eq(a, b),
            (Self::Batch(a), Self::Batch(b)) => Arc::ptr_eq(a, b),
            (Self::Below(a), Self::Below(b)) => Arc::ptr_eq(a, b) || a.1 == b.1 && a.0.same(&b.0),
            _ => false,
        }
    }
}

impl<'a> Seen<'a> {
    pub(super) fn shape(&self) -> Shape {
        match self {
            Self::Json(Json::Object(_))
            | Self::Event(_)
            | Self::Seat(_)
            | Self::Object(_)
            | Self::Actor(_)
            | Self::Change(_) => Shape::Map,
            Self::Json(Json::Array(_)) | Self::Changes(_) | Self::Seats(_) => Shape::List,
            _ => Shape::Scalar,
        }
    }

    /// The value of a key; nothing where there is none.
    pub(super) fn child(&self, key: &str) -> Self {
        match *self {
            Self::Json(Json::Object(map)) => map.get(key).map_or(Self::Nothing, Self::Json),
            Self::Event(event) => event_child(event, key),
            Self::Seat(seat) => match key {
                "native" => Self::Json(seat.native()),
                "lookup" => Self::Json(&seat.lookup),
                _ => event_child(&seat.event, key),
            },
            Self::Object(object) => match key {
                "kind" => text(&object.kind),
                "id" => text(&object.id),
                "name" => optional(object.name.as_deref()),
                "url" => optional(object.url.as_deref()),
                _ => Self::Nothing,
            },
            Self::Actor(actor) => match key {
                "id" => optional(actor.id.as_deref()),
                "name" => optional(actor.name.as_deref()),
                _ => Self::Nothing,
            },
            Self::Change(change) => match key {
                "field" => text(&change.field),
                "from" => Self::Json(&change.from),
                "to" => Self::Json(&change.to),
                "partial" => Self::Bool(change.partial),
                _ => Self::Nothing,
            },
            _ => Self::Nothing,
        }
    }

    /// The entry at a place of a list; nothing beyond its end.
    pub(super) fn item(&self, index: usize) -> Self {
        match *self {
            Self::Json(Json::Array(list)) => list.get(index).map_or(Self::Nothing, Self::Json),
            Self::Changes(changes) => changes.get(index).map_or(Self::Nothing, Self::Change),
            Self::Seats(seats) => seats.get(index).map_or(Self::Nothing, Self::Seat),
            _ => Self::Nothing,
        }
    }

    /// How many entries a map or list has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Json(Json::Array(list)) => list.len(),
            Self::Json(Json::Object(map)) => map.len(),
            Self::Changes(changes) => changes.len(),
            Self::Seats(seats) => seats.len(),
            _ => self.keys().len(),
        }
    }

    /// The keys of a map, in its order.
    pub(super) fn keys(&self) -> Vec<&'a str> {
        match *self {
            Self::Json(Json::Object(map)) => map.keys().collect(),
            // As its JSON has them; what was sent is there too, but no part of it.
            Self::Event(_) | Self::Seat(_) => {
                Event::FIELDS.into_iter().filter(|field| *field != "native").collect()
            }
            Self::Object(_) => vec!["kind", "id", "name", "url"],
            Self::Actor(_) => vec!["id", "name"],
            Self::Change(change) if change.partial => vec!["field", "from", "to", "partial"],
            Self::Change(_) => vec!["field", "from", "to"],
            _ => Vec::new(),
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        match self {
            Self::Json(Json::Object(map)) => map.contains_key(key),
            _ => self.keys().contains(&key),
        }
    }

    /// A copy of everything below this spot, number lexemes and key order kept.
    pub(super) fn to_json(&self) -> Json {
        match self {
            Self::Json(value) => (*value).clone(),
            Self::Text(value) => Json::String(value.clone().into_owned().into()),
            Self::Bool(value) => Json::Bool(*value),
            Self::Nothing => Json::Null,
            Self::Changes(changes) => changes.iter().map(|change| Seen::Change(change).to_json()).collect(),
            Self::Seats(seats) => seats.iter().map(|seat| Seen::Seat(seat).to_json()).collect(),
            _ => self
                .keys()
                .into_iter()
                .map(|key| (key.to_owned(), self.child(key).to_json()))
                .collect::<crate::model::Map>()
                .into(),
        }
    }
}

fn event_child<'a>(event: &'a Event, key: &str) -> Seen<'a> {
    match key {
        "id" => Seen::Text(Cow::Owned(event.id.to_string())),
        "type" => text(&event.r#type),
        "action" => text(&event.action),
        "source" => text(&event.source),
        "system" => text(&event.system),
        "object" => event.object.as_ref().map_or(Seen::Nothing, Seen::Object),
        "branch" => optional(event.branch.as_deref()),
        "actor" => Seen::Actor(&event.actor),
        "occurred_at" => optional(event.occurred_at.as_deref()),
        "received_at" => Seen::Text(Cow::Owned(event.received_at.to_string())),
        "correlation_id" => optional(event.correlation_id.as_deref()),
        "changes" => Seen::Changes(&event.changes),
        "before" => Seen::Json(&event.before),
        "after" => Seen::Json(&event.after),
        "data" => Seen::Json(&event.data),
        "native" => Seen::Json(&event.native),
        _ => Seen::Nothing,
    }
}

fn text(value: &str) -> Seen<'_> {
    Seen::Text(Cow::Borrowed(value))
}

fn optional(value: Option<&str>) -> Seen<'_> {
    value.map_or(Seen::Nothing, text)
}
