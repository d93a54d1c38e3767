//! The durable hand-over, and recognising repetitions.

use std::sync::Arc;

use bytes::Bytes;
use crossconnect::model::{EventId, ReceiptId};
use crossconnect::store::{Accepted, ReceiptStatus, StoreError};

use super::webhook::Webhook;
use super::{Backend, Bench, at};

pub async fn a_receipt_is_read_back_as_it_was_written<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let webhook = Webhook::at(0).key("k", 60).event().to("r", "a", Some("x")).event().filtered("s");
    bench.accept(&webhook).await;
    let stored = bench.store.receipt(webhook.receipt.id).await.unwrap();
    assert_eq!(stored.receipt, webhook.receipt);
    assert_eq!(stored.outcome, webhook.outcome);
    assert_eq!((stored.status, stored.duplicates, stored.replays), (ReceiptStatus::Processed, 0, 0));
}

pub async fn a_delivery_is_read_back_as_it_was_written<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut webhook = Webhook::at(0).event().to("r", "a", Some("x")).to("s", "a", None).to("t", "a", None);
    // Bytes that are no text, the receipt's own bytes, and none at all.
    webhook.outcome.deliveries[0].body = Bytes::from_static(&[0, 255, b'\'']);
    webhook.outcome.deliveries[1].body = webhook.receipt.body.clone();
    webhook.outcome.deliveries[2].body = Bytes::new();
    let sent = bench.accept(&webhook).await;
    let leased = bench.claim("a", 10, 0).await.leased;
    for delivery in sent {
        assert_eq!(bench.store.delivery(delivery.id).await.unwrap().delivery, delivery);
        assert!(leased.iter().any(|leased| leased.delivery == delivery));
    }
}

pub async fn a_repetition_is_told_the_first_receipt_and_writes_nothing<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = Webhook::at(0).key("k", 60).event().to("r", "a", None);
    let second = Webhook::at(10).key("k", 60).event().to("r", "a", None);
    bench.accept(&first).await;
    for _ in 0..2 {
        let answer = bench.store.accept(&second.receipt, &second.outcome).await;
        assert_eq!(answer, Ok(Accepted::Duplicate(first.receipt.id)));
    }
    assert!(matches!(bench.store.receipt(second.receipt.id).await, Err(StoreError::NotFound(_))));
    assert_eq!(bench.store.receipt(first.receipt.id).await.unwrap().duplicates, 2);
    assert_eq!(bench.store.ledger().await.unwrap().accepted, 1);
    assert_eq!(bench.claim_ids("a", 10, 10).await.len(), 1);
}

pub async fn of_a_hundred_concurrent_repetitions_exactly_one_is_new<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let store = Arc::clone(&bench.store);
            tokio::spawn(async move {
                let webhook = Webhook::at(0).key("k", 60).event().to("r", "a", None);
                (webhook.receipt.id, store.accept(&webhook.receipt, &webhook.outcome).await.unwrap())
            })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    let new: Vec<ReceiptId> =
        answers.iter().filter(|(_, answer)| *answer == Accepted::New).map(|(id, _)| *id).collect();
    assert_eq!(new.len(), 1);
    let told = answers.iter().filter(|(_, answer)| *answer == Accepted::Duplicate(new[0])).count();
    assert_eq!(told, 99);
    assert_eq!(bench.store.receipt(new[0]).await.unwrap().duplicates, 99);
}

pub async fn repetitions_in_one_batch_are_recognised<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = Webhook::at(0).key("k", 60).event();
    let second = Webhook::at(0).key("k", 60).event();
    let (one, two) = tokio::join!(
        bench.store.accept(&first.receipt, &first.outcome),
        bench.store.accept(&second.receipt, &second.outcome),
    );
    let new = [one, two].into_iter().filter(|answer| *answer == Ok(Accepted::New)).count();
    assert_eq!(new, 1);
}

pub async fn a_key_belongs_to_its_source<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&Webhook::at(0).key("k", 60).event()).await;
    bench.accept(&Webhook::at(0).of_source("lab").key("k", 60).event()).await;
}

pub async fn a_key_is_forgotten_when_its_window_is_over<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = Webhook::at(0).key("k", 60).event();
    bench.accept(&first).await;
    // A repetition does not lengthen the window.
    let within = Webhook::at(59).key("k", 60).event();
    let answer = bench.store.accept(&within.receipt, &within.outcome).await;
    assert_eq!(answer, Ok(Accepted::Duplicate(first.receipt.id)));
    let after = Webhook::at(60).key("k", 60).event();
    bench.accept(&after).await;
    let late = Webhook::at(70).key("k", 60).event();
    let answer = bench.store.accept(&late.receipt, &late.outcome).await;
    assert_eq!(answer, Ok(Accepted::Duplicate(after.receipt.id)));
}

pub async fn a_receipt_without_a_key_is_never_a_repetition<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for _ in 0..3 {
        bench.accept(&Webhook::at(0).event()).await;
    }
    assert_eq!(bench.store.ledger().await.unwrap().accepted, 3);
}

pub async fn a_receipt_id_that_is_taken_is_refused_and_harms_no_neighbour<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let taken = Webhook::at(0).event().to("r", "a", None);
    bench.accept(&taken).await;
    let others: Vec<_> = (0..20).map(|_| Webhook::at(1).event().to("r", "a", None)).collect();
    let before = others[..10].iter().map(|other| bench.store.accept(&other.receipt, &other.outcome));
    let after = others[10..].iter().map(|other| bench.store.accept(&other.receipt, &other.outcome));
    let calls: Vec<_> =
        before.chain([bench.store.accept(&taken.receipt, &taken.outcome)]).chain(after).collect();
    let mut refused = 0;
    for answer in all(calls).await {
        match answer {
            Ok(Accepted::New) => {}
            Err(StoreError::Conflict(_)) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 1);
    let ledger = bench.store.ledger().await.unwrap();
    assert_eq!((ledger.accepted, ledger.pending), (21, 21));
    assert_eq!(bench.store.pending().await.unwrap(), [("a".to_owned(), 21)]);
}

/// Runs futures at the same time.
async fn all<F: Future>(calls: Vec<F>) -> Vec<F::Output> {
    let mut calls: Vec<_> = calls.into_iter().map(|call| (Box::pin(call), None)).collect();
    std::future::poll_fn(move |context| {
        for (call, answer) in &mut calls {
            if answer.is_none()
                && let std::task::Poll::Ready(ready) = call.as_mut().poll(context)
            {
                *answer = Some(ready);
            }
        }
        if calls.iter().any(|(_, answer)| answer.is_none()) {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(calls.drain(..).filter_map(|(_, answer)| answer).collect())
    })
    .await
}

pub async fn a_delivery_of_no_event_is_refused_whole<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut webhook = Webhook::at(0).key("k", 60).event().to("r", "a", None);
    webhook.outcome.deliveries[0].event = EventId::of(ReceiptId::new(at(1)), 0);
    let answer = bench.store.accept(&webhook.receipt, &webhook.outcome).await;
    assert!(matches!(answer, Err(StoreError::Conflict(_))), "{answer:?}");
    assert!(bench.store.receipt(webhook.receipt.id).await.is_err());
    assert_eq!(bench.store.ledger().await.unwrap().accepted, 0);
}

pub async fn what_was_answered_is_there_after_a_reopening<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let first = Webhook::at(0).key("k", 60).event().to("r", "a", Some("x"));
    bench.accept(&first).await;
    bench = bench.reopen().await;
    assert_eq!(bench.store.receipt(first.receipt.id).await.unwrap().receipt, first.receipt);
    let again = Webhook::at(1).key("k", 60).event();
    let answer = bench.store.accept(&again.receipt, &again.outcome).await;
    assert_eq!(answer, Ok(Accepted::Duplicate(first.receipt.id)));
    assert_eq!(bench.claim_ids("a", 1, 1).await, [first.outcome.deliveries[0].id]);
    assert_eq!(bench.store.ledger().await.unwrap().pending, 1);
}
