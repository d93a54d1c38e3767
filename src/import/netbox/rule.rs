//! An event rule of NetBox, or what an old webhook says of events, as routes.

use super::Made;
use super::events::{self, Events};
use crate::import::draft::{Draft, Route};
use crate::import::record::{Record, plain, shown_name, text};
use crate::import::write::Tree;
use crate::import::{mask, name};
use crate::model::Json;
use crate::problem::Problems;

/// The apps that NetBox and Nautobot bring along. Objects of others come from plugins.
const APPS: [&str; 12] = [
    "account",
    "circuits",
    "core",
    "dcim",
    "extras",
    "ipam",
    "tenancy",
    "users",
    "virtualization",
    "vpn",
    "wireless",
    "cloud",
];

/// What a rule says, whoever said it.
#[derive(Debug)]
pub(super) struct Rule {
    about: String,
    name: String,
    enabled: bool,
    kinds: Vec<String>,
    events: Vec<String>,
    conditions: Option<Json>,
    action_data: Option<Json>,
    to: Result<String, String>,
}

/// Puts one event rule into the draft.
pub(super) fn plan(record: &Record, made: &mut Made, draft: &mut Draft, problems: &mut Problems) {
    let Some(title) = record.needed("name", problems) else { return };
    let about = record.about("event rule", &title);
    let action = record.text("action_type", problems).unwrap_or_else(|| "webhook".to_owned());
    if action != "webhook" {
        let action = shown_name(&action);
        draft.left_out.push(format!("{about} runs a {action}, no webhook."));
        draft.note(format!("{about} runs a {action}, which stays in NetBox"));
        return;
    }
    made.action_data_is_open |= !record.has("action_data");
    let to = target(record, made);
    if to.is_err() && record.any(&["action_object_id", "action_object"]).is_none() {
        return record.missing("action_object_id", problems);
    }
    let rule = Rule { to, about, ..Rule::read(record, &title, problems) };
    routes(rule, made, draft);
}

/// The destination a rule sends to, or what its webhook is called.
fn target(record: &Record, made: &Made) -> Result<String, String> {
    let object = record.value("action_object");
    let member = |key: &str| object.and_then(|object| object.get(key)).and_then(|value| text(plain(value)));
    let id = record.value("action_object_id").and_then(text).or_else(|| member("id"));
    let name = member("name").or_else(|| member("display"));
    let known = match &id {
        Some(id) => made.by_id.get(id),
        None => name.as_ref().and_then(|name| made.by_name.get(name)),
    };
    known.cloned().ok_or_else(|| {
        let parts = [id.map(|id| shown_name(&id)), name.map(|name| format!("{:?}", shown_name(&name)))];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        format!("webhook {}", parts.join(" "))
    })
}

impl Rule {
    /// What an old webhook says of itself.
    pub fn old(record: &Record, title: &str, to: String, problems: &mut Problems) -> Self {
        Self { to: Ok(to), ..Self::read(record, title, problems) }
    }

    fn read(record: &Record, title: &str, problems: &mut Problems) -> Self {
        let kinds =
            record.texts("object_types", problems).or_else(|| record.texts("content_types", problems));
        if kinds.is_none() && !record.has("object_types") && !record.has("content_types") {
            record.missing("object_types", problems);
        }
        Self {
            about: record.about("webhook", title),
            name: name::slug(title, "route"),
            enabled: record.flag("enabled", problems).unwrap_or(true),
            kinds: kinds.unwrap_or_default(),
            events: events::named(record, problems),
            conditions: record.data("conditions", problems).filter(|data| !is_empty(data)).cloned(),
            action_data: record.data("action_data", problems).filter(|data| !is_empty(data)).cloned(),
            to: Err(String::new()),
        }
    }
}

fn is_empty(data: &Json) -> bool {
    match data {
        Json::Object(members) => members.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Puts the routes of a rule into the draft: one for events of objects, and others for what has
/// to be told apart by other facts.
pub(super) fn routes(rule: Rule, made: &mut Made, draft: &mut Draft) {
    let events = Events::of(&rule.events);
    note(&rule, &events, draft);
    made.kinds.extend(rule.kinds.iter().map(|kind| shown_name(kind)));
    made.events.extend(rule.events.iter().map(|event| shown_name(event)));
    if let Ok(to) = &rule.to {
        made.used.insert(to.clone());
    }
    let kinds = |key| (!rule.kinds.is_empty()).then(|| (key, Tree::texts(&rule.kinds)));
    let nothing = events.actions.is_empty() && events.jobs.is_empty() && events.plugins.is_empty();
    if !events.actions.is_empty() || nothing {
        let action = (!nothing).then(|| ("action", Tree::texts(&events.actions)));
        push(&rule, "", kinds("kind").into_iter().chain(action).collect(), draft);
    }
    if !events.jobs.is_empty() {
        // Jobs are about no object, so what they ran for is looked up in what NetBox sent.
        let path = events::jobs_of(&rule.kinds).map(|path| ("path", Tree::text(&path)));
        let is_for_all = path.is_none() && !rule.kinds.is_empty();
        push(&rule, "-jobs", [("type", Tree::texts(&events.jobs))].into_iter().chain(path).collect(), draft);
        if is_for_all {
            no_jobs(&rule, draft);
        }
    }
    if !events.plugins.is_empty() {
        push(
            &rule,
            "-events",
            [("type", Tree::texts(&events.plugins))].into_iter().chain(kinds("kind")).collect(),
            draft,
        );
    }
}

fn note(rule: &Rule, events: &Events, draft: &mut Draft) {
    let about = &rule.about;
    if let Err(webhook) = &rule.to {
        draft.note(format!(
            "{about} sends {webhook}, which is not among the exports: export it as well, or remove its route"
        ));
    }
    if rule.events.is_empty() || rule.kinds.is_empty() {
        draft.note(format!("{about} is for no events or no object types, so its route is switched off"));
    }
    if events.some_ends {
        draft.note(format!("{about} is for some ways only in which jobs end, but NetBox sends `job_ended` for all: see `data` or a script"));
    }
    if !events.plugins.is_empty() {
        let types = events.plugins.iter().map(|event| shown_name(event)).collect::<Vec<_>>().join(", ");
        draft.note(format!("{about} is for events of plugins ({types}): compare with what arrives (`crossconnect receipts list`)"));
    }
    note_action_data(rule, draft);
    let foreign: Vec<String> = rule
        .kinds
        .iter()
        .filter(|kind| !kind.split_once('.').is_some_and(|(app, _)| APPS.contains(&app)))
        .map(|kind| shown_name(kind))
        .collect();
    if !foreign.is_empty() {
        draft.note(format!(
            "{about} is for objects of plugins ({}): before 4.4 NetBox does not name their app, and `kind` then follows their URL",
            foreign.join(", ")
        ));
    }
}

/// Action data leaves in bodies, which are stored as they are.
fn note_action_data(rule: &Rule, draft: &mut Draft) {
    let about = &rule.about;
    let Some(data) = &rule.action_data else { return };
    let mut dropped = Vec::new();
    if mask::data(data, &mut dropped).is_none() && dropped.is_empty() {
        draft.note(format!("the action data of {about} is no mapping, and was not taken over"));
    }
    if !dropped.is_empty() {
        let which = dropped.iter().map(|key| shown_name(key)).collect::<Vec<_>>().join(", ");
        draft.note(format!(
            "the action data of {about} has credentials, which would be stored with every delivery and were left \
             out ({which}): put them into `secrets:` of the destination, and use them in its `body_template` or \
             `headers`"
        ));
    }
}

/// Without its kinds the route would take the jobs of all.
fn no_jobs(rule: &Rule, draft: &mut Draft) {
    let Some(route) = draft.routes.last_mut() else { return };
    route.off.get_or_insert_with(|| "none of its object types can be looked up in a job".to_owned());
    let note = format!(
        "the route {} of {} is commented out: none of its object types can be looked up in a job, so give it a `path`",
        route.name, rule.about
    );
    draft.note(note);
}

fn push(rule: &Rule, suffix: &str, mut when: Vec<(&'static str, Tree)>, draft: &mut Draft) {
    let name = draft.route_names.unique(&format!("{}{suffix}", rule.name), '-');
    if let Some(conditions) = &rule.conditions {
        when.push(("conditions", Tree::of(conditions)));
    }
    let mut route = Route {
        name,
        about: rule.about.clone(),
        when,
        active: rule.enabled && !rule.events.is_empty() && !rule.kinds.is_empty(),
        to: rule.to.clone().unwrap_or_else(|_| "missing".to_owned()),
        ..Route::default()
    };
    if let Err(webhook) = &rule.to {
        route.off = Some(format!("{webhook} is not among the exports"));
    }
    route.action_data = rule.action_data.as_ref().and_then(|data| mask::data(data, &mut Vec::new()));
    draft.routes.push(route);
}
