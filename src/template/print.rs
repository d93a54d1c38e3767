//! Values as text: what Python's `str` and `repr` write, under the limits of a rendering.

use std::borrow::Cow;
use std::fmt::Write as _;

use minijinja::value::ValueKind;
use minijinja::{Error, Value};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::filters::Group;
use super::functions::is_range;
use super::meter::{charge, fault};
use super::number;

/// How deep values may nest.
pub(super) const DEEPEST: usize = 128;

/// A value as `{{ … }}` prints it.
pub(super) fn text(value: &Value) -> Result<Cow<'_, str>, Error> {
    match value.as_str() {
        Some(text) => Ok(Cow::Borrowed(text)),
        None => {
            let mut out = Paper::default();
            out.plain(value)?;
            Ok(Cow::Owned(out.0))
        }
    }
}

/// A value as it stands inside of a printed list.
pub(super) fn repr(value: &Value) -> Result<String, Error> {
    let mut out = Paper::default();
    out.value(value, 0)?;
    Ok(out.0)
}

#[derive(Default)]
struct Paper(String);

impl Paper {
    fn put(&mut self, text: &str) -> Result<(), Error> {
        charge(text.len())?;
        self.0.push_str(text);
        Ok(())
    }

    fn plain(&mut self, value: &Value) -> Result<(), Error> {
        match (value.kind(), value.as_str()) {
            (ValueKind::Undefined, _) => Ok(()),
            (_, Some(text)) => self.put(text),
            _ => self.value(value, 0),
        }
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > DEEPEST {
            return Err(fault(format!("nests values deeper than {DEEPEST} levels")));
        }
        match value.kind() {
            ValueKind::Undefined => self.put("Undefined"),
            ValueKind::None => self.put("None"),
            ValueKind::Bool => self.put(if value.is_true() { "True" } else { "False" }),
            ValueKind::Number if !value.is_integer() => {
                let float = f64::try_from(value.clone())?;
                self.put(&number::written(float))
            }
            ValueKind::String => self.quoted(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => self.list(value, depth),
            ValueKind::Map => self.map(value, depth),
            // Numbers, functions and the like.
            _ => self.put(&value.to_string()),
        }
    }

    fn list(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if is_range(value) {
            return self.put(&value.to_string());
        }
        let tuple = value.is_tuple() || value.downcast_object_ref::<Group>().is_some();
        let (open, close) = if tuple { ("(", ")") } else { ("[", "]") };
        self.put(open)?;
        for (index, item) in value.try_iter()?.checked().enumerate() {
            if index > 0 {
                self.put(", ")?;
            }
            self.value(&item?, depth + 1)?;
        }
        if tuple && value.len() == Some(1) {
            self.put(",")?;
        }
        self.put(close)
    }

    fn map(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.put("{")?;
        let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
        for (index, (key, member)) in pairs.into_iter().flatten().enumerate() {
            if index > 0 {
                self.put(", ")?;
            }
            self.value(&key, depth + 1)?;
            self.put(": ")?;
            self.value(&member, depth + 1)?;
        }
        self.put("}")
    }

    /// In the quotes that Python would take, with what does not print escaped.
    fn quoted(&mut self, text: &str) -> Result<(), Error> {
        charge(text.len() + 2)?;
        let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
        let out = &mut self.0;
        out.push(quote);
        for letter in text.chars() {
            match letter {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\\' => out.push_str("\\\\"),
                _ if letter == quote => out.extend(['\\', quote]),
                ' '..='~' => out.push(letter),
                _ if prints(letter) => out.push(letter),
                // Writing into a text cannot fail.
                _ => drop(match u32::from(letter) {
                    code @ ..=0xff => write!(out, "\\x{code:02x}"),
                    code @ ..=0xffff => write!(out, "\\u{code:04x}"),
                    code => write!(out, "\\U{code:08x}"),
                }),
            }
        }
        out.push(quote);
        Ok(())
    }
}

fn prints(letter: char) -> bool {
    let group = letter.general_category_group();
    !matches!(group, GeneralCategoryGroup::Other | GeneralCategoryGroup::Separator)
}
