//! The fields of an Infrahub webhook as a shorthand in `when`: `event_type`, `branch_scope`,
//! `node_kind` and `active`, with Infrahub's meaning and its refusals.

#[cfg(test)]
mod tests;

use super::branch::DEFAULT;
use super::labels::Facts;
use super::labels::known::{NODE_KIND, TYPES, has_node_kind};
use crate::model::Event;
use crate::problem::Problems;
use crate::yaml::{At, Node, Reader, Value, near, nearest};

const SCOPES: [&str; 3] = ["all_branches", "default_branch", "other_branches"];

/// One field that says no to some events.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// `active: false`.
    Off,
    EventType(String),
    DefaultBranch,
    OtherBranches,
    NodeKind(String),
}

impl Field {
    /// The key in `when`.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Off => "active",
            Self::EventType(_) => "event_type",
            Self::DefaultBranch | Self::OtherBranches => "branch_scope",
            Self::NodeKind(_) => "node_kind",
        }
    }

    /// What is wanted of an event, for messages.
    pub fn wanted(&self) -> String {
        match self {
            Self::Off => "true".to_owned(),
            Self::EventType(text) | Self::NodeKind(text) => text.clone(),
            Self::DefaultBranch => "default_branch".to_owned(),
            Self::OtherBranches => "other_branches".to_owned(),
        }
    }

    /// Whether an event passes.
    pub fn covers(&self, event: &Event, default_branch: Option<&str>) -> bool {
        let facts = Facts::of(event, default_branch);
        let is_default = || facts.branch().is_none_or(|branch| branch == default_branch.unwrap_or(DEFAULT));
        match self {
            Self::Off => false,
            Self::EventType(wanted) => *wanted == event.r#type,
            Self::DefaultBranch => is_default(),
            Self::OtherBranches => !is_default(),
            Self::NodeKind(wanted) => facts.resource().get(NODE_KIND).is_some_and(|kind| kind == *wanted),
        }
    }

    /// What the event has instead.
    pub fn actual(&self, event: &Event, default_branch: Option<&str>) -> String {
        let facts = Facts::of(event, default_branch);
        match self {
            Self::Off => "a route that is switched off (`active: false`)".to_owned(),
            Self::EventType(_) => event.r#type.clone(),
            Self::DefaultBranch | Self::OtherBranches => facts.branch().unwrap_or("no branch").to_owned(),
            Self::NodeKind(_) => {
                facts.resource().get(NODE_KIND).map_or("no node kind".to_owned(), |kind| kind.into_owned())
            }
        }
    }
}

/// Reads the fields of a `when`; those that let everything through are left out.
pub(super) fn read(reader: &mut Reader<'_>, problems: &mut Problems) -> Vec<Field> {
    let off = reader.flag("active", problems) == Some(false);
    let event_type = event_type(reader, problems);
    let scope = branch_scope(reader, problems);
    let kind = node_kind(reader, event_type.as_deref(), problems);
    let event_type = event_type.filter(|wanted| wanted != "all");
    [off.then_some(Field::Off), event_type.map(Field::EventType), scope, kind.map(Field::NodeKind)]
        .into_iter()
        .flatten()
        .collect()
}

/// The text of a key that takes just one.
fn text<'r>(reader: &mut Reader<'r>, key: &'static str, problems: &mut Problems) -> Option<(At, String)> {
    let node: &'r Node = reader.node(key).filter(|node| node.value != Value::Null)?;
    let text = node.scalar();
    if text.is_none() {
        let path = reader.path_of(key);
        let message = format!("`{path}` must be a text, this is {}", node.kind());
        let instead = match key {
            "event_type" => "`type` takes a list",
            "node_kind" => "`kind` takes a list",
            _ => "it is one word",
        };
        problems.add(reader.file, Some(node.at), message).help(instead);
    }
    Some((node.at, text?))
}

fn event_type(reader: &mut Reader<'_>, problems: &mut Problems) -> Option<String> {
    let (at, text) = text(reader, "event_type", problems)?;
    let path = reader.path_of("event_type");
    let (first, dotted) = text.split_once('.').map_or((text.as_str(), false), |(first, _)| (first, true));
    let is_word =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
    let mut add = |message: String, help: String| {
        problems.add(reader.file, Some(at), message).help(help);
    };
    if text == "all" || TYPES.contains(&text.as_str()) {
        return Some(text);
    }
    if text.contains(['*', '?', '!']) {
        add(
            format!("`{path}` takes one type or `all`, not `{text}`"),
            "`type` takes globs and `!`".to_owned(),
        );
    } else if !dotted || near(first, &["infrahub"]).is_some() {
        let known: Vec<&str> = TYPES.into_iter().chain(["all"]).collect();
        let help = format!("{}; `type` takes any text", nearest(&text, &known));
        add(format!("`{path}` is `{text}`, which is no event type of Infrahub's"), help);
    } else if !text.split('.').all(is_word) {
        let help = "write it like `netbox.object.updated`".to_owned();
        add(format!("`{path}` is `{text}`, which is no event type"), help);
    }
    Some(text)
}

fn branch_scope(reader: &mut Reader<'_>, problems: &mut Problems) -> Option<Field> {
    let (at, text) = text(reader, "branch_scope", problems)?;
    match text.as_str() {
        "all_branches" => None,
        "default_branch" => Some(Field::DefaultBranch),
        "other_branches" => Some(Field::OtherBranches),
        _ => {
            let message = format!("`{}` is `{text}`, which is no scope", reader.path_of("branch_scope"));
            // `default`, as the key `branch` calls it.
            let whole = format!("{text}_branch");
            let near = SCOPES.into_iter().find(|scope| scope.starts_with(&whole)).unwrap_or(&text);
            problems.add(reader.file, Some(at), message).help(nearest(near, &SCOPES));
            None
        }
    }
}

fn node_kind(reader: &mut Reader<'_>, event_type: Option<&str>, problems: &mut Problems) -> Option<String> {
    let (at, text) = text(reader, "node_kind", problems)?;
    let path = reader.path_of("node_kind");
    let mut add = |message: String, help: &str| {
        problems.add(reader.file, Some(at), message).help(help);
    };
    let of_infrahub = event_type.is_some_and(|wanted| wanted.starts_with("infrahub."));
    let is_name =
        text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(|c| c.is_ascii_alphanumeric());
    if let Some(wanted) = event_type.filter(|wanted| *wanted != "all" && !has_node_kind(wanted)) {
        let message =
            format!("`{path}` cannot be asked for with the event type `{wanted}`, which has no node kind");
        add(message, "remove one of the two: node, group, artifact and validator events have a node kind");
    } else if text.trim().is_empty() {
        add(format!("`{path}` is empty"), "remove it to take every kind");
    } else if text.contains(['*', '?', '!']) {
        add(format!("`{path}` takes one kind, not `{text}`"), "`kind` takes globs and `!`");
    } else if of_infrahub && !is_name {
        let help = "write it with its namespace and in its case, like `InfraDevice`";
        add(format!("`{path}` is `{text}`, which is no kind of Infrahub's"), help);
    }
    Some(text)
}
