//! Claiming: who may attempt what, how long, and in which order.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crossconnect::store::{Claim, Claimed, StoreError};

use super::{Backend, Bench, End, LEASE, at};

pub async fn what_is_leased_is_not_given_twice<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let id = bench.deliver(0, "a", Some("x")).await;
    assert_eq!(bench.claim_ids("a", 10, 0).await, [id]);
    assert!(bench.claim_ids("a", 10, 59).await.is_empty());
}

pub async fn a_lease_that_ran_out_is_given_again_with_another_token<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for lane in [None, Some("x")] {
        bench.deliver(0, "a", lane).await;
        let first = bench.claim_one("a", 0).await;
        let second = bench.claim_one("a", 60).await;
        assert_eq!(first.delivery, second.delivery);
        assert_ne!(first.token, second.token);
        bench.settle(&second, End::Delivered, 60).await.unwrap();
    }
}

pub async fn an_old_token_settles_nothing<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let id = bench.deliver(0, "a", Some("x")).await;
    let first = bench.claim_one("a", 0).await;
    let second = bench.claim_one("a", 60).await;
    assert_eq!(bench.settle(&first, End::Dead, 61).await, Err(StoreError::LeaseLost(id.to_string())));
    assert_eq!(bench.store.release(&first).await, Err(StoreError::LeaseLost(id.to_string())));
    assert!(bench.store.delivery(id).await.unwrap().attempts.is_empty());
    bench.settle(&second, End::Delivered, 61).await.unwrap();
    assert_eq!(bench.settle(&second, End::Delivered, 61).await, Err(StoreError::LeaseLost(id.to_string())));
    assert_eq!(bench.store.delivery(id).await.unwrap().attempts.len(), 1);
    assert_eq!(bench.store.ledger().await.unwrap().delivered, 1);
}

pub async fn a_late_settlement_counts_while_nobody_else_claimed<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.deliver(0, "a", Some("x")).await;
    let leased = bench.claim_one("a", 0).await;
    bench.settle(&leased, End::Delivered, 600).await.unwrap();
    assert_eq!(bench.store.ledger().await.unwrap().delivered, 1);
}

pub async fn a_released_delivery_is_due_as_before<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let id = bench.deliver(0, "a", Some("x")).await;
    let leased = bench.claim_one("a", 0).await;
    bench.store.release(&leased).await.unwrap();
    let again = bench.claim_one("a", 1).await;
    assert_eq!((again.delivery.id, again.attempts, again.tries), (id, 0, 0));
    assert_eq!(bench.settle(&leased, End::Delivered, 1).await, Err(StoreError::LeaseLost(id.to_string())));
}

pub async fn leases_end_with_the_process<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let id = bench.deliver(0, "a", Some("x")).await;
    let old = bench.claim_one("a", 0).await;
    bench = bench.reopen().await;
    let new = bench.claim_one("a", 61).await;
    assert_eq!(new.delivery.id, id);
    assert_eq!(bench.settle(&old, End::Dead, 62).await, Err(StoreError::LeaseLost(id.to_string())));
    bench.settle(&new, End::Delivered, 62).await.unwrap();
}

pub async fn nothing_is_claimed_before_it_is_due<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.deliver(5, "a", None).await;
    let claimed = bench.claim("a", 10, 4).await;
    assert_eq!(claimed, Claimed { next_due: Some(at(5)), ..Claimed::default() });
    assert_eq!(bench.claim("a", 10, 5).await.leased.len(), 1);
}

pub async fn next_due_tells_when_to_ask_again<B: Backend>() {
    let bench = Bench::<B>::new().await;
    assert_eq!(bench.claim("a", 10, 0).await.next_due, None);
    bench.deliver(0, "a", None).await;
    bench.deliver(7, "a", None).await;
    bench.deliver(9, "a", None).await;
    // What was just leased does not count.
    assert_eq!(bench.claim("a", 10, 0).await.next_due, Some(at(7)));
    assert_eq!(bench.claim("a", 10, 7).await.next_due, Some(at(9)));
    assert_eq!(bench.claim("a", 10, 9).await.next_due, Some(at(60)), "the first lease runs out");
    // Left behind by the limit: due already.
    bench.deliver(20, "b", None).await;
    bench.deliver(21, "b", None).await;
    let next_due = bench.claim("b", 1, 30).await.next_due;
    assert!(next_due <= Some(at(30)), "{next_due:?}");
    if B::SEES_ALL {
        assert_eq!(next_due, Some(at(21)));
    }
    // Behind another one of its lane: not a head.
    bench.deliver(0, "c", Some("x")).await;
    bench.deliver(1, "c", Some("x")).await;
    assert_eq!(bench.claim("c", 10, 10).await.next_due, None);
}

pub async fn the_oldest_due_come_first<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut ids = Vec::new();
    for seconds in [3, 1, 2, 1] {
        ids.push(bench.deliver(seconds, "a", None).await);
    }
    let claimed = bench.claim("a", 3, 10).await.leased;
    assert!(claimed.is_sorted_by_key(|leased| leased.delivery.created_at));
    let claimed: Vec<_> = claimed.iter().map(|leased| leased.delivery.id).collect();
    assert_eq!(claimed.len(), 3);
    if B::SEES_ALL {
        assert_eq!(claimed, [ids[1], ids[3], ids[2]]);
    }
}

pub async fn fresh_deliveries_get_half_of_the_places_beside_many_retries<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for _ in 0..30 {
        bench.deliver(0, "a", None).await;
    }
    for leased in bench.claim("a", 30, 0).await.leased {
        bench.settle(&leased, End::Again(1), 0).await.unwrap();
    }
    for _ in 0..6 {
        bench.deliver(50, "a", None).await;
    }
    let shares = async |limit| {
        let leased = bench.claim("a", limit, 60).await.leased;
        assert!(leased.is_sorted_by_key(|leased| std::cmp::Reverse(leased.tries)), "oldest due first");
        let fresh = leased.iter().filter(|leased| leased.tries == 0).count();
        (fresh, leased.len() - fresh)
    };
    let shared = [shares(4).await, shares(3).await, shares(8).await];
    assert!(shared.iter().map(|(fresh, _)| fresh).sum::<usize>() > 0, "fresh ones starve: {shared:?}");
    assert_eq!(shared.map(|(fresh, again)| fresh + again), [4, 3, 8]);
    if B::SEES_ALL {
        let wanted = "an odd place goes to a fresh one, and what fresh ones leave, retries may take";
        assert_eq!(shared, [(2, 2), (2, 1), (2, 6)], "{wanted}");
    }
    bench.deliver(60, "b", None).await;
}

pub async fn a_single_place_is_shared_by_chance<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.deliver(0, "a", None).await;
    let retry = bench.claim_one("a", 0).await;
    bench.settle(&retry, End::Again(1), 0).await.unwrap();
    bench.deliver(1, "a", None).await;
    let mut seen = HashSet::new();
    for _ in 0..200 {
        let leased = bench.claim("a", 1, 5).await.leased.remove(0);
        seen.insert(leased.tries);
        bench.store.release(&leased).await.unwrap();
    }
    assert_eq!(seen.len(), 2, "neither starves");
}

pub async fn a_limit_of_nothing_claims_nothing<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.deliver(0, "a", None).await;
    let claimed = bench.claim("a", 0, 5).await;
    assert_eq!(claimed, Claimed { next_due: Some(at(0)), ..Claimed::default() });
}

pub async fn a_hundred_concurrent_claims_share_without_overlap<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for _ in 0..50 {
        bench.deliver(0, "a", None).await;
    }
    let claims: Vec<_> = (0..100)
        .map(|_| {
            let store = Arc::clone(&bench.store);
            let claim = Claim { destination: "a".into(), limit: 2, retries: 2, now: at(0), lease: LEASE };
            tokio::spawn(async move { store.claim(claim).await.unwrap().leased })
        })
        .collect();
    let mut seen = Vec::new();
    for claim in claims {
        seen.extend(claim.await.unwrap().into_iter().map(|leased| leased.delivery.id));
    }
    assert_eq!(seen.len(), 50);
    assert_eq!(seen.into_iter().collect::<HashSet<_>>().len(), 50);
}

pub async fn the_bell_rings_for_what_may_be_claimed<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let (bell, other) = (bench.store.bell("a"), bench.store.bell("b"));
    let rung = async || tokio::time::timeout(Duration::from_secs(10), bell.notified()).await.unwrap();
    bench.deliver(0, "a", Some("x")).await;
    let id = bench.deliver(0, "a", Some("x")).await;
    rung().await;
    let leased = bench.claim_one("a", 0).await;
    bench.store.release(&leased).await.unwrap();
    rung().await;
    // The lane's next one is free.
    bench.finish("a", End::Delivered, 0).await;
    rung().await;
    let retry = bench.claim_one("a", 0).await;
    bench.settle(&retry, End::Again(5), 0).await.unwrap();
    rung().await;
    bench.finish("a", End::Dead, 5).await;
    bench.store.retry(id, at(5)).await.unwrap();
    rung().await;
    let silent = tokio::time::timeout(Duration::from_millis(1), other.notified()).await;
    assert!(silent.is_err(), "nothing came for the other destination");
}
