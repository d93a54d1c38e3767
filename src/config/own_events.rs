//! Whether a route that asks for the gateway's own events can get any.

use super::context::Context;
use crate::glob::{Glob, Patterns};
use crate::model::{OWN_SOURCE, own_type};
use crate::yaml::{At, Node, Value, nearest};

/// Reports types that no own event has, and a `from` that leaves them all out.
pub(super) fn check(path: &str, from: &[(At, String)], when: Option<&Node>, cx: &mut Context<'_>) {
    let Some(types) = when.and_then(|when| when.get("type")) else { return };
    let items = match &types.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(types),
    };
    let wanted: Vec<(At, String)> = items
        .iter()
        .filter(|item| !cx.expansion.is_broken(item.at))
        .filter_map(|item| Some((item.at, item.scalar()?)))
        .filter(|(_, pattern)| !pattern.starts_with('!'))
        .collect();
    let own = |pattern: &str| pattern.starts_with(own_type::PREFIX);
    for (at, pattern) in wanted.iter().filter(|(_, pattern)| own(pattern)) {
        let glob = Glob::new(pattern);
        if !own_type::ALL.iter().any(|known| glob.matches(known)) {
            let shown = cx.expansion.shown(*at, pattern);
            let message = format!("`{path}.when.type` wants `{shown}`, which the gateway never tells");
            cx.problem(*at, message, nearest(pattern, &own_type::ALL));
        }
    }
    let only_own = !wanted.is_empty() && wanted.iter().all(|(_, pattern)| own(pattern));
    if only_own && !takes_own(from) {
        let message =
            format!("`{path}` takes nothing: its `from` leaves out the source of the types it wants");
        cx.problem(types.at, message, format!("write `from: {OWN_SOURCE}`, or remove `from`"));
    }
}

fn takes_own(from: &[(At, String)]) -> bool {
    let mut patterns = Patterns::default();
    for (_, pattern) in from {
        let name = pattern.strip_prefix('!');
        patterns.push(name.is_some(), Glob::new(name.unwrap_or(pattern)));
    }
    patterns.hold(|glob| glob.matches(OWN_SOURCE))
}
