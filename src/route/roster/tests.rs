//! All at once says what one by one says.

use proptest::prelude::*;
use proptest::sample::select;

use super::super::{Match, Mismatch};
use super::Roster;
use crate::model::{
    Actor, Change, Decision, Event, EventId, Json, Object, Processed, ReceiptId, RouteVerdict, Timestamp,
    json,
};
use crate::problem::Problems;

/// What the keys of `when` are drawn from.
const WHEN: [(&str, &[&str]); 11] = [
    ("active", &["true", "false"]),
    ("event_type", &["all", "infrahub.node.updated", "infrahub.node.created"]),
    ("branch_scope", &["default_branch", "other_branches", "all_branches"]),
    ("action", &["updated", "[updated, Created]", "'*'", "'!deleted'", "[deleted]", "'[\"updated\"]'"]),
    ("type", &["infrahub.node.updated", "'infrahub.*'", "[a, infrahub.node.created, a]"]),
    (
        "kind",
        &["InfraDevice", "infradevice", "[InfraRack, INFRADEVICE]", "Infra*", "'!InfraRack'", "InfraRack"],
    ),
    ("branch", &["default", "other", "main", "[feat*, main]"]),
    ("actor", &["ann", "[bob, ann]", "'!bob'"]),
    ("changed", &["status", "[name, custom_fields]"]),
    ("match", &["{infrahub.node.kind: InfraDevice}", "{infrahub.node.action: [created, updated]}"]),
    ("path", &["$.data.site", "'!$.data.site'", "$.data.rack"]),
];

fn when() -> impl Strategy<Value = String> {
    let keys = WHEN.map(|(key, values)| {
        (prop::bool::weighted(0.3), select(values))
            .prop_map(move |(is, value)| if is { format!("{key}: {value}\n") } else { String::new() })
    });
    keys.to_vec().prop_map(|lines| lines.concat())
}

fn from() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(select(&["infrahub", "netbox", "infra*"][..]), 0..3)
}

fn event() -> impl Strategy<Value = Event> {
    let kind = select(&["InfraDevice", "infrarack", ""][..]);
    let branch = select(&["main", "feat-1", ""][..]);
    let changed = prop::collection::vec(select(&["status", "custom_fields.owner"][..]), 0..3);
    let source = select(&["infrahub", "netbox"][..]);
    let action = select(&["updated", "created", "CREATED"][..]);
    (kind, branch, changed, source, action, select(&["ann", ""][..])).prop_map(
        |(kind, branch, changed, source, action, actor)| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let object = |kind| Object { kind, id: "7".to_owned(), name: None, url: None };
            Event {
                action: action.to_owned(),
                object: some(kind).map(object),
                branch: some(branch),
                actor: Actor { id: None, name: some(actor) },
                changes: changed.into_iter().map(change).collect(),
                ..plain(source)
            }
        },
    )
}

fn change(field: &str) -> Change {
    Change { field: field.to_owned(), from: json!(1), to: json!(2), partial: false }
}

fn plain(source: &str) -> Event {
    let now = Timestamp::UNIX_EPOCH;
    Event {
        id: EventId::of(ReceiptId::new(now), 0),
        r#type: "infrahub.node.updated".to_owned(),
        action: "updated".to_owned(),
        source: source.to_owned(),
        system: "infrahub".to_owned(),
        object: None,
        branch: None,
        actor: Actor { id: None, name: None },
        occurred_at: None,
        received_at: now,
        correlation_id: None,
        changes: Vec::new(),
        before: Json::Null.into(),
        after: Json::Null.into(),
        data: json!({"site": {"slug": "fra1"}}).into(),
        native: Json::Null.into(),
    }
}

fn compile((from, when): &(Vec<&str>, String)) -> Match {
    let mut problems = Problems::default();
    let node = crate::yaml::parse("c.yaml", when, &mut problems);
    let from: Vec<_> = from.iter().map(|name| ((1, 1), (*name).to_owned())).collect();
    // Some combinations are refused, and yet compiled as they are.
    Match::compile("c.yaml", "routes[0]", &from, node.as_ref(), &mut problems)
}

/// What every route says, by name; a name for those that let it pass.
fn one_by_one(routes: &[Match], event: &Event, default_branch: Option<&str>) -> Vec<RouteVerdict> {
    let verdict = |(number, matches): (usize, &Match)| {
        let decision = match matches.check_conditions(event, default_branch) {
            Ok(()) => Decision::Filtered { reason: None },
            Err(Mismatch { condition, wanted, actual }) => Decision::Unmatched { condition, wanted, actual },
        };
        RouteVerdict { route: format!("r{number}"), decision }
    };
    routes.iter().enumerate().map(verdict).collect()
}

fn all_at_once(routes: &[Match], event: &Event, default_branch: Option<&str>) -> Vec<RouteVerdict> {
    let names: Vec<String> = (0..routes.len()).map(|number| format!("r{number}")).collect();
    let roster = Roster::new(names.iter().map(String::as_str).zip(routes));
    let answer = roster.ask(event, default_branch);
    let passed = names
        .iter()
        .zip(&answer.said)
        .filter(|(_, said)| said.is_none())
        .map(|(name, _)| RouteVerdict { route: name.clone(), decision: Decision::Filtered { reason: None } });
    let routes = passed.collect();
    Processed { event: event.clone(), routes, refused: answer.refused(), lookups: Vec::new() }.verdicts()
}

proptest! {
    #[test]
    fn all_routes_at_once_say_what_they_say_one_by_one(
        routes in prop::collection::vec((from(), when()), 0..40),
        event in event(),
        default_branch in select(&[None, Some("main"), Some("feat-1")][..]),
    ) {
        let routes: Vec<Match> = routes.iter().map(compile).collect();
        prop_assert_eq!(
            all_at_once(&routes, &event, default_branch),
            one_by_one(&routes, &event, default_branch)
        );
    }
}

#[test]
fn routes_that_want_one_kind_each_are_not_asked_one_by_one() {
    let routes: Vec<_> =
        (0..500).map(|number| compile(&(vec!["nb"], format!("kind: dcim.part{number}")))).collect();
    let names: Vec<String> = (0..500).map(|number| format!("r{number}")).collect();
    let roster = Roster::new(names.iter().map(String::as_str).zip(&routes));
    let first = &roster.first;
    let second = first.fields[0].wanted_by(&plain("nb")).unwrap();
    assert_eq!((first.alone.len(), second.alone.len(), second.fields[0].routes), (0, 0, 500));
}
