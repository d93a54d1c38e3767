//! `NAME.test.yaml` beside `NAME.rhai`: events in, what is expected out, a diff where it differs.
//!
//! Reads files; never runs inside the gateway's walk.

mod batch;
mod expect;
mod sample;

use std::path::Path;
use std::sync::Arc;

use super::{Limits, Script, load};
use crate::model::{Event, Json, Timestamp};
use crate::problem::Problems;
use crate::yaml::{self, Node, Reader, Value};
use expect::Expected;

/// The event of a test case: a usual one, with what the case says put over it.
pub(crate) fn sample_event(case: &Reader<'_>, said: Option<&Node>, problems: &mut Problems) -> Option<Event> {
    sample::event(Path::new(""), case, None, said, problems)
}

/// How one case of a test file went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    pub name: String,
    /// What differs, one readable text each; empty: the case passed.
    pub failures: Vec<String>,
}

struct Case {
    name: String,
    given: Given,
    /// What lookups found, by name.
    lookups: Option<Arc<Json>>,
    now: Timestamp,
    expected: Expected,
}

/// What a case is about.
enum Given {
    Event(Box<Event>),
    /// Several that leave together.
    Batch(Vec<Event>),
}

/// Runs a test file (`scripts/NAME.test.yaml`, relative to `root`) against the script beside it.
/// Mistakes in either file go to `problems`; a case that holds one is not run.
pub fn run_tests(root: &Path, test_file: &str, limits: &Limits, problems: &mut Problems) -> Vec<TestResult> {
    let Some(name) = test_file.strip_suffix(".test.yaml") else {
        problems
            .add(test_file, None, "a test file's name ends with `.test.yaml`")
            .help("name it after its script: `scripts/slack.test.yaml` for `scripts/slack.rhai`");
        return Vec::new();
    };
    let script = Script::compile(root, &format!("{name}.rhai"), limits, problems);
    let cases = cases(root, test_file, problems);
    let Some(script) = script else { return Vec::new() };
    cases
        .into_iter()
        .map(|case| {
            let failures = case.failures(&script);
            TestResult { name: case.name, failures }
        })
        .collect()
}

impl Case {
    fn failures(&self, script: &Script) -> Vec<String> {
        let (lookups, now) = (self.lookups.as_ref(), self.now);
        match (&self.given, &self.expected) {
            (Given::Event(event), Expected::Key(key)) => batch::key_failures(
                key.as_deref(),
                &script.join(&Arc::new(Event::clone(event)), true, lookups, now),
            ),
            (Given::Event(event), expected) => {
                expected.failures(&script.run_with(&Arc::new(Event::clone(event)), lookups, now))
            }
            (Given::Batch(events), expected) => expected.failures(&batch::run(script, events, lookups, now)),
        }
    }
}

fn cases(root: &Path, file: &str, problems: &mut Problems) -> Vec<Case> {
    let text = match load::read_file(&root.join(file)) {
        Ok(text) => text,
        Err(cause) => {
            problems.add(file, None, format!("could not read the tests: {cause}"));
            return Vec::new();
        }
    };
    let Some(tree) = yaml::parse(file, &text, problems) else { return Vec::new() };
    let Value::List(items) = &tree.value else {
        problems
            .add(file, Some(tree.at), format!("a test file is a list of cases, this is {}", tree.kind()))
            .help("begin each case with `- name: …`");
        return Vec::new();
    };
    items.iter().filter_map(|item| case(root, file, item, problems)).collect()
}

fn case(root: &Path, file: &str, item: &Node, problems: &mut Problems) -> Option<Case> {
    let before = problems.len();
    let mut reader = Reader::new(file, "", item, problems)?;
    let name = reader.text("name", problems);
    let now = instant(&mut reader, problems);
    let capture = reader.text("capture", problems);
    let said = reader.node("event");
    let several = reader.node("events");
    let given = match several {
        Some(list) => batch::events(root, &reader, list, problems).map(Given::Batch),
        None => sample::event(root, &reader, capture.as_deref(), said, problems)
            .map(|event| Given::Event(Box::new(event))),
    };
    if let (Some(list), true) = (several, said.is_some() || capture.is_some()) {
        problems
            .add(file, Some(list.at), "`events` stands beside `event` or `capture`")
            .help("a case is about one event, or about a batch: remove one of them");
    }
    let lookups = lookups(&mut reader, problems);
    let expected = match reader.section("expect", problems) {
        Some(section) => expect::read(section, problems),
        None => {
            reader.missing(
                "expect",
                "say what should come out, such as `expect: { filtered: true }`",
                problems,
            );
            None
        }
    };
    reader.finish(problems);
    if let (Some(_), Some(Expected::Key(_))) = (several, &expected) {
        problems
            .add(file, Some(item.at), "`expect.batch_key` is that of one event")
            .help("write `event:` in place of `events:`");
    }
    if problems.len() > before {
        return None;
    }
    let name = name.unwrap_or_else(|| format!("line {}", item.at.0));
    Some(Case { name, given: given?, lookups, now, expected: expected? })
}

/// `lookup:`, by name.
fn lookups(reader: &mut Reader<'_>, problems: &mut Problems) -> Option<Arc<Json>> {
    let node = reader.node("lookup").filter(|node| node.value != Value::Null)?;
    if !matches!(node.value, Value::Map(_)) {
        reader.wrong("lookup", node, "a mapping of names to what was found", problems);
        return None;
    }
    Some(Arc::new(node.to_json()))
}

fn instant(reader: &mut Reader<'_>, problems: &mut Problems) -> Timestamp {
    let text = reader.text("now", problems);
    let at = reader.node("now").map(|node| node.at);
    match text.as_deref().unwrap_or(sample::NOW).parse() {
        Ok(now) => now,
        Err(_) => {
            problems.add(reader.file, at, "`now` is no instant").help("write one like 2025-06-30T21:57:20Z");
            Timestamp::UNIX_EPOCH
        }
    }
}
