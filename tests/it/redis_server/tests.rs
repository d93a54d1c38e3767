//! The servers are what they say they are.

use std::fs;

use redis::{Cmd, ConnectionLike, RedisError, Value};

use super::{Chopper, Cluster, Options, Reply, Sentinels, Server};
use crate::process::free_port;

fn connect(url: &str) -> redis::Connection {
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

fn ask(connection: &mut impl ConnectionLike, words: &[&str]) -> Result<Value, RedisError> {
    let mut command = Cmd::new();
    for word in words {
        command.arg(word);
    }
    command.query(connection)
}

#[test]
fn a_server_answers_until_it_is_killed_and_comes_back_empty() {
    let mut server = Server::start(Options::default());
    ask(&mut connect(&server.url()), &["SET", "a", "1"]).unwrap();
    assert_eq!(server.cli(&["GET", "a"]), "1");
    server.kill();
    assert!(server.ask(&["PING"]).is_err());
    let port = server.port();
    server.restart();
    assert_eq!((server.port(), server.cli(&["DBSIZE"]).as_str()), (port, "0"));
}

#[test]
fn a_server_that_appends_comes_back_with_what_it_had() {
    let mut server = Server::start(Options::default().append_only("always"));
    server.cli(&["SET", "a", "1"]);
    server.kill();
    server.restart();
    assert_eq!(server.cli(&["GET", "a"]), "1");
    assert_eq!(server.info("aof_enabled"), "1");
}

#[test]
fn a_server_that_stands_still_answers_when_it_goes_on() {
    let server = Server::start(Options::default());
    let mut connection = connect(&server.url());
    let wait = std::time::Duration::from_millis(200);
    connection.set_read_timeout(Some(wait)).unwrap();
    server.stop();
    assert!(ask(&mut connection, &["SET", "a", "1"]).unwrap_err().is_timeout());
    server.go_on();
    super::until("it did what it was asked", || server.cli(&["GET", "a"]) == "1");
}

#[test]
fn a_password_is_asked_for() {
    let server = Server::start(Options::default().password("s3cret"));
    ask(&mut connect(&server.url()), &["PING"]).unwrap();
    let open = format!("redis://127.0.0.1:{}/", server.port());
    let refused = ask(&mut connect(&open), &["PING"]).unwrap_err().to_string();
    assert!(refused.contains("Authentication required"), "{refused}");
}

#[test]
fn a_user_may_do_what_its_rules_say() {
    let server = Server::start(Options::default().user("ann", "pw", "~mine:* +@all -@dangerous"));
    let mut connection = connect(&server.url());
    ask(&mut connection, &["SET", "mine:a", "1"]).unwrap();
    for refused in [&["SET", "yours:a", "1"][..], &["CONFIG", "GET", "*"]] {
        let refused = ask(&mut connection, refused).unwrap_err().to_string();
        assert!(refused.contains("permission"), "{refused}");
    }
    assert_eq!(server.cli(&["GET", "mine:a"]), "1");
}

#[test]
fn tls_is_spoken_with_a_certificate_of_its_own_authority() {
    for (options, shown) in [(Options::default().tls(), false), (Options::default().mutual_tls(), true)] {
        let server = Server::start(options);
        let (certificate, key) = server.client_certificate();
        let read = |path| fs::read(path).unwrap();
        let identity = redis::ClientTlsConfig { client_cert: read(certificate), client_key: read(key) };
        let client = |ca: Option<Vec<u8>>, identity| {
            let certificates = redis::TlsCertificates { client_tls: identity, root_cert: ca };
            redis::Client::build_with_tls(server.url(), certificates).unwrap().get_connection()
        };
        let ca = Some(read(server.ca()));
        ask(&mut client(ca.clone(), Some(identity)).unwrap(), &["PING"]).unwrap();
        assert!(client(None, None).is_err(), "an authority that nobody knows");
        assert_eq!(client(ca, None).is_err(), shown, "without a certificate");
        assert_eq!(server.cli(&["PING"]), "PONG");
    }
}

#[test]
fn a_socket_file_is_enough() {
    let server = Server::start(Options::default().unix());
    ask(&mut connect(&server.url()), &["SET", "a", "1"]).unwrap();
    assert_eq!(server.cli(&["GET", "a"]), "1");
    assert_eq!(server.info("tcp_port"), "0");
}

#[test]
fn a_full_memory_refuses_writes() {
    let server = Server::start(Options::default().memory("2mb", "noeviction"));
    let mut connection = connect(&server.url());
    let big = "x".repeat(1 << 20);
    let refused = (0..4).find_map(|n| ask(&mut connection, &["SET", &n.to_string(), &big]).err());
    assert!(refused.unwrap().to_string().contains("maxmemory"));
}

#[test]
fn a_replica_follows_its_master() {
    let master = Server::start(Options::default().password("s3cret"));
    let replica = Server::start(Options::default().replica_of(&master));
    master.cli(&["SET", "a", "1"]);
    super::until("the replica has it", || replica.ask(&["GET", "a"]).is_ok_and(|value| value == "1"));
    assert!(replica.ask(&["SET", "a", "2"]).unwrap_err().contains("READONLY"));
}

#[test]
fn the_cluster_answers_on_every_slot() {
    let cluster = Cluster::start();
    let places = cluster.url().strip_prefix("redis+cluster://").unwrap().to_owned();
    let urls = places.split(',').map(|place| format!("redis://{place}"));
    let mut connection = redis::cluster::ClusterClient::new(urls).unwrap().get_connection().unwrap();
    for n in 0..300 {
        ask(&mut connection, &["SET", &format!("key-{n}"), "1"]).unwrap();
    }
    let sizes: Vec<usize> = cluster.nodes.iter().map(|node| node.cli(&["DBSIZE"]).parse().unwrap()).collect();
    assert!(sizes.iter().sum::<usize>() == 300 && sizes.iter().all(|size| *size > 50), "{sizes:?}");
}

#[test]
fn a_slot_moves_with_its_keys() {
    let cluster = Cluster::start();
    let slot = cluster.slot("{p}:a");
    let (from, to) = (cluster.owner(slot), (cluster.owner(slot) + 1) % 3);
    cluster.nodes[from].cli(&["SET", "{p}:a", "1"]);
    cluster.move_slot(slot, to);
    assert_eq!(cluster.owner(slot), to);
    assert_eq!(cluster.nodes[to].cli(&["GET", "{p}:a"]), "1");
    assert!(cluster.nodes[from].ask(&["GET", "{p}:a"]).unwrap_err().contains("MOVED"));
}

#[test]
fn the_replica_takes_over_from_a_killed_master() {
    let mut group = Sentinels::start();
    assert_eq!(group.url().split(',').count(), 3, "{}", group.url());
    let old = group.master_port();
    group.master().cli(&["SET", "a", "1"]);
    let replica = group.servers.iter().find(|server| server.port() != old).unwrap();
    super::until("the replica has it", || replica.cli(&["GET", "a"]) == "1");
    group.kill_master();
    group.until_failed_over(old);
    let master = group.master();
    assert_ne!(master.port(), old);
    master.cli(&["SET", "a", "2"]);
    let old = group.servers.iter_mut().find(|server| server.port() == old).unwrap();
    old.restart();
    super::until("the old master follows", || old.info("role") == "slave" && old.cli(&["GET", "a"]) == "2");
}

#[test]
fn a_way_is_cut_after_so_many_requests() {
    let server = Server::start(Options::default());
    let chopper = Chopper::counting(&server, |words| words[0] == b"INCR");
    for (requests, reply) in [(1, Reply::Passed), (3, Reply::Passed), (3, Reply::Swallowed)] {
        server.cli(&["DEL", "n"]);
        let before = chopper.passed();
        let mut connection = connect(&chopper.url());
        let mut other = connect(&chopper.url());
        chopper.cut_after(requests, reply);
        let answered = (0..5).take_while(|_| ask(&mut connection, &["INCR", "n"]).is_ok()).count();
        chopper.until_cut();
        assert_eq!(server.cli(&["GET", "n"]), requests.to_string());
        assert_eq!(answered, requests - usize::from(reply == Reply::Swallowed));
        assert_eq!(chopper.passed() - before, requests);
        assert!(ask(&mut other, &["GET", "n"]).is_err(), "no connection is left");
        assert!(redis::Client::open(chopper.url()).unwrap().get_connection().is_err(), "and none comes up");
        chopper.mend();
        ask(&mut connect(&chopper.url()), &["GET", "n"]).unwrap();
    }
}

#[test]
fn requests_that_come_together_are_cut_apart() {
    let server = Server::start(Options::default());
    let chopper = Chopper::counting(&server, |words| words[0] == b"INCR");
    let mut connection = connect(&chopper.url());
    chopper.cut_after(2, Reply::Swallowed);
    let mut together = redis::pipe();
    for _ in 0..50 {
        together.cmd("INCR").arg("n");
    }
    assert!(together.query::<Value>(&mut connection).is_err());
    chopper.until_cut();
    assert_eq!(server.cli(&["GET", "n"]), "2");
}

#[test]
fn who_subscribes_hears_through_a_way_that_counts() {
    let server = Server::start(Options::default());
    let chopper = Chopper::start(&server);
    let mut connection = connect(&chopper.url());
    let mut heard = connection.as_pubsub();
    heard.subscribe("bells").unwrap();
    server.cli(&["PUBLISH", "bells", "ring"]);
    assert_eq!(heard.get_message().unwrap().get_payload::<String>().unwrap(), "ring");
    chopper.cut_after(0, Reply::Passed);
    assert!(heard.get_message().is_err());
}

#[test]
fn ports_are_given_once() {
    let ports: std::collections::BTreeSet<u16> = (0..200).map(|_| free_port()).collect();
    assert_eq!(ports.len(), 200);
}
