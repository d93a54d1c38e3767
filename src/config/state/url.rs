//! The URL of a state in Redis, taken apart: scheme, credentials, servers, path, query. Every mistake
//! is told, and nothing of the URL is quoted: what stands where may be part of a password.

use std::net::Ipv6Addr;

use super::{Wrong, wrong};
use crate::percent;
use crate::secret::Secret;
use crate::yaml::nearest;

/// How the servers are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    One,
    Unix,
    Sentinel,
    Cluster,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scheme {
    pub kind: Kind,
    pub tls: bool,
}

impl Scheme {
    pub const ALL: [(&'static str, Self); 8] = [
        ("redis", Self { kind: Kind::One, tls: false }),
        ("rediss", Self { kind: Kind::One, tls: true }),
        ("redis+unix", Self { kind: Kind::Unix, tls: false }),
        ("unix", Self { kind: Kind::Unix, tls: false }),
        ("redis+sentinel", Self { kind: Kind::Sentinel, tls: false }),
        ("rediss+sentinel", Self { kind: Kind::Sentinel, tls: true }),
        ("redis+cluster", Self { kind: Kind::Cluster, tls: false }),
        ("rediss+cluster", Self { kind: Kind::Cluster, tls: true }),
    ];

    fn usual_port(self) -> u16 {
        if self.kind == Kind::Sentinel { 26379 } else { 6379 }
    }

    /// How it is written, for those who wrote it otherwise.
    pub fn form(self) -> &'static str {
        match self.kind {
            Kind::One => "write it as `redis://USER:PASSWORD@HOST:6379/0`",
            Kind::Unix => "write it as `redis+unix:///run/redis/redis.sock?db=0`",
            Kind::Sentinel => {
                "write it as `redis+sentinel://USER:PASSWORD@HOST1:26379,HOST2:26379/MASTER-NAME/0`"
            }
            Kind::Cluster => "write it as `redis+cluster://USER:PASSWORD@HOST1:6379,HOST2:6379`",
        }
    }
}

/// The query parameters there are. The database of a socket has no other place.
pub(super) const PARAMETERS: [&str; 8] = [
    "db",
    "prefix",
    "partitions",
    "durability",
    "compress_above",
    "max_memory",
    "sentinel_user",
    "sentinel_password",
];

/// Everything is decoded.
#[derive(Debug)]
pub(super) struct Url {
    pub scheme: Scheme,
    pub user: Option<String>,
    pub password: Option<Secret>,
    /// None for a socket.
    pub servers: Vec<(String, u16)>,
    /// With its first slash, or empty.
    pub path: String,
    /// Of [`PARAMETERS`], each at most once.
    pub query: Vec<(&'static str, String)>,
}

const ENCODED: &str =
    "in a password `/`, `?`, `#`, `@` and `%` are written `%2F`, `%3F`, `%23`, `%40` and `%25`";

impl Url {
    /// Takes `text` apart, whose scheme is known, as far as that goes.
    pub fn parse(scheme: Scheme, text: &str, found: &mut Vec<Wrong>) -> Option<Self> {
        let Some((_, rest)) = text.split_once("://") else {
            found.push(wrong("lacks the `//` after its scheme", scheme.form()));
            return None;
        };
        if rest.contains('#') {
            found.push(wrong("has a `#`, which means nothing there", ENCODED));
        }
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if rest.contains('@') {
            found.push(wrong("has an `@` after its host", ENCODED));
            return None;
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (credentials, hosts),
            None => ("", authority),
        };
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        Some(Self {
            scheme,
            user: decoded(user, "a user", found).filter(|user| !user.is_empty()),
            password: decoded(password, "a password", found)
                .filter(|password| !password.is_empty())
                .map(Secret::new),
            servers: servers(scheme, hosts, found),
            path: decoded(path, "a path", found).unwrap_or_default(),
            query: parameters(query, found),
        })
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

fn decoded(text: &str, what: &str, found: &mut Vec<Wrong>) -> Option<String> {
    let decoded = percent::decode(text);
    if decoded.is_none() {
        found.push(wrong(format!("has {what} with a `%` that encodes nothing"), ENCODED));
    }
    decoded
}

fn servers(scheme: Scheme, hosts: &str, found: &mut Vec<Wrong>) -> Vec<(String, u16)> {
    match (scheme.kind, hosts) {
        (Kind::Unix, "") => return Vec::new(),
        (Kind::Unix, _) => {
            found.push(wrong("has a host before the path of its socket", scheme.form()));
            return Vec::new();
        }
        (Kind::One, hosts) if hosts.contains(',') => {
            let help =
                "several servers are a cluster (`redis+cluster://`) or sentinels (`redis+sentinel://`)";
            found.push(wrong("names several servers", help));
            return Vec::new();
        }
        _ => {}
    }
    let mut read = |host| server(host, scheme).map_err(|wrong| found.push(wrong)).ok();
    hosts.split(',').filter_map(&mut read).collect()
}

/// A host, perhaps with a port. An IPv6 address stands in brackets.
fn server(text: &str, scheme: Scheme) -> Result<(String, u16), Wrong> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) if host.parse::<Ipv6Addr>().is_ok() => match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(wrong("has something between a host and its port", scheme.form())),
        },
        Some(_) => return Err(wrong("has brackets around what is no IPv6 address", scheme.form())),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if port.is_some_and(|port| port.contains(':')) {
        return Err(wrong("has several colons in a host", "write an IPv6 address in brackets: `[::1]:6379`"));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        let what = if host.is_empty() { "names no host" } else { "names a host that can be none" };
        return Err(wrong(what, scheme.form()));
    }
    let port = match port.map(str::parse::<u16>) {
        None => scheme.usual_port(),
        Some(Ok(port @ 1..)) => port,
        Some(_) => {
            let help = format!("ports go from 1 to 65535; {ENCODED}");
            return Err(wrong("has a port that is none", help));
        }
    };
    Ok((host.to_owned(), port))
}

fn parameters(query: &str, found: &mut Vec<Wrong>) -> Vec<(&'static str, String)> {
    let mut read: Vec<(&'static str, String)> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(name) = PARAMETERS.iter().find(|known| **known == name) else {
            found.push(wrong("has an unknown query parameter", nearest(name, &PARAMETERS)));
            continue;
        };
        if read.iter().any(|(seen, _)| seen == name) {
            found.push(wrong(format!("has the query parameter `{name}` twice"), "remove one of the two"));
        } else if let Some(value) = decoded(value, &format!("a parameter `{name}`"), found) {
            read.push((name, value));
        }
    }
    read
}
