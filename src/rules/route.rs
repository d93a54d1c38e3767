//! Compiles routes: their conditions and scripts. A script that several routes name is
//! compiled once.

use std::collections::HashMap;
use std::sync::Arc;

use super::revision::Revision;
use super::{Outlet, Route, batch, lookup};
use crate::config::{self, Config};
use crate::glob::Glob;
use crate::model::{Json, OWN_SOURCE, own_type};
use crate::problem::Problems;
use crate::route::Match;
use crate::script::Script;
use crate::yaml::Node;

type Scripts = HashMap<String, Option<Arc<Script>>>;

/// Compiles the routes in the order of the config.
pub(super) fn compile(
    config: &Config,
    outlets: &HashMap<Arc<str>, Arc<Outlet>>,
    revision: &mut Revision,
    problems: &mut Problems,
) -> Vec<Route> {
    let mut scripts = Scripts::new();
    let guard = Arc::new(config.loop_guard.clone());
    let mut routes = Vec::with_capacity(config.routes.len());
    for route in &config.routes {
        let named = route.script.as_ref();
        let compiled = Route {
            name: Arc::from(route.name.as_str()),
            matches: matches(config, route, problems),
            takes_own: takes_own(route),
            script: named.and_then(|(_, file)| script(config, file, &mut scripts, revision, problems)),
            action_data: route.action_data.clone(),
            coalesce: route.coalesce,
            lookups: route.lookups.iter().map(|(_, name)| Arc::from(name.as_str())).collect(),
            no_op: route
                .no_op
                .as_ref()
                .map(|no_op| no_op.ignore.iter().map(|glob| Glob::new(glob)).collect()),
            guard: guard.clone(),
            to: route.to.iter().filter_map(|(_, name)| outlets.get(name.as_str()).cloned()).collect(),
        };
        batch::check(config, route, &compiled, problems);
        lookup::check_use(route, compiled.script.as_deref(), &compiled.to, config, problems);
        routes.push(compiled);
    }
    if !scripts.is_empty() {
        revision.add_scripts(&config.dir.join("scripts"));
    }
    routes
}

/// Whether it names the gateway's own events, by their source or by their type.
fn takes_own(route: &config::Route) -> bool {
    let named = route.from.iter().any(|(_, name)| name == OWN_SOURCE);
    let types = route.when.as_ref().and_then(|when| when.get("type")).map(Node::to_json);
    let of_own = |kind: &Json| kind.as_str().is_some_and(|kind| kind.starts_with(own_type::PREFIX));
    named
        || match &types {
            Some(Json::Array(types)) => types.iter().any(of_own),
            Some(one) => of_own(one),
            None => false,
        }
}

fn matches(config: &Config, route: &config::Route, problems: &mut Problems) -> Match {
    let matches = Match::compile(&config.file, &route.path, &route.from, route.when.as_ref(), problems);
    if route.active { matches } else { matches.switched_off() }
}

fn script(
    config: &Config,
    file: &str,
    scripts: &mut Scripts,
    revision: &mut Revision,
    problems: &mut Problems,
) -> Option<Arc<Script>> {
    if let Some(known) = scripts.get(file) {
        return known.clone();
    }
    let path = config.dir.join(file);
    if let Ok(content) = std::fs::read(&path) {
        revision.add(&path.to_string_lossy(), &content);
    }
    let script = Script::compile(&config.dir, file, &config.scripts, problems).map(Arc::new);
    scripts.insert(file.to_owned(), script.clone());
    script
}
