//! Everything compiled from files as one immutable value, swapped whole on reload.
//!
//! Compiling reports the mistakes of all files together. Nothing here is asked per event.

mod batch;
mod expiry;
mod lookup;
mod outlet;
mod revision;
mod route;
mod source;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use crate::adapter::{Adapter, Path, Settings};
use crate::config::{self, Config};
use crate::gate::Gate;
use crate::glob::Glob;
use crate::model::OWN_SOURCE;
use crate::problem::{Problem, Problems};
use crate::route::{Match, Roster};
use crate::script::Script;
use crate::template::{Questions, Templates};

use revision::Revision;

/// The compiled rules.
#[derive(Debug)]
pub struct Rules {
    /// A short hash over all the files the rules were made of.
    pub revision: String,
    pub config: Config,
    pub sources: HashMap<Arc<str>, Arc<Source>>,
    /// Of the gateway's own events; nobody can send to it.
    pub own: Arc<Source>,
    pub destinations: HashMap<Arc<str>, Arc<config::Destination>>,
    pub lookups: HashMap<Arc<str>, Arc<Lookup>>,
    /// In the order of the config.
    pub routes: Vec<Route>,
    /// The conditions of all of them.
    pub roster: Roster,
}

/// One configured sender, compiled.
#[derive(Debug)]
pub struct Source {
    pub name: Arc<str>,
    pub adapter: Arc<Adapter>,
    pub settings: Settings,
    pub gate: Gate,
    pub rate: Option<config::Rate>,
    pub max_body: usize,
}

/// One route, compiled.
#[derive(Debug)]
pub struct Route {
    pub name: Arc<str>,
    pub matches: Match,
    /// It asks for the gateway's own events by name; no other route gets them, lest what a
    /// receiver's trouble tells be sent to that receiver.
    pub takes_own: bool,
    pub script: Option<Arc<Script>>,
    /// Put under the event's `data`, whose own keys win.
    pub action_data: Option<crate::model::Map>,
    /// Its events wait for others and leave together with them.
    pub coalesce: Option<config::Coalesce>,
    /// What is looked up before the script runs, by name.
    pub lookups: Vec<Arc<str>>,
    /// The fields whose changes do not count; `None`: updates go on, whatever they changed.
    pub no_op: Option<Vec<Glob>>,
    /// How circles are broken, which is the same for all routes.
    pub guard: Arc<config::LoopGuard>,
    pub to: Vec<Arc<Outlet>>,
}

/// A named question to another system, compiled.
#[derive(Debug)]
pub struct Lookup {
    pub settings: Arc<config::Lookup>,
    pub questions: Questions,
    /// What of an answer is meant; `None`: all of it.
    pub(crate) select: Option<Path>,
    /// What the record must not hold of the value.
    pub(crate) redact: Vec<Path>,
}

/// A destination as routes see it.
#[derive(Debug)]
pub struct Outlet {
    pub settings: Arc<config::Destination>,
    pub templates: Option<Templates>,
}

/// The rules in force, and word of every swap.
pub type Watch = tokio::sync::watch::Receiver<Arc<Rules>>;

impl Rules {
    /// Loads and compiles a config file with everything it names. `file` is how the operator
    /// named it; variables come from the environment.
    ///
    /// # Errors
    ///
    /// Every mistake in any of the files, in the order of files and lines.
    pub fn load(file: &str) -> Result<Self, Vec<Problem>> {
        Self::load_with(file, &|name| std::env::var(name).ok())
    }

    /// The same with variables from elsewhere.
    pub fn load_with(file: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<Problem>> {
        match std::fs::read(file).map(String::from_utf8) {
            Ok(Ok(text)) => Self::from_text(file, &text, env),
            Ok(Err(_)) => Err(unreadable(file, "it is not UTF-8", "save it as UTF-8")),
            Err(error) => Err(unreadable(file, &error.to_string(), "name the config with --config FILE")),
        }
    }

    /// Compiles the text of a config. `file` need not exist: it stands in messages, and relative
    /// paths count from its folder.
    pub fn from_text(
        file: &str,
        text: &str,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<Problem>> {
        let mut found = Problems::default();
        let (config, expansion) = config::read(file, text, env, &mut found);
        let mut problems = Problems::default();
        expansion.scrub(found, &mut problems);
        let mut found = Problems::default();
        let rules = config.and_then(|config| compile(config, text, &mut found));
        expansion.scrub_strictly(found, &mut problems);
        match rules {
            Some(rules) if problems.is_empty() => Ok(rules),
            _ => Err(problems.into_sorted()),
        }
    }
}

impl Rules {
    /// A source by its name, the gateway's own included.
    pub fn source(&self, name: &str) -> Option<&Arc<Source>> {
        if name == OWN_SOURCE { Some(&self.own) } else { self.sources.get(name) }
    }
}

fn unreadable(file: &str, cause: &str, help: &str) -> Vec<Problem> {
    let mut problems = Problems::default();
    problems.add(file, None, format!("could not read the config: {cause}")).help(help);
    problems.into_sorted()
}

fn compile(config: Config, text: &str, problems: &mut Problems) -> Option<Rules> {
    let mut revision = Revision::default();
    revision.add(&config.file, text.as_bytes());
    config.presets.iter().for_each(|preset| revision.add(&preset.label, preset.text.as_bytes()));
    let sources = source::compile(&config, &mut revision, problems);
    let own = source::own(&config, problems);
    let destinations: HashMap<Arc<str>, Arc<config::Destination>> = config
        .destinations
        .iter()
        .map(|destination| (Arc::from(destination.name.as_str()), Arc::new(destination.clone())))
        .collect();
    let lookups = lookup::compile(&config, problems);
    let outlets = outlet::compile(&config, &destinations, problems);
    let routes = route::compile(&config, &outlets, &mut revision, problems);
    let roster = Roster::new(routes.iter().map(|route| (&*route.name, &route.matches)));
    let revision = revision.finish();
    Some(Rules { revision, config, sources, own: own?, destinations, lookups, routes, roster })
}
