//! A store in a few vectors: slow, and plainly right.

mod batches;
mod check;
mod deferrals;
mod lanes;
mod receipts;

use std::collections::HashMap;
use std::time::Duration;

use crossconnect::model::{BatchId, DeliveryId, DeliveryState, EventId};
use crossconnect::store::{Keep, Leased, LeasedBatch, LeasedReceipt, Ledger, Store};
use fastrand::Rng;

use crate::store_suite::webhook::Webhook;

const DESTINATIONS: [&str; 2] = ["a", "b"];
const LANES: [Option<&str>; 3] = [None, Some("x"), Some("y")];
const GROUPS: [&str; 2] = ["g", "h"];
const KEEP: Keep = Keep { delivered: Duration::from_secs(300), dead: Duration::from_secs(900) };

#[derive(Debug)]
struct Delivery {
    id: DeliveryId,
    event: EventId,
    batch: Option<BatchId>,
    route: String,
    destination: String,
    lane: Option<String>,
    supersede: bool,
    place: u64,
    state: DeliveryState,
    due: i64,
    tries: u32,
    attempts: u32,
    lease: Option<(u64, i64)>,
}

#[derive(Debug)]
struct Event {
    id: EventId,
    receipt: usize,
    /// Within its receipt.
    index: usize,
    failed: bool,
    filtered: bool,
    deferred: bool,
}

#[derive(Debug)]
struct Received {
    webhook: Webhook,
    failed: bool,
    replays: u32,
    /// How often its outcome was replaced.
    turns: u32,
    finished: i64,
    gone: bool,
    deferral: Option<Deferral>,
}

/// When a receipt's lookups are due, and who makes them.
#[derive(Debug)]
struct Deferral {
    due: i64,
    tries: u32,
    lease: Option<(u64, i64)>,
}

#[derive(Debug)]
struct Held {
    place: u64,
    event: EventId,
    destination: String,
    lane: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Open,
    Sent,
    Dropped,
    Failed,
}

/// They stand in the order in which they were opened.
#[derive(Debug)]
struct Batch {
    /// Told by the store when it is complete.
    id: Option<BatchId>,
    group: String,
    fate: Fate,
    opened: i64,
    joined: i64,
    due: i64,
    full: bool,
    members: Vec<EventId>,
    lease: Option<(u64, i64)>,
}

/// What a store should hold. Deliveries stand in the order of acceptance.
#[derive(Debug)]
pub struct Model {
    random: Rng,
    /// As `Backend::SEES_ALL`.
    sees_all: bool,
    now: i64,
    places: u64,
    receipts: Vec<Received>,
    events: Vec<Event>,
    deliveries: Vec<Delivery>,
    held: Vec<Held>,
    batches: Vec<Batch>,
    leases: Vec<Leased>,
    sealing: Vec<LeasedBatch>,
    resolving: Vec<LeasedReceipt>,
    /// The newest event that got through, by destination and lane.
    newest: HashMap<(String, String), (usize, usize)>,
    paused: Vec<String>,
    failing: HashMap<String, i64>,
    /// Of events whose receipts retention took.
    past: Ledger,
}

impl Model {
    pub fn new(seed: u64, sees_all: bool) -> Self {
        Self {
            random: Rng::with_seed(seed),
            sees_all,
            now: 0,
            places: 0,
            receipts: Vec::new(),
            events: Vec::new(),
            deliveries: Vec::new(),
            held: Vec::new(),
            batches: Vec::new(),
            leases: Vec::new(),
            sealing: Vec::new(),
            resolving: Vec::new(),
            newest: HashMap::new(),
            paused: Vec::new(),
            failing: HashMap::new(),
            past: Ledger::default(),
        }
    }

    /// The process ended: its leases with it. Time went on past them, for stores that others share.
    pub fn reopened(&mut self) {
        self.now += 120;
        self.deliveries.iter_mut().for_each(|delivery| delivery.lease = None);
        self.batches.iter_mut().for_each(|batch| batch.lease = None);
        let deferrals = self.receipts.iter_mut().filter_map(|receipt| receipt.deferral.as_mut());
        deferrals.for_each(|deferral| deferral.lease = None);
    }

    /// Does one random thing to both and says what.
    pub async fn step(&mut self, store: &dyn Store) -> &'static str {
        self.now += self.random.i64(0..15);
        match self.random.u8(..100) {
            0..20 => self.accept(store).await,
            20..38 => self.claim(store).await,
            38..56 => self.settle(store).await,
            56..59 => self.release(store).await,
            59..64 => self.retry(store).await,
            64..69 => self.cancel(store).await,
            69..74 => self.replay(store).await,
            74..77 => self.purge(store).await,
            77..83 => self.ripe(store).await,
            83..89 => self.seal(store).await,
            89..93 => self.deferred(store).await,
            93..97 => self.resolve(store).await,
            97 => self.listen_again(store).await,
            _ => self.pause_or_resume(store).await,
        }
    }

    fn place(&mut self) -> u64 {
        self.places += 1;
        self.places
    }

    fn event(&self, id: EventId) -> &Event {
        self.events.iter().find(|event| event.id == id).unwrap()
    }

    /// The batch that an event waits in.
    fn waits_in(&self, event: EventId) -> Option<usize> {
        self.batches.iter().position(|batch| batch.fate == Fate::Open && batch.members.contains(&event))
    }

    /// The deliveries of an event: its own, and those of its batches.
    fn deliveries_of(&self, event: EventId) -> impl Iterator<Item = &Delivery> {
        self.deliveries.iter().filter(move |delivery| match delivery.batch {
            None => delivery.event == event,
            Some(id) => self.batches.iter().any(|b| b.id == Some(id) && b.members.contains(&event)),
        })
    }
}
