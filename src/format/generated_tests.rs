//! Events that nobody has sent yet: whatever they hold, every dialect says the same.

use std::sync::Arc;

use proptest::prelude::*;

use super::roundtrip_tests::{DIALECTS, PLAIN, essence, render};
use super::samples::{event, receipt};
use super::{Format, Kinds};
use crate::json;
use crate::model::{Event, Json, json};

/// Values as they may stand in any sender's fields.
fn value() -> impl Strategy<Value = Json> {
    let huge = prop::sample::select(vec!["1e999", "-0.0", "123456789012345678901234567890", "1.50", "0"]);
    let number = |text: &str| json::parse(text.as_bytes(), json::NonFinite::Refuse).unwrap().value;
    prop_oneof![
        3 => json::any_json(),
        1 => huge.prop_map(number),
        1 => Just(json!("***")),
    ]
}

fn name() -> impl Strategy<Value = String> {
    let odd = [
        "",
        "name",
        "status",
        "custom_fields.cf",
        ".",
        "a..b",
        "last_updated",
        "created",
        "_hidden",
        "tags",
        "active",
        "interface_count",
        "lft",
        "level",
        "path",
        "role",
        "fields",
        "id",
        "url",
        "key",
        "***",
        "$date",
        "multi_data_sections",
    ];
    prop_oneof![prop::sample::select(odd.to_vec()).prop_map(str::to_owned), any::<String>()]
}

/// A change as an action allows it: there is nothing before a creation and after a deletion.
fn change(action: &'static str) -> impl Strategy<Value = Json> {
    let ids = || prop::collection::vec(name(), 0..3);
    let partial = (name(), ids(), ids()).prop_map(|(field, from, to)| (field, json!(from), json!(to), true));
    let whole = (name(), value(), value()).prop_map(|(field, from, to)| (field, from, to, false));
    prop_oneof![partial, whole].prop_filter_map(
        "nothing changed",
        move |(field, mut from, mut to, partial)| {
            if action == "created" {
                from = Json::Null;
            }
            if action == "deleted" {
                to = Json::Null;
            }
            let nothing = |value: &Json| value.is_null() || partial && *value == json!([]);
            let change = json!({"field": field, "from": from, "to": to, "partial": partial});
            (!(nothing(&from) && nothing(&to))).then_some(change)
        },
    )
}

fn any_event() -> impl Strategy<Value = Event> {
    let action = prop::sample::select(vec![
        "created",
        "updated",
        "deleted",
        "merged",
        "a.b",
        "",
        "job_started",
        "***",
    ]);
    let system = prop::sample::select(vec!["lab", "nautobot", "jira", "netbox", "infrahub", "datagerry"]);
    let text = || prop::option::of(name());
    let given = || name().prop_filter("needed", |text| !text.is_empty());
    let object = prop::option::of((given(), prop_oneof![given(), "[0-9]{1,25}"], text(), text())).boxed();
    action.prop_flat_map(move |action| {
        let changes = prop::collection::vec(change(action), 0..5);
        let states = (value(), value(), value());
        let facts = (text(), text(), text(), text());
        (system.clone(), object.clone(), changes, states, facts, any::<bool>()).prop_map(
            move |(
                system,
                object,
                changes,
                (before, after, data),
                (branch, actor, who, correlation),
                job,
            )| {
                let object = object
                    .map(|(kind, id, name, url)| json!({"kind": kind, "id": id, "name": name, "url": url}));
                let part = if job { "job" } else { "object" };
                event(json!({"system": system, "type": format!("{system}.{part}.{action}"), "action": action,
                    "object": object, "changes": changes, "before": before, "after": after, "data": data,
                    "branch": branch, "actor": {"id": actor, "name": who}, "correlation_id": correlation,
                    "occurred_at": "2026-11-22T05:30:00.25Z"}))
            },
        )
    })
}

proptest! {
    #[test]
    fn any_event_says_the_same_in_every_dialect(event in any_event()) {
        for (source, (dialect, format)) in PLAIN.iter().zip(DIALECTS) {
            let sent = render(format, &event, &receipt(b""));
            let text = String::from_utf8_lossy(&sent).into_owned();
            let back = source.back(&sent);
            prop_assert_eq!(essence(&back), essence(&event), "{}: {}", dialect, text);
        }
    }

    #[test]
    fn no_event_makes_any_format_panic(mut event in any_event(), native in json::any_json(), time in name()) {
        event.native = Arc::new(native);
        event.occurred_at = Some(time);
        let kinds: Kinds = event.object.iter().map(|object| (object.kind.clone(), object.id.clone())).collect();
        for (name, format) in Format::ALL {
            let rendered = format.render(&event, &receipt(b"x"), &kinds).unwrap();
            let dialect = !rendered.content_type.starts_with("text/") && name != "native";
            prop_assert!(!dialect || json::parse(&rendered.body, json::NonFinite::Refuse).is_ok(), "{}", name);
        }
    }
}
