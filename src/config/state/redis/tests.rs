//! What states in Redis are made of, and the words for what is wrong with them.

use std::path::Path;

use super::*;
use crate::config::{State, TlsVersion, state_url};
use crate::problem::Problems;

fn read(text: &str) -> Redis {
    match state_url(text, Path::new(".")) {
        Ok(State::Redis(redis)) => *redis,
        other => panic!("{text}: {other:?}"),
    }
}

/// What a config says that has only a state, or its problems.
fn config(text: &str) -> (Option<State>, Vec<String>) {
    let folder = crate::config::tests::folder();
    let mut problems = Problems::default();
    let config = crate::config::tests::read_from(&folder, text, &mut problems);
    let told = problems.into_sorted().into_iter().map(|problem| {
        let (line, column) = problem.at.unwrap();
        format!("{line}:{column} {} ({})", problem.message, problem.help.unwrap_or_default())
    });
    (config.map(|config| config.state), told.collect())
}

#[test]
fn every_form_of_a_url_leads_to_its_servers() {
    let one = |host: &str, port| RedisServers::One(host.into(), port);
    let two = || vec![("a".to_owned(), 26379), ("b".to_owned(), 7)];
    let sentinels = |user: Option<&str>, password: Option<&str>| RedisServers::Sentinel {
        sentinels: two(),
        master: "main".into(),
        user: user.map(Into::into),
        password: password.map(Secret::new),
    };
    let nodes = vec![("a".to_owned(), 6379), ("::1".to_owned(), 7000)];
    let cases = [
        ("redis://h", one("h", 6379), 0, false),
        ("REDIS://h/", one("h", 6379), 0, false),
        ("rediss://h:7/3", one("h", 7), 3, true),
        ("redis://[::1]:7/3", one("::1", 7), 3, false),
        ("redis://[fd00::1]?db=2", one("fd00::1", 6379), 2, false),
        ("redis+unix:///run/r.sock?db=1", RedisServers::Unix("/run/r.sock".into()), 1, false),
        ("unix:///run/r.sock", RedisServers::Unix("/run/r.sock".into()), 0, false),
        ("redis+sentinel://a,b:7/main/4", sentinels(None, None), 4, false),
        (
            "rediss+sentinel://a,b:7/main?sentinel_user=w&sentinel_password=x%26y",
            sentinels(Some("w"), Some("x&y")),
            0,
            true,
        ),
        ("redis+cluster://a,[::1]:7000", RedisServers::Cluster(nodes.clone()), 0, false),
        ("rediss+cluster://a,[::1]:7000/0", RedisServers::Cluster(nodes), 0, true),
    ];
    for (text, servers, database, encrypted) in cases {
        let redis = read(text);
        assert_eq!(
            (redis.servers, redis.database, redis.tls.is_some()),
            (servers, database, encrypted),
            "{text}"
        );
    }
}

#[test]
fn what_is_not_said_is_as_usual_and_a_cluster_is_cut_into_more() {
    let redis = read("redis://h");
    assert_eq!((redis.user, redis.password, redis.prefix.as_str()), (None, None, "crossconnect"));
    assert_eq!((redis.partitions, redis.durability), (1, Durability::Server));
    assert_eq!((redis.compress_above, redis.max_memory), (1024, MaxMemory::Percent(80)));
    assert_eq!(read("redis+cluster://h").partitions, 16);
    let redis =
        read("redis://h?prefix=a.b-c_1&partitions=256&durability=fsync&compress_above=4KiB&max_memory=20GiB");
    assert_eq!(
        (redis.prefix.as_str(), redis.partitions, redis.durability),
        ("a.b-c_1", 256, Durability::Fsync)
    );
    assert_eq!((redis.compress_above, redis.max_memory), (4096, MaxMemory::Bytes(20 << 30)));
    assert_eq!(read("redis://h?max_memory=100%25").max_memory, MaxMemory::Percent(100));
}

#[test]
fn credentials_are_decoded_and_may_be_half() {
    for (text, user, password) in [
        ("redis://ann:p%40s%2Fs%25@h", Some("ann"), Some("p@s/s%")),
        ("redis://:secret@h", None, Some("secret")),
        ("redis://ann@h", Some("ann"), None),
        ("redis://ann:a:b@h", Some("ann"), Some("a:b")),
        ("redis://@h", None, None),
        ("redis+unix://ann:x@/run/r.sock", Some("ann"), Some("x")),
    ] {
        let redis = read(text);
        let found = (redis.user.as_deref(), redis.password.as_ref().map(Secret::expose));
        assert_eq!(found, (user, password), "{text}");
    }
}

#[test]
fn mistakes_in_a_url_are_told_all_at_once_and_without_a_secret() {
    let cases: [(&str, &[&str]); 26] = [
        ("redi://hunter2@h", &["must begin with `sqlite:` or `redis://`", "did you mean `redis`?"]),
        ("redis+clutser://h", &["did you mean `redis+cluster`?"]),
        ("postgres://hunter2@h", &["must begin with", "`redis://HOST:6379/0`"]),
        ("redis:h", &["lacks the `//`"]),
        ("redis://", &["names no host"]),
        ("redis://:hunter2@", &["names no host"]),
        ("redis://:hunt/er2@h", &["an `@` after its host", "`%2F`"]),
        ("redis://:7", &["names no host"]),
        ("redis://h:0", &["a port that is none"]),
        ("redis://h:hunter2", &["a port that is none", "`%2F`"]),
        ("redis://::1", &["several colons", "`[::1]:6379`"]),
        ("redis://[h]:7", &["brackets around what is no IPv6"]),
        ("redis://[::1]7", &["something between a host and its port"]),
        ("redis://h h", &["a host that can be none"]),
        ("redis://a,b", &["several servers", "`redis+cluster://`"]),
        ("redis://u:hunter2%zz@h", &["has a password with a `%`", "`%25`"]),
        ("redis://h/main", &["a database that is none", "HOST:6379/0"]),
        ("redis://h/1?db=1", &["a database in its path and in its query"]),
        ("redis://h#x", &["has a `#`"]),
        ("redis+cluster://h/1", &["clusters have the database 0 only"]),
        ("redis+sentinel://h", &["which master the sentinels watch", "MASTER-NAME"]),
        ("redis+unix://run/r.sock", &["a host before the path of its socket", "redis+unix:///run"]),
        ("unix://", &["names no socket"]),
        ("redis://h?sentinel_user=a", &["logs in at sentinels and names none"]),
        ("redis://h?db=1&db=2", &["`db` twice"]),
        (
            "redis://h:0/x?prefx=hunter2&partitions=257&durability=fsnc&max_memory=101%25&compress_above=2GiB",
            &[
                "a port that is none",
                "a database that is none",
                "did you mean `prefix`?",
                "`partitions` that cannot",
                "did you mean `fsync`?",
                "shares go from",
                "the largest size",
            ],
        ),
    ];
    for (text, wanted) in cases {
        let line = state_url(text, Path::new(".")).map(drop).unwrap_err();
        assert!(!line.contains("hunter2") && !line.contains("er2@"), "{text}: {line}");
        for part in wanted {
            assert!(line.contains(part), "{text}: {line}");
        }
    }
    let line =
        state_url("redis://h?partitions=257&durability=fsnc&max_memory=101%25&prefix={a}", Path::new("."));
    assert_eq!(
        line.map(drop).unwrap_err(),
        "the URL of the state has a parameter `prefix` that cannot be used; it must be up to 64 letters, digits, \
         `.`, `_` and `-`; the URL of the state has a parameter `partitions` that cannot be used; it must be a \
         whole number from 1 to 256; the URL of the state has a parameter `durability` that cannot be used; did \
         you mean `fsync`?; the URL of the state has a parameter `max_memory` that cannot be used; shares go from \
         1% to 100%"
    );
}

#[test]
fn keys_say_what_the_url_leaves_open() {
    let text = "state: { url: 'rediss+sentinel://a/main', user: u, password: p, prefix: x, partitions: 4, \
                durability: fsync, compress_above: 2KiB, max_memory: 2GiB, sentinel: { user: su, password: sp }, \
                tls: { ca: ca.pem, client_cert: cert.pem, client_key: key.pem, min_version: 1.3 } }";
    let (state, problems) = config(text);
    assert!(problems.is_empty(), "{problems:?}");
    let Some(State::Redis(redis)) = state else { panic!() };
    assert_eq!((redis.user.as_deref(), redis.password), (Some("u"), Some(Secret::new("p"))));
    assert_eq!((redis.prefix.as_str(), redis.partitions, redis.durability), ("x", 4, Durability::Fsync));
    assert_eq!((redis.compress_above, redis.max_memory), (2048, MaxMemory::Bytes(2 << 30)));
    let RedisServers::Sentinel { user, password, .. } = redis.servers else { panic!() };
    assert_eq!((user.as_deref(), password), (Some("su"), Some(Secret::new("sp"))));
    let tls = redis.tls.unwrap();
    assert!(tls.verify && tls.ca.is_some() && tls.client.is_some() && tls.min_version == TlsVersion::Tls13);
    let (state, problems) = config("state: { url: sqlite:x.db }");
    assert!(problems.is_empty() && matches!(state, Some(State::Sqlite(path)) if path.ends_with("x.db")));
}

#[test]
fn mistakes_of_keys_are_told_with_their_places() {
    let cases: [(&str, &[&str]); 7] = [
        (
            "state: { url: 'redis://u:hunter2@h?prefix=a', user: v, password: hunter2, prefix: b }",
            &[
                "1:53 `state.user` stands in the url too (keep one of the two)",
                "1:66 `state.password` stands in the url too (keep one of the two)",
                "1:75 `state.prefix` stands in the url too (keep one of the two)",
            ],
        ),
        (
            "state:\n  url: redis://h\n  partitions: 0\n  durabilty: fsync\n  max_memory: 0%\n",
            &[
                "3:15 `state.partitions` must be a whole number from 1 to 256, this is `0` ()",
                "4:3 unknown key `state.durabilty` (did you mean `durability`?)",
                "5:15 `state.max_memory` must be a share such as `80%`, or a size such as `2GiB`, this is `0%` (shares \
                 go from 1% to 100%)",
            ],
        ),
        (
            "state:\n  url: redis://h\n  sentinel: { user: a }\n  tls: { verify: false }\n",
            &[
                "3:3 `state.sentinel` counts for a url of sentinels only (write the url with redis+sentinel://, or \
                 remove the key)",
                "4:3 `state.tls` counts for an encrypted url only (write the url with rediss://, or remove the key)",
            ],
        ),
        (
            "state: { url: sqlite:a.db, prefix: x }",
            &[
                "1:28 `state.prefix` counts for a state in Redis only (remove the key, or write a `url` that begins \
                 with `redis://`)",
            ],
        ),
        (
            "state: { url: 'redis://h:x' }",
            &[
                "1:15 `state.url` has a port that is none (ports go from 1 to 65535; in a password `/`, `?`, `#`, `@` and \
               `%` are written `%2F`, `%3F`, `%23`, `%40` and `%25`)",
            ],
        ),
        (
            "state: { prefix: x }",
            &["1:8 `state.url` is missing (such as `redis://redis.example.com:6379/0`)"],
        ),
        ("state: [a]", &["1:8 `state` must be a mapping, this is a list ()"]),
    ];
    for (text, wanted) in cases {
        assert_eq!(config(text).1, wanted, "{text}");
    }
}
