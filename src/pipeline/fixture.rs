//! For tests: rules of a folder, and captured webhooks on their way through them.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use tempfile::TempDir;

use super::{Incoming, process, receive, seal};
use crate::model::{
    Batch, BatchId, Delivery, Gathered, Json, Member, Outcome, Proof, Receipt, ReceiptId, Request, Sealed,
    Timestamp,
};
use crate::rules::Rules;

/// Rules whose script is `scripts/s.rhai`.
pub struct World {
    pub rules: Rules,
    _folder: TempDir,
}

/// What came in, and what became of it.
pub struct Crossed {
    pub receipt: Receipt,
    pub outcome: Outcome,
}

pub fn now() -> Timestamp {
    "2026-11-22T05:31:00Z".parse().unwrap()
}

/// All problems of a config, sorted, without the folder.
pub fn load(config: &str, script: &str) -> Result<World, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("scripts")).unwrap();
    fs::write(folder.path().join("scripts/s.rhai"), script).unwrap();
    let file = folder.path().join("config.yaml");
    let prefix = format!("{}/", folder.path().to_string_lossy());
    match Rules::from_text(&file.to_string_lossy(), config, &|_| None) {
        Ok(rules) => Ok(World { rules, _folder: folder }),
        Err(problems) => Err(problems.iter().map(|it| it.to_string().replace(&prefix, "")).collect()),
    }
}

/// Rules with two sources of NetBox, a generic one, and routes as given.
pub fn world(destinations: &str, routes: &str, script: &str) -> World {
    let config = format!(
        "sources:\n  netbox: {{ adapter: netbox, secrets: [s] }}\n  other: {{ adapter: netbox, secrets: [s] }}\n  \
         lab: {{ adapter: generic, open: true }}\n\
         destinations: {destinations}\nroutes: {routes}\n"
    );
    load(&config, script).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

impl World {
    pub fn take(&self, source: &str, body: &[u8]) -> Crossed {
        let source = &self.rules.sources[source];
        let proof = Proof { scheme: "open".to_owned(), variant: None, secret: None };
        let (id, body) = (ReceiptId::new(now()), Bytes::copy_from_slice(body));
        let incoming = Incoming { id, received_at: now(), request: Request::default(), body, proof };
        let (receipt, document) = receive(source, incoming).unwrap();
        let outcome = process(&self.rules, source, &receipt, document, now());
        Crossed { receipt, outcome }
    }

    pub fn seal(&self, batch: &Batch) -> Sealed {
        seal(&self.rules, batch, now())
    }

    /// The deliveries of a batch of all that waits in these.
    pub fn sent(&self, crossed: &[Crossed]) -> Vec<Delivery> {
        match self.seal(&batch(crossed)) {
            Sealed::Sent(deliveries) => deliveries,
            other => panic!("{other:?}"),
        }
    }
}

/// What waits in these as one batch, in the order in which it came.
pub fn batch(crossed: &[Crossed]) -> Batch {
    let waits: Vec<(&Receipt, &Gathered)> =
        crossed.iter().flat_map(|it| it.outcome.gathered.iter().map(|waits| (&it.receipt, waits))).collect();
    let first = waits[0].1;
    let member = |(receipt, waits): &(&Receipt, &Gathered)| Member {
        receipt: receipt.id,
        event: waits.content.clone(),
        lookups: waits.lookups.clone(),
        lineage: waits.lineage.clone(),
        body: receipt.body.clone(),
    };
    Batch {
        id: BatchId::new(now()),
        route: first.route.clone(),
        by: first.by,
        key: first.key.clone(),
        group: first.group.clone(),
        opened_at: now(),
        members: waits.iter().map(member).collect(),
    }
}

/// The bodies of a captured scenario of NetBox, by the version that sent them.
pub fn captured(scenario: &str, version: &str) -> Vec<Vec<u8>> {
    let file = format!("{}/tests/fixtures/corpus/netbox-{scenario}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(file).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    records
        .filter(|record| record["sender_version"] == version)
        .map(|record| STANDARD.decode(record["body_base64"].as_str().unwrap()).unwrap())
        .collect()
}
