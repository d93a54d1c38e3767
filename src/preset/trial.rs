//! `tests:` of a preset: an event in, the request that has to leave.
//!
//! Only read here. Whoever runs them makes a destination of the preset and its example.

use std::sync::Arc;

use super::expect::{self, Expect, Sent};
use crate::model::{Event, Json};
use crate::problem::Problems;
use crate::script;
use crate::yaml::{self, Node, Reader, Value};

/// What a preset's file says for its tests.
#[derive(Debug)]
pub struct Trials {
    /// What an operator would add to the preset; tests run with it.
    pub example: Json,
    pub trials: Vec<Trial>,
}

/// One test.
#[derive(Debug)]
pub struct Trial {
    pub name: String,
    pub event: Arc<Event>,
    /// Keys instead of those of the example.
    pub with: Json,
    expect: Expect,
}

impl Trials {
    /// Reads `example:` and `tests:` of a preset. The other keys are the config's business.
    pub fn read(file: &str, text: &str, problems: &mut Problems) -> Option<Self> {
        let root = yaml::parse(file, text, problems)?;
        let mut top = Reader::new(file, "", &root, problems)?;
        let example = top.section("example", problems).map(|section| mapping(section.entries()));
        let trials = match top.node("tests").map(|node| (node, &node.value)) {
            Some((_, Value::List(items))) => {
                items.iter().filter_map(|item| Trial::read(file, item, problems)).collect()
            }
            Some((node, value)) if *value != Value::Null => {
                top.wrong("tests", node, "a list", problems);
                Vec::new()
            }
            _ => Vec::new(),
        };
        Some(Self { example: example.unwrap_or_else(|| mapping(&[])), trials })
    }
}

impl Trial {
    fn read(file: &str, item: &Node, problems: &mut Problems) -> Option<Self> {
        let before = problems.len();
        let mut reader = Reader::new(file, "tests", item, problems)?;
        let name = reader.text("name", problems);
        let said = reader.node("event");
        let event = script::sample_event(&reader, said, problems);
        let lengths = reader.node("stretch").map(Node::to_json);
        let with = reader.section("with", problems).map(|section| mapping(section.entries()));
        let expect = match reader.section("expect", problems) {
            Some(section) => expect::read(section, problems),
            None => {
                let help = "say what leaves, such as `expect: { body: { text: hello } }`";
                reader.missing("expect", help, problems);
                None
            }
        };
        reader.finish(problems);
        let event = event.and_then(|event| stretched(event, lengths.as_ref(), file, item, problems));
        if problems.len() > before {
            return None;
        }
        Some(Self {
            name: name.unwrap_or_else(|| format!("line {}", item.at.0)),
            event: Arc::new(event?),
            with: with.unwrap_or_else(|| mapping(&[])),
            expect: expect?,
        })
    }

    /// What of the request is not as expected, one readable text each. The error is why there is
    /// none.
    pub fn failures(&self, sent: &Result<Sent, String>) -> Vec<String> {
        self.expect.failures(sent)
    }
}

fn mapping(entries: &[(yaml::Key, Node)]) -> Json {
    Json::Object(entries.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect())
}

/// Repeats texts of the event until they have so many letters: `object.name: 5000`.
fn stretched(
    event: Event,
    lengths: Option<&Json>,
    file: &str,
    item: &Node,
    problems: &mut Problems,
) -> Option<Event> {
    let Some(Json::Object(lengths)) = lengths else { return Some(event) };
    let mut json = serde_json::to_value(&event).ok()?;
    for (path, length) in lengths {
        let pointer = format!("/{}", path.replace('.', "/"));
        let text =
            json.pointer_mut(&pointer).filter(|text| text.as_str().is_some_and(|text| !text.is_empty()));
        let (Some(text), Some(length)) =
            (text, length.as_u64().and_then(|length| usize::try_from(length).ok()))
        else {
            let message = format!("`stretch` cannot lengthen `{path}`");
            let help = "write the path of a text of the event and how long it shall be";
            problems.add(file, Some(item.at), message).help(help);
            return None;
        };
        let long: String = text.as_str().unwrap_or_default().chars().cycle().take(length).collect();
        *text = Json::String(long);
    }
    let native = event.native;
    let mut event: Event = serde_json::from_value(json).ok()?;
    event.native = native;
    Some(event)
}
