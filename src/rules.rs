//! Everything compiled from files as one immutable value, swapped whole on reload.

use std::collections::HashMap;
use std::sync::Arc;

use crate::adapter::{Adapter, Settings};
use crate::config::{self, Config};
use crate::gate::Gate;
use crate::problem::Problem;
use crate::route::Match;
use crate::script::Script;

/// The compiled rules.
#[derive(Debug)]
pub struct Rules {
    /// A short hash over all the files the rules were made of.
    pub revision: String,
    pub config: Config,
    pub sources: HashMap<Arc<str>, Arc<Source>>,
    pub destinations: HashMap<Arc<str>, Arc<config::Destination>>,
    /// In the order of the config.
    pub routes: Vec<Route>,
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
    pub script: Option<Arc<Script>>,
    pub to: Vec<Arc<config::Destination>>,
}

/// The rules in force, and word of every swap.
pub type Watch = tokio::sync::watch::Receiver<Arc<Rules>>;

impl Rules {
    /// Loads and compiles a config file with everything it names.
    pub fn load(_file: &str) -> Result<Self, Vec<Problem>> {
        todo!()
    }
}
