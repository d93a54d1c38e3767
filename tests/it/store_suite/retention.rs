//! What is over and old goes, and nothing else.

use std::time::Duration;

use crossconnect::model::{ReceiptId, Timestamp};
use crossconnect::store::{Accepted, Keep, Ledger, StoreError};

use super::webhook::Webhook;
use super::{Backend, Bench, End, at};

/// A hundred seconds for what went well, a thousand for what did not.
const KEEP: Keep = Keep { delivered: Duration::from_secs(100), dead: Duration::from_secs(1000) };

async fn is_there<B: Backend>(bench: &Bench<B>, receipt: ReceiptId) -> bool {
    match bench.store.receipt(receipt).await {
        Ok(_) => true,
        Err(StoreError::NotFound(_)) => false,
        Err(other) => panic!("{other}"),
    }
}

async fn purge<B: Backend>(bench: &Bench<B>, seconds: i64) -> u64 {
    bench.store.purge(KEEP, at(seconds)).await.unwrap()
}

pub async fn finished_receipts_go_after_their_time<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let delivered = Webhook::at(0).event().to("r", "a", None);
    let id = bench.accept(&delivered).await[0].id;
    let unmatched = Webhook::at(0).event();
    bench.accept(&unmatched).await;
    bench.finish("a", End::Delivered, 50).await;
    assert_eq!(purge(&bench, 99).await, 0);
    assert_eq!(purge(&bench, 100).await, 1, "the one without deliveries counts from its receipt");
    assert!(!is_there(&bench, unmatched.receipt.id).await);
    assert_eq!(purge(&bench, 149).await, 0);
    assert_eq!(purge(&bench, 150).await, 1);
    assert!(!is_there(&bench, delivered.receipt.id).await);
    assert!(matches!(bench.store.delivery(id).await, Err(StoreError::NotFound(_))));
    assert!(matches!(bench.store.retry(id, at(151)).await, Err(StoreError::NotFound(_))));
}

pub async fn refusals_are_told_as_long_as_their_receipt_is_there<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = Webhook::at(0).event().to("r", "a", None).refused(&["x", "y"]);
    let second = Webhook::at(9000).event().refused(&["x", "y"]);
    bench.accept(&first).await;
    bench.accept(&second).await;
    let bench = bench.reopen().await;
    assert_eq!(purge(&bench, 20_000).await, 1, "the second");
    told(&bench, &first).await;
    let again = Webhook { outcome: first.again().event().refused(&["z"]).outcome, ..first.clone() };
    bench.store.replay(first.receipt.id, 0, &again.outcome).await.unwrap();
    assert_eq!(purge(&bench, 20_001).await, 0);
    told(&bench, &again).await;
    bench.finish("a", End::Delivered, 20_002).await;
    let gone = Keep { delivered: Duration::ZERO, ..KEEP };
    assert_eq!(bench.store.purge(gone, Timestamp::MAX).await.unwrap(), 1);
    let third = Webhook::at(30_000).event().refused(&["x", "y"]);
    bench.accept(&third).await;
    told(&bench, &third).await;
}

async fn told<B: Backend>(bench: &Bench<B>, webhook: &Webhook) {
    let stored = bench.store.receipt(webhook.receipt.id).await.unwrap();
    assert_eq!(stored.outcome.events[0].verdicts(), webhook.outcome.events[0].verdicts());
}

pub async fn dead_ones_are_kept_longer<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let dead = Webhook::at(0).event().to("r", "a", None).to("r", "b", None);
    bench.accept(&dead).await;
    bench.finish("a", End::Dead, 1).await;
    bench.finish("b", End::Delivered, 2).await;
    let cancelled = Webhook::at(0).event().to("r", "a", None);
    let id = bench.accept(&cancelled).await[0].id;
    bench.store.cancel(id, at(3)).await.unwrap();
    let failed = Webhook::at(4).unmappable();
    bench.accept(&failed).await;
    assert_eq!(purge(&bench, 999).await, 0);
    assert_eq!(purge(&bench, 1002).await, 1);
    assert!(!is_there(&bench, dead.receipt.id).await);
    assert_eq!(purge(&bench, 1004).await, 2);
}

pub async fn what_is_pending_is_kept<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let webhook = Webhook::at(0).event().to("r", "a", None).to("r", "b", None);
    bench.accept(&webhook).await;
    bench.finish("a", End::Dead, 0).await;
    bench.finish("b", End::Again(9_999_999), 0).await;
    assert_eq!(purge(&bench, 9_999_998).await, 0);
    // A dead one that is retried is pending again.
    let revived = Webhook::at(0).event().to("r", "c", None);
    let id = bench.accept(&revived).await[0].id;
    bench.finish("c", End::Dead, 0).await;
    bench.store.retry(id, at(5)).await.unwrap();
    assert_eq!(purge(&bench, 9_999_998).await, 0);
    bench.finish("c", End::Delivered, 6).await;
    assert_eq!(purge(&bench, 106).await, 1, "nothing of it is dead any more");
}

pub async fn a_dedupe_key_outlives_its_receipt<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = Webhook::at(0).key("k", 500).event();
    bench.accept(&first).await;
    assert_eq!(purge(&bench, 200).await, 1);
    let again = Webhook::at(300).key("k", 500).event();
    let answer = bench.store.accept(&again.receipt, &again.outcome).await;
    assert_eq!(answer, Ok(Accepted::Duplicate(first.receipt.id)));
    purge(&bench, 500).await;
    bench.accept(&Webhook::at(500).key("k", 500).event()).await;
}

pub async fn many_receipts_go_in_one_call<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for number in 0..450 {
        bench.accept(&Webhook::at(0).key(&number.to_string(), 1).event()).await;
    }
    assert_eq!(purge(&bench, 5000).await, 450);
    assert_eq!(purge(&bench, 5000).await, 0);
}

pub async fn the_ledger_keeps_what_retention_took<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&Webhook::at(0).event().to("r", "a", None).event().filtered("r").event()).await;
    bench.finish("a", End::Delivered, 0).await;
    let ledger = bench.store.ledger().await.unwrap();
    assert_eq!(purge(&bench, 5000).await, 1);
    assert_eq!(bench.store.ledger().await.unwrap(), ledger);
    assert_eq!(ledger, Ledger { accepted: 3, delivered: 1, filtered: 1, unmatched: 1, ..Ledger::default() });
}

pub async fn an_event_that_nobody_replayed_ends_as_dead<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&Webhook::at(0).event().failed("r").event()).await;
    assert_eq!(purge(&bench, 999).await, 0);
    assert_eq!(purge(&bench, 1000).await, 1);
    let ledger = Ledger { accepted: 2, dead: 1, unmatched: 1, ..Ledger::default() };
    assert_eq!(bench.store.ledger().await.unwrap(), ledger);
}
