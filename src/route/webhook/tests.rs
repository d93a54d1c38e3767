//! The fields of an Infrahub webhook, what they let through and what is refused.

use crate::model::json;

use super::*;
use crate::route::Mismatch;
use crate::route::captures::{capture, compile, infrahub, mistakes, table, verdict};

fn told(event: &Event, when: &str) -> Mismatch {
    verdict(event, when).unwrap_or_else(|| panic!("{when} let it through"))
}

fn mismatch(condition: &str, wanted: &str, actual: &str) -> Mismatch {
    Mismatch { condition: condition.to_owned(), wanted: wanted.to_owned(), actual: actual.to_owned() }
}

#[test]
fn an_event_type_is_one_type_and_all_is_every_type() {
    let device = capture("infrahub-1.4.13-node-updated-rel-one-001");
    table(
        &device,
        &[
            ("event_type: infrahub.node.updated", true),
            ("event_type: infrahub.node.created", false),
            ("event_type: all", true),
            ("event_type:", true),
            ("event_type: netbox.object.updated", false),
        ],
    );
    let tenant = capture("netbox-v3.7.8-tenant-update-001");
    table(
        &tenant,
        &[
            ("event_type: netbox.object.updated", true),
            ("event_type: all", true),
            ("event_type: infrahub.node.updated", false),
        ],
    );
    let switched = capture("datagerry-2.2.0-development-state-switch-on-001");
    table(&switched, &[("event_type: datagerry.object.updated", true), ("event_type: all", true)]);
    assert_eq!(
        told(&tenant, "event_type: infrahub.node.updated"),
        mismatch("event_type", "infrahub.node.updated", "netbox.object.updated")
    );
}

#[test]
fn a_branch_scope_goes_by_the_default_branch_of_the_source() {
    let on = |branch: Option<&str>| {
        infrahub(
            &json!({"event": "infrahub.node.created", "branch": branch, "data": {"kind": "K", "node_id": "n"}}),
        )
    };
    let scopes =
        ["all_branches", "default_branch", "other_branches"].map(|scope| format!("branch_scope: {scope}"));
    for (event, default, wanted) in [
        (on(Some("main")), None, [true, true, false]),
        (on(Some("feature")), None, [true, false, true]),
        (on(Some("main")), Some("develop"), [true, false, true]),
        (on(Some("develop")), Some("develop"), [true, true, false]),
        // What lies on no branch of Infrahub's is on its global one.
        (on(None), None, [true, false, true]),
        // Systems without branches, and payloads that do not tell, are on the default one.
        (capture("netbox-v3.7.8-tenant-update-001"), Some("develop"), [true, true, false]),
        (capture("datagerry-2.2.0-development-state-switch-on-001"), None, [true, true, false]),
        (infrahub(&json!({"text": "of a transformation"})), None, [true, true, false]),
    ] {
        let found = scopes.each_ref().map(|when| compile(when).0.check(&event, default).is_ok());
        assert_eq!(found, wanted, "{:?} {default:?}", event.branch);
    }
    assert_eq!(
        told(&on(Some("feature")), "branch_scope: default_branch"),
        mismatch("branch_scope", "default_branch", "feature")
    );
}

#[test]
fn a_node_kind_is_exact_and_asks_for_events_that_have_one() {
    let device = capture("infrahub-1.4.13-node-updated-rel-one-001");
    table(
        &device,
        &[
            ("node_kind: InfraDevice", true),
            ("{ node_kind: InfraDevice, event_type: all }", true),
            ("{ node_kind: InfraDevice, event_type: infrahub.node.updated }", true),
            ("{ node_kind: InfraDevice, event_type: infrahub.node.created }", false),
            ("node_kind: infradevice", false),
            ("node_kind: Infra", false),
        ],
    );
    table(
        &capture("infrahub-1.4.13-group-member-added-001"),
        &[("{ node_kind: CoreStandardGroup, event_type: infrahub.group.member_added }", true)],
    );
    table(
        &capture("infrahub-1.3.9-artifact-created-001"),
        &[("{ node_kind: CoreArtifact, event_type: infrahub.artifact.created }", true)],
    );
    let tenant = capture("netbox-v3.7.8-tenant-update-001");
    table(&tenant, &[("node_kind: tenancy.tenant", true), ("node_kind: tenancy.tenantgroup", false)]);
    let branch = capture("infrahub-1.4.13-branch-rebased-001");
    assert_eq!(told(&branch, "node_kind: branch"), mismatch("node_kind", "branch", "no node kind"));
    assert_eq!(told(&tenant, "node_kind: X"), mismatch("node_kind", "X", "tenancy.tenant"));
}

#[test]
fn a_route_that_is_not_active_takes_nothing_and_says_so() {
    let device = capture("infrahub-1.4.13-node-updated-rel-one-001");
    table(&device, &[("active: true", true), ("active:", true), ("active: false", false)]);
    assert_eq!(
        told(&device, "{ action: deleted, active: false }"),
        mismatch("active", "true", "a route that is switched off (`active: false`)")
    );
}

#[test]
fn wrong_words_are_told_with_place_and_remedy() {
    mistakes(&[
        (
            "event_type: infrahub.node.update",
            "c.yaml:1:13: `routes[0].when.event_type` is `infrahub.node.update`, which is no event type of Infrahub's\n  help: did you mean `infrahub.node.updated`?; `type` takes any text",
        ),
        (
            "event_type: infrahb.branch.merged",
            "c.yaml:1:13: `routes[0].when.event_type` is `infrahb.branch.merged`, which is no event type of Infrahub's\n  help: did you mean `infrahub.branch.merged`?; `type` takes any text",
        ),
        (
            "event_type: al",
            "c.yaml:1:13: `routes[0].when.event_type` is `al`, which is no event type of Infrahub's\n  help: did you mean `all`?; `type` takes any text",
        ),
        (
            "event_type: infrahub.node.*",
            "c.yaml:1:13: `routes[0].when.event_type` takes one type or `all`, not `infrahub.node.*`\n  help: `type` takes globs and `!`",
        ),
        (
            "event_type: netbox..created",
            "c.yaml:1:13: `routes[0].when.event_type` is `netbox..created`, which is no event type\n  help: write it like `netbox.object.updated`",
        ),
        (
            "event_type: [infrahub.node.created]",
            "c.yaml:1:13: `routes[0].when.event_type` must be a text, this is a list\n  help: `type` takes a list",
        ),
        (
            "branch_scope: default",
            "c.yaml:1:15: `routes[0].when.branch_scope` is `default`, which is no scope\n  help: did you mean `default_branch`?",
        ),
        (
            "branch_scope: main",
            "c.yaml:1:15: `routes[0].when.branch_scope` is `main`, which is no scope\n  help: known here: all_branches, default_branch, other_branches",
        ),
        (
            "branch_scope: default_branches",
            "c.yaml:1:15: `routes[0].when.branch_scope` is `default_branches`, which is no scope\n  help: did you mean `default_branch`?",
        ),
        (
            "branch_scope: {}",
            "c.yaml:1:15: `routes[0].when.branch_scope` must be a text, this is a mapping\n  help: it is one word",
        ),
        (
            "node_kind: ''",
            "c.yaml:1:12: `routes[0].when.node_kind` is empty\n  help: remove it to take every kind",
        ),
        (
            "node_kind: Infra*",
            "c.yaml:1:12: `routes[0].when.node_kind` takes one kind, not `Infra*`\n  help: `kind` takes globs and `!`",
        ),
        (
            "node_kind: [InfraDevice]",
            "c.yaml:1:12: `routes[0].when.node_kind` must be a text, this is a list\n  help: `kind` takes a list",
        ),
        ("active: maybe", "c.yaml:1:9: `routes[0].when.active` must be true or false, this is a text"),
        ("activ: true", "c.yaml:1:1: unknown key `routes[0].when.activ`\n  help: did you mean `active`?"),
    ]);
    // Other systems have types of their own.
    for when in ["event_type: acme.ping_failed", "event_type: netbox.job.started"] {
        assert!(compile(when).1.is_empty(), "{when}");
    }
}

#[test]
fn combinations_that_infrahub_refuses_are_refused() {
    for (when, refused) in [
        ("{ node_kind: InfraDevice, event_type: infrahub.branch.merged }", true),
        ("{ node_kind: InfraDevice, event_type: infrahub.schema.updated }", true),
        ("{ node_kind: InfraDevice, event_type: infrahub.repository.update_commit }", true),
        ("{ node_kind: CoreProposedChange, event_type: infrahub.proposed_change.merged }", true),
        ("{ node_kind: InfraDevice, event_type: infrahub.node.deleted }", false),
        ("{ node_kind: CoreSchemaValidator, event_type: infrahub.validator.failed }", false),
        ("{ node_kind: InfraDevice, event_type: all }", false),
        ("{ node_kind: dcim.device, event_type: netbox.object.created }", false),
        // A kind that Infrahub cannot have.
        ("{ node_kind: dcim.device, event_type: infrahub.node.created }", true),
        ("{ node_kind: infraDevice, event_type: infrahub.node.created }", true),
    ] {
        assert_eq!(!compile(when).1.is_empty(), refused, "{when}");
    }
    mistakes(&[(
        "event_type: infrahub.branch.merged\nnode_kind: InfraDevice",
        "c.yaml:2:12: `routes[0].when.node_kind` cannot be asked for with the event type `infrahub.branch.merged`, which has no node kind\n  help: remove one of the two: node, group, artifact and validator events have a node kind",
    )]);
}
