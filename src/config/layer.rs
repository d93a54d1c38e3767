//! The keys of a destination as they were given, in a config or in a preset: one may lie over
//! the other before anything is missed or taken for granted.

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};

use super::context::Context;
use super::sign::Sign;
use super::target::Given;
use super::{Breaker, auth, breaker, headers, sign, source, target, tls};
use crate::format::{Format, Kinds};
use crate::rate::Rate;
use crate::secret::{self, Secret};
use crate::template::Text;
use crate::units::{self, DURATION, Parsed, RATE};
use crate::yaml::{Reader, Value};

const METHODS: [&str; 5] = ["POST", "PUT", "PATCH", "DELETE", "GET"];

/// `None`: not given, or wrong.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    pub url: Option<Given>,
    pub url_secret: Option<bool>,
    pub format: Option<Format>,
    pub kinds: Option<Kinds>,
    pub sign: Option<Sign>,
    pub method: Option<Method>,
    pub content_type: Option<String>,
    pub headers: Vec<(HeaderName, Secret)>,
    pub headers_template: Option<Text>,
    /// Of the destination's own headers, those that its preset's template does not overrule.
    pub fixed_headers: Vec<HeaderName>,
    pub body_template: Option<Text>,
    pub secrets: BTreeMap<String, Secret>,
    pub timeout: Option<Duration>,
    pub connect_timeout: Option<Duration>,
    pub retry: Option<Vec<Duration>>,
    pub ordered: Option<bool>,
    /// `on_newer: supersede`.
    pub supersede: Option<bool>,
    pub in_flight: Option<usize>,
    pub rate: Option<Rate>,
    /// `Some(None)`: off, which is also said by a preset or over one.
    pub breaker: Option<Option<Breaker>>,
    /// The same.
    pub pause_after: Option<Option<Duration>>,
    pub auth: Option<auth::Given>,
    pub tls: Option<tls::Given>,
}

impl Layer {
    pub fn read(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Self {
        let headers = headers::read(r, cx);
        let mut layer = Self {
            url: target::read(r, cx),
            url_secret: cx.flag(r, "url_secret"),
            format: format(r, cx),
            kinds: r.node("kinds").is_some().then(|| source::kinds(r, cx)),
            sign: sign::read(r, cx),
            method: cx.value(r, "method", "one of POST, PUT, PATCH, DELETE, GET", method),
            content_type: cx.value(r, "content_type", "a media type such as application/json", media_type),
            auth: auth::read(r, &headers, cx),
            headers,
            headers_template: template(r, "headers_template", cx),
            fixed_headers: Vec::new(),
            body_template: template(r, "body_template", cx),
            secrets: secrets(r, cx),
            timeout: cx.value(r, "timeout", DURATION, units::some_time),
            connect_timeout: cx.value(r, "connect_timeout", DURATION, units::some_time),
            retry: cx.values(r, "retry", DURATION, units::duration),
            ordered: cx.word(r, "ordered", &["object", "none"]).map(|(_, word)| word == "object"),
            supersede: cx.word(r, "on_newer", &["wait", "supersede"]).map(|(_, word)| word == "supersede"),
            in_flight: cx.count(r, "in_flight", 1..=65_536),
            rate: cx.value(r, "rate", RATE, units::rate),
            breaker: breaker::read(r, cx),
            pause_after: breaker::pause_after(r, cx),
            tls: r.section("tls", cx.problems).map(|section| tls::read(section, cx)),
        };
        layer.name_content_type();
        if let (Some(_), Some(template)) = (layer.format, &layer.body_template) {
            let message = format!("`{}` and `format` exclude each other", template.key);
            cx.problem(template.at, message, "a body comes from one of them: remove the other");
        }
        layer
    }

    /// What a request's content type is has one place, whatever says it.
    fn name_content_type(&mut self) {
        let place = self.headers.iter().position(|(name, _)| *name == CONTENT_TYPE);
        if let Some(place) = place {
            let (_, value) = self.headers.remove(place);
            self.content_type.get_or_insert_with(|| value.expose().to_owned());
        }
    }

    /// This layer's keys where it has them, else those of the one below; headers and secrets of
    /// both. A body of one's own replaces that of the layer below, in whatever way each is made,
    /// and what the layer below calls its type.
    pub fn over(self, below: Self) -> Self {
        let own_body = self.format.is_some() || self.body_template.is_some();
        let (format, body_template, content_type) = match own_body {
            true => (self.format, self.body_template, None),
            false => (below.format, below.body_template, below.content_type),
        };
        let mut fixed_headers = Vec::new();
        if self.headers_template.is_none() && below.headers_template.is_some() {
            fixed_headers.extend(self.headers.iter().map(|(name, _)| name.clone()));
            fixed_headers.extend(self.content_type.is_some().then_some(CONTENT_TYPE));
        }
        let mut headers = below.headers;
        headers.retain(|(name, _)| self.headers.iter().all(|(own, _)| own != name));
        // Who one is, too, has one place: whatever says it here replaces what says it below.
        let mut proof = below.auth;
        if self.auth.is_some() {
            headers.retain(|(name, _)| *name != AUTHORIZATION);
        } else if self.headers.iter().any(|(name, _)| *name == AUTHORIZATION) {
            proof = None;
        }
        headers.extend(self.headers);
        let mut secrets = below.secrets;
        secrets.extend(self.secrets);
        Self {
            url: self.url.or(below.url),
            url_secret: self.url_secret.or(below.url_secret),
            format,
            kinds: self.kinds.or(below.kinds),
            sign: sign::over(self.sign, below.sign),
            method: self.method.or(below.method),
            content_type: self.content_type.or(content_type),
            headers,
            headers_template: self.headers_template.or(below.headers_template),
            fixed_headers,
            body_template,
            secrets,
            timeout: self.timeout.or(below.timeout),
            connect_timeout: self.connect_timeout.or(below.connect_timeout),
            retry: self.retry.or(below.retry),
            ordered: self.ordered.or(below.ordered),
            supersede: self.supersede.or(below.supersede),
            in_flight: self.in_flight.or(below.in_flight),
            rate: self.rate.or(below.rate),
            breaker: self.breaker.or(below.breaker),
            pause_after: self.pause_after.or(below.pause_after),
            auth: auth::over(self.auth, proof),
            tls: self.tls.or(below.tls),
        }
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

fn media_type(text: &str) -> Parsed<String> {
    let fits = text.contains('/') && HeaderValue::from_str(text).is_ok();
    if fits { Ok(text.to_owned()) } else { Err(None) }
}

fn template(r: &mut Reader<'_>, key: &'static str, cx: &mut Context<'_>) -> Option<Text> {
    let path = r.path_of(key);
    let (at, text) = cx.text(r, key)?;
    let lines = r.node(key).map(|node| node.lines.clone()).unwrap_or_default();
    Some(Text { file: cx.file.to_owned(), at, lines, key: path, text })
}

/// What templates may use as `secrets.NAME`.
fn secrets(r: &mut Reader<'_>, cx: &mut Context<'_>) -> BTreeMap<String, Secret> {
    let Some(section) = r.section("secrets", cx.problems) else { return BTreeMap::new() };
    let mut secrets = BTreeMap::new();
    for (key, node) in section.entries() {
        let path = section.path_of(&key.name);
        if !secret::is_name(&key.name) {
            cx.problem(key.at, format!("`{path}` is no name"), "letters, digits and `_` make a name");
            continue;
        }
        match node.scalar() {
            // Reported already.
            Some(_) if cx.expansion.is_broken(node.at) => {
                drop(secrets.insert(key.name.clone(), Secret::new("")))
            }
            Some(text) if !text.is_empty() => drop(secrets.insert(key.name.clone(), Secret::new(text))),
            None if node.value != Value::Null => cx.wrong(&path, node, "a text"),
            _ => {
                cx.problem(node.at, format!("`{path}` is empty"), "is the variable that should hold it set?")
            }
        }
    }
    secrets
}
