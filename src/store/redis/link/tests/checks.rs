//! What is refused, when opening and later, and what is said of it.

use super::bed::{Server, eventually, state};
use super::fake::Fake;
use super::*;
use crate::config::{Durability, MaxMemory, Redis, RedisServers};
use crate::secret::Secret;

fn login(server: &Server, user: Option<&str>, password: &str) -> Redis {
    Redis { user: user.map(Into::into), password: Some(Secret::new(password)), ..server.state() }
}

#[tokio::test]
async fn who_cannot_log_in_is_told_in_one_line_without_the_password() {
    let server = Server::start(&[]);
    server.user(RULES);
    let cases = [
        (login(&server, Some("gate"), "swordfish"), "user or password is wrong"),
        (login(&server, Some("nobody"), "swordfish"), "user or password is wrong"),
        (login(&server, None, "swordfish"), "the server has none; remove it"),
        (Redis { database: 99, ..server.state() }, "there is no such database"),
    ];
    for (state, wanted) in cases {
        let line = refusal(&state).await;
        assert!(line.starts_with(&format!("127.0.0.1:{}: ", server.port)), "{line}");
        assert!(line.contains(wanted) && !line.contains("swordfish") && !line.contains('\n'), "{line}");
    }
    let closed = Server::start(&["--requirepass", "hunter2"]);
    let line = refusal(&closed.state()).await;
    assert!(line.contains("the server wants a password; give `password`"), "{line}");
    let link = open(&login(&closed, None, "hunter2")).await;
    assert_eq!(link.run(call(0, &["key"])).await, Ok(text("{test:0}")));
}

#[tokio::test]
async fn a_name_without_an_address_a_closed_port_and_a_missing_socket_are_told_apart() {
    let cases = [
        (RedisServers::One("redis.invalid".into(), 6379), "redis.invalid:6379: the name cannot be resolved"),
        (RedisServers::One("127.0.0.1".into(), 1), "127.0.0.1:1: could not connect: connection refused"),
        (
            RedisServers::Unix("/nowhere/redis.sock".into()),
            "start the server with `unixsocket /nowhere/redis.sock`",
        ),
        (RedisServers::Cluster(vec![("127.0.0.1".into(), 1)]), "127.0.0.1:1: could not connect"),
    ];
    for (servers, wanted) in cases {
        let line = refusal(&state(servers)).await;
        assert!(line.contains(wanted), "{line}");
    }
}

#[tokio::test]
async fn the_rules_of_the_documentation_are_enough_and_less_is_refused_when_opening() {
    let server = Server::start(&["--appendonly", "yes"]);
    server.user(RULES);
    let state = Redis { database: 1, ..login(&server, Some("gate"), "hunter2") };
    let link = open(&state).await;
    let mut ear = link.listen();
    assert_eq!(hears(&mut ear).await, Heard::Connected);
    assert_eq!(link.run(call(0, &["set", "1"])).await, Ok(text("done")));
    assert_eq!(link.run(call(0, &["ring", link.channel(), "x"])).await, Ok(Value::Int(1)));
    let cases = [
        ("-eval", "'eval'"),
        ("-evalsha", "(evalsha)"),
        ("-publish", "(publish)"),
        ("-subscribe", "(subscribe)"),
        ("-info", "'info'"),
        ("-@write", "(set, incr, del, hset, sadd, rpush, zadd, pexpire)"),
        ("resetkeys ~other:*", "on `~{test:*` and `&test:bell`"),
        ("resetchannels", "(publish, subscribe)"),
    ];
    for (less, wanted) in cases {
        server.user(&format!("reset on >hunter2 {RULES} {less}"));
        let line = refusal(&state).await;
        assert!(line.contains("the user may not do all that is needed"), "{less}: {line}");
        assert!(line.contains(wanted) && line.contains("docs/redis.md"), "{less}: {line}");
    }
    server.user(&format!("reset on >hunter2 {RULES} -config"));
    open(&state).await;
    assert!(!server.cli(&["acl", "log"]).contains("publish"));
}

#[tokio::test]
async fn a_replica_and_a_server_that_evicts_are_refused() {
    let master = Server::start(&[]);
    let replica = Server::start(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
    eventually("the replica to follow", || {
        replica.cli(&["info", "replication"]).contains("master_link_status:up")
    });
    let line = refusal(&replica.state()).await;
    let wanted =
        format!("a read-only replica of 127.0.0.1:{}; `state` must lead to that master", master.port);
    assert!(line.contains(&wanted), "{line}");
    let evicting = Server::start(&["--maxmemory-policy", "allkeys-lru"]);
    let line = refusal(&evicting.state()).await;
    assert!(line.contains("`allkeys-lru`") && line.contains("set it to `noeviction`"), "{line}");
}

#[tokio::test]
async fn a_server_that_begins_to_evict_gets_no_calls_until_that_is_put_right() {
    let server = Server::start(&[]);
    let link = open(&server.state()).await;
    assert_eq!(server.cli(&["config", "set", "maxmemory-policy", "volatile-lru"]), "OK");
    let until = Instant::now() + Duration::from_secs(10);
    let line = loop {
        assert!(Instant::now() < until);
        match link.run(call(0, &["set", "1"])).await {
            Err(StoreError::Unavailable(line)) => break line,
            _ => sleep(Duration::from_millis(50)).await,
        }
    };
    assert!(line.contains("`volatile-lru`, by which it would drop deliveries"), "{line}");
    assert_eq!(server.cli(&["config", "set", "maxmemory-policy", "noeviction"]), "OK");
    assert_eq!(works(&link, 0, &["set", "2"]).await, text("done"));
}

#[tokio::test]
async fn a_master_that_becomes_a_replica_gets_no_calls_any_more() {
    let (master, other) = (Server::start(&[]), Server::start(&[]));
    let link = open(&master.state()).await;
    link.run(call(0, &["set", "1"])).await.unwrap();
    assert_eq!(master.cli(&["replicaof", "127.0.0.1", &other.port.to_string()]), "OK");
    let line = failure(&link, &["set", "2"]).await;
    assert!(line.contains("this is a read-only replica"), "{line}");
    sleep(Duration::from_millis(300)).await;
    let line = failure(&link, &["get"]).await;
    assert!(line.contains(&format!("replica of 127.0.0.1:{}", other.port)), "{line}");
    assert_eq!(master.cli(&["replicaof", "no", "one"]), "OK");
    works(&link, 0, &["set", "3"]).await;
}

#[tokio::test]
async fn the_url_of_one_server_does_for_no_cluster_and_the_other_way_round() {
    let node = Server::start(&["--cluster-enabled", "yes"]);
    let line = refusal(&node.state()).await;
    assert!(line.contains("a node of a cluster; write `redis+cluster://"), "{line}");
    let plain = Server::start(&[]);
    let line = refusal(&state(RedisServers::Cluster(vec![("127.0.0.1".into(), plain.port)]))).await;
    assert!(line.contains("no node of a cluster; write `redis://"), "{line}");
    let line = refusal(&state(RedisServers::Cluster(vec![("127.0.0.1".into(), node.port)]))).await;
    assert!(line.contains("no node of the cluster serves slot"), "{line}");
    let sentinel = Server::sentinel("");
    let line = refusal(&sentinel.state()).await;
    assert!(line.contains("write `redis+sentinel://"), "{line}");
}

#[tokio::test]
async fn memory_that_runs_full_is_told_before_and_when_it_is_full() {
    let server = Server::start(&[]);
    let full = Redis { max_memory: MaxMemory::Bytes(1024), ..server.state() };
    let line = open(&full).await;
    eventually_async(|| line.is_full()).await;
    let link = open(&server.state()).await;
    assert_eq!(link.is_full(), None);
    let used: u64 = {
        let info = server.cli(&["info", "memory"]);
        info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap().trim().parse().unwrap()
    };
    server.cli(&["config", "set", "maxmemory", &(used * 11 / 10).to_string()]);
    let line = eventually_async(|| link.is_full()).await;
    assert!(line.contains("its memory is full") && line.contains("80% of its maxmemory"), "{line}");
    server.cli(&["config", "set", "maxmemory", "1"]);
    let line = failure(&link, &["set", "1"]).await;
    assert!(line.contains("the server's memory is full (maxmemory)"), "{line}");
    server.cli(&["config", "set", "maxmemory", "0"]);
    assert_eq!(link.run(call(0, &["set", "1"])).await, Ok(text("done")));
}

async fn eventually_async<T>(is: impl Fn() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = is() {
            return found;
        }
        assert!(Instant::now() < until);
        sleep(Duration::from_millis(20)).await;
    }
}

const INFO: &str = "# Server\nredis_version:7.4.1\nredis_mode:standalone\nrun_id:one\nrole:master\ncluster_enabled:0\n\
                    maxmemory_policy:noeviction\naof_enabled:1\n";
const SETTINGS: &str = "*4\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n$11\r\nappendfsync\r\n$8\r\neverysec\r\n";

#[tokio::test]
async fn a_server_that_is_too_old_is_refused() {
    let fake = Fake::start(&INFO.replace("7.4.1", "5.0.14"), &[]).await;
    let line = refusal(&fake.state()).await;
    assert!(line.contains("this is Redis 5.0.14, which is too old; use Redis 7.0 or newer"), "{line}");
}

#[tokio::test]
async fn with_fsync_an_answer_counts_when_the_disk_has_it() {
    let answers =
        [("CONFIG", SETTINGS), ("EVAL", "*0\r\n"), ("EVALSHA", ":7\r\n"), ("WAITAOF", "*2\r\n:1\r\n:0\r\n")];
    let fake = Fake::start(INFO, &answers).await;
    let link = open(&Redis { durability: Durability::Fsync, ..fake.state() }).await;
    assert_eq!(link.run(call(0, &["read"])).await, Ok(Value::Int(7)));
    assert_eq!(fake.count("WAITAOF"), 0);
    let written = Call { writes: true, ..call(0, &["write"]) };
    assert_eq!(link.run(written).await, Ok(Value::Int(7)));
    assert_eq!(fake.count("WAITAOF"), 1);
    let asked = fake.asked.lock().unwrap();
    let place = |name: &str| asked.iter().rposition(|words| words[0] == name).unwrap();
    assert!(place("EVALSHA") < place("SET") && place("SET") < place("WAITAOF"));
    assert_eq!(asked[place("SET")][1], "{test:0}:disk");
}

#[tokio::test]
async fn what_the_disk_does_not_have_in_time_is_of_unknown_fate() {
    for (answer, wanted) in [
        ("*2\r\n:0\r\n:0\r\n", "not on disk within 4000 ms, so its fate is unknown"),
        ("-ERR WAITAOF cannot be used now\r\n", "so the call's fate is unknown"),
    ] {
        let answers = [("CONFIG", SETTINGS), ("EVAL", "*0\r\n"), ("EVALSHA", ":7\r\n"), ("WAITAOF", answer)];
        let fake = Fake::start(INFO, &answers).await;
        let link = open(&Redis { durability: Durability::Fsync, ..fake.state() }).await;
        let written = Call { writes: true, ..call(0, &["write"]) };
        let line = link.run(written).await.unwrap_err().to_string();
        assert!(line.contains(wanted), "{line}");
    }
}

#[tokio::test]
async fn fsync_is_refused_where_the_server_cannot_promise_it() {
    let cases: [(&[&str], &str); 2] = [
        (&[], "needs `appendonly yes`"),
        (&["--appendonly", "yes"], "needs Redis 7.2 or Valkey, this is 7.0"),
    ];
    for (settings, wanted) in cases {
        let server = Server::start(settings);
        let line = refusal(&Redis { durability: Durability::Fsync, ..server.state() }).await;
        assert!(line.contains(wanted), "{line}");
    }
    let server = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]);
    let link = open(&Redis { durability: Durability::Fsync, ..server.state() }).await;
    let written = Call { writes: true, ..call(0, &["set", "1"]) };
    assert_eq!(link.run(written).await, Ok(text("done")));
}
