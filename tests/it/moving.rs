//! What is pending moves from one state to another and is delivered there once, in order.

use std::sync::Arc;

use crossconnect::model::DeliveryState;
use crossconnect::store::copy::{Copied, copy};
use crossconnect::store::{Accepted, Due, Store};

use crate::redis::{Cut, Whole};
use crate::sqlite::File;
use crate::store_suite::webhook::Webhook;
use crate::store_suite::{Backend, Bench, End, LEASE, at};

/// One state full of everything that can wait, and what was put into it.
async fn fill<B: Backend>(bench: &Bench<B>) -> [Webhook; 5] {
    let lane = Some("object");
    let over = Webhook::at(0).key("over", 3600).event().to("r", "a", lane);
    let tried = Webhook::at(1).key("tried", 3600).event().to("r", "a", lane).to("r", "b", None);
    let waits = Webhook::at(2).key("waits", 3600).event().to("r", "a", lane);
    let deferred = Webhook::at(3).event().deferred("d", &[("a", "other")]);
    let gathered = Webhook::at(4).event().gathered("g", "group");
    bench.accept(&over).await;
    bench.finish("a", End::Delivered, 0).await;
    bench.accept(&tried).await;
    bench.finish("a", End::Again(50), 1).await;
    bench.finish("b", End::Delivered, 1).await;
    for webhook in [&waits, &deferred, &gathered] {
        bench.accept(webhook).await;
    }
    assert!(bench.store.pause("b", "by hand", at(4)).await.unwrap());
    [over, tried, waits, deferred, gathered]
}

async fn moves<From: Backend, To: Backend>() {
    let (from, to) = (Bench::<From>::new().await, Bench::<To>::new().await);
    let [over, tried, waits, deferred, gathered] = fill(&from).await;
    let (old, new): (Arc<dyn Store>, Arc<dyn Store>) = (from.store.clone(), to.store.clone());
    let wanted = Copied {
        receipts: 4,
        deliveries: 2,
        gathered: 1,
        deferred: 1,
        failed: 0,
        keys: 1,
        pauses: 1,
        known: 0,
    };
    assert_eq!(copy(&*old, None, at(10)).await, Ok(wanted), "a dry run counts");
    assert_eq!(new.ledger().await.unwrap().accepted, 0, "and writes nothing");
    assert_eq!(copy(&*old, Some(&*new), at(10)).await, Ok(wanted));
    assert_eq!(copy(&*old, Some(&*new), at(10)).await, Ok(Copied { known: 4, ..wanted }), "run again");

    // Repetitions of what moved and of what stayed behind are recognised.
    for webhook in [&over, &tried, &waits] {
        let again = new.accept(&webhook.receipt, &webhook.outcome).await;
        assert_eq!(again, Ok(Accepted::Duplicate(webhook.receipt.id)));
    }
    // The lane waits for the retry that was due, and knows what happened.
    assert_eq!(to.claim_ids("a", 10, 49).await, []);
    let leased = to.claim_one("a", 50).await;
    assert_eq!((leased.delivery.id, leased.attempts), (tried.outcome.deliveries[0].id, 1));
    assert_eq!(leased.delivery, tried.outcome.deliveries[0]);
    to.settle(&leased, End::Delivered, 50).await.unwrap();
    assert_eq!(new.delivery(leased.delivery.id).await.unwrap().attempts.len(), 2);
    assert_eq!(to.finish("a", End::Delivered, 51).await, waits.outcome.deliveries[0].id);

    let due = || Due { limit: 10, now: at(60), lease: LEASE };
    let lookups = new.deferred(due()).await.unwrap().receipts;
    assert_eq!(lookups.iter().map(|one| one.stored.receipt.id).collect::<Vec<_>>(), [deferred.receipt.id]);
    assert_eq!(lookups[0].stored.outcome.held, deferred.outcome.held);
    let batches = new.ripe(due()).await.unwrap().batches;
    assert_eq!(batches.len(), 1);
    let (batch, asked) = (&batches[0].batch, &gathered.outcome.gathered[0]);
    assert_eq!((&batch.route, &batch.group, &batch.key), (&asked.route, &asked.group, &asked.key));
    assert_eq!(batch.members.iter().map(|one| one.receipt).collect::<Vec<_>>(), [gathered.receipt.id]);
    assert_eq!(batch.members[0].event, asked.content);

    let conditions = new.conditions().await.unwrap();
    assert_eq!(conditions[0].paused.as_ref().unwrap().reason, "by hand");
    assert_eq!(
        from.state(waits.outcome.deliveries[0].id).await,
        DeliveryState::Pending,
        "the old state stays"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pending_work_moves_from_a_file_to_redis() {
    moves::<File, Whole>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pending_work_moves_from_a_file_to_several_partitions() {
    moves::<File, Cut>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pending_work_moves_from_redis_to_a_file() {
    moves::<Cut, File>().await;
}
