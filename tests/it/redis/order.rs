//! The order of an object's changes where a gateway ends between a webhook's receipt and its lane,
//! which are in different partitions.

use crossconnect::config::RedisServers;
use crossconnect::store::{Accepted, Claim, Store, StoreError};

use super::{open, server, state, unused_prefix};
use crate::redis_server::{Chopper, Reply};
use crate::store_suite::webhook::Webhook;
use crate::store_suite::{End, LEASE, at};

const PARTS: u32 = 16;

/// A change of an object; sent again it is the same to the gateways, under other ids.
fn change(object: usize, n: i64) -> Webhook {
    let key = format!("{n}th change of object {object}");
    Webhook::at(n).key(&key, 3600).event().to("r", "a", Some(&format!("object {object}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_is_sent_again_is_in_its_lane_before_the_next_one() {
    let (server, prefix) = (server(), unused_prefix());
    let straight = state(RedisServers::One("127.0.0.1".into(), server.port()), &prefix, PARTS);
    let other = open(&straight, "other").await;
    let mut cut = 0;
    for object in 0..8 {
        let way = Chopper::counting(&server, |words| words.get(4) == Some(&&b"accept"[..]));
        let through = state(RedisServers::One("127.0.0.1".into(), way.port()), &prefix, PARTS);
        let ended = open(&through, &format!("gateway {object}")).await;
        way.cut_after(1, Reply::Passed);
        let (first, next) = (change(object, 1), change(object, 2));
        let answer = ended.accept(&first.receipt, &first.outcome).await;
        cut += usize::from(matches!(answer, Err(StoreError::Unavailable(_))));
        drop(ended);
        // What was answered is in its lane; what was not is sent again.
        let again = change(object, 1);
        let answer = other.accept(&again.receipt, &again.outcome).await;
        assert_eq!(answer, Ok(Accepted::Duplicate(first.receipt.id)));
        assert_eq!(other.accept(&next.receipt, &next.outcome).await, Ok(Accepted::New));
        for expected in [first, next] {
            let claim = Claim { destination: "a".into(), limit: 5, retries: 5, now: at(10), lease: LEASE };
            let leased = other.claim(claim).await.unwrap().leased;
            let ids: Vec<_> = leased.iter().map(|leased| leased.delivery.id).collect();
            assert_eq!(ids, [expected.outcome.deliveries[0].id], "object {object}");
            let (attempt, settlement) = End::Delivered.of(&leased[0], 10);
            other.settle(&leased[0], attempt, settlement, at(10)).await.unwrap();
        }
    }
    assert!(cut > 0, "every receipt lies with its lane: nothing was proved");
}
