//! A newer change in place of an older one that waits.

use std::collections::HashMap;

use crossconnect::model::{DeliveryId, DeliveryState, Receipt};
use crossconnect::store::{Keep, Leased, Ledger, StoreError};
use fastrand::Rng;

use super::webhook::Webhook;
use super::{Backend, Bench, End, at};

/// One event for lane `x` of destination `a` by route `r`, which newer ones may replace.
fn change(seconds: i64) -> Webhook {
    Webhook::at(seconds).event().to("r", "a", Some("x")).supersede()
}

async fn accept<B: Backend>(bench: &Bench<B>, seconds: i64) -> DeliveryId {
    bench.accept(&change(seconds)).await[0].id
}

fn conflict(answer: Result<(), StoreError>, named: DeliveryId) {
    let Err(StoreError::Conflict(text)) = answer else { panic!("{answer:?}") };
    assert!(text.contains(&named.to_string()), "{text}");
}

pub async fn a_newer_change_ends_those_that_wait<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = accept(&bench, 0).await;
    let second = accept(&bench, 1).await;
    let third = accept(&bench, 2).await;
    for (older, newer) in [(first, second), (second, third)] {
        let summary = bench.store.delivery(older).await.unwrap().summary;
        assert_eq!((summary.state, summary.superseded_by), (DeliveryState::Superseded, Some(newer)));
        assert_eq!(summary.reason, Some(format!("superseded by {newer}")));
        assert_eq!(summary.finished_at, Some(at(if newer == second { 1 } else { 2 })));
    }
    assert_eq!(bench.store.pending().await.unwrap(), [("a".to_owned(), 1)]);
    let leased = bench.claim_one("a", 3).await;
    assert_eq!((leased.delivery.id, leased.delivery.supersede), (third, true));
    bench.settle(&leased, End::Delivered, 3).await.unwrap();
    let expected = Ledger { accepted: 3, superseded: 2, delivered: 1, ..Ledger::default() };
    assert_eq!(bench.store.ledger().await.unwrap(), expected);
}

pub async fn only_what_may_be_superseded_is<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let others = [
        Webhook::at(0).event().to("r", "a", Some("x")),
        Webhook::at(0).event().to("s", "a", Some("x")).supersede(),
        Webhook::at(0).event().to("r", "b", Some("x")).supersede(),
        Webhook::at(0).event().to("r", "a", Some("y")).supersede(),
        Webhook::at(0).event().to("r", "a", None).supersede(),
    ];
    for other in &others {
        bench.accept(other).await;
    }
    accept(&bench, 1).await;
    bench.accept(&Webhook::at(2).event().to("r", "a", Some("x"))).await;
    bench.accept(&Webhook::at(2).event().to("r", "a", None).supersede()).await;
    assert_eq!(bench.store.ledger().await.unwrap().superseded, 0);
}

pub async fn an_event_does_not_supersede_itself<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let twice = change(0).to("r", "a", Some("x")).supersede();
    bench.accept(&twice).await;
    let again = twice.again().event().to("r", "a", Some("x")).supersede();
    bench.store.replay(twice.receipt.id, 0, &again.outcome).await.unwrap();
    assert_eq!(bench.store.pending().await.unwrap(), [("a".to_owned(), 3)]);
    // Events of one receipt follow one another like those of several.
    let two = change(1).event().to("r", "a", Some("x")).supersede();
    let ids = bench.accept(&two).await;
    assert_eq!(bench.store.pending().await.unwrap(), [("a".to_owned(), 1)]);
    assert_eq!(bench.finish("a", End::Delivered, 2).await, ids[1].id);
}

pub async fn what_is_under_way_is_superseded_when_it_fails<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = accept(&bench, 0).await;
    let leased = bench.claim_one("a", 0).await;
    let second = accept(&bench, 1).await;
    assert_eq!(bench.state(first).await, DeliveryState::Pending);
    assert!(bench.claim_ids("a", 10, 1).await.is_empty(), "the newer one waits");
    bench.settle(&leased, End::Again(100), 2).await.unwrap();
    let stored = bench.store.delivery(first).await.unwrap();
    assert_eq!(
        (stored.summary.state, stored.summary.superseded_by),
        (DeliveryState::Superseded, Some(second))
    );
    assert_eq!(stored.attempts.len(), 1);
    assert_eq!(bench.finish("a", End::Delivered, 2).await, second);
}

pub async fn what_is_under_way_and_arrives_counts_as_delivered<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = accept(&bench, 0).await;
    let leased = bench.claim_one("a", 0).await;
    let second = accept(&bench, 1).await;
    bench.settle(&leased, End::Delivered, 2).await.unwrap();
    assert_eq!(bench.state(first).await, DeliveryState::Delivered);
    assert_eq!(bench.finish("a", End::Delivered, 2).await, second);
}

pub async fn a_lease_that_ran_out_protects_nothing<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = accept(&bench, 0).await;
    let leased = bench.claim_one("a", 0).await;
    let second = accept(&bench, 60).await;
    assert_eq!(bench.state(first).await, DeliveryState::Superseded);
    let lost = Err(StoreError::LeaseLost(first.to_string()));
    assert_eq!(bench.settle(&leased, End::Delivered, 61).await, lost);
    assert_eq!(bench.finish("a", End::Delivered, 61).await, second);
}

pub async fn a_replay_of_an_older_change_is_superseded_itself<B: Backend>() {
    for delivered in [false, true] {
        let bench = Bench::<B>::new().await;
        let old = Webhook::at(0).event().failed("r");
        bench.accept(&old).await;
        let newer = accept(&bench, 1).await;
        if delivered {
            bench.finish("a", End::Delivered, 1).await;
        }
        let again = old.again().event().to("r", "a", Some("x")).supersede();
        bench.store.replay(old.receipt.id, 0, &again.outcome).await.unwrap();
        let summary = bench.store.delivery(again.outcome.deliveries[0].id).await.unwrap().summary;
        assert_eq!((summary.state, summary.superseded_by), (DeliveryState::Superseded, Some(newer)));
        assert_eq!(bench.store.ledger().await.unwrap().superseded, 1);
        assert_eq!(bench.claim_ids("a", 10, 100).await.len(), usize::from(!delivered));
    }
}

pub async fn an_older_change_is_not_retried_after_a_newer_one<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = accept(&bench, 0).await;
    bench.finish("a", End::Dead, 0).await;
    let second = accept(&bench, 1).await;
    conflict(bench.store.retry(first, at(2)).await, second);
    bench.store.cancel(second, at(2)).await.unwrap();
    bench.store.retry(first, at(3)).await.unwrap();
    // The newer one comes back, and the older one waits.
    bench.store.retry(second, at(4)).await.unwrap();
    assert_eq!(bench.state(first).await, DeliveryState::Superseded);
    assert_eq!(bench.finish("a", End::Delivered, 5).await, second);
    assert!(matches!(bench.store.retry(first, at(6)).await, Err(StoreError::Conflict(_))));
}

/// The newer change got through while the lease of the older one ran out.
pub async fn nor_is_one_that_was_under_way_for_too_long<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let old = Webhook::at(0).event().failed("r");
    bench.accept(&old).await;
    let newer = accept(&bench, 1).await;
    bench.finish("a", End::Dead, 1).await;
    let again = old.again().event().to("r", "a", Some("x")).supersede();
    bench.store.replay(old.receipt.id, 0, &again.outcome).await.unwrap();
    let older = bench.claim_one("a", 2).await;
    bench.store.retry(newer, at(3)).await.unwrap();
    assert_eq!(bench.state(older.delivery.id).await, DeliveryState::Pending);
    assert_eq!(bench.finish("a", End::Delivered, 62).await, newer);
    let summary = bench.store.delivery(older.delivery.id).await.unwrap().summary;
    assert_eq!((summary.state, summary.superseded_by), (DeliveryState::Superseded, Some(newer)));
    assert!(bench.claim_ids("a", 10, 1000).await.is_empty());
}

pub async fn not_even_when_retention_took_the_newer_one<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let first = accept(&bench, 0).await;
    bench.finish("a", End::Dead, 0).await;
    for _ in 0..5 {
        bench.accept(&Webhook::at(0).event()).await;
    }
    let second = accept(&bench, 1).await;
    bench.finish("a", End::Delivered, 1).await;
    let keep = Keep { delivered: std::time::Duration::ZERO, dead: std::time::Duration::from_secs(9000) };
    assert_eq!(bench.store.purge(keep, at(10)).await, Ok(6));
    bench = bench.reopen().await;
    conflict(bench.store.retry(first, at(200)).await, second);
    // And what comes now is newer than what went.
    let third = accept(&bench, 201).await;
    assert_eq!(bench.finish("a", End::Delivered, 202).await, third);
}

/// Random failures, retries, replays, purges and reopenings: no change is attempted after a newer
/// one of its object arrived.
pub async fn nothing_goes_back_in_time<B: Backend>() {
    for seed in 0..6 {
        let mut bench = Bench::<B>::new().await;
        let mut world = Changes::new(seed);
        for step in 0..250 {
            world.now += world.random.i64(0..20);
            if step % 80 == 79 {
                bench = bench.reopen().await;
                world.now += 120;
            }
            world.step(&bench).await;
        }
        assert!(world.arrived.values().any(|number| *number > 3), "seed {seed} delivered nothing");
    }
}

const LANES: [&str; 2] = ["x", "y"];

struct Changes {
    random: Rng,
    now: i64,
    receipts: Vec<(Receipt, u32, usize)>,
    deliveries: Vec<(DeliveryId, usize, usize)>,
    leases: Vec<Leased>,
    /// The newest receipt that arrived, per lane.
    arrived: HashMap<usize, usize>,
}

impl Changes {
    fn new(seed: u64) -> Self {
        Self {
            random: Rng::with_seed(seed),
            now: 0,
            receipts: Vec::new(),
            deliveries: Vec::new(),
            leases: Vec::new(),
            arrived: HashMap::new(),
        }
    }

    async fn step<B: Backend>(&mut self, bench: &Bench<B>) {
        match self.random.u8(..20) {
            0..5 => self.accept(bench).await,
            5..10 => self.claim(bench).await,
            10..15 => self.settle(bench).await,
            15..17 => {
                if let Some((id, ..)) = self.random.choice(&self.deliveries) {
                    // Refused or not: what follows is what counts.
                    let _ = bench.store.retry(*id, at(self.now)).await;
                }
            }
            17 => {
                if let Some((id, ..)) = self.random.choice(&self.deliveries) {
                    let _ = bench.store.cancel(*id, at(self.now)).await;
                }
            }
            18 => self.replay(bench).await,
            _ => {
                let [delivered, dead] = [100, 500].map(std::time::Duration::from_secs);
                bench.store.purge(Keep { delivered, dead }, at(self.now)).await.unwrap();
            }
        }
    }

    async fn accept<B: Backend>(&mut self, bench: &Bench<B>) {
        let lane = self.random.usize(..2);
        let mut webhook = Webhook::at(self.now).event();
        webhook = match self.random.u8(..4) {
            0 => webhook.failed("r"),
            _ => webhook.to("r", "a", Some(LANES[lane])).supersede(),
        };
        let number = self.receipts.len();
        bench.accept(&webhook).await;
        self.deliveries.extend(webhook.outcome.deliveries.iter().map(|d| (d.id, number, lane)));
        self.receipts.push((webhook.receipt, 0, lane));
    }

    async fn replay<B: Backend>(&mut self, bench: &Bench<B>) {
        let Some(number) = self.random.choice(0..self.receipts.len()) else { return };
        let (receipt, replays, lane) = &mut self.receipts[number];
        let mut webhook = Webhook::at(self.now);
        webhook.receipt = receipt.clone();
        let mut webhook = webhook.event().to("r", "a", Some(LANES[*lane])).supersede();
        webhook.outcome.deliveries[0].created_at = at(self.now);
        if bench.store.replay(receipt.id, *replays, &webhook.outcome).await.is_ok() {
            *replays += 1;
            self.deliveries.push((webhook.outcome.deliveries[0].id, number, *lane));
        }
    }

    async fn claim<B: Backend>(&mut self, bench: &Bench<B>) {
        for leased in bench.claim("a", 2, self.now).await.leased {
            let id = leased.delivery.id;
            let (_, number, lane) = self.deliveries.iter().find(|delivery| delivery.0 == id).unwrap();
            let arrived = self.arrived.get(lane).copied().unwrap_or_default();
            assert!(*number >= arrived, "{id} is attempted though a newer change arrived");
            self.leases.push(leased);
        }
    }

    async fn settle<B: Backend>(&mut self, bench: &Bench<B>) {
        let Some(place) = self.random.choice(0..self.leases.len()) else { return };
        let leased = self.leases.swap_remove(place);
        let end = match self.random.u8(..6) {
            0..2 => End::Delivered,
            2 => End::Dead,
            3..5 => End::Again(self.now + self.random.i64(0..60)),
            // The worker died.
            _ => return,
        };
        if bench.settle(&leased, end, self.now).await.is_ok() && end == End::Delivered {
            let id = leased.delivery.id;
            let (_, number, lane) = self.deliveries.iter().find(|delivery| delivery.0 == id).unwrap();
            let arrived = self.arrived.entry(*lane).or_default();
            *arrived = (*arrived).max(*number);
        }
    }
}
