//! Compiles sources: their adapters, and what a request to them must prove.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Source;
use super::revision::Revision;
use crate::adapter::{self, Adapter, Settings};
use crate::config::{self, Config};
use crate::gate::Gate;
use crate::model::OWN_SOURCE;
use crate::problem::Problems;
use crate::signature::{Scheme, Verifier, WrongKey};

/// Compiles every source; those with mistakes are left out.
pub(super) fn compile(
    config: &Config,
    revision: &mut Revision,
    problems: &mut Problems,
) -> HashMap<Arc<str>, Arc<Source>> {
    let mut adapters = HashMap::new();
    let mut sources = HashMap::new();
    for source in &config.sources {
        let adapter = adapters
            .entry(source.adapter.as_str())
            .or_insert_with(|| adapter(&config.dir, &source.adapter, revision, problems).map(Arc::new));
        if let Some(adapter) = adapter {
            let source = one(config, source, adapter, problems);
            sources.insert(source.name.clone(), Arc::new(source));
        }
    }
    sources
}

/// An adapter by name: the operator's own goes before the shipped one of that name. The config
/// has reported names that are neither.
fn adapter(dir: &Path, name: &str, revision: &mut Revision, problems: &mut Problems) -> Option<Adapter> {
    let own = dir.join("adapters").join(format!("{name}.yaml"));
    let label = own.strip_prefix(".").unwrap_or(&own).to_string_lossy().into_owned();
    if name.is_empty() || !own.is_file() {
        let (label, text) = adapter::shipped(name)?;
        revision.add(label, text.as_bytes());
        return Adapter::compile(label, text, problems);
    }
    match std::fs::read_to_string(&own) {
        Ok(text) => {
            revision.add(&label, text.as_bytes());
            Adapter::compile(&label, &text, problems)
        }
        Err(error) => {
            problems.add(&label, None, format!("could not read the adapter: {error}"));
            None
        }
    }
}

/// The source of the gateway's own events.
pub(super) fn own(config: &Config, problems: &mut Problems) -> Option<Arc<Source>> {
    let (label, text) = adapter::shipped(OWN_SOURCE)?;
    let adapter = Arc::new(Adapter::compile(label, text, problems)?);
    let basics = adapter::Basics {
        source: OWN_SOURCE.to_owned(),
        kinds: HashMap::new(),
        default_branch: None,
        templated: false,
        window: config.dedupe,
        own_window: None,
    };
    let overrides = adapter::Overrides { file: label, redact: Vec::new(), map: None };
    Some(Arc::new(Source {
        name: Arc::from(OWN_SOURCE),
        settings: adapter.settings(basics, overrides, problems),
        adapter,
        gate: Gate { signature: None, token: None, addresses: Vec::new(), open: false },
        rate: None,
        max_body: config.ingress.max_body,
    }))
}

fn one(config: &Config, source: &config::Source, adapter: &Arc<Adapter>, problems: &mut Problems) -> Source {
    Source {
        name: Arc::from(source.name.as_str()),
        adapter: adapter.clone(),
        settings: settings(config, source, adapter, problems),
        gate: Gate {
            signature: verifier(config, source, adapter, problems),
            token: source.token.clone(),
            addresses: source.allow_addresses.clone(),
            open: source.open,
        },
        rate: source.rate,
        max_body: source.max_body.unwrap_or(config.ingress.max_body),
    }
}

/// The one place that knows how an adapter takes what the source says about it.
fn settings(
    config: &Config,
    source: &config::Source,
    adapter: &Adapter,
    problems: &mut Problems,
) -> Settings {
    let basics = adapter::Basics {
        source: source.name.clone(),
        kinds: source.kinds.clone(),
        default_branch: source.default_branch.clone(),
        templated: source.templated,
        window: config.dedupe,
        own_window: source.dedupe,
    };
    let overrides =
        adapter::Overrides { file: &config.file, redact: source.redact.clone(), map: source.map.as_ref() };
    adapter.settings(basics, overrides, problems)
}

fn verifier(
    config: &Config,
    source: &config::Source,
    adapter: &Adapter,
    problems: &mut Problems,
) -> Option<Verifier> {
    if source.secrets.is_empty() {
        return None;
    }
    let generic = (adapter.name == "generic").then_some(Scheme::StandardWebhooks);
    let Some(scheme) = source.scheme.clone().or_else(|| adapter.scheme.clone()).or(generic) else {
        let message = format!("`sources.{}` has secrets, but {} does not sign", source.name, adapter.name);
        problems.add(&config.file, Some(source.at), message).help(
            "give it a `token:` or `allow_addresses:`, or say how something in between signs by `sign:`",
        );
        return None;
    };
    if source.scheme.is_none() {
        check_keys(config, source, &scheme, problems);
    }
    Some(Verifier {
        // Another scheme is not the adapter's, nor are its variants.
        variants: if source.variants && source.scheme.is_none() {
            adapter.variants.clone()
        } else {
            Vec::new()
        },
        scheme,
        secrets: source.secrets.clone(),
        tolerance: source.tolerance.unwrap_or(adapter.tolerance.or(DEFAULT_TOLERANCE)),
    })
}

/// Secrets of a scheme that the source itself names were checked with the config, as were those of
/// `generic`; what an adapter signs with is known only here.
fn check_keys(config: &Config, source: &config::Source, scheme: &Scheme, problems: &mut Problems) {
    let wrong = |secret| scheme.secret_problem(secret).filter(|_| source.adapter != "generic");
    if let Some(WrongKey { problem, remedy }) = source.secrets.iter().find_map(wrong) {
        let message =
            format!("`sources.{}` has a secret that {} cannot use: {problem}", source.name, scheme.name());
        problems.add(&config.file, Some(source.at), message).help(remedy);
    }
}

/// For adapters that leave it open, such as those whose own scheme knows no timestamp.
const DEFAULT_TOLERANCE: Option<Duration> = Some(Duration::from_secs(300));
