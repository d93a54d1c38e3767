//! Fills a state file before its gateway starts, by the library's own pipeline and store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use crossconnect::clock::{Clock, SystemClock};
use crossconnect::model::{Attempt, FailureClass, Proof, ReceiptId, Request};
use crossconnect::pipeline::{self, Incoming};
use crossconnect::rules::Rules;
use crossconnect::store::sqlite::Sqlite;
use crossconnect::store::{Accepted, Claim, Leased, Settlement, Store};
use tokio::task::JoinSet;

use super::rig::event::Signed;
use super::rig::gateway::Setup;

/// How many writes are under way: the store commits them together.
const TOGETHER: usize = 512;
/// Over how long a time the retries are due.
const SPREAD: Duration = Duration::from_secs(600);

/// A gateway's state and rules without the gateway.
struct Filler {
    rules: Rules,
    store: Arc<Sqlite>,
}

/// So many events about sites, each of which waits for a receiver that is away.
pub async fn waiting(setup: &Setup, count: usize) {
    let filler = Filler::open(setup);
    filler.accept((0..count).map(site)).await;
    filler.store.close().await;
}

/// The same, of which each was tried once already.
pub async fn retries(setup: &Setup, count: usize) {
    let filler = Filler::open(setup);
    filler.accept((0..count).map(site)).await;
    let mut failed = 0;
    while failed < count {
        let (now, lease) = (SystemClock.now(), Duration::from_secs(600));
        let claim = Claim { destination: "away".to_owned(), limit: TOGETHER, retries: 0, now, lease };
        let leased = filler.store.claim(claim).await.unwrap().leased;
        assert!(!leased.is_empty(), "only {failed} of {count} deliveries could be claimed");
        failed += filler.fail(leased, failed, count).await;
    }
    filler.store.close().await;
}

/// Webhooks that were accepted while the receiver was away.
pub async fn backlog(setup: &Setup, webhooks: &[Signed]) {
    let filler = Filler::open(setup);
    filler.accept(webhooks.iter().map(|webhook| webhook.body.clone())).await;
    filler.store.close().await;
}

impl Filler {
    fn open(setup: &Setup) -> Self {
        setup.write_scripts();
        let rules = Rules::from_text(setup.config().to_str().unwrap(), &setup.text(1), &|_| None).unwrap();
        let file = setup.folder.path().join(Path::new("state.db"));
        Self { rules, store: Sqlite::open(&file, Arc::new(SystemClock)).unwrap() }
    }

    async fn accept(&self, bodies: impl Iterator<Item = Bytes>) {
        let source = &self.rules.sources["netbox"];
        let mut writes = JoinSet::new();
        for body in bodies {
            let now = SystemClock.now();
            let proof = Proof { scheme: "netbox".to_owned(), variant: None, secret: Some(0) };
            let incoming = Incoming {
                id: ReceiptId::new(now),
                received_at: now,
                request: Request::default(),
                body,
                proof,
            };
            let (receipt, document) = pipeline::receive(source, incoming).unwrap();
            let outcome = pipeline::process(&self.rules, source, &receipt, document, now);
            assert_eq!(outcome.deliveries.len(), 1, "no route took what was to wait");
            if writes.len() >= TOGETHER {
                writes.join_next().await.unwrap().unwrap();
            }
            let store = self.store.clone();
            writes.spawn(async move {
                assert_eq!(store.accept(&receipt, &outcome).await.unwrap(), Accepted::New);
            });
        }
        while let Some(write) = writes.join_next().await {
            write.unwrap();
        }
    }

    /// Notes a failure of each, to be tried again at a time of its own.
    async fn fail(&self, leased: Vec<Leased>, done: usize, of: usize) -> usize {
        let count = leased.len();
        let mut writes = JoinSet::new();
        for (place, leased) in leased.into_iter().enumerate() {
            let (store, now) = (self.store.clone(), SystemClock.now());
            let wait = SPREAD.mul_f64((done + place) as f64 / of as f64);
            let again = Settlement::Again(now.checked_add(wait).unwrap());
            writes.spawn(async move { store.settle(&leased, refused(now), again, now).await.unwrap() });
        }
        while let Some(write) = writes.join_next().await {
            write.unwrap();
        }
        count
    }
}

fn refused(at: crossconnect::model::Timestamp) -> Attempt {
    Attempt {
        number: 1,
        at,
        duration_ms: 1,
        url: "http://127.0.0.1:1/".to_owned(),
        method: "POST".to_owned(),
        request_headers: Vec::new(),
        status: None,
        response_excerpt: None,
        class: Some(FailureClass::Connect),
        error: Some("could not connect: connection refused".to_owned()),
        remedy: None,
    }
}

/// Small, as what counts is how many there are.
fn site(number: usize) -> Bytes {
    let object = number + 1;
    let state = |status: &str| {
        format!(r#"{{"name": "Site {object}", "slug": "site-{object}", "status": "{status}"}}"#)
    };
    Bytes::from(format!(
        r#"{{"event": "updated", "timestamp": "2026-11-22T05:36:09.{:06}+00:00", "object_type": "dcim.site",
        "username": "admin", "request_id": "5177e000-0000-4000-8000-{number:012x}",
        "data": {{"id": {object}, "url": "/api/dcim/sites/{object}/", "name": "Site {object}"}},
        "snapshots": {{"prechange": {}, "postchange": {}}}}}"#,
        number % 1_000_000,
        state("planned"),
        state("active"),
    ))
}
