//! Dotted paths into documents, mapping over lists as NetBox does.

use std::fmt;

use crate::model::Json;

/// More keys of an object are not told.
const MOST_KEYS: usize = 4;
/// More of a key is not told.
const LONGEST_KEY: usize = 40;

/// What a path leads to: a value, or the values of one key in all items of a list.
#[derive(Debug, Clone)]
pub(super) enum Found<'v> {
    One(&'v Json),
    Each(Vec<&'v Json>),
}

/// Why a path leads nowhere, and at which of its keys.
#[derive(Debug)]
pub(super) struct Lost<'v> {
    pub key: usize,
    pub item: Option<usize>,
    pub why: Why<'v>,
}

#[derive(Debug)]
pub(super) enum Why<'v> {
    /// What was there has no such key.
    NoKey(&'v Json),
    /// What was there is null.
    Null,
    /// A list without items, where these are no evidence of a path.
    Empty,
    /// What was there has no keys at all: no accident of the data, but a wrong path.
    NoObject(&'v Json),
}

/// Whether the items of an empty list are an empty list, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EmptyList {
    IsEmpty,
    IsAbsent,
}

impl Lost<'_> {
    /// Whether the path is wrong, not only without a value in this document.
    pub fn is_wrong_path(&self) -> bool {
        matches!(self.why, Why::NoObject(_))
    }
}

/// Follows keys from a value.
pub(super) fn walk<'v>(root: &'v Json, keys: &[String], empty: EmptyList) -> Result<Found<'v>, Lost<'v>> {
    let mut found = Found::One(root);
    for (index, key) in keys.iter().enumerate() {
        let lost = |(item, why)| Lost { key: index, item, why };
        found = step(&found, key, empty).map_err(lost)?;
    }
    Ok(found)
}

fn step<'v>(from: &Found<'v>, key: &str, empty: EmptyList) -> Result<Found<'v>, (Option<usize>, Why<'v>)> {
    match from {
        Found::One(Json::Array(items)) => each(items.iter(), key, empty),
        Found::Each(items) => each(items.iter().copied(), key, empty),
        Found::One(value) => member(value, key).map(Found::One).map_err(|why| (None, why)),
    }
}

fn each<'v>(
    items: impl ExactSizeIterator<Item = &'v Json>,
    key: &str,
    empty: EmptyList,
) -> Result<Found<'v>, (Option<usize>, Why<'v>)> {
    if items.len() == 0 && empty == EmptyList::IsAbsent {
        return Err((None, Why::Empty));
    }
    let member = |(index, item)| member(item, key).map_err(|why| (Some(index), why));
    items.enumerate().map(member).collect::<Result<_, _>>().map(Found::Each)
}

fn member<'v>(value: &'v Json, key: &str) -> Result<&'v Json, Why<'v>> {
    match value {
        Json::Object(members) => members.get(key).ok_or(Why::NoKey(value)),
        Json::Null => Err(Why::Null),
        _ => Err(Why::NoObject(value)),
    }
}

/// A loss in words; `attr` are all keys as the rule has them, the last of which were walked.
pub(super) struct Told<'a> {
    pub lost: &'a Lost<'a>,
    pub attr: &'a [String],
    /// How many keys of `attr` the walk left out at its beginning.
    pub skipped: usize,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.skipped + self.lost.key;
        let key = self.attr.get(at).map_or("", String::as_str);
        let above = self.attr.get(..at).unwrap_or_default().join(".");
        let place = match (self.lost.item, above.as_str()) {
            (Some(item), _) => format!("item {} of `{above}`", item + 1),
            (None, "") => "the data".to_owned(),
            (None, _) => format!("`{above}`"),
        };
        match &self.lost.why {
            Why::NoKey(value) => {
                let full = if above.is_empty() { key.to_owned() } else { format!("{above}.{key}") };
                let within = if self.skipped == 0 { " in data" } else { "" };
                write!(f, "there is no `{full}`{within}: {place} has {}", keys(value))
            }
            Why::Null => write!(f, "{place} is null and has no `{key}`"),
            Why::Empty => write!(f, "{place} is an empty list and has no `{key}`"),
            Why::NoObject(value) => write!(f, "{place} is {} and has no `{key}`", kind(value)),
        }
    }
}

fn keys(value: &Json) -> String {
    let members = value.as_object().filter(|members| !members.is_empty());
    let Some(members) = members else { return "no keys".to_owned() };
    let named = |key: &str| format!("`{}`", super::shown::cut(key, LONGEST_KEY));
    let mut told: Vec<String> = members.keys().take(MOST_KEYS).map(named).collect();
    if members.len() > MOST_KEYS {
        told.push("…".to_owned());
    }
    told.join(", ")
}

/// What a value is, for messages.
pub(super) fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}
