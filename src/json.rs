//! The one place where bytes become a JSON document.
//!
//! Strict RFC 8259: UTF-8, no doubled keys, no trailing text, at most [`MAX_DEPTH`] levels.
//! Numbers keep the very characters they were written in, and keys their order, so that a
//! document can be written out again as its sender wrote it.

mod parser;
mod queried;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::any_json;

use std::borrow::Cow;
use std::ops::Range;

use crate::model::Json;
use parser::{Fault, Parser};

/// How deep a document may nest.
pub const MAX_DEPTH: usize = 100;

/// What to do with `NaN`, `Infinity` and `-Infinity`, which some senders write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NonFinite {
    #[default]
    Refuse,
    /// Read them as `null`, and count them.
    AsNull,
}

/// A parsed document and the text that says the same in strict JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<'a> {
    pub value: Json,
    /// The input itself, or (where non-finite numbers stood) the input with `null` in their place.
    pub text: Cow<'a, [u8]>,
    /// How many non-finite numbers were replaced.
    pub replaced: usize,
}

/// Why bytes are no document. Line and column count from 1, the column in bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line}, column {column}")]
pub struct JsonError {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

/// Reads one document.
///
/// # Errors
/// The first thing that is no strict JSON, and where it stands.
pub fn parse(bytes: &[u8], non_finite: NonFinite) -> Result<Document<'_>, JsonError> {
    let text = checked_text(bytes).map_err(|fault| locate(bytes, fault))?;
    let mut parser = Parser::new(text, non_finite);
    let value = parser.document().map_err(|fault| locate(bytes, fault))?;
    let places = parser.into_replaced();
    let text = match places.is_empty() {
        true => Cow::Borrowed(bytes),
        false => Cow::Owned(with_null_at(bytes, &places)),
    };
    Ok(Document { value, text, replaced: places.len() })
}

fn checked_text(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.is_empty() {
        return Err(Fault::new(0, "the body is empty"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Fault::new(error.valid_up_to(), "the body is not valid UTF-8"))?;
    if text.starts_with('\u{feff}') {
        return Err(Fault::new(0, "the body starts with a byte order mark"));
    }
    Ok(text)
}

fn locate(bytes: &[u8], fault: Fault) -> JsonError {
    let before = bytes.get(..fault.at).unwrap_or(bytes);
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
    JsonError { line, column, message: fault.message.into_owned() }
}

fn with_null_at(bytes: &[u8], places: &[Range<usize>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + places.len());
    let mut done = 0;
    for place in places {
        out.extend_from_slice(bytes.get(done..place.start).unwrap_or_default());
        out.extend_from_slice(b"null");
        done = place.end;
    }
    out.extend_from_slice(bytes.get(done..).unwrap_or_default());
    out
}
