//! Which events a route wants, and why not.

use crate::model::Event;
use crate::problem::Problems;
use crate::yaml;

/// The compiled `from` and `when` of a route.
#[derive(Debug)]
pub struct Match {}

/// The first condition that said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub condition: String,
    pub wanted: String,
    pub actual: String,
}

impl Match {
    /// Compiles `from` (source names or globs; empty: all) and a `when` mapping.
    pub fn compile(
        _file: &str,
        _path: &str,
        _from: &[(yaml::At, String)],
        _when: Option<&yaml::Node>,
        _problems: &mut Problems,
    ) -> Self {
        todo!()
    }

    /// Whether every condition holds. `default_branch` is the source's.
    pub fn check(&self, _event: &Event, _default_branch: Option<&str>) -> Result<(), Mismatch> {
        todo!()
    }
}
