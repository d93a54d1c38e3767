//! YAML as text: scalars whose quoting is always right, trees, comments, and parts that are
//! commented out. Knows nothing of what it writes.

use crate::model::Json;

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
                Self::Map(members.iter().map(|(key, value)| (key.clone(), Self::of(value))).collect())
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
pub(super) struct Writer(String);

impl Writer {
    pub fn finish(self) -> String {
        self.0
    }

    /// A line that is YAML already; an empty one has no indentation.
    pub fn line(&mut self, depth: usize, text: &str) {
        if !text.is_empty() {
            self.0.push_str(&"  ".repeat(depth));
            self.0.push_str(text);
        }
        self.0.push('\n');
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
        let start = self.0.len() + 2 * depth;
        match value {
            Tree::List(items) => items.iter().for_each(|item| self.item(depth + 1, item)),
            Tree::Map(entries) => {
                entries.iter().for_each(|(key, value)| self.entry(depth + 1, key, value));
            }
            _ => return,
        }
        self.0.replace_range(start..start + 2, "- ");
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
            self.line(depth + 1, line);
        }
    }

    /// What `write` writes, commented out from a depth on. Without the marks it is YAML again.
    pub fn off(&mut self, depth: usize, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        for line in inner.0.lines() {
            let line = line.get(2 * depth..).unwrap_or_default();
            self.line(depth, format!("# {line}").trim_end());
        }
    }
}

/// A scalar as it must be written so that it reads as this very text.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Words that every YAML reader takes for texts.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 12] =
        ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf", "infinity"];
    let lower = text.to_ascii_lowercase();
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/')
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte))
        && !WORDS.contains(&lower.as_str())
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_odd(c) => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Characters that YAML does not allow as they are, or that people do not see. All have four
/// hexadecimal digits.
fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}')
        || matches!(c, '\u{FEFF}' | '\u{FFF9}'..='\u{FFFF}')
}

/// Whether a text may stand as a block, line by line.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.trim().is_empty()
        && text.chars().all(|c| c == '\n' || c == '\t' || !is_odd(c))
}

/// A text in one line that no terminal, and no comment, can be led astray by.
pub(super) fn shown(text: &str) -> String {
    text.chars().map(|c| if is_odd(c) { ' ' } else { c }).collect()
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
