//! A gateway that ends between any two steps of what it does in a state of several partitions.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crossconnect::config::RedisServers;
use crossconnect::model::DeliveryId;
use crossconnect::store::redis::Redis;
use crossconnect::store::{Accepted, Claim, Store, StoreError};

use super::{open, server, state, unused_prefix};
use crate::redis_server::{Chopper, Reply};
use crate::store_suite::webhook::Webhook;
use crate::store_suite::{End, LEASE, at};

const DESTINATIONS: [&str; 2] = ["a", "b"];
const PARTS: u32 = 5;

/// What a gateway was told before it ended.
#[derive(Debug, Default)]
struct Told {
    /// How many webhooks were accepted.
    accepted: usize,
    /// Deliveries whose settlement was acknowledged.
    delivered: HashSet<DeliveryId>,
    /// Whose settlement was under way when the gateway ended.
    unknown: Option<DeliveryId>,
}

/// Changes of two objects; each goes to three lanes, which are in several partitions.
fn webhooks() -> Vec<Webhook> {
    let webhook = |n: i64| {
        let object = format!("object-{}", n % 2);
        Webhook::at(n)
            .key(&format!("key-{n}"), 3600)
            .event()
            .to("r", "a", Some(&object))
            .to("s", "a", Some(&format!("{object}-too")))
            .to("r", "b", Some(&object))
    };
    (0..3).map(webhook).collect()
}

/// Accepts, sends, fails once, sends again; until the way is cut.
async fn work(store: &Redis, webhooks: &[Webhook], told: &mut Told) -> Result<(), StoreError> {
    for (n, webhook) in webhooks.iter().enumerate() {
        assert_eq!(store.accept(&webhook.receipt, &webhook.outcome).await?, Accepted::New);
        told.accepted = n + 1;
        for destination in DESTINATIONS {
            let claimed = store.claim(claim(destination, 10 * n as i64 + 5)).await?;
            for leased in claimed.leased {
                let id = leased.delivery.id;
                let end = if leased.tries == 0 && n == 0 { End::Again(12) } else { End::Delivered };
                told.unknown = (end == End::Delivered).then_some(id);
                let (attempt, settlement) = end.of(&leased, 10);
                store.settle(&leased, attempt, settlement, at(10)).await?;
                told.unknown = None;
                if end == End::Delivered {
                    told.delivered.insert(id);
                }
            }
        }
    }
    Ok(())
}

fn claim(destination: &str, seconds: i64) -> Claim {
    Claim { destination: destination.into(), limit: 20, retries: 20, now: at(seconds), lease: LEASE }
}

/// Ends a gateway after so many steps and lets another one carry on; whether it came to that.
async fn ends_after(steps: usize, reply: Reply) -> bool {
    let (server, prefix) = (server(), unused_prefix());
    let way = Chopper::counting(&server, |words| {
        let op = words.get(4).copied().unwrap_or_default();
        words[0].eq_ignore_ascii_case(b"EVALSHA") && op != b"beat" && op != b"owed"
    });
    let port = way.url().rsplit(':').next().unwrap().trim_end_matches("/0").parse().unwrap();
    let through = state(RedisServers::One("127.0.0.1".into(), port), &prefix, PARTS);
    let (webhooks, mut told) = (webhooks(), Told::default());
    let store = open(&through, "first").await;
    way.cut_after(steps, reply);
    let worked = work(&store, &webhooks, &mut told).await;
    let was_cut = worked.is_err() || way.is_cut();
    drop(store);

    let straight = state(RedisServers::One("127.0.0.1".into(), server.port()), &prefix, PARTS);
    let other = open(&straight, "second").await;
    // Who got no answer sends again.
    for webhook in &webhooks[told.accepted..] {
        other.accept(&webhook.receipt, &webhook.outcome).await.unwrap();
    }
    let order = carry_on(&other, &webhooks, &told).await;
    assert_order(&webhooks, &order);
    let ledger = other.ledger().await.unwrap();
    assert_eq!((ledger.accepted, ledger.delivered, ledger.pending), (3, 3, 0), "after {steps} {reply:?}");
    assert_eq!(other.pending().await.unwrap(), []);
    for webhook in &webhooks {
        let stored = other.receipt(webhook.receipt.id).await.unwrap();
        assert_eq!(stored.outcome.deliveries, webhook.outcome.deliveries);
    }
    was_cut
}

/// Delivers what is left, long after all leases; in which order.
async fn carry_on(store: &Arc<Redis>, webhooks: &[Webhook], told: &Told) -> Vec<DeliveryId> {
    let mut order = Vec::new();
    for round in 0..20 {
        for destination in DESTINATIONS {
            for leased in store.claim(claim(destination, 10_000 + 100 * round)).await.unwrap().leased {
                let id = leased.delivery.id;
                assert!(!told.delivered.contains(&id), "{id} was delivered already");
                let (attempt, settlement) = End::Delivered.of(&leased, 10_000);
                store.settle(&leased, attempt, settlement, at(10_000)).await.unwrap();
                order.push(id);
            }
        }
    }
    let all: HashSet<_> =
        webhooks.iter().flat_map(|webhook| &webhook.outcome.deliveries).map(|one| one.id).collect();
    let reached: HashSet<_> = order.iter().chain(&told.delivered).chain(&told.unknown).copied().collect();
    assert_eq!(reached, all, "something was lost");
    assert_eq!(order.iter().collect::<HashSet<_>>().len(), order.len(), "something was doubled");
    order
}

/// In each lane, what is left goes in the order of the changes.
fn assert_order(webhooks: &[Webhook], order: &[DeliveryId]) {
    let mut lanes: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for id in order {
        for (n, webhook) in webhooks.iter().enumerate() {
            for one in webhook.outcome.deliveries.iter().filter(|one| one.id == *id) {
                lanes.entry((&one.destination, one.lane.as_deref().unwrap())).or_default().push(n);
            }
        }
    }
    for (lane, changes) in lanes {
        assert!(changes.is_sorted(), "{lane:?}: {changes:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_wherever_a_gateway_ends() {
    for reply in [Reply::Passed, Reply::Swallowed] {
        let mut steps = 1;
        while ends_after(steps, reply).await {
            steps += 1;
        }
        assert!(steps > 30, "the scenario has {steps} steps only: it crosses no partitions");
    }
}
