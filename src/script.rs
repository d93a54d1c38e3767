//! rhai scripts: `fn filter(event)`, `fn transform(event)` and, for events that leave together,
//! `fn batch_key(event)` and `fn transform_batch(events)`; under hard limits.
//!
//! Pure: events and an instant in, a verdict out. No files, no network, no clock. Files are
//! read when a script is compiled, never when it runs.

mod batch;
mod engine;
mod fault;
mod guard;
mod host;
mod load;
mod lookups;
mod message;
mod node;
mod proof;
mod runner;
mod seat;
mod shipped;
#[cfg(test)]
mod tests;
mod value;
mod verdict;
mod view;
mod written;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rhai::{AST, Dynamic, Engine, EvalAltResult, Scope};

use crate::model::{Event, Json, Timestamp};
use crate::problem::Problems;
use crate::yaml::At;

pub use batch::Joining;
pub use lookups::Asked;
pub use proof::{TestResult, run_tests};

pub(crate) use proof::sample_event;
pub use shipped::shipped;

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

/// One compiled script. Cheap to share, safe to run from many threads at once.
#[derive(Debug)]
pub struct Script {
    /// The file as the config names it.
    pub file: String,
    engine: Engine,
    runner: runner::Runner,
    limits: Limits,
    /// Where the functions stand, if they do.
    filter: Option<At>,
    transform: Option<At>,
    batch_key: Option<At>,
    transform_batch: Option<At>,
    /// The lookups that it and its imports name.
    pub lookups: Vec<Asked>,
}

/// What a script said about one event, or about a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The filter let it through and there is no `transform` (of a batch: no `transform_batch`).
    Pass,
    /// Dropped, and why if the script said so.
    Dropped(Option<String>),
    /// What leaves instead of the event; nothing at all if the list is empty.
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
    /// As text.
    Json(String),
    Text(String),
}

/// Why a script failed, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScriptError {
    pub message: String,
    /// `file:line:column`, of the script or of the import where it happened.
    pub place: String,
}

impl Script {
    /// Compiles a script and everything it imports. `import` reaches only files below
    /// `root/scripts`. `file` is the path as the config names it, relative to `root`, the
    /// config's folder. `None` means that something was added to `problems`.
    pub fn compile(root: &Path, file: &str, limits: &Limits, problems: &mut Problems) -> Option<Self> {
        let text = match load::read_file(&root.join(file)) {
            Ok(text) => text,
            Err(cause) => {
                problems
                    .add(file, None, format!("could not read the script: {cause}"))
                    .help("name a file relative to the config's folder, such as `scripts/slack.rhai`");
                return None;
            }
        };
        let loader = load::Loader::new(root, limits);
        let mut engine = engine::build(file, limits, loader.clone());
        let runner = parse(&engine, file, &text, limits, &loader, problems);
        let imported = loader.close(file, &text, problems);
        let imported = imported.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let texts: Vec<(&str, &str)> = imported.chain([(file, text.as_str())]).collect();
        view::register_properties(&mut engine, texts.iter().map(|(_, text)| *text));
        let lookups: Vec<Asked> = texts.iter().flat_map(|(file, text)| lookups::asked(file, text)).collect();
        lookups.iter().for_each(|asked| lookups::register_property(&mut engine, &asked.name));
        let runner = runner?;
        let mut entry = |name, takes| entry(runner.ast(), name, takes, file, &text, problems);
        let [filter, transform] = ["filter", "transform"].map(|name| entry(name, "event"));
        let batch_key = entry("batch_key", "event");
        let transform_batch = entry("transform_batch", "events");
        if [filter, transform, batch_key, transform_batch].iter().all(|found| *found == Some(None)) {
            problems
                .add(file, Some((1, 1)), "the script defines neither `filter` nor `transform`")
                .help("add `fn filter(event) { true }` or `fn transform(event) { #{ … } }`");
            return None;
        }
        Some(Self {
            file: file.to_owned(),
            engine,
            runner,
            limits: limits.clone(),
            filter: filter?,
            transform: transform?,
            batch_key: batch_key?,
            transform_batch: transform_batch?,
            lookups,
        })
    }

    /// Where `transform` stands, if the script defines it.
    pub fn transform_at(&self) -> Option<At> {
        self.transform
    }

    /// Runs `filter`, then `transform`. Copies the event; see [`Script::run_shared`].
    pub fn run(&self, event: &Event, now: Timestamp) -> Result<Verdict, ScriptError> {
        self.run_shared(&Arc::new(event.clone()), now)
    }

    /// The same without a copy: the script reads the event in place. The event is let go of
    /// when this returns, so that [`Arc::try_unwrap`] gives it back.
    pub fn run_shared(&self, event: &Arc<Event>, now: Timestamp) -> Result<Verdict, ScriptError> {
        self.run_with(event, None, now)
    }

    /// The same with what lookups found: a JSON object, by name.
    pub fn run_with(
        &self,
        event: &Arc<Event>,
        lookups: Option<&Arc<Json>>,
        now: Timestamp,
    ) -> Result<Verdict, ScriptError> {
        let _guard = guard::begin(&self.limits, now);
        guard::give(lookups);
        self.caught(|| self.judge(event))
    }

    /// rhai promises no panics and so do the host functions; should one of them err, it costs this
    /// receipt and not the worker.
    fn caught<T>(&self, run: impl FnOnce() -> Result<T, ScriptError>) -> Result<T, ScriptError> {
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
            let message = "the script made its interpreter fail; please report it".to_owned();
            Err(ScriptError { message, place: self.file.clone() })
        })
    }

    /// Whether its messages take the place of what destinations make of the event.
    pub fn transforms(&self) -> bool {
        self.transform.is_some()
    }

    fn judge(&self, event: &Arc<Event>) -> Result<Verdict, ScriptError> {
        if let Some(dropped) = self.filtered(event)? {
            return Ok(dropped);
        }
        let Some(at) = self.transform else { return Ok(Verdict::Pass) };
        let given = self.call("transform", view_of(event));
        let given = given.and_then(|given| verdict::of_transform("transform(event)", given));
        given.map_err(|error| self.explained(error, at))
    }

    /// What `filter` dropped.
    fn filtered(&self, event: &Arc<Event>) -> Result<Option<Verdict>, ScriptError> {
        let Some(at) = self.filter else { return Ok(None) };
        let given = self.call("filter", view_of(event)).and_then(|given| verdict::of_filter(&given));
        given.map_err(|error| self.explained(error, at))
    }

    /// rhai forgets where a limit was passed, and a result has no place; then it is the function.
    fn explained(&self, error: Box<EvalAltResult>, function: At) -> ScriptError {
        fault::explained(error, &self.file, function, &self.limits)
    }

    fn call(&self, name: &str, argument: Dynamic) -> Result<Dynamic, Box<EvalAltResult>> {
        self.runner.call(&self.engine, name, argument)
    }
}

fn view_of(event: &Arc<Event>) -> Dynamic {
    Dynamic::from(view::Record(node::Node::Event(event.clone())))
}

/// The script with its imports read, its top level run once to see that it can.
fn parse(
    engine: &Engine,
    file: &str,
    text: &str,
    limits: &Limits,
    loader: &load::Loader,
    problems: &mut Problems,
) -> Option<runner::Runner> {
    if let Err(error) = engine.compile(text) {
        let message = load::lower_first(&error.err_type().to_string());
        problems.add(file, load::place(error.position()), message).help(fault::remedy(error.err_type()));
        return None;
    }
    // Reading files takes its time; the limit on a run is about runs.
    let patient = Limits { wall_clock: limits.wall_clock.max(Duration::from_secs(10)), ..limits.clone() };
    let _guard = guard::begin(&patient, Timestamp::UNIX_EPOCH);
    let compiled = catch_unwind(AssertUnwindSafe(|| {
        // Also reads the imports that stand inside functions.
        let mut ast = engine.compile_into_self_contained(&Scope::new(), text)?;
        ast.set_source(file);
        runner::Runner::new(engine, ast, &loader.names())
    }))
    .unwrap_or_else(|_| Err("the script made its interpreter fail; please report it".into()));
    match compiled {
        Ok(runner) => Some(runner),
        Err(_) if loader.failed() => None,
        Err(error) => {
            let (error, file, at) = fault::innermost(error, file.to_owned(), rhai::Position::NONE);
            problems.add(&file, load::place(at), fault::worded(error, limits)).help(
                "what stands outside functions runs with every event; keep it to constants and imports",
            );
            None
        }
    }
}

/// Where the function stands that takes one parameter, if it is there at all. `None`: it takes
/// another number of them.
fn entry(
    ast: &AST,
    name: &str,
    takes: &str,
    file: &str,
    text: &str,
    problems: &mut Problems,
) -> Option<Option<At>> {
    let arities: Vec<usize> =
        ast.iter_functions().filter(|function| function.name == name).map(|f| f.params.len()).collect();
    let Some(arity) = arities.first() else { return Some(None) };
    let head = format!("fn {name}");
    let at = text.lines().enumerate().find_map(|(index, line)| {
        let column = line.find(&head)?;
        // Not that of a longer name.
        let behind = line.get(column + head.len()..)?.chars().next();
        let ends = behind.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        ends.then_some((index + 1, line.get(..column)?.chars().count() + 1))
    });
    if arities.contains(&1) {
        return Some(Some(at.unwrap_or((1, 1))));
    }
    problems
        .add(file, at, format!("`{name}` takes {arity} parameters, not one"))
        .help(format!("write `fn {name}({takes})`"));
    None
}
