//! The resource of an event, by Infrahub's kinds of events. Every other event is one of a node.

use super::known::{BRANCH, ID, NODE_ACTION, NODE_ID, NODE_KIND, NODE_ROOT};
use super::{Facts, Resource, Text};

/// What an account event tells: label and key of `data`.
const ACCOUNT: [(&str, &str); 13] = [
    ("infrahub.node.id", "account_id"),
    ("infrahub.node.kind", "kind"),
    ("infrahub.account.kind", "kind"),
    ("infrahub.account.account_id", "account_id"),
    ("infrahub.account.account_name", "account_name"),
    ("infrahub.account.account_type", "account_type"),
    ("infrahub.account.auth_method", "auth_method"),
    ("infrahub.account.session_id", "session_id"),
    ("infrahub.account.logout_type", "logout_type"),
    ("infrahub.account.sso_provider", "sso_provider"),
    ("infrahub.account.client_ip", "client_ip"),
    ("infrahub.account.user_agent", "user_agent"),
    ("infrahub.account.timestamp", "timestamp"),
];

/// The same for proposed changes; not every event of theirs tells everything.
const PROPOSED_CHANGE: [(&str, &str); 7] = [
    ("infrahub.node.id", "proposed_change_id"),
    ("infrahub.proposed_change.name", "proposed_change_name"),
    ("infrahub.proposed_change.state", "proposed_change_state"),
    ("infrahub.proposed_change.reviewer_decision", "reviewer_decision"),
    ("infrahub.proposed_change.reviewer_former_decision", "reviewer_former_decision"),
    ("infrahub.proposed_change.merged_by_account_id", "merged_by_account_id"),
    ("infrahub.proposed_change.merged_by_account_name", "merged_by_account_name"),
];

pub(super) fn resource<'e>(facts: &Facts<'e>) -> Resource<'e> {
    match facts.family {
        "branch" => branch(facts),
        "schema" => schema(facts),
        "repository" => repository(facts),
        "proposed_change" | "proposed_change_thread" => proposed_change(facts),
        "account" => listed(facts, &ACCOUNT).with(ID, prefixed(facts, "account_id", "infrahub.account.")),
        // Their ids stand alone.
        "artifact" | "validator" => Resource::default()
            .with(ID, facts.id())
            .with(NODE_KIND, facts.kind())
            .with(NODE_ID, facts.id())
            .with(BRANCH, facts.on_branch()),
        _ => node(facts),
    }
}

fn node<'e>(facts: &Facts<'e>) -> Resource<'e> {
    let action = facts.told("action").unwrap_or(Text::plain(&facts.event.action));
    Resource::default()
        .with(ID, facts.id().map(|id| id.after("infrahub.node.")))
        .with(NODE_KIND, facts.kind())
        .with(NODE_ID, facts.id())
        .with(NODE_ACTION, Some(action))
        .with(NODE_ROOT, facts.parent().map(|(id, _)| id).or(facts.id()))
        .with(BRANCH, facts.on_branch())
}

fn branch<'e>(facts: &Facts<'e>) -> Resource<'e> {
    let name = facts.told("branch_name").or(facts.name());
    Resource::default()
        .with(ID, name.map(|name| name.after("infrahub.branch.")))
        .with("infrahub.branch.id", facts.told("branch_id"))
        .with(BRANCH, name)
}

fn schema<'e>(facts: &Facts<'e>) -> Resource<'e> {
    let name = facts.told("branch_name").or(facts.on_branch());
    Resource::default()
        .with(ID, name.map(|name| name.after("infrahub.schema_branch.")))
        .with(BRANCH, name)
        .with("infrahub.branch.schema_hash", facts.told("schema_hash"))
}

fn repository<'e>(facts: &Facts<'e>) -> Resource<'e> {
    let id = facts.told("repository_id").or(facts.id());
    Resource::default()
        .with(ID, id.map(|id| id.after("infrahub.repository.")))
        .with("infrahub.repository.name", facts.told("repository_name").or(facts.name()))
        .with("infrahub.repository.id", id)
        .with(BRANCH, facts.on_branch())
}

/// Also of a thread: its event is one of its proposed change.
fn proposed_change<'e>(facts: &Facts<'e>) -> Resource<'e> {
    listed(facts, &PROPOSED_CHANGE)
        .with(ID, prefixed(facts, "proposed_change_id", "infrahub.proposed_change."))
        .with(NODE_KIND, Some(Text::plain("CoreProposedChange")))
        .with(BRANCH, facts.on_branch())
}

fn listed<'e>(facts: &Facts<'e>, labels: &[(&'static str, &str)]) -> Resource<'e> {
    let none = Resource::default();
    labels.iter().fold(none, |resource, (label, key)| resource.with(label, facts.told(key)))
}

fn prefixed<'e>(facts: &Facts<'e>, key: &str, prefix: &'static str) -> Option<Text<'e>> {
    facts.told(key).map(|text| text.after(prefix))
}
