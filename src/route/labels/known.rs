//! The labels there are, the roles that carry them, and the types of Infrahub's events.
//!
//! A trigger that asks for anything else would wait forever, so it is told as a mistake.

pub const ROLE: &str = "prefect.resource.role";
pub const ID: &str = "prefect.resource.id";
pub const NODE_KIND: &str = "infrahub.node.kind";
pub const NODE_ID: &str = "infrahub.node.id";
pub const NODE_ACTION: &str = "infrahub.node.action";
pub const NODE_ROOT: &str = "infrahub.node.root_id";
pub const BRANCH: &str = "infrahub.branch.name";
pub const FIELD: &str = "infrahub.field.name";
pub const ATTRIBUTE: &str = "infrahub.attribute.name";
pub const ATTRIBUTE_KIND: &str = "infrahub.attribute.kind";
pub const ATTRIBUTE_ACTION: &str = "infrahub.attribute.action";
pub const VALUE: &str = "infrahub.attribute.value";
pub const PREVIOUS: &str = "infrahub.attribute.value_previous";
pub const RELATIONSHIP: &str = "infrahub.relationship.name";
pub const PEER_STATUS: &str = "infrahub.relationship.peer_status";
pub const PEER_ID: &str = "infrahub.relationship.peer_id";
pub const PEER_KIND: &str = "infrahub.relationship.peer_kind";
pub const RESOURCE_ID: &str = "infrahub.resource.id";
pub const RESOURCE_LABEL: &str = "infrahub.resource.label";
pub const CHECKSUM: &str = "infrahub.artifact.checksum";
pub const CHECKSUM_PREVIOUS: &str = "infrahub.artifact.checksum_previous";
pub const STORAGE: &str = "infrahub.artifact.storage_id";
pub const STORAGE_PREVIOUS: &str = "infrahub.artifact.storage_id_previous";
pub const DEFINITION: &str = "infrahub.artifact.artifact_definition_id";

pub const ACCOUNT_ROLE: &str = "infrahub.account";
pub const BRANCH_ROLE: &str = "infrahub.branch";
pub const EVENT_ROLE: &str = "infrahub.event";
pub const LOG_ROLE: &str = "infrahub.eventlog";
pub const ATTRIBUTE_ROLE: &str = "infrahub.node.attribute_update";
pub const RELATIONSHIP_ROLE: &str = "infrahub.node.relationship_update";
pub const PARENT_ROLE: &str = "infrahub.node.parent";
pub const NODE_ROLE: &str = "infrahub.related.node";
pub const MEMBER_ROLE: &str = "infrahub.group.member";
pub const ANCESTOR_ROLE: &str = "infrahub.group.ancestor";
pub const GROUP_ROLE: &str = "infrahub.group.update";
pub const ARTIFACT_ROLE: &str = "infrahub.artifact";

/// Labels of the resource, which `match` asks for.
pub const RESOURCE: [&str; 27] = [
    ID,
    NODE_KIND,
    NODE_ID,
    NODE_ACTION,
    NODE_ROOT,
    BRANCH,
    "infrahub.branch.id",
    "infrahub.branch.schema_hash",
    "infrahub.repository.name",
    "infrahub.repository.id",
    "infrahub.proposed_change.name",
    "infrahub.proposed_change.state",
    "infrahub.proposed_change.reviewer_decision",
    "infrahub.proposed_change.reviewer_former_decision",
    "infrahub.proposed_change.merged_by_account_id",
    "infrahub.proposed_change.merged_by_account_name",
    "infrahub.account.kind",
    "infrahub.account.account_id",
    "infrahub.account.account_name",
    "infrahub.account.account_type",
    "infrahub.account.auth_method",
    "infrahub.account.session_id",
    "infrahub.account.logout_type",
    "infrahub.account.sso_provider",
    "infrahub.account.client_ip",
    "infrahub.account.user_agent",
    "infrahub.account.timestamp",
];

/// Roles of related resources and what carries each besides the role, for `match_related`.
pub const ROLES: [(&str, &[&str]); 12] = [
    (ACCOUNT_ROLE, &[ID, RESOURCE_ID, RESOURCE_LABEL]),
    (BRANCH_ROLE, &[RESOURCE_LABEL]),
    (ATTRIBUTE_ROLE, &[ID, FIELD, ATTRIBUTE, VALUE, PREVIOUS, ATTRIBUTE_KIND, ATTRIBUTE_ACTION]),
    (RELATIONSHIP_ROLE, &[ID, FIELD, RELATIONSHIP, PEER_STATUS, PEER_ID, PEER_KIND]),
    (PARENT_ROLE, &[ID, "infrahub.parent.kind", "infrahub.parent.id"]),
    (
        NODE_ROLE,
        &[
            ID,
            NODE_KIND,
            NODE_ID,
            "infrahub.node.name",
            "infrahub.reviewer.account.name",
            "infrahub.merged_by.account.name",
            "infrahub.requested_by.account.name",
        ],
    ),
    (MEMBER_ROLE, &[ID, NODE_KIND]),
    (ANCESTOR_ROLE, &[ID, NODE_KIND]),
    (GROUP_ROLE, &[ID, NODE_KIND]),
    (ARTIFACT_ROLE, &[ID, CHECKSUM, CHECKSUM_PREVIOUS, STORAGE, STORAGE_PREVIOUS, DEFINITION]),
    (EVENT_ROLE, &[ID]),
    (LOG_ROLE, &["infrahub.account.id", "infrahub.branch.label"]),
];

/// The roles that carry all of some labels.
pub fn carriers<'l>(labels: impl Iterator<Item = &'l str> + Clone) -> impl Iterator<Item = &'static str> {
    let has_all = move |known: &[&str]| labels.clone().all(|label| label == ROLE || known.contains(&label));
    ROLES.iter().filter(move |(_, known)| has_all(known)).map(|(role, _)| *role)
}

/// Labels and roles that Infrahub's automations see and its webhooks do not tell.
pub const UNTOLD: [&str; 8] = [
    "infrahub.event.level",
    "infrahub.event.has_children",
    "infrahub.event_parent.id",
    "infrahub.ancestor_event.name",
    "infrahub.node.origin",
    "infrahub.child_event",
    "infrahub.ancestor_event",
    "infrahub.version",
];

/// Labels that hold any text, also an empty one or one with stars.
pub const FREE: [&str; 5] =
    [VALUE, PREVIOUS, CHECKSUM_PREVIOUS, STORAGE_PREVIOUS, "infrahub.proposed_change.name"];

/// All that a label can be, where that is little.
pub fn choices(label: &str) -> Option<&'static [&'static str]> {
    match label {
        ATTRIBUTE_ACTION => Some(&["added", "updated", "removed", "unchanged"]),
        PEER_STATUS => Some(&["added", "removed"]),
        _ => None,
    }
}

/// The types of Infrahub's events, of all releases and of its documentation.
pub const TYPES: [&str; 41] = [
    "infrahub.node.created",
    "infrahub.node.updated",
    "infrahub.node.deleted",
    "infrahub.branch.created",
    "infrahub.branch.deleted",
    "infrahub.branch.merged",
    "infrahub.branch.rebased",
    "infrahub.branch.migrated",
    "infrahub.artifact.created",
    "infrahub.artifact.updated",
    "infrahub.artifact.generated",
    "infrahub.group.member_added",
    "infrahub.group.member_removed",
    "infrahub.repository.update_commit",
    "infrahub.repository.created",
    "infrahub.repository.updated",
    "infrahub.repository.deleted",
    "infrahub.schema.updated",
    "infrahub.schema.validated",
    "infrahub.proposed_change.approved",
    "infrahub.proposed_change.rejected",
    "infrahub.proposed_change.merged",
    "infrahub.proposed_change.review_requested",
    "infrahub.proposed_change.approval_revoked",
    "infrahub.proposed_change.approvals_revoked",
    "infrahub.proposed_change.rejection_revoked",
    "infrahub.proposed_change.created",
    "infrahub.proposed_change.updated",
    "infrahub.proposed_change.closed",
    "infrahub.proposed_change_thread.created",
    "infrahub.proposed_change_thread.updated",
    "infrahub.validator.started",
    "infrahub.validator.passed",
    "infrahub.validator.failed",
    "infrahub.validator.created",
    "infrahub.validator.completed",
    "infrahub.generator.executed",
    "infrahub.generator.completed",
    "infrahub.account.logged_in",
    "infrahub.account.logged_out",
    "infrahub.custom",
];

/// Whether a webhook for this type may name a node kind.
pub fn has_node_kind(event_type: &str) -> bool {
    let families = ["infrahub.node.", "infrahub.group.", "infrahub.artifact.", "infrahub.validator."];
    !event_type.starts_with("infrahub.") || families.iter().any(|family| event_type.starts_with(family))
}
