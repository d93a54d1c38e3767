//! What is related to an event, as Infrahub lists it: who and where, what changed, which nodes.

use std::collections::HashSet;

use super::known::{
    ACCOUNT_ROLE, ANCESTOR_ROLE, ARTIFACT_ROLE, ATTRIBUTE, ATTRIBUTE_ACTION, ATTRIBUTE_KIND, ATTRIBUTE_ROLE,
    BRANCH_ROLE, CHECKSUM, CHECKSUM_PREVIOUS, DEFINITION, EVENT_ROLE, FIELD, GROUP_ROLE, ID, LOG_ROLE,
    MEMBER_ROLE, NODE_ID, NODE_KIND, NODE_ROLE, PARENT_ROLE, PEER_ID, PEER_KIND, PEER_STATUS, PREVIOUS,
    RELATIONSHIP, RELATIONSHIP_ROLE, RESOURCE_ID, RESOURCE_LABEL, ROLE, STORAGE, STORAGE_PREVIOUS, VALUE,
};
use super::{Facts, Resource, Text, told};
use crate::model::{Change, Json};

type Resources<'e> = Box<dyn Iterator<Item = Resource<'e>> + 'e>;

const PROPOSED_CHANGE: &str = "CoreProposedChange";
const ACCOUNT: &str = "CoreGenericAccount";

pub(super) fn of<'e>(facts: Facts<'e>, roles: &'e [&'static str]) -> Resources<'e> {
    let own: Resources<'e> = match facts.family {
        "node" => node(facts, roles),
        "group" => group(facts),
        "artifact" => Box::new(artifact(&facts).into_iter().flatten()),
        "branch" | "validator" => {
            let id = facts.told("proposed_change_id");
            Box::new(id.map(|id| related(id, Some(Text::plain(PROPOSED_CHANGE)))).into_iter())
        }
        "proposed_change" | "proposed_change_thread" => proposed_change(facts),
        "account" => {
            let groups = named(facts, "groups", "CoreAccountGroup");
            Box::new(groups.chain(named(facts, "roles", "CoreAccountRole")))
        }
        "schema" | "repository" => Box::new(std::iter::empty()),
        _ => Box::new(changes(facts).chain(itself(&facts))),
    };
    let wanted = |resource: &Resource<'e>| resource.get(ROLE).is_some_and(|role| roles.contains(&&*role));
    Box::new(everywhere(&facts).chain(own).filter(wanted))
}

/// What every event is related to.
fn everywhere<'e>(facts: &Facts<'e>) -> impl Iterator<Item = Resource<'e>> + use<'e> {
    let actor = &facts.event.actor;
    let (id, name) = (actor.id.as_deref().map(Text::plain), actor.name.as_deref().map(Text::plain));
    let account = id.or(name).map(|any| {
        Resource::of_role(ACCOUNT_ROLE)
            .with(ID, Some(any.after("infrahub.account.")))
            .with(RESOURCE_ID, id)
            .with(RESOURCE_LABEL, name)
    });
    let branch =
        facts.on_branch().map(|name| Resource::of_role(BRANCH_ROLE).with(RESOURCE_LABEL, Some(name)));
    let native = facts.event.native.get("id").filter(|_| !facts.family.is_empty());
    let event = native.map(|id| Resource::of_role(EVENT_ROLE).with(ID, Text::of(id)));
    // The role that stood for account and branch together in early releases.
    let log = Resource::of_role(LOG_ROLE)
        .with("infrahub.account.id", id)
        .with("infrahub.branch.label", facts.on_branch());
    [account, branch, event, Some(log)].into_iter().flatten()
}

fn related<'e>(id: Text<'e>, kind: Option<Text<'e>>) -> Resource<'e> {
    Resource::of_role(NODE_ROLE).with(ID, Some(id)).with(NODE_KIND, kind)
}

fn itself<'e>(facts: &Facts<'e>) -> Option<Resource<'e>> {
    facts.id().map(|id| related(id, facts.kind()))
}

/// A node can have thousands of peers, so only what some role wants is looked at.
fn node<'e>(facts: Facts<'e>, roles: &[&str]) -> Resources<'e> {
    let log = facts.data.get("changelog").unwrap_or(&Json::Null);
    let of_role = |role: &str| if roles.contains(&role) { log } else { &Json::Null };
    let attributes = members(of_role(ATTRIBUTE_ROLE), "attributes");
    let attributes = attributes.map(move |(name, told)| attribute(&facts, name, told));
    let relationships = members(of_role(RELATIONSHIP_ROLE), "relationships").flat_map(move |(name, item)| {
        peers(item)
            .filter(|peer| peer.is_update)
            .map(move |peer| relationship(&facts, told(item, "name").unwrap_or(name), &peer))
    });
    let parent = facts.parent().map(|(id, kind)| {
        Resource::of_role(PARENT_ROLE)
            .with(ID, Some(id))
            .with("infrahub.parent.kind", Some(kind))
            .with("infrahub.parent.id", Some(id))
    });
    let mut seen = HashSet::new();
    let peers = members(of_role(NODE_ROLE), "relationships").flat_map(|(_, item)| peers(item));
    let nodes = peers
        .map(|peer| (peer.id, peer.kind))
        .chain(facts.parent())
        .filter(move |(id, _)| seen.insert(id.read()))
        .map(|(id, kind)| related(id, Some(kind)));
    Box::new(attributes.chain(relationships).chain(parent).chain(itself(&facts)).chain(nodes))
}

fn members<'e>(log: &'e Json, key: &str) -> impl Iterator<Item = (Text<'e>, &'e Json)> + use<'e> {
    let members = log.get(key).and_then(Json::as_object);
    members.into_iter().flatten().map(|(name, member)| (Text::plain(name), member))
}

/// Every attribute that the change log names; `unchanged` ones too, where only a property changed.
fn attribute<'e>(facts: &Facts<'e>, name: Text<'e>, item: &'e Json) -> Resource<'e> {
    let value = |key: &str| item.get(key).unwrap_or(&Json::Null);
    let (from, to) = (value("value_previous"), value("value"));
    let name = told(item, "name").unwrap_or(name);
    let status = || Text::plain(if from == to { "unchanged" } else { status(from, to) });
    update(facts, name, from, to)
        .with(ATTRIBUTE_KIND, told(item, "kind"))
        .with(ATTRIBUTE_ACTION, Some(told(item, "value_update_status").unwrap_or_else(status)))
}

/// What other systems changed. A redacted value that changed looks the same before and after.
fn changes<'e>(facts: Facts<'e>) -> impl Iterator<Item = Resource<'e>> {
    let change = move |change: &'e Change| {
        update(&facts, Text::plain(&change.field), &change.from, &change.to)
            .with(ATTRIBUTE_ACTION, Some(Text::plain(status(&change.from, &change.to))))
    };
    facts.event.changes.iter().map(change)
}

fn update<'e>(facts: &Facts<'e>, name: Text<'e>, from: &'e Json, to: &'e Json) -> Resource<'e> {
    Resource::of_role(ATTRIBUTE_ROLE)
        .with(ID, facts.id().map(|id| id.after("infrahub.node.")))
        .with(FIELD, Some(name))
        .with(ATTRIBUTE, Some(name))
        .with(VALUE, Some(Text::or_null(to)))
        .with(PREVIOUS, Some(Text::or_null(from)))
}

fn status(from: &Json, to: &Json) -> &'static str {
    match (from.is_null(), to.is_null()) {
        (true, false) => "added",
        (false, true) => "removed",
        _ => "updated",
    }
}

/// One end of a relationship that changed.
struct Peer<'e> {
    id: Text<'e>,
    kind: Text<'e>,
    status: Text<'e>,
    /// Whether it was added or removed.
    is_update: bool,
}

/// The peers of one relationship, in a form for both cardinalities.
fn peers<'e>(item: &'e Json) -> impl Iterator<Item = Peer<'e>> {
    let many = item.get("peers").and_then(Json::as_array);
    let many = many.into_iter().flatten().filter_map(|peer| {
        let status = peer.get("peer_status")?.as_str()?;
        let is_update = matches!(status, "added" | "removed");
        Some(Peer {
            id: told(peer, "peer_id")?,
            kind: told(peer, "peer_kind")?,
            status: Text::plain(status),
            is_update,
        })
    });
    let same = item.get("peer_id") == item.get("peer_id_previous");
    let without = |key: &str| item.get(key).and_then(Json::as_object).is_none_or(crate::model::Map::is_empty);
    // A property that changed makes Infrahub tell the peer as removed and added.
    let is_update = !(same && without("properties"));
    let one = |id, kind, status| {
        Some(Peer { id: told(item, id)?, kind: told(item, kind)?, status: Text::plain(status), is_update })
    };
    let now = one("peer_id", "peer_kind", "added");
    let before = one("peer_id_previous", "peer_kind_previous", "removed");
    many.chain(now).chain(before)
}

fn relationship<'e>(facts: &Facts<'e>, name: Text<'e>, peer: &Peer<'e>) -> Resource<'e> {
    Resource::of_role(RELATIONSHIP_ROLE)
        .with(ID, facts.id().map(|id| id.after("infrahub.node.")))
        .with(FIELD, Some(name))
        .with(RELATIONSHIP, Some(name))
        .with(PEER_STATUS, Some(peer.status))
        .with(PEER_ID, Some(peer.id))
        .with(PEER_KIND, Some(peer.kind))
}

fn group(facts: Facts<'_>) -> Resources<'_> {
    let own = facts.id().map(|id| (id, facts.kind()));
    let group = own.into_iter().flat_map(|own| in_roles(own, &[NODE_ROLE, GROUP_ROLE]));
    let members = nodes(facts, "members").flat_map(|node| in_roles(node, &[MEMBER_ROLE, NODE_ROLE]));
    let ancestors =
        nodes(facts, "ancestors").flat_map(|node| in_roles(node, &[ANCESTOR_ROLE, NODE_ROLE, GROUP_ROLE]));
    Box::new(group.chain(members).chain(ancestors))
}

type Node<'e> = (Text<'e>, Option<Text<'e>>);

fn nodes<'e>(facts: Facts<'e>, key: &str) -> impl Iterator<Item = Node<'e>> + use<'e> {
    let list = facts.data.get(key).and_then(Json::as_array);
    list.into_iter().flatten().filter_map(|node| Some((told(node, "id")?, told(node, "kind"))))
}

fn in_roles<'e>((id, kind): Node<'e>, roles: &'static [&'static str]) -> impl Iterator<Item = Resource<'e>> {
    roles.iter().map(move |role| Resource::of_role(role).with(ID, Some(id)).with(NODE_KIND, kind))
}

fn artifact<'e>(facts: &Facts<'e>) -> Option<[Resource<'e>; 2]> {
    let target = facts.told("target_id")?;
    let or_empty = |key| Some(facts.told(key).unwrap_or(Text::plain("")));
    let artifact = Resource::of_role(ARTIFACT_ROLE)
        .with(ID, Some(target))
        .with(CHECKSUM, facts.told("checksum"))
        .with(CHECKSUM_PREVIOUS, or_empty("checksum_previous"))
        .with(STORAGE, facts.told("storage_id"))
        .with(STORAGE_PREVIOUS, or_empty("storage_id_previous"))
        .with(DEFINITION, facts.told("artifact_definition_id"));
    Some([related(target, facts.told("target_kind")), artifact])
}

/// The people of a proposed change, and the thread of an event about one.
fn proposed_change(facts: Facts<'_>) -> Resources<'_> {
    let person = move |id: &str, name: &str, label: &'static str| {
        facts.told(id).map(|id| account(id, label, facts.told(name)))
    };
    let people = [
        person("reviewer_account_id", "reviewer_account_name", REVIEWER),
        person("merged_by_account_id", "merged_by_account_name", "infrahub.merged_by.account.name"),
        person("requested_by_account_id", "requested_by_account_name", "infrahub.requested_by.account.name"),
    ];
    let thread = facts
        .told("thread_id")
        .map(|thread| related(thread, facts.told("thread_kind")).with(NODE_ID, Some(thread)));
    Box::new(people.into_iter().flatten().chain(reviewers(facts)).chain(thread))
}

const REVIEWER: &str = "infrahub.reviewer.account.name";

fn account<'e>(id: Text<'e>, label: &'static str, name: Option<Text<'e>>) -> Resource<'e> {
    related(id, Some(Text::plain(ACCOUNT))).with(NODE_ID, Some(id)).with(label, name)
}

/// Where several approvals are revoked: names by id, in later releases two lists.
fn reviewers<'e>(facts: Facts<'e>) -> impl Iterator<Item = Resource<'e>> {
    let by_id =
        members(facts.data, "reviewer_accounts").map(|(id, name)| account(id, REVIEWER, Text::of(name)));
    let list = |key| facts.data.get(key).and_then(Json::as_array).into_iter().flatten();
    let names = list("reviewer_account_names").map(Text::of).chain(std::iter::repeat(None));
    let listed = list("reviewer_account_ids").zip(names);
    by_id.chain(listed.filter_map(|(id, name)| Some(account(Text::of(id)?, REVIEWER, name))))
}

/// Lists of `{id: name}`.
fn named<'e>(
    facts: Facts<'e>,
    key: &str,
    kind: &'static str,
) -> impl Iterator<Item = Resource<'e>> + use<'e> {
    let list = facts.data.get(key).and_then(Json::as_array).into_iter().flatten();
    list.filter_map(Json::as_object).flatten().map(move |(id, name)| {
        related(Text::plain(id), Some(Text::plain(kind))).with("infrahub.node.name", Text::of(name))
    })
}
