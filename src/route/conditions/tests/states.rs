//! Snapshots: `changed`, `unchanged`, and states read directly.

use super::*;

fn updated() -> Event {
    with_states(
        json!({"status": "planned", "name": "a", "tags": ["Alpha"], "blob": "x", "gone": 1, "n": 1, "cf": {"x": 1, "y": null}}),
        json!({"status": "active", "name": "a", "tags": ["Alpha"], "blob": {"key": 1}, "new": 1, "n": 1.0, "cf": {"x": 2, "y": null}}),
    )
}

#[test]
fn changed_and_unchanged_compare_the_states() {
    for (attr, changed, unchanged) in [
        ("status", 'T', 'F'),
        ("name", 'F', 'T'),
        ("tags", 'F', 'T'),
        ("n", 'F', 'T'),
        ("cf", 'T', 'F'),
        ("cf.x", 'T', 'F'),
        ("cf.y", 'F', 'T'),
        // In one state only.
        ("gone", 'T', 'F'),
        ("new", 'T', 'F'),
        // What is an object in one state only has the key in that one.
        ("blob.key", 'T', 'F'),
        // In neither: a mistake, which negation does not mend.
        ("statsu", '!', '!'),
        ("status.value", '!', '!'),
        ("tags.name", '!', '!'),
        ("cf.z", '!', '!'),
        ("cf.y.z", '!', '!'),
    ] {
        let negated = |letter| match letter {
            'T' => 'F',
            'F' => 'T',
            other => other,
        };
        table(
            &updated(),
            &[
                (&format!("{{ attr: {attr}, op: changed }}"), changed),
                (&format!("{{ attr: {attr}, op: unchanged }}"), unchanged),
                (&format!("{{ attr: {attr}, op: changed, negate: true }}"), negated(changed)),
                (&format!("{{ attr: {attr}, op: unchanged, negate: true }}"), negated(unchanged)),
            ],
        );
    }
}

#[test]
fn an_empty_list_is_no_evidence_of_a_path() {
    for (before, after) in
        [(json!([]), json!(["Alpha"])), (json!(["Alpha"]), json!([])), (json!([]), json!([]))]
    {
        let event = with_states(json!({ "tags": before }), json!({ "tags": after }));
        table(
            &event,
            &[("{ attr: tags.name, op: changed }", '!'), ("{ attr: tags.name, op: unchanged }", '!')],
        );
    }
    let event = with_states(json!({}), json!({ "status": "active" }));
    table(&event, &[("{ attr: status.value, op: changed }", '!'), ("{ attr: status, op: changed }", 'T')]);
}

#[test]
fn new_and_deleted_objects_have_one_state() {
    let state = || json!({"status": "active", "tags": [], "description": "", "cf": {"x": "y"}});
    for (event, absent, present) in [
        (with_states(Json::Null, state()), "prechange", "postchange"),
        (with_states(state(), Json::Null), "postchange", "prechange"),
    ] {
        for (rule, wanted) in [
            ("{ attr: status, op: changed }", 'T'),
            ("{ attr: status, op: unchanged }", 'F'),
            ("{ attr: status, op: unchanged, negate: true }", 'T'),
            ("{ attr: tags, op: changed }", 'T'),
            ("{ attr: status.value, op: changed }", '!'),
            ("{ attr: statsu, op: changed, negate: true }", '!'),
            ("{ attr: snapshots.PRESENT.status, value: active }", 'T'),
            ("{ attr: snapshots.PRESENT.stauts, value: active }", '!'),
            ("{ attr: snapshots.ABSENT, value: null }", 'T'),
            ("{ attr: snapshots.ABSENT, value: null, negate: true }", 'F'),
            ("{ attr: snapshots.PRESENT, value: null }", 'F'),
            // An absent state is null, which matches null and nothing else.
            ("{ attr: snapshots.ABSENT.status, value: null }", 'T'),
            ("{ attr: snapshots.ABSENT.cf.x, value: null }", 'T'),
            ("{ attr: snapshots.ABSENT.tags, value: null }", 'T'),
            ("{ attr: snapshots.ABSENT.status, value: active }", 'F'),
            ("{ attr: snapshots.ABSENT.status, value: active, negate: true }", 'T'),
            ("{ attr: snapshots.ABSENT.status, op: in, value: [active, null] }", 'T'),
            ("{ attr: snapshots.ABSENT.status, op: contains, value: act }", 'F'),
            ("{ attr: snapshots.ABSENT.status, op: contains, value: act, negate: true }", 'T'),
            ("{ attr: snapshots.ABSENT.status, op: regex, value: act }", 'F'),
            ("{ attr: snapshots.ABSENT.status, op: regex, value: act, negate: true }", 'T'),
            ("{ attr: snapshots.ABSENT.status, op: gt, value: 1 }", 'F'),
            ("{ attr: snapshots.ABSENT.status, op: lte, value: 1, negate: true }", 'T'),
            // The other state has to know the path.
            ("{ attr: snapshots.ABSENT.status.value, value: null }", '!'),
            ("{ attr: snapshots.ABSENT.description.value, value: null }", '!'),
            ("{ attr: snapshots.ABSENT.nothing, value: null }", '!'),
            ("{ attr: snapshots.ABSENT.cf.z, value: null }", '!'),
            ("{ attr: snapshots.ABSENT.tags.name, value: null }", '!'),
        ] {
            let rule = rule.replace("ABSENT", absent).replace("PRESENT", present);
            assert_eq!(
                verdict(&event, &rule),
                wanted,
                "{rule} {:?}",
                set(&rule).check(&Context::new(&event))
            );
        }
    }
}

#[test]
fn states_are_read_beside_the_data_and_hold_bare_values() {
    table(
        &updated(),
        &[
            ("{ attr: snapshots.prechange.status, value: planned }", 'T'),
            ("{ attr: snapshots.postchange.status, value: planned }", 'F'),
            ("{ attr: snapshots.prechange.cf.x, op: lt, value: 2 }", 'T'),
            ("{ attr: snapshots.prechange.status.value, value: planned }", '!'),
            ("{ attr: snapshots.prechange.stauts, value: null }", '!'),
            ("{ attr: snapshots.bogus.status, value: null }", '!'),
            ("{ attr: snapshots.bogus, value: null }", '!'),
            ("{ attr: snapshots, value: null }", 'F'),
            ("{ attr: snapshots, op: contains, value: prechange }", 'T'),
            ("{ attr: snapshots.prechange, op: contains, value: status }", 'T'),
            ("{ attr: id, value: 1 }", 'T'),
        ],
    );
    let own = Event { data: json!({ "snapshots": {"prechange": {"status": "own"}} }).into(), ..updated() };
    assert_eq!(verdict(&own, "{ attr: snapshots.prechange.status, value: planned }"), 'T');
    let (_, actual) = refusal(&updated(), "{ attr: snapshots.prechange.status.value, value: planned }");
    let wanted = "`snapshots.prechange.status` is a text and has no `value` (snapshots hold bare values: leave `.value` out)";
    assert_eq!(actual, format!("invalid: {wanted}"));
}

#[test]
fn two_absent_states_are_null_and_no_snapshots_are_a_mistake() {
    let none = with_states(Json::Null, Json::Null);
    table(
        &none,
        &[
            ("{ attr: snapshots.prechange, value: null }", 'T'),
            ("{ attr: snapshots.prechange.status.value, value: null }", 'T'),
            ("{ attr: snapshots.prechange.status, value: active, negate: true }", 'T'),
            ("{ attr: snapshots.bogus.status, value: null }", '!'),
            ("{ attr: status, op: changed }", '!'),
            ("{ attr: status, op: unchanged, negate: true }", '!'),
        ],
    );
    let job = event(json!({ "id": 1 }));
    table(
        &job,
        &[
            ("{ attr: snapshots, value: null }", 'T'),
            ("{ attr: snapshots.prechange, value: null }", '!'),
            ("{ attr: snapshots.prechange.status, value: null }", '!'),
            ("{ attr: status, op: changed }", '!'),
            ("{ attr: status, op: changed, negate: true }", '!'),
        ],
    );
}

#[test]
fn states_are_there_though_the_data_is_not() {
    let event = Event { data: json!({}).into(), ..with_states(json!({"status": "planned"}), Json::Null) };
    table(
        &event,
        &[
            ("{ attr: snapshots.prechange.status, value: planned }", 'T'),
            ("{ attr: snapshots.postchange.status, value: null }", 'T'),
            ("{ or: [{ attr: status, op: regex, value: foo }, { attr: status, op: changed }] }", 'T'),
            ("{ and: [{ attr: status, value: null }, { attr: status, op: changed }] }", 'F'),
        ],
    );
}

#[test]
fn netbox_s_examples_of_transitions() {
    let to = |before: Json, status: &str| Event {
        data: json!({ "status": {"value": status} }).into(),
        ..with_states(before, json!({ "status": status }))
    };
    let activated =
        r#"{"and": [{"attr": "status.value", "value": "active"}, {"attr": "status", "op": "changed"}]}"#;
    assert_eq!(verdict(&to(json!({"status": "planned"}), "active"), activated), 'T');
    assert_eq!(verdict(&to(json!({"status": "active"}), "active"), activated), 'F');
    assert_eq!(verdict(&to(json!({"status": "active"}), "offline"), activated), 'F');
    let was_planned = r#"{"or": [
        {"attr": "snapshots.prechange.status", "value": null},
        {"attr": "snapshots.prechange.status", "value": "planned"}]}"#;
    assert_eq!(verdict(&to(Json::Null, "active"), was_planned), 'T');
    assert_eq!(verdict(&to(json!({"status": "planned"}), "active"), was_planned), 'T');
    assert_eq!(verdict(&to(json!({"status": "offline"}), "active"), was_planned), 'F');
}
