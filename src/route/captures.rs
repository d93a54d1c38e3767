//! Events for tests: bodies as their senders write them, read by the shipped adapters.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Match, Mismatch};
use crate::adapter::{Adapter, Basics, Overrides, Settings, shipped};
use crate::model::{Event, Json, Proof, Receipt, ReceiptId, Request, Timestamp};
use crate::problem::Problems;

/// An adapter with plain settings.
struct Sender {
    adapter: Adapter,
    settings: Settings,
}

impl Sender {
    fn new(adapter: &str) -> Self {
        let mut problems = Problems::default();
        let (file, text) = shipped(adapter).unwrap();
        let adapter = Adapter::compile(file, text, &mut problems).unwrap();
        let basics = Basics {
            source: "s".to_owned(),
            kinds: HashMap::from([("6".to_owned(), "router".to_owned())]),
            ..Basics::default()
        };
        let settings = adapter.settings(basics, Overrides::default(), &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        Self { adapter, settings }
    }

    fn event(&self, body: &[u8]) -> Event {
        let reading = self.adapter.read(&self.settings, body).unwrap();
        let receipt = Receipt {
            id: ReceiptId::new(Timestamp::UNIX_EPOCH),
            source: Arc::from("s"),
            received_at: Timestamp::UNIX_EPOCH,
            request: Request::default(),
            body: reading.body,
            dedupe: None,
            proof: Proof { scheme: "open".to_owned(), variant: None, secret: None },
            notes: Vec::new(),
            masked: reading.masked,
        };
        let mut events = self.adapter.normalise(&self.settings, &receipt, reading.document).unwrap();
        assert_eq!(events.len(), 1);
        events.remove(0)
    }
}

/// The event of a body.
pub(super) fn event(adapter: &str, body: &[u8]) -> Event {
    Sender::new(adapter).event(body)
}

/// The event of an Infrahub body.
pub(super) fn infrahub(body: &Json) -> Event {
    event("infrahub", body.to_string().as_bytes())
}

/// The lines of a sender's captures.
fn lines(sender: &str) -> Vec<String> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/corpus");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.starts_with(sender) && name.ends_with(".jsonl") && !name.contains("negative")
    });
    files.sort();
    let texts = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn body(record: &Json) -> Vec<u8> {
    STANDARD.decode(record["body_base64"].as_str().unwrap()).unwrap()
}

/// All captures of a sender that became an event there, by name.
pub(super) fn captures(sender: &str) -> Vec<(String, Event)> {
    let reader = Sender::new(sender);
    let records = lines(sender).into_iter().map(|line| serde_json::from_str::<Json>(&line).unwrap());
    let events = records.filter(|record| record["expect"]["event"].is_string());
    events.map(|record| (record["name"].as_str().unwrap().to_owned(), reader.event(&body(&record)))).collect()
}

/// One capture.
pub(super) fn capture(name: &str) -> Event {
    let sender = name.split('-').next().unwrap();
    let quoted = format!("{name:?}");
    let line = lines(sender).into_iter().find(|line| line.contains(&quoted));
    let line = line.unwrap_or_else(|| panic!("no capture {name}"));
    event(sender, &body(&serde_json::from_str(&line).unwrap()))
}

/// A compiled `when`, and what is wrong with it.
pub(super) fn compile(when: &str) -> (Match, Vec<String>) {
    let mut problems = Problems::default();
    let node = crate::yaml::parse("c.yaml", when, &mut problems).unwrap();
    let matches = Match::compile("c.yaml", "routes[0]", &[], Some(&node), &mut problems);
    (matches, problems.into_sorted().iter().map(ToString::to_string).collect())
}

/// Why an event does not pass a `when` without mistakes.
pub(super) fn verdict(event: &Event, when: &str) -> Option<Mismatch> {
    let (matches, problems) = compile(when);
    assert!(problems.is_empty(), "{when}: {problems:#?}");
    matches.check(event, None).err()
}

/// Asserts which of several `when`s an event passes.
pub(super) fn table(event: &Event, rows: &[(&str, bool)]) {
    for (when, wanted) in rows {
        assert_eq!(verdict(event, when).is_none(), *wanted, "{when}");
    }
}

/// Asserts the words for a mistake.
pub(super) fn mistakes(rows: &[(&str, &str)]) {
    for (when, wanted) in rows {
        assert_eq!(compile(when).1.join("\n"), *wanted, "{when}");
    }
}
