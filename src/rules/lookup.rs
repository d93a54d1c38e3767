//! Compiles lookups, and holds scripts and templates to those that their route makes.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Lookup, Outlet};
use crate::adapter::Path;
use crate::config::{self, Config, Target};
use crate::problem::Problems;
use crate::script::Script;
use crate::template::Questions;
use crate::yaml::{At, near};

/// The lookups by name; those with mistakes are left out.
pub(super) fn compile(config: &Config, problems: &mut Problems) -> HashMap<Arc<str>, Arc<Lookup>> {
    let one = |lookup: &config::Lookup| {
        let compiled = one(&config.file, lookup, problems)?;
        Some((Arc::from(lookup.name.as_str()), Arc::new(compiled)))
    };
    config.lookups.iter().filter_map(one).collect()
}

fn one(file: &str, lookup: &config::Lookup, problems: &mut Problems) -> Option<Lookup> {
    let url = match &lookup.url {
        Target::Template { text, .. } => Some(text),
        Target::Fixed(_) => None,
    };
    let variables = lookup.graphql.as_ref().map_or(&[][..], |graphql| &graphql.variables);
    let questions = Questions::compile(url, variables, problems);
    let mut paths = |key: &str, texts: &[(At, String)]| {
        let what = format!("`lookups.{}.{key}", lookup.name);
        let paths = texts.iter().map(|(at, text)| path(file, *at, text, &what, problems));
        // All of them first, so that every mistake is told.
        paths.collect::<Vec<_>>().into_iter().collect::<Option<Vec<Path>>>()
    };
    let select = paths("select` is", lookup.select.as_slice());
    let redact = paths("redact` holds", &lookup.redact);
    let (select, redact) = (select?.pop(), redact?);
    Some(Lookup { settings: Arc::new(lookup.clone()), questions: questions?, select, redact })
}

fn path(file: &str, at: At, text: &str, what: &str, problems: &mut Problems) -> Option<Path> {
    let why = match Path::parse(text) {
        Ok(path) if text.starts_with('$') => return Some(path),
        Ok(_) => "it must begin with `$`".to_owned(),
        Err(why) => why,
    };
    problems
        .add(file, Some(at), format!("{what} no JSONPath: {why}"))
        .help("write it like `$.results[0]` or `$.data.device` (RFC 9535)");
    None
}

/// Reports what a route's script and its destinations' templates use of lookups that the route does
/// not make.
pub(super) fn check_use(
    route: &config::Route,
    script: Option<&Script>,
    to: &[Arc<Outlet>],
    config: &Config,
    problems: &mut Problems,
) {
    let made = |name: &str| route.lookups.iter().any(|(_, made)| made == name);
    let help = |name: &str| {
        let known: Vec<&str> = config.lookups.iter().map(|lookup| lookup.name.as_str()).collect();
        match (known.contains(&name), near(name, &known)) {
            (false, Some(near)) => format!("did you mean `{near}`?"),
            (false, None) => {
                format!("describe it under `lookups:`, and add it to the route's `lookups: [{name}]`")
            }
            (true, _) => format!("add it to the route: `lookups: [{name}]`"),
        }
    };
    let missing = |name: &str| format!("`lookup.{name}`, which the route `{}` does not look up", route.name);
    for asked in script.iter().flat_map(|script| &script.lookups).filter(|asked| !made(&asked.name)) {
        let message = format!("the script uses {}", missing(&asked.name));
        problems.add(&asked.file, Some(asked.at), message).help(help(&asked.name));
    }
    let own_body = script.is_some_and(Script::transforms);
    let used = to.iter().filter_map(|outlet| outlet.templates.as_ref()).flat_map(|all| &all.lookups);
    for used in used.filter(|used| !(made(&used.name) || own_body && used.body)) {
        let message = format!("`{}` uses {}", used.key, missing(&used.name));
        let help = format!(
            "{}; where routes differ, ask `{{% if lookup.{} is defined %}}`",
            help(&used.name),
            used.name
        );
        problems.add(&used.file, Some(used.at), message).help(help);
    }
}
