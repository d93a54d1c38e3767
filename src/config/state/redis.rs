//! A state in Redis: what its URL says and what the keys beside it say, made one.

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use super::url::{Kind, Scheme, Url};
use super::{Wrong, wrong};
use crate::config::context::Context;
use crate::config::{Durability, MaxMemory, Redis, RedisServers, Tls, tls};
use crate::secret::Secret;
use crate::units::{self, Parsed, SIZE};
use crate::yaml::{At, Reader, nearest};

const PREFIX: &str = "up to 64 letters, digits, `.`, `_` and `-`";
const PARTITIONS: &str = "a whole number from 1 to 256";
const DURABILITY: &str = "`server` or `fsync`";
const MEMORY: &str = "a share such as `80%`, or a size such as `2GiB`";
const DATABASE: &str = "a whole number from 0 to 65535";

/// The keys beside `url`, with their places.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// All that are there, for those who must not give any.
    given: Vec<(At, String)>,
    path: String,
    user: Option<(At, String)>,
    password: Option<(At, String)>,
    prefix: Option<(At, String)>,
    partitions: Option<(At, u32)>,
    durability: Option<(At, Durability)>,
    compress_above: Option<(At, usize)>,
    max_memory: Option<(At, MaxMemory)>,
    sentinel: Option<At>,
    sentinel_user: Option<(At, String)>,
    sentinel_password: Option<(At, String)>,
    tls: Option<(At, Tls)>,
}

impl Keys {
    pub fn read(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Self {
        let entries = r.entries();
        let at = |key: &str| entries.iter().find(|(entry, _)| entry.name == key).map(|(entry, _)| entry.at);
        let given = entries.iter().filter(|(key, _)| key.name != "url");
        let given = given.map(|(key, _)| (key.at, r.path_of(&key.name))).collect();
        let mut keys = Self {
            given,
            path: r.path.clone(),
            user: cx.text(r, "user"),
            password: cx.text(r, "password"),
            prefix: at("prefix").zip(cx.value(r, "prefix", PREFIX, prefix)),
            partitions: at("partitions").zip(cx.value(r, "partitions", PARTITIONS, partitions)),
            durability: at("durability").zip(cx.value(r, "durability", DURABILITY, durability)),
            compress_above: at("compress_above").zip(cx.value(r, "compress_above", SIZE, units::size)),
            max_memory: at("max_memory").zip(cx.value(r, "max_memory", MEMORY, max_memory)),
            sentinel: at("sentinel"),
            ..Self::default()
        };
        if let Some(mut reader) = r.section("sentinel", cx.problems) {
            keys.sentinel_user = cx.text(&mut reader, "user");
            keys.sentinel_password = cx.text(&mut reader, "password");
            reader.finish(cx.problems);
        }
        keys.tls = at("tls").zip(r.section("tls", cx.problems).map(|section| tls::read(section, cx).tls));
        keys
    }

    /// A state that is a file has none of them.
    pub fn needless(&self, cx: &mut Context<'_>) {
        for (at, path) in &self.given {
            let message = format!("`{path}` counts for a state in Redis only");
            cx.problem(*at, message, "remove the key, or write a `url` that begins with `redis://`");
        }
    }
}

/// The state of a URL alone.
pub(super) fn alone(scheme: Scheme, text: &str) -> Result<Redis, Vec<Wrong>> {
    let mut found = Vec::new();
    let redis = Url::parse(scheme, text, &mut found)
        .and_then(|url| Parts::of_url(&url, &mut found).whole(&url, &mut found));
    redis.filter(|_| found.is_empty()).ok_or(found)
}

/// The state of a URL and of the keys beside it, which must not say the same twice.
pub(super) fn merged(
    (scheme, text): (Scheme, &str),
    at: At,
    keys: Keys,
    cx: &mut Context<'_>,
) -> Option<Redis> {
    let mut found = Vec::new();
    let url = Url::parse(scheme, text, &mut found);
    let redis = url.and_then(|url| {
        let mut parts = Parts::of_url(&url, &mut found);
        parts.take(&url, keys, cx);
        parts.whole(&url, &mut found)
    });
    super::tell("state.url", at, found, cx);
    redis
}

fn secret((at, text): (At, String)) -> (At, Secret) {
    (at, Secret::new(text))
}

struct One<'a, 'c> {
    path: &'a str,
    cx: &'a mut Context<'c>,
}

impl One<'_, '_> {
    /// Takes over a key, unless the URL says it too.
    fn of<T>(&mut self, from_url: &mut Option<T>, key: Option<(At, T)>, name: &str) {
        let Some((at, value)) = key else { return };
        if from_url.is_some() {
            let message = format!("`{}.{name}` stands in the url too", self.path);
            self.cx.problem(at, message, "keep one of the two");
        } else {
            *from_url = Some(value);
        }
    }
}

/// What is given; the rest is as usual.
#[derive(Debug, Default)]
struct Parts {
    user: Option<String>,
    password: Option<Secret>,
    prefix: Option<String>,
    partitions: Option<u32>,
    durability: Option<Durability>,
    compress_above: Option<usize>,
    max_memory: Option<MaxMemory>,
    sentinel_user: Option<String>,
    sentinel_password: Option<Secret>,
    tls: Option<Tls>,
}

impl Parts {
    fn of_url(url: &Url, found: &mut Vec<Wrong>) -> Self {
        let sentinel = |name: &str| url.parameter(name).map(str::to_owned);
        let parts = Self {
            user: url.user.clone(),
            password: url.password.clone(),
            prefix: value(url, "prefix", PREFIX, prefix, found),
            partitions: value(url, "partitions", PARTITIONS, partitions, found),
            durability: value(url, "durability", DURABILITY, durability, found),
            compress_above: value(url, "compress_above", SIZE, units::size, found),
            max_memory: value(url, "max_memory", MEMORY, max_memory, found),
            sentinel_user: sentinel("sentinel_user"),
            sentinel_password: sentinel("sentinel_password").map(Secret::new),
            tls: None,
        };
        if url.scheme.kind != Kind::Sentinel
            && (parts.sentinel_user.is_some() || parts.sentinel_password.is_some())
        {
            let help = "write it with redis+sentinel://, or remove the parameter";
            found.push(wrong("logs in at sentinels and names none", help));
        }
        parts
    }

    /// Takes over what the keys say.
    fn take(&mut self, url: &Url, keys: Keys, cx: &mut Context<'_>) {
        let path = keys.path;
        let mut one = One { path: &path, cx };
        one.of(&mut self.user, keys.user, "user");
        one.of(&mut self.password, keys.password.map(secret), "password");
        one.of(&mut self.prefix, keys.prefix, "prefix");
        one.of(&mut self.partitions, keys.partitions, "partitions");
        one.of(&mut self.durability, keys.durability, "durability");
        one.of(&mut self.compress_above, keys.compress_above, "compress_above");
        one.of(&mut self.max_memory, keys.max_memory, "max_memory");
        one.of(&mut self.sentinel_user, keys.sentinel_user, "sentinel.user");
        one.of(&mut self.sentinel_password, keys.sentinel_password.map(secret), "sentinel.password");
        if let Some(at) = keys.sentinel.filter(|_| url.scheme.kind != Kind::Sentinel) {
            let message = format!("`{path}.sentinel` counts for a url of sentinels only");
            cx.problem(at, message, "write the url with redis+sentinel://, or remove the key");
        }
        if let Some((at, _)) = keys.tls.as_ref().filter(|_| !url.scheme.tls) {
            let message = format!("`{path}.tls` counts for an encrypted url only");
            cx.problem(*at, message, "write the url with rediss://, or remove the key");
        }
        self.tls = keys.tls.map(|(_, tls)| tls);
    }

    fn whole(self, url: &Url, found: &mut Vec<Wrong>) -> Option<Redis> {
        let (path, database) = self.place(url, found)?;
        let servers = match url.scheme.kind {
            Kind::One => url.servers.first().map(|(host, port)| RedisServers::One(host.clone(), *port))?,
            Kind::Unix => RedisServers::Unix(PathBuf::from(path)),
            Kind::Cluster => RedisServers::Cluster(url.servers.clone()),
            Kind::Sentinel => RedisServers::Sentinel {
                sentinels: url.servers.clone(),
                master: path,
                user: self.sentinel_user,
                password: self.sentinel_password,
            },
        };
        let usual = if url.scheme.kind == Kind::Cluster { 16 } else { 1 };
        Some(Redis {
            servers,
            user: self.user,
            password: self.password,
            database,
            tls: url.scheme.tls.then(|| self.tls.unwrap_or_default()),
            prefix: self.prefix.unwrap_or_else(|| "crossconnect".to_owned()),
            partitions: self.partitions.unwrap_or(usual),
            durability: self.durability.unwrap_or(Durability::Server),
            compress_above: self.compress_above.unwrap_or(1 << 10),
            max_memory: self.max_memory.unwrap_or(MaxMemory::Percent(80)),
        })
    }

    /// What the path names besides the database: a socket, a master, or nothing; and the database.
    fn place(&self, url: &Url, found: &mut Vec<Wrong>) -> Option<(String, u32)> {
        let kind = url.scheme.kind;
        let path = url.path.strip_prefix('/').unwrap_or_default();
        let (name, database) = match kind {
            Kind::Unix => (url.path.clone(), ""),
            Kind::Sentinel => {
                let (name, database) = path.split_once('/').unwrap_or((path, ""));
                (name.to_owned(), database)
            }
            Kind::One | Kind::Cluster => (String::new(), path),
        };
        match kind {
            Kind::Unix if name.len() < 2 => found.push(wrong("names no socket", url.scheme.form())),
            Kind::Sentinel if name.is_empty() => {
                found.push(wrong("does not say which master the sentinels watch", url.scheme.form()));
            }
            _ => {}
        }
        let written = Some(database).filter(|text| !text.is_empty());
        let by_path = written.map(|text| (text.parse::<u16>(), url.scheme.form().to_owned()));
        let by_query = url.parameter("db").map(|text| (text.parse::<u16>(), format!("give {DATABASE}")));
        if by_path.is_some() && by_query.is_some() {
            found.push(wrong("names a database in its path and in its query", "keep one of the two"));
        }
        let database = match by_path.or(by_query) {
            None => 0,
            Some((Ok(database), _)) => u32::from(database),
            Some((Err(_), help)) => {
                found.push(wrong("names a database that is none", help));
                return None;
            }
        };
        if kind == Kind::Cluster && database > 0 {
            found.push(wrong("names a database, and clusters have the database 0 only", "remove it"));
        }
        Some((name, database))
    }
}

fn value<T>(
    url: &Url,
    name: &str,
    wanted: &str,
    parse: impl Fn(&str) -> Parsed<T>,
    found: &mut Vec<Wrong>,
) -> Option<T> {
    let tell = |help: Option<String>| {
        let help = help.unwrap_or_else(|| format!("it must be {wanted}"));
        found.push(wrong(format!("has a parameter `{name}` that cannot be used"), help));
    };
    parse(url.parameter(name)?).map_err(tell).ok()
}

fn prefix(text: &str) -> Parsed<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(plain);
    if fits { Ok(text.to_owned()) } else { Err(None) }
}

fn partitions(text: &str) -> Parsed<u32> {
    text.parse().ok().filter(|count| (1..=256).contains(count)).ok_or(None)
}

fn durability(text: &str) -> Parsed<Durability> {
    match text {
        "server" => Ok(Durability::Server),
        "fsync" => Ok(Durability::Fsync),
        other => Err(Some(nearest(other, &["server", "fsync"]))),
    }
}

fn max_memory(text: &str) -> Parsed<MaxMemory> {
    let Some(percent) = text.strip_suffix('%') else { return units::bytes(text).map(MaxMemory::Bytes) };
    let percent = percent.trim_end().parse().ok().filter(|percent| (1..=100).contains(percent));
    percent.map(MaxMemory::Percent).ok_or_else(|| Some("shares go from 1% to 100%".to_owned()))
}
