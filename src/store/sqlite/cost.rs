//! What a webhook costs the writer: how many statements run for it, that none of them is planned twice,
//! and what needs no reading. A number that grows here is a decision, not an accident.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::StatementStatus;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use serde_json::json;
use tempfile::TempDir;

use super::super::draft::{Beside, OutcomeDraft, ReceiptDraft};
use super::accept::accept;
use super::claim::claim;
use super::desk::Desk;
use super::settle::{SettleDraft, settle};
use super::{open, recent};
use crate::model::{
    Actor, Attempt, Dedupe, Delivery, DeliveryId, Event, EventId, FailureClass, Final, Json, Object, Outcome,
    Processed, Proof, Receipt, ReceiptId, Request, Timestamp,
};
use crate::store::{Claim, Leased, Settlement};

/// A statement that was run.
#[derive(Debug)]
struct Run {
    sql: String,
    /// How often it was planned anew so far.
    planned: i32,
    /// How many steps all its runs took together so far.
    steps: i32,
}

/// A writer's desk on a file of its own, and what ran there.
struct Bench {
    desk: Desk,
    runs: Arc<Mutex<Vec<Run>>>,
    seconds: i64,
    _folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opened = open::open(&folder.path().join("state.db"), Duration::from_secs(1), None).unwrap();
        let runs: Arc<Mutex<Vec<Run>>> = Arc::default();
        let mut conn = opened.writer;
        let log = Arc::clone(&runs);
        let note = move |event: TraceEvent<'_>| {
            if let TraceEvent::Profile(statement, _) = event {
                let [planned, steps] = [StatementStatus::RePrepare, StatementStatus::VmStep]
                    .map(|status| statement.get_status(status));
                log.lock().unwrap().push(Run { sql: statement.sql().into_owned(), planned, steps });
            }
        };
        conn.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(note)).unwrap();
        let desk = Desk::new(conn).unwrap();
        Self { desk, runs, seconds: 0, _folder: folder }
    }

    /// The next instant.
    fn now(&mut self) -> Timestamp {
        self.seconds += 1;
        Timestamp::from_second(1_751_300_000 + self.seconds).unwrap()
    }

    /// What ran since the last call.
    fn runs(&self) -> Vec<Run> {
        std::mem::take(&mut self.runs.lock().unwrap())
    }

    /// As the writer does it: a transaction, the totals, the commit.
    fn transact<T>(&mut self, work: impl FnOnce(&mut Desk) -> T) -> T {
        self.desk.execute("BEGIN IMMEDIATE", []).unwrap();
        let done = work(&mut self.desk);
        self.desk.totals.flush(&self.desk.conn).unwrap();
        self.desk.execute("COMMIT", []).unwrap();
        self.desk.keep();
        done
    }

    fn accept(&mut self, lane: Option<&str>, supersede: bool) -> Delivery {
        let (receipt, outcome) = webhook(self.now(), lane, supersede);
        let deliveries = recent::of(&receipt, &outcome).unwrap();
        let drafts = (
            ReceiptDraft::new(&receipt).unwrap(),
            OutcomeDraft::new(&outcome, Beside::Shared(&receipt.body), receipt.received_at).unwrap(),
        );
        self.transact(|desk| accept(desk, &drafts.0, &drafts.1, &deliveries).unwrap());
        outcome.deliveries.into_iter().next().unwrap()
    }

    fn claim(&mut self) -> Leased {
        let lease = Duration::from_secs(60);
        let claimed = Claim { destination: "receiver".into(), limit: 8, retries: 8, now: self.now(), lease };
        let claimed = self.transact(|desk| claim(desk, &claimed.into()).unwrap()).decode().unwrap();
        claimed.leased.into_iter().next().unwrap()
    }

    fn settle(&mut self, leased: &Leased, is_success: bool) {
        let now = self.now();
        let settlement = match is_success {
            true => Settlement::Final(Final::Delivered, None),
            false => Settlement::Again(now),
        };
        let draft = SettleDraft::new(leased, &attempt(leased, now, is_success), settlement, now).unwrap();
        self.transact(|desk| settle(desk, &draft).unwrap());
    }
}

/// One event with one delivery, and a key by which a repetition would be recognised.
fn webhook(now: Timestamp, lane: Option<&str>, supersede: bool) -> (Receipt, Outcome) {
    let receipt = Receipt {
        id: ReceiptId::new(now),
        source: "netbox".into(),
        received_at: now,
        request: Request::default(),
        body: b"{\"n\": 1.10}".as_slice().into(),
        dedupe: Some(Dedupe { key: now.to_string(), window: Duration::from_secs(60) }),
        proof: Proof { scheme: "netbox".into(), variant: None, secret: None },
        notes: Vec::new(),
        masked: Vec::new(),
    };
    let event = event(&receipt);
    let mut outcome = Outcome::new("rev-1");
    outcome.deliveries.push(Delivery {
        id: DeliveryId::new(now),
        receipt: receipt.id,
        event: event.id,
        batch: None,
        route: "route".into(),
        destination: "receiver".into(),
        lane: lane.map(Into::into),
        url: Some("http://127.0.0.1:9/7".into()),
        content_type: "application/json".into(),
        headers: vec![("x-kind".into(), "device".into())],
        body: b"{\"id\": 7}".as_slice().into(),
        supersede,
        created_at: now.checked_add(Duration::from_nanos(1)).unwrap(),
    });
    outcome.events.push(Processed { event, routes: Vec::new(), refused: None, lookups: Vec::new() });
    (receipt, outcome)
}

fn event(receipt: &Receipt) -> Event {
    Event {
        id: EventId::of(receipt.id, 0),
        r#type: "netbox.object.updated".into(),
        action: "updated".into(),
        source: receipt.source.to_string(),
        system: "netbox".into(),
        object: Some(Object { kind: "dcim.device".into(), id: "7".into(), name: None, url: None }),
        branch: None,
        actor: Actor { id: None, name: None },
        occurred_at: None,
        received_at: receipt.received_at,
        correlation_id: Some(receipt.received_at.to_string()),
        changes: Vec::new(),
        before: Json::Null.into(),
        after: json!({"status": "active"}).into(),
        data: json!({"id": 7}).into(),
        native: Arc::default(),
    }
}

fn attempt(leased: &Leased, at: Timestamp, is_success: bool) -> Attempt {
    Attempt {
        number: leased.attempts + 1,
        at,
        duration_ms: 12,
        url: "http://127.0.0.1:9/7".into(),
        method: "POST".into(),
        request_headers: Vec::new(),
        status: Some(if is_success { 200 } else { 503 }),
        response_excerpt: None,
        class: (!is_success).then_some(FailureClass::Http5xx),
        error: None,
        remedy: None,
    }
}

/// How many of the statements are the requests' own, not those that a whole group shares.
fn own(runs: &[Run]) -> usize {
    let shared = ["BEGIN", "COMMIT", "UPDATE ledger", "INSERT INTO backlog"];
    runs.iter().filter(|run| !shared.iter().any(|begin| run.sql.starts_with(begin))).count()
}

#[test]
fn a_webhook_takes_few_statements() {
    let mut bench = Bench::new();
    // The first claim looks up how destinations are.
    bench.accept(Some("dcim.device/7"), false);
    let first = bench.claim();
    bench.settle(&first, true);
    bench.runs();

    bench.accept(Some("dcim.device/7"), false);
    let accepted = bench.runs();
    let leased = bench.claim();
    let claimed = bench.runs();
    bench.settle(&leased, true);
    let settled = bench.runs();
    assert_eq!(own(&accepted), 6, "{accepted:#?}");
    assert_eq!(own(&claimed), 2, "{claimed:#?}");
    assert_eq!(own(&settled), 5, "{settled:#?}");
}

#[test]
fn nothing_is_planned_twice() {
    let mut bench = Bench::new();
    for round in 0..4 {
        let lane = (round > 0).then(|| format!("dcim.device/{round}"));
        bench.accept(lane.as_deref(), round > 1);
        bench.accept(lane.as_deref(), round > 1);
        for is_success in [false, true] {
            let leased = bench.claim();
            bench.settle(&leased, is_success);
        }
    }
    let again: Vec<_> = bench.runs().into_iter().filter(|run| run.planned > 0).collect();
    assert!(again.is_empty(), "{again:#?}");
}

#[test]
fn what_is_due_later_costs_a_claim_nothing() {
    let mut bench = Bench::new();
    bench.accept(None, false);
    let mut later = 1_000_000_000;
    let mut cost = |more: i64| {
        let now = std::mem::replace(&mut bench.seconds, later);
        (0..more).for_each(|_| drop(bench.accept(None, false)));
        later = std::mem::replace(&mut bench.seconds, now);
        // The statements count for ever, so what one claim takes is the difference of two.
        let [before, after] = [(); 2].map(|()| {
            bench.seconds += 3600;
            bench.runs();
            bench.claim();
            bench.runs().iter().map(|run| run.steps).sum::<i32>()
        });
        after - before
    };
    // A look at each of them would be some steps for each.
    let (few, many) = (cost(10), cost(300));
    assert!(many < few + 30, "{few} steps, then {many}");
}

#[test]
fn what_was_just_accepted_is_claimed_as_the_file_would_tell_it() {
    let mut bench = Bench::new();
    for (lane, supersede) in [(Some("a"), true), (None, true), (Some("b"), false)] {
        let accepted = bench.accept(lane, supersede);
        let known = bench.claim();
        assert_eq!(known.delivery.id, accepted.id);
        bench.runs();
        bench.seconds += 3600;
        let read = bench.claim();
        assert_eq!(own(&bench.runs()), 3, "the content is read");
        assert_eq!(known.delivery, read.delivery);
        assert_eq!((read.attempts, read.tries), (0, 0));
        bench.settle(&read, true);
    }
}
