//! Whom an event waits for.

use super::super::fixture::{Crossed, captured, world};
use super::*;
use crate::model::{Outcome, Window, json};

const TOOL: &str = "{ tool: { url: 'https://tool.example/', sign: none } }";

fn route(coalesce: &str) -> String {
    format!("[{{ name: r, coalesce: {coalesce}, to: tool }}]")
}

fn waits(crossed: &Crossed) -> &Gathered {
    assert!(crossed.outcome.deliveries.is_empty());
    assert_eq!(crossed.outcome.gathered.len(), 1, "{:?}", crossed.outcome.events);
    &crossed.outcome.gathered[0]
}

fn decision(outcome: &Outcome) -> &Decision {
    &outcome.events[0].routes[0].decision
}

#[test]
fn a_storm_of_netbox_gathers_by_its_request() {
    let world = world(TOOL, &route("correlation"), "");
    for version in ["v2.11.12", "v3.7.8", "v4.6.8"] {
        let crossed: Vec<Crossed> =
            captured("storm", version).iter().map(|body| world.take("netbox", body)).collect();
        assert_eq!(crossed.len(), 12, "{version}");
        let group = &waits(&crossed[0]).group;
        for crossed in &crossed {
            let waits = waits(crossed);
            let event = &crossed.outcome.events[0].event;
            assert_eq!(Some(&waits.key), event.correlation_id.as_ref());
            assert_eq!((&waits.group, waits.event, waits.alone), (group, event.id, false));
            assert_eq!(waits.group, format!("correlation:netbox:{}", waits.key));
            assert_eq!(waits.content.changes, event.changes);
            let key = waits.key.clone();
            assert_eq!(decision(&crossed.outcome), &Decision::Gathered { key, batch: None, until: None });
        }
    }
}

#[test]
fn each_key_is_that_of_its_events() {
    let body = &captured("storm", "v4.6.8")[0];
    for (by, key, group) in [
        ("object", "dcim.interface:6", "object:netbox:dcim.interface:6"),
        ("kind", "dcim.interface", "kind:netbox:dcim.interface"),
        ("key", "updated", "key:updated"),
    ] {
        let routes = format!("[{{ name: r, coalesce: {by}, script: scripts/s.rhai, to: tool }}]");
        let world = world(TOOL, &routes, "fn batch_key(event) { event.action }");
        let crossed = world.take("netbox", body);
        let id = crossed.outcome.events[0].event.object.as_ref().unwrap().id.clone();
        let waits = waits(&crossed);
        assert_eq!(waits.by.name(), by);
        assert_eq!(waits.key, key.replace('6', &id));
        assert_eq!(waits.group, group.replace('6', &id));
    }
}

#[test]
fn ids_of_two_sources_do_not_mix_and_keys_of_scripts_do() {
    let body = &captured("storm", "v4.6.8")[0];
    for (by, same) in [("correlation", false), ("object", false), ("kind", false), ("key", true)] {
        let routes = format!("[{{ name: r, coalesce: {by}, script: scripts/s.rhai, to: tool }}]");
        let world = world(TOOL, &routes, "fn batch_key(event) { 7 }");
        let groups = ["netbox", "other"].map(|source| waits(&world.take(source, body)).group.clone());
        assert_eq!(groups[0] == groups[1], same, "{by}");
    }
}

#[test]
fn an_event_without_a_key_waits_for_nobody() {
    let bare = json!({"type": "lab.thing.happened"}).to_string();
    for (by, script) in [
        ("correlation", "fn filter(event) { true }"),
        ("object", "fn filter(event) { true }"),
        ("kind", "fn filter(event) { true }"),
        ("branch", "fn filter(event) { true }"),
        ("key", "fn batch_key(event) { event.data?.site }"),
        ("key", "fn batch_key(event) { \"\" }"),
    ] {
        let routes = format!("[{{ name: r, coalesce: {by}, script: scripts/s.rhai, to: tool }}]");
        let world = world(TOOL, &routes, script);
        let crossed = world.take("lab", bare.as_bytes());
        let waits = waits(&crossed);
        assert!(waits.alone, "{by}");
        assert_eq!(waits.key, crossed.outcome.events[0].event.id.to_string());
        let again = world.take("lab", bare.as_bytes());
        assert_ne!(waits.group, again.outcome.gathered[0].group);
    }
}

#[test]
fn conditions_and_filter_come_first() {
    let routes = "[{ name: r, when: { action: created }, coalesce: kind, to: tool }, \
                  { name: s, coalesce: kind, script: scripts/s.rhai, to: tool }]";
    let world = world(TOOL, routes, "fn filter(event) { `no ${event.action}` }");
    let crossed = world.take("netbox", &captured("storm", "v4.6.8")[0]);
    assert!(crossed.outcome.gathered.is_empty() && crossed.outcome.deliveries.is_empty());
    let verdicts = crossed.outcome.events[0].verdicts();
    let decisions: Vec<&Decision> = verdicts.iter().map(|it| &it.decision).collect();
    assert!(matches!(decisions[0], Decision::Unmatched { .. }));
    assert_eq!(decisions[1], &Decision::Filtered { reason: Some("no updated".to_owned()) });
}

#[test]
fn a_script_that_fails_fails_its_own_route_only() {
    let routes = "[{ name: r, coalesce: key, script: scripts/s.rhai, to: tool }, { name: s, coalesce: kind, to: tool }]";
    let world = world(TOOL, routes, "fn batch_key(event) {\n  throw \"odd\"\n}");
    let crossed = world.take("netbox", &captured("storm", "v4.6.8")[0]);
    let Decision::Failed(failure) = decision(&crossed.outcome) else { panic!() };
    assert_eq!((failure.message.as_str(), failure.place.as_deref()), ("odd", Some("scripts/s.rhai:2:3")));
    assert_eq!(crossed.outcome.gathered.len(), 1);
}

#[test]
fn the_window_is_the_routes_and_the_event_what_the_route_sees() {
    let routes = "[{ name: r, coalesce: { by: kind, quiet: 1s, max_wait: 9s, max_events: 3, max_bytes: 1KiB }, \
                  action_data: { team: net }, to: tool }, { name: plain, to: tool }]";
    let world = world(TOOL, routes, "");
    let crossed = world.take("netbox", &captured("storm", "v4.6.8")[0]);
    let waits = &crossed.outcome.gathered[0];
    let [one, nine] = [1, 9].map(std::time::Duration::from_secs);
    assert_eq!(waits.window, Window { quiet: one, max_wait: nine, max_events: 3, max_bytes: 1024 });
    assert_eq!(waits.content.data["team"], "net");
    assert!(crossed.outcome.events[0].event.data.get("team").is_none());
    assert_eq!(crossed.outcome.deliveries.len(), 1, "the other route sends at once");
}

#[test]
fn a_key_of_any_length_makes_a_short_group_of_its_own() {
    let long = "x".repeat(5000);
    assert_eq!(group(By::Kind, "s", &long), group(By::Kind, "s", &long));
    assert_ne!(group(By::Kind, "s", &long), group(By::Kind, "s", &format!("{long}x")));
    assert!(group(By::Kind, "s", &long).len() < 100);
    assert_eq!(group(By::Kind, "s", "k"), "kind:s:k");
}
