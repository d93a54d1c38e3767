//! What a refusal says.

use super::*;

fn told(event: &Event, conditions: &str, wanted: &str, actual: &str) {
    assert_eq!(refusal(event, conditions), (wanted.to_owned(), actual.to_owned()), "{conditions}");
}

fn device() -> Event {
    Event {
        data: json!({ "status": {"value": "planned"}, "vid": 100, "tags": [{"slug": "edge"}], "asn": 1.50 })
            .into(),
        ..with_states(json!({"status": "planned", "old": 1}), json!({"status": "active", "name": "a"}))
    }
}

#[test]
fn the_rule_that_decided_is_told_with_what_the_event_has() {
    let event = device();
    let status = "{ attr: status.value, value: active }";
    told(&event, status, r#"status.value eq "active""#, r#"status.value is "planned""#);
    told(
        &event,
        &format!("{{ and: [{{ attr: vid, value: 100 }}, {status}, {{ attr: x, value: 1 }}] }}"),
        r#"status.value eq "active""#,
        r#"status.value is "planned""#,
    );
    told(&event, "{ attr: vid, op: gte, value: 1e3 }", "vid gte 1e+3", "vid is 100");
    told(&event, "{ attr: vid, value: 100, negate: true }", "not vid eq 100", "vid is 100");
    told(
        &event,
        "{ attr: tags.slug, op: contains, value: core }",
        r#"tags.slug contains "core""#,
        r#"tags.slug is ["edge"]"#,
    );
    told(&event, "{ attr: vid, op: in, value: [1, a, null] }", r#"vid in [1,"a",null]"#, "vid is 100");
    told(
        &event,
        r"{ attr: status.value, op: regex, value: '^a\d' }",
        r#"status.value regex "^a\\d""#,
        r#"status.value is "planned""#,
    );
}

#[test]
fn an_or_tells_that_none_held() {
    told(
        &device(),
        "{ or: [{ attr: vid, value: 1 }, { and: [{ attr: vid, value: 100 }, { attr: asn, value: 2 }] }] }",
        "any of (vid eq 1, all of (vid eq 100, asn eq 2))",
        "none holds: vid is 100; asn is 1.5",
    );
    told(&device(), "{ or: [] }", "any of ()", "there is no rule that could hold");
    let many: Vec<String> = (0..9).map(|n| format!("{{ attr: vid, value: {n} }}")).collect();
    let (_, actual) = refusal(&device(), &format!("{{ or: [{}] }}", many.join(", ")));
    assert_eq!(actual, "none holds: vid is 100; vid is 100; vid is 100; vid is 100; …");
}

#[test]
fn states_are_told_both() {
    let event = device();
    told(
        &event,
        "{ attr: status, op: unchanged }",
        "status unchanged",
        r#"status was "planned" and is "active""#,
    );
    told(&event, "{ attr: name, op: unchanged }", "name unchanged", r#"name was absent and is "a""#);
    told(&event, "{ attr: old, op: changed, negate: true }", "not old changed", "old was 1 and is absent");
    let still = with_states(json!({"n": [1]}), json!({"n": [1]}));
    told(&still, "{ attr: n, op: changed }", "n changed", "n is still [1]");
    let created = with_states(Json::Null, json!({"n": 1}));
    told(
        &created,
        "{ attr: snapshots.prechange.n, value: 1 }",
        "snapshots.prechange.n eq 1",
        "snapshots.prechange.n is null, because there is no such state",
    );
    told(&created, "{ attr: m, op: changed }", "m changed", "invalid: there is no `m` in either snapshot");
    told(
        &device(),
        "{ attr: status.value, op: changed }",
        "status.value changed",
        "invalid: `status` is a text and has no `value` (snapshots hold bare values: leave `.value` out)",
    );
}

#[test]
fn long_values_are_cut() {
    let event = event(json!({ "x": "é".repeat(1_000_000), "list": vec![7; 100_000] }));
    let value = "v".repeat(5_000);
    let (wanted, actual) = refusal(&event, &format!("{{ attr: x, value: {value} }}"));
    assert_eq!(wanted, format!("x eq \"{}…", "v".repeat(79)));
    assert_eq!(actual, format!("x is \"{}…", "é".repeat(79)));
    let (_, actual) = refusal(&event, "{ attr: list, value: 1 }");
    assert_eq!(actual, format!("list is [{}7…", "7,".repeat(39)));
    let many: Vec<String> = (0..900).map(|n| format!("{{ attr: x, value: value-{n} }}")).collect();
    let (wanted, _) = refusal(&event, &format!("{{ or: [{}] }}", many.join(", ")));
    assert_eq!(wanted.chars().count(), LONGEST_WANTED + 1);
    assert!(wanted.starts_with("any of (x eq \"value-0\", x eq \"value-1\""), "{wanted}");
}
