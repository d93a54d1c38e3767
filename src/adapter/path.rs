//! JSONPath (RFC 9535), parsed once. The only file that knows the JSONPath engine.
//!
//! Plain member chains such as `$.data.id` are walked directly and never reach the engine.

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;

use crate::model::{Json, Names};

/// A compiled path. It begins with `$` (the document) or `@` (the element at hand).
#[derive(Debug, Clone)]
pub(crate) struct Path {
    text: String,
    /// Counts from the element at hand, not from the document.
    pub relative: bool,
    query: JpQuery,
    /// The names, where the path is nothing but names.
    chain: Option<Names>,
}

impl Path {
    /// Whether a text of an adapter file is meant as a path.
    pub fn looks_like(text: &str) -> bool {
        let mut letters = text.chars();
        matches!(letters.next(), Some('$' | '@')) && matches!(letters.next(), None | Some('.' | '['))
    }

    /// Compiles a path; the error is one line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let relative = text.starts_with('@');
        let rooted = if relative { format!("${}", text.get(1..).unwrap_or("")) } else { text.to_owned() };
        let query = parse_json_path(&rooted).map_err(|error| one_line(&error.to_string()))?;
        Ok(Self { text: text.to_owned(), relative, chain: chain(&query), query })
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names, where the path is nothing but names.
    pub fn names(&self) -> Option<&Names> {
        self.chain.as_ref()
    }

    /// The first node it selects below `base`.
    pub fn first<'d>(&self, base: &'d Json) -> Option<&'d Json> {
        match &self.chain {
            Some(names) => names.iter().try_fold(base, |node, name| node.get(&**name)),
            None => self.engine(base).into_iter().next(),
        }
    }

    /// All the nodes it selects below `base`.
    pub fn all<'d>(&self, base: &'d Json) -> Vec<&'d Json> {
        match &self.chain {
            Some(_) => self.first(base).into_iter().collect(),
            None => self.engine(base),
        }
    }

    fn engine<'d>(&self, base: &'d Json) -> Vec<&'d Json> {
        js_path_process(&self.query, base)
            .map(|found| found.into_iter().map(|node| node.val()).collect())
            .unwrap_or_default()
    }

    /// The same path below `to` instead of below `from`, if it lies below `from`.
    pub fn moved(&self, from: &Path, to: &Path) -> Option<Path> {
        let rest = self.query.segments.strip_prefix(from.query.segments.as_slice())?;
        if rest.is_empty() {
            return None;
        }
        let query = JpQuery::new(to.query.segments.iter().chain(rest).cloned().collect());
        Some(Self { text: self.text.clone(), relative: self.relative, chain: chain(&query), query })
    }
}

fn chain(query: &JpQuery) -> Option<Names> {
    query
        .segments
        .iter()
        .map(|segment| match segment {
            Segment::Selector(Selector::Name(name)) => Some(name.as_str().into()),
            _ => None,
        })
        .collect()
}

/// The engine draws its syntax errors over several lines; the last one says what it expected.
fn one_line(message: &str) -> String {
    let line = message.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
    match message.lines().find_map(|line| line.split_once("--> 1:")).map(|(_, column)| column) {
        Some(column) => format!("{} at column {column}", line.trim_start_matches(['=', ' '])),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json;

    #[test]
    fn a_chain_of_names_is_walked_without_the_engine() {
        let path = Path::parse("$.event_time['$date']").unwrap();
        assert!(path.chain.is_some());
        assert_eq!(path.first(&json!({"event_time": {"$date": 5}})), Some(&json!(5)));
        assert_eq!(path.first(&json!([1])), None);
    }

    #[test]
    fn filters_and_wildcards_go_through_the_engine() {
        let path = Path::parse("@.peers[?@.status == 'added'].id").unwrap();
        assert!(path.relative && path.chain.is_none());
        let peers = json!({"peers": [{"id": 1, "status": "added"}, {"id": 2}, {"id": 3, "status": "added"}]});
        assert_eq!(path.all(&peers), [&json!(1), &json!(3)]);
    }

    #[test]
    fn a_path_moves_to_where_the_same_thing_stands_again() {
        let [data, snapshot] = ["$.data", "$.snapshots.prechange"].map(|text| Path::parse(text).unwrap());
        let moved = Path::parse("$.data.tags[0]").unwrap().moved(&data, &snapshot).unwrap();
        assert_eq!(moved.first(&json!({"snapshots": {"prechange": {"tags": ["x"]}}})), Some(&json!("x")));
        assert!(data.moved(&data, &snapshot).is_none());
    }

    #[test]
    fn a_broken_path_is_explained_in_one_line() {
        let error = Path::parse("$.data[").unwrap_err();
        assert!(!error.contains('\n') && error.contains("column"), "{error}");
    }
}
