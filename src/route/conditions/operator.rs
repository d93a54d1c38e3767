//! The operators: which values they take, and whether what an event has passes them.

use std::cmp::Ordering;

use super::pattern::Pattern;
use super::walk::{Found, kind};
use super::{python, shown};
use crate::model::Json;

/// An operator's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
    Contains,
    Regex,
    Changed,
    Unchanged,
}

/// What kind of value a rule has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Flag,
    Number,
    List,
    Null,
}

impl Op {
    pub const ALL: [(&str, Self); 10] = [
        ("eq", Self::Eq),
        ("gt", Self::Gt),
        ("gte", Self::Gte),
        ("lt", Self::Lt),
        ("lte", Self::Lte),
        ("in", Self::In),
        ("contains", Self::Contains),
        ("regex", Self::Regex),
        ("changed", Self::Changed),
        ("unchanged", Self::Unchanged),
    ];

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, op)| *op)
    }

    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }

    /// Whether it compares the states before and after, and takes no value.
    pub fn compares_states(self) -> bool {
        matches!(self, Self::Changed | Self::Unchanged)
    }
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Text, Self::Flag, Self::Number, Self::List, Self::Null];

    /// For messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Flag => "true or false",
            Self::Number => "a number",
            Self::List => "a list",
            Self::Null => "null",
        }
    }

    /// The operators that take such a value.
    pub fn ops(self) -> &'static [Op] {
        match self {
            Self::Text => &[Op::Eq, Op::Contains, Op::Regex],
            Self::Flag => &[Op::Eq, Op::Contains],
            Self::Number => &[Op::Eq, Op::Gt, Op::Gte, Op::Lt, Op::Lte, Op::Contains],
            Self::List => &[Op::Eq, Op::In, Op::Contains],
            Self::Null => &[Op::Eq],
        }
    }
}

/// An operator and its value.
#[derive(Debug)]
pub(super) enum Test {
    Eq(Json),
    /// `gt`, `gte`, `lt` or `lte`, and a number.
    Order(Op, Json),
    In(Vec<Json>),
    Contains(Json),
    Regex(Pattern),
    Changed,
    Unchanged,
}

impl Test {
    /// Whether a value passes; an error where Python has a `TypeError`, in words.
    pub fn passes(&self, found: &Found<'_>) -> Result<bool, String> {
        match self {
            Self::Eq(value) => Ok(python::found_equal(found, value)),
            Self::Order(op, value) => match found {
                Found::One(found) => in_order(found, *op, value),
                Found::Each(_) => Err("a list has no order with a number".to_owned()),
            },
            Self::In(values) => Ok(values.iter().any(|value| python::found_equal(found, value))),
            Self::Contains(value) => contains(found, value),
            Self::Regex(pattern) => match found {
                Found::One(Json::String(text)) => pattern.matches(text),
                Found::One(found) => Err(format!("a regular expression cannot match {}", kind(found))),
                Found::Each(_) => Err("a regular expression cannot match a list".to_owned()),
            },
            // Rules compare states themselves: there are two.
            Self::Changed | Self::Unchanged => Ok(false),
        }
    }

    /// The operator and its value, as far as it takes one.
    pub fn told(&self) -> String {
        match self {
            Self::Eq(value) => format!("eq {}", shown::value(value)),
            Self::Order(op, value) => format!("{} {}", op.name(), shown::value(value)),
            Self::In(values) => format!("in {}", shown::found(&Found::Each(values.iter().collect()))),
            Self::Contains(value) => format!("contains {}", shown::value(value)),
            Self::Regex(pattern) => format!("regex {}", shown::value(&Json::from(pattern.as_str()))),
            Self::Changed => "changed".to_owned(),
            Self::Unchanged => "unchanged".to_owned(),
        }
    }
}

fn in_order(found: &Json, op: Op, value: &Json) -> Result<bool, String> {
    let order = python::order(found, value)
        .ok_or_else(|| format!("{} has no order with {}", kind(found), kind(value)))?;
    Ok(match op {
        Op::Gt => order == Ordering::Greater,
        Op::Gte => order != Ordering::Less,
        Op::Lt => order == Ordering::Less,
        _ => order != Ordering::Greater,
    })
}

/// Python's `value in found`.
fn contains(found: &Found<'_>, value: &Json) -> Result<bool, String> {
    match found {
        Found::Each(items) => Ok(items.iter().any(|item| python::equal(item, value))),
        Found::One(Json::Array(items)) => Ok(items.iter().any(|item| python::equal(item, value))),
        Found::One(Json::String(text)) => match value {
            Json::String(part) => Ok(text.contains(part.as_str())),
            _ => Err(format!("a text cannot contain {}", kind(value))),
        },
        // The keys of an object; a list is never one, and Python refuses to look.
        Found::One(Json::Object(members)) => match value {
            Json::String(key) => Ok(members.contains_key(key)),
            Json::Array(_) => Err("a list is no key of an object".to_owned()),
            _ => Ok(false),
        },
        Found::One(other) => Err(format!("{} contains nothing", kind(other))),
    }
}
