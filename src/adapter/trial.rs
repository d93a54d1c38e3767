//! `tests:` at the end of an adapter file: a body in, the expected parts of its events out.

use std::sync::Arc;

use bytes::Bytes;
use similar::TextDiff;

use super::expr_file::Context;
use super::repeat;
use super::{Adapter, Basics, Overrides, Reading, Settings};
use crate::expectation::part;
use crate::model::{Event, Json, Proof, Receipt, ReceiptId, Request, Timestamp};
use crate::problem::Problems;
use crate::yaml::{Node, Reader, Value};

/// One test of an adapter file.
#[derive(Debug)]
pub(super) struct Trial {
    name: String,
    templated: bool,
    kinds: Vec<(String, String)>,
    redact: Vec<String>,
    map: Option<Node>,
    headers: Vec<(String, String)>,
    body: String,
    /// The events, each as the part that has to be there.
    expect: Option<Vec<Json>>,
    /// A text the failure has to contain.
    fails: Option<String>,
    dedupe: Option<String>,
}

/// How a test of an adapter file went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    pub name: String,
    /// What is not as expected, each as a readable text; empty: passed.
    pub failures: Vec<String>,
}

impl Trial {
    /// Compiles the list under `tests:`.
    pub fn compile_all(context: &mut Context<'_>, node: &Node) -> Vec<Self> {
        let Value::List(items) = &node.value else {
            context.wrong(node.at, "`tests` must be a list", "each with `name`, `body` and `expect`");
            return Vec::new();
        };
        items.iter().filter_map(|item| Self::compile(context, item)).collect()
    }

    fn compile(context: &mut Context<'_>, node: &Node) -> Option<Self> {
        let mut reader = Reader::new(context.file, "tests", node, context.problems)?;
        let name = reader.text("name", context.problems).unwrap_or_default();
        let templated = reader.flag("templated", context.problems).unwrap_or(false);
        let kinds = pairs(reader.node("kinds"));
        let headers = pairs(reader.node("headers"));
        let redact = reader.texts("redact", context.problems).unwrap_or_default();
        let redact = redact.into_iter().map(|(_, path)| path).collect();
        let map = reader.node("map").cloned();
        let body = match reader.node("body") {
            Some(Node { value: Value::Text(text), .. }) => text.trim_end().to_owned(),
            Some(node) => node.to_json().to_string(),
            None => String::new(),
        };
        let expect = reader.node("expect").map(|node| match node.to_json() {
            Json::Array(events) => events,
            event => vec![event],
        });
        let fails = reader.text("fails", context.problems);
        let dedupe = reader.text("dedupe", context.problems);
        if expect.is_none() && fails.is_none() && dedupe.is_none() {
            reader.missing("expect", "say what events the body becomes, or how it `fails`", context.problems);
        }
        reader.finish(context.problems);
        Some(Self { name, templated, kinds, redact, map, headers, body, expect, fails, dedupe })
    }

    /// Runs the test against the adapter it stands in.
    pub fn run(&self, adapter: &Adapter) -> TestResult {
        let mut problems = Problems::default();
        let basics = Basics {
            source: "test".to_owned(),
            kinds: self.kinds.iter().cloned().collect(),
            templated: self.templated,
            ..Basics::default()
        };
        let redact = self.redact.iter().map(|path| ((1, 1), path.clone())).collect();
        let overrides = Overrides { file: &adapter.file, redact, map: self.map.as_ref() };
        let settings = adapter.settings(basics, overrides, &mut problems);
        let mut failures: Vec<String> = problems.iter().map(ToString::to_string).collect();
        match adapter.read(&settings, self.body.as_bytes()) {
            Err(error) if self.expect.is_some() => failures.push(error.to_string()),
            Err(error) => self.failed(Some(error.to_string()), &mut failures),
            Ok(reading) => {
                let receipt = self.receipt(&reading);
                let key = self.dedupe_key(adapter, &settings, &receipt.request, &reading.document);
                if self.dedupe.is_some() && key != self.dedupe {
                    failures.push(format!("dedupe: wanted {:?}, found {key:?}", self.dedupe));
                }
                match adapter.normalise(&settings, &receipt, reading.document) {
                    Ok(events) => self.compare(&events, &mut failures),
                    Err(failure) => self.failed(Some(failure.message), &mut failures),
                }
            }
        }
        TestResult { name: self.name.clone(), failures }
    }

    /// The key as tests write it: that of the body by its name.
    fn dedupe_key(
        &self,
        adapter: &Adapter,
        settings: &Settings,
        request: &Request,
        document: &Json,
    ) -> Option<String> {
        let body = self.body.as_bytes();
        let key = adapter.dedupe(settings, request, document, body)?.key;
        Some(if key == repeat::by_body(body) { "body:hash".to_owned() } else { key })
    }

    fn receipt(&self, reading: &Reading) -> Receipt {
        Receipt {
            id: ReceiptId::new(Timestamp::UNIX_EPOCH),
            source: Arc::from("test"),
            received_at: Timestamp::UNIX_EPOCH,
            request: Request { headers: self.headers.clone(), ..Request::default() },
            body: Bytes::clone(&reading.body),
            dedupe: None,
            proof: Proof { scheme: "open".to_owned(), variant: None, secret: None },
            notes: Vec::new(),
            masked: reading.masked.clone(),
        }
    }

    fn failed(&self, message: Option<String>, failures: &mut Vec<String>) {
        let message = message.unwrap_or_default();
        match &self.fails {
            Some(wanted) if message.contains(wanted.as_str()) => {}
            Some(wanted) => failures.push(format!("should fail with `{wanted}`, but: {message}")),
            None => failures.push(message),
        }
    }

    fn compare(&self, events: &[Event], failures: &mut Vec<String>) {
        if let Some(wanted) = &self.fails {
            failures.push(format!("should fail with `{wanted}`, but gave {} events", events.len()));
        }
        let Some(expect) = &self.expect else { return };
        let found: Vec<Json> = events.iter().filter_map(|event| Json::of(event).ok()).collect();
        let found: Json = if found.len() == expect.len() {
            found.iter().zip(expect).map(|(found, wanted)| part(found, wanted)).collect()
        } else {
            Json::Array(found)
        };
        let wanted = Json::Array(expect.clone());
        if found != wanted {
            let [wanted, found] = [wanted, found].map(|json| format!("{json:#}\n"));
            let diff = TextDiff::from_lines(&wanted, &found);
            failures.push(diff.unified_diff().header("expected", "found").to_string());
        }
    }
}

fn pairs(node: Option<&Node>) -> Vec<(String, String)> {
    match node.map(|node| &node.value) {
        Some(Value::Map(entries)) => entries
            .iter()
            .map(|(key, value)| (key.name.clone(), value.scalar().unwrap_or_default()))
            .collect(),
        _ => Vec::new(),
    }
}
