//! The section `routes:`: from where, when, through which script, to whom.
//!
//! `when` is compiled by the room `route`.

use super::context::Context;
use super::{Route, coalesce, name, no_op, own_events};
use crate::model::{Json, OWN_SOURCE};
use crate::yaml::{At, Node, Reader, Value, nearest};

/// The names a route may refer to.
pub(super) struct Names<'n> {
    pub sources: &'n [&'n str],
    pub destinations: &'n [&'n str],
    pub lookups: &'n [&'n str],
}

/// Reads the list of routes.
pub(super) fn read(node: Option<&Node>, names: &Names<'_>, cx: &mut Context<'_>) -> Vec<Route> {
    let Some(node) = node.filter(|node| node.value != Value::Null) else { return Vec::new() };
    let Value::List(items) = &node.value else {
        cx.wrong("routes", node, "a list of routes");
        return Vec::new();
    };
    let mut routes: Vec<Route> = Vec::new();
    let mut seen = std::collections::HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let Some(reader) = Reader::new(cx.file, format!("routes[{index}]"), item, cx.problems) else {
            continue;
        };
        let Some(route) = one(reader, item.at, names, cx) else { continue };
        if let Some(line) = seen.insert(route.name.clone(), route.at.0) {
            let message = format!("the route `{}` stands here twice, first in line {line}", route.name);
            cx.problem(route.at, message, "names tell routes apart in logs and metrics: choose another");
            continue;
        }
        routes.push(route);
    }
    routes
}

fn one(mut reader: Reader<'_>, at: At, names: &Names<'_>, cx: &mut Context<'_>) -> Option<Route> {
    let path = reader.path.clone();
    let r = &mut reader;
    let has = |key: &str| r.entries().iter().any(|(entry, _)| entry.name == key);
    let (has_name, has_to) = (has("name"), has("to"));
    let name = cx.text(r, "name");
    if !has_name {
        r.missing("name", "logs, metrics and `explain` call the route by it", cx.problems);
    }
    let from = cx.texts(r, "from").unwrap_or_default();
    let when = r.node("when").filter(|node| node.value != Value::Null).cloned();
    let active = cx.flag(r, "active").unwrap_or(true);
    let action_data = action_data(r, cx);
    let lookups = cx.texts(r, "lookups").unwrap_or_default();
    let script = cx.path(r, "script").map(|(at, _)| at);
    let script = script
        .and_then(|at| Some((at, r.entries().iter().find(|(key, _)| key.name == "script")?.1.scalar()?)));
    let to = cx.texts(r, "to");
    if !has_to || to.as_ref().is_some_and(Vec::is_empty) {
        r.missing("to", "name at least one destination", cx.problems);
    }
    let to = to.unwrap_or_default();
    check_to(&r.path_of("to"), &to, names, cx);
    check_from(&r.path_of("from"), &from, names, cx);
    own_events::check(&path, &from, when.as_ref(), cx);
    check_lookups(&r.path_of("lookups"), &lookups, names, cx);
    let coalesce = coalesce::read(r, cx);
    let no_op = no_op::read(r, cx);
    reader.finish(cx.problems);
    let (name_at, name) = name?;
    name::check("route", name_at, &name, cx).then_some(Route {
        name,
        path,
        at,
        from,
        when,
        active,
        action_data,
        lookups,
        script,
        coalesce,
        no_op,
        to,
    })
}

fn action_data(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<crate::model::Map> {
    let node = r.node("action_data").filter(|node| node.value != Value::Null)?;
    match node.to_json() {
        Json::Object(members) => Some(members),
        _ => {
            cx.wrong(&r.path_of("action_data"), node, "a mapping");
            None
        }
    }
}

fn check_to(path: &str, to: &[(At, String)], names: &Names<'_>, cx: &mut Context<'_>) {
    for (index, (at, name)) in to.iter().enumerate() {
        let shown = cx.expansion.shown(*at, name).to_owned();
        if !names.destinations.contains(&name.as_str()) {
            let message = format!("`{path}` names the destination `{shown}`, which is not there");
            cx.problem(*at, message, known(name, names.destinations, "destinations"));
        } else if to.iter().take(index).any(|(_, earlier)| earlier == name) {
            cx.problem(
                *at,
                format!("`{path}` names `{shown}` twice"),
                "it would get everything twice: remove one",
            );
        }
    }
}

fn check_from(path: &str, from: &[(At, String)], names: &Names<'_>, cx: &mut Context<'_>) {
    for (at, pattern) in from {
        let glob = crate::glob::Glob::new(pattern.trim_start_matches('!'));
        if pattern == OWN_SOURCE {
            continue;
        }
        if !names.sources.iter().any(|source| glob.matches(source)) {
            let message = format!("`{path}` matches no source: `{}`", cx.expansion.shown(*at, pattern));
            cx.problem(*at, message, known(pattern.trim_start_matches('!'), names.sources, "sources"));
        }
    }
}

fn check_lookups(path: &str, lookups: &[(At, String)], names: &Names<'_>, cx: &mut Context<'_>) {
    for (index, (at, name)) in lookups.iter().enumerate() {
        let shown = cx.expansion.shown(*at, name).to_owned();
        if !names.lookups.contains(&name.as_str()) {
            let message = format!("`{path}` names the lookup `{shown}`, which is not there");
            cx.problem(*at, message, known(name, names.lookups, "lookups"));
        } else if lookups.iter().take(index).any(|(_, earlier)| earlier == name) {
            cx.problem(*at, format!("`{path}` names `{shown}` twice"), "once is enough: remove one");
        }
    }
}

fn known(name: &str, names: &[&str], what: &str) -> String {
    if names.is_empty() { format!("there are no {what}") } else { nearest(name, names) }
}
