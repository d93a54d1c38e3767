//! Definitions of a Lua file, and what they mention. Knows of the language what the files here use.
//!
//! A definition begins at a line that begins with `local` or `function` and ends before the next one.
//! What it mentions may be more than it needs, as a name of its own may be that of another definition.

use std::collections::BTreeSet;

/// One definition, with the statements that follow it.
#[derive(Debug)]
pub(super) struct Unit {
    /// As `name` or `table.name`.
    names: Vec<&'static str>,
    text: &'static str,
}

impl Unit {
    /// Those of a file; what stands before the first one is a comment.
    pub(super) fn all(file: &'static str) -> Vec<Self> {
        let mut places: Vec<usize> = Vec::new();
        let mut at = 0;
        for line in file.split_inclusive('\n') {
            if line.starts_with("local ") || line.starts_with("function ") {
                places.push(at);
            }
            at += line.len();
        }
        let ends = places.iter().skip(1).copied().chain([file.len()]);
        places.iter().zip(ends).filter_map(|(from, to)| file.get(*from..to)).map(Self::new).collect()
    }

    fn new(text: &'static str) -> Self {
        let line = text.lines().next().unwrap_or_default();
        let line = line.strip_prefix("local ").unwrap_or(line);
        let names = match line.strip_prefix("function ") {
            Some(function) => function.split('(').take(1).collect(),
            None => line.split('=').take(1).flat_map(|names| names.split(',')).map(str::trim).collect(),
        };
        Self { names, text }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.names.iter().copied()
    }

    pub(super) fn text(&self) -> &'static str {
        self.text
    }
}

/// The names that a text mentions, as `name` and `table.name`; the handler of a message that it sends
/// as `handlers.<kind>`.
pub(super) fn mentions(text: &str) -> BTreeSet<String> {
    let (mut found, mut rest, mut sends) = (BTreeSet::new(), text, false);
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("--") {
            rest = rest.trim_start_matches(|c| c != '\n');
        } else if first == '\'' || first == '"' {
            let (string, after) = string(rest, first);
            if std::mem::take(&mut sends) {
                found.insert(format!("handlers.{string}"));
            }
            rest = after;
        } else if is_of_word(first) {
            let (name, after) = word(rest);
            rest = after;
            if let Some((field, after)) =
                after.strip_prefix('.').map(word).filter(|(field, _)| !field.is_empty())
            {
                found.insert(format!("{name}.{field}"));
                rest = after;
            }
            sends |= name == "send";
            found.insert(name.to_owned());
        } else {
            // A field of what is not a name, as in `row[1].kind`, is none either.
            let is_field = first == '.' && !rest.starts_with("..");
            rest = rest.trim_start_matches(first);
            rest = if is_field { word(rest).1 } else { rest };
        }
    }
    found
}

fn is_of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// The word at the beginning, perhaps empty, and what follows.
fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|letter| !is_of_word(letter)).unwrap_or(text.len()))
}

/// What stands in quotes, as it is written, and what follows.
fn string(text: &str, quote: char) -> (&str, &str) {
    let mut is_escaped = false;
    let inner = text.get(1..).unwrap_or_default();
    let end = inner.find(|c| {
        let ends = c == quote && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    let (string, after) = inner.split_at(end.unwrap_or(inner.len()));
    (string, after.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_have_names_and_end_before_the_next() {
        let file = "-- About it.\n\nlocal a, b = {}, {}\n\n-- One.\nlocal function c(d)\n    return d\nend\n\n\
                    function a.e()\nend\n";
        let units = Unit::all(file);
        let names: Vec<Vec<_>> = units.iter().map(|unit| unit.names().collect()).collect();
        assert_eq!(names, [vec!["a", "b"], vec!["c"], vec!["a.e"]]);
        assert_eq!(units[1].text(), "local function c(d)\n    return d\nend\n\n");
        assert_eq!(units[0].text(), "local a, b = {}, {}\n\n-- One.\n");
    }

    #[test]
    fn names_count_and_texts_fields_and_comments_do_not() {
        for (text, wanted) in [
            ("a(b.c, d.e.f)", &["a", "b", "b.c", "d", "d.e"][..]),
            ("x[1].y", &["1", "x"]),
            ("'it\\'s' .. b -- home's c\nd", &["b", "d"]),
            ("\"e 'f\" .. g..h", &["g", "h"]),
            ("send(\n    to, 'moved', {a = 'b'})", &["a", "handlers.moved", "send", "to"]),
        ] {
            assert_eq!(mentions(text).iter().collect::<Vec<_>>(), wanted, "{text}");
        }
    }
}
