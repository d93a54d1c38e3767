//! Batches of the shared store whose events are replayed while somebody seals them: what changes the
//! receipts and what changes the batches are in different partitions, and meet in messages.

use std::time::Duration;

use crossconnect::model::Sealed;
use crossconnect::store::{Due, Keep, Ledger, Waiting};

use crate::redis::{Cut, Whole};
use crate::store_suite::webhook::Webhook;
use crate::store_suite::{Backend, Bench, LEASE, at};

const RECEIPTS: u64 = 12;
const ROUNDS: u32 = 12;
const KEEP: Keep = Keep { delivered: Duration::from_secs(1), dead: Duration::from_secs(1) };

/// Seals all that is complete as dropped; how many batches.
async fn seal_all<B: Backend>(bench: &Bench<B>, seconds: i64) -> usize {
    let due = Due { limit: 20, now: at(seconds), lease: LEASE };
    let leased = bench.store.ripe(due).await.unwrap().batches;
    for one in &leased {
        // One of its events may have been gathered anew: it is not ours any more.
        let _ = bench.store.seal(one, &Sealed::Dropped(None), at(seconds)).await;
    }
    leased.len()
}

/// Gathers an event of a receipt anew, again and again, for one group or another.
async fn replay_all<B: Backend>(bench: &Bench<B>, webhook: &Webhook) {
    for turn in 0..ROUNDS {
        let group = ["g", "h", "i"][fastrand::usize(..3)];
        let again = webhook.again().event().gathered("r", group);
        bench.store.replay(webhook.receipt.id, turn, &again.outcome).await.unwrap();
    }
}

async fn what_is_gathered_anew_while_its_batch_is_sealed_is_counted_once<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let webhooks: Vec<_> = (0..RECEIPTS).map(|_| Webhook::at(0).event().gathered("r", "g")).collect();
    for webhook in &webhooks {
        bench.accept(webhook).await;
    }
    let replays = async {
        for three in webhooks.chunks(3) {
            let [a, b, c] = three else { panic!("{} of three", three.len()) };
            tokio::join!(replay_all(&bench, a), replay_all(&bench, b), replay_all(&bench, c));
        }
    };
    let seals = async {
        loop {
            seal_all(&bench, 100).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = replays => {}
        () = seals => {}
    }
    // Who was stopped above may have left messages on the way, and leases.
    let bench = bench.reopen().await;
    for webhook in &webhooks {
        let again = webhook.again().event().gathered("r", "g");
        bench.store.replay(webhook.receipt.id, ROUNDS, &again.outcome).await.unwrap();
    }
    assert_eq!(bench.store.waiting().await.unwrap().gathered, RECEIPTS);
    let pending = Ledger { accepted: RECEIPTS, pending: RECEIPTS, ..Ledger::default() };
    assert_eq!(bench.store.ledger().await, Ok(pending), "all of them wait");
    assert_eq!(bench.store.purge(KEEP, at(5000)).await, Ok(0));
    while seal_all(&bench, 1000).await > 0 {}
    assert_eq!(bench.store.waiting().await, Ok(Waiting::default()));
    let filtered = Ledger { accepted: RECEIPTS, filtered: RECEIPTS, ..Ledger::default() };
    assert_eq!(bench.store.ledger().await, Ok(filtered));
    assert_eq!(bench.store.purge(KEEP, at(5000)).await, Ok(RECEIPTS), "nothing of them waits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gathered_anew_while_its_batch_is_sealed_is_counted_once_in_one_partition() {
    what_is_gathered_anew_while_its_batch_is_sealed_is_counted_once::<Whole>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gathered_anew_while_its_batch_is_sealed_is_counted_once_over_partitions() {
    what_is_gathered_anew_while_its_batch_is_sealed_is_counted_once::<Cut>().await;
}
