//! An adapter turns a system's native webhook into events, as its YAML file says.
//!
//! Pure: a receipt and a document in, events out. Which bytes were signed is `signature`'s
//! matter; which routes want the event is `route`'s.

use std::collections::HashMap;
use std::time::Duration;

use crate::json::{JsonError, NonFinite};
use crate::model::{Dedupe, Event, Failure, Json, Receipt};
use crate::problem::Problems;
use crate::signature::{Scheme, Variant};
use crate::yaml;

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
}

/// What one source of the config says about its adapter. Compiled by [`Adapter::settings`].
#[derive(Debug, Default)]
pub struct Settings {
    pub source: String,
    pub kinds: HashMap<String, String>,
    pub default_branch: Option<String>,
    pub templated: bool,
    /// The window for repetitions; `None`: the config's `dedupe`.
    pub window: Duration,
}

impl Adapter {
    /// Compiles an adapter file; every mistake goes to `problems`.
    pub fn compile(_file: &str, _text: &str, _problems: &mut Problems) -> Option<Self> {
        todo!()
    }

    /// Reads a verified body. A templated body that is no JSON becomes a text.
    /// On success also the strict text of the body and notes for the receipt.
    pub fn read(&self, _settings: &Settings, _body: &[u8]) -> Result<Reading, JsonError> {
        todo!()
    }

    /// By what a repetition of this request would be recognised.
    pub fn dedupe(&self, _settings: &Settings, _receipt: &Receipt, _document: &Json) -> Option<Dedupe> {
        todo!()
    }

    /// The events in a receipt. `document` is the parsed `receipt.body`.
    pub fn normalise(
        &self,
        _settings: &Settings,
        _receipt: &Receipt,
        _document: Json,
    ) -> Result<Vec<Event>, Failure> {
        todo!()
    }
}

/// A body, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub document: Json,
    /// What is stored and processed: the body as received, redacted, non-finite numbers as `null`.
    pub body: bytes::Bytes,
    pub notes: Vec<String>,
    pub masked: Vec<crate::model::Masked>,
}

/// The parts of a source's section that belong to its adapter, as the config read them.
#[derive(Debug, Default)]
pub struct Overrides<'a> {
    /// JSONPaths to redact, with their places in the config.
    pub redact: Vec<(yaml::At, String)>,
    /// The `map:` mapping of the source, if any.
    pub map: Option<&'a yaml::Node>,
}
