//! YAML as text: scalars whose quoting is always right, trees, comments, and parts that are
//! commented out. Knows nothing of what it writes.

mod scalar;

use crate::model::Json;
use scalar::is_block;

pub(super) use scalar::{scalar, shown};

/// Comments are wrapped at about this column.
const WIDTH: usize = 100;
/// A key that is longer is written in the form for long keys, which parsers ask for from 1024 on.
const LONG_KEY: usize = 500;

/// A text as configs write it: `${NAME:-…}` is a variable, and `$${` the text `${` itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text(String);

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    /// The lexeme.
    Number(String),
    Text(Text),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Text {
    /// A text that means what it says.
    pub fn literal(text: &str) -> Self {
        Self(text.replace("${", "$${"))
    }

    /// What a variable holds; a placeholder while it is not set.
    pub fn variable(name: &str) -> Self {
        Self::with_default(name, "replace-me")
    }

    /// The same with a default of its own.
    pub fn with_default(name: &str, default: &str) -> Self {
        Self(format!("${{{name}:-{default}}}"))
    }

    /// Goes on with another text. None may end with `$`: nothing could keep it from what follows.
    pub fn then(mut self, next: &Self) -> Self {
        self.0.push_str(&next.0);
        self
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Tree {
    pub fn text(text: &str) -> Self {
        Self::Text(Text::literal(text))
    }

    pub fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(|text| Self::text(text.as_ref())).collect())
    }

    /// A document with the very numbers and the order it came in.
    pub fn of(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(flag) => Self::Bool(*flag),
            Json::Number(number) => Self::Number(number.to_string()),
            Json::String(text) => Self::text(text),
            Json::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            Json::Object(members) => {
                Self::Map(members.iter().map(|(key, value)| (key.to_owned(), Self::of(value))).collect())
            }
        }
    }

    /// The value in one line, where it fits into one.
    fn inline(&self) -> Option<String> {
        match self {
            Self::Null => Some("null".to_owned()),
            Self::Bool(flag) => Some(flag.to_string()),
            Self::Number(lexeme) => Some(lexeme.clone()),
            Self::Text(text) => Some(scalar(text.as_str())),
            Self::Map(entries) => entries.is_empty().then(|| "{}".to_owned()),
            Self::List(items) => {
                let simple = |item: &Self| !matches!(item, Self::List(_) | Self::Map(_));
                if !items.iter().all(simple) {
                    return None;
                }
                let items: Option<Vec<String>> = items.iter().map(Self::inline).collect();
                Some(format!("[{}]", items?.join(", "))).filter(|line| line.len() < WIDTH)
            }
        }
    }
}

/// Lines of YAML. A depth is two spaces.
#[derive(Debug, Default)]
pub(super) struct Writer {
    out: String,
    /// The last line belongs to a block that keeps the empty lines behind it.
    keeps: bool,
}

impl Writer {
    pub fn finish(self) -> String {
        self.out
    }

    /// A line that is YAML already.
    pub fn line(&mut self, depth: usize, text: &str) {
        self.out.push_str(&"  ".repeat(depth));
        self.out.push_str(text);
        self.out.push('\n');
        self.keeps = false;
    }

    /// An empty line for the eye, where it would not become part of a text.
    pub fn gap(&mut self) {
        if !self.keeps {
            self.out.push('\n');
        }
    }

    /// A comment, wrapped.
    pub fn comment(&mut self, depth: usize, text: &str) {
        for line in wrapped(&shown(text), WIDTH.saturating_sub(2 * depth + 2)) {
            self.line(depth, &format!("# {line}"));
        }
    }

    /// A comment that goes on under its mark: `1. text`, with later lines behind the mark.
    pub fn point(&mut self, mark: &str, text: &str) {
        let width = WIDTH.saturating_sub(mark.chars().count() + 3);
        for (index, line) in wrapped(&shown(text), width).iter().enumerate() {
            let mark = if index == 0 { mark.to_owned() } else { " ".repeat(mark.chars().count()) };
            self.line(0, &format!("# {mark} {line}"));
        }
    }

    /// `key: value`.
    pub fn entry(&mut self, depth: usize, key: &str, value: &Tree) {
        let mut key = scalar(key);
        if key.len() > LONG_KEY {
            self.line(depth, &format!("? {key}"));
            key.clear();
        }
        match value {
            Tree::Text(text) if is_block(text.as_str()) => self.block(depth, &key, text.as_str()),
            _ => match (value.inline(), value) {
                (Some(line), _) => self.line(depth, &format!("{key}: {line}")),
                (None, Tree::List(items)) => {
                    self.line(depth, &format!("{key}:"));
                    items.iter().for_each(|item| self.item(depth + 1, item));
                }
                (None, Tree::Map(entries)) => {
                    self.line(depth, &format!("{key}:"));
                    entries.iter().for_each(|(key, value)| self.entry(depth + 1, key, value));
                }
                (None, _) => {}
            },
        }
    }

    /// `- value`: written one deeper, with the dash where the indentation of its first line ends.
    fn item(&mut self, depth: usize, value: &Tree) {
        if let Some(line) = value.inline() {
            return self.line(depth, &format!("- {line}"));
        }
        let start = self.out.len() + 2 * depth;
        match value {
            Tree::List(items) => items.iter().for_each(|item| self.item(depth + 1, item)),
            Tree::Map(entries) => {
                entries.iter().for_each(|(key, value)| self.entry(depth + 1, key, value));
            }
            _ => return,
        }
        self.out.replace_range(start..start + 2, "- ");
    }

    fn block(&mut self, depth: usize, key: &str, text: &str) {
        let indentation = if text.starts_with([' ', '\n', '\t']) { "2" } else { "" };
        let ends = text.len() - text.trim_end_matches('\n').len();
        let chomping = match ends {
            0 => "-",
            1 => "",
            _ => "+",
        };
        self.line(depth, &format!("{key}: |{indentation}{chomping}"));
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            match line.is_empty() {
                true => self.out.push('\n'),
                false => self.line(depth + 1, line),
            }
        }
        self.keeps = ends > 1;
    }

    /// What `write` writes, commented out from a depth on. Without the marks it is YAML again.
    pub fn off(&mut self, depth: usize, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        for line in inner.out.lines() {
            let line = line.get(2 * depth..).unwrap_or_default();
            let mark = if line.is_empty() { "#" } else { "# " };
            self.line(depth, &format!("{mark}{line}"));
        }
        self.keeps = inner.keeps;
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests;
