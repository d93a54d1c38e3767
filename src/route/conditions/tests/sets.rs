//! `and`, `or`, their order, and NetBox's own examples.

use super::*;

#[test]
fn sets_nest_at_will() {
    let event = event(json!({ "a": 1, "b": 2, "c": 3 }));
    let rule = |attr: &str, value: u8| format!("{{ attr: {attr}, value: {value} }}");
    let (a, b, c) = (rule("a", 1), rule("b", 2), rule("c", 3));
    let no = rule("a", 9);
    for (conditions, wanted) in [
        (format!("{{ and: [{a}, {b}, {c}] }}"), 'T'),
        (format!("{{ and: [{a}, {no}] }}"), 'F'),
        (format!("{{ or: [{no}, {c}] }}"), 'T'),
        (format!("{{ or: [{no}, {no}] }}"), 'F'),
        (format!("{{ and: [{a}, {{ or: [{no}, {b}] }}] }}"), 'T'),
        (format!("{{ and: [{a}, {{ or: [{no}, {no}] }}] }}"), 'F'),
        (format!("{{ or: [{no}, {{ and: [{b}, {c}] }}] }}"), 'T'),
        (format!("{{ or: [{no}, {{ and: [{b}, {no}] }}] }}"), 'F'),
        (format!("{{ and: [{{ and: [{{ or: [{{ and: [{a}] }}] }}] }}] }}"), 'T'),
        ("{ and: [] }".to_owned(), 'T'),
        ("{ or: [] }".to_owned(), 'F'),
        ("{ or: [{ or: [] }, { and: [] }] }".to_owned(), 'T'),
    ] {
        assert_eq!(verdict(&event, &conditions), wanted, "{conditions}");
    }
}

#[test]
fn a_rule_that_is_not_reached_cannot_make_a_set_invalid() {
    let event = event(json!({ "a": 1 }));
    let (yes, no, bad) = ("{ attr: a, value: 1 }", "{ attr: a, value: 2 }", "{ attr: nothing, value: 1 }");
    for (conditions, wanted) in [
        (format!("{{ and: [{no}, {bad}] }}"), 'F'),
        (format!("{{ and: [{bad}, {no}] }}"), '!'),
        (format!("{{ and: [{yes}, {bad}] }}"), '!'),
        (format!("{{ or: [{yes}, {bad}] }}"), 'T'),
        (format!("{{ or: [{bad}, {yes}] }}"), '!'),
        (format!("{{ or: [{no}, {bad}, {yes}] }}"), '!'),
        (format!("{{ or: [{{ and: [{no}, {bad}] }}, {yes}] }}"), 'T'),
        (format!("{{ or: [{{ and: [{yes}, {bad}] }}, {yes}] }}"), '!'),
        (format!("{{ and: [{{ or: [{yes}, {bad}] }}, {yes}] }}"), 'T'),
        (format!("{{ and: [{{ or: [] }}, {bad}] }}"), 'F'),
    ] {
        assert_eq!(verdict(&event, &conditions), wanted, "{conditions}");
    }
}

#[test]
fn netbox_s_documented_examples() {
    let site = |status: &str, ip: Json, tags: &[&str]| {
        let tags: Vec<Json> = tags.iter().map(|slug| json!({ "slug": slug })).collect();
        event(json!({
            "name": "foo", "asn": 65001, "status": {"value": status}, "primary_ip4": ip, "tags": tags,
        }))
    };
    let active = site("active", json!({"address": "192.0.2.1/32"}), &[]);
    table(
        &active,
        &[
            (r#"{"attr": "name", "value": "foo"}"#, 'T'),
            (r#"{"attr": "name", "value": "foo", "negate": true}"#, 'F'),
            (r#"{"attr": "asn", "value": 65000, "op": "gt"}"#, 'T'),
            (r#"{"attr": "status.value", "value": ["planned", "staging"], "op": "in", "negate": true}"#, 'T'),
        ],
    );
    let rule = r#"{"or": [
        {"and": [
            {"attr": "status.value", "value": "active"},
            {"attr": "primary_ip4", "value": null, "negate": true}
        ]},
        {"attr": "tags.slug", "value": "exempt", "op": "contains"}
    ]}"#;
    assert_eq!(verdict(&active, rule), 'T');
    assert_eq!(verdict(&site("active", Json::Null, &[]), rule), 'F');
    assert_eq!(verdict(&site("planned", Json::Null, &["core", "exempt"]), rule), 'T');
    assert_eq!(verdict(&site("planned", Json::Null, &["core"]), rule), 'F');
}

#[test]
fn conditions_may_be_json_pasted_as_a_text() {
    let event = event(json!({ "status": {"value": "active"}, "n": 12345678901234567890_u64 }));
    table(
        &event,
        &[
            (r#"'{"attr": "status.value", "value": "active"}'"#, 'T'),
            (r#""{\"attr\": \"status.value\", \"value\": \"planned\"}""#, 'F'),
            (
                "|\n  {\n    \"and\": [\n      {\"attr\": \"n\", \"value\": 12345678901234567890}\n    ]\n  }\n",
                'T',
            ),
            ("|\n  {\n  \t\"and\": [\n  \t\t{\"attr\": \"n\",\t\"value\": 1}\n  \t]\n  }\n", 'F'),
            (r#"'{"attr": "status.value", "op": "regex", "value": "^act\\w+\u0024"}'"#, 'T'),
            (r#"'{"attr": "status.value", "negate": true, "value": null}'"#, 'T'),
        ],
    );
}

#[test]
fn a_thousand_rules_are_asked_in_no_time() {
    let rules: Vec<String> =
        (0..1000).map(|n| format!("{{ attr: tags.slug, op: contains, value: t{n} }}")).collect();
    let set = set(&format!("{{ or: [{}] }}", rules.join(", ")));
    let tags: Vec<Json> = (0..200).map(|n| json!({ "slug": format!("x{n}") })).collect();
    let event = event(json!({ "tags": tags }));
    let begin = std::time::Instant::now();
    assert_eq!(letter(&set, &event), 'F');
    assert!(begin.elapsed() < std::time::Duration::from_secs(2), "{:?}", begin.elapsed());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_event_makes_it_panic(
        data in crate::json::any_json(),
        before in crate::json::any_json(),
        after in crate::json::any_json(),
        value in crate::json::any_json(),
        attr in "(snapshots\\.(prechange|postchange)\\.)?[ab]?[a-z]{0,2}(\\.[a-b])?",
    ) {
        let key = attr.rsplit('.').next().unwrap_or_default().to_owned();
        let data = json!({ &key: data, "a": {"b": data}, "b": [before.clone()] });
        let event = Event { data: data.into(), before: json!({ &key: before, "a": 1 }).into(), after: after.into(), ..event(Json::Null) };
        for (op, _) in operator::Op::ALL {
            for rule in [
                json!({ "attr": attr, "op": op, "value": value, "negate": true }),
                json!({ "attr": attr, "op": op }),
            ] {
                let conditions = json!({ "and": [{ "or": [rule, { "and": [] }] }, rule] });
                if let (Some(set), _) = compile(&conditions.to_string()) {
                    let _ = set.check(&Context::new(&event));
                }
            }
        }
    }

    #[test]
    fn no_expression_makes_it_panic(pattern in "[a-c()\\[\\]{}*+?|^$.\\\\?:=!<>P#0-9,dwsbZx \\-&é]{0,16}", text in "[a-c0-9 \n]{0,12}") {
        if let Ok(pattern) = pattern::Pattern::compile(&pattern) {
            let _ = pattern.matches(&text);
        }
    }
}
