//! An adapter turns a system's native webhook into events, as its YAML file says.
//!
//! Pure: a receipt and a document in, events out. Which bytes were signed is `signature`'s
//! matter; which routes want the event is `route`'s. The language of the files is told in
//! `docs/adapters.md`.

mod changes;
mod diff;
mod echo;
mod expr;
mod expr_file;
mod facts;
mod file;
mod guard;
mod instant;
mod path;
mod redact;
mod repeat;
mod shipped;
mod trial;
mod verify;

#[cfg(test)]
mod any_json_tests;
#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod echo_tests;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::expr::{Expr, NamedKeys, Scope};
use self::expr_file::Context;
use self::facts::{Case, Draft, Facts};
use self::guard::Guard;
use self::redact::{Mirrors, Redaction};
use self::repeat::Rule;
use self::trial::Trial;
use crate::json::{self, JsonError, NonFinite};
use crate::model::{Dedupe, Event, EventId, Failure, Json, Masked, Receipt, Request, Stage};
use crate::problem::Problems;
use crate::signature::{Scheme, Variant};
use crate::yaml;

pub use self::shipped::{shipped, shipped_names};
pub use self::trial::TestResult;

pub(crate) use self::path::Path;
pub(crate) use self::redact::cover;

/// One compiled adapter file.
#[derive(Debug)]
pub struct Adapter {
    /// The file's name without its ending; what `adapter:` in the config says.
    pub name: String,
    /// `netbox`, `infrahub`, …: the first part of event types.
    pub system: String,
    /// How the system signs; `None`: it cannot.
    pub scheme: Option<Scheme>,
    pub variants: Vec<Variant>,
    /// The default tolerance for signed timestamps.
    pub tolerance: Option<Duration>,
    pub non_finite: NonFinite,
    file: String,
    named: NamedKeys,
    let_names: Vec<String>,
    lets: Vec<(String, Expr)>,
    mirrors: Mirrors,
    redact: Vec<Redaction>,
    dedupe: Vec<Rule>,
    cases: Vec<Case>,
    /// The facts of a templated body.
    custom: Facts,
    trials: Vec<Trial>,
}

/// What one source of the config says about its adapter. Compiled by [`Adapter::settings`].
#[derive(Debug, Default)]
pub struct Settings {
    pub source: String,
    pub kinds: HashMap<String, String>,
    pub default_branch: Option<String>,
    pub templated: bool,
    /// The window for repetitions.
    pub window: Duration,
    /// Whether the source gave that window itself.
    own_window: bool,
    redact: Vec<Redaction>,
    /// The source's `map:` over each of the adapter's cases; empty without a `map:`.
    cases: Vec<Facts>,
    /// The source's `map:` over the facts of a templated body.
    custom: Option<Facts>,
}

/// The plain values of a source's section that concern its adapter.
#[derive(Debug, Default)]
pub struct Basics {
    pub source: String,
    pub kinds: HashMap<String, String>,
    pub default_branch: Option<String>,
    pub templated: bool,
    /// The config's window for repetitions.
    pub window: Duration,
    /// The source's own; for templated bodies it also switches their dedupe on.
    pub own_window: Option<Duration>,
}

/// The parts of a source's section that belong to its adapter, as the config read them.
#[derive(Debug, Default)]
pub struct Overrides<'a> {
    /// The config's file, for problems.
    pub file: &'a str,
    /// JSONPaths to redact, with their places in the config.
    pub redact: Vec<(yaml::At, String)>,
    /// The `map:` mapping of the source, if any.
    pub map: Option<&'a yaml::Node>,
}

/// A body, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub document: Json,
    /// What is stored and processed: the body as received, redacted, non-finite numbers as `null`.
    pub body: Bytes,
    pub notes: Vec<String>,
    pub masked: Vec<Masked>,
}

impl Adapter {
    /// Compiles an adapter file; every mistake goes to `problems`. `file` is its label there;
    /// the adapter's name is the label without folder and ending.
    pub fn compile(file: &str, text: &str, problems: &mut Problems) -> Option<Self> {
        file::compile(file, text, problems)
    }

    /// Compiles what a source says about this adapter; mistakes go to `problems`.
    pub fn settings(&self, basics: Basics, overrides: Overrides<'_>, problems: &mut Problems) -> Settings {
        let (lets, named) = (self.let_names.clone(), self.named.clone());
        let mut context = Context { file: overrides.file, lets, named, problems };
        let paths: Vec<_> =
            overrides.redact.iter().filter_map(|(at, text)| context.path(*at, text)).collect();
        let redact = paths
            .into_iter()
            .map(|path| Redaction { when: Guard::default(), paths: self.mirrors.of(path) })
            .collect();
        let path = format!("sources.{}.map", basics.source);
        let map = overrides.map.and_then(|node| Facts::compile(&mut context, &path, node));
        Settings {
            redact,
            cases: map
                .iter()
                .flat_map(|map| self.cases.iter().map(|case| map.clone().over(&case.facts)))
                .collect(),
            custom: map.map(|map| map.over(&self.custom)),
            window: basics.own_window.unwrap_or(basics.window),
            own_window: basics.own_window.is_some(),
            source: basics.source,
            kinds: basics.kinds,
            default_branch: basics.default_branch,
            templated: basics.templated,
        }
    }

    /// Reads a verified body: parsed and redacted. A templated body that is no JSON becomes a
    /// text. Where the source redacts, one that was meant as JSON and is broken becomes a mask:
    /// paths find nothing in it, and what they were to hide must not be stored. Reading
    /// [`Reading::body`] again gives the same document.
    pub fn read(&self, settings: &Settings, body: &[u8]) -> Result<Reading, JsonError> {
        let parsed = match json::parse(body, self.non_finite) {
            Ok(parsed) => parsed,
            Err(error) if settings.templated => {
                let meant_as_json = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
                let hide = meant_as_json && !settings.redact.is_empty();
                return Ok(if hide { Reading::hidden(&error) } else { Reading::text(body) });
            }
            Err(error) => return Err(error),
        };
        let notes = replaced(parsed.replaced).into_iter().collect();
        let mut reading = Reading {
            document: parsed.value,
            body: Bytes::copy_from_slice(&parsed.text),
            notes,
            masked: Vec::new(),
        };
        self.redact(settings, &mut reading);
        Ok(reading)
    }

    fn redact(&self, settings: &Settings, reading: &mut Reading) {
        let request = Request::default();
        let scope = self.scope(&settings.kinds, &request, &reading.document);
        let redactions = self.redact.iter().chain(&settings.redact);
        let redactions = redactions.filter(|redaction| redaction.when.holds(&scope));
        let found = self.mirrors.find(&reading.document, redactions, &self.named);
        if found.is_empty() {
            return;
        }
        let real = self.drafts(settings, &request, &reading.document).unwrap_or_default();
        redact::mask(&mut reading.document, &found);
        let seen = self.drafts(settings, &request, &reading.document).unwrap_or_default();
        for (index, draft) in real.iter().enumerate() {
            let seen = seen.get(index).map_or(&[][..], |draft| draft.changes.as_slice());
            reading.masked.extend(redact::hidden(index, &draft.changes, seen));
        }
        reading.body = Bytes::from(reading.document.to_string());
    }

    /// By what a repetition of this request would be recognised, and for how long. `received` is the body
    /// before redaction.
    pub fn dedupe(
        &self,
        settings: &Settings,
        request: &Request,
        document: &Json,
        received: &[u8],
    ) -> Option<Dedupe> {
        if settings.templated {
            let by_body = || Dedupe { key: repeat::by_body(received), window: settings.window };
            return settings.own_window.then(by_body);
        }
        let scope = self.scope(&settings.kinds, request, document);
        self.dedupe.iter().find_map(|rule| {
            let key = rule.key(&scope, received)?;
            let own = rule.window.filter(|_| !settings.own_window);
            Some(Dedupe { key, window: own.unwrap_or(settings.window) })
        })
    }

    /// The events in a receipt. `document` is what [`Adapter::read`] made of `receipt.body`.
    pub fn normalise(
        &self,
        settings: &Settings,
        receipt: &Receipt,
        document: Json,
    ) -> Result<Vec<Event>, Failure> {
        let mut drafts = self.drafts(settings, &receipt.request, &document)?;
        let mut hidden: HashMap<usize, Vec<&Masked>> = HashMap::new();
        for masked in &receipt.masked {
            hidden.entry(masked.event).or_default().push(masked);
        }
        for (index, hidden) in hidden {
            if let Some(draft) = drafts.get_mut(index) {
                redact::show(&mut draft.changes, &hidden, &draft.action);
            }
        }
        let native = Arc::new(document);
        let event = |(index, draft)| self.event(receipt, index, draft, Arc::clone(&native));
        Ok(drafts.into_iter().enumerate().map(event).collect())
    }

    /// Runs the tests at the end of the file.
    pub fn run_tests(&self) -> Vec<TestResult> {
        self.trials.iter().map(|trial| trial.run(self)).collect()
    }

    fn scope<'d>(
        &'d self,
        kinds: &'d HashMap<String, String>,
        request: &'d Request,
        document: &'d Json,
    ) -> Scope<'d> {
        Scope { root: document, item: document, key: None, parent: None, request, kinds, lets: &self.lets }
    }

    fn drafts(&self, settings: &Settings, request: &Request, document: &Json) -> Result<Vec<Draft>, Failure> {
        let scope = self.scope(&settings.kinds, request, document);
        if settings.templated {
            return Ok(vec![settings.custom.as_ref().unwrap_or(&self.custom).draft(&scope)?]);
        }
        let mut refused = None;
        for (index, case) in self.cases.iter().enumerate() {
            match case.when.refusal(&scope) {
                None => return case.drafts(settings.cases.get(index).unwrap_or(&case.facts), &scope),
                Some(place) => refused = refused.or_else(|| place.place(&self.lets)),
            }
        }
        Err(Failure {
            stage: Stage::Map,
            message: format!(
                "could not map the body: it is no webhook that the adapter `{}` knows",
                self.name
            ),
            place: refused.map(str::to_owned),
        })
    }

    fn event(&self, receipt: &Receipt, index: usize, draft: Draft, native: Arc<Json>) -> Event {
        Event {
            id: EventId::of(receipt.id, index),
            r#type: draft.r#type,
            action: draft.action,
            source: receipt.source.to_string(),
            system: self.system.clone(),
            object: draft.object,
            branch: draft.branch,
            actor: draft.actor,
            occurred_at: draft.occurred_at,
            received_at: receipt.received_at,
            correlation_id: draft.correlation_id,
            changes: draft.changes,
            before: draft.before.part(&native),
            after: draft.after.part(&native),
            data: draft.data.part(&native),
            native,
        }
    }
}

impl Reading {
    fn text(body: &[u8]) -> Self {
        let document = Json::String(String::from_utf8_lossy(body).into_owned().into());
        Self { document, body: Bytes::copy_from_slice(body), notes: Vec::new(), masked: Vec::new() }
    }

    fn hidden(error: &JsonError) -> Self {
        let note =
            format!("the body is broken JSON, in which nothing can be redacted, so it was not kept: {error}");
        Self { notes: vec![note], ..Self::text(redact::MASK.as_bytes()) }
    }
}

fn replaced(count: usize) -> Option<String> {
    match count {
        0 => None,
        1 => Some("1 number that is no JSON (NaN, Infinity) was read as null".to_owned()),
        _ => Some(format!("{count} numbers that are no JSON (NaN, Infinity) were read as null")),
    }
}
