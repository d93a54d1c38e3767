//! The event and other JSON documents as a tree that is read in place: a node is a document
//! and the way to a spot in it. Nothing is copied until somebody asks for it.
//!
//! Knows no rhai.

use std::borrow::Cow;
use std::sync::Arc;

use super::seat::Seat;
use crate::model::{Actor, Change, Event, Json, Object};

/// A spot in a document that never changes. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Node(Arc<Link>);

#[derive(Debug)]
enum Link {
    Event(Arc<Event>),
    Json(Arc<Json>),
    Batch(Arc<[Seat]>),
    Key(Node, String),
    Index(Node, usize),
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
    pub(super) fn event(event: Arc<Event>) -> Self {
        Self(Arc::new(Link::Event(event)))
    }

    pub(super) fn batch(seats: Arc<[Seat]>) -> Self {
        Self(Arc::new(Link::Batch(seats)))
    }

    pub(super) fn json(value: Json) -> Self {
        Self::shared(Arc::new(value))
    }

    pub(super) fn shared(value: Arc<Json>) -> Self {
        Self(Arc::new(Link::Json(value)))
    }

    pub(super) fn key(&self, key: &str) -> Self {
        Self(Arc::new(Link::Key(self.clone(), key.to_owned())))
    }

    pub(super) fn index(&self, index: usize) -> Self {
        Self(Arc::new(Link::Index(self.clone(), index)))
    }

    /// What stands here. Documents nest at most [`crate::json::MAX_DEPTH`] levels, which
    /// bounds the recursion.
    pub(super) fn seen(&self) -> Seen<'_> {
        match &*self.0 {
            Link::Event(event) => Seen::Event(event),
            Link::Json(value) => Seen::Json(value),
            Link::Batch(seats) => Seen::Seats(seats),
            Link::Key(parent, key) => parent.seen().child(key),
            Link::Index(parent, index) => parent.seen().item(*index),
        }
    }

    /// The same spot of the same document; cheaper than comparing what stands there.
    pub(super) fn same(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.0, &other.0) {
            return true;
        }
        match (&*self.0, &*other.0) {
            (Link::Event(a), Link::Event(b)) => Arc::ptr_eq(a, b),
            (Link::Json(a), Link::Json(b)) => Arc::ptr_eq(a, b),
            (Link::Batch(a), Link::Batch(b)) => Arc::ptr_eq(a, b),
            (Link::Key(a, x), Link::Key(b, y)) => x == y && a.same(b),
            (Link::Index(a, x), Link::Index(b, y)) => x == y && a.same(b),
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
