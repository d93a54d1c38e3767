//! Order: inside a lane one after the other, and nobody else waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crossconnect::store::{Claim, Store};

use super::webhook::Webhook;
use super::{Backend, Bench, End, LEASE, at};

pub async fn a_later_change_waits_for_the_earlier_one<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = bench.deliver(0, "a", Some("x")).await;
    let second = bench.deliver(1, "a", Some("x")).await;
    let third = bench.deliver(2, "a", Some("x")).await;
    for expected in [first, second, third] {
        assert_eq!(bench.finish("a", End::Delivered, 10).await, expected);
    }
    assert!(bench.claim_ids("a", 10, 10).await.is_empty());
}

pub async fn other_lanes_do_not_wait<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = bench.deliver(0, "a", Some("x")).await;
    bench.deliver(1, "a", Some("x")).await;
    let other = bench.deliver(2, "a", Some("y")).await;
    assert_eq!(bench.claim_ids("a", 10, 10).await, [first, other]);
}

pub async fn the_same_lane_of_another_destination_does_not_wait<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = bench.deliver(0, "a", Some("x")).await;
    let other = bench.deliver(1, "b", Some("x")).await;
    assert_eq!(bench.claim_ids("a", 10, 10).await, [first]);
    assert_eq!(bench.claim_ids("b", 10, 10).await, [other]);
}

pub async fn deliveries_without_a_lane_wait_for_nobody<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (first, second) = (bench.deliver(0, "a", None).await, bench.deliver(1, "a", None).await);
    // An empty text is a lane like any other.
    let third = bench.deliver(2, "a", Some("")).await;
    bench.deliver(3, "a", Some("")).await;
    assert_eq!(bench.claim_ids("a", 10, 10).await, [first, second, third]);
}

pub async fn a_failed_head_holds_its_lane_until_it_is_due_again<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let first = bench.deliver(0, "a", Some("x")).await;
    let second = bench.deliver(1, "a", Some("x")).await;
    assert_eq!(bench.finish("a", End::Again(100), 10).await, first);
    let claimed = bench.claim("a", 10, 99).await;
    assert_eq!((claimed.leased.len(), claimed.next_due), (0, Some(at(100))));
    assert_eq!(bench.finish("a", End::Delivered, 100).await, first);
    assert_eq!(bench.claim_ids("a", 10, 100).await, [second]);
}

pub async fn a_dead_head_lets_its_lane_go_on<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.deliver(0, "a", Some("x")).await;
    let second = bench.deliver(1, "a", Some("x")).await;
    bench.finish("a", End::Dead, 10).await;
    assert_eq!(bench.claim_ids("a", 10, 10).await, [second]);
}

pub async fn lanes_keep_their_order_under_many_workers<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for number in 0..120 {
        bench.deliver(number, "a", Some(&format!("lane-{}", number % 7))).await;
    }
    let done = Arc::new(Mutex::new(HashMap::<String, Vec<_>>::new()));
    let workers: Vec<_> =
        (0..4).map(|seed| tokio::spawn(work(Arc::clone(&bench.store), Arc::clone(&done), seed))).collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let done = done.lock().unwrap();
    assert_eq!(done.values().map(Vec::len).sum::<usize>(), 120);
    for (lane, order) in done.iter() {
        assert!(order.is_sorted(), "{lane}: {order:?}");
    }
}

/// Delivers until nothing is pending; fails often, and notes what it delivered before it says so.
async fn work(
    store: Arc<dyn Store>,
    done: Arc<Mutex<HashMap<String, Vec<crossconnect::model::Timestamp>>>>,
    seed: u64,
) {
    let mut random = fastrand::Rng::with_seed(seed);
    while !store.pending().await.unwrap().is_empty() {
        let claim = Claim { destination: "a".into(), limit: 3, retries: 3, now: at(1000), lease: LEASE };
        for leased in store.claim(claim).await.unwrap().leased {
            let end = if random.u8(..3) == 0 { End::Again(500) } else { End::Delivered };
            if end == End::Delivered {
                let delivery = &leased.delivery;
                let lane = delivery.lane.clone().unwrap();
                done.lock().unwrap().entry(lane).or_default().push(delivery.created_at);
            }
            let (attempt, settlement) = end.of(&leased, 1000);
            store.settle(&leased, attempt, settlement, at(1000)).await.unwrap();
        }
        tokio::task::yield_now().await;
    }
}

pub async fn a_lane_goes_on_after_a_reopening<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let webhook = Webhook::at(0).event().to("r", "a", Some("x")).event().to("r", "a", Some("x"));
    let deliveries = bench.accept(&webhook).await;
    assert_eq!(bench.finish("a", End::Again(50), 10).await, deliveries[0].id);
    bench = bench.reopen().await;
    assert!(bench.claim_ids("a", 10, 49).await.is_empty());
    let leased = bench.claim_one("a", 50).await;
    assert_eq!((leased.delivery.id, leased.attempts, leased.tries), (deliveries[0].id, 1, 1));
    bench.settle(&leased, End::Delivered, 50).await.unwrap();
    assert_eq!(bench.claim_ids("a", 10, 50).await, [deliveries[1].id]);
}
