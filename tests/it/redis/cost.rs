//! What a webhook costs a server: it has one thread for all gateways, so every command counts.

use crossconnect::config::RedisServers;
use crossconnect::store::redis::Redis;
use crossconnect::store::{Accepted, Claim, Store};

use super::{open, state};
use crate::redis_server::{Options, Server};
use crate::store_suite::webhook::Webhook;
use crate::store_suite::{End, LEASE, at};

/// How many webhooks it is measured with. The signs of life of the gateway are in it, too.
const WEBHOOKS: usize = 200;
/// How many are claimed at once.
const CLAIMED: usize = 20;

/// How many commands scripts ran at a server since its counts began anew.
fn commands(server: &Server) -> f64 {
    let (mut all, mut scripts) = (0, 0);
    for line in server.cli(&["INFO", "commandstats"]).lines() {
        let Some((name, counts)) = line.strip_prefix("cmdstat_").and_then(|line| line.split_once(':')) else {
            continue;
        };
        let calls = counts.split(',').find_map(|count| count.strip_prefix("calls="));
        let calls: u32 = calls.unwrap().parse().unwrap();
        match name {
            "eval" | "evalsha" => scripts += calls,
            "info" | "config|resetstat" | "publish" => {}
            _ => all += calls,
        }
    }
    assert!(scripts > 0, "nothing was measured");
    f64::from(all)
}

/// Commands per webhook of what is done to all of them.
async fn cost(server: &Server, work: impl AsyncFnOnce()) -> f64 {
    server.cli(&["CONFIG", "RESETSTAT"]);
    work().await;
    commands(server) / WEBHOOKS as f64
}

async fn deliver_all(store: &Redis, server: &Server, webhooks: &[Webhook]) -> [f64; 3] {
    let accepted = cost(server, async || {
        for webhook in webhooks {
            assert_eq!(store.accept(&webhook.receipt, &webhook.outcome).await, Ok(Accepted::New));
        }
    });
    let accepted = accepted.await;
    let mut leased = Vec::new();
    let claimed = cost(server, async || {
        for _ in 0..WEBHOOKS / CLAIMED {
            let (limit, retries) = (CLAIMED, CLAIMED);
            let claim = Claim { destination: "a".into(), limit, retries, now: at(1), lease: LEASE };
            leased.extend(store.claim(claim).await.unwrap().leased);
        }
    });
    let claimed = claimed.await;
    assert_eq!(leased.len(), WEBHOOKS);
    let settled = cost(server, async || {
        for leased in &leased {
            let (attempt, settlement) = End::Delivered.of(leased, 1);
            store.settle(leased, attempt, settlement, at(1)).await.unwrap();
        }
    });
    [accepted, claimed, settled.await]
}

/// With a dedupe key and a lane, as webhooks have them.
fn webhook(n: usize) -> Webhook {
    Webhook::at(0).key(&format!("key {n}"), 3600).event().to("r", "a", Some(&format!("object {n}")))
}

#[tokio::test]
async fn a_webhook_costs_a_server_few_commands() {
    let server = Server::start(Options::default());
    let one = RedisServers::One("127.0.0.1".to_owned(), server.port());
    let store = open(&state(one, "cost", 1), "gateway").await;
    for (webhooks, bounds) in [
        ((0..WEBHOOKS).map(webhook).collect::<Vec<_>>(), [18.9, 2.7, 16.5]),
        ((WEBHOOKS..2 * WEBHOOKS).map(|n| webhook(n).supersede()).collect(), [21.1, 2.7, 21.0]),
        // One more, whether what tells of refusals is there.
        ((2 * WEBHOOKS..3 * WEBHOOKS).map(|n| webhook(n).refused(&["x"])).collect(), [19.9, 2.7, 16.5]),
    ] {
        let costs = deliver_all(&store, &server, &webhooks).await;
        for (cost, bound) in costs.into_iter().zip(bounds) {
            assert!(cost < bound, "accept, claim and settle take {costs:?} commands");
        }
    }
}
