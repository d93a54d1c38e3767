//! The section `sources:`: who may send, and how they prove it.

use std::collections::HashMap;
use std::time::Duration;

use super::context::Context;
use super::sign::{self, Sign};
use super::{Source, name, secrets};
use crate::adapter;
use crate::model::OWN_SOURCE;
use crate::secret::Secret;
use crate::signature::Scheme;
use crate::units::{self, DURATION, NETWORK, Parsed, RATE, SIZE};
use crate::yaml::{At, Key, Node, Reader, Value, nearest};

/// Reads one source; `None`: it is no mapping.
pub(super) fn read(key: &Key, node: &Node, cx: &mut Context<'_>) -> Option<Source> {
    let mut reader = Reader::new(cx.file, format!("sources.{}", key.name), node, cx.problems)?;
    let r = &mut reader;
    let adapter = adapter(r, key.at, cx);
    let mut secrets = secrets::read(r, "secrets", cx);
    let sign = sign::read(r, cx);
    if let Some(more) = sign.as_ref().and_then(|sign| sign.secrets.clone()) {
        secrets.get_or_insert_default().extend(more);
    }
    check_sign(key, sign.as_ref(), secrets.as_deref(), adapter.as_deref(), cx);
    let source = Source {
        name: key.name.clone(),
        at: key.at,
        adapter: adapter.unwrap_or_default(),
        secrets: secrets.iter().flatten().map(|(_, secret)| secret.clone()).collect(),
        token: token(r, cx),
        allow_addresses: cx.values(r, "allow_addresses", NETWORK, units::network).unwrap_or_default(),
        open: cx.flag(r, "open").unwrap_or(false),
        scheme: sign.and_then(|sign| sign.scheme).filter(|scheme| *scheme != Scheme::None),
        tolerance: cx.value(r, "tolerance", "a duration such as `5m`, or `off`", tolerance),
        variants: cx.flag(r, "variants").unwrap_or(true),
        templated: cx.flag(r, "templated").unwrap_or(false),
        redact: cx.texts(r, "redact").unwrap_or_default(),
        kinds: kinds(r, cx),
        default_branch: cx.text(r, "default_branch").map(|(_, branch)| branch),
        map: r.node("map").filter(|node| node.value != Value::Null).cloned(),
        rate: cx.value(r, "rate", RATE, units::rate),
        dedupe: cx.value(r, "dedupe", DURATION, units::some_time),
        max_body: cx.value(r, "max_body", SIZE, units::size),
    };
    check_proof(&source, node, cx);
    reader.finish(cx.problems);
    if key.name == OWN_SOURCE {
        let message = format!("`{OWN_SOURCE}` is the source of the gateway's own events");
        cx.problem(key.at, message, "give yours another name");
    }
    name::check("source", key.at, &key.name, cx).then_some(source)
}

fn adapter(r: &mut Reader<'_>, at: At, cx: &mut Context<'_>) -> Option<String> {
    let missing = r.entries().iter().all(|(key, _)| key.name != "adapter");
    let given = cx.text(r, "adapter");
    let names = adapters(cx);
    if missing {
        let message = format!("`{}` is missing", r.path_of("adapter"));
        cx.problem(at, message, format!("one of {}", names.join(", ")));
    }
    let (at, adapter) = given?;
    if names.contains(&adapter) {
        return Some(adapter);
    }
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = format!("there is no adapter `{}`", cx.expansion.shown(at, &adapter));
    let help = nearest(&adapter, &known);
    cx.problem(
        at,
        message,
        format!("{help}; adapters of your own lie in adapters/NAME.yaml beside the config"),
    );
    None
}

/// The shipped adapters and those beside the config.
fn adapters(cx: &Context<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for name in adapter::shipped_names() {
        names.push(name.to_owned());
    }
    for entry in std::fs::read_dir(cx.dir.join("adapters")).into_iter().flatten().flatten() {
        let file = entry.file_name();
        let own = file.to_str().and_then(|file| file.strip_suffix(".yaml")).filter(|own| name::is_name(own));
        names.extend(own.filter(|own| !names.iter().any(|name| name == own)).map(str::to_owned));
    }
    names.sort();
    names
}

fn token(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<Secret> {
    let (at, token) = cx.text(r, "token")?;
    let plain = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    if !plain {
        let message = format!("`{}` cannot stand in a URL as it is", r.path_of("token"));
        cx.problem(
            at,
            message,
            "letters, digits, `-`, `.`, `_` and `~` make a token; try `openssl rand -hex 24`",
        );
    }
    Some(Secret::new(token))
}

fn tolerance(text: &str) -> Parsed<Option<Duration>> {
    match text {
        "off" | "false" => Ok(None),
        _ => units::some_time(text).map(Some),
    }
}

/// Names by the sender's, or an adapter's, kind.
pub(super) fn kinds(r: &mut Reader<'_>, cx: &mut Context<'_>) -> HashMap<String, String> {
    let Some(section) = r.section("kinds", cx.problems) else { return HashMap::new() };
    let mut kinds = HashMap::new();
    for (key, node) in section.entries() {
        match node.scalar().filter(|kind| !kind.is_empty()) {
            Some(kind) => {
                kinds.insert(key.name.clone(), kind);
            }
            None => cx.wrong(&section.path_of(&key.name), node, "the name of a kind"),
        }
    }
    kinds
}

fn check_sign(
    key: &Key,
    sign: Option<&Sign>,
    secrets: Option<&[(At, Secret)]>,
    adapter: Option<&str>,
    cx: &mut Context<'_>,
) {
    let path = format!("sources.{}", key.name);
    let has_secrets = secrets.is_some_and(|secrets| !secrets.is_empty());
    let scheme = sign.and_then(|sign| sign.scheme.as_ref());
    match scheme {
        Some(Scheme::None) if has_secrets => {
            let message = format!("`{path}` has secrets, but its scheme none uses none");
            cx.problem(key.at, message, "remove `sign:` or the secrets");
        }
        Some(scheme) if *scheme != Scheme::None && secrets.is_none() => {
            let message = format!("`{path}` has a scheme but no secrets");
            cx.problem(key.at, message, "add `secrets:`");
        }
        _ => {}
    }
    let generic = (adapter == Some("generic") && sign.is_none()).then_some(Scheme::StandardWebhooks);
    if let Some(scheme) = scheme.or(generic.as_ref()) {
        sign::check_keys(secrets.unwrap_or_default(), |secret| scheme.secret_problem(secret), cx);
    }
}

/// Whoever sends has to prove it, unless `open: true` is typed out.
fn check_proof(source: &Source, node: &Node, cx: &mut Context<'_>) {
    let tried = ["secrets", "token", "allow_addresses"];
    let given: Vec<&str> = tried.into_iter().filter(|key| node.get(key).is_some_and(is_something)).collect();
    let path = format!("sources.{}", source.name);
    let scheme_given = node.get("sign").is_some_and(|sign| sign.get("secrets").is_some());
    if given.is_empty() && !source.open && !scheme_given {
        // A missing secret of a given scheme is told on its own.
        if source.scheme.is_none() {
            let message = format!("nothing proves who sends to `{path}`");
            cx.problem(source.at, message, "give it `secrets:`, a `token:` or `allow_addresses:`; `open: true` takes anything from anybody");
        }
    } else if let Some(proof) = given.first().filter(|_| source.open) {
        let message = format!("`{path}` is open and has `{proof}`: only one of them can be meant");
        cx.problem(source.at, message, "remove `open: true`, or the proof");
    }
}

fn is_something(node: &Node) -> bool {
    match &node.value {
        Value::Null => false,
        Value::List(items) => !items.is_empty(),
        _ => true,
    }
}
