//! `${VAR}`, `${VAR:-default}` and `${file:/path}` in the texts of the document.
//!
//! What a variable or file held is remembered so that no message ever shows it. Keys and
//! numbers are left as they are.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;

use crate::problem::Problems;
use crate::secret::Secret;
use crate::yaml::{At, Node, Value};

/// More than any secret; a file this large was named by mistake.
const LARGEST_FILE: u64 = 64 * 1024;
/// Values shorter than this are not searched for in messages: they would be found everywhere.
/// (The messages of this room never quote an expanded value to begin with.)
const SHORTEST_SCRUBBED: usize = 5;

/// What was expanded, and from what.
#[derive(Debug, Default)]
pub(crate) struct Expansion {
    /// The texts as written, by place.
    raws: HashMap<At, String>,
    /// Places whose variable or file could not be had; already reported.
    broken: HashSet<At>,
    /// `${…}` and what it stood for.
    values: Vec<(String, Secret)>,
}

impl Expansion {
    /// The text at a place as the operator wrote it.
    pub fn shown<'t>(&'t self, at: At, text: &'t str) -> &'t str {
        self.raws.get(&at).map_or(text, String::as_str)
    }

    /// Whether the text at a place could not be expanded.
    pub fn is_broken(&self, at: At) -> bool {
        self.broken.contains(&at)
    }

    /// Hands problems on without a trace of what variables and files held.
    pub fn scrub(&self, from: Problems, into: &mut Problems) {
        for problem in from.into_sorted() {
            let added = into.add(&problem.file, problem.at, self.clean(problem.message));
            added.help = problem.help.map(|help| self.clean(help));
        }
    }

    /// The same for problems of rooms that do not know what was expanded, and may quote parts of it.
    pub fn scrub_strictly(&self, from: Problems, into: &mut Problems) {
        let mut careful = Problems::default();
        for problem in from.into_sorted() {
            let raw = problem.at.and_then(|at| self.raws.get(&at));
            let quotes = |text: &str| self.values.iter().any(|(_, value)| quotes(text, value.expose()));
            let leaks = quotes(&problem.message) || problem.help.as_deref().is_some_and(quotes);
            match raw.filter(|_| leaks) {
                Some(raw) => {
                    let message = format!("what `{raw}` holds cannot be used here");
                    let help = "to see why, write the value itself here for once";
                    careful.add(&problem.file, problem.at, message).help(help);
                }
                None => careful.add(&problem.file, problem.at, problem.message).help = problem.help,
            }
        }
        self.scrub(careful, into);
    }

    fn clean(&self, mut message: String) -> String {
        for (raw, value) in &self.values {
            if value.expose().len() >= SHORTEST_SCRUBBED && message.contains(value.expose()) {
                message = message.replace(value.expose(), raw);
            }
        }
        message
    }
}

/// Expands every text below `root`; relative files count from `dir`.
pub(super) fn expand(
    file: &str,
    dir: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    root: &mut Node,
    problems: &mut Problems,
) -> Expansion {
    let mut expander = Expander { file, dir, env, problems, done: Expansion::default() };
    expander.node(root);
    // The longest first, so that a secret that holds another is not left in part.
    expander.done.values.sort_by_key(|(_, value)| std::cmp::Reverse(value.expose().len()));
    expander.done
}

struct Expander<'a> {
    file: &'a str,
    dir: &'a Path,
    env: &'a dyn Fn(&str) -> Option<String>,
    problems: &'a mut Problems,
    done: Expansion,
}

impl Expander<'_> {
    fn node(&mut self, node: &mut Node) {
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.node(item)),
            Value::Map(entries) => entries.iter_mut().for_each(|(_, item)| self.node(item)),
            Value::Text(text) if text.contains("${") => {
                let raw = std::mem::take(text);
                node.value = match self.text(node.at, &raw) {
                    Some(text) => {
                        node.lines = moved(&node.lines, &raw, &text);
                        typed(text)
                    }
                    None => {
                        self.done.broken.insert(node.at);
                        Value::Text(raw.clone())
                    }
                };
                self.done.raws.insert(node.at, raw);
            }
            _ => {}
        }
    }

    fn text(&mut self, at: At, raw: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = raw;
        let mut whole = true;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                out.push_str(before);
                out.push_str("${");
                rest = after;
                continue;
            }
            out.push_str(before);
            let Some((inside, next)) = after.split_once('}') else {
                self.problem(at, "a `${` is never closed".to_owned(), "write `$${` for the text `${` itself");
                return None;
            };
            match self.value(at, inside) {
                Some(value) => out.push_str(&value),
                None => whole = false,
            }
            rest = next;
        }
        out.push_str(rest);
        whole.then_some(out)
    }

    fn value(&mut self, at: At, inside: &str) -> Option<String> {
        if let Some(path) = inside.strip_prefix("file:") {
            return self.content(at, path);
        }
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_variable(name) || default.is_some_and(|default| default.contains("${")) {
            let message = format!("`${{{inside}}}` names no variable");
            self.problem(
                at,
                message,
                "write `${NAME}`, `${NAME:-default}` or `${file:/path}`; `$${` for the text `${` itself",
            );
            return None;
        }
        match ((self.env)(name), default) {
            (Some(value), None) => Some(self.learn(inside, value)),
            (Some(value), Some(_)) if !value.is_empty() => Some(self.learn(inside, value)),
            (_, Some(default)) => Some(default.to_owned()),
            (None, None) => {
                let help = format!("set it, or give a default: `${{{name}:-…}}`");
                self.problem(at, format!("the environment variable {name} is not set"), &help);
                None
            }
        }
    }

    fn content(&mut self, at: At, path: &str) -> Option<String> {
        match read(&self.dir.join(path)) {
            Ok(text) => {
                let text = text.trim_end_matches(['\r', '\n']).to_owned();
                Some(self.learn(&format!("file:{path}"), text))
            }
            Err(cause) => {
                let message = format!("could not read the file `{path}`: {cause}");
                self.problem(at, message, "relative paths count from the folder of the config");
                None
            }
        }
    }

    fn learn(&mut self, inside: &str, value: String) -> String {
        self.done.values.push((format!("${{{inside}}}"), Secret::new(value.clone())));
        value
    }

    fn problem(&mut self, at: At, message: String, help: &str) {
        self.problems.add(self.file, Some(at), message).help(help);
    }
}

/// Whether a text quotes a word of a value.
fn quotes(text: &str, value: &str) -> bool {
    let words = value.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| word.len() >= SHORTEST_SCRUBBED).any(|word| text.contains(word))
}

fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err("it is no regular file".to_owned());
    }
    let mut text = String::new();
    match file.take(LARGEST_FILE + 1).read_to_string(&mut text) {
        Ok(size) if size as u64 > LARGEST_FILE => Err("it is larger than 64 KiB".to_owned()),
        Ok(_) => Ok(text),
        Err(error) => Err(error.to_string()),
    }
}

/// Where the lines begin once their text is expanded: in the same lines, since variables seldom
/// hold any.
fn moved(lines: &[(usize, At)], raw: &str, text: &str) -> Vec<(usize, At)> {
    let place = |(start, at): &(usize, At)| {
        let before = raw.get(..*start)?;
        let number = before.matches('\n').count();
        let column = before.rsplit_once('\n').map_or(before, |(_, last)| last).len();
        let begun: usize = text.split_inclusive('\n').take(number).map(str::len).sum();
        Some((begun + column, *at))
    };
    lines.iter().filter_map(place).collect()
}

/// A text that reads as a number or flag becomes one, so that `in_flight: ${N}` works;
/// nothing is lost, as either keeps its lexeme.
fn typed(text: String) -> Value {
    match text.as_str() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if !text.is_empty() && text.len() < 20 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Value::Number(text)
        }
        _ => Value::Text(text),
    }
}
