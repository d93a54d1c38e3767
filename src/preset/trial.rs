//! `tests:` of a preset: an event or a batch in, the request that has to leave.
//!
//! Only read here. Whoever runs them makes a destination of the preset and its example.

use std::sync::Arc;

use bytes::Bytes;

use super::expect::{self, Expect, Sent};
use crate::model::{Batch, BatchId, By, Event, Json, Lineage, Member, ReceiptId};
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
    pub given: Given,
    /// Keys instead of those of the example.
    pub with: Json,
    expect: Expect,
}

/// What comes in.
#[derive(Debug)]
pub enum Given {
    Event(Arc<Event>),
    /// Of the route [`ROUTE`].
    Batch(Batch),
}

/// The route that batches of tests come through.
pub const ROUTE: &str = "test";
/// More events than a test needs.
const MOST: u64 = 10_000;

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
        let several = reader.node("events");
        let times = reader.count("times", problems).unwrap_or(1).clamp(1, MOST);
        let events = match several.map(|node| (node, &node.value)) {
            None => script::sample_event(&reader, said, problems).map(|event| vec![event]),
            Some((_, Value::List(items))) if !items.is_empty() && said.is_none() => {
                items.iter().map(|item| script::sample_event(&reader, Some(item), problems)).collect()
            }
            Some((node, _)) => {
                reader.wrong("events", node, "a list of events, without `event` beside it", problems);
                None
            }
        };
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
        let stretch = |event| stretched(event, lengths.as_ref(), file, item, problems);
        let events: Option<Vec<Event>> = events.and_then(|events| events.into_iter().map(stretch).collect());
        if problems.len() > before {
            return None;
        }
        Some(Self {
            name: name.unwrap_or_else(|| format!("line {}", item.at.0)),
            given: match several {
                Some(_) => Given::Batch(batch(events?, usize::try_from(times).ok()?)?),
                None => Given::Event(Arc::new(events?.pop()?)),
            },
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

/// The events, `times` over, as a batch of one correlation.
fn batch(events: Vec<Event>, times: usize) -> Option<Batch> {
    let events: Vec<Arc<Event>> = events.into_iter().map(Arc::new).collect();
    let first = events.first()?.clone();
    let receipt = ReceiptId::new(first.received_at);
    let member = |event: &Arc<Event>| Member {
        receipt,
        event: event.clone(),
        lookups: Json::Null,
        lineage: Lineage::default(),
        body: Bytes::from_static(b"{}"),
    };
    let key = first.correlation_id.clone().unwrap_or_else(|| first.id.to_string());
    Some(Batch {
        id: BatchId::new(first.received_at),
        route: ROUTE.to_owned(),
        by: By::Correlation,
        group: format!("correlation:{}:{key}", first.source),
        key,
        opened_at: first.received_at,
        members: events.iter().cycle().take(events.len() * times).map(member).collect(),
    })
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
    let mut json = Json::of(&event).ok()?;
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
        *text = Json::from(long);
    }
    let native = event.native;
    let mut event: Event = json.told().ok()?;
    event.native = native;
    Some(event)
}
