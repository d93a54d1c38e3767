//! One server that serves, stops, and serves again.

use super::bed::{Server, state};
use super::*;
use crate::config::RedisServers;

#[tokio::test]
async fn a_script_runs_with_the_key_of_its_partition() {
    let server = Server::start(&[]);
    let link = open(&config::Redis { partitions: 3, ..server.state() }).await;
    for (partition, key) in [(0, "{test:0}"), (2, "{test:2}")] {
        assert_eq!(link.run(call(partition, &["key"])).await, Ok(text(key)));
    }
}

#[tokio::test]
async fn a_server_that_forgot_the_script_gets_it_again() {
    let server = Server::start(&[]);
    let link = open(&server.state()).await;
    assert_eq!(link.run(call(0, &["key"])).await, Ok(text("{test:0}")));
    assert_eq!(server.cli(&["script", "flush"]), "OK");
    assert_eq!(link.run(call(0, &["key"])).await, Ok(text("{test:0}")));
}

#[tokio::test]
async fn a_script_that_fails_is_told_as_what_it_is() {
    let server = Server::start(&[]);
    let link = open(&server.state()).await;
    let line = failure(&link, &["fail"]).await;
    assert!(line.contains("the script failed: ERR ") && line.ends_with("report this"), "{line}");
}

#[tokio::test]
async fn while_the_server_is_away_calls_fail_at_once_and_then_they_work_again() {
    let mut server = Server::start(&[]);
    let link = open(&server.state()).await;
    let mut ear = link.listen();
    assert_eq!(hears(&mut ear).await, Heard::Connected);
    server.kill();
    let mut last = failure(&link, &["key"]).await;
    for _ in 0..100 {
        let begun = Instant::now();
        last = failure(&link, &["key"]).await;
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
        sleep(Duration::from_millis(5)).await;
    }
    let wanted = format!("127.0.0.1:{}: could not connect: connection refused", server.port);
    assert!(last.starts_with(&wanted) && last.contains("nothing listens there"), "{last}");
    server.restart();
    assert_eq!(works(&link, 0, &["key"]).await, text("{test:0}"));
    assert_eq!(hears(&mut ear).await, Heard::Connected);
}

#[tokio::test]
async fn a_call_under_way_when_the_server_dies_is_said_to_be_of_unknown_fate() {
    let mut server = Server::start(&[]);
    let link = open(&server.state()).await;
    let copy = link.clone();
    let spinning = tokio::spawn(async move { failure(&copy, &["spin"]).await });
    sleep(Duration::from_millis(200)).await;
    server.kill();
    let line = spinning.await.unwrap();
    assert!(line.ends_with("the connection was lost during the call, so its fate is unknown"), "{line}");
}

#[tokio::test]
async fn a_silent_server_costs_one_call_its_time_and_the_later_ones_nothing() {
    let server = Server::start(&[]);
    let link = open(&server.state()).await;
    let begun = Instant::now();
    let line = failure(&link, &["spin"]).await;
    assert!(line.contains("no answer in time"), "{line}");
    assert!(begun.elapsed() < Duration::from_secs(7), "{:?}", begun.elapsed());
    let begun = Instant::now();
    failure(&link, &["key"]).await;
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    assert_eq!(server.cli(&["script", "kill"]), "OK");
    assert_eq!(works(&link, 0, &["key"]).await, text("{test:0}"));
}

#[tokio::test]
async fn what_a_script_publishes_is_heard_word_for_word() {
    let server = Server::start(&[]);
    let link = open(&server.state()).await;
    let mut ear = link.listen();
    assert_eq!(hears(&mut ear).await, Heard::Connected);
    assert_eq!(link.channel(), "test:bell");
    assert_eq!(link.run(call(0, &["ring", "other", "no"])).await, Ok(Value::Int(0)));
    assert_eq!(link.run(call(0, &["ring", link.channel(), "a\r\nb"])).await, Ok(Value::Int(1)));
    assert_eq!(hears(&mut ear).await, Heard::Message(b"a\r\nb".to_vec()));
}

#[tokio::test]
async fn after_closing_nothing_runs_and_nothing_stays_connected() {
    let server = Server::start(&[]);
    let link = open(&server.state()).await;
    link.close().await;
    assert_eq!(failure(&link, &["key"]).await, "it is closed");
    bed::eventually("the connections to end", || server.cli(&["client", "list"]).lines().count() == 1);
}

#[tokio::test]
async fn dropping_the_last_copy_ends_the_connections() {
    let server = Server::start(&[]);
    let link = open(&server.state()).await;
    let copy = link.clone();
    drop(link);
    assert_eq!(copy.run(call(0, &["key"])).await, Ok(text("{test:0}")));
    drop(copy);
    let until = Instant::now() + Duration::from_secs(5);
    while server.cli(&["client", "list"]).lines().count() > 1 {
        assert!(Instant::now() < until);
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_socket_in_the_file_system_and_another_database_serve_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.sock");
    let server = Server::start(&["--unixsocket", path.to_str().unwrap()]);
    let by_socket = config::Redis { database: 3, ..state(RedisServers::Unix(path)) };
    let link = open(&by_socket).await;
    assert_eq!(link.run(call(0, &["set", "1"])).await, Ok(text("done")));
    assert_eq!(server.cli(&["-n", "3", "get", "{test:0}:x"]), "1");
    assert_eq!(server.cli(&["get", "{test:0}:x"]), "");
}

#[tokio::test]
async fn many_calls_at_once_all_get_their_own_answers() {
    let server = Server::start(&[]);
    let link = open(&config::Redis { partitions: 100, ..server.state() }).await;
    let mut calls = tokio::task::JoinSet::new();
    for partition in 0..100 {
        let link = link.clone();
        calls.spawn(async move { (partition, link.run(call(partition, &["key"])).await) });
    }
    while let Some(done) = calls.join_next().await {
        let (partition, answer) = done.unwrap();
        assert_eq!(answer, Ok(text(&format!("{{test:{partition}}}"))));
    }
}
