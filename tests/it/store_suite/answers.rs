//! What is written down about attempts, and what a store says about itself.

use crossconnect::model::{DeliveryId, FailureClass, ReceiptId};
use crossconnect::store::StoreError;

use super::webhook::Webhook;
use super::{Backend, Bench, End, at};

pub async fn an_attempt_is_recorded_with_its_settlement<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let id = bench.deliver(0, "a", Some("x")).await;
    let waiting = bench.store.delivery(id).await.unwrap().summary;
    assert_eq!((waiting.due_at, waiting.attempts), (Some(at(0)), 0));
    let first = bench.claim_one("a", 0).await;
    bench.settle(&first, End::Again(100), 1).await.unwrap();
    let again = bench.store.delivery(id).await.unwrap();
    assert_eq!(again.attempts, [End::Again(100).of(&first, 1).0]);
    let summary = again.summary;
    assert_eq!((summary.due_at, summary.attempts, summary.finished_at), (Some(at(100)), 1, None));
    assert_eq!((summary.last_class, summary.last_status), (Some(FailureClass::Http5xx), Some(503)));
    let second = bench.claim_one("a", 100).await;
    assert_eq!((second.attempts, second.tries), (1, 1));
    bench.settle(&second, End::Dead, 101).await.unwrap();
    let dead = bench.store.delivery(id).await.unwrap();
    assert_eq!(dead.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(dead.summary.reason.as_deref(), Some("the schedule is used up"));
    assert_eq!((dead.summary.due_at, dead.summary.finished_at), (None, Some(at(101))));
}

pub async fn only_the_last_fifty_attempts_are_kept<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let id = bench.deliver(0, "a", None).await;
    bench.deliver(1, "b", None).await;
    bench.finish("b", End::Again(1), 1).await;
    for second in 0..53 {
        bench.finish("a", End::Again(second), second).await;
    }
    let stored = bench.store.delivery(id).await.unwrap();
    let numbers: Vec<_> = stored.attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, (4..=53).collect::<Vec<_>>());
    assert_eq!(stored.summary.attempts, 53);
}

pub async fn pending_counts_per_destination<B: Backend>() {
    let bench = Bench::<B>::new().await;
    assert_eq!(bench.store.pending().await.unwrap(), []);
    bench.deliver(0, "a", Some("x")).await;
    bench.deliver(0, "a", Some("x")).await;
    bench.deliver(0, "b", None).await;
    bench.finish("b", End::Delivered, 0).await;
    bench.finish("a", End::Again(5), 0).await;
    assert_eq!(bench.store.pending().await.unwrap(), [("a".to_owned(), 2)]);
}

pub async fn what_is_not_there_is_not_found<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (receipt, delivery) = (ReceiptId::new(at(0)), DeliveryId::new(at(0)));
    let outcome = Webhook::at(0).outcome;
    let missing = |error: StoreError| assert!(matches!(error, StoreError::NotFound(_)), "{error}");
    missing(bench.store.receipt(receipt).await.unwrap_err());
    missing(bench.store.delivery(delivery).await.unwrap_err());
    missing(bench.store.replay(receipt, 0, &outcome).await.unwrap_err());
    missing(bench.store.retry(delivery, at(0)).await.unwrap_err());
    missing(bench.store.cancel(delivery, at(0)).await.unwrap_err());
}

pub async fn a_ping_is_a_write_that_works<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.store.ping().await.unwrap();
    bench.store.ping().await.unwrap();
}

pub async fn a_closed_store_is_unavailable_and_what_it_wrote_is_there<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let webhook = Webhook::at(0).event();
    bench.accept(&webhook).await;
    bench.store.close().await;
    bench.store.close().await;
    let gone = |error: StoreError| assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    gone(bench.store.accept(&webhook.receipt, &webhook.outcome).await.unwrap_err());
    gone(bench.store.ledger().await.unwrap_err());
    gone(bench.store.ping().await.unwrap_err());
    bench = bench.reopen().await;
    assert_eq!(bench.store.ledger().await.unwrap().accepted, 1);
}
