//! Reads `match` and `match_related`. What could never match is told as a mistake: labels and
//! roles that no event has, labels on the wrong side, values that no label can have.

#[cfg(test)]
mod tests;

use super::super::labels::known::{self, FREE, PREVIOUS, RESOURCE, ROLE, ROLES, UNTOLD, VALUE};
use super::{Expected, Related, Wanted};
use crate::problem::Problems;
use crate::yaml::{At, Node, Reader, Value, nearest};

/// The labels of `match`, in the order of the file.
pub(in super::super) fn resource(reader: &mut Reader<'_>, problems: &mut Problems) -> Vec<Wanted> {
    let path = reader.path_of("match");
    let Some(node) = reader.node("match").filter(|node| node.value != Value::Null) else { return Vec::new() };
    let mut mapping = Mapping { file: reader.file, path: &path, problems };
    mapping.read(node, |mapping, at, label| mapping.of_resource(at, label))
}

/// The mappings of `match_related`. An empty one wants nothing and is left out.
pub(in super::super) fn related(reader: &mut Reader<'_>, problems: &mut Problems) -> Vec<Related> {
    let path = reader.path_of("match_related");
    let Some(node) = reader.node("match_related").filter(|node| node.value != Value::Null) else {
        return Vec::new();
    };
    let one = |path: &str, node: &Node, problems: &mut Problems| {
        let mut mapping = Mapping { file: reader.file, path, problems };
        let labels = mapping.read(node, |mapping, at, label| mapping.of_related(at, label));
        mapping.together(node.at, &labels);
        (!labels.is_empty()).then(|| Related::new(labels))
    };
    match &node.value {
        Value::List(items) => {
            let items = items.iter().enumerate();
            items.filter_map(|(index, item)| one(&format!("{path}[{index}]"), item, problems)).collect()
        }
        _ => one(&path, node, problems).into_iter().collect(),
    }
}

/// One mapping of labels.
struct Mapping<'m> {
    file: &'m str,
    path: &'m str,
    problems: &'m mut Problems,
}

impl Mapping<'_> {
    fn problem(&mut self, at: At, message: String, help: impl Into<String>) {
        self.problems.add(self.file, Some(at), message).help(help);
    }

    fn read(
        &mut self,
        node: &Node,
        known: impl Fn(&mut Self, At, &str) -> Option<&'static str>,
    ) -> Vec<Wanted> {
        let Value::Map(entries) = &node.value else {
            let message = format!("`{}` must be a mapping of labels, this is {}", self.path, node.kind());
            self.problem(node.at, message, "write it like `infrahub.node.kind: InfraDevice`");
            return Vec::new();
        };
        let mut labels = Vec::new();
        for (key, value) in entries {
            let label = known(self, key.at, &key.name);
            let values = self.values(label.unwrap_or(&key.name), value);
            if let Some(label) = label {
                labels.push(Wanted::new(label, &values, matches!(value.value, Value::List(_))));
            }
        }
        labels
    }

    fn of_resource(&mut self, at: At, name: &str) -> Option<&'static str> {
        let known = RESOURCE.into_iter().find(|label| *label == name);
        if known.is_none() {
            let elsewhere = related_labels().any(|label| label == name);
            self.unknown(at, name, elsewhere.then_some("match_related"), &RESOURCE);
        }
        known
    }

    fn of_related(&mut self, at: At, name: &str) -> Option<&'static str> {
        let known = related_labels().find(|label| *label == name);
        if known.is_none() {
            let elsewhere = RESOURCE.contains(&name);
            let mut all: Vec<&str> = related_labels().collect();
            all.sort_unstable();
            all.dedup();
            self.unknown(at, name, elsewhere.then_some("match"), &all);
        }
        known
    }

    fn unknown(&mut self, at: At, name: &str, elsewhere: Option<&str>, known: &[&str]) {
        let path = self.path;
        if UNTOLD.contains(&name) {
            let message = format!("`{path}` asks for the label `{name}`, which no webhook tells");
            return self.problem(at, message, "remove it: only inside Infrahub it can be asked for");
        }
        match elsewhere {
            Some(key) => {
                let whose = if key == "match" { "the resource" } else { "related resources" };
                let message = format!("`{path}` asks for the label `{name}`, which only {whose} can have");
                self.problem(at, message, format!("move it to `{key}`"));
            }
            None => {
                let message = format!("`{path}` asks for the label `{name}`, which no event has");
                self.problem(at, message, nearest(name, known));
            }
        }
    }

    fn values(&mut self, label: &str, node: &Node) -> Vec<String> {
        let nodes = match &node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        if nodes.is_empty() {
            let message = format!(
                "the values of `{label}` in `{}` are an empty list, which nothing matches",
                self.path
            );
            self.problem(node.at, message, "remove the label to take every value");
        }
        nodes.iter().filter_map(|node| self.value(label, node)).collect()
    }

    fn value(&mut self, label: &str, node: &Node) -> Option<String> {
        let text = match &node.value {
            // As Python writes them, and so Infrahub.
            Value::Bool(true) => Some("True".to_owned()),
            Value::Bool(false) => Some("False".to_owned()),
            Value::Null if [VALUE, PREVIOUS].contains(&label) => Some("NULL".to_owned()),
            _ => node.scalar(),
        };
        let Some(text) = text else {
            let path = self.path;
            let message = format!(
                "a value of `{label}` in `{path}` must be a text or a list of texts, this is {}",
                node.kind()
            );
            self.problem(node.at, message, "give the text, or remove the label");
            return None;
        };
        if let Some((why, help)) = impossible(label, &text) {
            let message = format!("a value of `{label}` in `{}` {why}", self.path);
            self.problem(node.at, message, help);
        }
        Some(text)
    }

    /// Whether one resource can have all these labels.
    fn together(&mut self, at: At, labels: &[Wanted]) {
        let role = labels.iter().find(|wanted| wanted.label == ROLE);
        let carry = |name: &'static str| known::carriers([name].into_iter());
        let of_role = |name: &str| role.is_none_or(|role| role.takes(name));
        let mut together = known::carriers(labels.iter().map(|wanted| wanted.label));
        // A role that does not exist is told where it stands.
        if together.any(&of_role) || !carry(ROLE).any(&of_role) {
            return;
        }
        let path = self.path;
        let odd = labels.iter().find(|wanted| !carry(wanted.label).any(&of_role));
        let Some((odd, role)) = odd.zip(role) else {
            let message = format!("`{path}` asks for labels that no related resource has together");
            return self.problem(at, message, "give them as several mappings in a list");
        };
        let owners = carry(odd.label).collect::<Vec<_>>().join("`, `");
        let message = format!(
            "`{path}` asks for the label `{}`, which the role {} does not have",
            odd.label, role.written
        );
        self.problem(at, message, format!("the label is one of `{owners}`"));
    }
}

fn related_labels() -> impl Iterator<Item = &'static str> {
    ROLES.iter().flat_map(|(_, labels)| labels.iter().copied()).chain([ROLE])
}

/// Why no label, or every label, has such a value; and the remedy.
fn impossible(label: &str, written: &str) -> Option<(String, String)> {
    let expected = Expected::new(written);
    let text = expected.text.as_str();
    if expected.negated && expected.begins && text.is_empty() {
        return Some(("is `!*`, which nothing matches".to_owned(), "remove the label".to_owned()));
    }
    if FREE.contains(&label) {
        return None;
    }
    if text.is_empty() && !expected.begins {
        let help = "remove it; `*` matches everything that has the label".to_owned();
        return Some(("is empty, which the label never is".to_owned(), help));
    }
    if text.contains('*') {
        let help = "write a beginning and `*`, or use `kind:`, `type:` and their like, which take globs";
        let why = format!("is `{written}`, where a `*` that is not at the end stands for itself");
        return Some((why, help.to_owned()));
    }
    let roles = ROLES.map(|(role, _)| role);
    let choices = if label == ROLE { &roles } else { known::choices(label)? };
    let known =
        choices.iter().any(|choice| if expected.begins { choice.starts_with(text) } else { *choice == text });
    if known {
        return None;
    }
    let help = nearest(text, choices);
    Some(match UNTOLD.contains(&text) {
        true => (
            format!("is `{text}`, which no webhook tells"),
            "remove it: only inside Infrahub it can be asked for".to_owned(),
        ),
        false => (format!("is `{text}`, which it never has"), help),
    })
}
