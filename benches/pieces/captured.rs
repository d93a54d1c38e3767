//! What pieces work on: rules, and a real body of every sender for whom an adapter is shipped.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use crossconnect::adapter;
use crossconnect::model::{Event, Json, Proof, Receipt, ReceiptId, Request, Timestamp};
use crossconnect::pipeline::{self, Incoming};
use crossconnect::problem::Problems;
use crossconnect::rules::{Rules, Source};
use crossconnect::yaml;

use super::rig::body::device_update;

/// Of the captures, one of each sender.
const CAPTURES: [(&str, &str, &str); 2] = [
    (
        "infrahub",
        include_str!("../../tests/fixtures/corpus/infrahub-standard.jsonl"),
        "infrahub-1.4.13-node-updated-rel-one-001",
    ),
    (
        "datagerry",
        include_str!("../../tests/fixtures/corpus/datagerry-update.jsonl"),
        "datagerry-2.2.0-development-update-router-both-fields-major-001",
    ),
];

/// The NetBox device update that everything but the other senders' pieces is about.
pub fn body() -> Bytes {
    Bytes::from(device_update(0, 1, 1, "bench-000000001"))
}

/// A body of a sender: NetBox's device update, a capture, or the first example in the adapter.
pub fn body_of(sender: &str) -> Bytes {
    if sender == "netbox" {
        return body();
    }
    let captured = CAPTURES.iter().find(|(name, _, _)| *name == sender);
    match captured {
        Some((_, lines, name)) => {
            let records = lines.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
            let record = records.into_iter().find(|record| record["name"] == *name).unwrap();
            Bytes::from(STANDARD.decode(record["body_base64"].as_str().unwrap()).unwrap())
        }
        None => example(sender),
    }
}

fn example(sender: &str) -> Bytes {
    let (file, text) = adapter::shipped(sender).unwrap();
    let node = yaml::parse(file, text, &mut Problems::default()).unwrap();
    match &node.get("tests").unwrap().to_json()[0]["body"] {
        Json::String(text) => Bytes::copy_from_slice(text.as_bytes()),
        body => Bytes::from(body.to_string()),
    }
}

/// Rules with one source of this adapter, and so many routes of which the last one matches a device.
pub fn rules(adapter: &str, routes: usize) -> Rules {
    let others =
        (1..routes).map(|n| format!("  - {{ name: r{n}, when: {{ kind: dcim.part{n} }}, to: [sink] }}\n"));
    let text = format!(
        "sources: {{ {adapter}: {{ adapter: {adapter}, token: a-t0ken-of-32-characters-or-more-x }} }}\n\
         destinations: {{ sink: {{ url: \"https://example.com/\", sign: none }} }}\n\
         routes:\n{}  - {{ name: devices, when: {{ kind: dcim.device }}, to: [sink] }}\n",
        others.collect::<String>()
    );
    // No file of its own is named, so the folder may be any.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/config.yaml");
    Rules::from_text(file.to_str().unwrap(), &text, &|_| None).unwrap()
}

pub fn received(source: &Source, body: Bytes) -> (Receipt, Json) {
    let now = Timestamp::UNIX_EPOCH;
    let proof = Proof { scheme: "netbox".to_owned(), variant: None, secret: Some(0) };
    let (id, request) = (ReceiptId::new(now), Request::default());
    pipeline::receive(source, Incoming { id, received_at: now, request, body, proof }).unwrap()
}

/// The device update as an event, and its receipt.
pub fn event() -> (Arc<Event>, Receipt) {
    let rules = rules("netbox", 1);
    let source = &rules.sources["netbox"];
    let (receipt, document) = received(source, body());
    let mut events = source.adapter.normalise(&source.settings, &receipt, document).unwrap();
    (Arc::new(events.remove(0)), receipt)
}
