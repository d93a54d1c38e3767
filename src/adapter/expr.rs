//! The expressions of adapter files: where a fact lies and how its text is made.
//!
//! Compiled once; evaluating one takes no locks, does no IO and cannot fail: it yields a
//! value or nothing.

use std::borrow::Cow;
use std::collections::HashMap;

use regex::Regex;

use super::path::Path;
use crate::model::{Json, Names, Request};

/// What an expression is evaluated against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'d> {
    /// What `$` means.
    pub root: &'d Json,
    /// What `@` means.
    pub item: &'d Json,
    /// The member name of `item`, and that of what it lies in.
    pub key: Option<&'d str>,
    pub parent: Option<&'d str>,
    pub request: &'d Request,
    /// The source's `kinds`.
    pub kinds: &'d HashMap<String, String>,
    /// The adapter's `let`.
    pub lets: &'d [(String, Expr)],
}

/// A compiled expression.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    Path(Path),
    /// Every node the path selects, as a list.
    All(Path),
    Const(Json),
    Text(Vec<Piece>),
    First(Vec<Expr>),
    /// One of the adapter's `let`.
    Let(usize),
    Key,
    Parent,
    Header(String),
    Pipe {
        input: Box<Expr>,
        steps: Vec<Step>,
        otherwise: Option<Box<Expr>>,
    },
}

/// A part of a template text.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Text(String),
    Value(Expr),
    /// A group of the `match:` beside it.
    Group(usize),
}

/// What happens to a value on its way.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Lower,
    Match {
        regex: Regex,
        give: Option<Vec<Piece>>,
    },
    Map(HashMap<String, Json>),
    /// The source's `kinds`.
    Kinds,
    /// Of a list of named values, the value of the first of these names that has one.
    Named {
        names: Vec<String>,
        keys: NamedKeys,
    },
}

/// How the elements of a list tell their name and value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedKeys {
    pub name: String,
    pub value: String,
}

impl NamedKeys {
    /// The name and value of an element.
    pub fn read<'d>(&self, element: &'d Json) -> Option<(&'d str, &'d Json)> {
        Some((element.get(&self.name)?.as_str()?, element.get(&self.value).unwrap_or(&Json::Null)))
    }
}

impl Expr {
    /// The value, if there is one that is not null.
    pub fn eval<'d>(&'d self, scope: &Scope<'d>) -> Option<Cow<'d, Json>> {
        let found = match self {
            Self::Path(path) => Cow::Borrowed(path.first(scope.base(path))?),
            Self::All(path) => {
                Cow::Owned(Json::Array(path.all(scope.base(path)).into_iter().cloned().collect()))
            }
            Self::Const(value) => Cow::Borrowed(value),
            Self::Text(pieces) => text(Json::String(render(pieces, scope, None)?.into())),
            Self::First(candidates) => candidates
                .iter()
                .find_map(|one| one.eval(scope).filter(|value| value.as_str() != Some("")))?,
            Self::Let(index) => scope.lets.get(*index)?.1.eval(scope)?,
            Self::Key => text(Json::String(scope.key?.into())),
            Self::Parent => text(Json::String(scope.parent?.into())),
            Self::Header(name) => text(Json::String(scope.request.header(name)?.into())),
            Self::Pipe { input, steps, otherwise } => {
                let piped = input
                    .eval(scope)
                    .and_then(|value| steps.iter().try_fold(value, |value, step| step.apply(value, scope)));
                match (piped, otherwise) {
                    (None, Some(otherwise)) => otherwise.eval(scope)?,
                    (piped, _) => piped?,
                }
            }
        };
        (!found.is_null()).then_some(found)
    }

    /// The same, and where it stands in the document, if a path of nothing but names led to it.
    pub fn find<'d>(&'d self, scope: &Scope<'d>) -> Option<(Cow<'d, Json>, Option<&'d Names>)> {
        match self {
            Self::Path(path) if !path.relative => Some((self.eval(scope)?, path.names())),
            Self::First(candidates) => candidates
                .iter()
                .find_map(|one| one.find(scope).filter(|(value, _)| value.as_str() != Some(""))),
            Self::Let(index) => scope.lets.get(*index)?.1.find(scope),
            _ => Some((self.eval(scope)?, None)),
        }
    }

    /// The value as a text; numbers and booleans as they were written.
    pub fn text<'d>(&'d self, scope: &Scope<'d>) -> Option<String> {
        match self {
            // Of several places, the first that holds a text, not an object or a list.
            Self::First(candidates) => {
                candidates.iter().find_map(|one| one.text(scope).filter(|text| !text.is_empty()))
            }
            _ => scalar(&*self.eval(scope)?),
        }
    }

    /// The first path that was tried, for messages.
    pub fn place<'d>(&'d self, lets: &'d [(String, Expr)]) -> Option<&'d str> {
        match self {
            Self::Path(path) | Self::All(path) => Some(path.text()),
            Self::Text(pieces) => pieces.iter().find_map(|piece| match piece {
                Piece::Value(expr) => expr.place(lets),
                _ => None,
            }),
            Self::First(candidates) => candidates.iter().find_map(|one| one.place(lets)),
            Self::Let(index) => lets.get(*index)?.1.place(lets),
            Self::Pipe { input, .. } => input.place(lets),
            Self::Const(_) | Self::Key | Self::Parent | Self::Header(_) => None,
        }
    }
}

impl<'d> Scope<'d> {
    /// Where a path counts from.
    pub fn base(&self, path: &Path) -> &'d Json {
        if path.relative { self.item } else { self.root }
    }
}

impl Step {
    fn apply<'d>(&'d self, value: Cow<'d, Json>, scope: &Scope<'d>) -> Option<Cow<'d, Json>> {
        match self {
            Self::Lower => Some(text(Json::String(scalar(&value)?.to_lowercase().into()))),
            Self::Match { regex, give } => {
                let subject = scalar(&value)?;
                let groups = regex.captures(&subject)?;
                match give {
                    Some(pieces) => Some(text(Json::String(render(pieces, scope, Some(&groups))?.into()))),
                    None => Some(value),
                }
            }
            Self::Map(table) => table.get(&scalar(&value)?).map(Cow::Borrowed),
            Self::Kinds => {
                scope.kinds.get(&scalar(&value)?).map(|name| text(Json::String(name.as_str().into())))
            }
            Self::Named { names, keys } => names.iter().find_map(|name| {
                let values = value.as_array()?.iter().filter_map(|element| keys.read(element));
                let mut values = values.filter(|(found, _)| found == name).map(|(_, value)| value);
                values.find(|value| !value.is_null() && value.as_str() != Some("")).cloned().map(Cow::Owned)
            }),
        }
    }
}

/// A text, number or boolean as text.
pub(super) fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.to_string()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn text<'d>(value: Json) -> Cow<'d, Json> {
    Cow::Owned(value)
}

/// Nothing if any of the pieces is missing.
fn render<'d>(
    pieces: &'d [Piece],
    scope: &Scope<'d>,
    groups: Option<&regex::Captures<'_>>,
) -> Option<String> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(literal) => text.push_str(literal),
            Piece::Value(expr) => text.push_str(&expr.text(scope)?),
            Piece::Group(index) => text.push_str(groups?.get(*index)?.as_str()),
        }
    }
    Some(text)
}
