//! From the config's tree to a compiled set; every mistake is told with its place.

use super::operator::{Kind, Op, Test};
use super::pattern::Pattern;
use super::rule::{Rule, SNAPSHOTS};
use super::{DEEPEST, Logic, MOST_RULES, Term, json_text, shown};
use crate::model::Json;
use crate::problem::Problems;
use crate::yaml::{At, Key, Node, Reader, Value, nearest};

/// More of what somebody wrote is not repeated to them.
const LONGEST_QUOTED: usize = 60;
/// The keys of a rule.
const KEYS: [&str; 4] = ["attr", "op", "value", "negate"];
const EXAMPLE: &str = "write it like `{ and: [{ attr: status.value, value: active }] }`";

pub(super) fn compile(file: &str, path: &str, node: &Node, problems: &mut Problems) -> Option<Term> {
    let before = problems.len();
    let parsed;
    let node = match &node.value {
        Value::Text(text) => {
            parsed = json_text::parse(file, path, node.at, text, problems)?;
            &parsed
        }
        _ => node,
    };
    let mut compiler = Compiler { file, problems, rules: 0 };
    let root = compiler.term(path, node, 1);
    if compiler.rules > MOST_RULES {
        let message = format!("`{path}` has {} rules, more than {MOST_RULES}", compiler.rules);
        compiler.problem(node.at, message, "`in` asks for many values with one rule");
    }
    root.filter(|_| problems.len() == before)
}

struct Compiler<'c> {
    file: &'c str,
    problems: &'c mut Problems,
    rules: usize,
}

impl Compiler<'_> {
    fn problem(&mut self, at: At, message: impl Into<String>, help: impl Into<String>) {
        self.problems.add(self.file, Some(at), message).help(help);
    }

    /// A set or a rule, as NetBox tells them apart: a set has a single key.
    fn term(&mut self, path: &str, node: &Node, depth: usize) -> Option<Term> {
        let entries = match &node.value {
            Value::Map(entries) if !entries.is_empty() => entries,
            Value::Map(_) => {
                self.problem(node.at, format!("`{path}` is empty"), format!("remove it, or {EXAMPLE}"));
                return None;
            }
            _ => {
                let message = format!("`{path}` must be a rule or a set of rules, this is {}", node.kind());
                self.problem(node.at, message, EXAMPLE);
                return None;
            }
        };
        match (entries.as_slice(), entries.iter().find(|(key, _)| logic(&key.name).is_some())) {
            ([(key, list)], Some(_)) => self.set(&format!("{path}.{}", key.name), key, list, depth),
            ([(key, list)], None)
                if matches!(list.value, Value::List(_)) && !KEYS.contains(&key.name.as_str()) =>
            {
                let message = format!("`{path}.{}` is no logic: a set is `and` or `or`", key.name);
                self.problem(key.at, message, nearest(&key.name.to_lowercase(), &["and", "or"]));
                None
            }
            (_, Some((key, _))) => {
                let message = format!("`{path}.{}` must stand alone", key.name);
                let help = "a set has one key, `and` or `or`; rules and further sets go into its list";
                self.problem(key.at, message, help);
                None
            }
            _ => self.rule(path, node).map(Term::Rule),
        }
    }

    fn set(&mut self, path: &str, key: &Key, list: &Node, depth: usize) -> Option<Term> {
        let (logic, name) = logic(&key.name)?;
        if key.name != name {
            let message = format!("`{path}` must be written in small letters");
            self.problem(key.at, message, format!("did you mean `{name}`?"));
        }
        let Value::List(items) = &list.value else {
            let message = format!("`{path}` must be a list of rules, this is {}", list.kind());
            self.problem(list.at, message, EXAMPLE);
            return None;
        };
        if depth > DEEPEST {
            let message = format!("`{path}` nests deeper than {DEEPEST} sets");
            self.problem(list.at, message, "a set within a set of the same logic can be one set");
            return None;
        }
        let terms = items.iter().enumerate();
        let terms = terms.map(|(index, item)| self.term(&format!("{path}[{index}]"), item, depth + 1));
        // All are compiled, so that all their mistakes are told.
        let terms: Vec<Option<Term>> = terms.collect();
        terms.into_iter().collect::<Option<_>>().map(|terms| Term::Set(logic, terms))
    }

    fn rule(&mut self, path: &str, node: &Node) -> Option<Rule> {
        self.rules += 1;
        let mut reader = Reader::new(self.file, path, node, self.problems)?;
        let r = &mut reader;
        let attr = self.attr(r);
        let op = self.op(r);
        let value = r.node("value");
        let negate = r.flag("negate", self.problems).unwrap_or_default();
        let test = op.and_then(|op| match op.compares_states() {
            true => self.states(op, attr.as_ref(), value, path),
            false => self.test(op, value, r),
        });
        reader.finish(self.problems);
        let (_, attr) = attr?;
        Some(Rule { keys: attr.split('.').map(str::to_owned).collect(), test: test?, negate })
    }

    fn attr(&mut self, r: &mut Reader<'_>) -> Option<(At, String)> {
        let Some(node) = r.node("attr") else {
            r.missing("attr", "name what is compared, such as `status.value`", self.problems);
            return None;
        };
        let Value::Text(attr) = &node.value else {
            r.wrong("attr", node, "a text", self.problems);
            return None;
        };
        if attr.split('.').any(str::is_empty) {
            let message = format!("`{}` has an empty name in it", r.path_of("attr"));
            self.problem(node.at, message, "names are separated by single dots, as in `status.value`");
            return None;
        }
        Some((node.at, attr.clone()))
    }

    fn op(&mut self, r: &mut Reader<'_>) -> Option<Op> {
        let Some(node) = r.node("op") else { return Some(Op::Eq) };
        let Value::Text(name) = &node.value else {
            r.wrong("op", node, "the name of an operator", self.problems);
            return None;
        };
        let op = Op::named(name);
        if op.is_none() {
            let name = shown::cut(name, LONGEST_QUOTED);
            let known = Op::ALL.map(|(name, _)| name);
            let message = format!("`{}` is no operator: `{name}`", r.path_of("op"));
            self.problem(node.at, message, nearest(&name.to_lowercase(), &known));
        }
        op
    }

    /// `changed` and `unchanged`.
    fn states(
        &mut self,
        op: Op,
        attr: Option<&(At, String)>,
        value: Option<&Node>,
        path: &str,
    ) -> Option<Test> {
        let name = op.name();
        let mut is_right = true;
        if let Some(value) = value {
            let message = format!("`{path}.value` must not be there: `{name}` compares the states itself");
            self.problem(value.at, message, "remove it, and ask for the value in a rule of its own");
            is_right = false;
        }
        if let Some((at, attr)) = attr
            && let Some(rest) = attr.strip_prefix(SNAPSHOTS).and_then(|rest| rest.strip_prefix('.'))
        {
            let message = format!("`{path}.attr` must not name a snapshot: `{name}` looks into both");
            let bare = rest.split_once('.').map_or("status", |(_, bare)| bare);
            self.problem(*at, message, format!("write `{}`", shown::cut(bare, LONGEST_QUOTED)));
            is_right = false;
        }
        is_right.then_some(if op == Op::Changed { Test::Changed } else { Test::Unchanged })
    }

    fn test(&mut self, op: Op, value: Option<&Node>, r: &Reader<'_>) -> Option<Test> {
        let path = r.path_of("value");
        let Some(node) = value else {
            let help = format!("`{}` compares with it; only `changed` and `unchanged` need none", op.name());
            r.missing("value", &help, self.problems);
            return None;
        };
        let kind = match &node.value {
            Value::Text(_) => Kind::Text,
            Value::Bool(_) => Kind::Flag,
            Value::Number(_) => Kind::Number,
            Value::List(_) => Kind::List,
            Value::Null => Kind::Null,
            Value::Map(_) => {
                let message = format!("`{path}` must not be a mapping: no operator takes one");
                self.problem(node.at, message, "compare its parts: `attr: status.value`");
                return None;
            }
        };
        if !kind.ops().contains(&op) {
            let message = format!("`{path}` is {}, which `{}` does not take", kind.name(), op.name());
            self.problem(node.at, message, takes(op, kind));
            return None;
        }
        self.numbers(&path, node).then_some(())?;
        self.with_value(op, node.to_json(), node.at, &path)
    }

    fn with_value(&mut self, op: Op, value: Json, at: At, path: &str) -> Option<Test> {
        Some(match (op, value) {
            (Op::Gt | Op::Gte | Op::Lt | Op::Lte, value) => Test::Order(op, value),
            (Op::In, Json::Array(values)) => Test::In(values),
            (Op::Contains, value) => Test::Contains(value),
            (Op::Regex, Json::String(text)) => match Pattern::compile(&text) {
                Ok(pattern) => Test::Regex(pattern),
                Err(why) => {
                    let help = "regular expressions are those of Python's `re`";
                    self.problem(at, format!("`{path}` is no regular expression: {why}"), help);
                    return None;
                }
            },
            (_, value) => Test::Eq(value),
        })
    }

    /// Whether all numbers are numbers in JSON as well; YAML knows more.
    fn numbers(&mut self, path: &str, node: &Node) -> bool {
        match &node.value {
            Value::Number(lexeme) if !node.to_json().is_number() => {
                let lexeme = shown::cut(lexeme, LONGEST_QUOTED);
                let message = format!("`{path}` has a number that JSON does not know: `{lexeme}`");
                self.problem(node.at, message, "write it like `12`, `-0.5` or `1e9`, or quote it as a text");
                false
            }
            // All are looked at, so that all their mistakes are told.
            Value::List(items) => items.iter().filter(|item| !self.numbers(path, item)).count() == 0,
            Value::Map(entries) => entries.iter().filter(|(_, item)| !self.numbers(path, item)).count() == 0,
            _ => true,
        }
    }
}

/// `and` or `or`, in whatever case, and how it is to be written.
fn logic(name: &str) -> Option<(Logic, &'static str)> {
    match name.to_ascii_lowercase().as_str() {
        "and" => Some((Logic::And, "and")),
        "or" => Some((Logic::Or, "or")),
        _ => None,
    }
}

/// What goes with what.
fn takes(op: Op, kind: Kind) -> String {
    let ops: Vec<&str> = kind.ops().iter().map(|op| op.name()).collect();
    let kinds = Kind::ALL.iter().filter(|kind| kind.ops().contains(&op));
    let kinds: Vec<&str> = kinds.map(|kind| kind.name()).collect();
    format!("`{}` takes {}; {} goes with {}", op.name(), kinds.join(" or "), kind.name(), ops.join(", "))
}
