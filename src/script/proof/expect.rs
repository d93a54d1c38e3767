//! What a test case expects, and how the verdict differs from it.

use crate::expectation::difference;
use crate::model::Json;
use crate::problem::Problems;
use crate::script::{Body, Message, ScriptError, Verdict};
use crate::yaml::{Node, Reader, Value};

/// What should come out.
pub(super) enum Expected {
    Passes,
    /// `None`: the reason does not matter.
    Filtered(Option<String>),
    /// A part of the message or of the place.
    Error(String),
    Messages(Vec<ExpectedMessage>),
    /// Of `batch_key`; `None`: there is none.
    Key(Option<String>),
}

/// What one message should be; only what is said is compared.
#[derive(Default)]
pub(super) struct ExpectedMessage {
    body: Option<Json>,
    /// The body has at least this.
    contains: Option<Json>,
    headers: Option<Json>,
    to: Option<String>,
    key: Option<String>,
    r#type: Option<String>,
}

/// Reads `expect`.
pub(super) fn read(mut section: Reader<'_>, problems: &mut Problems) -> Option<Expected> {
    let before = problems.len();
    let error = section.text("error", problems).map(Expected::Error);
    let filtered = section.node("filtered").and_then(|node| match &node.value {
        Value::Bool(true) => Some(Expected::Filtered(None)),
        Value::Text(reason) => Some(Expected::Filtered(Some(reason.clone()))),
        _ => {
            section.wrong("filtered", node, "true or the reason", problems);
            None
        }
    });
    let passes = section.flag("passes", problems).filter(|passes| *passes).map(|_| Expected::Passes);
    let several = section.node("messages").and_then(|node| match &node.value {
        Value::List(items) => {
            Some(Expected::Messages(items.iter().filter_map(|item| one(&section, item, problems)).collect()))
        }
        _ => {
            section.wrong("messages", node, "a list", problems);
            None
        }
    });
    let batch_key = section.node("batch_key").and_then(|node| match (node.scalar(), &node.value) {
        (Some(key), _) => Some(Expected::Key(Some(key))),
        (None, Value::Null) => Some(Expected::Key(None)),
        _ => {
            section.wrong("batch_key", node, "a text, or nothing for no key", problems);
            None
        }
    });
    let asked = ["body", "contains", "headers", "to", "key", "type"];
    let single = section.entries().iter().any(|(key, _)| asked.contains(&key.name.as_str()));
    let message = message(&mut section, problems);
    let single = single.then(|| Expected::Messages(vec![message]));
    let (file, at) = (section.file.to_owned(), section.at);
    section.finish(problems);
    let mut said = [error, filtered, passes, batch_key, several, single].into_iter().flatten();
    let first = said.next();
    if (first.is_none() || said.next().is_some()) && problems.len() == before {
        problems.add(&file, Some(at), "`expect` must say exactly one thing").help(
            "one of filtered, passes, error, batch_key, messages, or a message's body, contains, headers, to, key, type",
        );
        return None;
    }
    first
}

fn one(section: &Reader<'_>, item: &Node, problems: &mut Problems) -> Option<ExpectedMessage> {
    let mut reader = Reader::new(section.file, section.path_of("messages"), item, problems)?;
    let message = message(&mut reader, problems);
    reader.finish(problems);
    Some(message)
}

fn message(reader: &mut Reader<'_>, problems: &mut Problems) -> ExpectedMessage {
    ExpectedMessage {
        body: reader.node("body").map(Node::to_json),
        contains: reader.node("contains").map(Node::to_json),
        headers: reader.node("headers").map(Node::to_json),
        to: reader.text("to", problems),
        key: reader.text("key", problems),
        r#type: reader.text("type", problems),
    }
}

impl Expected {
    /// What differs; nothing if the verdict is as expected.
    pub(super) fn failures(&self, given: &Result<Verdict, ScriptError>) -> Vec<String> {
        match (self, given) {
            (Self::Error(part), Err(error))
                if error.message.contains(part.as_str()) || error.place.contains(part.as_str()) =>
            {
                Vec::new()
            }
            (Self::Filtered(None), Ok(Verdict::Dropped(_))) | (Self::Passes, Ok(Verdict::Pass)) => Vec::new(),
            (Self::Filtered(Some(reason)), Ok(Verdict::Dropped(Some(given)))) if reason == given => {
                Vec::new()
            }
            (Self::Messages(expected), Ok(Verdict::Messages(given))) if expected.len() == given.len() => {
                let several = expected.len() > 1;
                let pairs = expected.iter().zip(given).enumerate();
                pairs
                    .flat_map(|(index, (expected, given))| {
                        let of = if several { format!("message {}: ", index + 1) } else { String::new() };
                        expected.failures(given).into_iter().map(move |failure| format!("{of}{failure}"))
                    })
                    .collect()
            }
            _ => vec![format!("expected {}, got {}", self.told(), told(given))],
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Passes => "it to pass as it is".to_owned(),
            Self::Filtered(None) => "it to be dropped".to_owned(),
            Self::Filtered(Some(reason)) => format!("it to be dropped because of `{reason}`"),
            Self::Error(part) => format!("an error with `{part}`"),
            Self::Messages(messages) => format!("{} message(s)", messages.len()),
            Self::Key(key) => format!("the key {key:?}"),
        }
    }
}

fn told(given: &Result<Verdict, ScriptError>) -> String {
    match given {
        Err(error) => format!("the error `{}` at {}", error.message, error.place),
        Ok(Verdict::Pass) => "it passed as it is".to_owned(),
        Ok(Verdict::Dropped(None)) => "it was dropped without a reason".to_owned(),
        Ok(Verdict::Dropped(Some(reason))) => format!("it was dropped because of `{reason}`"),
        Ok(Verdict::Messages(messages)) => {
            let bodies: Vec<String> = messages.iter().map(|message| shown(&message.body)).collect();
            format!("{} message(s)\n{}", messages.len(), bodies.join("\n"))
        }
    }
}

impl ExpectedMessage {
    fn failures(&self, given: &Message) -> Vec<String> {
        let mut failures = Vec::new();
        let mut compare = |what: &str, expected: Option<&str>, given: Option<&str>| {
            if expected.is_some() && expected != given {
                let (expected, given) = (expected.unwrap_or_default(), given.unwrap_or("nothing"));
                failures.push(format!("{what}: expected `{expected}`, got `{given}`"));
            }
        };
        compare("to", self.to.as_deref(), given.to.as_deref());
        compare("key", self.key.as_deref(), given.key.as_deref());
        compare("type", self.r#type.as_deref(), given.r#type.as_deref());
        if let Some(body) = &self.body {
            failures.extend(difference("body", &pretty_or_text(body), &shown(&given.body)));
        }
        if let (Some(part), Body::Json(body)) = (&self.contains, &given.body) {
            failures.extend(difference("body", &pretty(part), &pretty(&cut(&parsed(body), part))));
        } else if let (Some(Json::String(part)), Body::Text(text)) = (&self.contains, &given.body)
            && !text.contains(part.as_str())
        {
            failures.extend(difference("body", part, text));
        }
        if let Some(headers) = &self.headers {
            let given =
                given.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().into()));
            let given = Json::Object(given.collect());
            failures.extend(difference("headers", &pretty(&lower(headers)), &pretty(&given)));
        }
        failures
    }
}

/// Of `body` only what `part` names; arrays are compared whole.
fn cut(body: &Json, part: &Json) -> Json {
    match (body, part) {
        (Json::Object(body), Json::Object(part)) => part
            .iter()
            .filter_map(|(key, part)| Some((key, cut(body.get(key)?, part))))
            .collect::<crate::model::Map>()
            .into(),
        _ => body.clone(),
    }
}

fn shown(body: &Body) -> String {
    match body {
        Body::Json(text) => pretty(&parsed(text)),
        Body::Text(text) => text.clone(),
    }
}

/// A body that a script made.
fn parsed(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_default()
}

fn pretty_or_text(body: &Json) -> String {
    body.as_str().map_or_else(|| pretty(body), str::to_owned)
}

fn pretty(value: &Json) -> String {
    serde_json::to_string_pretty(&sorted(value)).unwrap_or_default()
}

/// The order of keys says nothing.
fn sorted(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            Json::Object(entries.into_iter().collect())
        }
        Json::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// Names of headers in lower case, their values as texts.
fn lower(headers: &Json) -> Json {
    let Json::Object(map) = headers else { return headers.clone() };
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Json::Object(map.iter().map(|(name, value)| (name.to_ascii_lowercase(), text(value).into())).collect())
}
