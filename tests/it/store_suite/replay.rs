//! The same receipt under other rules.

use crossconnect::store::{Ledger, ReceiptFilter, ReceiptStatus, StoreError};

use super::webhook::Webhook;
use super::{Backend, Bench, End};

pub async fn a_failed_receipt_gets_its_events_by_a_replay<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let broken = Webhook::at(0).unmappable();
    bench.accept(&broken).await;
    let stored = bench.store.receipt(broken.receipt.id).await.unwrap();
    assert_eq!((stored.status, stored.outcome), (ReceiptStatus::Failed, broken.outcome.clone()));
    assert_eq!(bench.store.ledger().await.unwrap(), Ledger::default());

    let fixed = broken.again().event().to("r", "a", Some("x")).event().filtered("r");
    bench.store.replay(broken.receipt.id, 0, &fixed.outcome).await.unwrap();
    let stored = bench.store.receipt(broken.receipt.id).await.unwrap();
    assert_eq!((stored.status, stored.replays), (ReceiptStatus::Processed, 1));
    assert_eq!(stored.outcome, fixed.outcome);
    assert_eq!(stored.receipt, broken.receipt);
    let expected = Ledger { accepted: 2, pending: 1, filtered: 1, ..Ledger::default() };
    assert_eq!(bench.store.ledger().await.unwrap(), expected);
    bench.finish("a", End::Delivered, 0).await;
    let line =
        bench.store.receipts(ReceiptFilter::default(), Default::default()).await.unwrap().items.remove(0);
    assert_eq!(
        (line.status, line.reason, line.events, line.deliveries),
        (ReceiptStatus::Processed, None, 2, 1)
    );
    assert_eq!(line.name.as_deref(), Some("leaf-0"));
}

pub async fn a_replay_adds_deliveries_and_leaves_the_pending_ones<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let webhook = Webhook::at(0).event().to("r", "a", Some("x"));
    let first = bench.accept(&webhook).await.remove(0);
    let again = webhook.again().event().to("r", "a", Some("x")).to("s", "b", None);
    bench.store.replay(webhook.receipt.id, 0, &again.outcome).await.unwrap();
    let stored = bench.store.receipt(webhook.receipt.id).await.unwrap().outcome;
    let ids: Vec<_> = stored.deliveries.iter().map(|delivery| delivery.id).collect();
    assert_eq!(ids, [first.id, again.outcome.deliveries[0].id, again.outcome.deliveries[1].id]);
    assert_eq!((stored.revision.as_str(), &stored.events), ("rev-2", &again.outcome.events));
    // The lane's order is that of acceptance.
    assert_eq!(bench.finish("a", End::Delivered, 0).await, first.id);
    assert_eq!(bench.finish("a", End::Delivered, 0).await, ids[1]);
    let pending = Ledger { accepted: 1, pending: 1, ..Ledger::default() };
    assert_eq!(bench.store.ledger().await.unwrap(), pending);
}

pub async fn a_replay_moves_a_finished_event_back_to_pending<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let webhook = Webhook::at(0).event().filtered("r");
    bench.accept(&webhook).await;
    let again = webhook.again().event().to("r", "a", None);
    bench.store.replay(webhook.receipt.id, 0, &again.outcome).await.unwrap();
    let pending = Ledger { accepted: 1, pending: 1, ..Ledger::default() };
    assert_eq!(bench.store.ledger().await.unwrap(), pending);
    bench.finish("a", End::Delivered, 0).await;
    let delivered = Ledger { accepted: 1, delivered: 1, ..Ledger::default() };
    assert_eq!(bench.store.ledger().await.unwrap(), delivered);
    // A replay that no route wants takes nothing back.
    bench.store.replay(webhook.receipt.id, 1, &webhook.again().event().outcome).await.unwrap();
    assert_eq!(bench.store.ledger().await.unwrap(), delivered);
}

pub async fn a_replay_that_fails_again_keeps_what_was<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let webhook = Webhook::at(0).event().failed("r").event().filtered("r");
    bench.accept(&webhook).await;
    let before = Ledger { accepted: 2, pending: 1, filtered: 1, ..Ledger::default() };
    assert_eq!(bench.store.ledger().await.unwrap(), before);
    bench.store.replay(webhook.receipt.id, 0, &webhook.again().unmappable().outcome).await.unwrap();
    assert_eq!(bench.store.ledger().await.unwrap(), before);
    let stored = bench.store.receipt(webhook.receipt.id).await.unwrap();
    assert_eq!((stored.status, stored.replays), (ReceiptStatus::Failed, 1));
    // Under new rules the first event is all there is, and it is dropped.
    let fixed = webhook.again().event().filtered("r");
    bench.store.replay(webhook.receipt.id, 1, &fixed.outcome).await.unwrap();
    let after = Ledger { accepted: 2, filtered: 1, unmatched: 1, ..Ledger::default() };
    assert_eq!(bench.store.ledger().await.unwrap(), after);
}

pub async fn a_replay_with_a_known_delivery_is_refused_whole<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let webhook = Webhook::at(0).event().to("r", "a", None);
    bench.accept(&webhook).await;
    let mut again = webhook.again().event().to("s", "b", None).event();
    again.outcome.deliveries.push(webhook.outcome.deliveries[0].clone());
    let answer = bench.store.replay(webhook.receipt.id, 0, &again.outcome).await;
    assert!(matches!(answer, Err(StoreError::Conflict(_))), "{answer:?}");
    assert_eq!(bench.store.receipt(webhook.receipt.id).await.unwrap().outcome, webhook.outcome);
    assert_eq!(bench.store.pending().await.unwrap(), [("a".to_owned(), 1)]);
    assert_eq!(bench.store.ledger().await.unwrap().accepted, 1);
}

pub async fn of_two_replays_of_what_both_saw_one_is_refused<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let webhook = Webhook::at(0).event().failed("r");
    bench.accept(&webhook).await;
    let [first, second] = [(), ()].map(|()| webhook.again().event().to("r", "a", None));
    bench.store.replay(webhook.receipt.id, 0, &first.outcome).await.unwrap();
    let answer = bench.store.replay(webhook.receipt.id, 0, &second.outcome).await;
    assert!(matches!(answer, Err(StoreError::Conflict(_))), "{answer:?}");
    assert_eq!(bench.store.pending().await.unwrap(), [("a".to_owned(), 1)]);
    bench.store.replay(webhook.receipt.id, 1, &second.outcome).await.unwrap();
    assert_eq!(bench.store.pending().await.unwrap(), [("a".to_owned(), 2)]);
}
