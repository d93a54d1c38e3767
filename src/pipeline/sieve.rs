//! What keeps an event from a route whose conditions it meets: that it went in a circle, or that it
//! changed nothing the route cares about.

use crate::glob::Glob;
use crate::model::{Event, Lineage, Receipt};
use crate::rules::Route;

/// How many ignored fields are named, and how much of each.
const MOST_NAMED: usize = 10;
const LONGEST_NAME: usize = 100;

/// Why the event goes no further on this route; `None`: it does.
pub(super) fn caught(route: &Route, event: &Event, receipt: &Receipt) -> Option<String> {
    circle(route, &Lineage::of(&receipt.request)).or_else(|| no_op(route.no_op.as_deref()?, event))
}

fn circle(route: &Route, lineage: &Lineage) -> Option<String> {
    let (guard, hops) = (&route.guard, lineage.hops);
    if lineage.has_passed(&guard.name, &route.name) {
        let name = &route.name;
        return Some(format!("loop guard: this change went through route {name} of this gateway before"));
    }
    (hops >= guard.max_hops).then(|| {
        let most = guard.max_hops;
        format!("loop guard: this change came through {hops} gateways, and max_hops is {most}")
    })
}

/// Only of an update whose sender tells what was before can it be said that nothing changed.
fn no_op(ignore: &[Glob], event: &Event) -> Option<String> {
    let told = !event.changes.is_empty() || !(event.before.is_null() || event.after.is_null());
    if event.action != "updated" || !told {
        return None;
    }
    let ignored = |field: &str| ignore.iter().any(|glob| glob.covers(field));
    if !event.changes.iter().all(|change| ignored(&change.field)) {
        return None;
    }
    if event.changes.is_empty() {
        return Some("no-op: nothing changed".to_owned());
    }
    let name = |field: &str| field.chars().take(LONGEST_NAME).collect::<String>();
    let names: Vec<String> =
        event.changes.iter().take(MOST_NAMED).map(|change| name(&change.field)).collect();
    let more = if event.changes.len() > MOST_NAMED { ", …" } else { "" };
    Some(format!("no-op: only ignored fields changed: {}{more}", names.join(", ")))
}

#[cfg(test)]
mod tests;
