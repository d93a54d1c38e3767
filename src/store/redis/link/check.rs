//! Whether a server can keep a state, and what would be lost with it. Judges what the server said;
//! asks nothing.

use super::facts::Facts;
use crate::config::{Durability, Redis, RedisServers};

/// The oldest Redis with what the script needs, and the oldest that is tested.
const OLDEST: (u32, u32) = (6, 2);
const TESTED: (u32, u32) = (7, 0);
/// The first that can tell when something is on disk.
const WAITAOF: (u32, u32) = (7, 2);

/// How the config's durability is reached at a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durable {
    /// Its answer is enough.
    Answered,
    /// Its disk is waited for.
    Awaited,
}

/// Refuses a server that cannot keep the state: one line with the remedy.
pub(super) fn check(facts: &Facts, state: &Redis) -> Result<Durable, String> {
    version(facts)?;
    kind(facts, state)?;
    role(facts)?;
    eviction(facts)?;
    durable(facts, state.durability)
}

fn version(facts: &Facts) -> Result<(), String> {
    let version = facts.version();
    if version.redis >= OLDEST {
        return Ok(());
    }
    let (name, text) = (version.name, version.text);
    Err(format!("this is {name} {text}, which is too old; use Redis 7.0 or newer, or Valkey"))
}

/// Whether it is what the URL says: one server, or a node of a cluster.
pub(super) fn kind(facts: &Facts, state: &Redis) -> Result<(), String> {
    let by_cluster = matches!(state.servers, RedisServers::Cluster(_));
    let refused = match (facts.info("redis_mode"), facts.info("cluster_enabled"), by_cluster) {
        ("sentinel", ..) => {
            "this is a sentinel, not the server; write `redis+sentinel://HOST:PORT/MASTER-NAME` in `state`"
        }
        (_, "1", false) => "this is a node of a cluster; write `redis+cluster://…` in `state`",
        (_, "0", true) => "this server is no node of a cluster; write `redis://…` in `state`",
        _ => return Ok(()),
    };
    Err(refused.to_owned())
}

fn role(facts: &Facts) -> Result<(), String> {
    if facts.info("role") != "slave" {
        return Ok(());
    }
    let (host, port) = (facts.info("master_host"), facts.info("master_port"));
    Err(format!("this is a read-only replica of {host}:{port}; `state` must lead to that master"))
}

fn eviction(facts: &Facts) -> Result<(), String> {
    match facts.info("maxmemory_policy") {
        "" | "noeviction" => Ok(()),
        policy => Err(format!(
            "its maxmemory-policy is `{policy}`, by which it would drop deliveries; set it to `noeviction`"
        )),
    }
}

fn durable(facts: &Facts, wanted: Durability) -> Result<Durable, String> {
    if wanted == Durability::Server {
        return Ok(Durable::Answered);
    }
    let flush = facts.setting("appendfsync");
    if facts.info("aof_enabled") != "1" {
        return Err("`durability: fsync` needs `appendonly yes` at the server; set it there, or write \
                    `durability: server`"
            .to_owned());
    }
    match flush {
        // It answers after it has flushed.
        Some("always") => Ok(Durable::Answered),
        Some("no") => Err("`durability: fsync` cannot be had with `appendfsync no`; set `everysec` or \
                           `always` at the server"
            .to_owned()),
        _ if facts.version().redis >= WAITAOF => Ok(Durable::Awaited),
        _ => Err(format!(
            "`durability: fsync` needs Redis 7.2 or Valkey, this is {}; update it, set `appendfsync always` \
             there, or write `durability: server`",
            facts.version().text
        )),
    }
}

/// What the operator should know of a server that is not refused.
pub(super) fn warnings(facts: &Facts, state: &Redis) -> Vec<String> {
    let mut found = Vec::new();
    let version = facts.version();
    if version.redis < TESTED {
        found.push(format!("{} {} is older than what is tested (Redis 7.0)", version.name, version.text));
    }
    if facts.info("maxmemory_policy").is_empty() {
        found.push("the server does not tell its maxmemory-policy; it must be `noeviction`".to_owned());
    }
    if state.durability == Durability::Server {
        found.extend(loss(facts));
    }
    found
}

/// What is lost when the server's machine fails; `None`: nothing.
fn loss(facts: &Facts) -> Option<String> {
    let (lost, remedy) = match (facts.info("aof_enabled"), facts.setting("appendfsync")) {
        ("1", Some("always")) => return None,
        ("1", Some("no")) => ("what the system has not written to disk, often half a minute", ALWAYS),
        ("1", Some(_)) => ("up to one second, more if its disk is slow", ALWAYS),
        ("1", None) => ("what its appendfsync allows, which it does not tell: else up to one second", ALWAYS),
        _ if facts.setting("save") == Some("") => ("everything, as it saves nothing", APPEND),
        _ => ("everything since its last snapshot", APPEND),
    };
    Some(format!("what is accepted may be lost when the server fails: {lost}; {remedy}"))
}

const ALWAYS: &str = "set `appendfsync always` there, or `durability: fsync` here, if that is too much";
const APPEND: &str = "set `appendonly yes` there";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redis::link::tests::bed::state;

    const GOOD: [(&str, &str); 6] = [
        ("redis_version", "7.0.15"),
        ("redis_mode", "standalone"),
        ("role", "master"),
        ("cluster_enabled", "0"),
        ("maxmemory_policy", "noeviction"),
        ("aof_enabled", "1"),
    ];

    fn one() -> Redis {
        state(RedisServers::One("h".into(), 1))
    }

    fn facts(changed: &[(&str, &str)], settings: Option<&[(&str, &str)]>) -> Facts {
        Facts::told(&[&GOOD, changed].concat(), settings)
    }

    #[test]
    fn what_cannot_keep_a_state_is_refused_with_the_remedy() {
        assert_eq!(check(&facts(&[], None), &one()), Ok(Durable::Answered));
        let cluster = state(RedisServers::Cluster(Vec::new()));
        let replica = [("role", "slave"), ("master_host", "10.0.0.1"), ("master_port", "6380")];
        let cases: [(&[(&str, &str)], Redis, &str); 9] = [
            (&[("redis_version", "6.0.16")], one(), "this is Redis 6.0.16, which is too old; use Redis 7.0"),
            (&[("redis_version", "")], one(), "too old"),
            (&replica, one(), "a read-only replica of 10.0.0.1:6380"),
            (&[("maxmemory_policy", "allkeys-lru")], one(), "`allkeys-lru`, by which it would drop"),
            (&[("maxmemory_policy", "volatile-ttl")], one(), "set it to `noeviction`"),
            (&[("cluster_enabled", "1")], one(), "write `redis+cluster://"),
            (&[], cluster.clone(), "write `redis://"),
            (&[("redis_mode", "sentinel")], one(), "write `redis+sentinel://"),
            (&[("redis_mode", "sentinel")], cluster, "write `redis+sentinel://"),
        ];
        for (changed, state, wanted) in cases {
            let line = check(&facts(changed, None), &state).unwrap_err();
            assert!(line.contains(wanted), "{line}");
        }
    }

    #[test]
    fn fsync_is_awaited_where_the_answer_does_not_mean_it_and_refused_where_it_cannot_be_had() {
        let always: &[(&str, &str)] = &[("appendfsync", "always")];
        let everysec: &[(&str, &str)] = &[("appendfsync", "everysec")];
        let never: &[(&str, &str)] = &[("appendfsync", "no")];
        let (old, new) = ([("redis_version", "7.0.15")], [("redis_version", "7.2.4")]);
        let off = [("redis_version", "7.4.0"), ("aof_enabled", "0")];
        let cases: [(&[(&str, &str)], _, Result<Durable, &str>); 7] = [
            (&old, Some(always), Ok(Durable::Answered)),
            (&new, Some(always), Ok(Durable::Answered)),
            (&new, Some(everysec), Ok(Durable::Awaited)),
            (&new, None, Ok(Durable::Awaited)),
            (&old, Some(everysec), Err("needs Redis 7.2 or Valkey, this is 7.0.15")),
            (&off, Some(always), Err("needs `appendonly yes`")),
            (&new, Some(never), Err("set `everysec` or `always`")),
        ];
        for (changed, settings, wanted) in cases {
            let state = Redis { durability: Durability::Fsync, ..one() };
            match (check(&facts(changed, settings), &state), wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted),
                (Err(line), Err(wanted)) => assert!(line.contains(wanted), "{line}"),
                (found, wanted) => panic!("{found:?} instead of {wanted:?}"),
            }
        }
    }

    #[test]
    fn the_operator_is_told_how_much_may_be_lost() {
        let off: &[(&str, &str)] = &[("aof_enabled", "0")];
        let cases: [(&[(&str, &str)], Option<&[(&str, &str)]>, Option<&str>); 6] = [
            (&[], Some(&[("appendfsync", "always")]), None),
            (&[], Some(&[("appendfsync", "everysec")]), Some("up to one second, more")),
            (&[], Some(&[("appendfsync", "no")]), Some("half a minute")),
            (&[], None, Some("does not tell")),
            (off, Some(&[("save", "3600 1")]), Some("everything since its last snapshot")),
            (off, Some(&[("save", "")]), Some("everything, as it saves nothing")),
        ];
        for (changed, settings, wanted) in cases {
            let found = warnings(&facts(changed, settings), &one());
            match wanted {
                None => assert!(found.is_empty(), "{found:?}"),
                Some(wanted) => assert!(found.len() == 1 && found[0].contains(wanted), "{found:?}"),
            }
        }
        let old =
            warnings(&facts(&[("redis_version", "6.2.14")], Some(&[("appendfsync", "always")])), &one());
        assert_eq!(old, ["Redis 6.2.14 is older than what is tested (Redis 7.0)"]);
    }

    #[test]
    fn valkey_is_known_by_the_redis_that_it_replaces() {
        let facts = facts(&[("redis_version", "7.2.4"), ("valkey_version", "8.0.1")], None);
        let version = facts.version();
        assert_eq!((version.name, version.text, version.redis), ("Valkey", "8.0.1", (7, 2)));
    }
}
