//! Values as JSON, in the shape that Jinja2's `tojson` writes: keys sorted, ASCII only, safe to
//! stand in HTML. And JSON as values.

use std::fmt::Write as _;
use std::sync::Arc;

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::meter::{charge, charge_times, fault};
use super::number::{self, Lexeme};
use super::{ops, print, tree};
use crate::json::{NonFinite, parse};

/// How a document is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Spaces per level; `None`: all in one line.
    pub indent: Option<usize>,
    pub sorted: bool,
    /// `\u003c` for `<` and so on.
    pub html: bool,
}

/// A value as a JSON text.
pub(super) fn write(value: &Value, layout: Layout) -> Result<String, Error> {
    let mut writer = Writer { out: String::new(), layout };
    writer.value(value, 0)?;
    Ok(writer.out)
}

/// A JSON text as a value.
pub(super) fn read(text: &str) -> Result<Value, Error> {
    charge_times(text.len(), 8)?;
    let document = parse(text.as_bytes(), NonFinite::Refuse)
        .map_err(|error| fault(format!("`from_json` was given no JSON: {error}")))?;
    Ok(tree::root(Arc::new(document.value)))
}

struct Writer {
    out: String,
    layout: Layout,
}

impl Writer {
    fn put(&mut self, text: &str) -> Result<(), Error> {
        charge(text.len())?;
        self.out.push_str(text);
        Ok(())
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > print::DEEPEST {
            return Err(fault(format!("nests values deeper than {} levels", print::DEEPEST)));
        }
        match value.kind() {
            ValueKind::None => self.put("null"),
            ValueKind::Bool => self.put(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.number(value),
            ValueKind::String => self.text(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => self.list(value, depth),
            ValueKind::Map => self.map(value, depth),
            ValueKind::Undefined => {
                // The error that names what is undefined.
                value.get_attr("")?;
                Ok(())
            }
            _ => match value.downcast_object_ref::<Lexeme>() {
                Some(lexeme) => self.put(lexeme.0.as_str()),
                None => Err(fault(format!("JSON has no form for {}", value.kind()))),
            },
        }
    }

    fn number(&mut self, value: &Value) -> Result<(), Error> {
        match number::of(value) {
            Some(number::Num::Float(float)) if !float.is_finite() => {
                Err(fault("JSON has no form for numbers that are not finite"))
            }
            _ => self.put(&print::text(value)?),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        charge_times(text.len() + 2, 2)?;
        let html = self.layout.html;
        let out = &mut self.out;
        out.push('"');
        for letter in text.chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '<' | '>' | '&' | '\'' if html => escaped(out, letter),
                ' '..='~' => out.push(letter),
                _ => escaped(out, letter),
            }
        }
        out.push('"');
        Ok(())
    }

    fn list(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let mut items = value.try_iter()?.checked().peekable();
        if items.peek().is_none() {
            return self.put("[]");
        }
        self.put("[")?;
        let mut first = true;
        for item in items {
            self.next(depth + 1, std::mem::take(&mut first))?;
            self.value(&item?, depth + 1)?;
        }
        self.line(depth)?;
        self.put("]")
    }

    fn map(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
        let mut pairs: Vec<(Value, Value)> = pairs.into_iter().flatten().collect();
        if pairs.is_empty() {
            return self.put("{}");
        }
        if self.layout.sorted {
            pairs = ops::sorted(pairs, &|(a, _), (b, _)| Ok(ops::order("<", a, b)?.is_lt()))?;
        }
        self.put("{")?;
        let mut first = true;
        for (key, member) in pairs {
            self.next(depth + 1, std::mem::take(&mut first))?;
            self.text(&name(&key)?)?;
            self.put(": ")?;
            self.value(&member, depth + 1)?;
        }
        self.line(depth)?;
        self.put("}")
    }

    /// What stands before an entry.
    fn next(&mut self, depth: usize, first: bool) -> Result<(), Error> {
        match (first, self.layout.indent) {
            (true, _) => {}
            (false, None) => self.put(", ")?,
            (false, Some(_)) => self.put(",")?,
        }
        self.line(depth)
    }

    fn line(&mut self, depth: usize) -> Result<(), Error> {
        let Some(indent) = self.layout.indent else { return Ok(()) };
        charge_times(indent, depth + 1)?;
        self.put("\n")?;
        self.out.extend(std::iter::repeat_n(' ', indent * depth));
        Ok(())
    }
}

/// A key as JSON names it.
fn name(key: &Value) -> Result<String, Error> {
    match key.kind() {
        ValueKind::String => Ok(key.as_str().unwrap_or_default().to_owned()),
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Bool => Ok(if key.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::Number => Ok(print::text(key)?.into_owned()),
        other => Err(fault(format!("a key of JSON cannot be {other}"))),
    }
}

fn escaped(out: &mut String, letter: char) {
    for unit in letter.encode_utf16(&mut [0; 2]) {
        // Writing into a text cannot fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}
