//! Every key, operator and negation, as tables.

use std::sync::Arc;

use super::*;
use crate::model::{Actor, Change, EventId, Json, Object, ReceiptId, Timestamp, json};

fn event() -> Event {
    let now = Timestamp::UNIX_EPOCH;
    let change =
        |field: &str| Change { field: field.to_owned(), from: json!(1), to: json!(2), partial: false };
    Event {
        id: EventId::of(ReceiptId::new(now), 0),
        r#type: "infrahub.node.updated".to_owned(),
        action: "updated".to_owned(),
        source: "infrahub-prod".to_owned(),
        system: "infrahub".to_owned(),
        object: Some(Object { kind: "InfraDevice".to_owned(), id: "7".to_owned(), name: None, url: None }),
        branch: Some("main".to_owned()),
        actor: Actor { id: Some("u-1".to_owned()), name: Some("svc-automation".to_owned()) },
        occurred_at: None,
        received_at: now,
        correlation_id: Some("c".to_owned()),
        changes: vec![change("status"), change("custom_fields.rack.unit")],
        before: Json::Null.into(),
        after: json!({"status": 2}).into(),
        data: json!({
            "site": {"id": 1, "slug": "fra1"},
            "tags": [{"slug": "edge"}, {"slug": "core"}],
            "vid": 100,
            "note": null,
        })
        .into(),
        native: Arc::new(json!({"event": "updated"})),
    }
}

fn compile(when: &str) -> (Match, Vec<String>) {
    let mut problems = Problems::default();
    let node = crate::yaml::parse("c.yaml", when, &mut problems).unwrap();
    let matches = Match::compile("c.yaml", "routes[0]", &[], Some(&node), &mut problems);
    (matches, problems.into_sorted().iter().map(ToString::to_string).collect())
}

fn verdict(event: &Event, when: &str) -> Option<Mismatch> {
    let (matches, problems) = compile(when);
    assert!(problems.is_empty(), "{when}: {problems:?}");
    matches.check(event, None).err()
}

fn table(event: &Event, rows: &[(&str, bool)]) {
    for (when, wanted) in rows {
        assert_eq!(verdict(event, when).is_none(), *wanted, "{when}");
    }
}

#[test]
fn a_route_without_conditions_takes_everything() {
    table(&event(), &[("", true), ("{}", true), ("action:", true), ("kind: null", true)]);
    let matches = Match::compile("c", "routes[0]", &[], None, &mut Problems::default());
    assert_eq!(matches.check(&event(), None), Ok(()));
}

#[test]
fn actions_types_and_kinds() {
    table(
        &event(),
        &[
            ("action: updated", true),
            ("action: [created, Updated]", true),
            ("action: [created, deleted]", false),
            ("action: '!deleted'", true),
            ("action: '!updated'", false),
            ("action: ['up*', '!update?']", false),
            ("type: infrahub.node.*", true),
            ("type: infrahub.*.updated", true),
            ("type: Infrahub.*", false),
            ("type: netbox.*", false),
            ("type: ['*', '!netbox.*']", true),
            ("type: ['*', '!infrahub.*']", false),
            ("kind: InfraDevice", true),
            ("kind: infradevice", true),
            ("kind: [dcim.device, infra*]", true),
            ("kind: Device", false),
            ("kind: ['!dcim.*', '!ipam.*']", true),
            ("kind: ['!dcim.*', '! infra*']", false),
        ],
    );
}

#[test]
fn an_event_without_an_object_is_of_no_kind() {
    let event = Event { object: None, ..event() };
    table(&event, &[("kind: '*'", false), ("kind: '!dcim.device'", true)]);
    assert_eq!(verdict(&event, "kind: x").unwrap().actual, "no object");
}

#[test]
fn branches_by_role_and_by_name() {
    let on = |branch: Option<&str>| Event { branch: branch.map(str::to_owned), ..event() };
    for (branch, rows) in [
        (Some("main"), [true, false, true, true, false, false, true]),
        (Some("feature/x"), [false, true, true, false, true, true, false]),
        // Systems without branches have one line, and everything is on it.
        (None, [true, false, true, false, false, true, true]),
    ] {
        let keys = ["default", "other", "all", "main", "feature/*", "'!main'", "'!other'"];
        for (key, wanted) in keys.iter().zip(rows) {
            let holds = verdict(&on(branch), &format!("branch: {key}")).is_none();
            assert_eq!(holds, wanted, "{branch:?} {key}");
        }
    }
    table(&on(Some("stable")), &[("branch: [default, stable]", true), ("branch: Stable", false)]);
}

#[test]
fn the_default_branch_is_the_source_s() {
    let (matches, _) = compile("branch: default");
    let event = Event { branch: Some("develop".to_owned()), ..event() };
    assert!(matches.check(&event, Some("develop")).is_ok());
    assert!(matches.check(&event, Some("main")).is_err());
    assert!(matches.check(&event, None).is_err());
}

#[test]
fn a_change_below_a_field_is_a_change_of_the_field() {
    table(
        &event(),
        &[
            ("changed: [status]", true),
            ("changed: [name, status]", true),
            ("changed: [name]", false),
            ("changed: [custom_fields]", true),
            ("changed: [custom_fields.rack]", true),
            ("changed: [custom_fields.rack.unit]", true),
            ("changed: [custom_fields.rac]", false),
            ("changed: [custom_fields.rack.unit.x]", false),
            ("changed: [rack]", false),
            ("changed: ['custom_*']", true),
            ("changed: ['*.unit']", true),
            ("changed: ['*']", true),
            ("changed: ['!custom_fields']", false),
            ("changed: ['!name']", true),
            ("changed: [status, '!custom_fields.rack']", false),
        ],
    );
    let still = Event { changes: Vec::new(), ..event() };
    table(&still, &[("changed: '*'", false), ("changed: '!status'", true)]);
    assert_eq!(verdict(&still, "changed: status").unwrap().actual, "no changes");
}

#[test]
fn actors_by_name_or_id() {
    table(
        &event(),
        &[
            ("actor: svc-automation", true),
            ("actor: u-1", true),
            ("actor: 'svc-*'", true),
            ("actor: SVC-AUTOMATION", false),
            ("actor: ['!svc-automation']", false),
            ("actor: ['!u-1']", false),
            ("actor: ['!alice', '!bob']", true),
        ],
    );
    let nobody = Event { actor: Actor::default(), ..event() };
    table(&nobody, &[("actor: '*'", false), ("actor: alice", false), ("actor: '!alice'", true)]);
    assert_eq!(verdict(&nobody, "actor: alice").unwrap().actual, "nobody");
}

#[test]
fn paths_hold_when_they_select_anything() {
    table(
        &event(),
        &[
            ("path: $.data.site.slug", true),
            ("path: $.data.note", true),
            ("path: $.data.nothing", false),
            ("path: $.data.tags[?@.slug == 'edge']", true),
            ("path: $.data.tags[?@.slug == 'lab']", false),
            ("path: $.data.tags[?match(@.slug, 'c.re')]", true),
            ("path: $.data[?@ == 100]", true),
            ("path: $.data[?@.vid >= 100]", true),
            ("path: $.data[?@.vid > 100]", false),
            ("path: $['data']['site']", true),
            ("path: $..slug", true),
            ("path: $..nothing", false),
            ("path: $.object[?@ == 'InfraDevice']", true),
            ("path: $.changes[?@.field == 'status' && @.to == 2]", true),
            ("path: $.changes[?@.field == 'name']", false),
            ("path: $.after.status", true),
            ("path: $.before.status", false),
            ("path: $.native.event", true),
            ("path: $.data.tags[?@.slug != $.data.site.slug]", true),
            ("path: $.data.tags[?@.slug == $.data.site.slug]", false),
            ("path: $.native[?@ == $.action]", true),
            ("path: [$.data.nothing, $.data.site]", true),
            ("path: '!$.data.site'", false),
            ("path: '!$.data.nothing'", true),
            ("path: [$.data.site, '!$.data.vid']", false),
        ],
    );
}

#[test]
fn a_filter_tests_an_object_itself_as_well_as_its_members() {
    table(
        &event(),
        &[
            (r#"path: '$.data.site[?@.slug == "fra1"]'"#, true),
            (r#"path: '$.data.site[?@.slug == "ber1"]'"#, false),
            (r#"path: '$.data[?@.slug == "fra1"]'"#, true),
            (r#"path: '!$.data.site[?@.slug == "fra1"]'"#, false),
            (r#"path: '$.data.site[?@.slug == "fra1"].id'"#, true),
            (r#"path: '$.data.site[?@.slug == "fra1"].nothing'"#, false),
        ],
    );
}

#[test]
fn all_keys_must_hold_and_the_first_that_does_not_is_told() {
    let when =
        "{ action: updated, kind: [dcim.device, InfraDevice], actor: ['!svc-automation'], path: $.data.x }";
    assert_eq!(
        verdict(&event(), when),
        Some(Mismatch {
            condition: "actor".to_owned(),
            wanted: r#"["!svc-automation"]"#.to_owned(),
            actual: "svc-automation (id u-1)".to_owned(),
        })
    );
    let named = Event { actor: Actor { id: None, name: Some("svc-automation".to_owned()) }, ..event() };
    assert_eq!(verdict(&named, when).unwrap().actual, "svc-automation");
    let told = |when: &str| {
        let told = verdict(&event(), when).unwrap();
        (told.condition, told.wanted, told.actual)
    };
    let texts = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(told("branch: other"), texts("branch", "other", "main"));
    assert_eq!(told("type: [a, b]"), texts("type", r#"["a", "b"]"#, "infrahub.node.updated"));
    assert_eq!(told("changed: name"), texts("changed", "name", "status, custom_fields.rack.unit"));
    assert_eq!(told("path: $.data.x"), texts("path", "$.data.x", "selects nothing"));
    assert_eq!(told("path: '!$.data.vid'"), texts("path", "!$.data.vid", "selects something"));
}

#[test]
fn from_takes_names_globs_and_negations() {
    let holds = |from: &[&str]| {
        let from: Vec<_> = from.iter().map(|text| ((1, 1), (*text).to_owned())).collect();
        let matches = Match::compile("c", "routes[0]", &from, None, &mut Problems::default());
        matches.check(&event(), None)
    };
    assert_eq!(holds(&[]), Ok(()));
    assert_eq!(holds(&["infrahub-prod"]), Ok(()));
    assert_eq!(holds(&["netbox", "infrahub-*"]), Ok(()));
    assert!(holds(&["*", "!infrahub-prod"]).is_err());
    let told = holds(&["netbox-*"]).unwrap_err();
    assert_eq!((told.condition.as_str(), told.actual.as_str()), ("from", "infrahub-prod"));
}

#[test]
fn mistakes_in_conditions_are_told_with_their_places() {
    let told = |when: &str| compile(when).1.join("\n");
    assert_eq!(
        told("acton: updated"),
        "c.yaml:1:1: unknown key `routes[0].when.acton`\n  help: did you mean `action`?"
    );
    assert_eq!(
        told("action: []"),
        "c.yaml:1:9: `routes[0].when.action` is an empty list, which nothing matches\n  help: remove the key to take everything"
    );
    assert_eq!(
        told("kind: [a, '!']"),
        "c.yaml:1:11: an entry of `routes[0].when.kind` is empty\n  help: remove it; `*` matches everything"
    );
    assert_eq!(
        told("kind: { a: b }"),
        "c.yaml:1:7: `routes[0].when.kind` must be a text or a list of texts, this is a mapping"
    );
    assert_eq!(
        told("path: data.site"),
        "c.yaml:1:7: `routes[0].when.path` is no JSONPath: it must begin with `$`\n  help: write it like `$.data.site.slug` or `$.data.tags[?@.slug == \"edge\"]` (RFC 9535)"
    );
    assert!(
        told("path: '$.data.site[?@.slug = 1]'")
            .contains("is no JSONPath: it cannot be read from its character")
    );
    assert_eq!(
        told("path: $.dta.site"),
        "c.yaml:1:7: `routes[0].when.path` begins with `dta`, which is no field of an event\n  help: did you mean `data`?; what the sender told lies below `$.data`"
    );
    assert_eq!(
        told("conditions: { attr: a, op: eqq, value: 1 }"),
        "c.yaml:1:28: `routes[0].when.conditions.op` is no operator: `eqq`\n  help: did you mean `eq`?"
    );
}

#[test]
fn hundreds_of_routes_are_asked_in_no_time() {
    let event = event();
    let routes: Vec<Match> =
        (0..500).map(|n| compile(&format!("{{ kind: kind.{n}, action: updated, type: 'a*' }}")).0).collect();
    let begin = std::time::Instant::now();
    for _ in 0..20 {
        assert!(routes.iter().all(|route| route.check(&event, None).is_err()));
    }
    // 10,000 checks take a few milliseconds; the bound only catches a change of their nature.
    assert!(begin.elapsed() < std::time::Duration::from_secs(2), "{:?}", begin.elapsed());
}
