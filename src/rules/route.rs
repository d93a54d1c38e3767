//! Compiles routes: their conditions and scripts. A script that several routes name is
//! compiled once.

use std::collections::HashMap;
use std::sync::Arc;

use super::revision::Revision;
use super::{Outlet, Route};
use crate::config::{self, Config};
use crate::glob::Glob;
use crate::problem::Problems;
use crate::route::Match;
use crate::script::Script;

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
    let routes = config.routes.iter().map(|route| Route {
        name: Arc::from(route.name.as_str()),
        matches: matches(config, route, problems),
        script: route
            .script
            .as_ref()
            .and_then(|(_, file)| script(config, file, &mut scripts, revision, problems)),
        action_data: route.action_data.clone(),
        no_op: route.no_op.as_ref().map(|no_op| no_op.ignore.iter().map(|glob| Glob::new(glob)).collect()),
        guard: guard.clone(),
        to: route.to.iter().filter_map(|(_, name)| outlets.get(name.as_str()).cloned()).collect(),
    });
    let routes: Vec<Route> = routes.collect();
    if !scripts.is_empty() {
        revision.add_scripts(&config.dir.join("scripts"));
    }
    routes
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
