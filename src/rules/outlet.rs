//! Compiles destinations' templates.

use std::collections::HashMap;
use std::sync::Arc;

use super::Outlet;
use crate::config::{Config, Destination, Target};
use crate::problem::Problems;
use crate::template::{Templates, Texts};

/// The outlets by their destinations' names.
pub(super) fn compile(
    config: &Config,
    destinations: &HashMap<Arc<str>, Arc<Destination>>,
    problems: &mut Problems,
) -> HashMap<Arc<str>, Arc<Outlet>> {
    let lookups: Vec<&str> = config.lookups.iter().map(|lookup| lookup.name.as_str()).collect();
    let outlet = |destination: &Arc<Destination>, problems: &mut Problems| Outlet {
        settings: destination.clone(),
        templates: templates(destination, &lookups, problems),
    };
    destinations.iter().map(|(name, to)| (name.clone(), Arc::new(outlet(to, problems)))).collect()
}

fn templates(destination: &Destination, lookups: &[&str], problems: &mut Problems) -> Option<Templates> {
    let secrets: Vec<&str> = destination.secrets.keys().map(String::as_str).collect();
    let url = match &destination.url {
        Target::Template { text, .. } => Some(text),
        Target::Fixed(_) => None,
    };
    let texts = Texts {
        url,
        headers: destination.headers_template.as_ref(),
        body: destination.body_template.as_ref(),
        secrets: &secrets,
        lookups,
    };
    Templates::compile(texts, problems)
}
