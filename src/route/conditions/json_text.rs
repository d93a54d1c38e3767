//! Conditions as a text of JSON, pasted from NetBox's form.

use crate::problem::Problems;
use crate::yaml::{self, At, Key, Node, Value};

/// Reads the text; JSON is YAML. The places of its nodes are those in the file that has the text.
pub(super) fn parse(file: &str, path: &str, at: At, text: &str, problems: &mut Problems) -> Option<Node> {
    if !text.trim_start().starts_with('{') {
        problems
            .add(file, Some(at), format!("`{path}` must be a mapping, or a text that holds one as JSON"))
            .help("write it like `{ and: [{ attr: status.value, value: active }] }`");
        return None;
    }
    let origin = Origin::of(at, text);
    let mut found = Problems::default();
    let node = yaml::parse(file, text.trim(), &mut found);
    for problem in found.into_sorted() {
        let at = problem.at.map_or(at, |at| origin.place(at));
        let message = problem.message.replace("could not read the YAML", "could not read the JSON");
        let added = problems.add(file, Some(at), format!("`{path}`: {message}"));
        added.help = problem.help;
    }
    node.map(|node| origin.moved(node))
}

/// Where the first character of the document stands in the file.
struct Origin(At);

impl Origin {
    /// Only a block (`|`) holds a text of several lines. Its place is where its first line that
    /// is not empty begins, and all its lines are cut off at that column; the place of a quoted
    /// text is its quote.
    fn of(at: At, text: &str) -> Self {
        let is_quoted = !text.contains('\n');
        let line = text.trim_start_matches('\n');
        let indent = line.len() - line.trim_start().len();
        Self((at.0, at.1 + indent + usize::from(is_quoted)))
    }

    fn place(&self, (line, column): At) -> At {
        (self.0.0 + line - 1, self.0.1 + column - 1)
    }

    fn moved(&self, node: Node) -> Node {
        let value = match node.value {
            Value::List(items) => Value::List(items.into_iter().map(|item| self.moved(item)).collect()),
            Value::Map(entries) => {
                let moved = |(key, node): (Key, Node)| {
                    let at = self.place(key.at);
                    (Key { at, ..key }, self.moved(node))
                };
                Value::Map(entries.into_iter().map(moved).collect())
            }
            other => other,
        };
        Node { at: self.place(node.at), value, lines: Vec::new() }
    }
}
