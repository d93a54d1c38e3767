//! Redaction: what must never be stored is masked in the parsed body, wherever it stands again.

use std::collections::{HashMap, HashSet};

use super::echo::Echoes;
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
    pub echoes: Echoes,
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
        let nodes = redactions.flat_map(|redaction| &redaction.paths).flat_map(|path| path.all(document));
        let (mut hit, mut selected) = (HashSet::new(), HashSet::new());
        for node in nodes {
            selected.insert(address(node));
            if maskable(node) {
                hit.insert(address(node));
            }
        }
        if !selected.is_empty() {
            self.spread(document, keys, &mut hit);
            self.echoes.find(document, keys, &selected, &mut hit);
        }
        hit
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

/// Whether there is anything to hide in it.
pub(super) fn maskable(value: &Json) -> bool {
    !value.is_null() && value.as_str() != Some(MASK)
}

/// A node's identity within one unchanged document.
pub(super) fn address(node: &Json) -> usize {
    std::ptr::from_ref(node).addr()
}

/// Overwrites the nodes found. They do not move meanwhile, so identities hold.
pub(super) fn mask(node: &mut Json, hit: &HashSet<usize>) {
    if hit.contains(&address(node)) {
        *node = Json::String(MASK.into());
        return;
    }
    match node {
        Json::Array(items) => items.iter_mut().for_each(|item| mask(item, hit)),
        Json::Object(members) => members.values_mut().for_each(|member| mask(member, hit)),
        _ => {}
    }
}

/// Overwrites what the paths select in a document, which has no mirror images.
pub(crate) fn cover(document: &mut Json, paths: &[Path]) {
    let nodes = paths.iter().flat_map(|path| path.all(document)).filter(|node| maskable(node));
    let hit: HashSet<usize> = nodes.map(address).collect();
    if !hit.is_empty() {
        mask(document, &hit);
    }
}

/// The fields whose change the masks hide or show only as a mask.
pub(super) fn hidden(event: usize, real: &[Change], seen: &[Change]) -> Vec<Masked> {
    let fully = |change: &Change| is_mask(&change.from) || is_mask(&change.to);
    let mut first = HashMap::with_capacity(seen.len());
    for change in seen {
        first.entry(change.field.as_str()).or_insert(change);
    }
    real.iter()
        .filter(|change| {
            let seen = first.get(change.field.as_str());
            seen.is_none_or(|seen| fully(seen) && seen != change)
        })
        .map(|change| Masked { event, field: change.field.clone() })
        .collect()
}

/// Shows the hidden fields as changed, with the mask for the values there were.
pub(super) fn show(changes: &mut Vec<Change>, hidden: &[&Masked], action: &str) {
    if hidden.is_empty() {
        return;
    }
    drop_parents(changes, hidden);
    let mut places = HashMap::with_capacity(changes.len());
    for (place, change) in changes.iter().enumerate() {
        places.entry(change.field.clone()).or_insert(place);
    }
    let value = |gone| if gone { Json::Null } else { Json::String(MASK.into()) };
    for masked in hidden {
        let (from, to) = (value(action == "created"), value(action == "deleted"));
        match places.get(&masked.field).and_then(|place| changes.get_mut(*place)) {
            Some(change) => (change.from, change.to) = (from, to),
            None => {
                places.insert(masked.field.clone(), changes.len());
                changes.push(Change { field: masked.field.clone(), from, to, partial: false });
            }
        }
    }
}

/// A masked parent stands for the fields below it, which are listed themselves.
fn drop_parents(changes: &mut Vec<Change>, hidden: &[&Masked]) {
    let mut sorted: Vec<&str> = hidden.iter().map(|masked| masked.field.as_str()).collect();
    sorted.sort_unstable();
    changes.retain(|change| {
        if !(is_mask(&change.from) || is_mask(&change.to)) {
            return true;
        }
        let below = format!("{}.", change.field);
        let next = sorted.partition_point(|field| *field < below.as_str());
        !sorted.get(next).is_some_and(|field| field.starts_with(&below))
    });
}

fn is_mask(value: &Json) -> bool {
    value.as_str() == Some(MASK)
}
