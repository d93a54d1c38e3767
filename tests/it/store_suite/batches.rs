//! Events that leave together: gathered, sealed, sent.

use std::time::Duration;

use bytes::Bytes;
use crossconnect::model::{By, Decision, Delivery, DeliveryId, DeliveryState, Failure, Sealed, Stage};
use crossconnect::store::{
    DeliveryFilter, Due, Errand, Keep, LeasedBatch, Ledger, OWN_SOURCE, PageRequest, ReceiptFilter,
    ReceiptStatus, Ripe, StoreError, Told, Waiting,
};

use super::webhook::Webhook;
use super::{Backend, Bench, End, LEASE, at};

const KEEP: Keep = Keep { delivered: Duration::from_secs(100), dead: Duration::from_secs(1000) };

/// One event of one receipt for a group of route `r`.
fn one(seconds: i64, group: &str) -> Webhook {
    Webhook::at(seconds).event().gathered("r", group)
}

async fn ripe<B: Backend>(bench: &Bench<B>, seconds: i64) -> Ripe {
    bench.store.ripe(Due { limit: 10, now: at(seconds), lease: LEASE }).await.unwrap()
}

/// The one batch that is complete.
async fn complete<B: Backend>(bench: &Bench<B>, seconds: i64) -> LeasedBatch {
    let mut ripe = ripe(bench, seconds).await;
    assert_eq!(ripe.batches.len(), 1, "{ripe:?}");
    ripe.batches.remove(0)
}

/// How many events each complete batch has.
async fn sizes<B: Backend>(bench: &Bench<B>, seconds: i64) -> Vec<usize> {
    ripe(bench, seconds).await.batches.iter().map(|leased| leased.batch.members.len()).collect()
}

/// What leaves for a destination.
fn delivery(leased: &LeasedBatch, destination: &str, lane: Option<&str>, seconds: i64) -> Delivery {
    let (batch, first) = (&leased.batch, &leased.batch.members[0]);
    Delivery {
        id: DeliveryId::new(at(seconds)),
        receipt: first.receipt,
        event: first.event.id,
        batch: Some(batch.id),
        route: batch.route.clone(),
        destination: destination.into(),
        lane: lane.map(Into::into),
        url: None,
        content_type: "application/json".into(),
        headers: Vec::new(),
        body: Bytes::from(format!("{{\"events\":{}}}", batch.members.len())),
        supersede: true,
        created_at: at(seconds),
    }
}

async fn seal<B: Backend>(
    bench: &Bench<B>,
    leased: &LeasedBatch,
    sealed: Sealed,
    seconds: i64,
) -> Result<(), StoreError> {
    bench.store.seal(leased, &sealed, at(seconds)).await
}

/// Sends the one complete batch to destination `a`.
async fn send<B: Backend>(bench: &Bench<B>, lane: Option<&str>, seconds: i64) -> Delivery {
    let leased = complete(bench, seconds).await;
    let delivery = delivery(&leased, "a", lane, seconds);
    seal(bench, &leased, Sealed::Sent(vec![delivery.clone()]), seconds).await.unwrap();
    delivery
}

fn broken() -> Sealed {
    let (message, place) = ("no such field".to_owned(), Some("b.rhai:1:2".to_owned()));
    Sealed::Failed(Failure { stage: Stage::Script, message, place })
}

fn lost(leased: &LeasedBatch) -> Result<(), StoreError> {
    Err(StoreError::LeaseLost(leased.batch.id.to_string()))
}

/// What route `r` decided about an event of a receipt.
async fn decision<B: Backend>(bench: &Bench<B>, webhook: &Webhook, event: usize) -> Decision {
    let stored = bench.store.receipt(webhook.receipt.id).await.unwrap();
    let verdicts = &stored.outcome.events[event].routes;
    verdicts.iter().find(|verdict| verdict.route == "r").unwrap().decision.clone()
}

async fn deliveries_of<B: Backend>(bench: &Bench<B>, webhook: &Webhook) -> Vec<DeliveryId> {
    let stored = bench.store.receipt(webhook.receipt.id).await.unwrap();
    let shown: Vec<_> = stored.outcome.deliveries.iter().map(|delivery| delivery.id).collect();
    let filter = DeliveryFilter { receipt: Some(webhook.receipt.id), ..Default::default() };
    let listed = bench.store.deliveries(filter, PageRequest::default()).await.unwrap().items;
    let listed: Vec<_> = listed.iter().rev().map(|line| line.id).collect();
    assert_eq!(shown, listed);
    shown
}

async fn books<B: Backend>(bench: &Bench<B>) -> Ledger {
    bench.store.ledger().await.unwrap()
}

pub async fn events_of_a_group_leave_together<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut first = one(0, "g").event().gathered("r", "g");
    first.receipt.body = Bytes::from_static(b"{\"first\": 1}");
    let second = one(5, "g");
    bench.accept(&first).await;
    bench.accept(&second).await;
    assert_eq!(books(&bench).await, Ledger { accepted: 3, pending: 3, ..Ledger::default() });
    assert_eq!(bench.store.waiting().await, Ok(Waiting { batches: 1, gathered: 3, deferred: 0 }));

    let leased = complete(&bench, 15).await;
    let batch = &leased.batch;
    assert_eq!((batch.route.as_str(), batch.by, batch.key.as_str()), ("r", By::Kind, "key of g"));
    assert_eq!((batch.group.as_str(), batch.opened_at), ("g", at(0)));
    let expected: Vec<_> = [&first, &first, &second].into_iter().map(|webhook| &webhook.receipt).collect();
    let given = first.outcome.gathered.iter().chain(&second.outcome.gathered);
    for ((member, receipt), given) in batch.members.iter().zip(expected).zip(given) {
        assert_eq!((member.receipt, &member.body), (receipt.id, &receipt.body));
        assert_eq!((&member.event, &member.lookups), (&given.content, &given.lookups));
        assert_eq!(member.lineage, given.lineage);
    }

    let sent = delivery(&leased, "a", Some("x"), 16);
    seal(&bench, &leased, Sealed::Sent(vec![sent.clone()]), 16).await.unwrap();
    assert_eq!(bench.store.waiting().await, Ok(Waiting::default()));
    assert_eq!(bench.store.pending().await.unwrap(), [("a".to_owned(), 1)]);
    let routed = Decision::Routed { deliveries: vec![sent.id], script: None, batch: sent.batch };
    for (webhook, event) in [(&first, 0), (&first, 1), (&second, 0)] {
        assert_eq!(decision(&bench, webhook, event).await, routed);
        assert_eq!(deliveries_of(&bench, webhook).await, [sent.id]);
    }
    let stored = bench.store.delivery(sent.id).await.unwrap();
    let sent = Delivery { supersede: false, ..sent };
    assert_eq!((stored.delivery, stored.summary.batch), (sent.clone(), sent.batch));
    assert_eq!(books(&bench).await.pending, 3);
    let leased = bench.claim_one("a", 17).await;
    assert_eq!(leased.delivery, sent);
    bench.settle(&leased, End::Delivered, 17).await.unwrap();
    assert_eq!(books(&bench).await, Ledger { accepted: 3, coalesced: 3, ..Ledger::default() });
}

pub async fn a_batch_is_complete_after_silence_and_at_the_latest_after_its_longest_wait<B: Backend>() {
    // When events come, and when their batch is complete.
    let cases: [(&[i64], i64); 4] = [(&[0], 10), (&[0, 9], 19), (&[0, 8, 16, 24], 30), (&[0, 4, 2], 14)];
    for (seconds, complete) in cases {
        let bench = Bench::<B>::new().await;
        for second in seconds {
            bench.accept(&one(*second, "g").but(|gathered| gathered.window.max_events = 9)).await;
        }
        let early = ripe(&bench, complete - 1).await;
        assert_eq!(early, Ripe { next_due: Some(at(complete)), ..Ripe::default() }, "{seconds:?}");
        let ripe = ripe(&bench, complete).await;
        assert_eq!((ripe.batches.len(), ripe.next_due), (1, None), "{seconds:?}");
        assert_eq!(ripe.batches[0].batch.members.len(), seconds.len());
    }
}

pub async fn the_number_of_events_completes_a_batch<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for second in 0..4 {
        bench.accept(&one(second, "g")).await;
    }
    assert_eq!(sealed(&bench, 3).await, [3]);
    // Who allows fewer joins no batch that has more.
    bench.accept(&one(4, "g")).await;
    bench.accept(&one(4, "g").but(|gathered| gathered.window.max_events = 2)).await;
    assert_eq!(sealed(&bench, 4).await, [2]);
    assert_eq!(sealed(&bench, 14).await, [1]);
}

pub async fn the_size_of_events_completes_a_batch<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let gathered = &one(0, "g").outcome.gathered[0];
    let length = |part: serde_json::Result<Vec<u8>>| part.unwrap().len() as u64;
    let size = length(serde_json::to_vec(&*gathered.content))
        + length(serde_json::to_vec(&gathered.lookups))
        + length(serde_json::to_vec(&gathered.lineage));
    let allow = |bytes| move |gathered: &mut crossconnect::model::Gathered| gathered.window.max_bytes = bytes;
    bench.accept(&one(0, "g").but(allow(2 * size + 5))).await;
    bench.accept(&one(1, "g").but(allow(2 * size + 5))).await;
    assert_eq!(sealed(&bench, 1).await, [0usize; 0]);
    bench.accept(&one(2, "g").but(allow(2 * size + 5))).await;
    assert_eq!(sealed(&bench, 2).await, [2], "the third did not fit");
    assert_eq!(sealed(&bench, 12).await, [1]);
    // Exactly full, and bigger than any batch may be.
    bench.accept(&one(20, "h").but(allow(2 * size))).await;
    bench.accept(&one(21, "h").but(allow(2 * size))).await;
    assert_eq!(sealed(&bench, 21).await, [2]);
    bench.accept(&one(30, "i").but(allow(size * 3))).await;
    bench.accept(&one(31, "i").but(allow(size - 1))).await;
    assert_eq!(sealed(&bench, 31).await, [1]);
    assert_eq!(sealed(&bench, 31).await, [1]);
}

pub async fn who_comes_late_opens_a_new_batch<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&one(0, "g")).await;
    bench.accept(&one(10, "g")).await;
    let leased = complete(&bench, 12).await;
    assert_eq!(leased.batch.opened_at, at(0));
    // A receipt that took its time: its moment lies before the end, but the batch is being sealed.
    bench.accept(&one(9, "g")).await;
    // The second is over too, but batches of one group are sealed in order.
    assert!(sizes(&bench, 22).await.is_empty());
    seal(&bench, &leased, Sealed::Dropped(None), 23).await.unwrap();
    let second = complete(&bench, 24).await.batch;
    assert_eq!((second.opened_at, second.members.len()), (at(10), 2));
    // Not even when the lease ran out.
    bench.accept(&one(19, "g")).await;
    assert!(sizes(&bench, 29).await.is_empty());
}

pub async fn silence_begins_anew_only_for_the_last_batch_of_a_group<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&one(0, "g")).await;
    // The first is over when the second begins, and nobody was there to seal it.
    bench.accept(&one(15, "g")).await;
    let bench = bench.reopen().await;
    assert_eq!(bench.store.listen_again(at(20)).await, Ok(1));
    let first = complete(&bench, 20).await;
    assert_eq!(first.batch.opened_at, at(0));
    seal(&bench, &first, Sealed::Dropped(None), 20).await.unwrap();
    assert!(sizes(&bench, 29).await.is_empty());
    assert_eq!(sizes(&bench, 30).await, [1]);
}

pub async fn groups_do_not_mix<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&one(0, "g")).await;
    bench.accept(&one(0, "h")).await;
    bench.accept(&Webhook::at(0).event().gathered("s", "g")).await;
    bench.accept(&one(0, "g").but(|gathered| gathered.by = By::Branch)).await;
    bench.accept(&Webhook::at(0).event().gathered("r", "g").gathered("s", "g")).await;
    let mut found: Vec<_> = ripe(&bench, 10).await.batches.into_iter().map(|leased| leased.batch).collect();
    found.sort_by_key(|batch| (batch.route.clone(), batch.group.clone(), batch.by.name()));
    let found: Vec<_> = found
        .iter()
        .map(|batch| (batch.route.as_str(), batch.group.as_str(), batch.by, batch.members.len()))
        .collect();
    let groups = [
        ("r", "g", By::Branch, 1),
        ("r", "g", By::Kind, 2),
        ("r", "h", By::Kind, 1),
        ("s", "g", By::Kind, 2),
    ];
    assert_eq!(found, groups);
}

pub async fn an_event_alone_waits_for_nobody<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&one(0, "a").but(|gathered| gathered.alone = true)).await;
    bench.accept(&one(0, "b").but(|gathered| gathered.alone = true)).await;
    bench.accept(&one(0, "b")).await;
    assert_eq!(sealed(&bench, 0).await, [1, 1]);
    assert_eq!(sealed(&bench, 10).await, [1]);
}

/// The sizes of those that are complete, which are sealed at once.
async fn sealed<B: Backend>(bench: &Bench<B>, seconds: i64) -> Vec<usize> {
    let leased = ripe(bench, seconds).await.batches;
    for one in &leased {
        seal(bench, one, Sealed::Dropped(None), seconds).await.unwrap();
    }
    leased.iter().map(|leased| leased.batch.members.len()).collect()
}

pub async fn a_batch_is_given_to_one_at_a_time<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for group in ["g", "h", "i"] {
        bench.accept(&one(if group == "h" { 0 } else { 1 }, group)).await;
    }
    let ask = |limit, seconds| {
        let due = Due { limit, now: at(seconds), lease: LEASE };
        let store = bench.store.clone();
        async move { store.ripe(due).await.unwrap() }
    };
    let first = ask(2, 20).await;
    let groups: Vec<_> = first.batches.iter().map(|leased| leased.batch.group.as_str()).collect();
    assert_eq!((groups, first.next_due), (vec!["h", "g"], Some(at(11))), "the oldest due first");
    let second = ask(2, 21).await;
    assert_eq!((second.batches.len(), second.next_due), (1, Some(at(80))), "the first leases run out");
    assert_eq!(ask(2, 79).await.batches, []);
    // From then on it is somebody else's, and the one who had it has lost it.
    let again = ask(1, 80).await.batches.remove(0);
    assert_eq!(again.batch, first.batches[0].batch);
    assert_ne!(again.token, first.batches[0].token);
    assert_eq!(seal(&bench, &first.batches[0], Sealed::Dropped(None), 80).await, lost(&again));
    // Late is not too late as long as nobody else has it.
    seal(&bench, &first.batches[1], Sealed::Dropped(None), 85).await.unwrap();
    seal(&bench, &again, Sealed::Dropped(None), 85).await.unwrap();
    let bench = bench.reopen().await;
    assert_eq!(seal(&bench, &second.batches[0], Sealed::Dropped(None), 86).await, lost(&second.batches[0]));
    assert_eq!(sizes(&bench, 150).await, [1]);
}

pub async fn a_sealed_batch_is_sealed_once<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&one(0, "g")).await;
    let leased = complete(&bench, 10).await;
    let sent = delivery(&leased, "a", None, 10);
    seal(&bench, &leased, Sealed::Sent(vec![sent]), 10).await.unwrap();
    for sealed in [Sealed::Sent(vec![delivery(&leased, "a", None, 11)]), Sealed::Dropped(None), broken()] {
        assert_eq!(seal(&bench, &leased, sealed, 11).await, lost(&leased));
    }
    assert_eq!(bench.store.pending().await.unwrap(), [("a".to_owned(), 1)]);
    assert_eq!(ripe(&bench, 500).await, Ripe::default());
}

pub async fn a_batch_that_was_dropped_is_filtered<B: Backend>() {
    let reason = Some("all of it noise".to_owned());
    for (sealed, reason) in [(Sealed::Dropped(reason.clone()), reason), (Sealed::Sent(Vec::new()), None)] {
        let bench = Bench::<B>::new().await;
        let webhook = one(0, "g").event().gathered("r", "g");
        bench.accept(&webhook).await;
        let leased = complete(&bench, 10).await;
        seal(&bench, &leased, sealed, 10).await.unwrap();
        assert_eq!(decision(&bench, &webhook, 1).await, Decision::Filtered { reason });
        assert_eq!(books(&bench).await, Ledger { accepted: 2, filtered: 2, ..Ledger::default() });
        assert_eq!(bench.store.receipt(webhook.receipt.id).await.unwrap().status, ReceiptStatus::Processed);
    }
}

pub async fn a_batch_that_failed_is_gathered_again_by_a_replay<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (first, second) = (one(0, "g"), one(1, "g"));
    bench.accept(&first).await;
    bench.accept(&second).await;
    let leased = complete(&bench, 11).await;
    seal(&bench, &leased, broken(), 12).await.unwrap();
    let stored = bench.store.receipt(second.receipt.id).await.unwrap();
    assert_eq!(stored.status, ReceiptStatus::Failed);
    let Sealed::Failed(failure) = broken() else { panic!() };
    assert_eq!(stored.outcome.first_failure(), Some(&failure));
    assert_eq!(books(&bench).await, Ledger { accepted: 2, pending: 2, ..Ledger::default() });
    let failed = ReceiptFilter { status: Some(ReceiptStatus::Failed), ..Default::default() };
    let lines = bench.store.receipts(failed, PageRequest::default()).await.unwrap().items;
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].reason.as_deref(), Some("no such field (b.rhai:1:2)"));

    bench.store.replay(first.receipt.id, 0, &first.again().event().gathered("r", "g").outcome).await.unwrap();
    assert_eq!(bench.store.receipt(first.receipt.id).await.unwrap().status, ReceiptStatus::Processed);
    assert!(matches!(decision(&bench, &first, 0).await, Decision::Gathered { batch: Some(_), .. }));
    send(&bench, None, 200).await;
    bench.finish("a", End::Delivered, 200).await;
    assert_eq!(books(&bench).await, Ledger { accepted: 2, pending: 1, coalesced: 1, ..Ledger::default() });
    // Nobody replays the other one.
    assert_eq!(bench.store.purge(KEEP, at(5000)).await, Ok(2));
    assert_eq!(books(&bench).await, Ledger { accepted: 2, dead: 1, coalesced: 1, ..Ledger::default() });
}

pub async fn a_failed_batch_tells_each_receipt_once<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let webhook = one(0, "g").event().gathered("r", "g");
    bench.accept(&webhook).await;
    bench.accept(&one(1, "g").of_source(OWN_SOURCE)).await;
    let leased = complete(&bench, 11).await;
    seal(&bench, &leased, broken(), 12).await.unwrap();
    let told: Vec<_> = bench.store.notices(9).await.unwrap().into_iter().map(|notice| notice.told).collect();
    let reason = "no such field (b.rhai:1:2)".to_owned();
    assert_eq!(told, [Told::ReceiptFailed { receipt: webhook.receipt.id, reason }]);
}

pub async fn an_event_that_waits_is_not_gathered_twice<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let webhook = one(0, "g");
    bench.accept(&webhook).await;
    let mut again = webhook.again().event().gathered("r", "g").but(|gathered| {
        std::sync::Arc::make_mut(&mut gathered.content).action = "renamed".into();
    });
    bench.store.replay(webhook.receipt.id, 0, &again.outcome).await.unwrap();
    assert_eq!(bench.store.waiting().await.unwrap().gathered, 1);
    let leased = complete(&bench, 10).await;
    assert_eq!(leased.batch.members[0].event.action, "renamed");
    // Also while somebody seals it: who does has an old text.
    again.outcome.gathered[0].lookups = serde_json::json!({ "rack": 2 }).into();
    bench.store.replay(webhook.receipt.id, 1, &again.outcome).await.unwrap();
    assert_eq!(seal(&bench, &leased, Sealed::Dropped(None), 11).await, lost(&leased));
    let newer = complete(&bench, 12).await;
    assert_eq!(newer.batch.members[0].lookups, serde_json::json!({ "rack": 2 }));
    assert_eq!((newer.batch.members.len(), newer.batch.id), (1, leased.batch.id));
    seal(&bench, &newer, Sealed::Dropped(None), 13).await.unwrap();
    assert_eq!(books(&bench).await, Ledger { accepted: 1, filtered: 1, ..Ledger::default() });
}

pub async fn an_event_moves_with_its_group<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (moved, stays) = (one(0, "g"), one(1, "g"));
    bench.accept(&moved).await;
    bench.accept(&stays).await;
    bench.store.replay(moved.receipt.id, 0, &moved.again().event().gathered("r", "h").outcome).await.unwrap();
    assert_eq!(bench.store.waiting().await, Ok(Waiting { batches: 2, gathered: 2, deferred: 0 }));
    bench.store.replay(stays.receipt.id, 0, &stays.again().event().gathered("r", "h").outcome).await.unwrap();
    let waiting = bench.store.waiting().await.unwrap();
    assert_eq!((waiting.batches, waiting.gathered), (1, 2), "nothing is left of a batch without events");
    let leased = complete(&bench, 1000).await;
    assert_eq!(leased.batch.group, "h");
    seal(&bench, &leased, Sealed::Dropped(None), 1000).await.unwrap();
    assert_eq!(books(&bench).await.filtered, 2);
}

pub async fn what_an_earlier_outcome_gathered_stands<B: Backend>() {
    for sealed in [Sealed::Dropped(None), broken(), Sealed::Sent(Vec::new())] {
        let bench = Bench::<B>::new().await;
        let webhook = one(0, "g").failed("f");
        bench.accept(&webhook).await;
        let waits =
            bench.store.receipt(webhook.receipt.id).await.unwrap().outcome.events[0].routes[1].clone();
        assert!(
            matches!(waits.decision, Decision::Gathered { batch: Some(_), until: Some(_), .. }),
            "{waits:?}"
        );
        let leased = complete(&bench, 10).await;
        seal(&bench, &leased, sealed.clone(), 10).await.unwrap();
        // The replay saw it waiting.
        let again = webhook.again().event().kept(&waits).filtered("f");
        bench.store.replay(webhook.receipt.id, 0, &again.outcome).await.unwrap();
        let stored = bench.store.receipt(webhook.receipt.id).await.unwrap();
        let is_broken = matches!(sealed, Sealed::Failed(_));
        assert_eq!(stored.status == ReceiptStatus::Failed, is_broken);
        let one = Ledger { accepted: 1, ..Ledger::default() };
        let expected = if is_broken { Ledger { pending: 1, ..one } } else { Ledger { filtered: 1, ..one } };
        assert_eq!(books(&bench).await, expected);
    }
    let bench = Bench::<B>::new().await;
    let webhook = one(0, "g").failed("f");
    bench.accept(&webhook).await;
    let again = webhook.again().event().kept(&webhook.outcome.events[0].routes[1]).filtered("f");
    bench.store.replay(webhook.receipt.id, 0, &again.outcome).await.unwrap();
    assert_eq!(books(&bench).await.pending, 1, "it waits as before");
    send(&bench, None, 10).await;
    bench.finish("a", End::Delivered, 10).await;
    assert_eq!(books(&bench).await.coalesced, 1);
}

pub async fn the_deliveries_of_a_batch_are_those_of_each_event<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (first, second) = (one(0, "g").event().gathered("r", "g"), one(1, "g").to("s", "b", None));
    bench.accept(&first).await;
    bench.accept(&second).await;
    let leased = complete(&bench, 11).await;
    let both = ["a", "c"].map(|destination| delivery(&leased, destination, None, 11));
    seal(&bench, &leased, Sealed::Sent(both.to_vec()), 11).await.unwrap();
    let lines = bench.store.receipts(ReceiptFilter::default(), PageRequest::default()).await.unwrap().items;
    assert_eq!(lines.iter().map(|line| line.deliveries).collect::<Vec<_>>(), [3, 2]);
    bench.finish("b", End::Delivered, 12).await;
    bench.finish("a", End::Delivered, 12).await;
    assert_eq!(books(&bench).await, Ledger { accepted: 3, pending: 3, ..Ledger::default() });
    bench.store.cancel(both[1].id, at(13)).await.unwrap();
    assert_eq!(books(&bench).await, Ledger { accepted: 3, cancelled: 3, ..Ledger::default() });
    bench.store.retry(both[1].id, at(14)).await.unwrap();
    assert_eq!(books(&bench).await, Ledger { accepted: 3, pending: 3, ..Ledger::default() });
    bench.finish("c", End::Delivered, 14).await;
    let expected = Ledger { accepted: 3, coalesced: 2, delivered: 1, ..Ledger::default() };
    assert_eq!(books(&bench).await, expected, "what also went out by itself counts as that");
}

pub async fn a_batch_that_died_is_told_and_retried<B: Backend>() {
    for (source, told) in [("netbox", 1), (OWN_SOURCE, 0)] {
        let bench = Bench::<B>::new().await;
        bench.accept(&one(0, "g")).await;
        bench.accept(&one(0, "g").of_source(source)).await;
        let sent = send(&bench, Some("x"), 10).await;
        bench.finish("a", End::Dead, 11).await;
        assert_eq!(books(&bench).await, Ledger { accepted: 2, dead: 2, ..Ledger::default() });
        assert_eq!(bench.store.notices(9).await.unwrap().len(), told);
        bench.store.retry(sent.id, at(12)).await.unwrap();
        assert_eq!(books(&bench).await, Ledger { accepted: 2, pending: 2, ..Ledger::default() });
        assert_eq!(bench.finish("a", End::Delivered, 12).await, sent.id);
        assert_eq!(books(&bench).await, Ledger { accepted: 2, coalesced: 2, ..Ledger::default() });
        assert_eq!(bench.store.purge(KEEP, at(112)).await, Ok(2), "nothing of it is dead any more");
    }
}

pub async fn a_batch_keeps_to_its_lane_and_is_never_superseded<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let before = Webhook::at(0).event().to("r", "a", Some("x")).supersede();
    bench.accept(&before).await;
    bench.accept(&one(0, "g")).await;
    let batch = send(&bench, Some("x"), 10).await;
    assert_eq!(bench.state(before.outcome.deliveries[0].id).await, DeliveryState::Pending);
    let after = Webhook::at(11).event().to("r", "a", Some("x")).supersede();
    bench.accept(&after).await;
    let expected = [batch.id, after.outcome.deliveries[0].id];
    assert_eq!(bench.state(before.outcome.deliveries[0].id).await, DeliveryState::Superseded);
    for id in expected {
        assert_eq!(bench.finish("a", End::Delivered, 12).await, id);
    }
}

pub async fn an_open_batch_outlives_the_process<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let webhook = one(0, "g");
    bench.accept(&webhook).await;
    bench = bench.reopen().await;
    bench.accept(&one(5, "g")).await;
    let leased = complete(&bench, 15).await;
    assert_eq!(leased.batch.members.len(), 2);
    bench = bench.reopen().await;
    assert_eq!(seal(&bench, &leased, Sealed::Dropped(None), 80).await, lost(&leased));
    let again = complete(&bench, 81).await;
    assert_eq!(again.batch, leased.batch);
    assert_eq!(books(&bench).await, Ledger { accepted: 2, pending: 2, ..Ledger::default() });
}

pub async fn silence_begins_anew_when_somebody_listens_again<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&one(0, "g")).await;
    bench.accept(&one(8, "h")).await;
    bench.accept(&one(8, "full").but(|gathered| gathered.window.max_events = 1)).await;
    assert_eq!(bench.store.listen_again(at(25)).await, Ok(2));
    assert_eq!(sizes(&bench, 29).await, [1], "what is full is due as before");
    assert_eq!(sizes(&bench, 30).await, [1], "the longest wait is not lengthened");
    bench.accept(&one(34, "h")).await;
    assert_eq!(sizes(&bench, 37).await, [0usize; 0]);
    assert_eq!(sizes(&bench, 38).await, [2]);
    assert_eq!(Bench::<B>::new().await.store.listen_again(at(0)).await, Ok(0));
}

pub async fn the_bell_rings_for_batches<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let bell = bench.store.errands(Errand::Batches);
    let rung = async || tokio::time::timeout(Duration::from_secs(10), bell.notified()).await.unwrap();
    bench.accept(&one(0, "g")).await;
    rung().await;
    bench.accept(&one(1, "g")).await;
    bench.accept(&one(1, "g")).await;
    rung().await;
    bench.store.listen_again(at(2)).await.unwrap();
    rung().await;
    let other = bench.store.errands(Errand::Deferred);
    let silent = tokio::time::timeout(Duration::from_millis(1), other.notified()).await;
    assert!(silent.is_err(), "nothing is deferred");
}

pub async fn a_refused_seal_leaves_the_batch_as_it_was<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let taken = bench.deliver(0, "a", None).await;
    bench.accept(&one(0, "g")).await;
    bench.accept(&one(0, "h")).await;
    let mut leased = ripe(&bench, 10).await.batches;
    let (other, leased) = (leased.remove(1), leased.remove(0));
    let foreign = delivery(&other, "a", None, 10);
    let doubled = Delivery { id: taken, ..delivery(&leased, "b", None, 10) };
    for wrong in [foreign, doubled] {
        let answer =
            seal(&bench, &leased, Sealed::Sent(vec![delivery(&leased, "b", None, 10), wrong]), 11).await;
        assert!(matches!(answer, Err(StoreError::Conflict(_))), "{answer:?}");
    }
    assert_eq!(bench.store.pending().await.unwrap(), [("a".to_owned(), 1)]);
    assert_eq!(bench.store.waiting().await.unwrap().gathered, 2);
    seal(&bench, &leased, Sealed::Sent(vec![delivery(&leased, "b", None, 10)]), 12).await.unwrap();
    assert_eq!(bench.finish("b", End::Delivered, 12).await, deliveries_of_batch(&bench, &leased).await);
}

async fn deliveries_of_batch<B: Backend>(bench: &Bench<B>, leased: &LeasedBatch) -> DeliveryId {
    let all = bench.store.deliveries(DeliveryFilter::default(), PageRequest::default()).await.unwrap().items;
    all.iter().find(|line| line.batch == Some(leased.batch.id)).unwrap().id
}

pub async fn what_is_gathered_without_a_verdict_is_refused<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut silent = one(0, "g");
    silent.outcome.events[0].routes.pop();
    let mut twice = one(0, "g");
    twice.outcome.gathered.push(twice.outcome.gathered[0].clone());
    let mut stranger = one(0, "g");
    stranger.outcome.gathered[0].event = Webhook::at(0).event().outcome.events[0].event.id;
    for webhook in [silent, twice, stranger] {
        let answer = bench.store.accept(&webhook.receipt, &webhook.outcome).await;
        assert!(matches!(answer, Err(StoreError::Conflict(_))), "{answer:?}");
    }
    assert_eq!(
        (books(&bench).await, bench.store.waiting().await),
        (Ledger::default(), Ok(Waiting::default()))
    );
}

pub async fn receipts_are_found_by_the_route_of_their_batch<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (first, second, dropped) = (one(0, "g"), one(1, "g"), one(50, "g"));
    bench.accept(&first).await;
    bench.accept(&second).await;
    let by_route = async || {
        let filter = ReceiptFilter { route: Some("r".into()), ..Default::default() };
        let lines = bench.store.receipts(filter, PageRequest::default()).await.unwrap().items;
        lines.into_iter().map(|line| line.id).collect::<Vec<_>>()
    };
    assert_eq!(by_route().await, []);
    send(&bench, None, 11).await;
    bench.accept(&dropped).await;
    let leased = complete(&bench, 60).await;
    seal(&bench, &leased, Sealed::Dropped(None), 60).await.unwrap();
    assert_eq!(by_route().await, [second.receipt.id, first.receipt.id]);
}

pub async fn retention_keeps_what_waits<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&one(0, "g").event().gathered("r", "g")).await;
    bench.accept(&one(0, "g")).await;
    assert_eq!(bench.store.purge(KEEP, at(9000)).await, Ok(0), "it waits in a batch");
    send(&bench, None, 9000).await;
    assert_eq!(bench.store.purge(KEEP, at(20_000)).await, Ok(0), "its batch is to be delivered");
    bench.finish("a", End::Delivered, 20_000).await;
    assert_eq!(bench.store.purge(KEEP, at(20_099)).await, Ok(0));
    assert_eq!(bench.store.purge(KEEP, at(20_100)).await, Ok(2));
}

pub async fn a_batch_goes_with_the_last_of_its_receipts<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (first, second) = (one(0, "g"), one(1, "g").to("s", "b", None));
    bench.accept(&first).await;
    bench.accept(&second).await;
    let sent = send(&bench, Some("x"), 11).await;
    bench.finish("a", End::Delivered, 12).await;
    bench.finish("b", End::Again(5000), 12).await;
    assert_eq!(bench.store.purge(KEEP, at(2000)).await, Ok(1));
    assert!(matches!(bench.store.receipt(first.receipt.id).await, Err(StoreError::NotFound(_))));
    let left = bench.store.delivery(sent.id).await.unwrap();
    let (receipt, event) = (second.receipt.id, second.outcome.events[0].event.id);
    assert_eq!(left.delivery, Delivery { receipt, event, supersede: false, ..sent.clone() });
    assert_eq!(left.attempts.len(), 1);
    let routed = Decision::Routed { deliveries: vec![sent.id], script: None, batch: sent.batch };
    assert_eq!(decision(&bench, &second, 0).await, routed);
    bench.finish("b", End::Delivered, 5000).await;
    assert_eq!(bench.store.purge(KEEP, at(5100)).await, Ok(1));
    assert!(matches!(bench.store.delivery(sent.id).await, Err(StoreError::NotFound(_))));
    assert_eq!(books(&bench).await, Ledger { accepted: 2, coalesced: 1, delivered: 1, ..Ledger::default() });
}
