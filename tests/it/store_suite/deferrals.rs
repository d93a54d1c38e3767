//! Receipts that wait for lookups, and the places in lanes that they hold meanwhile.

use std::time::Duration;

use crossconnect::model::{DeliveryId, DeliveryState, Held};
use crossconnect::store::{
    Deferred, DeliveryFilter, Due, Errand, Keep, LeasedReceipt, Ledger, PageRequest, ReceiptStatus,
    StoreError, Told, Waiting,
};

use super::webhook::Webhook;
use super::{Backend, Bench, End, LEASE, at};

/// One event whose route `r` waits for a lookup, with a place in lane `x` of `a`.
fn waits(seconds: i64) -> Webhook {
    Webhook::at(seconds).event().deferred("r", &[("a", "x")])
}

async fn deferred<B: Backend>(bench: &Bench<B>, seconds: i64) -> Deferred {
    bench.store.deferred(Due { limit: 10, now: at(seconds), lease: LEASE }).await.unwrap()
}

/// The one receipt whose lookups are due.
async fn due<B: Backend>(bench: &Bench<B>, seconds: i64) -> LeasedReceipt {
    let mut deferred = deferred(bench, seconds).await;
    assert_eq!(deferred.receipts.len(), 1, "{deferred:?}");
    deferred.receipts.remove(0)
}

/// Resolves; what is still deferred is due again after a hundred seconds.
async fn resolve<B: Backend>(
    bench: &Bench<B>,
    leased: &LeasedReceipt,
    webhook: &Webhook,
    seconds: i64,
) -> Result<(), StoreError> {
    bench.store.resolve(leased, &webhook.outcome, at(seconds + 100), at(seconds)).await
}

fn id(webhook: &Webhook) -> DeliveryId {
    webhook.outcome.deliveries[0].id
}

async fn books<B: Backend>(bench: &Bench<B>) -> Ledger {
    bench.store.ledger().await.unwrap()
}

fn lost(webhook: &Webhook) -> Result<(), StoreError> {
    Err(StoreError::LeaseLost(webhook.receipt.id.to_string()))
}

pub async fn a_deferred_receipt_is_read_back_as_it_was_written<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let webhook = waits(5).to("s", "b", None).event().deferred("r", &[("a", "y"), ("b", "z")]);
    bench.accept(&webhook).await;
    let stored = bench.store.receipt(webhook.receipt.id).await.unwrap();
    assert_eq!(stored.outcome, webhook.outcome);
    assert_eq!(bench.store.waiting().await, Ok(Waiting { batches: 0, gathered: 0, deferred: 1 }));
    let early = deferred(&bench, 4).await;
    assert_eq!(early, Deferred { next_due: Some(at(5)), ..Deferred::default() });
    let leased = due(&bench, 5).await;
    assert_eq!((leased.stored, leased.tries), (stored, 0));
    assert_eq!(books(&bench).await, Ledger { accepted: 2, pending: 2, ..Ledger::default() });
}

pub async fn a_deferred_receipt_is_given_to_one_at_a_time<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (second, first) =
        (Webhook::at(1).event().deferred("r", &[]), Webhook::at(0).event().deferred("r", &[]));
    bench.accept(&second).await;
    bench.accept(&first).await;
    let ask = |limit, seconds| {
        let due = Due { limit, now: at(seconds), lease: LEASE };
        let store = bench.store.clone();
        async move { store.deferred(due).await.unwrap() }
    };
    let one = ask(1, 10).await;
    assert_eq!(one.receipts[0].stored.receipt.id, first.receipt.id, "the oldest first");
    assert_eq!(one.next_due, Some(at(1)));
    let other = ask(9, 11).await;
    assert_eq!((other.receipts.len(), other.next_due), (1, Some(at(70))));
    assert_eq!(ask(9, 69).await.receipts, []);
    let again = ask(9, 70).await.receipts.remove(0);
    assert_eq!(again.stored.receipt.id, first.receipt.id);
    let known = first.again().event().filtered("r");
    assert_eq!(resolve(&bench, &one.receipts[0], &known, 70).await, lost(&first));
    resolve(&bench, &again, &known, 70).await.unwrap();
    assert_eq!(resolve(&bench, &again, &known, 70).await, lost(&first), "it is resolved");
}

pub async fn later_changes_wait_behind_a_place_that_is_held<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = bench.deliver(0, "a", Some("x")).await;
    let held = waits(1);
    bench.accept(&held).await;
    let later = bench.deliver(2, "a", Some("x")).await;
    let others = [bench.deliver(2, "a", Some("y")).await, bench.deliver(2, "a", None).await];
    let elsewhere = bench.deliver(2, "b", Some("x")).await;
    assert_eq!(bench.claim_ids("b", 10, 3).await, [elsewhere]);
    let leased = bench.claim("a", 10, 3).await.leased;
    let ids: Vec<_> = leased.iter().map(|leased| leased.delivery.id).collect();
    assert_eq!(ids, [first, others[0], others[1]]);
    for leased in &leased {
        bench.settle(leased, End::Delivered, 3).await.unwrap();
    }
    assert!(bench.claim_ids("a", 10, 500).await.is_empty(), "the next place is held");
    let known = held.again().event().to("r", "a", Some("x"));
    resolve(&bench, &due(&bench, 500).await, &known, 501).await.unwrap();
    for expected in [id(&known), later] {
        assert_eq!(bench.finish("a", End::Delivered, 502).await, expected);
    }
    assert_eq!(bench.store.waiting().await, Ok(Waiting::default()));
    assert_eq!(deferred(&bench, 9999).await, Deferred::default());
    assert_eq!(books(&bench).await.pending, 1, "only the other destination's");
    let stored = bench.store.receipt(held.receipt.id).await.unwrap();
    assert_eq!((stored.outcome, stored.replays), (known.outcome, 0), "it is no replay");
}

pub async fn a_place_that_is_let_go_lets_its_lane_go_on<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let held = waits(0);
    bench.accept(&held).await;
    let later = bench.deliver(1, "a", Some("x")).await;
    let bell = bench.store.bell("a");
    let leased = due(&bench, 2).await;
    let _ = tokio::time::timeout(Duration::from_millis(1), bell.notified()).await;
    resolve(&bench, &leased, &held.again().event().filtered("r"), 3).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), bell.notified()).await.unwrap();
    assert_eq!(bench.claim_ids("a", 10, 3).await, [later]);
    assert_eq!(books(&bench).await, Ledger { accepted: 2, filtered: 1, pending: 1, ..Ledger::default() });
}

pub async fn what_stays_deferred_is_due_again_and_keeps_its_place<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let held = Webhook::at(0).event().deferred("r", &[("a", "x"), ("b", "x")]);
    bench.accept(&held).await;
    let later = bench.deliver(1, "a", Some("x")).await;
    let elsewhere = bench.deliver(1, "b", Some("x")).await;
    // One of the two places is let go.
    resolve(&bench, &due(&bench, 2).await, &held.again().event().deferred("r", &[("a", "x")]), 3)
        .await
        .unwrap();
    assert_eq!(bench.claim_ids("b", 10, 3).await, [elsewhere]);
    assert_eq!(deferred(&bench, 102).await, Deferred { next_due: Some(at(103)), ..Deferred::default() });
    let leased = due(&bench, 103).await;
    assert_eq!(leased.tries, 1);
    let place = Held {
        event: held.outcome.events[0].event.id,
        route: "r".into(),
        destination: "a".into(),
        lane: "x".into(),
    };
    assert_eq!(leased.stored.outcome.held, [place]);
    let known = held.again().event().to("r", "a", Some("x"));
    resolve(&bench, &leased, &known, 104).await.unwrap();
    assert_eq!(bench.finish("a", End::Delivered, 104).await, id(&known));
    assert_eq!(bench.finish("a", End::Delivered, 104).await, later);
}

pub async fn all_messages_of_a_route_take_its_place<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let held = waits(0);
    bench.accept(&held).await;
    let later = bench.deliver(1, "a", Some("x")).await;
    let known = held.again().event().to("r", "a", Some("x")).to("r", "a", Some("x"));
    resolve(&bench, &due(&bench, 2).await, &known, 3).await.unwrap();
    let [first, second] = [0, 1].map(|index| known.outcome.deliveries[index].id);
    for expected in [first, second, later] {
        assert_eq!(bench.finish("a", End::Delivered, 4).await, expected);
    }
}

pub async fn a_place_is_held_in_the_order_of_events<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let webhook = Webhook::at(0).event().to("q", "a", Some("x")).deferred("r", &[("a", "x")]).event().to(
        "q",
        "a",
        Some("x"),
    );
    bench.accept(&webhook).await;
    assert_eq!(bench.finish("a", End::Delivered, 0).await, id(&webhook));
    assert!(bench.claim_ids("a", 10, 0).await.is_empty(), "the second event's waits behind the first's");
    let kept = &webhook.outcome.events;
    let known = webhook.again().event().kept(&kept[0].routes[1]).to("r", "a", Some("x"));
    let known = known.event().kept(&kept[1].routes[1]);
    resolve(&bench, &due(&bench, 1).await, &known, 1).await.unwrap();
    for expected in [id(&known), webhook.outcome.deliveries[1].id] {
        assert_eq!(bench.finish("a", End::Delivered, 2).await, expected);
    }
    assert_eq!(books(&bench).await, Ledger { accepted: 2, delivered: 2, ..Ledger::default() });
}

pub async fn an_earlier_delivery_does_not_wait_for_a_held_place<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = bench.deliver(0, "a", Some("x")).await;
    bench.finish("a", End::Dead, 0).await;
    bench.accept(&waits(1)).await;
    let later = bench.deliver(2, "a", Some("x")).await;
    bench.store.retry(first, at(3)).await.unwrap();
    assert_eq!(bench.finish("a", End::Delivered, 3).await, first);
    // One behind it does, also if it comes back.
    bench.store.cancel(later, at(4)).await.unwrap();
    bench.store.retry(later, at(4)).await.unwrap();
    assert!(bench.claim_ids("a", 10, 5).await.is_empty());
    assert_eq!(bench.store.delivery(later).await.unwrap().summary.due_at, None);
}

pub async fn a_delivery_for_another_lane_goes_to_its_end<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let held = waits(0);
    bench.accept(&held).await;
    let there = bench.deliver(1, "a", Some("y")).await;
    let later = bench.deliver(1, "a", Some("x")).await;
    let known = held.again().event().to("r", "a", Some("y"));
    resolve(&bench, &due(&bench, 2).await, &known, 3).await.unwrap();
    let leased = bench.claim("a", 10, 4).await.leased;
    let ids: Vec<_> = leased.iter().map(|leased| leased.delivery.id).collect();
    assert_eq!(ids, [there, later], "the place is free");
    bench.settle(&leased[0], End::Delivered, 4).await.unwrap();
    assert_eq!(bench.claim_ids("a", 10, 4).await, [id(&known)]);
}

pub async fn a_lost_lease_resolves_nothing<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let held = waits(0);
    bench.accept(&held).await;
    let leased = due(&bench, 0).await;
    bench
        .store
        .replay(held.receipt.id, 0, &held.again().event().deferred("r", &[("a", "x")]).outcome)
        .await
        .unwrap();
    let known = held.again().event().to("r", "a", Some("x"));
    assert_eq!(resolve(&bench, &leased, &known, 1).await, lost(&held), "it was replayed");
    let before = due(&bench, 200).await;
    bench = bench.reopen().await;
    assert_eq!(resolve(&bench, &before, &known, 201).await, lost(&held), "another process has it");
    let after = due(&bench, 300).await;
    assert_eq!(after.stored, before.stored);
    assert_eq!(bench.store.pending().await.unwrap(), []);
    resolve(&bench, &after, &known, 301).await.unwrap();
    assert_eq!(bench.store.pending().await.unwrap(), [("a".to_owned(), 1)]);
}

pub async fn a_replay_takes_the_place_of_a_deferral<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let held = waits(0);
    bench.accept(&held).await;
    let later = bench.deliver(1, "a", Some("x")).await;
    let known = held.again().event().to("r", "a", Some("x"));
    bench.store.replay(held.receipt.id, 0, &known.outcome).await.unwrap();
    assert_eq!(deferred(&bench, 9999).await, Deferred::default());
    for expected in [id(&known), later] {
        assert_eq!(bench.finish("a", End::Delivered, 2).await, expected);
    }
    assert_eq!(books(&bench).await, Ledger { accepted: 2, delivered: 2, ..Ledger::default() });
}

pub async fn a_replay_holds_and_frees_places_too<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let webhook = Webhook::at(0).event().to("r", "a", Some("x"));
    let first = bench.accept(&webhook).await.remove(0).id;
    let later = bench.deliver(1, "a", Some("x")).await;
    bench
        .store
        .replay(webhook.receipt.id, 0, &webhook.again().event().deferred("r", &[("a", "x")]).outcome)
        .await
        .unwrap();
    let last = bench.deliver(2, "a", Some("x")).await;
    for expected in [first, later] {
        assert_eq!(bench.finish("a", End::Delivered, 3).await, expected);
    }
    assert!(bench.claim_ids("a", 10, 3).await.is_empty());
    assert_eq!(due(&bench, 3).await.tries, 0);
    bench.store.replay(webhook.receipt.id, 1, &webhook.again().event().outcome).await.unwrap();
    assert_eq!(bench.finish("a", End::Delivered, 4).await, last);
    assert_eq!(books(&bench).await, Ledger { accepted: 3, delivered: 3, ..Ledger::default() });
}

pub async fn a_receipt_that_cannot_be_resolved_waits_for_a_replay<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let held = waits(0);
    bench.accept(&held).await;
    let later = bench.deliver(1, "a", Some("x")).await;
    resolve(&bench, &due(&bench, 2).await, &held.again().unmappable(), 3).await.unwrap();
    assert_eq!(bench.finish("a", End::Delivered, 4).await, later, "nothing is held any more");
    assert_eq!(bench.store.receipt(held.receipt.id).await.unwrap().status, ReceiptStatus::Failed);
    assert_eq!(books(&bench).await, Ledger { accepted: 2, pending: 1, delivered: 1, ..Ledger::default() });
    bench.store.replay(held.receipt.id, 1, &held.again().event().filtered("r").outcome).await.unwrap();
    assert_eq!(books(&bench).await, Ledger { accepted: 2, filtered: 1, delivered: 1, ..Ledger::default() });
}

pub async fn a_failure_that_was_told_is_not_told_again<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let held = waits(0).failed("f");
    bench.accept(&held).await;
    let still = || held.again().event().deferred("r", &[("a", "x")]).failed("f");
    resolve(&bench, &due(&bench, 0).await, &still(), 0).await.unwrap();
    resolve(&bench, &due(&bench, 100).await, &still(), 100).await.unwrap();
    assert_eq!(bench.store.notices(9).await.unwrap().len(), 1);
    resolve(&bench, &due(&bench, 200).await, &held.again().unmappable(), 200).await.unwrap();
    let told = bench.store.notices(9).await.unwrap().remove(1).told;
    let reason = "object.id is missing ($.data.id)".to_owned();
    assert_eq!(told, Told::ReceiptFailed { receipt: held.receipt.id, reason });
}

pub async fn a_resolved_change_that_is_out_of_date_is_superseded<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let held = waits(0);
    bench.accept(&held).await;
    let newer = Webhook::at(1).event().to("r", "a", Some("x")).supersede();
    bench.accept(&newer).await;
    let known = held.again().event().to("r", "a", Some("x")).supersede();
    resolve(&bench, &due(&bench, 2).await, &known, 3).await.unwrap();
    let summary = bench.store.delivery(id(&known)).await.unwrap().summary;
    assert_eq!((summary.state, summary.superseded_by), (DeliveryState::Superseded, Some(id(&newer))));
    assert_eq!(bench.finish("a", End::Delivered, 3).await, id(&newer));
    assert_eq!(books(&bench).await, Ledger { accepted: 2, superseded: 1, delivered: 1, ..Ledger::default() });
}

pub async fn what_is_resolved_may_be_gathered<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let held = Webhook::at(0).event().deferred("r", &[]);
    bench.accept(&held).await;
    resolve(&bench, &due(&bench, 50).await, &held.again().event().gathered("r", "g"), 51).await.unwrap();
    assert_eq!(bench.store.waiting().await, Ok(Waiting { batches: 1, gathered: 1, deferred: 0 }));
    let ripe = bench.store.ripe(Due { limit: 1, now: at(61), lease: LEASE }).await.unwrap();
    assert_eq!(ripe.batches[0].batch.opened_at, at(51), "the window begins when it is known");
    assert_eq!(books(&bench).await, Ledger { accepted: 1, pending: 1, ..Ledger::default() });
}

pub async fn held_places_are_seen_nowhere<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&waits(0)).await;
    assert_eq!(bench.store.pending().await.unwrap(), []);
    let listed = bench.store.deliveries(DeliveryFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(listed.items, []);
    assert_eq!(bench.claim("a", 10, 10).await, Default::default());
    let line = bench.store.receipts(Default::default(), Default::default()).await.unwrap().items.remove(0);
    assert_eq!((line.deliveries, line.status), (0, ReceiptStatus::Processed));
}

pub async fn held_places_outlive_the_process<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let gone = Webhook::at(0).event().to("q", "b", None).deferred("r", &[("a", "x")]);
    bench.accept(&gone).await;
    // What was there at the time is deleted, and what comes is behind the place all the same.
    bench.finish("b", End::Delivered, 0).await;
    bench = bench.reopen().await;
    let later = bench.deliver(1, "a", Some("x")).await;
    assert!(bench.claim_ids("a", 10, 100).await.is_empty());
    let known = gone.again().event().to("r", "a", Some("x"));
    resolve(&bench, &due(&bench, 101).await, &known, 101).await.unwrap();
    bench = bench.reopen().await;
    for expected in [id(&known), later] {
        assert_eq!(bench.finish("a", End::Delivered, 300).await, expected);
    }
}

pub async fn the_bell_rings_for_what_is_deferred<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let bell = bench.store.errands(Errand::Deferred);
    let rung = async || tokio::time::timeout(Duration::from_secs(10), bell.notified()).await.unwrap();
    let held = waits(0);
    bench.accept(&held).await;
    rung().await;
    resolve(&bench, &due(&bench, 0).await, &held.again().event().deferred("r", &[("a", "x")]), 0)
        .await
        .unwrap();
    rung().await;
    bench.store.replay(held.receipt.id, 1, &held.again().event().deferred("r", &[]).outcome).await.unwrap();
    rung().await;
}

pub async fn retention_keeps_what_is_deferred<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let held = waits(0).failed("f");
    bench.accept(&held).await;
    let keep = Keep { delivered: Duration::ZERO, dead: Duration::ZERO };
    assert_eq!(bench.store.purge(keep, at(9999)).await, Ok(0));
    let known = held.again().event().filtered("r").filtered("f");
    resolve(&bench, &due(&bench, 9999).await, &known, 9999).await.unwrap();
    assert_eq!(bench.store.purge(keep, at(9999)).await, Ok(1));
    assert_eq!(books(&bench).await, Ledger { accepted: 1, filtered: 1, ..Ledger::default() });
}
