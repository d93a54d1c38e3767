//! Whether what a route gathers can leave: mistakes between `coalesce`, the script and the
//! destinations.

use super::Route;
use crate::config::{self, Config};
use crate::model::By;
use crate::problem::Problems;

/// Notes what would go wrong with every batch of a route.
pub(super) fn check(config: &Config, route: &config::Route, compiled: &Route, problems: &mut Problems) {
    let Some(coalesce) = route.coalesce else { return };
    if route.script.is_some() && compiled.script.is_none() {
        // What is wrong with the script has been told, and what it would do is not known.
        return;
    }
    let mut wrong = |file: &str, at, message: String, help: &str| {
        problems.add(file, Some(at), message).help(help);
    };
    let path = &route.path;
    let script = compiled.script.as_deref();
    if coalesce.by == By::Key && !script.is_some_and(|script| script.keys_events()) {
        let message = match script {
            None => format!("`{path}` gathers by key, and has no script that says which"),
            Some(script) => format!("`{path}` gathers by key, and {} defines no `batch_key`", script.file),
        };
        wrong(
            &config.file,
            coalesce.at,
            message,
            "add a script with `fn batch_key(event) { event.data.site?.slug }`",
        );
    }
    if script.is_some_and(|script| script.transforms_batches()) {
        return;
    }
    if let Some(script) = script
        && let Some(at) = script.transform_at()
    {
        let message =
            format!("`transform` never runs for the route `{}`, whose events leave together", route.name);
        wrong(
            &script.file,
            at,
            message,
            "write `fn transform_batch(events)`, or give the route a script without `transform`",
        );
        return;
    }
    for (at, name) in &route.to {
        let outlet = compiled.to.iter().find(|outlet| outlet.settings.name == *name);
        let Some(to) = outlet.map(|outlet| &outlet.settings) else { continue };
        if to.body_template.is_none() && !to.format.carries_batches() {
            let message =
                format!("`{path}.to`: the format `{}` of `{name}` cannot carry a batch", to.format.name());
            let help = "choose `event` or `cloudevents`, give the destination a `body_template`, \
                        or the route a script with `fn transform_batch(events)`";
            wrong(&config.file, *at, message, help);
        }
    }
}
