//! The section `lookups:`: named questions to other systems, asked for routes that name them.
//!
//! Templates and JSONPaths are only taken down here; `rules` compiles them.

mod query;

use std::time::Duration;

use super::context::Context;
use super::{Cache, Egress, Graphql, Lookup, OnFailure, auth, headers, proxy, target, tls};
use crate::schedule::Schedule;
use crate::template::Text;
use crate::units::{self, DURATION, Parsed, RATE, SIZE};
use crate::yaml::{Key, Node, Reader, Value};

/// What a network needs at most, besides the time the answer takes to be made.
const CONNECT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(5);
/// All lookups of a receipt have so long together.
pub const LONGEST: Duration = Duration::from_secs(120);
/// A cache that is smaller holds next to nothing.
const SMALLEST_CACHE: usize = 64 << 10;
const MAX_BODY: usize = 1024 * 1024;
const IN_FLIGHT: usize = 4;

impl Default for Cache {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(60), max_bytes: 16 * 1024 * 1024 }
    }
}

/// Reads one lookup; `None`: there is nothing to ask.
pub(super) fn read(key: &Key, node: &Node, egress: &Egress, cx: &mut Context<'_>) -> Option<Lookup> {
    let mut reader = Reader::new(cx.file, format!("lookups.{}", key.name), node, cx.problems)?;
    let r = &mut reader;
    let has_url = node.get("url").is_some_and(|node| node.value != Value::Null);
    if !has_url {
        r.missing("url", "what shall be asked, such as `https://netbox.example.com/api/…`?", cx.problems);
    }
    let url = target::read(r, cx);
    if let Some(url) = &url {
        target::reachable(url, egress, cx);
    }
    let on_failure = on_failure(r, cx);
    let graphql = graphql(r, cx);
    let headers = headers::read(r, cx);
    let auth_at = given(r, "auth").map_or(key.at, |node| node.at);
    let auth_path = r.path_of("auth");
    let auth = auth::read(r, &headers, cx);
    let proxy = proxy::read(r, egress.proxy.as_ref(), cx);
    let tls = r.section("tls", cx.problems).map(|section| tls::read(section, cx)).unwrap_or_default();
    let timeout = cx.value(r, "timeout", DURATION, timeout_of).unwrap_or(TIMEOUT);
    let connect_timeout = cx.value(r, "connect_timeout", DURATION, units::some_time).unwrap_or(CONNECT);
    let max_body = cx.value(r, "max_body", SIZE, units::size).unwrap_or(MAX_BODY);
    let cache = cache(r, cx);
    let in_flight = cx.count(r, "in_flight", 1..=65_536).unwrap_or(IN_FLIGHT);
    let rate = cx.value(r, "rate", RATE, units::rate);
    let retry = retry(r, on_failure, cx);
    let select = cx.text(r, "select");
    let redact = cx.texts(r, "redact").unwrap_or_default();
    reader.finish(cx.problems);
    let asked = url.as_ref().map(|url| &url.target);
    let auth =
        auth.and_then(|auth| auth.complete((&auth_path, auth_at), asked, proxy.as_deref(), egress, cx));
    if let Some(url) = asked {
        tls.check(url, auth.as_ref(), cx);
    }
    let named = is_name(key, cx).then(|| key.name.clone());
    Some(Lookup {
        name: named?,
        at: key.at,
        url: url?.target,
        graphql,
        headers,
        auth,
        proxy,
        tls: tls.tls,
        timeout,
        connect_timeout,
        max_body,
        cache,
        in_flight,
        rate,
        on_failure,
        retry,
        select,
        redact,
    })
}

/// Scripts say `lookup.NAME`, so a name has to be one of theirs.
fn is_name(key: &Key, cx: &mut Context<'_>) -> bool {
    let fits = key.name.len() <= 64
        && key.name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && key.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !fits {
        let message = format!("`{}` cannot name a lookup", cx.expansion.shown(key.at, &key.name));
        let help = "scripts call it `lookup.NAME`: up to 64 small letters, digits and `_`, no digit first";
        cx.problem(key.at, message, help);
    }
    fits
}

/// A key's node, looked at and not asked for.
fn given<'a>(r: &Reader<'a>, name: &str) -> Option<&'a Node> {
    r.entries().iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
}

/// `null` without quotes is meant as the word.
fn on_failure(r: &mut Reader<'_>, cx: &mut Context<'_>) -> OnFailure {
    if given(r, "on_failure").is_some_and(|node| node.value == Value::Null) {
        r.node("on_failure");
        return OnFailure::Null;
    }
    match cx.word(r, "on_failure", &["retry", "null", "drop"]) {
        Some((_, word)) if word == "null" => OnFailure::Null,
        Some((_, word)) if word == "drop" => OnFailure::Drop,
        _ => OnFailure::Retry,
    }
}

fn retry(r: &mut Reader<'_>, on_failure: OnFailure, cx: &mut Context<'_>) -> Schedule {
    let at = given(r, "retry").filter(|node| node.value != Value::Null).map(|node| node.at);
    let waits = cx.values(r, "retry", DURATION, units::duration);
    if let Some(at) = at.filter(|_| on_failure != OnFailure::Retry) {
        let message = format!("`{}` is never followed: this lookup is not made again", r.path_of("retry"));
        cx.problem(at, message, "remove it, or write `on_failure: retry`");
    }
    waits.map_or_else(Schedule::default, |waits| Schedule { waits })
}

fn cache(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<Cache> {
    let node = given(r, "cache").filter(|node| !matches!(node.value, Value::Map(_) | Value::Null));
    if let Some(node) = node {
        r.node("cache");
        let off = node.value == Value::Bool(false) || node.scalar().is_some_and(|text| text == "off");
        if !off {
            cx.wrong(&r.path_of("cache"), node, "`off` or a mapping such as `{ ttl: 5m }`");
        }
        return None;
    }
    let usual = Cache::default();
    let Some(mut section) = r.section("cache", cx.problems) else { return Some(usual) };
    let cache = Cache {
        ttl: cx.value(&mut section, "ttl", DURATION, units::some_time).unwrap_or(usual.ttl),
        max_bytes: cx.value(&mut section, "max_bytes", SIZE, room).unwrap_or(usual.max_bytes),
    };
    section.finish(cx.problems);
    Some(cache)
}

fn timeout_of(text: &str) -> Parsed<Duration> {
    match units::some_time(text)? {
        time if time > LONGEST => Err(Some("all lookups of a receipt end after 2m: write less".to_owned())),
        time => Ok(time),
    }
}

fn room(text: &str) -> Parsed<usize> {
    match units::size(text)? {
        bytes if bytes < SMALLEST_CACHE => {
            Err(Some("a cache has at least 64KiB; write `cache: off` for none".to_owned()))
        }
        bytes => Ok(bytes),
    }
}

fn graphql(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<Graphql> {
    let mut section = r.section("graphql", cx.problems)?;
    if given(r, "graphql")?.value == Value::Null {
        return None;
    }
    let s = &mut section;
    let has_query = s.entries().iter().any(|(key, _)| key.name == "query");
    let query = cx.text(s, "query");
    if !has_query {
        s.missing("query", "write one such as `query($id: ID!) { … }`", cx.problems);
    }
    if let Some((at, _)) = query.as_ref().filter(|(_, query)| query.contains("{{")) {
        let message = format!("`{}` holds a template, but a query is sent as it stands", s.path_of("query"));
        cx.problem(*at, message, "declare a variable in the query and give its template in `variables`");
    }
    let written = query.as_ref().and_then(|(at, query)| Some((*at, query::writes(query)?)));
    if let Some((at, operation)) = written {
        let message = format!("`{}` holds a {operation}, but lookups only read", s.path_of("query"));
        cx.problem(at, message, "ask with a `query`; what shall be changed is sent to a destination");
    }
    let variables = variables(s, cx);
    section.finish(cx.problems);
    Some(Graphql { query: query.map(|(_, query)| query).unwrap_or_default(), variables })
}

fn variables(s: &mut Reader<'_>, cx: &mut Context<'_>) -> Vec<(String, Text)> {
    let Some(section) = s.section("variables", cx.problems) else { return Vec::new() };
    let mut variables = Vec::new();
    for (key, node) in section.entries() {
        let path = section.path_of(&key.name);
        let fits = key.name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && key.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !fits {
            cx.problem(
                key.at,
                format!("`{path}` is no name of a variable"),
                "write it as the query does, without `$`",
            );
            continue;
        }
        // What YAML has as a number or flag is one for the query as well.
        let text = match (&node.value, node.scalar()) {
            (Value::Text(text), _) => text.clone(),
            (Value::Null, _) => "{{ none }}".to_owned(),
            (_, Some(literal)) => format!("{{{{ {literal} }}}}"),
            (_, None) => {
                cx.wrong(&path, node, "a text, a number, or true or false");
                continue;
            }
        };
        let lines = node.lines.clone();
        variables
            .push((key.name.clone(), Text { file: cx.file.to_owned(), at: node.at, lines, key: path, text }));
    }
    variables
}
