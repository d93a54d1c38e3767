//! The section `destinations:`: who receives, in which form, how signed and how often tried.

use std::net::IpAddr;
use std::time::Duration;

use http::{Method, Uri};

use super::context::Context;
use super::{Destination, Egress, Tls, headers, name, sign, tls};
use crate::address::{self, Why};
use crate::format::Format;
use crate::schedule::Schedule;
use crate::secret::Secret;
use crate::signature::{Scheme, Signer};
use crate::units::{self, DURATION, Parsed, RATE};
use crate::yaml::{At, Key, Node, Reader};

const METHODS: [&str; 5] = ["POST", "PUT", "PATCH", "DELETE", "GET"];

/// Reads one destination; `None`: without a URL there is nothing to keep.
pub(super) fn read(key: &Key, node: &Node, egress: &Egress, cx: &mut Context<'_>) -> Option<Destination> {
    let mut reader = Reader::new(cx.file, format!("destinations.{}", key.name), node, cx.problems)?;
    let r = &mut reader;
    let url = url(r, egress, cx);
    let format = format(r, cx).unwrap_or_default();
    let kinds = super::source::kinds(r, cx);
    let sign = signer(r, key.at, format, cx);
    let method =
        cx.value(r, "method", "one of POST, PUT, PATCH, DELETE, GET", method).unwrap_or(Method::POST);
    let headers = headers::read(r, cx);
    let timeout = cx.value(r, "timeout", DURATION, units::some_time);
    let connect_timeout = cx.value(r, "connect_timeout", DURATION, units::some_time);
    let retry = cx.values(r, "retry", DURATION, units::duration);
    let ordered = cx.word(r, "ordered", &["object", "none"]).is_none_or(|(_, word)| word == "object");
    on_newer(r, cx);
    let in_flight = cx.count(r, "in_flight", 1..=65_536).unwrap_or(16);
    let rate = cx.value(r, "rate", RATE, units::rate);
    let tls = match r.section("tls", cx.problems) {
        Some(section) => tls::read(section, cx),
        None => Tls::default(),
    };
    cx.unsupported(r, "template");
    reader.finish(cx.problems);
    let named = name::check("destination", key.at, &key.name, cx);
    Some(Destination {
        name: named.then(|| key.name.clone())?,
        at: key.at,
        url: url?,
        format,
        kinds,
        sign,
        method,
        headers,
        timeout: timeout.unwrap_or(Duration::from_secs(20)),
        connect_timeout: connect_timeout.unwrap_or(Duration::from_secs(5)),
        retry: retry.map_or_else(Schedule::default, |waits| Schedule { waits }),
        ordered,
        in_flight,
        rate,
        tls,
    })
}

fn url(r: &mut Reader<'_>, egress: &Egress, cx: &mut Context<'_>) -> Option<Uri> {
    let path = r.path_of("url");
    if r.entries().iter().all(|(key, _)| key.name != "url") {
        r.missing("url", "where shall deliveries go, such as `https://awx.example.com/hook`?", cx.problems);
    }
    let (at, text) = cx.text(r, "url")?;
    // URLs are not quoted in messages: many hold a token in their path.
    match parse(&text) {
        Ok(url) => {
            reachable(&url, at, egress, cx);
            Some(url)
        }
        Err((message, help)) => {
            cx.problem(at, format!("`{path}` {message}"), help);
            None
        }
    }
}

fn parse(text: &str) -> Result<Uri, (&'static str, &'static str)> {
    let wrong = ("must be a URL that begins with http:// or https://", "write it as `https://host/path`");
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Err(wrong);
    }
    if text.contains('#') {
        return Err(("has a fragment, which is never sent", "remove the `#` and what follows it"));
    }
    let uri: Uri = text.parse().map_err(|_| ("is no URL", "percent-encode spaces and other letters"))?;
    let authority = uri.authority().ok_or(wrong)?;
    if authority.as_str().contains('@') {
        return Err(("holds a user name", "send credentials in `headers: { Authorization: … }`"));
    }
    let host = authority.host();
    let port = authority.as_str().strip_prefix(host).unwrap_or_default();
    let port_is_right = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    match (host.is_empty(), port_is_right) {
        (true, _) => Err(("names no host", "write it as `https://host/path`")),
        (_, false) => Err(("has a port that is none", "ports go from 1 to 65535")),
        _ => Ok(uri),
    }
}

/// Addresses typed out can be judged now; names only once they are resolved.
fn reachable(url: &Uri, at: At, egress: &Egress, cx: &mut Context<'_>) {
    let host = url.host().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let named = ["127.0.0.1", "::1"].iter().filter_map(|address| address.parse().ok());
    let judge = |address| address::check(address, &egress.allow, &egress.deny).err();
    let refusals: Vec<Option<Why>> = match literal {
        Some(address) => vec![judge(address)],
        None if host.eq_ignore_ascii_case("localhost") => named.map(judge).collect(),
        None => return,
    };
    // One way that is open suffices.
    if let Some(why) = refusals.into_iter().collect::<Option<Vec<_>>>().and_then(|mut all| all.pop()) {
        let help = match why {
            Why::NotAllowed(_) => "add the address or its network to egress.allow",
            _ => "deliveries cannot go there",
        };
        cx.problem(at, format!("{host} {}", why.text()), help);
    }
}

fn format(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<Format> {
    let names = Format::ALL.map(|(name, _)| name);
    Format::parse(&cx.word(r, "format", &names)?.1)
}

fn method(text: &str) -> Parsed<Method> {
    let upper = text.to_ascii_uppercase();
    if !METHODS.contains(&upper.as_str()) {
        return Err(None);
    }
    upper.parse().map_err(|_| None)
}

fn on_newer(r: &mut Reader<'_>, cx: &mut Context<'_>) {
    let path = r.path_of("on_newer");
    match cx.word(r, "on_newer", &["wait", "supersede"]) {
        Some((at, word)) if word == "supersede" => {
            cx.problem(at, format!("`{path}: supersede` is not supported by this version"), "write `wait`");
        }
        _ => {}
    }
}

fn signer(r: &mut Reader<'_>, at: At, format: Format, cx: &mut Context<'_>) -> Signer {
    let path = r.path_of("sign");
    let sign = sign::read(r, cx);
    let (scheme, wrong, secrets) = match sign {
        Some(sign) => (sign.scheme, sign.wrong, sign.secrets),
        None => (None, false, None),
    };
    let scheme = scheme.unwrap_or_else(|| format.usual_scheme());
    let list: &[(At, Secret)] = secrets.as_deref().unwrap_or_default();
    let nothing_said = secrets.as_ref().is_none_or(Vec::is_empty);
    if !wrong && scheme != Scheme::None && nothing_said && !reported_empty(r) {
        let message = format!("`{path}` has no secrets to sign with");
        cx.problem(
            at,
            message,
            "add `sign: { secrets: [\"${…}\"] }`, or send unsigned with `sign: { scheme: none }`",
        );
    }
    if scheme == Scheme::None && !list.is_empty() {
        cx.problem(
            at,
            format!("`{path}` has secrets, but its scheme none uses none"),
            "remove one of the two",
        );
    }
    if !wrong {
        sign::check_keys(&scheme, list, cx);
    }
    Signer { scheme, secrets: list.iter().map(|(_, secret)| secret.clone()).collect() }
}

/// Whether there are secrets that were all empty, which has been reported.
fn reported_empty(r: &Reader<'_>) -> bool {
    let sign = r.entries().iter().find(|(key, _)| key.name == "sign");
    let secrets = sign.and_then(|(_, sign)| sign.get("secrets"));
    secrets.is_some_and(|node| match &node.value {
        crate::yaml::Value::List(items) => !items.is_empty(),
        value => *value != crate::yaml::Value::Null,
    })
}
