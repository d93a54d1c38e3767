//! What a gateway finds in Redis when it comes, and what it makes of a state that is not its own.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossconnect::clock::ManualClock;
use crossconnect::config::RedisServers;
use crossconnect::store::redis::{Redis, Settings, Time};
use crossconnect::store::{Accepted, Store};

use crate::redis::{open, state};
use crate::redis_server::{Options, Server};
use crate::store_suite::at;
use crate::store_suite::webhook::Webhook;
use crate::world::write;

async fn try_open(server: &Server, partitions: u32) -> Result<Arc<Redis>, String> {
    let one = RedisServers::One("127.0.0.1".to_owned(), server.port());
    let settings = Settings { gateway: "g".to_owned(), time: Time::Caller };
    let opened = Redis::open(&state(one, "cc", partitions), ManualClock::at(at(0)), settings).await;
    opened.map_err(|why| why.to_string())
}

fn has(line: &str, texts: &[&str]) {
    texts.iter().for_each(|text| assert!(line.contains(text), "{text:?} is not in {line:?}"));
}

#[tokio::test]
async fn a_state_keeps_the_number_of_partitions_that_it_was_created_with() {
    let server = Server::start(Options::default());
    try_open(&server, 3).await.unwrap().close().await;
    try_open(&server, 3).await.unwrap().close().await;
    for other in [1, 16] {
        let why = try_open(&server, other).await.unwrap_err();
        has(&why, &["3 partitions", &format!("the config says {other}"), "set `partitions` to 3"]);
    }
    assert_eq!(server.cli(&["HGET", "{cc:0}:meta", "parts"]).trim(), "3");
}

#[tokio::test]
async fn a_state_of_another_version_is_left_alone() {
    let server = Server::start(Options::default());
    server.cli(&["HSET", "{cc:0}:meta", "format", "1", "parts", "1"]);
    let why = try_open(&server, 1).await.unwrap_err();
    has(&why, &["{cc:0}:", "format 1", "knows format 3", "the version that wrote it"]);
    assert_eq!(server.cli(&["DBSIZE"]).trim(), "1");
}

#[tokio::test]
async fn what_somebody_else_keeps_under_the_prefix_is_named_and_left_alone() {
    let server = Server::start(Options::default());
    for key in ["{cc:0}:failed", "{cc:1}:dead", "{cc:0}:meta"] {
        server.cli(&["SET", key, "theirs"]);
        let why = try_open(&server, 2).await.unwrap_err();
        has(&why, &[key, "is a string", "choose another `prefix`"]);
        assert_eq!(server.cli(&["DBSIZE"]).trim(), "1");
        assert_eq!(server.cli(&["GETDEL", key]).trim(), "theirs");
    }
    try_open(&server, 2).await.unwrap();
}

#[test]
fn a_gateway_that_cannot_work_on_its_state_says_why_in_one_line_and_ends_with_2() {
    let guarded = Server::start(Options::default().password("right"));
    let evicting = Server::start(Options::default().memory("100mb", "allkeys-lru"));
    let master = Server::start(Options::default());
    let replica = Server::start(Options::default().replica_of(&master));
    let taken = Server::start(Options::default());
    taken.cli(&["SET", "{crossconnect:0}:failed", "theirs"]);
    let gone = format!("redis://127.0.0.1:{}", crate::process::free_port());
    for (url, part) in [
        (guarded.url().replace("right", "wrong"), "user or password is wrong"),
        (format!("redis://127.0.0.1:{}", guarded.port()), "wants a password"),
        (evicting.url(), "noeviction"),
        (replica.url(), "replica"),
        (taken.url(), "is a string"),
        (gone, "nothing listens there"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "ingress: {{ listen: 127.0.0.1:0 }}\nadmin: {{ listen: 127.0.0.1:0 }}\nstate: {url}\n\
             sources: {{ nb: {{ adapter: netbox, secrets: [s] }} }}\n"
        );
        write(&dir.path().join("config.yaml"), &config);
        let output = Command::new(env!("CARGO_BIN_EXE_crossconnect"))
            .arg("serve")
            .env("RUST_LOG", "off")
            .current_dir(dir.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        has(&said, &["error: could not open the state: ", part]);
    }
    assert_eq!(taken.cli(&["DBSIZE"]).trim(), "1");
}

#[tokio::test]
async fn a_state_that_lost_its_data_is_a_new_one() {
    let server = Server::start(Options::default());
    let one = RedisServers::One("127.0.0.1".to_owned(), server.port());
    let store = open(&state(one, "cc", 2), "g").await;
    let before = Webhook::at(0).event().to("r", "a", None);
    assert_eq!(store.accept(&before.receipt, &before.outcome).await, Ok(Accepted::New));
    server.cli(&["FLUSHALL"]);
    let begun = Instant::now();
    while server.cli(&["HGET", "{cc:0}:meta", "parts"]).trim() != "2" {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is not noted again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(store.receipt(before.receipt.id).await.is_err());
    let after = Webhook::at(1).event().to("r", "a", None);
    assert_eq!(store.accept(&after.receipt, &after.outcome).await, Ok(Accepted::New));
    assert_eq!(store.receipt(after.receipt.id).await.unwrap().outcome, after.outcome);
    assert_eq!(store.pending().await.unwrap(), [("a".to_owned(), 1)]);
}
