//! Which events a route wants, and why not.
//!
//! Pure, and cheap enough to ask hundreds of routes about every event: globs and JSONPaths are
//! compiled once, literals are compared as texts, and only a trigger's labels and a `path` look into the data.

mod branch;
#[cfg(test)]
mod captures;
mod conditions;
mod labels;
mod path;
mod roster;
#[cfg(test)]
mod tests;
mod trigger;
mod webhook;

use std::sync::Arc;

use crate::glob::{Glob, Patterns};
use crate::model::Event;
use crate::problem::Problems;
use crate::yaml::{At, Node, Reader, Value};

use branch::Branch;
use conditions::Conditions;
use path::JsonPath;
use trigger::{Related, Wanted};
use webhook::Field;

pub use roster::{Answer, Roster};

/// More than this of an actual value is not told.
const LONGEST_ACTUAL: usize = 200;

/// The compiled `from` and `when` of a route.
#[derive(Debug)]
pub struct Match {
    /// In the order in which they are asked: the cheap ones first.
    conditions: Vec<Arc<Condition>>,
    /// NetBox's condition set, asked last: it may look at more of the event than the rest.
    set: Option<Conditions>,
}

#[derive(Debug)]
struct Condition {
    /// `from`, or the key of `when`.
    key: &'static str,
    /// As written.
    wanted: String,
    /// It is written as a list.
    is_list: bool,
    test: Test,
}

#[derive(Debug)]
enum Test {
    From(Patterns<Glob>),
    Action(Patterns<Glob>),
    Type(Patterns<Glob>),
    Kind(Patterns<Glob>),
    Branch(Patterns<Branch>),
    Actor(Patterns<Glob>),
    Changed(Patterns<Glob>),
    Path(Patterns<JsonPath>),
    Webhook(Field),
    Match(Wanted),
    Related(Related),
}

/// The first condition that said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// `from`, or the key of `when`.
    pub condition: String,
    /// As the config has it.
    pub wanted: String,
    /// What the event has instead.
    pub actual: String,
}

impl Match {
    /// Compiles `from` (source names or globs; empty: all) and a `when` mapping. `path` is the
    /// route's place in the config, such as `routes[0]`, for messages.
    pub fn compile(
        file: &str,
        path: &str,
        from: &[(At, String)],
        when: Option<&Node>,
        problems: &mut Problems,
    ) -> Self {
        let mut compiler = Compiler { file, problems, conditions: Vec::new(), set: None };
        if !from.is_empty() {
            let wanted = listed(from.iter().map(|(_, text)| text.as_str()));
            compiler.items(
                "from",
                &format!("{path}.from"),
                (wanted, true),
                from,
                |text| Ok(Glob::new(text)),
                Test::From,
            );
        }
        if let Some(reader) =
            when.and_then(|when| Reader::new(file, format!("{path}.when"), when, compiler.problems))
        {
            compiler.when(reader);
        }
        Self { conditions: compiler.conditions.into_iter().map(Arc::new).collect(), set: compiler.set }
    }

    /// The same for a route that is switched off: it takes nothing, and says so.
    pub fn switched_off(mut self) -> Self {
        let (key, wanted) = (Field::Off.key(), Field::Off.wanted());
        let off = Condition { key, wanted, is_list: false, test: Test::Webhook(Field::Off) };
        self.conditions.insert(0, Arc::new(off));
        self
    }

    /// Whether every condition holds. `default_branch` is the source's; `main` if it has none. Who has many
    /// routes to ask has a [`Roster`] of them.
    pub fn check(&self, event: &Event, default_branch: Option<&str>) -> Result<(), Mismatch> {
        self.check_conditions(event, default_branch)?;
        self.check_set(&Asked::about(event))
    }

    /// Whether all hold but the condition set.
    pub fn check_conditions(&self, event: &Event, default_branch: Option<&str>) -> Result<(), Mismatch> {
        match self.conditions.iter().find(|condition| !condition.test.holds(event, default_branch)) {
            None => Ok(()),
            Some(condition) => Err(Mismatch {
                condition: condition.key.to_owned(),
                wanted: condition.wanted.clone(),
                actual: condition.actual(event, default_branch),
            }),
        }
    }

    /// Whether the condition set holds, which is asked when all else does.
    pub fn check_set(&self, asked: &Asked<'_>) -> Result<(), Mismatch> {
        let Some(set) = &self.set else { return Ok(()) };
        set.check(&asked.states).map_err(|refusal| Mismatch {
            condition: "conditions".to_owned(),
            wanted: refusal.wanted,
            actual: refusal.actual.chars().take(LONGEST_ACTUAL).collect(),
        })
    }
}

/// An event that routes are asked about. What more than one of them may need is made once.
#[derive(Debug)]
pub struct Asked<'e> {
    states: conditions::Context<'e>,
}

impl<'e> Asked<'e> {
    pub fn about(event: &'e Event) -> Self {
        Self { states: conditions::Context::new(event) }
    }
}

impl Condition {
    /// What the event has instead.
    fn actual(&self, event: &Event, default_branch: Option<&str>) -> String {
        self.test.actual(event, default_branch).chars().take(LONGEST_ACTUAL).collect()
    }
}

impl Test {
    fn holds(&self, event: &Event, default_branch: Option<&str>) -> bool {
        match self {
            Self::From(globs) => globs.hold(|glob| glob.matches(&event.source)),
            Self::Action(globs) => globs.hold(|glob| glob.matches(&event.action)),
            Self::Type(globs) => globs.hold(|glob| glob.matches(&event.r#type)),
            Self::Kind(globs) => {
                globs.hold(|glob| event.object.as_ref().is_some_and(|object| glob.matches(&object.kind)))
            }
            Self::Branch(branches) => {
                branches.hold(|branch| branch.is(event.branch.as_deref(), default_branch))
            }
            Self::Actor(globs) => globs.hold(|glob| {
                [&event.actor.name, &event.actor.id].into_iter().flatten().any(|actor| glob.matches(actor))
            }),
            Self::Changed(globs) => {
                globs.hold(|glob| event.changes.iter().any(|change| glob.covers(&change.field)))
            }
            Self::Path(paths) => paths.hold(|path| path.selects(event)),
            Self::Webhook(field) => field.covers(event, default_branch),
            Self::Match(wanted) => wanted.covers(event, default_branch),
            Self::Related(related) => related.covers(event, default_branch),
        }
    }

    fn actual(&self, event: &Event, default_branch: Option<&str>) -> String {
        let text = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
        match self {
            Self::From(_) => event.source.clone(),
            Self::Action(_) => event.action.clone(),
            Self::Type(_) => event.r#type.clone(),
            Self::Kind(_) => {
                event.object.as_ref().map_or("no object".to_owned(), |object| object.kind.clone())
            }
            Self::Branch(_) => text(&event.branch, "no branch"),
            Self::Actor(_) => match (&event.actor.name, &event.actor.id) {
                (Some(name), Some(id)) => format!("{name} (id {id})"),
                (name, id) => text(if name.is_some() { name } else { id }, "nobody"),
            },
            Self::Changed(_) if event.changes.is_empty() => "no changes".to_owned(),
            Self::Changed(_) => {
                let fields: Vec<&str> =
                    event.changes.iter().take(20).map(|change| change.field.as_str()).collect();
                fields.join(", ")
            }
            Self::Path(paths) if paths.has_wanted() => "selects nothing".to_owned(),
            Self::Path(_) => "selects something".to_owned(),
            Self::Webhook(field) => field.actual(event, default_branch),
            Self::Match(wanted) => wanted.actual(event, default_branch),
            Self::Related(related) => related.actual(event, default_branch),
        }
    }
}

struct Compiler<'c> {
    file: &'c str,
    problems: &'c mut Problems,
    conditions: Vec<Condition>,
    set: Option<Conditions>,
}

impl Compiler<'_> {
    fn when(&mut self, mut reader: Reader<'_>) {
        let r = &mut reader;
        let exact = |text: &str| Ok(Glob::new(text));
        let folded = |text: &str| Ok(Glob::ignoring_case(text));
        for field in webhook::read(r, self.problems) {
            self.push(field.key(), field.wanted(), Test::Webhook(field));
        }
        self.key(r, "action", folded, Test::Action);
        self.key(r, "type", exact, Test::Type);
        self.key(r, "kind", folded, Test::Kind);
        self.key(r, "branch", |text| Ok(Branch::new(text)), Test::Branch);
        self.key(r, "actor", exact, Test::Actor);
        self.key(r, "changed", exact, Test::Changed);
        for wanted in trigger::read::resource(r, self.problems) {
            self.push("match", wanted.shown(), Test::Match(wanted));
        }
        for related in trigger::read::related(r, self.problems) {
            self.push("match_related", related.shown(), Test::Related(related));
        }
        self.key(r, "path", JsonPath::compile, Test::Path);
        if let Some(node) = r.node("conditions").filter(|node| node.value != Value::Null) {
            self.set = Conditions::compile(self.file, &r.path_of("conditions"), node, self.problems);
        }
        reader.finish(self.problems);
    }

    fn push(&mut self, key: &'static str, wanted: String, test: Test) {
        self.conditions.push(Condition { key, wanted, is_list: false, test });
    }

    fn key<T>(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        compile: impl Fn(&str) -> Result<T, (String, String)>,
        test: impl Fn(Patterns<T>) -> Test,
    ) {
        let path = reader.path_of(key);
        let Some(node) = reader.node(key).filter(|node| node.value != Value::Null) else { return };
        let nodes: Vec<&Node> = match &node.value {
            Value::List(items) => items.iter().collect(),
            _ => vec![node],
        };
        let mut items = Vec::new();
        for node in nodes {
            match node.scalar() {
                Some(text) => items.push((node.at, text)),
                None => {
                    let message =
                        format!("`{path}` must be a text or a list of texts, this is {}", node.kind());
                    self.problems.add(self.file, Some(node.at), message);
                }
            }
        }
        let wanted = match &node.value {
            Value::List(_) => (listed(items.iter().map(|(_, text)| text.as_str())), true),
            _ => (node.scalar().unwrap_or_default(), false),
        };
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            let message = format!("`{path}` is an empty list, which nothing matches");
            self.problems.add(self.file, Some(node.at), message).help("remove the key to take everything");
        }
        self.items(key, &path, wanted, &items, compile, test);
    }

    fn items<T>(
        &mut self,
        key: &'static str,
        path: &str,
        (wanted, is_list): (String, bool),
        items: &[(At, String)],
        compile: impl Fn(&str) -> Result<T, (String, String)>,
        test: impl Fn(Patterns<T>) -> Test,
    ) {
        let mut patterns = Patterns::default();
        for (at, text) in items {
            let (unwanted, pattern) = match text.strip_prefix('!') {
                Some(pattern) => (true, pattern.trim_start()),
                None => (false, text.as_str()),
            };
            if pattern.is_empty() {
                let message = format!("an entry of `{path}` is empty");
                self.problems.add(self.file, Some(*at), message).help("remove it; `*` matches everything");
                continue;
            }
            match compile(pattern) {
                Ok(pattern) => patterns.push(unwanted, pattern),
                Err((why, help)) => {
                    self.problems.add(self.file, Some(*at), format!("`{path}` {why}")).help(help);
                }
            }
        }
        self.conditions.push(Condition { key, wanted, is_list, test: test(patterns) });
    }
}

fn listed<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let quoted: Vec<String> = texts.map(|text| format!("{text:?}")).collect();
    format!("[{}]", quoted.join(", "))
}
