//! A master, its replica, and who watches them.

use super::bed::{Server, eventually, state};
use super::*;
use crate::config::RedisServers;

struct Watched {
    master: Server,
    replica: Server,
    sentinel: Server,
}

impl Watched {
    fn start() -> Self {
        let master = Server::start(&["--repl-diskless-sync-delay", "0"]);
        let port = master.port.to_string();
        let replica = Server::start(&["--replicaof", "127.0.0.1", &port]);
        eventually("the replica to follow", || {
            replica.cli(&["info", "replication"]).contains("master_link_status:up")
        });
        let sentinel = Server::sentinel(&format!(
            "sentinel monitor main 127.0.0.1 {port} 1\n\
             sentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 5000\n"
        ));
        eventually("the sentinel to know the replica", || {
            sentinel.cli(&["sentinel", "replicas", "main"]).contains(&replica.port.to_string())
        });
        Self { master, replica, sentinel }
    }

    /// The first of the sentinels named is away.
    fn state(&self, name: &str) -> config::Redis {
        let sentinels = vec![("127.0.0.1".to_owned(), 1), ("127.0.0.1".to_owned(), self.sentinel.port)];
        state(RedisServers::Sentinel { sentinels, master: name.into(), user: None, password: None })
    }
}

#[tokio::test]
async fn when_the_master_dies_the_one_that_the_sentinels_name_serves() {
    let mut watched = Watched::start();
    let link = open(&watched.state("main")).await;
    let mut ear = link.listen();
    assert_eq!(hears(&mut ear).await, Heard::Connected);
    assert_eq!(link.run(call(0, &["set", "kept"])).await, Ok(text("done")));
    watched.master.replicates();
    watched.master.kill();
    failure(&link, &["get"]).await;
    assert_eq!(works(&link, 0, &["get"]).await, text("kept"));
    assert_eq!(link.run(call(0, &["set", "new"])).await, Ok(text("done")));
    assert_eq!(watched.replica.cli(&["get", "{test:0}:x"]), "new");
    assert_eq!(hears(&mut ear).await, Heard::Connected);
}

#[tokio::test]
async fn a_master_that_steps_down_is_left() {
    let watched = Watched::start();
    let link = open(&watched.state("main")).await;
    let done = link.run(call(0, &["set", "old"])).await;
    assert_eq!(done, Ok(text("done")));
    eventually("the failover to begin", || watched.sentinel.cli(&["sentinel", "failover", "main"]) == "OK");
    eventually("the replica to be master", || {
        watched.replica.cli(&["info", "replication"]).contains("role:master")
    });
    let new = || watched.replica.cli(&["get", "{test:0}:x"]) == "new";
    while !new() {
        works(&link, 0, &["set", "new"]).await;
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_name_that_no_sentinel_knows_is_said_so() {
    let sentinel = Server::sentinel("");
    let sentinels = vec![("127.0.0.1".to_owned(), sentinel.port)];
    let servers = RedisServers::Sentinel { sentinels, master: "mian".into(), user: None, password: None };
    let line = refusal(&state(servers)).await;
    assert!(line.contains("watches no master `mian`; mend the name"), "{line}");
}
