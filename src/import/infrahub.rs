//! Infrahub: standard and custom webhooks, as GraphQL or the SDK tells them.

use super::draft::{Body, Destination, Draft, Route, Vault};
use super::export::Found;
use super::record::{Record, plain, shown_name, text};
use super::target::Jinja;
use super::write::Tree;
use super::{credential, header, mask, name, netbox, script, target, todo};
use crate::model::Json;
use crate::problem::Problems;

/// What Infrahub takes for granted where a webhook does not say it.
const DEFAULTS: [(&str, &str); 2] = [("event_type", "all"), ("branch_scope", "default_branch")];

/// Puts everything that was found into the draft.
pub(super) fn plan(found: &Found, draft: &mut Draft, problems: &mut Problems) {
    for record in &found.records {
        webhook(record, draft, problems);
    }
    draft.read = vec![todo::count(found.records.len(), "webhook")];
    netbox::short_of(found, draft);
    draft.note(format!(
        "if your default branch has another name than main, write it into `default_branch` of the source {}",
        draft.source
    ));
    draft.sender = format!(
        "in Infrahub, add one Standard Webhook with the URL http://GATEWAY:8080/hooks/{}, event type all, branch \
         scope All Branches, and as shared key what {} holds",
        draft.source, draft.proof.variable
    );
}

fn webhook(record: &Record, draft: &mut Draft, problems: &mut Problems) {
    let (Some(title), Some(url)) = (record.needed("name", problems), record.needed("url", problems)) else {
        return;
    };
    let about = record.about("webhook", &title);
    let mut to = draft.open(&title, about, Body::Format("infrahub"));
    let mut notes = Vec::new();
    let mut vault = Vault::new(&to.name, &to.about, &mut draft.variables);
    target::set(&url, Jinja::No, &mut to, &mut vault);
    headers(record, &mut to, &mut vault, &mut notes);
    shared_key(record, &mut to, &mut vault, &mut notes);
    to.secrets = vault.secrets;
    certificates(record, &url, &mut to, &mut notes, problems);
    let route = route(record, &title, &to, &mut notes, draft, problems);
    notes.into_iter().for_each(|note| draft.note(format!("{}: {note}", to.name)));
    draft.destinations.push(to);
    draft.routes.push(route);
}

/// A custom webhook may do without a key, a standard one has one even if it is not told.
fn shared_key(record: &Record, to: &mut Destination, vault: &mut Vault<'_>, notes: &mut Vec<String>) {
    let given = record.value("shared_key").is_some_and(|key| key.as_str() != Some(""));
    let is_standard = kind(record).is_some_and(|kind| kind == "CoreStandardWebhook");
    if given || is_standard {
        to.sign = Some(("infrahub", vault.placeholder("secret", "shared key")));
    } else if !record.has("shared_key") {
        notes.push("the export does not say whether it has a shared key; if so, add `sign:`".to_owned());
    }
}

fn kind(record: &Record) -> Option<&str> {
    let named = record.any(&["__typename", "kind"]).and_then(Json::as_str);
    named.or(record.kind.as_deref())
}

fn certificates(
    record: &Record,
    url: &str,
    to: &mut Destination,
    notes: &mut Vec<String>,
    problems: &mut Problems,
) {
    match record.flag("validate_certificates", problems) {
        Some(validates) => to.accepts_any_certificate = !validates,
        None if url.trim_start().to_ascii_lowercase().starts_with("https:")
            && record.has("validate_certificates") =>
        {
            notes.push(
                "it does not say whether certificates are validated, so they are; `tls: { verify: false }` accepts any"
                    .to_owned(),
            );
        }
        None => {}
    }
}

fn route(
    record: &Record,
    title: &str,
    to: &Destination,
    notes: &mut Vec<String>,
    draft: &mut Draft,
    problems: &mut Problems,
) -> Route {
    let mut when = Vec::new();
    for (key, default) in DEFAULTS {
        let given = record.text(key, problems);
        if given.is_none() {
            notes.push(format!("the export has no {key}, so Infrahub's default is used: {default}"));
        }
        when.push((key, Tree::text(&given.unwrap_or_else(|| default.to_owned()))));
    }
    if let Some(kind) = record.text("node_kind", problems) {
        when.push(("node_kind", Tree::text(&kind)));
    }
    if !record.has("active") {
        notes.push("the export does not say whether it is active, so it is".to_owned());
    }
    let mut route = Route {
        name: draft.route_names.unique(&name::slug(title, "webhook"), '-'),
        about: to.about.clone(),
        when,
        active: record.flag("active", problems).unwrap_or(true),
        to: to.name.clone(),
        ..Route::default()
    };
    if let Some(transformation) = transformation(record) {
        let index = script::for_transformation(&transformation, &to.about, draft);
        let file = draft.scripts.get(index).map_or(String::new(), |script| script.path.clone());
        let was = if route.active { "" } else { " (the webhook itself was not active)" };
        notes.push(format!(
            "write {file}, which stands for its Python transformation {:?}, then set `active: true`{was}",
            shown_name(&transformation.name)
        ));
        route.script = Some(index);
        route.active = false;
        route.remarks.push(format!(
            "Switched off until {file} does what the transformation {:?} did{was}.",
            shown_name(&transformation.name)
        ));
    }
    route
}

/// The Python transformation that makes the body.
fn transformation(record: &Record) -> Option<script::Transformation> {
    let related = record.value("transformation")?;
    let node = related.get("node").unwrap_or(related);
    let member = |key: &str| member(node, key);
    let name = match node {
        Json::String(id) => Some(id.to_string()),
        Json::Object(_) => member("name").or_else(|| member("display_label")).or_else(|| member("id")),
        _ => None,
    };
    Some(script::Transformation { name: name?, class: member("class_name"), file: member("file_path") })
}

/// Headers are nodes of their own: static ones, passwords, and names of environment variables.
fn headers(record: &Record, to: &mut Destination, vault: &mut Vault<'_>, notes: &mut Vec<String>) {
    let Some(related) = record.value("headers") else { return };
    let list = related.get("edges").unwrap_or(related);
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let count = related.get("count").and_then(Json::as_u64).unwrap_or(0);
    let mut untold = count > items.len() as u64;
    let mut dropped = Vec::new();
    for item in items {
        let node = item.get("node").unwrap_or(item);
        match member(node, "key") {
            Some(key) => one_header(&key, node, to, vault, &mut dropped),
            None => untold = true,
        }
    }
    if untold {
        notes
            .push("it has headers that the export does not tell: see the query in docs/import.md".to_owned());
    }
    if !dropped.is_empty() {
        notes.push(format!("its headers have {}, which was not taken over", dropped.join(", ")));
    }
}

fn one_header(
    key: &str,
    node: &Json,
    to: &mut Destination,
    vault: &mut Vault<'_>,
    dropped: &mut Vec<String>,
) {
    let kind = node.get("__typename").or_else(|| node.get("kind")).and_then(Json::as_str).unwrap_or_default();
    let what = format!("value of the header {key:?}");
    let text = match member(node, "value") {
        // Not by the same name: whoever may edit webhooks must not read this machine's variables.
        Some(value) if kind.contains("Environment") => {
            let what = format!("header {key:?}, in Infrahub the variable {:?},", shown_name(&value));
            vault.placeholder(key, &what)
        }
        Some(value) if credential::is_header(key, &value) => mask::fixed_header(key, &value, vault),
        Some(value) if !kind.contains("Password") => return header::fixed(key, &value, to, vault, dropped),
        _ => vault.placeholder(key, &what),
    };
    if header::is_sendable(key, "", dropped) {
        header::put(key, text, to);
    }
}

/// A text in a related node.
fn member(node: &Json, key: &str) -> Option<String> {
    node.get(key).map(plain).and_then(text).filter(|text| !text.is_empty())
}
