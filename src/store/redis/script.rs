//! The Lua scripts, one per operation, put together from the files in `lua/`.
//!
//! A server runs a script from its first line at every call, so whatever stands in one costs time at
//! every call. Each operation therefore gets only the definitions that it needs, found by the names
//! that they mention (see [`unit`]), and never one too few: what is left out is mentioned nowhere.
//!
//! Much of what an operation may need it seldom needs, and every function costs time when it is made.
//! So what is called as `rare.<name>`, with all that only this needs, is put into one function, which
//! runs when the first of it is called.

mod unit;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use sha1::{Digest, Sha1};

use self::unit::Unit;

/// A script, and by what servers know it.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) text: String,
    /// SHA-1 of the text, in hex.
    pub(super) sha: String,
}

impl Script {
    pub(super) fn new(text: String) -> Self {
        let sha = hex::encode(Sha1::digest(text.as_bytes()));
        Self { text, sha }
    }
}

/// Each file may use what those before it define.
const FILES: [&str; 17] = [
    include_str!("lua/base.lua"),
    include_str!("lua/state.lua"),
    include_str!("lua/loan.lua"),
    include_str!("lua/receipt.lua"),
    include_str!("lua/wording.lua"),
    include_str!("lua/condition.lua"),
    include_str!("lua/lane.lua"),
    include_str!("lua/delivery.lua"),
    include_str!("lua/claim.lua"),
    include_str!("lua/purge.lua"),
    include_str!("lua/outcome.lua"),
    include_str!("lua/accept.lua"),
    include_str!("lua/replay.lua"),
    include_str!("lua/gather.lua"),
    include_str!("lua/batch.lua"),
    include_str!("lua/show.lua"),
    include_str!("lua/list.lua"),
];

/// What runs at the end of each.
const MAIN: &str = include_str!("lua/main.lua");

/// What runs what is rare.
const UNFOLD: &str = include_str!("lua/unfold.lua");

/// The operation to which any message may come, and those that come with every webhook.
const RECEIVE: &str = "receive";
const OFTEN: [&str; 2] = ["handlers.deliver", "handlers.moved"];

static SCRIPTS: LazyLock<BTreeMap<&'static str, Script>> = LazyLock::new(|| {
    let units: Vec<Unit> = FILES.iter().flat_map(|file| Unit::all(file)).collect();
    let ops = units.iter().flat_map(Unit::names).filter_map(|name| name.strip_prefix("ops."));
    ops.map(|op| (op, Script::new(text(&units, op)))).collect()
});

/// The script of an operation; `None`: there is no such operation.
pub(super) fn of(op: &str) -> Option<&'static Script> {
    SCRIPTS.get(op)
}

/// What an operation needs of all there is, in the order of the files: first what it always needs, then
/// what it seldom does.
fn text(units: &[Unit], op: &str) -> String {
    let mut wanted = unit::mentions(MAIN);
    wanted.insert(format!("ops.{op}"));
    let mut seldom = BTreeSet::new();
    if op == RECEIVE {
        wanted.extend(OFTEN.map(str::to_owned));
        let handlers = units.iter().flat_map(Unit::names).filter(|name| name.starts_with("handlers."));
        seldom.extend(handlers.map(str::to_owned));
    }
    let always = needed(units, wanted, &BTreeSet::new(), |name| !is_rare(name));
    seldom.extend(always.iter().flat_map(|place| mentions(units, *place)).filter(|name| is_rare(name)));
    let seldom = needed(units, seldom, &always, |_| true);
    let texts = |places: BTreeSet<usize>| places.into_iter().filter_map(|at| units.get(at)).map(Unit::text);
    let mut text: String = texts(always).collect();
    if !seldom.is_empty() {
        text.push_str("local function unfold()\n");
        text.extend(texts(seldom));
        text.push_str("end\n");
        text.push_str(UNFOLD);
    }
    text + MAIN
}

fn is_rare(name: &str) -> bool {
    name.starts_with("rare.")
}

fn mentions(units: &[Unit], place: usize) -> BTreeSet<String> {
    units.get(place).map(|unit| unit::mentions(unit.text())).unwrap_or_default()
}

/// The places of all that these names lead to, as far as they are followed and not there already.
fn needed(
    units: &[Unit],
    mut wanted: BTreeSet<String>,
    there: &BTreeSet<usize>,
    follows: impl Fn(&str) -> bool,
) -> BTreeSet<usize> {
    let mut needed = BTreeSet::new();
    while let Some(name) = wanted.pop_first() {
        if !follows(&name) {
            continue;
        }
        let found = units.iter().enumerate().filter(|(_, unit)| unit.names().any(|its| its == name));
        for (place, _) in found {
            if !there.contains(&place) && needed.insert(place) {
                wanted.extend(mentions(units, place));
            }
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_gets_what_it_needs_and_no_more() {
        let text = |op| of(op).unwrap().text.as_str();
        for (op, has, lacks) in [
            ("ping", "function ops.ping()", "function ops.accept()"),
            ("accept", "function handlers.deliver(", "function ops.claim()"),
            ("claim", "local function choose(", "function ops.settle()"),
            ("settle", "function handlers.moved(", "function ops.claim()"),
            // Sent by name only.
            ("seal", "function handlers.sealed(", "function ops.accept()"),
            ("receive", "function handlers.inherit(", "function ops.seal()"),
        ] {
            assert!(text(op).contains(has) && !text(op).contains(lacks), "{op}: {}", text(op));
            assert!(text(op).ends_with(MAIN));
        }
        assert!(text("ping").len() < 2500, "{}", text("ping"));
        assert!(of("nothing").is_none());
    }

    #[test]
    fn what_is_rare_is_made_when_it_is_called() {
        for (op, always, seldom) in [
            ("accept", "function handlers.deliver(", "function rare.compare("),
            ("delivered", "function handlers.moved(", "function handlers.succeeded("),
            ("receive", "function handlers.deliver(", "function handlers.sealed("),
        ] {
            let (before, after) = of(op).unwrap().text.split_once("local function unfold()").unwrap();
            assert!(before.contains(always) && !before.contains(seldom), "{op}: {before}");
            assert!(after.contains(seldom) && !after.contains(always), "{op}: {after}");
        }
    }

    #[test]
    fn every_message_that_is_sent_has_its_handler() {
        let units: Vec<Unit> = FILES.iter().flat_map(|file| Unit::all(file)).collect();
        let defined: BTreeSet<_> = units.iter().flat_map(Unit::names).collect();
        let sent: BTreeSet<_> = units
            .iter()
            .filter(|unit| unit.names().all(|name| name != "send"))
            .flat_map(|unit| unit::mentions(unit.text()))
            .filter(|name| name.starts_with("handlers."))
            .collect();
        assert!(sent.len() > 10, "{sent:?}");
        assert!(sent.iter().all(|name| defined.contains(name.as_str())), "{sent:?}");
    }
}
