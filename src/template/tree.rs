//! JSON that a template reads in place: only what it names is converted.

use std::fmt;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use super::{meter, number, print};
use crate::model::{Event, Json};

/// A mapping or list somewhere in a document.
#[derive(Debug)]
pub(super) enum Tree {
    Root(Arc<Json>),
    /// One of the documents of an event.
    Of(Arc<Event>, fn(&Event) -> &Json),
    Key(Arc<Tree>, String),
    Index(Arc<Tree>, usize),
}

static NOTHING: Json = Json::Null;

/// A document as a value.
pub(super) fn root(document: Arc<Json>) -> Value {
    value(Tree::Root(document))
}

/// One of the documents of an event.
pub(super) fn of(event: &Arc<Event>, part: fn(&Event) -> &Json) -> Value {
    value(Tree::Of(event.clone(), part))
}

fn value(tree: Tree) -> Value {
    let tree = Arc::new(tree);
    match tree.json() {
        Json::Object(_) | Json::Array(_) => Value::from_dyn_object(tree),
        scalar => self::scalar(scalar),
    }
}

/// What is neither mapping nor list.
fn scalar(json: &Json) -> Value {
    match json {
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(lexeme) => number::value(lexeme),
        Json::String(text) => meter::text(text),
        _ => Value::from(()),
    }
}

impl Tree {
    /// What stands here. Documents nest at most [`crate::json::MAX_DEPTH`] levels, which bounds
    /// the recursion.
    pub(super) fn json(&self) -> &Json {
        match self {
            Self::Root(document) => document,
            Self::Of(event, part) => part(event),
            Self::Key(parent, key) => parent.json().get(key).unwrap_or(&NOTHING),
            Self::Index(parent, index) => parent.json().get(*index).unwrap_or(&NOTHING),
        }
    }

    fn below(child: &Json, spot: impl FnOnce() -> Self) -> Value {
        match child {
            Json::Object(_) | Json::Array(_) => Value::from_object(spot()),
            other => scalar(other),
        }
    }

    fn key(self: &Arc<Self>, key: &str) -> Option<Value> {
        let child = self.json().as_object()?.get(key)?;
        Some(Self::below(child, || Self::Key(self.clone(), key.to_owned())))
    }

    fn index(self: &Arc<Self>, index: usize) -> Option<Value> {
        let child = self.json().as_array()?.get(index)?;
        Some(Self::below(child, || Self::Index(self.clone(), index)))
    }
}

impl Object for Tree {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.json().is_array() { ObjectRepr::Seq } else { ObjectRepr::Map }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some(name) => self.key(name),
            None => self.index(key.as_usize()?),
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.key(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.json() {
            Json::Array(items) => Enumerator::Seq(items.len()),
            Json::Object(members) => Enumerator::Values(members.keys().map(Value::from).collect()),
            _ => Enumerator::Empty,
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        match self.json() {
            Json::Array(items) => Some(items.len()),
            Json::Object(members) => Some(members.len()),
            _ => Some(0),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = Value::from_dyn_object(self.clone());
        f.write_str(&print::text(&value).unwrap_or_default())
    }
}
