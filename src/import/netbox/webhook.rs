//! A webhook of NetBox as a destination; an old one as a route as well.

use super::Made;
use super::rule::{self, Rule};
use crate::import::draft::{Body, Destination, Draft, Vault};
use crate::import::record::Record;
use crate::import::target::Jinja;
use crate::import::write::Text;
use crate::import::{code, header, mask, target};
use crate::model::Json;
use crate::problem::Problems;
use crate::template::{Templates, Texts};

const METHODS: [&str; 5] = ["POST", "PUT", "PATCH", "DELETE", "GET"];
/// Fields of webhooks that need no event rules.
const OLD: [&str; 5] = ["content_types", "type_create", "type_update", "type_delete", "type_job_start"];

/// Puts one webhook into the draft.
pub(super) fn plan(
    record: &Record,
    is_nautobot: bool,
    made: &mut Made,
    draft: &mut Draft,
    problems: &mut Problems,
) {
    let (Some(title), Some(url)) = (record.needed("name", problems), record.needed("payload_url", problems))
    else {
        return;
    };
    // Nautobot's snapshots differ from NetBox's, so its own body is passed on.
    let body = Body::Format(if is_nautobot { "native" } else { "netbox" });
    let mut to = draft.open(&title, record.about("webhook", &title), body);
    let mut notes = Vec::new();
    let mut vault = Vault::new(&to.name, &to.about, &mut draft.variables);
    // Nautobot sends to the URL as it stands.
    let jinja = if is_nautobot { Jinja::No } else { Jinja::Yes };
    target::set(&url, jinja, &mut to, &mut vault);
    to.content_type = record.text("http_content_type", problems);
    headers(record, &mut to, &mut vault, &mut notes, problems);
    template(record, &mut to, &mut vault, problems);
    secret(record, &mut to, &mut vault, &mut notes);
    to.secrets = vault.secrets;
    method(record, &mut to, &mut notes, problems);
    media_type(&mut to, &mut notes);
    tls(record, &mut to, problems);
    to.timeout =
        record.value("timeout").and_then(Json::as_u64).filter(|seconds| (1..=86_400).contains(seconds));
    check_templates(&mut to);
    notes.into_iter().for_each(|note| draft.note(format!("{}: {note}", to.name)));
    made.by_id.extend(record.id().map(|id| (id, to.name.clone())));
    made.by_name.entry(title.clone()).or_insert_with(|| to.name.clone());
    if OLD.iter().any(|key| record.has(key)) {
        let rule = Rule::old(record, &title, to.name.clone(), problems);
        rule::routes(rule, made, draft);
    }
    draft.destinations.push(to);
}

fn headers(
    record: &Record,
    to: &mut Destination,
    vault: &mut Vault<'_>,
    notes: &mut Vec<String>,
    problems: &mut Problems,
) {
    let Some(lines) = record.text("additional_headers", problems) else { return };
    let mut dropped = Vec::new();
    header::set(&lines, to, vault, &mut dropped);
    if !dropped.is_empty() {
        let which = dropped.join(", ");
        to.remarks.push(format!("Not taken over from the additional headers: {which}."));
        notes.push(format!("its additional headers have {which}, which was not taken over"));
    }
}

fn template(record: &Record, to: &mut Destination, vault: &mut Vault<'_>, problems: &mut Problems) {
    let Some(template) = record.text("body_template", problems) else { return };
    // Jinja2 reads every line end as a plain one.
    let template = template.replace("\r\n", "\n").replace('\r', "\n");
    to.body = Body::Template(Text::literal(&mask::template(&template, "body template", vault)));
}

fn secret(record: &Record, to: &mut Destination, vault: &mut Vault<'_>, notes: &mut Vec<String>) {
    let secret = record.value("secret");
    if !record.has("secret") {
        notes.push("the export does not say whether it has a secret; if so, add `sign:`".to_owned());
    }
    if secret.is_some_and(|secret| secret.as_str() != Some("")) {
        to.sign = Some(("netbox", vault.placeholder("secret", "secret")));
    }
}

fn method(record: &Record, to: &mut Destination, notes: &mut Vec<String>, problems: &mut Problems) {
    let Some(method) = record.text("http_method", problems) else { return };
    let upper = method.to_ascii_uppercase();
    match METHODS.iter().find(|known| **known == upper) {
        Some(&"POST") => {}
        Some(known) => to.method = Some((*known).to_owned()),
        None => notes.push("its HTTP method is not known here, so POST is used".to_owned()),
    }
}

/// Formats name their own media type; only another one, or that of a template, is written.
fn media_type(to: &mut Destination, notes: &mut Vec<String>) {
    let Some(given) = &to.content_type else { return };
    if !given.contains('/') || http::HeaderValue::from_str(given).is_err() {
        notes.push("its content type is no media type, and was not taken over".to_owned());
        to.content_type = None;
    } else if given == "application/json" && matches!(to.body, Body::Format(_)) {
        to.content_type = None;
    }
}

fn tls(record: &Record, to: &mut Destination, problems: &mut Problems) {
    to.accepts_any_certificate = record.flag("ssl_verification", problems) == Some(false);
    to.ca = record.text("ca_file_path", problems);
}

/// A template that is none here, too, would stop the whole config.
fn check_templates(to: &mut Destination) {
    let names: Vec<&str> = to.secrets.iter().map(|(name, _)| name.as_str()).collect();
    let parts = [
        (
            "body template",
            match &to.body {
                Body::Template(text) => Some(text),
                Body::Format(_) => None,
            },
        ),
        ("additional headers", to.headers_template.as_ref()),
        ("URL", Some(&to.url).filter(|url| code::is_template(url.as_str()))),
    ];
    let wrong = parts.into_iter().find_map(|(what, text)| Some((what, error(text?, &names)?)));
    if let Some((what, why)) = wrong {
        to.off.get_or_insert(format!("its {what} cannot be read: {why}"));
    }
}

fn error(text: &Text, secrets: &[&str]) -> Option<String> {
    let text = crate::template::Text {
        file: String::new(),
        at: (1, 1),
        lines: Vec::new(),
        key: "it".to_owned(),
        text: text.as_str().replace("$${", "${"),
    };
    let mut problems = Problems::default();
    Templates::compile(Texts { body: Some(&text), secrets, ..Texts::default() }, &mut problems);
    problems
        .iter()
        .next()
        .map(|problem| problem.message.trim_start_matches("`it` is no template: ").to_owned())
}
