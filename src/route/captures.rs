//! Events for tests: bodies as their senders write them, read by the shipped adapters.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Match, Mismatch};
use crate::adapter::{Adapter, Basics, Overrides, shipped};
use crate::model::{Event, Json, Proof, Receipt, ReceiptId, Request, Timestamp};
use crate::problem::Problems;

/// The event of a body.
pub(super) fn event(adapter: &str, body: &[u8]) -> Event {
    let mut problems = Problems::default();
    let (file, text) = shipped(adapter).unwrap();
    let adapter = Adapter::compile(file, text, &mut problems).unwrap();
    let basics = Basics {
        source: "s".to_owned(),
        kinds: HashMap::from([("6".to_owned(), "router".to_owned())]),
        window: Duration::from_secs(60),
        ..Basics::default()
    };
    let settings = adapter.settings(basics, Overrides::default(), &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    let reading = adapter.read(&settings, body).unwrap();
    let receipt = Receipt {
        id: ReceiptId::new(Timestamp::UNIX_EPOCH),
        source: Arc::from("s"),
        received_at: Timestamp::UNIX_EPOCH,
        request: Request::default(),
        body: reading.body,
        body_sha256: "abc".to_owned(),
        dedupe: None,
        proof: Proof { scheme: "open".to_owned(), variant: None, secret: None },
        notes: Vec::new(),
        masked: reading.masked,
    };
    let mut events = adapter.normalise(&settings, &receipt, reading.document).unwrap();
    assert_eq!(events.len(), 1);
    events.remove(0)
}

/// The event of an Infrahub body.
pub(super) fn infrahub(body: &Json) -> Event {
    event("infrahub", body.to_string().as_bytes())
}

/// All captures of a sender that became an event there, by name.
pub(super) fn captures(sender: &str) -> Vec<(String, Event)> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/corpus");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        let name = file.file_name().unwrap().to_string_lossy();
        name.starts_with(sender) && name.ends_with(".jsonl") && !name.contains("negative")
    });
    files.sort();
    let text: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let records = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let events = records.filter(|record| record["expect"]["event"].is_string()).map(|record| {
        let body = STANDARD.decode(record["body_base64"].as_str().unwrap()).unwrap();
        (record["name"].as_str().unwrap().to_owned(), event(sender, &body))
    });
    events.collect()
}

/// One capture.
pub(super) fn capture(name: &str) -> Event {
    let found = captures(name.split('-').next().unwrap()).into_iter().find(|(found, _)| found == name);
    found.unwrap_or_else(|| panic!("no capture {name}")).1
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
