//! The section `destinations:`: who receives, in which form, how signed and how often tried.

use std::path::Path;
use std::time::Duration;

use http::Method;

use super::context::Context;
use super::expand::Expansion;
use super::layer::Layer;
use super::preset::Presets;
use super::{Breaker, Destination, Egress, name, proxy, sign, target};
use crate::format::Format;
use crate::schedule::Schedule;
use crate::secret::Secret;
use crate::signature::{Scheme, Signer};
use crate::yaml::{At, Key, Node, Reader, Value};

/// How long a destination may fail before it is paused.
const PAUSE_AFTER: Duration = Duration::from_secs(5 * 24 * 3600);

/// Reads one destination; `None`: without a URL there is nothing to keep.
pub(super) fn read(
    key: &Key,
    node: &Node,
    egress: &Egress,
    presets: &mut Presets,
    cx: &mut Context<'_>,
) -> Option<Destination> {
    let mut reader = Reader::new(cx.file, format!("destinations.{}", key.name), node, cx.problems)?;
    let r = &mut reader;
    let preset = presets.of(r, cx);
    let own = Layer::read(r, cx);
    let proxy = proxy::read(r, egress.proxy.as_ref(), cx);
    let has_url = node.get("url").is_some_and(|node| node.value != Value::Null);
    // Of a preset that is wrong or not known, it is not known whether it has a URL.
    let may_have_url = preset.as_ref().map_or(true, |preset| preset.layer.url.is_some());
    if !has_url && !may_have_url {
        r.missing("url", "where shall deliveries go, such as `https://awx.example.com/hook`?", cx.problems);
    }
    let reported_empty = sign::reported_empty(r);
    let path = r.path_of("sign");
    let auth_path = r.path_of("auth");
    let auth_at = node.get("auth").map_or(key.at, |node| node.at);
    reader.finish(cx.problems);
    let unread = preset.is_err();
    let preset = preset.unwrap_or_default();
    let mut layer = own.over(preset.layer.clone());
    preset.check(&format!("destinations.{}", key.name), node, &mut layer, cx);
    let format = layer.format.unwrap_or_default();
    let reported = reported_empty || unread;
    let (ordered, supersede) = order(&format!("destinations.{}", key.name), key, node, &layer, cx);
    let sign = signer(&path, key.at, layer.sign, format, reported, cx);
    let named = name::check("destination", key.at, &key.name, cx);
    let target = layer.url.as_ref().map(|url| &url.target);
    let auth = layer
        .auth
        .and_then(|auth| auth.complete((&auth_path, auth_at), target, proxy.as_deref(), egress, cx));
    let url = layer.url?;
    target::reachable(&url, egress, cx);
    let tls = layer.tls.unwrap_or_default();
    tls.check(&url.target, auth.as_ref(), cx);
    Some(Destination {
        name: named.then(|| key.name.clone())?,
        at: key.at,
        url: url.target,
        url_secret: layer.url_secret.unwrap_or(false),
        format,
        kinds: layer.kinds.unwrap_or_default(),
        sign,
        method: layer.method.unwrap_or(Method::POST),
        content_type: layer.content_type,
        headers: layer.headers,
        headers_template: layer.headers_template,
        fixed_headers: layer.fixed_headers,
        body_template: layer.body_template,
        secrets: layer.secrets,
        timeout: layer.timeout.unwrap_or(Duration::from_secs(20)),
        connect_timeout: layer.connect_timeout.unwrap_or(Duration::from_secs(5)),
        retry: layer.retry.map_or_else(Schedule::default, |waits| Schedule { waits }),
        ordered,
        supersede,
        in_flight: layer.in_flight.unwrap_or(16),
        rate: layer.rate,
        breaker: layer.breaker.unwrap_or_else(|| Some(Breaker::default())),
        pause_after: layer.pause_after.unwrap_or(Some(PAUSE_AFTER)),
        auth,
        proxy,
        tls: tls.tls,
    })
}

/// Reads the keys that a preset gives destinations. Nothing in them comes from the environment.
pub(super) fn preset(file: &str, dir: &Path, node: &Node, problems: &mut crate::problem::Problems) -> Layer {
    let expansion = Expansion::default();
    let mut cx = Context { file, dir, expansion: &expansion, problems };
    let Some(mut reader) = Reader::new(file, "destination", node, cx.problems) else {
        return Layer::default();
    };
    let layer = Layer::read(&mut reader, &mut cx);
    reader.finish(cx.problems);
    layer
}

/// Whether deliveries keep to lanes, and whether a newer one replaces one that waits in its lane.
fn order(path: &str, key: &Key, node: &Node, layer: &Layer, cx: &mut Context<'_>) -> (bool, bool) {
    let ordered = layer.ordered.unwrap_or(true);
    let supersede = layer.supersede.unwrap_or(false);
    if supersede && !ordered {
        let at = ["on_newer", "ordered"].iter().find_map(|key| node.get(key)).map_or(key.at, |node| node.at);
        let message = format!("`{path}.on_newer: supersede` does nothing with `ordered: none`");
        let help = "only what waits in order can be replaced: write `ordered: object`, or `on_newer: wait`";
        cx.problem(at, message, help);
    }
    (ordered, supersede)
}

fn signer(
    path: &str,
    at: At,
    sign: Option<sign::Sign>,
    format: Format,
    reported_empty: bool,
    cx: &mut Context<'_>,
) -> Signer {
    let sign = sign.unwrap_or_default();
    let list: &[(At, Secret)] = sign.secrets.as_deref().unwrap_or_default();
    let named = sign.named;
    let mut scheme = sign.scheme.unwrap_or_else(|| format.usual_scheme());
    if list.is_empty() && sign.required == Some(false) && !reported_empty {
        scheme = Scheme::None;
    }
    if !sign.wrong && scheme != Scheme::None && list.is_empty() && !reported_empty {
        let message = format!("`{path}` has no secrets to sign with");
        cx.problem(
            at,
            message,
            "add `sign: { secrets: [\"${…}\"] }`, or send unsigned with `sign: { scheme: none }`",
        );
    }
    if scheme == Scheme::None && !list.is_empty() {
        let (why, help) = match named {
            true => ("its scheme none uses none", "remove one of the two"),
            false => (
                "its format or preset sends unsigned",
                "name a scheme, such as `sign: { scheme: standard-webhooks, secrets: […] }`",
            ),
        };
        cx.problem(at, format!("`{path}` has secrets, but {why}"), help);
    }
    check_ends(path, &scheme, list, cx);
    if !sign.wrong {
        sign::check_keys(list, |secret| scheme.signing_problem(secret), cx);
    }
    Signer { scheme, secrets: list.iter().map(|(_, secret)| secret.clone()).collect() }
}

/// A destination whose last secret ends would send nothing any more from then on.
fn check_ends(path: &str, scheme: &Scheme, list: &[(At, Secret)], cx: &mut Context<'_>) {
    let ends: Option<Vec<_>> = list.iter().map(|(at, secret)| Some((secret.ends_at()?, *at))).collect();
    let last = ends.and_then(|ends| ends.into_iter().max());
    if let Some((until, at)) = last.filter(|_| *scheme != Scheme::None) {
        let message = format!("`{path}` has no secret to sign with from {until} on");
        cx.problem(at, message, "add the secret that comes after it, in front, or remove `until`");
    }
}
