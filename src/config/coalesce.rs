//! `coalesce:` of a route: which events leave together, and when.

use std::time::Duration;

use super::Coalesce;
use super::context::Context;
use crate::model::{By, Window};
use crate::units::{self, DURATION, Parsed, SIZE};
use crate::yaml::{At, Node, Reader, Value, nearest};

/// Events of one batch: as many as a script's arrays hold.
const MOST_EVENTS: u64 = 10_000;
/// Bytes of one batch: it is held in memory, and nobody takes a larger body.
const MOST_BYTES: usize = 64 << 20;

/// How long, how many and how much, where nothing is said.
const WINDOW: Window = Window {
    quiet: Duration::from_secs(2),
    max_wait: Duration::from_secs(30),
    max_events: 500,
    max_bytes: 8 << 20,
};

/// Reads `coalesce:`; a word alone is short for `{ by: word }`.
pub(super) fn read(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<Coalesce> {
    let path = r.path_of("coalesce");
    let node = r.node("coalesce").filter(|node| node.value != Value::Null)?;
    if cx.expansion.is_broken(node.at) {
        return None;
    }
    match node.scalar() {
        Some(word) => Some(Coalesce { at: node.at, by: by(&path, node.at, &word, cx)?, window: WINDOW }),
        None => long(node, Reader::new(cx.file, path, node, cx.problems)?, cx),
    }
}

fn long(node: &Node, mut reader: Reader<'_>, cx: &mut Context<'_>) -> Option<Coalesce> {
    let r = &mut reader;
    if node.get("by").is_none_or(|by| by.value == Value::Null) {
        r.missing(
            "by",
            &format!("what the events of a batch have in common: {}", names().join(", ")),
            cx.problems,
        );
    }
    let path = r.path_of("by");
    let by = cx.text(r, "by").and_then(|(at, word)| Some((at, by(&path, at, &word, cx)?)));
    let window = window(node, r, cx);
    reader.finish(cx.problems);
    let (at, by) = by?;
    Some(Coalesce { at, by, window })
}

fn by(path: &str, at: At, word: &str, cx: &mut Context<'_>) -> Option<By> {
    let by = By::parse(word);
    if by.is_none() {
        let message = format!("`{path}` does not know `{}`", cx.expansion.shown(at, word));
        cx.problem(at, message, nearest(word, &names()));
    }
    by
}

fn names() -> [&'static str; 5] {
    By::ALL.map(By::name)
}

fn window(node: &Node, r: &mut Reader<'_>, cx: &mut Context<'_>) -> Window {
    let quiet = cx.value(r, "quiet", DURATION, units::some_time);
    let max_wait = cx.value(r, "max_wait", DURATION, units::some_time);
    let max_events = cx.count(r, "max_events", 1..=MOST_EVENTS).and_then(|count| u32::try_from(count).ok());
    let max_bytes = cx.value(r, "max_bytes", SIZE, bytes);
    let window = Window {
        quiet: quiet.unwrap_or(WINDOW.quiet),
        max_wait: max_wait.unwrap_or(WINDOW.max_wait),
        max_events: max_events.unwrap_or(WINDOW.max_events),
        max_bytes: max_bytes.unwrap_or(WINDOW.max_bytes),
    };
    // A value that is wrong has been reported, and says nothing about the other.
    let read = |key: &str, found: bool| found || node.get(key).is_none_or(|node| node.value == Value::Null);
    let both = read("quiet", quiet.is_some()) && read("max_wait", max_wait.is_some());
    if both && window.quiet > window.max_wait {
        too_quiet(node, window, &r.path_of("quiet"), max_wait.is_some(), cx);
    }
    window
}

fn too_quiet(node: &Node, window: Window, path: &str, said: bool, cx: &mut Context<'_>) {
    let at = ["quiet", "max_wait"].iter().find_map(|key| node.get(key)).map_or(node.at, |node| node.at);
    let by_default = if said { "" } else { " by default" };
    let (quiet, max_wait) = (window.quiet, window.max_wait);
    let message = format!(
        "`{path}` ({quiet:?}) is longer than `max_wait` ({max_wait:?}{by_default}), and would never count"
    );
    cx.problem(
        at,
        message,
        "a batch leaves after whichever is over first: shorten `quiet`, or raise `max_wait`",
    );
}

fn bytes(text: &str) -> Parsed<u64> {
    match units::size(text)? {
        bytes if bytes > MOST_BYTES => Err(Some("the largest batch has 64MiB".to_owned())),
        bytes => u64::try_from(bytes).map_err(|_| None),
    }
}
