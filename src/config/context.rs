//! Reads the values of one mapping with their checks, and words what is wrong with them.
//!
//! Messages quote a value as the operator wrote it, never as it was expanded.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::expand::Expansion;
use crate::problem::Problems;
use crate::units::Parsed;
use crate::yaml::{At, Node, Reader, Value, nearest};

/// What every section needs while it is read.
pub(super) struct Context<'c> {
    pub file: &'c str,
    /// The folder relative paths count from.
    pub dir: &'c Path,
    pub expansion: &'c Expansion,
    pub problems: &'c mut Problems,
}

impl Context<'_> {
    /// Notes a problem with its remedy.
    pub fn problem(&mut self, at: At, message: impl Into<String>, help: impl Into<String>) {
        self.problems.add(self.file, Some(at), message).help(help);
    }

    /// Whether the node is there and could be expanded.
    fn present<'a>(&self, node: Option<&'a Node>) -> Option<&'a Node> {
        node.filter(|node| node.value != Value::Null && !self.expansion.is_broken(node.at))
    }

    /// A value in a form of its own; `wanted` names the form.
    pub fn value<T>(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        wanted: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<T> {
        let node = reader.node(key);
        let node = self.present(node)?;
        let path = reader.path_of(key);
        self.parsed(&path, node, wanted, parse)
    }

    /// A list of such values; one alone reads as a list of one.
    pub fn values<T>(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        wanted: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<Vec<T>> {
        let path = reader.path_of(key);
        let items = self.items(reader, key)?;
        Some(items.iter().filter_map(|item| self.parsed(&path, item, wanted, &parse)).collect())
    }

    /// The nodes of a list, or the one node that stands for a list.
    pub fn items<'a>(&mut self, reader: &mut Reader<'a>, key: &'static str) -> Option<Vec<&'a Node>> {
        let node = reader.node(key);
        match &self.present(node)?.value {
            Value::List(items) => {
                Some(items.iter().filter(|item| !self.expansion.is_broken(item.at)).collect())
            }
            _ => node.map(|node| vec![node]),
        }
    }

    fn parsed<T>(
        &mut self,
        path: &str,
        node: &Node,
        wanted: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<T> {
        let Some(text) = node.scalar() else {
            self.wrong(path, node, wanted);
            return None;
        };
        match parse(&text) {
            Ok(value) => Some(value),
            Err(help) => {
                let shown = self.expansion.shown(node.at, &text);
                let message = format!("`{path}` must be {wanted}, this is `{shown}`");
                self.problems.add(self.file, Some(node.at), message).help = help;
                None
            }
        }
    }

    /// Notes a value of the wrong kind.
    pub fn wrong(&mut self, path: &str, node: &Node, wanted: &str) {
        let message = format!("`{path}` must be {wanted}, this is {}", node.kind());
        self.problems.add(self.file, Some(node.at), message);
    }

    /// A text that is not empty.
    pub fn text(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<(At, String)> {
        let node = reader.node(key);
        let node = self.present(node)?;
        let path = reader.path_of(key);
        let text = self.parsed(&path, node, "a text", |text| Ok(text.to_owned()))?;
        if text.is_empty() {
            self.problem(node.at, format!("`{path}` is empty"), "give it a value, or remove the key");
            return None;
        }
        Some((node.at, text))
    }

    /// A list of texts that are not empty.
    pub fn texts(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<Vec<(At, String)>> {
        let path = reader.path_of(key);
        let items = self.items(reader, key)?;
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.scalar() {
                Some(text) if text.is_empty() => {
                    self.problem(item.at, format!("an entry of `{path}` is empty"), "remove it");
                }
                Some(text) => texts.push((item.at, text)),
                None => self.wrong(&path, item, "a list of texts"),
            }
        }
        Some(texts)
    }

    pub fn flag(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<bool> {
        let node = reader.node(key);
        let node = self.present(node)?;
        match node.value {
            Value::Bool(flag) => Some(flag),
            _ => {
                self.wrong(&reader.path_of(key), node, "true or false");
                None
            }
        }
    }

    pub fn count(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<usize> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let count = self.value(reader, key, &wanted, |text| match text.parse::<u64>() {
            Ok(count) if range.contains(&count) => Ok(count),
            _ => Err(None),
        })?;
        usize::try_from(count).ok()
    }

    /// One of several words.
    pub fn word(
        &mut self,
        reader: &mut Reader<'_>,
        key: &'static str,
        known: &[&str],
    ) -> Option<(At, String)> {
        let (at, text) = self.text(reader, key)?;
        if known.contains(&text.as_str()) {
            return Some((at, text));
        }
        let path = reader.path_of(key);
        let shown = self.expansion.shown(at, &text);
        let message = format!("`{path}` does not know `{shown}`");
        self.problems.add(self.file, Some(at), message).help(nearest(&text, known));
        None
    }

    /// A file that must be there, relative to the folder of the config.
    pub fn path(&mut self, reader: &mut Reader<'_>, key: &'static str) -> Option<(At, PathBuf)> {
        let (at, text) = self.text(reader, key)?;
        let path = self.dir.join(&text);
        if !path.is_file() {
            let name = reader.path_of(key);
            let shown = self.expansion.shown(at, &text);
            let message = format!("`{name}` names the file `{shown}`, which is not there");
            self.problem(at, message, "relative paths count from the folder of the config");
            return None;
        }
        Some((at, path))
    }
}
