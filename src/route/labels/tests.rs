//! The labels of every kind of event, as Infrahub gives them to its automations.

use std::collections::BTreeSet;

use crate::model::json;

use super::*;
use crate::route::captures::{capture, captures, event, infrahub};

/// A resource's labels, as JSON.
fn shown(resource: &Resource<'_>) -> Json {
    let labels = resource.labels.iter().map(|(name, text)| ((*name).to_owned(), json!(text.read())));
    Json::Object(labels.collect())
}

fn resource(event: &Event) -> Json {
    shown(&Facts::of(event, None).resource())
}

fn every_role() -> [&'static str; 12] {
    known::ROLES.map(|(role, _)| role)
}

/// The related resources of a role, without the role.
fn related(event: &Event, role: &str) -> Vec<Json> {
    let mut found: Vec<Json> =
        Facts::of(event, None).related(&every_role()).map(|resource| shown(&resource)).collect();
    found.retain(|resource| resource[known::ROLE] == *role);
    for resource in &mut found {
        resource.as_object_mut().unwrap().remove(known::ROLE);
    }
    found
}

fn body(event: &str, data: &Json) -> Event {
    infrahub(&json!({"event": event, "id": "e-1", "branch": "main", "account_id": "a-1", "data": data}))
}

/// A node that was updated, with a parent as early releases told it.
fn node() -> Event {
    body(
        "infrahub.node.updated",
        &json!({"kind": "InfraInterface", "node_id": "n-1", "action": "updated", "changelog": {
        "parent": {"node_id": "d-1", "node_kind": "InfraDevice"},
        "attributes": {
            "status": {"name": "status", "kind": "Dropdown", "value": "active", "value_previous": "planned", "value_update_status": "updated"},
            "enabled": {"name": "enabled", "kind": "Boolean", "value": true, "value_previous": false, "value_update_status": "updated"},
            "mtu": {"name": "mtu", "kind": "Number", "value": 1500, "value_previous": null},
            "role": {"name": "role", "kind": "Text", "value": null, "value_previous": "leaf"},
            "note": {"name": "note", "kind": "Text", "value": "x", "value_previous": "x",
                     "properties": {"is_protected": {"value": true, "value_previous": false}}},
            "vlans": {"name": "vlans", "kind": "List", "value": [1, "two", null], "value_previous": {"a": "it's"}},
        },
        "relationships": {
            "device": {"name": "device", "cardinality": "one", "peer_id": "d-1", "peer_kind": "InfraDevice",
                       "peer_id_previous": "d-1", "peer_kind_previous": "InfraDevice", "peer_status": "unchanged", "properties": {}},
            "site": {"name": "site", "cardinality": "one", "peer_id": "s-2", "peer_kind": "LocationSite",
                     "peer_id_previous": "s-1", "peer_kind_previous": "LocationSite", "peer_status": "updated", "properties": {}},
            "tags": {"name": "tags", "cardinality": "many", "peers": [
                {"peer_id": "t-1", "peer_kind": "BuiltinTag", "peer_status": "added"},
                {"peer_id": "t-2", "peer_kind": "BuiltinTag", "peer_status": "removed"},
                {"peer_id": "t-3", "peer_kind": "BuiltinTag", "peer_status": "updated"}]},
        }}}),
    )
}

#[test]
fn a_node_tells_itself_its_branch_and_its_root() {
    assert_eq!(
        resource(&node()),
        json!({
            "prefect.resource.id": "infrahub.node.n-1", "infrahub.node.kind": "InfraInterface",
            "infrahub.node.id": "n-1", "infrahub.node.action": "updated", "infrahub.node.root_id": "d-1",
            "infrahub.branch.name": "main",
        })
    );
    assert_eq!(
        resource(&capture("infrahub-1.4.13-node-updated-rel-one-001"))["infrahub.node.root_id"],
        "65f403c6-44b6-4b24-a334-67f6959e5aed"
    );
}

#[test]
fn every_event_tells_who_and_where() {
    let event = node();
    assert_eq!(
        related(&event, "infrahub.account"),
        [json!({"prefect.resource.id": "infrahub.account.a-1", "infrahub.resource.id": "a-1"})]
    );
    assert_eq!(related(&event, "infrahub.branch"), [json!({"infrahub.resource.label": "main"})]);
    assert_eq!(related(&event, "infrahub.event"), [json!({"prefect.resource.id": "e-1"})]);
    assert_eq!(
        related(&event, "infrahub.eventlog"),
        [json!({"infrahub.account.id": "a-1", "infrahub.branch.label": "main"})]
    );
}

#[test]
fn attributes_are_written_as_python_writes_them() {
    let updates = related(&node(), "infrahub.node.attribute_update");
    assert_eq!(
        updates[0],
        json!({
            "prefect.resource.id": "infrahub.node.n-1", "infrahub.field.name": "status",
            "infrahub.attribute.name": "status", "infrahub.attribute.kind": "Dropdown",
            "infrahub.attribute.value": "active", "infrahub.attribute.value_previous": "planned",
            "infrahub.attribute.action": "updated",
        })
    );
    let short = |update: &Json| {
        let text = |label: &str| update[format!("infrahub.attribute.{label}")].as_str().unwrap().to_owned();
        [text("name"), text("value_previous"), text("value"), text("action")].join(" ")
    };
    assert_eq!(
        updates.iter().map(short).collect::<Vec<_>>(),
        [
            "status planned active updated",
            "enabled False True updated",
            "mtu NULL 1500 added",
            "role leaf NULL removed",
            "note x x unchanged",
            "vlans {'a': \"it's\"} [1, 'two', None] updated",
        ]
    );
}

#[test]
fn relationships_tell_each_peer_that_came_or_went() {
    let short = |update: &Json| {
        let text =
            |label: &str| update[format!("infrahub.relationship.{label}")].as_str().unwrap().to_owned();
        assert_eq!(update["infrahub.field.name"], update["infrahub.relationship.name"]);
        assert_eq!(update["prefect.resource.id"], "infrahub.node.n-1");
        [text("name"), text("peer_status"), text("peer_kind"), text("peer_id")].join(" ")
    };
    let updates = related(&node(), "infrahub.node.relationship_update");
    assert_eq!(
        updates.iter().map(short).collect::<Vec<_>>(),
        [
            "site added LocationSite s-2",
            "site removed LocationSite s-1",
            "tags added BuiltinTag t-1",
            "tags removed BuiltinTag t-2",
        ]
    );
}

#[test]
fn parent_and_related_nodes_are_told_once() {
    assert_eq!(
        related(&node(), "infrahub.node.parent"),
        [
            json!({"prefect.resource.id": "d-1", "infrahub.parent.kind": "InfraDevice", "infrahub.parent.id": "d-1"})
        ]
    );
    let nodes = related(&node(), "infrahub.related.node");
    let ids: Vec<_> = nodes.iter().map(|node| node["prefect.resource.id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["n-1", "d-1", "s-2", "s-1", "t-1", "t-2", "t-3"]);
    assert_eq!(nodes[2]["infrahub.node.kind"], "LocationSite");
}

#[test]
fn a_peer_whose_properties_changed_is_told_as_infrahub_tells_it() {
    let peer = json!({"name": "site", "cardinality": "one", "peer_id": "s", "peer_kind": "Site",
        "peer_id_previous": "s", "peer_kind_previous": "Site", "peer_status": "unchanged",
        "properties": {"is_protected": {"value": true}}});
    let data = json!({"kind": "K", "node_id": "n", "changelog": {"relationships": {"site": peer}}});
    let updates = related(&body("infrahub.node.updated", &data), "infrahub.node.relationship_update");
    let status: Vec<_> = updates.iter().map(|update| &update["infrahub.relationship.peer_status"]).collect();
    assert_eq!(status, ["added", "removed"]);
}

#[test]
fn a_group_tells_members_and_ancestors() {
    let event = capture("infrahub-1.4.13-group-member-added-001");
    let (group, ancestor) = ("d69c77ae-e2b2-47a5-9c5a-8f1da61faf12", "4aae513b-2155-4bbb-ba88-d1976282c5dd");
    assert_eq!(resource(&event)["infrahub.node.action"], "created");
    assert_eq!(resource(&event)["infrahub.node.root_id"], group);
    let ids = |role: &str| -> Vec<String> {
        let found = related(&event, role);
        found.iter().map(|node| node["prefect.resource.id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("infrahub.group.update"), [group, ancestor]);
    assert_eq!(ids("infrahub.group.ancestor"), [ancestor]);
    assert_eq!(ids("infrahub.group.member").len(), 2);
    assert_eq!(ids("infrahub.related.node").len(), 4);
    assert_eq!(related(&event, "infrahub.group.member")[0]["infrahub.node.kind"], "InfraDevice");
}

#[test]
fn events_that_are_about_no_node() {
    let branch = capture("infrahub-1.4.13-branch-rebased-001");
    assert_eq!(
        resource(&branch),
        json!({"prefect.resource.id": "infrahub.branch.feature-1", "infrahub.branch.name": "feature-1",
               "infrahub.branch.id": "cff45711-fbfa-48ae-9165-cd650bd3f7a0"})
    );
    assert_eq!(related(&branch, "infrahub.branch"), [json!({"infrahub.resource.label": "main"})]);
    let schema = body("infrahub.schema.updated", &json!({"branch_name": "dev", "schema_hash": "d41d"}));
    assert_eq!(
        resource(&schema),
        json!({"prefect.resource.id": "infrahub.schema_branch.dev", "infrahub.branch.name": "dev",
               "infrahub.branch.schema_hash": "d41d"})
    );
    let repository = json!({"repository_id": "r", "repository_name": "templates", "commit": "c"});
    assert_eq!(
        resource(&body("infrahub.repository.update_commit", &repository)),
        json!({"prefect.resource.id": "infrahub.repository.r", "infrahub.repository.id": "r",
               "infrahub.repository.name": "templates", "infrahub.branch.name": "main"})
    );
    let validator = json!({"kind": "CoreSchemaValidator", "node_id": "v", "proposed_change_id": "p"});
    let validator = body("infrahub.validator.passed", &validator);
    assert_eq!(
        resource(&validator),
        json!({"prefect.resource.id": "v", "infrahub.node.id": "v", "infrahub.node.kind": "CoreSchemaValidator",
               "infrahub.branch.name": "main"})
    );
    let proposed = json!({"prefect.resource.id": "p", "infrahub.node.kind": "CoreProposedChange"});
    assert_eq!(related(&validator, "infrahub.related.node"), std::slice::from_ref(&proposed));
    let merged = body(
        "infrahub.branch.merged",
        &json!({"branch_id": "b", "branch_name": "f", "proposed_change_id": "p"}),
    );
    assert_eq!(related(&merged, "infrahub.related.node"), [proposed]);
}

#[test]
fn an_artifact_tells_its_target_and_checksums() {
    let event = capture("infrahub-1.3.9-artifact-created-001");
    assert_eq!(resource(&event)["infrahub.node.kind"], "CoreArtifact");
    assert_eq!(resource(&event)["prefect.resource.id"], "62f1f75a-5f1b-4f67-8050-fff1b973c064");
    let target = "5e4ed924-8806-409c-80c4-ee779422483c";
    assert_eq!(
        related(&event, "infrahub.artifact"),
        [json!({
            "prefect.resource.id": target, "infrahub.artifact.checksum": "9e107d9d372bb6826bd81d3542a419d6",
            "infrahub.artifact.checksum_previous": "", "infrahub.artifact.storage_id": "a80db885-1b9b-4f62-93e1-9e899d0df82b",
            "infrahub.artifact.storage_id_previous": "",
            "infrahub.artifact.artifact_definition_id": "9430c463-f447-49cd-ba9d-4040a13ac861",
        })]
    );
    assert_eq!(
        related(&event, "infrahub.related.node"),
        [json!({"prefect.resource.id": target, "infrahub.node.kind": "InfraDevice"})]
    );
}

#[test]
fn a_proposed_change_tells_its_people_and_threads() {
    let change = json!({"proposed_change_id": "p", "proposed_change_name": "Rollout", "proposed_change_state": "open"});
    let with = |more: Json| {
        let mut data = change.clone();
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data
    };
    let review =
        json!({"reviewer_account_id": "u", "reviewer_account_name": "ann", "reviewer_decision": "approved"});
    let approved = body("infrahub.proposed_change.approved", &with(review));
    assert_eq!(
        resource(&approved),
        json!({
            "prefect.resource.id": "infrahub.proposed_change.p", "infrahub.node.kind": "CoreProposedChange",
            "infrahub.node.id": "p", "infrahub.proposed_change.name": "Rollout",
            "infrahub.proposed_change.state": "open", "infrahub.proposed_change.reviewer_decision": "approved",
            "infrahub.branch.name": "main",
        })
    );
    let person = |id: &str, name: &str, label: &str| {
        json!({"prefect.resource.id": id, "infrahub.node.id": id, "infrahub.node.kind": "CoreGenericAccount",
               format!("infrahub.{label}.account.name"): name})
    };
    assert_eq!(related(&approved, "infrahub.related.node"), [person("u", "ann", "reviewer")]);
    let merged = with(json!({"merged_by_account_id": "m", "merged_by_account_name": "mia"}));
    let merged = body("infrahub.proposed_change.merged", &merged);
    assert_eq!(related(&merged, "infrahub.related.node"), [person("m", "mia", "merged_by")]);
    assert_eq!(resource(&merged)["infrahub.proposed_change.merged_by_account_name"], "mia");

    // One release tells revoked approvals as a mapping, later ones as two lists.
    let ben_and_ann = [person("b", "ben", "reviewer"), person("a", "ann", "reviewer")];
    for revoked in [
        json!({"reviewer_accounts": {"b": "ben", "a": "ann"}}),
        json!({"reviewer_account_ids": ["b", "a"], "reviewer_account_names": ["ben", "ann"]}),
    ] {
        let event = body("infrahub.proposed_change.approvals_revoked", &with(revoked));
        assert_eq!(related(&event, "infrahub.related.node"), ben_and_ann);
    }
    let thread = capture("infrahub-1.4.13-pc-thread-updated-001");
    assert_eq!(resource(&thread)["infrahub.node.kind"], "CoreProposedChange");
    assert_eq!(related(&thread, "infrahub.related.node")[0]["infrahub.node.kind"], "CoreChangeThread");
}

#[test]
fn netbox_and_datagerry_have_the_same_labels() {
    let netbox = capture("netbox-v3.7.8-tenant-update-001");
    let id = netbox.object.clone().unwrap().id;
    assert_eq!(
        resource(&netbox),
        json!({
            "prefect.resource.id": format!("infrahub.node.{id}"), "infrahub.node.kind": "tenancy.tenant",
            "infrahub.node.id": id, "infrahub.node.action": "updated", "infrahub.node.root_id": id,
            "infrahub.branch.name": "main",
        })
    );
    let name = netbox.actor.name.clone().unwrap();
    assert_eq!(
        related(&netbox, "infrahub.account"),
        [json!({"prefect.resource.id": format!("infrahub.account.{name}"), "infrahub.resource.label": name})]
    );
    assert_eq!(
        related(&netbox, "infrahub.node.attribute_update"),
        [json!({
            "prefect.resource.id": format!("infrahub.node.{id}"), "infrahub.field.name": "description",
            "infrahub.attribute.name": "description", "infrahub.attribute.value": "neu & schön = 100% +1",
            "infrahub.attribute.value_previous": "", "infrahub.attribute.action": "updated",
        })]
    );
    let switched = capture("datagerry-2.2.0-development-state-switch-on-001");
    let update = &related(&switched, "infrahub.node.attribute_update")[0];
    assert_eq!(update["infrahub.attribute.name"], "active");
    assert_eq!(update["infrahub.attribute.value"], "True");
    assert_eq!(related(&switched, "infrahub.related.node").len(), 1);
}

#[test]
fn a_system_without_branches_is_on_the_default_branch_of_its_source() {
    let netbox = capture("netbox-v3.7.8-tenant-update-001");
    assert_eq!(Facts::of(&netbox, Some("develop")).branch(), Some("develop"));
    assert_eq!(Facts::of(&netbox, None).branch(), Some("main"));
    // Infrahub says `null` for what lies on no branch.
    let global =
        infrahub(&json!({"event": "infrahub.branch.created", "branch": null, "data": {"branch_name": "f"}}));
    assert_eq!(Facts::of(&global, Some("develop")).branch(), Some("-global-"));
    let custom = event("infrahub", br#"{"node_id": "n", "kind": "K"}"#);
    assert_eq!(Facts::of(&custom, None).branch(), None);
    assert_eq!(resource(&custom), json!({"infrahub.node.action": "custom"}));
}

#[test]
fn a_redacted_field_that_changed_counts_as_updated() {
    let change =
        crate::model::Change { field: "secret".into(), from: json!("***"), to: json!("***"), partial: false };
    let event = Event { changes: vec![change], ..capture("netbox-v3.7.8-tenant-update-001") };
    let update = &related(&event, "infrahub.node.attribute_update")[0];
    assert_eq!(update["infrahub.attribute.action"], "updated");
}

/// Events that together have every label.
fn every_kind() -> Vec<Event> {
    let people = |who: &str| {
        json!({"proposed_change_id": "p", "proposed_change_name": "n", "proposed_change_state": "s",
        format!("{who}_account_id"): "u", format!("{who}_account_name"): "u",
        "reviewer_decision": "x", "reviewer_former_decision": "y"})
    };
    let account = json!({"kind": "CoreAccount", "account_id": "u", "account_name": "u", "account_type": "User",
        "auth_method": "oidc", "session_id": "s", "logout_type": "l", "sso_provider": "o", "client_ip": "::1",
        "user_agent": "a", "timestamp": "t", "groups": [{"g": "admins"}], "roles": [{"r": "ops"}]});
    let node = node();
    let all = [
        ("infrahub.branch.created", json!({"branch_id": "b", "branch_name": "f"})),
        ("infrahub.schema.updated", json!({"branch_name": "f", "schema_hash": "h"})),
        ("infrahub.repository.update_commit", json!({"repository_id": "r", "repository_name": "n"})),
        ("infrahub.proposed_change.approved", people("reviewer")),
        ("infrahub.proposed_change.merged", people("merged_by")),
        ("infrahub.proposed_change.review_requested", people("requested_by")),
        ("infrahub.account.logged_in", account),
        (
            "infrahub.group.member_added",
            json!({"kind": "CoreStandardGroup", "node_id": "g", "members": [{"id": "m", "kind": "K"}],
            "ancestors": [{"id": "a", "kind": "K"}]}),
        ),
    ];
    let mut events: Vec<Event> = all.iter().map(|(event, data)| body(event, data)).collect();
    events.extend([
        node,
        capture("infrahub-1.3.9-artifact-created-001"),
        capture("netbox-v3.7.8-tenant-update-001"),
    ]);
    events
}

#[test]
fn the_tables_know_exactly_the_labels_there_are() {
    let (mut own, mut others) = (BTreeSet::new(), BTreeSet::new());
    for event in every_kind().iter().chain(captures("infrahub").iter().map(|(_, event)| event)) {
        let facts = Facts::of(event, None);
        own.extend(facts.resource().labels.iter().map(|(name, _)| *name));
        for resource in facts.related(&every_role()) {
            let role = resource.get(known::ROLE).unwrap().into_owned();
            others.extend(resource.labels.iter().skip(1).map(|(name, _)| (role.clone(), *name)));
        }
    }
    assert_eq!(own, known::RESOURCE.into_iter().collect());
    let roles = known::ROLES.iter();
    let known = roles.flat_map(|(role, labels)| labels.iter().map(|label| ((*role).to_owned(), *label)));
    assert_eq!(others, known.collect());
}

#[test]
fn no_resource_has_a_label_twice() {
    for event in every_kind() {
        let facts = Facts::of(&event, None);
        for resource in facts.related(&every_role()).chain([facts.resource()]) {
            let names: BTreeSet<_> = resource.labels.iter().map(|(name, _)| name).collect();
            assert_eq!(names.len(), resource.labels.len(), "{}", shown(&resource));
        }
    }
}

#[test]
fn an_infrahub_event_that_another_system_relays_is_told_by_its_facts() {
    let mut relayed = node();
    relayed.system = "netbox".to_owned();
    relayed.data =
        json!({"kind": "a field", "node_id": "x", "action": "x", "changelog": {"attributes": {}}}).into();
    let resource = resource(&relayed);
    assert_eq!(
        [&resource["infrahub.node.kind"], &resource["infrahub.node.id"], &resource["infrahub.node.action"]],
        ["InfraInterface", "n-1", "updated"]
    );
    let updates = related(&relayed, "infrahub.node.attribute_update");
    assert_eq!(updates.len(), relayed.changes.len());
    assert_eq!(updates[0]["infrahub.attribute.value"], "active");
    relayed.branch = None;
    assert_eq!(Facts::of(&relayed, None).branch(), Some("-global-"));
}
