//! What leaves in a dialect is read back as the event it was: every captured webhook, and events
//! that nobody has sent yet.

use std::collections::HashMap;
use std::fs;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::samples::{event, receipt};
use super::{Format, Kinds};
use crate::adapter::{Adapter, Basics, Overrides, Settings, shipped};
use crate::json;
use crate::model::{Event, Json, Receipt, json};
use crate::problem::Problems;
use crate::yaml;

pub(super) const DIALECTS: [(&str, Format); 3] =
    [("netbox", Format::Netbox), ("infrahub", Format::Infrahub), ("datagerry", Format::Datagerry)];

/// A source: an adapter and what the config says about it.
pub(super) struct Source {
    adapter: Adapter,
    settings: Settings,
}

#[derive(Default)]
pub(super) struct Options {
    pub templated: bool,
    pub redact: &'static [&'static str],
    pub map: &'static str,
}

impl Source {
    pub fn new(name: &str, options: &Options) -> Self {
        let mut problems = Problems::default();
        let (file, text) = shipped(name).unwrap();
        let adapter = Adapter::compile(file, text, &mut problems).unwrap();
        let basics = Basics {
            source: "lab-1".to_owned(),
            kinds: HashMap::from([("6".to_owned(), "router".to_owned()), ("9".to_owned(), "ap".to_owned())]),
            templated: options.templated,
            ..Basics::default()
        };
        let redact = options.redact.iter().map(|path| ((1, 1), (*path).to_owned())).collect();
        let map =
            (!options.map.is_empty()).then(|| yaml::parse("c.yaml", options.map, &mut problems).unwrap());
        let overrides = Overrides { file: "c.yaml", redact, map: map.as_ref() };
        let settings = adapter.settings(basics, overrides, &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        Self { adapter, settings }
    }

    /// The event in a body, and the receipt it came with; nothing where it cannot be read.
    pub fn event(&self, body: &[u8]) -> Option<(Event, Receipt)> {
        let reading = self.adapter.read(&self.settings, body).ok()?;
        let mut receipt = receipt(&reading.body);
        receipt.masked = reading.masked;
        let mut events = self.adapter.normalise(&self.settings, &receipt, reading.document).ok()?;
        assert_eq!(events.len(), 1);
        Some((events.remove(0), receipt))
    }

    pub fn back(&self, body: &[u8]) -> Event {
        let text = String::from_utf8_lossy(body);
        self.event(body).unwrap_or_else(|| panic!("{} cannot be read back: {text}", self.adapter.name)).0
    }
}

pub(super) static PLAIN: LazyLock<[Source; 3]> =
    LazyLock::new(|| DIALECTS.map(|(name, _)| Source::new(name, &Options::default())));

/// Name and body of every captured request of a sender.
pub(super) fn captures(sender: &str) -> Vec<(String, Vec<u8>)> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/corpus");
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "jsonl")) {
        for line in fs::read_to_string(file).unwrap().lines() {
            let record: Json = serde_json::from_str(line).unwrap();
            if record["sender"] == sender {
                // What was signed for an empty body.
                let body = STANDARD.decode(record["body_base64"].as_str().unwrap_or_default()).unwrap();
                let body = if body.is_empty() { b"{}".to_vec() } else { body };
                found.push((record["name"].as_str().unwrap().to_owned(), body));
            }
        }
    }
    found
}

/// Every event of every capture.
pub(super) fn captured_events() -> Vec<Event> {
    let of = |(source, (sender, _)): (&Source, (&str, Format))| -> Vec<Event> {
        captures(sender).iter().filter_map(|(_, body)| source.event(body)).map(|(event, _)| event).collect()
    };
    PLAIN.iter().zip(DIALECTS).flat_map(of).collect()
}

pub(super) fn render(format: Format, event: &Event, receipt: &Receipt) -> Vec<u8> {
    let rendered = format.render(event, receipt, &Kinds::new()).unwrap();
    assert_eq!(Ok(&rendered), format.render(event, receipt, &Kinds::new()).as_ref(), "not the same twice");
    rendered.body.to_vec()
}

/// The event's JSON, with its numbers as they were written.
pub(super) fn model(event: &Event) -> Json {
    json::parse(&serde_json::to_vec(event).unwrap(), json::NonFinite::Refuse).unwrap().value
}

/// The event without what every receipt has of its own.
fn timeless(event: &Event) -> Event {
    let blank = self::event(json!({}));
    Event { id: blank.id, received_at: blank.received_at, native: blank.native, ..event.clone() }
}

/// What has to be the same in every dialect.
pub(super) fn essence(event: &Event) -> Event {
    let (nothing, system) = (Json::Null, String::new());
    let states = Event {
        before: nothing.clone().into(),
        after: nothing.clone().into(),
        data: nothing.into(),
        ..timeless(event)
    };
    Event { source: system.clone(), system, ..states }
}

/// How many captures of a sender map under these options, having come back as they were.
fn come_back(sender: &str, options: &Options) -> usize {
    let source = Source::new(sender, options);
    let (_, format) = DIALECTS.into_iter().find(|(name, _)| *name == sender).unwrap();
    let mut seen = 0;
    for (name, body) in captures(sender) {
        let Some((event, receipt)) = source.event(&body) else { continue };
        let sent = render(format, &event, &receipt);
        let back = source.back(&sent);
        // A template of the operator's own keeps its facts, but is no NetBox body any more.
        let of = if options.map.is_empty() { timeless } else { essence };
        same(&of(&back), &of(&event), &name, &sent);
        seen += 1;
    }
    seen
}

fn same(found: &Event, wanted: &Event, name: &str, sent: &[u8]) {
    let show = |event| serde_json::to_string(event).unwrap();
    let sent = String::from_utf8_lossy(sent);
    assert!(found == wanted, "{name}\nfound {}\nwanted {}\nsent {sent}", show(found), show(wanted));
}

#[test]
fn every_capture_comes_back_through_its_own_dialect() {
    for (sender, least) in [("netbox", 330), ("infrahub", 110), ("datagerry", 20)] {
        let seen = come_back(sender, &Options::default());
        assert!(seen >= least, "{sender}: {seen}");
    }
}

#[test]
fn every_capture_comes_back_from_a_templated_source() {
    for (sender, least) in [("netbox", 400), ("infrahub", 120), ("datagerry", 30)] {
        let seen = come_back(sender, &Options { templated: true, ..Options::default() });
        assert!(seen >= least, "{sender}: {seen}");
    }
    let map = "{type: 'netbox.object.{$.ev}', action: $.ev, object: {kind: dcim.site, id: $.id, name: $.name}, actor.name: $.who}";
    let seen = come_back("netbox", &Options { templated: true, map, ..Options::default() });
    assert!(seen >= 15, "{seen}");
}

#[test]
fn every_capture_comes_back_with_its_hidden_changes() {
    for (sender, redact) in [
        (
            "netbox",
            &[
                "$.data.name",
                "$.data.status",
                "$.data.description",
                "$.snapshots.postchange.custom_fields",
                "$.data.tags",
            ] as &[_],
        ),
        ("netbox", &["$.snapshots"]),
        (
            "infrahub",
            &[
                "$.data.changelog.attributes.status.value",
                "$.data.changelog.attributes.name",
                "$.data.changelog.relationships.interfaces.peers",
                "$.data.changelog.relationships.site.peer_id",
            ],
        ),
        ("infrahub", &["$.data.changelog"]),
        ("datagerry", &["$.object_after.fields[0].value", "$.object_before.fields[1]"]),
    ] {
        let seen = come_back(sender, &Options { redact, ..Options::default() });
        assert!(seen >= 15, "{sender} {redact:?}: {seen}");
    }
}

#[test]
fn times_come_back_with_the_digits_they_were_sent_with() {
    let netbox =
        |at| json!({"event": "updated", "timestamp": at, "object_type": "dcim.site", "data": {"id": 1}});
    let infrahub =
        |at| json!({"event": "infrahub.branch.merged", "data": {"branch_id": "b"}, "occured_at": at});
    let datagerry = |at| {
        let object = json!({"public_id": 1, "type_id": 6, "fields": []});
        json!({"operation": "CREATE", "event_time": {"$date": at}, "object_after": object})
    };
    let texts = [
        "2026-11-22 05:30:00+00:00",
        "2026-11-22T05:30:00.1Z",
        "2026-11-22T05:30:00.123456+02:00",
        "noon T",
        "",
    ];
    let of = |make: fn(&'static str) -> Json| texts.map(make).to_vec();
    let numbers = [json!(5), json!(1_795_324_565_196_i64), json!("2026-11-22T05:30:00Z"), json!(null)];
    let bodies = [of(netbox), of(infrahub), numbers.map(datagerry).to_vec()];
    for ((source, (system, format)), bodies) in PLAIN.iter().zip(DIALECTS).zip(bodies) {
        for body in bodies {
            let (event, receipt) = source.event(body.to_string().as_bytes()).unwrap();
            let sent = render(format, &event, &receipt);
            same(&timeless(&source.back(&sent)), &timeless(&event), system, &sent);
        }
    }
}

#[test]
fn every_capture_says_the_same_in_every_dialect() {
    let mut seen = HashMap::new();
    for (source, (sender, _)) in PLAIN.iter().zip(DIALECTS) {
        for (name, body) in captures(sender) {
            let Some((event, receipt)) = source.event(&body) else { continue };
            for (other, (dialect, format)) in PLAIN.iter().zip(DIALECTS) {
                let sent = render(format, &event, &receipt);
                if dialect != sender {
                    same(
                        &essence(&other.back(&sent)),
                        &essence(&event),
                        &format!("{name} as {dialect}"),
                        &sent,
                    );
                    *seen.entry((sender, dialect)).or_insert(0) += 1;
                }
            }
        }
    }
    assert!(seen.len() == 6 && seen.values().all(|count| *count >= 20), "{seen:?}");
}

#[test]
fn what_was_relayed_once_can_be_relayed_on() {
    let mut seen = 0;
    for (source, (sender, _)) in PLAIN.iter().zip(DIALECTS) {
        for (name, body) in captures(sender).into_iter().step_by(20) {
            let Some((event, receipt)) = source.event(&body) else { continue };
            for (first, (_, there)) in PLAIN.iter().zip(DIALECTS) {
                let Some((relayed, receipt)) = first.event(&render(there, &event, &receipt)) else {
                    continue;
                };
                for (second, (dialect, on)) in PLAIN.iter().zip(DIALECTS) {
                    let sent = render(on, &relayed, &receipt);
                    same(
                        &essence(&second.back(&sent)),
                        &essence(&relayed),
                        &format!("{name} {dialect}"),
                        &sent,
                    );
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 150, "{seen}");
}

#[test]
fn the_names_that_a_destination_gives_to_kinds_do_not_lose_the_kind() {
    let kinds =
        Kinds::from([("Server".to_owned(), "dcim.device".to_owned()), ("rack".to_owned(), "7".to_owned())]);
    for kind in ["Server", "rack", "type:9", "dcim.device"] {
        for (source, (system, format)) in PLAIN.iter().zip(DIALECTS) {
            let event = event(
                json!({"system": "lab", "object": {"kind": kind, "id": "1", "name": null, "url": null}}),
            );
            let sent = format.render(&event, &receipt(b""), &kinds).unwrap().body;
            assert_eq!(source.back(&sent).object, event.object, "{system}");
        }
    }
    let native = json!({"event": "updated", "data": {"id": 1}});
    let netbox = event(json!({"system": "netbox", "type": "netbox.object.updated", "native": native,
        "object": {"kind": "rack", "id": "1", "name": null, "url": null}, "data": {"id": 1}}));
    let sent = Format::Netbox.render(&netbox, &receipt(b""), &kinds).unwrap().body;
    assert_eq!(PLAIN[0].back(&sent).object, netbox.object);
}
