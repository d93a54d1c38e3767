//! Redaction: what must never be stored is masked in the parsed body, wherever it stands again.

use std::collections::HashSet;

use super::expr::NamedKeys;
use super::guard::Guard;
use super::path::Path;
use crate::model::{Change, Json, Masked};

/// What stands in place of a redacted value.
pub(super) const MASK: &str = "***";

/// One path to redact.
#[derive(Debug)]
pub(super) struct Redaction {
    pub when: Guard,
    /// The path and all the places where the same thing stands again.
    pub paths: Vec<Path>,
}

/// Where the same thing stands several times in a body.
#[derive(Debug, Default)]
pub(super) struct Mirrors {
    /// What is redacted below one path of a group is redacted below the others too.
    pub groups: Vec<Vec<Path>>,
    /// A value redacted in one of these lists of named values is redacted in the others too.
    pub lists: Vec<Path>,
    /// What is redacted anywhere is redacted below these too, where the same values stand under
    /// other names.
    pub echoes: Vec<Path>,
}

impl Mirrors {
    /// The path and its mirror images.
    pub fn of(&self, path: Path) -> Vec<Path> {
        let mut paths = vec![path];
        for group in &self.groups {
            let images: Vec<Path> = paths
                .iter()
                .flat_map(|path| group.iter().map(move |from| (path, from)))
                .flat_map(|(path, from)| group.iter().filter_map(|to| path.moved(from, to)))
                .collect();
            paths.extend(images);
        }
        paths
    }

    /// The nodes that the redactions select, to be overwritten by [`mask`].
    pub fn find<'r>(
        &self,
        document: &Json,
        redactions: impl Iterator<Item = &'r Redaction>,
        keys: &NamedKeys,
    ) -> HashSet<usize> {
        let mut hit = HashSet::new();
        for path in redactions.flat_map(|redaction| &redaction.paths) {
            hit.extend(path.all(document).into_iter().filter(|node| maskable(node)).map(address));
        }
        if !hit.is_empty() {
            self.spread(document, keys, &mut hit);
            self.echo(document, &mut hit);
        }
        hit
    }

    /// A hidden text or number is hidden in the echoes too.
    fn echo(&self, document: &Json, hit: &mut HashSet<usize>) {
        let echoes: Vec<&Json> = self.echoes.iter().flat_map(|path| path.all(document)).collect();
        if echoes.is_empty() {
            return;
        }
        let mut hidden = HashSet::new();
        hidden_leaves(document, hit, &mut hidden);
        let mut again = |leaf| {
            if hidden.contains(leaf) {
                hit.insert(address(leaf));
            }
        };
        echoes.into_iter().for_each(|echo| leaves(echo, &mut again));
    }

    /// A field known by its name is hidden in every list that shows it.
    fn spread(&self, document: &Json, keys: &NamedKeys, hit: &mut HashSet<usize>) {
        let elements = || self.lists.iter().filter_map(|path| path.first(document)?.as_array()).flatten();
        let hidden: HashSet<&str> = elements()
            .filter_map(|element| Some((element, keys.read(element)?)))
            .filter(|(element, (_, value))| hit.contains(&address(element)) || hit.contains(&address(value)))
            .map(|(_, (name, _))| name)
            .collect();
        let values = elements().filter_map(|element| keys.read(element));
        hit.extend(
            values
                .filter(|(name, value)| hidden.contains(name) && maskable(value))
                .map(|(_, value)| address(value)),
        );
    }
}

/// The leaves of all the nodes that are hit.
fn hidden_leaves<'d>(node: &'d Json, hit: &HashSet<usize>, hidden: &mut HashSet<&'d Json>) {
    match node {
        _ if hit.contains(&address(node)) => leaves(node, &mut |leaf| {
            hidden.insert(leaf);
        }),
        Json::Array(items) => items.iter().for_each(|item| hidden_leaves(item, hit, hidden)),
        Json::Object(members) => members.values().for_each(|member| hidden_leaves(member, hit, hidden)),
        _ => {}
    }
}

/// The texts and numbers in a node; flags and empty texts give nothing away.
fn leaves<'d>(node: &'d Json, take: &mut impl FnMut(&'d Json)) {
    match node {
        Json::Array(items) => items.iter().for_each(|item| leaves(item, take)),
        Json::Object(members) => members.values().for_each(|member| leaves(member, take)),
        Json::String(text) if text.is_empty() => {}
        Json::String(_) | Json::Number(_) => take(node),
        Json::Null | Json::Bool(_) => {}
    }
}

fn maskable(value: &Json) -> bool {
    !value.is_null() && value.as_str() != Some(MASK)
}

/// A node's identity within one unchanged document.
fn address(node: &Json) -> usize {
    std::ptr::from_ref(node).addr()
}

/// Overwrites the nodes found. They do not move meanwhile, so identities hold.
pub(super) fn mask(node: &mut Json, hit: &HashSet<usize>) {
    if hit.contains(&address(node)) {
        *node = Json::String(MASK.to_owned());
        return;
    }
    match node {
        Json::Array(items) => items.iter_mut().for_each(|item| mask(item, hit)),
        Json::Object(members) => members.values_mut().for_each(|member| mask(member, hit)),
        _ => {}
    }
}

/// The fields whose change the masks hide or show only as a mask.
pub(super) fn hidden(event: usize, real: &[Change], seen: &[Change]) -> Vec<Masked> {
    let fully = |change: &Change| is_mask(&change.from) || is_mask(&change.to);
    real.iter()
        .filter(|change| {
            let seen = seen.iter().find(|seen| seen.field == change.field);
            seen.is_none_or(|seen| fully(seen) && seen != *change)
        })
        .map(|change| Masked { event, field: change.field.clone() })
        .collect()
}

/// Shows the hidden fields as changed, with the mask for the values there were.
pub(super) fn show(changes: &mut Vec<Change>, hidden: &[&Masked], action: &str) {
    if hidden.is_empty() {
        return;
    }
    // A masked parent stands for the fields below it, which are listed themselves.
    changes.retain(|change| {
        let below = format!("{}.", change.field);
        let parent = hidden.iter().any(|masked| masked.field.starts_with(&below));
        !(parent && (is_mask(&change.from) || is_mask(&change.to)))
    });
    let value = |gone| if gone { Json::Null } else { Json::String(MASK.to_owned()) };
    for masked in hidden {
        let (from, to) = (value(action == "created"), value(action == "deleted"));
        match changes.iter_mut().find(|change| change.field == masked.field) {
            Some(change) => (change.from, change.to) = (from, to),
            None => changes.push(Change { field: masked.field.clone(), from, to, partial: false }),
        }
    }
}

fn is_mask(value: &Json) -> bool {
    value.as_str() == Some(MASK)
}
