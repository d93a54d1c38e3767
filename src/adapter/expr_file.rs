//! How expressions are written in adapter files, and what is said about mistakes in them.

use std::collections::HashMap;

use regex::Regex;

use super::expr::{Expr, NamedKeys, Piece, Step};
use super::path::Path;
use crate::model::Json;
use crate::problem::Problems;
use crate::yaml::{At, Node, Reader, Value, nearest};

/// What compiling needs to know of the file.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub file: &'a str,
    /// The names of the adapter's `let` so far, in order.
    pub lets: Vec<String>,
    pub named: NamedKeys,
    pub problems: &'a mut Problems,
}

impl Context<'_> {
    /// Notes a mistake.
    pub fn wrong(&mut self, at: At, message: impl Into<String>, help: &str) {
        self.problems.add(self.file, Some(at), message).help(help);
    }

    /// A compiled path, or a problem.
    pub fn path(&mut self, at: At, text: &str) -> Option<Path> {
        if !Path::looks_like(text) {
            self.wrong(at, format!("`{text}` is no JSONPath"), "begin it with `$.` or `@.`");
            return None;
        }
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(why) => {
                self.wrong(at, format!("could not read the JSONPath `{text}`: {why}"), "see RFC 9535");
                None
            }
        }
    }

    /// A compiled expression, or problems.
    pub fn expr(&mut self, path: &str, node: &Node) -> Option<Expr> {
        match &node.value {
            Value::Text(text) => self.text(node.at, text),
            Value::Null | Value::Bool(_) | Value::Number(_) => Some(Expr::Const(node.to_json())),
            Value::List(items) => {
                let all: Vec<_> = items.iter().map(|item| self.expr(path, item)).collect();
                all.into_iter().collect::<Option<Vec<_>>>().map(Expr::First)
            }
            Value::Map(_) => self.piped(path, node),
        }
    }

    fn text(&mut self, at: At, text: &str) -> Option<Expr> {
        if Path::looks_like(text) {
            return self.path(at, text).map(Expr::Path);
        }
        if !text.contains('{') {
            return Some(Expr::Const(Json::String(text.into())));
        }
        let mut pieces = self.template(at, text, false)?;
        match (pieces.pop(), pieces.is_empty()) {
            // Alone it stays what it is, a number or an object too.
            (Some(Piece::Value(expr)), true) => Some(expr),
            (last, _) => {
                pieces.extend(last);
                Some(Expr::Text(pieces))
            }
        }
    }

    /// `literal {$.path} literal {name}`, and `$1` where groups are at hand.
    fn template(&mut self, at: At, text: &str, groups: bool) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find(['{', '$']) {
            let (literal, tail) = rest.split_at(start);
            if !literal.is_empty() {
                pieces.push(Piece::Text(literal.to_owned()));
            }
            let digit =
                tail.strip_prefix('$').and_then(|tail| tail.chars().next()).and_then(|c| c.to_digit(10));
            rest = match digit {
                Some(digit) if groups => {
                    pieces.push(Piece::Group(digit as usize));
                    tail.get(2..).unwrap_or("")
                }
                _ if tail.starts_with('$') => {
                    pieces.push(Piece::Text("$".to_owned()));
                    tail.get(1..).unwrap_or("")
                }
                _ => {
                    let Some((inner, after)) = tail.get(1..).and_then(|tail| tail.split_once('}')) else {
                        self.wrong(at, format!("`{text}` opens a brace and does not close it"), "add `}`");
                        return None;
                    };
                    pieces.push(Piece::Value(self.name(at, inner.trim())?));
                    after
                }
            };
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Some(pieces)
    }

    /// What stands between braces: a path, `key`, `parent`, or one of `let`.
    pub fn name(&mut self, at: At, name: &str) -> Option<Expr> {
        match name {
            "key" => return Some(Expr::Key),
            "parent" => return Some(Expr::Parent),
            _ if Path::looks_like(name) => return self.path(at, name).map(Expr::Path),
            _ => {}
        }
        if let Some(index) = self.lets.iter().position(|known| known == name) {
            return Some(Expr::Let(index));
        }
        let mut known = vec!["key", "parent"];
        known.extend(self.lets.iter().map(String::as_str));
        let help = format!("{}; or write a JSONPath", nearest(name, &known));
        self.wrong(at, format!("unknown name `{{{name}}}`"), &help);
        None
    }

    /// `{path: …, match: …, give: …, map: …, else: …}`
    fn piped(&mut self, path: &str, node: &Node) -> Option<Expr> {
        let mut reader = Reader::new(self.file, path, node, self.problems)?;
        let input = self.input(&mut reader);
        let mut steps = Vec::new();
        if let Some(names) = reader.texts("named", self.problems) {
            let names = names.into_iter().map(|(_, name)| name).collect();
            steps.push(Step::Named { names, keys: self.named.clone() });
        }
        if reader.flag("lower", self.problems) == Some(true) {
            steps.push(Step::Lower);
        }
        steps.extend(self.matching(&mut reader));
        steps.extend(self.table(&mut reader));
        if reader.flag("kinds", self.problems) == Some(true) {
            steps.push(Step::Kinds);
        }
        let otherwise = reader.node("else").and_then(|node| self.expr(&reader.path_of("else"), node));
        reader.finish(self.problems);
        let input = input?;
        if steps.is_empty() && otherwise.is_none() {
            return Some(input);
        }
        Some(Expr::Pipe { input: Box::new(input), steps, otherwise: otherwise.map(Box::new) })
    }

    fn input(&mut self, reader: &mut Reader<'_>) -> Option<Expr> {
        let mut inputs = Vec::new();
        for name in ["path", "first"] {
            if let Some(node) = reader.node(name) {
                inputs.push(self.expr(&reader.path_of(name), node));
            }
        }
        if let Some(node) = reader.node("value") {
            inputs.push(Some(Expr::Const(node.to_json())));
        }
        if let Some(node) = reader.node("all") {
            let text = node.scalar().unwrap_or_default();
            inputs.push(self.path(node.at, &text).map(Expr::All));
        }
        if let Some(name) = reader.text("header", self.problems) {
            inputs.push(Some(Expr::Header(name.to_ascii_lowercase())));
        }
        if inputs.len() != 1 {
            let help = "give exactly one of `path`, `all`, `first`, `value`, `header`";
            self.wrong(reader.at, format!("`{}` must say where its value comes from", reader.path), help);
            return None;
        }
        inputs.pop().flatten()
    }

    fn matching(&mut self, reader: &mut Reader<'_>) -> Option<Step> {
        let node = reader.node("match");
        let give = reader.node("give");
        let node = node?;
        let give = match give {
            Some(give) => Some(self.template(give.at, &give.scalar()?, true)?),
            None => None,
        };
        match Regex::new(&node.scalar().unwrap_or_default()) {
            Ok(regex) => Some(Step::Match { regex, give }),
            Err(error) => {
                let why = error.to_string().replace('\n', " ");
                self.wrong(node.at, format!("could not read the pattern: {why}"), "see docs.rs/regex");
                None
            }
        }
    }

    fn table(&mut self, reader: &mut Reader<'_>) -> Option<Step> {
        let node = reader.node("map")?;
        let Value::Map(entries) = &node.value else {
            reader.wrong("map", node, "a mapping of value to value", self.problems);
            return None;
        };
        let table: HashMap<_, _> =
            entries.iter().map(|(key, value)| (key.name.clone(), value.to_json())).collect();
        Some(Step::Map(table))
    }
}
