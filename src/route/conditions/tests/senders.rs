//! Conditions over what other systems send.

use super::*;

#[test]
fn a_sender_that_tells_only_changes() {
    let event = Event {
        changes: vec![
            change("status", json!("planned"), json!("active")),
            change("status.is_protected", json!(false), json!(true)),
            change("height", json!(1), json!(2)),
        ],
        system: "infrahub".to_owned(),
        ..event(json!({ "kind": "InfraDevice" }))
    };
    table(
        &event,
        &[
            ("{ attr: kind, value: InfraDevice }", 'T'),
            ("{ attr: status, op: changed }", 'T'),
            ("{ attr: status, op: changed, negate: true }", 'F'),
            ("{ attr: status, op: unchanged }", 'F'),
            ("{ attr: status.is_protected, op: changed }", 'T'),
            ("{ attr: snapshots.prechange.status, value: planned }", 'T'),
            ("{ attr: snapshots.postchange.status, op: regex, value: act }", 'T'),
            ("{ attr: snapshots.postchange.status.is_protected, value: true }", 'T'),
            ("{ attr: snapshots.postchange.height, op: gt, value: 1 }", 'T'),
            // Of what is not among the changes nothing is known: neither holds, and none is wrong.
            ("{ attr: name, op: changed }", 'F'),
            ("{ attr: name, op: changed, negate: true }", 'F'),
            ("{ attr: name, op: unchanged }", 'F'),
            ("{ attr: snapshots.prechange.name, value: null }", 'F'),
            ("{ attr: snapshots.prechange.name, value: null, negate: true }", 'F'),
            ("{ or: [{ attr: name, op: changed }, { attr: status, op: changed }] }", 'T'),
            ("{ attr: status.value, op: changed }", '!'),
        ],
    );
    let told = refusal(&event, "{ attr: name, op: changed }");
    assert_eq!(told.1, "the sender tells only changes, and this is none of them");

    let created = Event { action: "created".to_owned(), ..event.clone() };
    let deleted = Event { action: "deleted".to_owned(), ..event };
    for (event, absent) in [(created, "prechange"), (deleted, "postchange")] {
        for (rule, wanted) in [
            ("{ attr: status, op: changed }", 'T'),
            ("{ attr: snapshots.ABSENT, value: null }", 'T'),
            ("{ attr: snapshots.ABSENT.status, value: null }", 'T'),
            ("{ attr: snapshots.ABSENT.status.is_protected, value: null }", 'T'),
            ("{ attr: snapshots.ABSENT.name, value: null }", 'F'),
        ] {
            let rule = rule.replace("ABSENT", absent);
            assert_eq!(verdict(&event, &rule), wanted, "{rule}");
        }
    }
}

#[test]
fn named_fields_are_fields_of_the_states() {
    let object = |hostname: &str| {
        json!({ "public_id": 7, "active": true, "fields": [
            {"name": "hostname", "value": hostname}, {"name": "rack", "value": null}] })
    };
    let event = Event {
        before: object("a").into(),
        after: object("b").into(),
        system: "datagerry".to_owned(),
        ..event(object("b"))
    };
    table(
        &event,
        &[
            ("{ attr: public_id, value: 7 }", 'T'),
            ("{ attr: fields.value, op: contains, value: b }", 'T'),
            ("{ attr: fields.name, value: [hostname, rack] }", 'T'),
            ("{ attr: hostname, op: changed }", 'T'),
            ("{ attr: rack, op: unchanged }", 'T'),
            ("{ attr: active, op: unchanged }", 'T'),
            ("{ attr: snapshots.prechange.hostname, value: a }", 'T'),
            ("{ attr: hostnam, op: changed }", '!'),
            ("{ attr: hostname, value: b }", '!'),
        ],
    );
}
