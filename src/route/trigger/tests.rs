//! Every operator over every kind of label, and the words for what does not fit.

use proptest::prelude::*;

use super::*;
use crate::model::{Json, json};
use crate::route::captures::{capture, captures, compile, infrahub, table, verdict};

fn device() -> Event {
    let attribute = |name: &str, kind: &str, from: Json, to: Json| json!({"name": name, "kind": kind, "value": to, "value_previous": from, "value_update_status": "updated"});
    infrahub(&json!({
        "event": "infrahub.node.updated", "id": "e", "branch": "main", "account_id": "u-1",
        "data": {"kind": "InfraDevice", "node_id": "n-1", "action": "updated", "changelog": {
            "attributes": {
                "status": attribute("status", "Dropdown", json!("planned"), json!("active")),
                "enabled": attribute("enabled", "Boolean", json!(false), json!(true)),
                "mtu": attribute("mtu", "Number", json!(1500), json!(9000)),
                "share": attribute("share", "Number", json!(0.5), json!(1)),
                "note": attribute("note", "Text", json!("old"), Json::Null),
                "tag": attribute("tag", "Text", json!(""), json!("a*b")),
                "vlans": attribute("vlans", "List", json!([]), json!([1, "two"])),
            },
            "relationships": {
                "site": {"name": "site", "cardinality": "one", "peer_id": "s-2", "peer_kind": "LocationSite",
                         "peer_id_previous": "s-1", "peer_kind_previous": "LocationSite", "peer_status": "updated"},
                "tags": {"name": "tags", "cardinality": "many", "peers": [
                    {"peer_id": "t-1", "peer_kind": "BuiltinTag", "peer_status": "added"},
                    {"peer_id": "t-2", "peer_kind": "BuiltinTag", "peer_status": "removed"}]},
            }}},
    }))
}

#[test]
fn values_are_equal_begin_so_or_are_negated() {
    for (expected, value, wanted) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a", "A", false),
        ("a*", "ab", true),
        ("a*", "a", true),
        ("a*", "ba", false),
        ("*", "", true),
        ("*", "anything", true),
        ("!a", "b", true),
        ("!a", "a", false),
        ("!a*", "ab", false),
        ("!a*", "b", true),
        ("!*", "anything", false),
        ("!", "", false),
        ("!", "a", true),
        ("", "", true),
        ("", "a", false),
        ("!!a", "!a", false),
        ("!!a", "a", true),
        ("a*b", "a*b", true),
        ("a*b", "axb", false),
        ("a**", "a*b", true),
        ("a**", "ab", false),
        ("ü*", "über", true),
    ] {
        assert_eq!(Expected::new(expected).matches(value), wanted, "{expected:?} {value:?}");
    }
}

#[test]
fn every_label_of_match_must_have_one_of_its_values() {
    table(
        &device(),
        &[
            ("match: {}", true),
            ("match:", true),
            ("match: { infrahub.node.kind: InfraDevice }", true),
            ("match: { infrahub.node.kind: infradevice }", false),
            ("match: { infrahub.node.kind: [LocationSite, InfraDevice] }", true),
            ("match: { infrahub.node.kind: [LocationSite, InfraInterface] }", false),
            ("match: { infrahub.node.kind: Infra* }", true),
            ("match: { infrahub.node.kind: '!InfraDevice' }", false),
            ("match: { infrahub.node.kind: '!LocationSite' }", true),
            ("match: { infrahub.node.kind: '!Infra*' }", false),
            ("match: { infrahub.node.kind: '!Core*' }", true),
            ("match: { infrahub.node.kind: '*' }", true),
            // Any of the values, so each of two negated ones lets in what the other keeps out.
            ("match: { infrahub.node.kind: ['!InfraDevice', '!LocationSite'] }", true),
            ("match: { infrahub.node.kind: InfraDevice, infrahub.branch.name: main }", true),
            ("match: { infrahub.node.kind: InfraDevice, infrahub.branch.name: '!main' }", false),
            ("match: { infrahub.node.id: n-1, infrahub.node.action: [created, updated] }", true),
            ("match: { prefect.resource.id: infrahub.node.n-1 }", true),
            ("match: { prefect.resource.id: 'infrahub.node.*' }", true),
            ("match: { infrahub.node.root_id: n-1 }", true),
        ],
    );
}

#[test]
fn a_label_that_is_not_there_matches_nothing_even_negated() {
    let branch = capture("infrahub-1.4.13-branch-rebased-001");
    table(
        &branch,
        &[
            ("match: { infrahub.branch.name: feature-* }", true),
            ("match: { infrahub.node.kind: InfraDevice }", false),
            ("match: { infrahub.node.kind: '!InfraDevice' }", false),
            ("match: { infrahub.node.kind: '*' }", false),
            (
                "match_related: { prefect.resource.role: infrahub.account, infrahub.resource.label: '!x' }",
                false,
            ),
        ],
    );
}

/// Wraps labels of an attribute update.
fn attribute(labels: &str) -> String {
    format!("match_related: {{ prefect.resource.role: infrahub.node.attribute_update, {labels} }}")
}

#[test]
fn attributes_are_asked_for_as_python_writes_their_values() {
    let device = device();
    for (labels, wanted) in [
        ("infrahub.field.name: status", true),
        ("infrahub.field.name: name", false),
        ("infrahub.field.name: [name, mtu]", true),
        ("infrahub.attribute.name: status, infrahub.attribute.value: active", true),
        ("infrahub.attribute.name: status, infrahub.attribute.value: planned", false),
        ("infrahub.attribute.name: status, infrahub.attribute.value_previous: planned", true),
        ("infrahub.attribute.name: mtu, infrahub.attribute.value: active", false),
        ("infrahub.attribute.name: enabled, infrahub.attribute.value: 'True'", true),
        ("infrahub.attribute.name: enabled, infrahub.attribute.value: true", true),
        ("infrahub.attribute.name: enabled, infrahub.attribute.value: 'true'", false),
        ("infrahub.attribute.name: enabled, infrahub.attribute.value_previous: false", true),
        ("infrahub.attribute.name: mtu, infrahub.attribute.value: 9000", true),
        ("infrahub.attribute.name: mtu, infrahub.attribute.value: '9*'", true),
        ("infrahub.attribute.name: share, infrahub.attribute.value_previous: 0.5", true),
        ("infrahub.attribute.name: share, infrahub.attribute.value: 1.0", false),
        ("infrahub.attribute.name: note, infrahub.attribute.value: NULL", true),
        ("infrahub.attribute.name: note, infrahub.attribute.value: 'NULL'", true),
        ("infrahub.attribute.name: note, infrahub.attribute.value: '!NULL'", false),
        ("infrahub.attribute.name: status, infrahub.attribute.value: '!NULL'", true),
        ("infrahub.attribute.name: tag, infrahub.attribute.value_previous: ''", true),
        ("infrahub.attribute.name: tag, infrahub.attribute.value_previous: '!'", false),
        ("infrahub.attribute.name: tag, infrahub.attribute.value: 'a*b'", true),
        ("infrahub.attribute.name: vlans, infrahub.attribute.value: \"[1, 'two']\"", true),
        ("infrahub.attribute.name: vlans, infrahub.attribute.value_previous: '[]'", true),
        ("infrahub.attribute.kind: Dropdown", true),
        ("infrahub.attribute.kind: Password", false),
        ("infrahub.attribute.action: [added, updated, removed]", true),
        ("infrahub.attribute.action: added", false),
    ] {
        assert_eq!(verdict(&device, &attribute(labels)).is_none(), wanted, "{labels}");
    }
}

#[test]
fn relationships_are_asked_for_by_peer_and_status() {
    let device = device();
    for (labels, wanted) in [
        ("infrahub.field.name: site", true),
        ("infrahub.relationship.name: site, infrahub.relationship.peer_id: s-2", true),
        ("infrahub.relationship.peer_id: s-2, infrahub.relationship.peer_status: added", true),
        ("infrahub.relationship.peer_id: s-2, infrahub.relationship.peer_status: removed", false),
        ("infrahub.relationship.peer_id: s-1, infrahub.relationship.peer_status: removed", true),
        ("infrahub.relationship.peer_kind: BuiltinTag, infrahub.relationship.peer_status: removed", true),
        ("infrahub.relationship.name: tags, infrahub.relationship.peer_id: [t-9, t-1]", true),
        ("infrahub.relationship.name: tags, infrahub.relationship.peer_id: s-1", false),
    ] {
        let when = format!(
            "match_related: {{ prefect.resource.role: infrahub.node.relationship_update, {labels} }}"
        );
        assert_eq!(verdict(&device, &when).is_none(), wanted, "{labels}");
    }
}

#[test]
fn one_resource_must_fit_a_whole_mapping_and_several_may_serve_several() {
    let one = "match_related: { prefect.resource.role: infrahub.node.attribute_update, \
               infrahub.field.name: status, infrahub.attribute.value: 9000 }";
    let two = "match_related:\n\
               - { prefect.resource.role: infrahub.node.attribute_update, infrahub.field.name: status, infrahub.attribute.value: active }\n\
               - { prefect.resource.role: infrahub.node.attribute_update, infrahub.field.name: mtu, infrahub.attribute.value: 9000 }\n";
    table(
        &device(),
        &[
            (one, false),
            (two, true),
            // The same resource may serve two mappings.
            ("match_related: [{ infrahub.field.name: status }, { infrahub.attribute.value: active }]", true),
            ("match_related: [{ infrahub.field.name: status }, { infrahub.field.name: name }]", false),
            ("match_related: {}", true),
            ("match_related: []", true),
            ("match_related: [{}]", true),
            ("match_related:", true),
            ("match_related: { infrahub.field.name: [status, site] }", true),
            (
                "match_related: { prefect.resource.role: ['infrahub.node.attribute_update', 'infrahub.node.relationship_update'], infrahub.field.name: site }",
                true,
            ),
            ("match_related: { prefect.resource.role: 'infrahub.node.*', infrahub.field.name: tags }", true),
            (
                "match_related: { prefect.resource.role: infrahub.branch, infrahub.resource.label: main }",
                true,
            ),
            (
                "match_related: { prefect.resource.role: infrahub.branch, infrahub.resource.label: '!main' }",
                false,
            ),
            ("match_related: { prefect.resource.role: infrahub.account, infrahub.resource.id: u-1 }", true),
            (
                "match_related: { prefect.resource.role: infrahub.account, infrahub.resource.id: '!u-1' }",
                false,
            ),
            (
                "match_related: { prefect.resource.role: infrahub.related.node, prefect.resource.id: t-2 }",
                true,
            ),
            (
                "match_related: { prefect.resource.role: infrahub.related.node, infrahub.node.kind: LocationSite }",
                true,
            ),
            (
                "match_related: { prefect.resource.role: infrahub.related.node, infrahub.node.kind: CoreX }",
                false,
            ),
            // Without a role, any resource will do.
            ("match_related: { prefect.resource.id: infrahub.account.u-1 }", true),
        ],
    );
}

#[test]
fn real_captures_are_matched() {
    for (name, when, wanted) in [
        (
            "infrahub-1.4.13-node-updated-rel-one-001",
            "match: { infrahub.node.kind: InfraDevice, infrahub.branch.name: main }",
            true,
        ),
        (
            "infrahub-1.4.13-node-updated-rel-one-001",
            "match_related: { prefect.resource.role: infrahub.node.relationship_update, infrahub.relationship.name: site, infrahub.relationship.peer_kind: LocationSite }",
            true,
        ),
        (
            "infrahub-1.4.13-node-updated-rel-many-001",
            "match_related: { infrahub.relationship.peer_kind: InfraInterfaceL2, infrahub.relationship.peer_status: removed }",
            true,
        ),
        (
            "infrahub-1.4.13-node-updated-rel-many-001",
            "match_related: { infrahub.relationship.peer_kind: InfraInterfaceL2, infrahub.relationship.peer_status: added }",
            false,
        ),
        (
            "infrahub-1.4.13-node-created-nonascii-custom-key-001",
            "match_related: { infrahub.attribute.name: name, infrahub.attribute.value: Zür*, infrahub.attribute.action: added }",
            true,
        ),
        (
            "infrahub-1.4.13-group-member-added-001",
            "match_related: { prefect.resource.role: infrahub.group.member, infrahub.node.kind: InfraDevice }",
            true,
        ),
        (
            "infrahub-1.4.13-group-member-added-001",
            "match_related: { prefect.resource.role: infrahub.group.ancestor, prefect.resource.id: 4aae513b-2155-4bbb-ba88-d1976282c5dd }",
            true,
        ),
        ("infrahub-1.4.13-validator-passed-001", "match: { infrahub.node.kind: CoreSchemaValidator }", true),
        (
            "infrahub-1.4.13-pc-approvals-revoked-001",
            "match: { infrahub.proposed_change.name: Rollout* }",
            true,
        ),
        (
            "infrahub-1.4.13-pc-approvals-revoked-001",
            "match_related: { infrahub.reviewer.account.name: ann }",
            true,
        ),
        (
            "infrahub-1.3.9-artifact-created-001",
            "match_related: { infrahub.artifact.checksum_previous: '' }",
            true,
        ),
        (
            "netbox-v3.7.8-prefix-update-001",
            "match: { infrahub.node.kind: ipam.prefix, infrahub.branch.name: main }",
            true,
        ),
        (
            "netbox-v3.7.8-prefix-update-001",
            "match_related: { infrahub.field.name: status, infrahub.attribute.value_previous: active, infrahub.attribute.value: reserved }",
            true,
        ),
        (
            "netbox-v4.6.8-device-set-primary-ip-001",
            "match_related: { infrahub.field.name: primary_ip4, infrahub.attribute.value_previous: NULL, infrahub.attribute.value: 1, infrahub.attribute.action: added }",
            true,
        ),
        (
            "datagerry-2.2.0-development-update-router-both-fields-major-001",
            "match: { infrahub.node.kind: router }",
            true,
        ),
        (
            "datagerry-2.2.0-development-update-router-both-fields-major-001",
            "match_related: [{ infrahub.field.name: dg_location, infrahub.attribute.value: 5 }, { infrahub.attribute.value: rtr-zrh-02 }]",
            true,
        ),
        (
            "datagerry-2.2.0-development-state-switch-on-001",
            "match_related: { infrahub.field.name: active, infrahub.attribute.value: true }",
            true,
        ),
    ] {
        let when = format!("{{ {when} }}");
        assert_eq!(verdict(&capture(name), &when).is_none(), wanted, "{name} {when}");
    }
}

#[test]
fn every_capture_of_a_node_matches_a_trigger_for_itself_and_none_for_its_opposite() {
    let mut seen = 0;
    for sender in ["infrahub", "netbox", "datagerry"] {
        for (name, event) in captures(sender) {
            let resource = Facts::of(&event, None).resource();
            let Some(id) = resource.get("prefect.resource.id") else { panic!("{name} has no id") };
            assert!(
                verdict(&event, &format!("match: {{ prefect.resource.id: {id:?} }}")).is_none(),
                "{name}"
            );
            assert!(
                verdict(&event, &format!("match: {{ prefect.resource.id: {:?} }}", format!("!{id}")))
                    .is_some(),
                "{name}"
            );
            for change in event.changes.iter().filter(|_| !event.r#type.contains(".artifact.")) {
                let field = change.field.split('.').next().unwrap();
                let when = format!("match_related: {{ infrahub.field.name: {:?} }}", format!("{field}*"));
                assert!(verdict(&event, &when).is_none(), "{name} {when}");
            }
            seen += 1;
        }
    }
    assert!(seen > 250, "{seen}");
}

#[test]
fn what_said_no_is_told() {
    let told = |when: &str| {
        let told = verdict(&device(), when).unwrap();
        format!("`{}` wants {}, the event has {}", told.condition, told.wanted, told.actual)
    };
    for (when, wanted) in [
        (
            "match: { infrahub.branch.name: main, infrahub.node.kind: LocationSite, infrahub.node.id: x }",
            "`match` wants infrahub.node.kind: LocationSite, the event has infrahub.node.kind: InfraDevice",
        ),
        (
            "match: { infrahub.node.kind: [A, '!InfraDevice'] }",
            "`match` wants infrahub.node.kind: [\"A\", \"!InfraDevice\"], the event has infrahub.node.kind: InfraDevice",
        ),
        (
            "match: { infrahub.repository.name: '!x' }",
            "`match` wants infrahub.repository.name: !x, the event has no label infrahub.repository.name",
        ),
        (
            "match_related: [{ infrahub.field.name: status }, { infrahub.attribute.value: down, infrahub.field.name: status, prefect.resource.role: infrahub.node.attribute_update }]",
            "`match_related` wants {infrahub.attribute.value: down, infrahub.field.name: status, prefect.resource.role: infrahub.node.attribute_update}, \
             the event has 7 related resources with the role infrahub.node.attribute_update, none like it; the nearest has infrahub.attribute.value: active",
        ),
        (
            "match_related: { prefect.resource.role: infrahub.branch, infrahub.resource.label: dev }",
            "`match_related` wants {prefect.resource.role: infrahub.branch, infrahub.resource.label: dev}, \
             the event has 1 related resource with the role infrahub.branch, but with infrahub.resource.label: main",
        ),
        (
            "match_related: { prefect.resource.role: infrahub.group.member, infrahub.node.kind: X }",
            "`match_related` wants {prefect.resource.role: infrahub.group.member, infrahub.node.kind: X}, \
             the event has no related resources with the role infrahub.group.member",
        ),
    ] {
        assert_eq!(told(when), wanted, "{when}");
    }
}

#[test]
fn labels_are_asked_last_of_the_facts() {
    let told = verdict(&device(), "{ match: { infrahub.node.kind: X }, action: deleted }").unwrap();
    assert_eq!(told.condition, "action");
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![Just("NULL".to_owned()), Just("True".to_owned()), "[!ab*'\"\\\\ü\u{0}-\u{1f}]{0,4}"]
}

/// Any document, often with the keys that labels are made from.
pub(super) fn documents() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        texts().prop_map(Json::from)
    ];
    let keys = prop::sample::select(vec![
        "changelog",
        "attributes",
        "relationships",
        "parent",
        "node_id",
        "kind",
        "node_kind",
        "value",
        "peers",
        "value_previous",
        "peer_id",
        "peer_kind",
        "peer_status",
        "members",
        "ancestors",
        "id",
        "target_id",
        "reviewer_accounts",
        "reviewer_account_ids",
        "reviewer_account_names",
        "groups",
        "branch_name",
        "properties",
    ]);
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec((keys.clone(), inner), 0..6).prop_map(|members| members
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn matching_never_panics_and_agrees_with_its_negation(
        data in documents(),
        family in prop::sample::select(vec!["node.updated", "group.member_added", "artifact.created", "branch.merged",
            "account.logged_in", "proposed_change.merged", "schema.updated", "what.ever", "custom", "", "."]),
        text in texts(),
    ) {
        let event = Event { r#type: format!("infrahub.{family}"), data: data.into(), ..device() };
        let (plain, negated) = (Expected::new(text.trim_start_matches('!')), Expected::new(&format!("!{}", text.trim_start_matches('!'))));
        let facts = Facts::of(&event, None);
        let roles = known::ROLES.map(|(role, _)| role);
        for resource in facts.related(&roles).chain([facts.resource()]) {
            for label in known::RESOURCE {
                if let Some(value) = resource.get(label) {
                    prop_assert_ne!(plain.matches(&value), negated.matches(&value));
                }
            }
        }
        for when in ["match: { infrahub.node.kind: '!x' }", "match_related: { infrahub.field.name: x }", "node_kind: X",
            "match_related: { prefect.resource.role: infrahub.related.node, infrahub.node.kind: x }", "branch_scope: other_branches"] {
            let (matches, problems) = compile(when);
            prop_assert!(problems.is_empty());
            let _ = matches.check(&event, None);
        }
    }
}

#[test]
fn a_mountain_of_related_resources_is_searched_in_no_time() {
    let peers: Vec<Json> = (0..30_000)
        .map(|n| json!({"peer_id": format!("p-{n}"), "peer_kind": "BuiltinTag", "peer_status": "added"}))
        .collect();
    let data = json!({"kind": "K", "node_id": "n", "changelog": {"relationships": {"tags": {"name": "tags", "peers": peers}}}});
    let event = infrahub(&json!({"event": "infrahub.node.updated", "branch": "main", "data": data}));
    let begin = std::time::Instant::now();
    let when = "match_related: { prefect.resource.role: infrahub.related.node, prefect.resource.id: nobody }";
    assert!(verdict(&event, when).unwrap().actual.starts_with("30001 related resources"));
    // A tenth of a second in a slow build; the bound only catches work that grows with the square.
    assert!(begin.elapsed() < std::time::Duration::from_secs(5), "{:?}", begin.elapsed());
}
