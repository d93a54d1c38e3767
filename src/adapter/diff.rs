//! The difference of two states of an object, as changes.

use std::collections::HashMap;

use super::expr::NamedKeys;
use super::expr_file::Context;
use crate::glob::Glob;
use crate::model::{Change, Json, Map};
use crate::yaml::{Node, Reader, Value};

/// What a difference leaves out and how it reads its states.
#[derive(Debug, Clone)]
pub(super) struct Diff {
    /// Top-level members that are bookkeeping of the sender.
    ignore: Vec<Ignore>,
    /// Top-level members whose empty text some releases send for null.
    empty_is_null: Vec<String>,
    /// Top-level members that are lists of named values; each name is a field of its own.
    named: Vec<String>,
    keys: NamedKeys,
    /// An object that has all of these members only refers to another one: one value.
    references: Vec<String>,
    /// Nothing but these top-level members is compared; empty: all.
    only: Vec<String>,
}

#[derive(Debug, Clone)]
struct Ignore {
    field: Glob,
    /// Only where this member stands beside it.
    beside: Option<String>,
}

/// Which way an object went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Created,
    Deleted,
    Other,
}

impl Way {
    pub fn of(action: &str) -> Self {
        match action {
            "created" => Self::Created,
            "deleted" => Self::Deleted,
            _ => Self::Other,
        }
    }
}

impl Diff {
    /// Compiles `{ignore, empty_is_null, named, references, only}`.
    pub fn compile(context: &mut Context<'_>, reader: &mut Reader<'_>) -> Self {
        let mut words = |name, context: &mut Context<'_>| -> Vec<String> {
            let texts = reader.texts(name, context.problems).unwrap_or_default();
            texts.into_iter().map(|(_, text)| text).collect()
        };
        let empty_is_null = words("empty_is_null", context);
        let named = words("named", context);
        let references = words("references", context);
        let only = words("only", context);
        let keys = context.named.clone();
        let ignore = reader.node("ignore").map_or_else(Vec::new, |node| ignores(context, node));
        Self { ignore, empty_is_null, named, keys, references, only }
    }

    /// What differs. Created objects are compared with nothing, deleted ones too; an update
    /// without an earlier or later state has no changes.
    pub fn changes(&self, before: &Json, after: &Json, way: Way) -> Vec<Change> {
        let (before, after) = match way {
            Way::Created => (&Json::Null, after),
            Way::Deleted => (before, &Json::Null),
            Way::Other if before.is_object() && after.is_object() => (before, after),
            Way::Other => return Vec::new(),
        };
        let mut walk = Walk { diff: self, way, out: Vec::new() };
        for (key, from, to) in members(before, after) {
            let (from, to) = (self.value(from, key), self.value(to, key));
            // Asked first, as it is so for most members.
            if same(from, to) || self.ignored(key, before, after) || !self.is_wanted(key) {
                continue;
            }
            if self.named.iter().any(|name| name == key) {
                self.named_values(from, to, &mut walk);
            } else {
                walk.value(key, from, to);
            }
        }
        walk.out
    }

    fn value<'d>(&self, value: &'d Json, key: &str) -> &'d Json {
        if value.as_str() == Some("") && self.empty_is_null.iter().any(|name| name == key) {
            return &Json::Null;
        }
        value
    }

    fn is_wanted(&self, key: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == key)
    }

    fn ignored(&self, key: &str, before: &Json, after: &Json) -> bool {
        if key.starts_with('_') || matches!(key, "last_updated" | "created") {
            return true;
        }
        self.ignore.iter().any(|ignore| {
            ignore.field.matches(key)
                && ignore
                    .beside
                    .as_ref()
                    .is_none_or(|beside| before.get(beside).is_some() || after.get(beside).is_some())
        })
    }

    fn named_values(&self, from: &Json, to: &Json, walk: &mut Walk<'_>) {
        let read = |list| -> Vec<(&str, &Json)> {
            let elements = Json::as_array(list).map_or(&[][..], Vec::as_slice);
            elements.iter().filter_map(|element| self.keys.read(element)).collect()
        };
        let (from, to) = (read(from), read(to));
        let (was, is) = (index(&from), index(&to));
        let gone = from.iter().filter(|(name, _)| !is.contains_key(name));
        for (name, _) in to.iter().chain(gone) {
            let [from, to] = [&was, &is].map(|state| state.get(name).copied().unwrap_or(&Json::Null));
            walk.whole((*name).to_owned(), from, to);
        }
    }

    fn is_reference(&self, value: &Json) -> bool {
        !self.references.is_empty() && self.references.iter().all(|name| value.get(name).is_some())
    }
}

/// The first of a name counts, so it is put last.
fn index<'d>(list: &[(&'d str, &'d Json)]) -> HashMap<&'d str, &'d Json> {
    list.iter().rev().copied().collect()
}

fn ignores(context: &mut Context<'_>, node: &Node) -> Vec<Ignore> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut ignores = Vec::new();
    for item in items {
        let (field, beside) = match &item.value {
            Value::Map(_) => {
                (item.get("field").and_then(Node::scalar), item.get("beside").and_then(Node::scalar))
            }
            _ => (item.scalar(), None),
        };
        match field.as_deref().map(Glob::new) {
            Some(field) => ignores.push(Ignore { field, beside }),
            None => context.wrong(
                item.at,
                "`ignore` needs names or globs",
                "such as `lft` or `{field: level, beside: lft}`",
            ),
        }
    }
    ignores
}

/// The members of either with their values, those of `after` first.
fn members<'d>(before: &'d Json, after: &'d Json) -> impl Iterator<Item = (&'d str, &'d Json, &'d Json)> {
    let [was, is] = [before, after].map(Json::as_object);
    let there = |state: Option<&'d Map>, place, key: &str| state.and_then(|state| state.get_near(place, key));
    let kept = is.into_iter().flatten().enumerate();
    let kept = kept.map(move |(place, (key, to))| (key, there(was, place, key).unwrap_or(&Json::Null), to));
    let gone = was.into_iter().flatten().enumerate();
    let gone = gone.filter(move |(place, (key, _))| there(is, *place, key).is_none());
    kept.chain(gone.map(|(_, (key, from))| (key, from, &Json::Null)))
}

struct Walk<'a> {
    diff: &'a Diff,
    way: Way,
    out: Vec<Change>,
}

impl Walk<'_> {
    fn value(&mut self, field: &str, from: &Json, to: &Json) {
        let nested = |value: &Json| value.is_object() && !self.diff.is_reference(value);
        let nests = (nested(from) || from.is_null()) && (nested(to) || to.is_null());
        if nests && !(from.is_null() && to.is_null()) {
            for (key, from, to) in members(from, to) {
                self.value(&format!("{field}.{key}"), from, to);
            }
        } else {
            self.whole(field.to_owned(), from, to);
        }
    }

    fn whole(&mut self, field: String, from: &Json, to: &Json) {
        // An empty field of an object that comes or goes says nothing, and which ones there
        // are depends on the sender's release.
        let silent = self.way != Way::Other && is_empty(from) && is_empty(to);
        if !silent && !same(from, to) {
            self.out.push(Change { field, from: from.clone(), to: to.clone(), partial: false });
        }
    }
}

pub(super) fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// Equality, with numbers by value and members in any order.
pub(super) fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => {
            x == y || (x.as_i128().is_none() || y.as_i128().is_none()) && x.as_f64() == y.as_f64()
        }
        (Json::Array(x), Json::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Json::Object(x), Json::Object(y)) => {
            let mut members = x.iter().enumerate();
            x.len() == y.len()
                && members.all(|(place, (key, x))| y.get_near(place, key).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}
