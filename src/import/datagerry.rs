//! DATAGERRY: webhooks that are told by its REST API.

use super::draft::{Body, Draft, Route, Vault};
use super::export::Found;
use super::record::{Record, shown_name};
use super::target::Jinja;
use super::write::Tree;
use super::{name, netbox, target, todo};
use crate::problem::Problems;

const ACTIONS: [(&str, &str); 3] = [("CREATE", "created"), ("UPDATE", "updated"), ("DELETE", "deleted")];

/// Puts everything that was found into the draft.
pub(super) fn plan(found: &Found, draft: &mut Draft, problems: &mut Problems) {
    for record in &found.records {
        webhook(record, draft, problems);
    }
    draft.read = vec![todo::count(found.records.len(), "webhook")];
    netbox::short_of(found, draft);
    draft.sender = format!(
        "in DATAGERRY, add one webhook with the URL http://GATEWAY:8080/hooks/{}/TOKEN, where TOKEN is what {} \
         holds, and the events CREATE, UPDATE and DELETE",
        draft.source, draft.proof.variable
    );
    draft.note(format!(
        "DATAGERRY tells types by number: give {} `kinds: {{ \"1\": server, … }}`, and routes may ask for \
         `kind: server`",
        draft.source
    ));
}

fn webhook(record: &Record, draft: &mut Draft, problems: &mut Problems) {
    let title = record.needed("name", problems);
    let url = record.needed("url", problems);
    let events = record.texts("event_types", problems);
    if !record.has("event_types") {
        record.missing("event_types", problems);
    }
    let (Some(title), Some(url)) = (title, url) else { return };
    let about = record.about("webhook", &title);
    let mut to = draft.open(&title, about.clone(), Body::Format("datagerry"));
    let mut vault = Vault::new(&to.name, &about, &mut draft.variables);
    target::set(&url, Jinja::No, &mut to, &mut vault);
    to.secrets = vault.secrets;
    let actions = actions(&events.unwrap_or_default(), &about, draft);
    if !record.has("active") {
        draft.note(format!("{}: the export does not say whether it is active, so it is", to.name));
    }
    let active = record.flag("active", problems).unwrap_or(true) && !actions.is_empty();
    draft.routes.push(Route {
        name: draft.route_names.unique(&name::slug(&title, "webhook"), '-'),
        about,
        when: if actions.is_empty() { Vec::new() } else { vec![("action", Tree::texts(&actions))] },
        active,
        to: to.name.clone(),
        ..Route::default()
    });
    draft.destinations.push(to);
}

fn actions(events: &[String], about: &str, draft: &mut Draft) -> Vec<&'static str> {
    let is = |event: &str, known: &str| event.eq_ignore_ascii_case(known);
    let unknown = events.iter().filter(|event| !ACTIONS.iter().any(|(known, _)| is(event, known)));
    let unknown: Vec<String> = unknown.map(|event| shown_name(event)).collect();
    if !unknown.is_empty() {
        draft.note(format!("{about} is for events that are not known here: {}", unknown.join(", ")));
    }
    let wanted = ACTIONS.iter().filter(|(known, _)| events.iter().any(|event| is(event, known)));
    let actions: Vec<&'static str> = wanted.map(|(_, action)| *action).collect();
    if actions.is_empty() {
        draft.note(format!("{about} is for no events, so its route is switched off"));
    }
    actions
}
