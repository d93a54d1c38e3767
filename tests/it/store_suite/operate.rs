//! What operators do by hand: retry and cancel.

use crossconnect::model::DeliveryState;
use crossconnect::store::StoreError;

use super::{Backend, Bench, End, at};

fn refused(answer: Result<(), StoreError>) {
    assert!(matches!(answer, Err(StoreError::Conflict(_))), "{answer:?}");
}

pub async fn a_dead_delivery_is_retried_with_a_fresh_schedule<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let id = bench.deliver(0, "a", None).await;
    bench.finish("a", End::Again(1), 0).await;
    bench.finish("a", End::Dead, 1).await;
    assert!(bench.claim_ids("a", 10, 1000).await.is_empty());
    bench.store.retry(id, at(1000)).await.unwrap();
    let summary = bench.store.delivery(id).await.unwrap().summary;
    assert_eq!((summary.state, summary.due_at), (DeliveryState::Pending, Some(at(1000))));
    assert_eq!((summary.reason, summary.finished_at), (None, None));
    let leased = bench.claim_one("a", 1000).await;
    assert_eq!((leased.attempts, leased.tries), (2, 0));
    bench.settle(&leased, End::Delivered, 1000).await.unwrap();
    let ledger = bench.store.ledger().await.unwrap();
    assert_eq!((ledger.accepted, ledger.delivered, ledger.dead), (1, 1, 0));
}

pub async fn a_cancelled_delivery_can_be_retried<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let id = bench.deliver(0, "a", Some("x")).await;
    bench.store.cancel(id, at(1)).await.unwrap();
    bench.store.retry(id, at(2)).await.unwrap();
    assert_eq!(bench.finish("a", End::Delivered, 2).await, id);
}

pub async fn a_pending_delivery_is_due_now_after_a_retry<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let id = bench.deliver(0, "a", Some("x")).await;
    bench.finish("a", End::Again(1000), 0).await;
    bench.store.retry(id, at(5)).await.unwrap();
    let leased = bench.claim_one("a", 5).await;
    assert_eq!((leased.delivery.id, leased.attempts, leased.tries), (id, 1, 0), "its schedule begins anew");
    // While it is attempted, a retry changes nothing about who may attempt it.
    bench.store.retry(id, at(6)).await.unwrap();
    assert!(bench.claim_ids("a", 10, 6).await.is_empty());
    bench.settle(&leased, End::Delivered, 7).await.unwrap();
}

pub async fn a_delivered_one_is_not_retried<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let id = bench.deliver(0, "a", None).await;
    bench.finish("a", End::Delivered, 0).await;
    refused(bench.store.retry(id, at(1)).await);
    assert_eq!(bench.state(id).await, DeliveryState::Delivered);
}

pub async fn a_retried_delivery_goes_before_later_ones_of_its_lane<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = bench.deliver(0, "a", Some("x")).await;
    let second = bench.deliver(0, "a", Some("x")).await;
    let third = bench.deliver(0, "a", Some("x")).await;
    bench.finish("a", End::Dead, 0).await;
    bench.store.retry(first, at(1)).await.unwrap();
    for expected in [first, second, third] {
        assert_eq!(bench.finish("a", End::Delivered, 1).await, expected);
    }
}

pub async fn a_retried_delivery_waits_for_the_attempt_under_way<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = bench.deliver(0, "a", Some("x")).await;
    let second = bench.deliver(0, "a", Some("x")).await;
    bench.finish("a", End::Dead, 0).await;
    let under_way = bench.claim_one("a", 0).await;
    assert_eq!(under_way.delivery.id, second);
    bench.store.retry(first, at(1)).await.unwrap();
    assert!(bench.claim_ids("a", 10, 1).await.is_empty());
    bench.settle(&under_way, End::Again(1), 1).await.unwrap();
    for expected in [first, second] {
        assert_eq!(bench.finish("a", End::Delivered, 2).await, expected);
    }
}

pub async fn a_retried_delivery_waits_for_earlier_ones_of_its_lane<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = bench.deliver(0, "a", Some("x")).await;
    let second = bench.deliver(0, "a", Some("x")).await;
    bench.finish("a", End::Dead, 0).await;
    bench.finish("a", End::Dead, 0).await;
    bench.store.retry(first, at(1)).await.unwrap();
    bench.store.retry(second, at(1)).await.unwrap();
    for expected in [first, second] {
        assert_eq!(bench.finish("a", End::Delivered, 2).await, expected);
    }
}

pub async fn a_pending_delivery_can_be_cancelled_and_its_lane_goes_on<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = bench.deliver(0, "a", Some("x")).await;
    let second = bench.deliver(0, "a", Some("x")).await;
    let third = bench.deliver(0, "a", Some("x")).await;
    bench.store.cancel(second, at(1)).await.unwrap();
    bench.store.cancel(first, at(2)).await.unwrap();
    assert_eq!(bench.claim_ids("a", 10, 2).await, [third]);
    let summary = bench.store.delivery(first).await.unwrap().summary;
    assert_eq!((summary.state, summary.finished_at), (DeliveryState::Cancelled, Some(at(2))));
    assert_eq!(bench.store.ledger().await.unwrap().cancelled, 2);
    assert_eq!(bench.store.pending().await.unwrap(), [("a".to_owned(), 1)]);
}

pub async fn a_delivery_is_not_cancelled_while_it_is_attempted<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let id = bench.deliver(0, "a", Some("x")).await;
    let behind = bench.deliver(0, "a", Some("x")).await;
    let leased = bench.claim_one("a", 0).await;
    refused(bench.store.cancel(id, at(1)).await);
    // The one behind it is not attempted.
    bench.store.cancel(behind, at(1)).await.unwrap();
    bench.settle(&leased, End::Delivered, 2).await.unwrap();
}

pub async fn a_delivery_whose_lease_ran_out_can_be_cancelled<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let id = bench.deliver(0, "a", Some("x")).await;
    let leased = bench.claim_one("a", 0).await;
    bench.store.cancel(id, at(60)).await.unwrap();
    assert_eq!(bench.settle(&leased, End::Delivered, 61).await, Err(StoreError::LeaseLost(id.to_string())));
    assert_eq!(bench.state(id).await, DeliveryState::Cancelled);
}

pub async fn what_ended_is_not_cancelled<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for end in [End::Delivered, End::Dead] {
        let id = bench.deliver(0, "a", None).await;
        bench.finish("a", end, 0).await;
        refused(bench.store.cancel(id, at(1)).await);
    }
}
