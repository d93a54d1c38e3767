//! rhai scripts: `fn filter(event)` and `fn transform(event)`, under hard limits.
//!
//! Pure: an event and an instant in, a verdict out. No files, no network, no clock.

use std::path::Path;
use std::time::Duration;

use crate::model::{Event, Json, Timestamp};
use crate::problem::Problems;

/// Hard limits of one run of one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub operations: u64,
    pub call_depth: usize,
    pub string_bytes: usize,
    pub array_items: usize,
    pub map_entries: usize,
    pub wall_clock: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            operations: 1_000_000,
            call_depth: 32,
            string_bytes: 1 << 20,
            array_items: 10_000,
            map_entries: 10_000,
            wall_clock: Duration::from_millis(500),
        }
    }
}

/// One compiled script.
#[derive(Debug)]
pub struct Script {
    /// The file as the config names it.
    pub file: String,
}

/// What a script said about one event.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The filter let it through and there is no `transform`.
    Pass,
    /// Dropped, and why if the script said so.
    Dropped(Option<String>),
    /// What leaves instead of the event.
    Messages(Vec<Message>),
}

/// One thing that leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub body: Body,
    pub headers: Vec<(String, String)>,
    /// Only to this destination of the route; `None`: to all of them.
    pub to: Option<String>,
    /// The lane, instead of the event's object.
    pub key: Option<String>,
    /// The content type, or (without a slash) the event type to report.
    pub r#type: Option<String>,
}

/// A map or array leaves as JSON, a string as text.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Json(Json),
    Text(String),
}

/// Why a script failed, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScriptError {
    pub message: String,
    /// `file:line:column`.
    pub place: String,
}

impl Script {
    /// Compiles a script. `import` reaches only files below `root`. `file` is the path as the
    /// config names it, relative to the config's folder.
    pub fn compile(_root: &Path, _file: &str, _limits: &Limits, _problems: &mut Problems) -> Option<Self> {
        todo!()
    }

    /// Runs `filter`, then `transform`.
    pub fn run(&self, _event: &Event, _now: Timestamp) -> Result<Verdict, ScriptError> {
        todo!()
    }
}
