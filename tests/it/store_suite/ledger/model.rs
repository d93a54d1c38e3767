//! A store in a few vectors: slow, and plainly right.

use std::collections::BTreeMap;
use std::time::Duration;

use crossconnect::model::{DeliveryId, DeliveryState, EventId};
use crossconnect::store::{Accepted, Claim, Keep, Leased, Ledger, Store, StoreError};
use fastrand::Rng;

use crate::store_suite::webhook::Webhook;
use crate::store_suite::{End, LEASE, at};

const DESTINATIONS: [&str; 2] = ["a", "b"];
const LANES: [Option<&str>; 3] = [None, Some("x"), Some("y")];
const KEEP: Keep = Keep { delivered: Duration::from_secs(300), dead: Duration::from_secs(900) };

#[derive(Debug)]
struct Delivery {
    id: DeliveryId,
    event: EventId,
    receipt: usize,
    destination: String,
    lane: Option<String>,
    state: DeliveryState,
    due: i64,
    tries: u32,
    attempts: u32,
    lease: Option<(u64, i64)>,
    finished: i64,
}

#[derive(Debug)]
struct Event {
    id: EventId,
    receipt: usize,
    failed: bool,
    filtered: bool,
}

#[derive(Debug)]
struct Received {
    webhook: Webhook,
    failed: bool,
    finished: i64,
    gone: bool,
}

/// What a store should hold. Deliveries stand in the order of acceptance.
#[derive(Debug)]
pub struct Model {
    random: Rng,
    now: i64,
    receipts: Vec<Received>,
    events: Vec<Event>,
    deliveries: Vec<Delivery>,
    leases: Vec<Leased>,
    /// Of events whose receipts retention took.
    past: Ledger,
}

impl Model {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Rng::with_seed(seed),
            now: 0,
            receipts: Vec::new(),
            events: Vec::new(),
            deliveries: Vec::new(),
            leases: Vec::new(),
            past: Ledger::default(),
        }
    }

    /// The process ended: its leases with it. Time went on past them, for stores that others share.
    pub fn reopened(&mut self) {
        self.now += 120;
        self.deliveries.iter_mut().for_each(|delivery| delivery.lease = None);
    }

    /// Does one random thing to both and says what.
    pub async fn step(&mut self, store: &dyn Store) -> &'static str {
        self.now += self.random.i64(0..15);
        match self.random.u8(..100) {
            0..25 => self.accept(store).await,
            25..50 => self.claim(store).await,
            50..75 => self.settle(store).await,
            75..79 => self.release(store).await,
            79..85 => self.retry(store).await,
            85..91 => self.cancel(store).await,
            91..97 => self.replay(store).await,
            _ => self.purge(store).await,
        }
    }

    /// An outcome of zero to two events with random verdicts.
    fn outcome(&mut self, mut webhook: Webhook) -> Webhook {
        if self.random.u8(..8) == 0 {
            return webhook.unmappable();
        }
        for _ in 0..self.random.u8(..3) {
            webhook = webhook.event();
            for _ in 0..self.random.u8(..3) {
                webhook = match self.random.u8(..8) {
                    0 => webhook.filtered("f"),
                    1 => webhook.failed("f"),
                    _ => {
                        let lane = LANES[self.random.usize(..3)];
                        webhook.to("r", DESTINATIONS[self.random.usize(..2)], lane)
                    }
                };
            }
        }
        webhook
    }

    async fn accept(&mut self, store: &dyn Store) -> &'static str {
        let now = self.now;
        let webhook = self.outcome(Webhook::at(now));
        assert_eq!(store.accept(&webhook.receipt, &webhook.outcome).await, Ok(Accepted::New));
        self.receipts.push(Received { webhook: webhook.clone(), failed: false, finished: now, gone: false });
        self.take(self.receipts.len() - 1, &webhook);
        "accept"
    }

    /// What accept and replay have in common.
    fn take(&mut self, receipt: usize, webhook: &Webhook) {
        use crossconnect::model::Decision;
        let outcome = &webhook.outcome;
        self.receipts[receipt].failed = outcome.first_failure().is_some();
        if outcome.failure.is_none() {
            for event in self.events.iter_mut().filter(|event| event.receipt == receipt) {
                (event.failed, event.filtered) = (false, false);
            }
        }
        for processed in &outcome.events {
            let id = processed.event.id;
            let has = |wanted: fn(&Decision) -> bool| {
                processed.routes.iter().any(|verdict| wanted(&verdict.decision))
            };
            let failed = has(|decision| matches!(decision, Decision::Failed(_)));
            let filtered = has(|decision| matches!(decision, Decision::Filtered { .. }));
            match self.events.iter_mut().find(|event| event.id == id) {
                Some(event) => (event.failed, event.filtered) = (failed, filtered),
                None => self.events.push(Event { id, receipt, failed, filtered }),
            }
        }
        for delivery in &outcome.deliveries {
            self.deliveries.push(Delivery {
                id: delivery.id,
                event: delivery.event,
                receipt,
                destination: delivery.destination.clone(),
                lane: delivery.lane.clone(),
                state: DeliveryState::Pending,
                due: delivery.created_at.as_second() - at(0).as_second(),
                tries: 0,
                attempts: 0,
                lease: None,
                finished: 0,
            });
        }
    }

    /// Whether it is the first pending one of its lane.
    fn is_head(&self, index: usize) -> bool {
        let wanted = &self.deliveries[index];
        wanted.state == DeliveryState::Pending
            && (wanted.lane.is_none()
                || !self.deliveries[..index]
                    .iter()
                    .any(|other| other.state == DeliveryState::Pending && same_lane(other, wanted)))
    }

    /// Whether an attempt may be under way in its lane.
    fn is_busy(&self, index: usize) -> bool {
        let wanted = &self.deliveries[index];
        self.deliveries.iter().any(|other| {
            (other.id == wanted.id || same_lane(other, wanted))
                && other.lease.is_some_and(|(_, until)| until > self.now)
        })
    }

    async fn claim(&mut self, store: &dyn Store) -> &'static str {
        let destination = DESTINATIONS[self.random.usize(..2)];
        let limit = self.random.usize(..6);
        let of_it = |model: &Self, index: usize| model.deliveries[index].destination == destination;
        let heads: Vec<usize> = (0..self.deliveries.len())
            .filter(|index| of_it(self, *index) && self.is_head(*index) && !self.is_busy(*index))
            .collect();
        let due: Vec<usize> =
            heads.iter().copied().filter(|index| self.deliveries[*index].due <= self.now).collect();
        let running = self.deliveries.iter().filter(|other| other.destination == destination);
        let running: Vec<i64> = running
            .filter_map(|other| other.lease)
            .map(|lease| lease.1)
            .filter(|until| *until > self.now)
            .collect();

        let claim =
            Claim { destination: destination.into(), limit, retries: limit, now: at(self.now), lease: LEASE };
        let claimed = store.claim(claim).await.unwrap();
        let mut taken = Vec::new();
        for leased in &claimed.leased {
            let index = self.find(leased.delivery.id);
            assert!(due.contains(&index), "{leased:?} is no due head of a free lane");
            let delivery = &self.deliveries[index];
            assert_eq!((leased.tries, leased.attempts), (delivery.tries, delivery.attempts));
            taken.push(index);
        }
        assert_eq!(taken.len(), limit.min(due.len()));
        assert!(taken.is_sorted_by_key(|index| (self.deliveries[*index].due, *index)), "oldest due first");
        let fresh = |indices: &[usize]| indices.iter().filter(|i| self.deliveries[**i].tries == 0).count();
        if limit > 1 {
            assert!(fresh(&taken) >= fresh(&due).min(limit.div_ceil(2)), "fresh ones get their share");
        }
        let left =
            heads.iter().filter(|index| !taken.contains(index)).map(|index| self.deliveries[*index].due);
        assert_eq!(claimed.next_due, left.chain(running).min().map(at));

        for index in taken {
            let wanted = &self.deliveries[index];
            let (id, lane) = (wanted.id, wanted.lane.clone());
            for other in &mut self.deliveries {
                let same = other.id == id
                    || (lane.is_some() && other.lane == lane && other.destination == destination);
                if same {
                    other.lease = None;
                }
            }
            let token = claimed.leased.iter().find(|leased| leased.delivery.id == id).unwrap().token;
            self.deliveries[index].lease = Some((token, self.now + LEASE.as_secs() as i64));
        }
        self.leases.extend(claimed.leased);
        "claim"
    }

    fn find(&self, id: DeliveryId) -> usize {
        self.deliveries.iter().position(|delivery| delivery.id == id).unwrap()
    }

    /// One of the leases ever given, and the delivery if it is still in force.
    fn any_lease(&mut self) -> Option<(Leased, Option<usize>)> {
        let place = self.random.choice(0..self.leases.len())?;
        let leased = self.leases.swap_remove(place);
        let index = self.deliveries.iter().position(|delivery| {
            delivery.id == leased.delivery.id && delivery.lease.is_some_and(|lease| lease.0 == leased.token)
        });
        Some((leased, index))
    }

    async fn settle(&mut self, store: &dyn Store) -> &'static str {
        let Some((leased, index)) = self.any_lease() else { return "nothing to settle" };
        let end = match self.random.u8(..4) {
            0 => End::Dead,
            1 => End::Again(self.now + self.random.i64(0..60)),
            _ => End::Delivered,
        };
        let (attempt, settlement) = end.of(&leased, self.now);
        let answer = store.settle(&leased, attempt, settlement, at(self.now)).await;
        let Some(index) = index else {
            assert_eq!(answer, Err(StoreError::LeaseLost(leased.delivery.id.to_string())));
            return "settle with a lost lease";
        };
        assert_eq!(answer, Ok(()));
        let delivery = &mut self.deliveries[index];
        delivery.attempts += 1;
        delivery.tries += 1;
        delivery.lease = None;
        match end {
            End::Again(due) => delivery.due = due,
            End::Delivered => self.end(index, DeliveryState::Delivered),
            End::Dead => self.end(index, DeliveryState::Dead),
        }
        "settle"
    }

    fn end(&mut self, index: usize, state: DeliveryState) {
        let delivery = &mut self.deliveries[index];
        (delivery.state, delivery.finished) = (state, self.now);
        let receipt = &mut self.receipts[delivery.receipt];
        receipt.finished = receipt.finished.max(self.now);
    }

    async fn release(&mut self, store: &dyn Store) -> &'static str {
        let Some((leased, index)) = self.any_lease() else { return "nothing to release" };
        let answer = store.release(&leased).await;
        match index {
            Some(index) => {
                assert_eq!(answer, Ok(()));
                self.deliveries[index].lease = None;
            }
            None => assert_eq!(answer, Err(StoreError::LeaseLost(leased.delivery.id.to_string()))),
        }
        "release"
    }

    async fn retry(&mut self, store: &dyn Store) -> &'static str {
        let Some(index) = self.random.choice(0..self.deliveries.len()) else { return "nothing to retry" };
        let now = self.now;
        let delivery = &mut self.deliveries[index];
        let answer = store.retry(delivery.id, at(now)).await;
        match delivery.state {
            DeliveryState::Delivered | DeliveryState::Superseded => {
                assert!(matches!(answer, Err(StoreError::Conflict(_))), "{answer:?}");
                return "retry refused";
            }
            DeliveryState::Pending => delivery.tries = 0,
            DeliveryState::Dead | DeliveryState::Cancelled => {
                (delivery.state, delivery.tries) = (DeliveryState::Pending, 0);
            }
        }
        assert_eq!(answer, Ok(()));
        delivery.due = now;
        "retry"
    }

    async fn cancel(&mut self, store: &dyn Store) -> &'static str {
        let Some(index) = self.random.choice(0..self.deliveries.len()) else { return "nothing to cancel" };
        let delivery = &mut self.deliveries[index];
        let answer = store.cancel(delivery.id, at(self.now)).await;
        let attempted = delivery.lease.is_some_and(|(_, until)| until > self.now);
        if delivery.state != DeliveryState::Pending || attempted {
            assert!(matches!(answer, Err(StoreError::Conflict(_))), "{answer:?}");
            return "cancel refused";
        }
        assert_eq!(answer, Ok(()));
        delivery.lease = None;
        self.end(index, DeliveryState::Cancelled);
        "cancel"
    }

    async fn replay(&mut self, store: &dyn Store) -> &'static str {
        let Some(index) = self.random.choice(0..self.receipts.len()) else { return "nothing to replay" };
        let received = &self.receipts[index];
        let gone = received.gone;
        let webhook = self.outcome(received.webhook.again());
        let seen = store.receipt(webhook.receipt.id).await.map_or(0, |stored| stored.replays);
        let answer = store.replay(webhook.receipt.id, seen, &webhook.outcome).await;
        if gone {
            assert!(matches!(answer, Err(StoreError::NotFound(_))), "{answer:?}");
            return "replay of what is gone";
        }
        assert_eq!(answer, Ok(()));
        self.take(index, &webhook);
        "replay"
    }

    async fn purge(&mut self, store: &dyn Store) -> &'static str {
        let mut purged = 0;
        for index in 0..self.receipts.len() {
            let own = || self.deliveries.iter().filter(move |delivery| delivery.receipt == index);
            let received = &self.receipts[index];
            let lost = received.failed
                || own().any(|d| matches!(d.state, DeliveryState::Dead | DeliveryState::Cancelled));
            let keep = if lost { KEEP.dead } else { KEEP.delivered };
            let old = received.finished + keep.as_secs() as i64 <= self.now;
            if received.gone || !old || own().any(|delivery| delivery.state == DeliveryState::Pending) {
                continue;
            }
            purged += 1;
            let events: Vec<_> = self.events.iter().filter(|event| event.receipt == index).collect();
            for event in events {
                let line = match self.line(event) {
                    "pending" => "dead",
                    line => line,
                };
                add(&mut self.past, line);
            }
            self.receipts[index].gone = true;
            self.events.retain(|event| event.receipt != index);
            self.deliveries.retain(|delivery| delivery.receipt != index);
        }
        assert_eq!(store.purge(KEEP, at(self.now)).await, Ok(purged));
        "purge"
    }

    fn line(&self, event: &Event) -> &'static str {
        let has = |state| self.deliveries.iter().any(|d| d.event == event.id && d.state == state);
        match () {
            () if event.failed || has(DeliveryState::Pending) => "pending",
            () if has(DeliveryState::Dead) => "dead",
            () if has(DeliveryState::Cancelled) => "cancelled",
            () if has(DeliveryState::Delivered) => "delivered",
            () if event.filtered => "filtered",
            () => "unmatched",
        }
    }

    /// Holds the store's books and deliveries against the model's.
    pub async fn compare(&self, store: &dyn Store, step: &str) {
        let mut expected = self.past;
        self.events.iter().for_each(|event| add(&mut expected, self.line(event)));
        let ledger = store.ledger().await.unwrap();
        assert_eq!(ledger, expected, "{step}");
        let sum = ledger.delivered + ledger.filtered + ledger.unmatched + ledger.coalesced;
        let sum = sum + ledger.superseded + ledger.dead + ledger.cancelled + ledger.pending;
        assert_eq!(ledger.accepted, sum, "{step}");

        let mut pending = BTreeMap::new();
        for delivery in self.deliveries.iter().filter(|d| d.state == DeliveryState::Pending) {
            *pending.entry(delivery.destination.clone()).or_insert(0) += 1;
        }
        assert_eq!(store.pending().await.unwrap(), pending.into_iter().collect::<Vec<_>>(), "{step}");

        for (index, delivery) in
            self.deliveries.iter().enumerate().rev().take(if self.now % 5 == 0 { 40 } else { 2 })
        {
            let summary = store.delivery(delivery.id).await.unwrap().summary;
            assert_eq!((summary.state, summary.attempts), (delivery.state, delivery.attempts), "{step}");
            assert_eq!(summary.due_at, self.is_head(index).then(|| at(delivery.due)), "{step}");
        }
    }
}

fn same_lane(one: &Delivery, other: &Delivery) -> bool {
    one.lane.is_some() && one.lane == other.lane && one.destination == other.destination
}

fn add(ledger: &mut Ledger, line: &str) {
    ledger.accepted += 1;
    *match line {
        "delivered" => &mut ledger.delivered,
        "filtered" => &mut ledger.filtered,
        "unmatched" => &mut ledger.unmatched,
        "dead" => &mut ledger.dead,
        "cancelled" => &mut ledger.cancelled,
        _ => &mut ledger.pending,
    } += 1;
}
