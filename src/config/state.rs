//! The keys `state:` and `retention:`: where receipts live, and for how long.
//!
//! URLs of states are not quoted in messages: many hold a password.

mod redis;
mod url;

use std::path::Path;
use std::time::Duration;

use self::url::Scheme;
use super::context::Context;
use super::{Retention, State};
use crate::units::{self, DURATION};
use crate::yaml::{At, Node, Reader, Value, near};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Where the state lives unless the config says otherwise.
const FILE: &str = "data/crossconnect.db";
const SQLITE: &str = "write `sqlite:data/crossconnect.db`; the path counts from the folder of the config";

/// What is wrong with a URL (without the subject of the sentence), and what to do about it.
type Wrong = (String, String);

fn wrong(message: impl Into<String>, help: impl Into<String>) -> Wrong {
    (message.into(), help.into())
}

impl Default for Retention {
    fn default() -> Self {
        Self { delivered: 7 * DAY, dead: 30 * DAY }
    }
}

/// Reads the URL of a state that stands outside of a config; paths count from `dir`.
///
/// # Errors
///
/// Every mistake with its remedy, in one line, without the URL.
pub fn state_url(text: &str, dir: &Path) -> Result<State, String> {
    of_url(text, dir).map_err(|found| {
        let told = found.into_iter().map(|(message, help)| format!("the URL of the state {message}; {help}"));
        told.collect::<Vec<_>>().join("; ")
    })
}

fn of_url(text: &str, dir: &Path) -> Result<State, Vec<Wrong>> {
    match place(text).map_err(|wrong| vec![wrong])? {
        Place::File(path) => sqlite(path, dir).map_err(|wrong| vec![wrong]),
        Place::Servers(scheme) => redis::alone(scheme, text).map(|redis| State::Redis(Box::new(redis))),
    }
}

/// Reads `state:` of the document.
pub(super) fn read(top: &mut Reader<'_>, cx: &mut Context<'_>) -> State {
    let node = top.node("state").filter(|node| node.value != Value::Null);
    let given = node.filter(|node| !cx.expansion.is_broken(node.at)).and_then(|node| match node.scalar() {
        Some(text) => short(node, &text, cx),
        None => long(Reader::new(cx.file, "state", node, cx.problems)?, cx),
    });
    given.unwrap_or_else(|| State::Sqlite(cx.dir.join(FILE)))
}

/// A URL alone.
fn short(node: &Node, text: &str, cx: &mut Context<'_>) -> Option<State> {
    if text.is_empty() {
        cx.problem(node.at, "`state` is empty", "give it a value, or remove the key");
        return None;
    }
    of_url(text, cx.dir).map_err(|found| tell("state", node.at, found, cx)).ok()
}

/// A URL and what it leaves open.
fn long(mut reader: Reader<'_>, cx: &mut Context<'_>) -> Option<State> {
    let r = &mut reader;
    if !r.entries().iter().any(|(key, node)| key.name == "url" && node.value != Value::Null) {
        r.missing("url", "such as `redis://redis.example.com:6379/0`", cx.problems);
    }
    let url = cx.text(r, "url");
    let keys = redis::Keys::read(r, cx);
    reader.finish(cx.problems);
    let (at, text) = url?;
    match place(&text) {
        Ok(Place::File(path)) => {
            keys.needless(cx);
            sqlite(path, cx.dir).map_err(|wrong| tell("state.url", at, vec![wrong], cx)).ok()
        }
        Ok(Place::Servers(scheme)) => {
            redis::merged((scheme, &text), at, keys, cx).map(|redis| State::Redis(Box::new(redis)))
        }
        Err(wrong) => {
            tell("state.url", at, vec![wrong], cx);
            None
        }
    }
}

fn tell(path: &str, at: At, found: Vec<Wrong>, cx: &mut Context<'_>) {
    for (message, help) in found {
        cx.problem(at, format!("`{path}` {message}"), help);
    }
}

/// What a URL leads to, by how it begins.
enum Place<'t> {
    File(&'t str),
    Servers(Scheme),
}

fn place(text: &str) -> Result<Place<'_>, Wrong> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        return Ok(Place::File(path));
    }
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    if let Some((_, scheme)) = Scheme::ALL.iter().find(|(name, _)| *name == scheme) {
        return Ok(Place::Servers(*scheme));
    }
    let known: Vec<_> = Scheme::ALL.iter().map(|(name, _)| *name).chain(["sqlite"]).collect();
    let help = match near(&scheme, &known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("{SQLITE}; or `redis://HOST:6379/0` (docs/redis.md)"),
    };
    Err(wrong("must begin with `sqlite:` or `redis://`", help))
}

fn sqlite(path: &str, dir: &Path) -> Result<State, Wrong> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path == ":memory:" {
        return Err(wrong("in memory would lose what was accepted", SQLITE));
    }
    if path.is_empty() || path.ends_with('/') || path.contains(['?', '\0']) {
        return Err(wrong("names no file", SQLITE));
    }
    Ok(State::Sqlite(dir.join(Path::new(path))))
}

/// Reads the section `retention:`.
pub(super) fn retention(mut reader: Reader<'_>, cx: &mut Context<'_>) -> Retention {
    let default = Retention::default();
    let r = &mut reader;
    let retention = Retention {
        delivered: cx.value(r, "delivered", DURATION, units::some_time).unwrap_or(default.delivered),
        dead: cx.value(r, "dead", DURATION, units::some_time).unwrap_or(default.dead),
    };
    reader.finish(cx.problems);
    retention
}
