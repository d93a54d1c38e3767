//! Documents written the way Python writes them.
//!
//! Numbers keep their characters, objects their order: only white space, escapes and quotes
//! differ from form to form.

use std::fmt::{self, Write};

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::model::Json;

/// How `json.dumps` was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// `", "` and `": "` (Python's default), or `","` and `":"`.
    pub spaced: bool,
    /// `ensure_ascii` (Python's default).
    pub ascii: bool,
}

pub(super) const SPACED_ASCII: Style = Style { spaced: true, ascii: true };
pub(super) const COMPACT_ASCII: Style = Style { spaced: false, ascii: true };
pub(super) const COMPACT_UTF8: Style = Style { spaced: false, ascii: false };
pub(super) const SPACED_UTF8: Style = Style { spaced: true, ascii: false };

/// `json.dumps(value)` in a style.
pub(super) fn dumps(value: &Json, style: Style) -> String {
    text(|out| write_json(out, value, style))
}

/// `str(value)`: of a string the text itself, of anything else its `repr`.
pub(crate) fn str(value: &Json) -> String {
    match value {
        Json::String(text) => text.to_string(),
        other => text(|out| write_repr(out, other)),
    }
}

/// Whether `bytes` are exactly `json.dumps(value)` in a style. Stops at the first difference.
pub(super) fn is_dumps(bytes: &[u8], value: &Json, style: Style) -> bool {
    let mut same = Same { rest: bytes };
    write_json(&mut same, value, style).is_ok() && same.rest.is_empty()
}

/// Takes writes only as long as they are what is expected.
struct Same<'a> {
    rest: &'a [u8],
}

impl Write for Same<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.rest = self.rest.strip_prefix(text.as_bytes()).ok_or(fmt::Error)?;
        Ok(())
    }
}

fn text(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut out = String::new();
    // Writing into a `String` does not fail.
    let _ = write(&mut out);
    out
}

fn write_json(out: &mut impl Write, value: &Json, style: Style) -> fmt::Result {
    let (comma, colon) = if style.spaced { (", ", ": ") } else { (",", ":") };
    match value {
        Json::Null => out.write_str("null"),
        Json::Bool(true) => out.write_str("true"),
        Json::Bool(false) => out.write_str("false"),
        Json::Number(number) => out.write_str(number.as_str()),
        Json::String(text) => write_json_string(out, text, style.ascii),
        Json::Array(items) => {
            out.write_char('[')?;
            for (index, item) in items.iter().enumerate() {
                out.write_str(if index > 0 { comma } else { "" })?;
                write_json(out, item, style)?;
            }
            out.write_char(']')
        }
        Json::Object(members) => {
            out.write_char('{')?;
            for (index, (key, member)) in members.iter().enumerate() {
                out.write_str(if index > 0 { comma } else { "" })?;
                write_json_string(out, key, style.ascii)?;
                out.write_str(colon)?;
                write_json(out, member, style)?;
            }
            out.write_char('}')
        }
    }
}

fn write_json_string(out: &mut impl Write, text: &str, ascii: bool) -> fmt::Result {
    out.write_char('"')?;
    let plain = |c: char| match c {
        '"' | '\\' | '\0'..='\u{1f}' => false,
        ' '..='~' => true,
        _ => !ascii,
    };
    write_runs(out, text, plain, |out, c| match c {
        '"' => out.write_str("\\\""),
        '\\' => out.write_str("\\\\"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\u{8}' => out.write_str("\\b"),
        '\u{c}' => out.write_str("\\f"),
        other => other.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}")),
    })?;
    out.write_char('"')
}

fn write_repr(out: &mut impl Write, value: &Json) -> fmt::Result {
    match value {
        Json::Null => out.write_str("None"),
        Json::Bool(true) => out.write_str("True"),
        Json::Bool(false) => out.write_str("False"),
        Json::Number(number) => out.write_str(number.as_str()),
        Json::String(text) => write_repr_string(out, text),
        Json::Array(items) => {
            out.write_char('[')?;
            for (index, item) in items.iter().enumerate() {
                out.write_str(if index > 0 { ", " } else { "" })?;
                write_repr(out, item)?;
            }
            out.write_char(']')
        }
        Json::Object(members) => {
            out.write_char('{')?;
            for (index, (key, member)) in members.iter().enumerate() {
                out.write_str(if index > 0 { ", " } else { "" })?;
                write_repr_string(out, key)?;
                out.write_str(": ")?;
                write_repr(out, member)?;
            }
            out.write_char('}')
        }
    }
}

fn write_repr_string(out: &mut impl Write, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.write_char(quote)?;
    let plain = |c: char| c != quote && c != '\\' && is_printable(c);
    write_runs(out, text, plain, |out, c| match c {
        '\\' => out.write_str("\\\\"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        c if c == quote => write!(out, "\\{c}"),
        c @ ..='\u{ff}' => write!(out, "\\x{:02x}", u32::from(c)),
        c @ ..='\u{ffff}' => write!(out, "\\u{:04x}", u32::from(c)),
        c => write!(out, "\\U{:08x}", u32::from(c)),
    })?;
    out.write_char(quote)
}

/// Writes runs of plain characters at once, and each other one escaped.
fn write_runs<W: Write>(
    out: &mut W,
    mut text: &str,
    plain: impl Fn(char) -> bool,
    mut escape: impl FnMut(&mut W, char) -> fmt::Result,
) -> fmt::Result {
    while let Some((at, special)) = text.char_indices().find(|&(_, c)| !plain(c)) {
        let (run, rest) = text.split_at(at);
        out.write_str(run)?;
        escape(out, special)?;
        text = rest.get(special.len_utf8()..).unwrap_or_default();
    }
    out.write_str(text)
}

/// Python's `str.isprintable` for one character.
fn is_printable(c: char) -> bool {
    use GeneralCategory as Category;
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    !matches!(
        c.general_category(),
        Category::Control
            | Category::Format
            | Category::Surrogate
            | Category::PrivateUse
            | Category::Unassigned
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::SpaceSeparator
    )
}
