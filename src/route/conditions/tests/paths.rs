//! Dotted paths: nesting, lists, nulls, and what cannot be followed.

use super::*;

fn device() -> Event {
    event(json!({
        "name": "leaf-1",
        "status": {"value": "active", "label": "Active"},
        "a": {"b": {"c": 123, "null": null}},
        "tags": [{"slug": "edge", "owner": {"name": "x"}}, {"slug": "core", "owner": {"name": "y"}}],
        "none": [],
        "holes": [{"slug": "a"}, null],
        "uneven": [{"slug": "a"}, {"name": "b"}],
        "mixed": [{"slug": "a"}, "b"],
        "nested": [[{"slug": "a"}], [{"slug": "b"}]],
        "lists": [{"n": [1, 2]}, {"n": [3]}],
        "empty": "",
        "zero": 0,
        "primary_ip4": null,
        "sn.ap": 1,
        "0": "zero",
    }))
}

#[test]
fn paths_lead_through_objects_and_map_over_lists() {
    table(
        &device(),
        &[
            ("{ attr: a.b.c, value: 123 }", 'T'),
            ("{ attr: a.b.c, value: 124 }", 'F'),
            ("{ attr: a.b, value: null }", 'F'),
            ("{ attr: a.b, op: contains, value: c }", 'T'),
            ("{ attr: a.b.null, value: null }", 'T'),
            ("{ attr: tags.slug, value: [edge, core] }", 'T'),
            ("{ attr: tags.slug, value: [core, edge] }", 'F'),
            ("{ attr: tags.slug, op: contains, value: core }", 'T'),
            ("{ attr: tags.slug, op: contains, value: cor }", 'F'),
            ("{ attr: tags.slug, op: in, value: [[edge, core]] }", 'T'),
            ("{ attr: tags.slug, op: in, value: [edge, core] }", 'F'),
            ("{ attr: tags.owner.name, value: [x, y] }", 'T'),
            ("{ attr: lists.n, value: [[1, 2], [3]] }", 'T'),
            ("{ attr: lists.n, op: contains, value: [3] }", 'T'),
            ("{ attr: lists.n, op: contains, value: 3 }", 'F'),
            // A number is a name like any other: lists have no indexes.
            ("{ attr: '0', value: zero }", 'T'),
            ("{ attr: tags.0, value: null }", '!'),
        ],
    );
}

#[test]
fn an_empty_list_has_no_values_and_that_is_no_mistake() {
    table(
        &device(),
        &[
            ("{ attr: none.slug, op: contains, value: exempt }", 'F'),
            ("{ attr: none.slug, op: contains, value: exempt, negate: true }", 'T'),
            ("{ attr: none.slug, value: [] }", 'T'),
            ("{ attr: none.a.b.c, value: [] }", 'T'),
            ("{ attr: none, value: [] }", 'T'),
        ],
    );
}

#[test]
fn what_cannot_be_followed_is_invalid_negated_or_not() {
    for attr in [
        "vlan",
        "status.vlue",
        "status.value.x",
        "a.b.c.d",
        "a.b.null.x",
        "primary_ip4.address",
        "tags.nothing",
        "holes.slug",
        "uneven.slug",
        "mixed.slug",
        "nested.slug",
        "lists.n.x",
        "empty.x",
        "zero.x",
        "sn.ap",
        "Name",
    ] {
        for negate in [false, true] {
            for test in ["value: null", "value: active", "op: contains, value: a", "op: regex, value: ''"] {
                let rule = format!("{{ attr: {attr}, {test}, negate: {negate} }}");
                assert_eq!(verdict(&device(), &rule), '!', "{rule}");
            }
        }
    }
}

#[test]
fn why_a_path_leads_nowhere_is_told() {
    for (attr, wanted) in [
        ("status.vlue", "there is no `status.vlue` in data: `status` has `value`, `label`"),
        ("x", "there is no `x` in data: the data has `name`, `status`, `a`, `tags`, …"),
        ("name.x", "`name` is a text and has no `x`"),
        ("zero.x", "`zero` is a number and has no `x`"),
        ("primary_ip4.address", "`primary_ip4` is null and has no `address`"),
        ("holes.slug", "item 2 of `holes` is null and has no `slug`"),
        ("uneven.slug", "there is no `uneven.slug` in data: item 2 of `uneven` has `name`"),
        ("mixed.slug", "item 2 of `mixed` is a text and has no `slug`"),
        ("nested.slug", "item 1 of `nested` is a list and has no `slug`"),
        ("lists.n.x", "item 1 of `lists.n` is a list and has no `x`"),
    ] {
        let (told, actual) = refusal(&device(), &format!("{{ attr: {attr}, value: 1 }}"));
        assert_eq!(told, format!("{attr} eq 1"));
        assert_eq!(actual, format!("invalid: {wanted}"));
    }
}

#[test]
fn why_values_cannot_be_compared_is_told() {
    for (rule, wanted) in [
        ("{ attr: name, op: gt, value: 1 }", "a text has no order with a number: name is \"leaf-1\""),
        ("{ attr: primary_ip4, op: lt, value: 1 }", "null has no order with a number: primary_ip4 is null"),
        ("{ attr: none, op: lte, value: 1 }", "a list has no order with a number: none is []"),
        ("{ attr: name, op: contains, value: 1 }", "a text cannot contain a number: name is \"leaf-1\""),
        ("{ attr: zero, op: contains, value: 0 }", "a number contains nothing: zero is 0"),
        (
            "{ attr: a.b, op: contains, value: [c] }",
            "a list is no key of an object: a.b is {\"c\":123,\"null\":null}",
        ),
        ("{ attr: zero, op: regex, value: '0' }", "a regular expression cannot match a number: zero is 0"),
        (
            "{ attr: tags.slug, op: regex, value: e }",
            "a regular expression cannot match a list: tags.slug is [\"edge\",\"core\"]",
        ),
        (
            "{ attr: tags.slug, op: gt, value: 1 }",
            "a list has no order with a number: tags.slug is [\"edge\",\"core\"]",
        ),
    ] {
        assert_eq!(refusal(&device(), rule).1, format!("invalid: {wanted}"));
    }
}

#[test]
fn without_data_nothing_matches_and_nothing_is_wrong() {
    for data in [json!({}), json!(null), json!("text"), json!([{"x": 1}]), json!(7)] {
        let event = event(data);
        table(
            &event,
            &[
                ("{ attr: x, value: 1 }", 'F'),
                ("{ attr: x, value: null }", 'F'),
                ("{ attr: x, value: 1, negate: true }", 'F'),
                ("{ attr: x.y, op: gt, value: 1, negate: true }", 'F'),
                ("{ attr: x, op: regex, value: '' }", 'F'),
                ("{ or: [{ attr: x, value: 1 }, { and: [] }] }", 'T'),
            ],
        );
        assert_eq!(refusal(&event, "{ attr: x, value: 1 }").1, "there is no data");
    }
}
