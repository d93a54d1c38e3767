//! YAML as a tree that knows where each node stands, and a reader of mappings that reports
//! every wrong, unknown or missing key. The only file that knows the YAML parser.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use crate::model::Json;
use crate::problem::Problems;

/// Line and column, counted from 1.
pub type At = (usize, usize);

/// How deep a document may nest.
const MAX_DEPTH: usize = 64;
/// How many nodes aliases may multiply a document to.
const MAX_NODES: usize = 200_000;

/// One node and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub at: At,
    pub value: Value,
    /// Where the lines of a text that is quoted, or has several, begin: byte of the text, and
    /// place in the file. See [`place_of`].
    pub lines: Vec<(usize, At)>,
}

/// Where in the file a byte of a text stands, by the text's place and its [`Node::lines`].
pub fn place_of(at: At, lines: &[(usize, At)], text: &str, offset: usize) -> At {
    let begun = lines.iter().rev().find(|(start, _)| *start <= offset);
    let (start, (line, column)) = begun.copied().unwrap_or((0, at));
    let between = text.get(start..offset).unwrap_or_default();
    match between.rsplit_once('\n') {
        Some((before, last)) => (line + before.matches('\n').count() + 1, last.chars().count() + 1),
        None => (line, column + between.chars().count()),
    }
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    /// The lexeme, as written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub at: At,
    pub name: String,
}

impl Node {
    /// What the node is, for messages: `a text`, `a list`, …
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// A text, or a number or boolean as it was written.
    pub fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Number(lexeme) => Some(lexeme.clone()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    /// The value of a key, if this is a mapping that has it.
    pub fn get(&self, name: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The same as JSON. Numbers JSON does not know (`.inf`, hexadecimal) become texts.
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(flag) => Json::Bool(*flag),
            Value::Number(lexeme) => {
                serde_json::from_str(lexeme).unwrap_or_else(|_| Json::String(lexeme.as_str().into()))
            }
            Value::Text(text) => Json::String(text.as_str().into()),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => {
                Json::Object(entries.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect())
            }
        }
    }
}

/// Parses one document. Syntax errors, doubled keys and further documents go to `problems`.
pub fn parse(file: &str, text: &str, problems: &mut Problems) -> Option<Node> {
    let source = text.lines().collect();
    let mut builder = Builder { file, source, problems, anchors: HashMap::new(), nodes: 0 };
    let mut events = Parser::new_from_str(text);
    let mut root = None;
    loop {
        match builder.next(&mut events)? {
            (Event::StreamEnd, _) => break,
            (Event::DocumentStart(_), span) if root.is_some() => {
                let message = "a second YAML document, which would be ignored";
                builder
                    .problems
                    .add(file, Some(place(&span)), message)
                    .help("put one document into each file");
                return None;
            }
            (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
            (event, span) => root = Some(builder.node(event, &span, &mut events, 0)?),
        }
    }
    Some(root.unwrap_or(Node { at: (1, 1), value: Value::Null, lines: Vec::new() }))
}

struct Builder<'a> {
    file: &'a str,
    source: Vec<&'a str>,
    problems: &'a mut Problems,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

type Events<'t> = Parser<'t, saphyr_parser::StrInput<'t>>;

impl Builder<'_> {
    fn next<'t>(&mut self, events: &mut Events<'t>) -> Option<(Event<'t>, Span)> {
        match events.next_event() {
            Some(Ok(event)) => Some(event),
            Some(Err(error)) => {
                let marker = error.marker();
                self.problems
                    .add(
                        self.file,
                        Some((marker.line(), marker.col() + 1)),
                        format!("could not read the YAML: {}", error.info()),
                    )
                    .help("check indentation, quotes and brackets at this place");
                None
            }
            None => Some((Event::StreamEnd, Span::default())),
        }
    }

    fn node<'t>(
        &mut self,
        event: Event<'t>,
        span: &Span,
        events: &mut Events<'t>,
        depth: usize,
    ) -> Option<Node> {
        let at = place(span);
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            self.problems.add(self.file, Some(at), "the document nests too deeply or is too large");
            return None;
        }
        self.nodes += 1;
        let mut lines = Vec::new();
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, _) => {
                if style != ScalarStyle::Plain || text.contains([' ', '\n']) {
                    lines = self.lines(&text, at, span.end.line());
                }
                (anchor, scalar(&text, style))
            }
            Event::SequenceStart(anchor, _) => (anchor, Value::List(self.list(events, depth)?)),
            Event::MappingStart(anchor, _) => (anchor, Value::Map(self.map(events, depth)?)),
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                if let Some(node) = &node {
                    self.nodes += count(node);
                } else {
                    self.problems.add(
                        self.file,
                        Some(at),
                        "an alias of an anchor that does not stand above it",
                    );
                }
                return node;
            }
            _ => (0, Value::Null),
        };
        let node = Node { at, value, lines };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Some(node)
    }

    /// Finds the lines of a text in the file: what stands in each line of the file between its
    /// white space comes next in the text, unless it is written with escapes.
    fn lines(&self, text: &str, (line, column): At, end: usize) -> Vec<(usize, At)> {
        let mut found = Vec::new();
        let mut done = 0;
        for number in line..=end.max(line) {
            let Some(source) = self.source.get(number - 1) else { break };
            let skipped = if number == line { column - 1 } else { 0 };
            let rest: String = source.chars().skip(skipped).collect();
            let mut content = rest.trim_start();
            if number == line {
                if content.starts_with(['|', '>']) {
                    continue;
                }
                content = content.trim_start_matches(['"', '\'']);
            }
            let indent = skipped + rest.chars().count() - content.chars().count();
            // The first word will do: the rest may hold escapes, or a comment.
            let word = content.split_whitespace().next().unwrap_or_default().trim_end_matches(['"', '\'']);
            let place = text.get(done..).and_then(|left| left.find(word)).filter(|_| !word.is_empty());
            if let Some(place) = place {
                found.push((done + place, (number, indent + 1)));
                done += place + word.len();
            }
        }
        found
    }

    fn list(&mut self, events: &mut Events<'_>, depth: usize) -> Option<Vec<Node>> {
        let mut items = Vec::new();
        loop {
            match self.next(events)? {
                (Event::SequenceEnd, _) => return Some(items),
                (event, span) => items.push(self.node(event, &span, events, depth + 1)?),
            }
        }
    }

    fn map(&mut self, events: &mut Events<'_>, depth: usize) -> Option<Vec<(Key, Node)>> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        loop {
            let (event, span) = match self.next(events)? {
                (Event::MappingEnd, _) => return Some(entries),
                other => other,
            };
            let key = self.node(event, &span, events, depth + 1)?;
            let (event, span) = self.next(events)?;
            let value = self.node(event, &span, events, depth + 1)?;
            let Some(name) = key.scalar() else {
                self.problems.add(
                    self.file,
                    Some(key.at),
                    format!("a key must be a text, this is {}", key.kind()),
                );
                continue;
            };
            if entries.iter().any(|(seen, _)| seen.name == name) {
                self.problems
                    .add(self.file, Some(key.at), format!("the key `{name}` stands here twice"))
                    .help("remove one of the two");
                continue;
            }
            entries.push((Key { at: key.at, name }, value));
        }
    }
}

fn place(span: &Span) -> At {
    (span.start.line(), span.start.col() + 1)
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|(_, node)| count(node)).sum(),
        _ => 0,
    }
}

/// Plain scalars by the YAML 1.2 core schema (so `no` and `on` are texts).
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') && text.parse::<f64>().is_ok() => {
            Value::Number(text.to_owned())
        }
        _ => Value::Text(text.to_owned()),
    }
}

/// Reads one mapping key by key; [`Reader::finish`] reports the keys nobody asked for.
#[derive(Debug)]
pub struct Reader<'a> {
    pub file: &'a str,
    /// The dotted path of this mapping, for messages; empty at the top.
    pub path: String,
    pub at: At,
    entries: &'a [(Key, Node)],
    asked: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    /// A reader of `node`, which must be a mapping (or nothing at all, which reads as empty).
    pub fn new(
        file: &'a str,
        path: impl Into<String>,
        node: &'a Node,
        problems: &mut Problems,
    ) -> Option<Self> {
        let path = path.into();
        let entries: &[(Key, Node)] = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => &[],
            _ => {
                let name = if path.is_empty() { "the document".to_owned() } else { format!("`{path}`") };
                problems.add(
                    file,
                    Some(node.at),
                    format!("{name} must be a mapping, this is {}", node.kind()),
                );
                return None;
            }
        };
        Some(Self { file, path, at: node.at, entries, asked: Vec::new() })
    }

    /// The node of a key; asking makes the key known.
    pub fn node(&mut self, name: &'static str) -> Option<&'a Node> {
        self.asked.push(name);
        self.entries.iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// The dotted path of a key of this mapping.
    pub fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// All entries, for mappings whose keys are names the operator chose.
    pub fn entries(&self) -> &'a [(Key, Node)] {
        self.entries
    }

    /// A text (numbers count as written).
    pub fn text(&mut self, name: &'static str, problems: &mut Problems) -> Option<String> {
        let node = self.node(name)?;
        let text = node.scalar();
        if text.is_none() && node.value != Value::Null {
            self.wrong(name, node, "a text", problems);
        }
        text
    }

    /// `true` or `false`.
    pub fn flag(&mut self, name: &'static str, problems: &mut Problems) -> Option<bool> {
        let node = self.node(name)?;
        match &node.value {
            Value::Bool(flag) => Some(*flag),
            Value::Null => None,
            _ => {
                self.wrong(name, node, "true or false", problems);
                None
            }
        }
    }

    /// A whole number that is not negative.
    pub fn count(&mut self, name: &'static str, problems: &mut Problems) -> Option<u64> {
        let node = self.node(name)?;
        match &node.value {
            Value::Number(lexeme) if lexeme.parse::<u64>().is_ok() => lexeme.parse().ok(),
            Value::Null => None,
            _ => {
                self.wrong(name, node, "a whole number", problems);
                None
            }
        }
    }

    /// A list of texts; a single text reads as a list of one.
    pub fn texts(&mut self, name: &'static str, problems: &mut Problems) -> Option<Vec<(At, String)>> {
        let node = self.node(name)?;
        match &node.value {
            Value::Null => None,
            Value::List(items) => Some(
                items
                    .iter()
                    .filter_map(|item| {
                        let text = item.scalar();
                        if text.is_none() {
                            self.wrong(name, item, "a text", problems);
                        }
                        text.map(|text| (item.at, text))
                    })
                    .collect(),
            ),
            _ => match node.scalar() {
                Some(text) => Some(vec![(node.at, text)]),
                None => {
                    self.wrong(name, node, "a list of texts", problems);
                    None
                }
            },
        }
    }

    /// A mapping below this one.
    pub fn section(&mut self, name: &'static str, problems: &mut Problems) -> Option<Reader<'a>> {
        let node = self.node(name)?;
        Reader::new(self.file, self.path_of(name), node, problems)
    }

    /// Notes that a key holds something of the wrong kind.
    pub fn wrong(&self, name: &str, node: &Node, wanted: &str, problems: &mut Problems) {
        let path = self.path_of(name);
        problems.add(self.file, Some(node.at), format!("`{path}` must be {wanted}, this is {}", node.kind()));
    }

    /// Notes a key that has to be there.
    pub fn missing(&self, name: &str, help: &str, problems: &mut Problems) {
        let path = self.path_of(name);
        problems.add(self.file, Some(self.at), format!("`{path}` is missing")).help(help);
    }

    /// Reports every key that was never asked for, with the nearest known one.
    pub fn finish(self, problems: &mut Problems) {
        for (key, _) in self.entries {
            if self.asked.contains(&key.name.as_str()) {
                continue;
            }
            let path = self.path_of(&key.name);
            problems
                .add(self.file, Some(key.at), format!("unknown key `{path}`"))
                .help(nearest(&key.name, &self.asked));
        }
    }
}

/// `did you mean …?`, or the list of what is known.
pub fn nearest(name: &str, known: &[&str]) -> String {
    match near(name, known) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// The known name that a misspelt one resembles most, if it resembles any.
pub fn near<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let distances = known.iter().map(|candidate| (strsim::damerau_levenshtein(name, candidate), *candidate));
    distances.filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4).min().map(|(_, near)| near)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let mut problems = Problems::default();
        let node = parse("f.yaml", text, &mut problems);
        if let Some(node) = &node
            && let Some(mut top) = Reader::new("f.yaml", "", node, &mut problems)
        {
            top.count("listen", &mut problems);
            top.finish(&mut problems);
        }
        problems.into_sorted().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_unknown_key_is_reported_with_its_place_and_the_nearest_known_one() {
        assert_eq!(
            messages("a: 1\nlistne: 2\n")[1],
            "f.yaml:2:1: unknown key `listne`\n  help: did you mean `listen`?"
        );
    }

    #[test]
    fn every_problem_of_a_mapping_is_reported() {
        assert_eq!(messages("listen: yes\nlisten: 3\nb: 2\n").len(), 3);
    }

    #[test]
    fn broken_yaml_is_reported_with_its_place() {
        let found = messages("a: [1, 2\nb: }");
        assert!(found[0].starts_with("f.yaml:2:"), "{found:?}");
    }

    #[test]
    fn a_byte_of_a_text_is_found_in_the_file_however_the_text_is_written() {
        let file = "a: |\n  one\n    two x\n\n  three\nb: >-\n  one two\n  three x\nc: \"x y\"\nd: 'x y'\ne: x y\nf: x\n  y\n";
        let node = parse("f", file, &mut Problems::default()).unwrap();
        for (key, word, place) in [
            ("a", "one", (2, 3)),
            ("a", "x", (3, 9)),
            ("a", "three", (5, 3)),
            ("b", "two", (7, 7)),
            ("b", "x", (8, 9)),
            ("c", "y", (9, 7)),
            ("d", "y", (10, 7)),
            ("e", "y", (11, 6)),
            ("f", "y", (13, 3)),
        ] {
            let node = node.get(key).unwrap();
            let text = node.scalar().unwrap();
            let offset = text.find(word).unwrap();
            assert_eq!(place_of(node.at, &node.lines, &text, offset), place, "{key}: {word}");
        }
    }

    #[test]
    fn numbers_keep_their_lexeme_and_words_stay_texts() {
        let node = parse("f", "a: 1.50\nb: no\nc: 10.0.0.1\nd: .nan", &mut Problems::default()).unwrap();
        assert_eq!(node.to_json().to_string(), r#"{"a":1.50,"b":"no","c":"10.0.0.1","d":".nan"}"#);
    }
}
