//! Echoes: where another gateway tells the values of a body again, under names of its own.
//!
//! Values are recognised by their text, so that the number 7 is hidden in the text `7` too. Of
//! a flag that would give nothing to go by, so the changes that are told again go by the name
//! of their field as well.

use std::collections::HashSet;

use super::expr::NamedKeys;
use super::expr_file::Context;
use super::path::Path;
use super::redact::{address, maskable};
use crate::model::Json;
use crate::yaml::{Node, Value};

/// The places that say the same again.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    /// A text or number that is hidden anywhere is hidden below these too.
    values: Vec<Path>,
    /// Lists of `{field, from, to}`: values likewise, and those of a field of a hidden name.
    changes: Vec<Path>,
}

/// What must not be told again.
#[derive(Default)]
struct Hidden<'d> {
    values: HashSet<&'d str>,
    names: HashSet<&'d str>,
}

impl Echoes {
    /// Compiles a list of JSONPaths and of `{changes: JSONPath}`.
    pub fn compile(context: &mut Context<'_>, node: &Node) -> Self {
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut echoes = Self::default();
        for item in items {
            let (node, paths) = match item.get("changes") {
                Some(inner) => (inner, &mut echoes.changes),
                None => (item, &mut echoes.values),
            };
            paths.extend(context.path(node.at, &node.scalar().unwrap_or_default()));
        }
        echoes
    }

    /// Adds to `hit` what tells the nodes of `selected` (empty ones too) or of `hit` again.
    pub fn find(
        &self,
        document: &Json,
        keys: &NamedKeys,
        selected: &HashSet<usize>,
        hit: &mut HashSet<usize>,
    ) {
        let values: Vec<&Json> = self.values.iter().flat_map(|path| path.all(document)).collect();
        let changes = self.changes.iter().filter_map(|path| path.first(document)?.as_array()).flatten();
        let changes: Vec<&Json> = changes.collect();
        if values.is_empty() && changes.is_empty() {
            return;
        }
        let mut hidden = Hidden::default();
        hidden
            .gather(document, keys, &|node| [selected, &*hit].iter().any(|set| set.contains(&address(node))));
        for change in changes {
            let of_hidden_field =
                change.get("field").and_then(Json::as_str).is_some_and(|field| hidden.names(field));
            for value in ["from", "to"].into_iter().filter_map(|side| change.get(side)) {
                if of_hidden_field && maskable(value) {
                    hit.insert(address(value));
                }
                hidden.mark(value, hit);
            }
        }
        values.into_iter().for_each(|value| hidden.mark(value, hit));
    }
}

impl<'d> Hidden<'d> {
    /// Everything at and below the nodes that are hidden.
    fn gather(&mut self, node: &'d Json, keys: &NamedKeys, is_hidden: &dyn Fn(&Json) -> bool) {
        if is_hidden(node) {
            return self.take(node, keys);
        }
        match node {
            Json::Array(items) => items.iter().for_each(|item| self.gather(item, keys, is_hidden)),
            Json::Object(members) => {
                for (name, member) in members {
                    if is_hidden(member) {
                        self.names.insert(name);
                        self.names.extend(named(node, keys));
                    }
                    self.gather(member, keys, is_hidden);
                }
            }
            _ => {}
        }
    }

    fn take(&mut self, node: &'d Json, keys: &NamedKeys) {
        if let Some(text) = text(node) {
            self.values.insert(text);
        }
        match node {
            Json::Array(items) => items.iter().for_each(|item| self.take(item, keys)),
            Json::Object(members) => {
                match named(node, keys) {
                    Some(name) => drop(self.names.insert(name)),
                    None => self.names.extend(members.keys()),
                }
                members.values().for_each(|member| self.take(member, keys));
            }
            _ => {}
        }
    }

    /// Whether a field, dotted or not, goes by a hidden name.
    fn names(&self, field: &str) -> bool {
        let last = field.rsplit('.').next().unwrap_or(field);
        self.names.contains(field) || self.names.contains(last)
    }

    fn mark(&self, node: &Json, hit: &mut HashSet<usize>) {
        match node {
            Json::Array(items) => items.iter().for_each(|item| self.mark(item, hit)),
            Json::Object(members) => members.values().for_each(|member| self.mark(member, hit)),
            leaf => {
                if text(leaf).is_some_and(|text| self.values.contains(text)) {
                    hit.insert(address(leaf));
                }
            }
        }
    }
}

/// The name of an element of a list of named values.
fn named<'d>(node: &'d Json, keys: &NamedKeys) -> Option<&'d str> {
    node.get(&keys.value)?;
    Some(keys.read(node)?.0)
}

/// A text or a number; flags and empty texts give nothing away.
fn text(leaf: &Json) -> Option<&str> {
    match leaf {
        Json::String(text) => Some(text.as_str()).filter(|text| !text.is_empty() && maskable(leaf)),
        Json::Number(number) => Some(number.as_str()),
        _ => None,
    }
}
