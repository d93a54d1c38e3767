//! The one place where bytes become a JSON document.
//!
//! Strict RFC 8259: UTF-8, no doubled keys, no trailing text, at most [`MAX_DEPTH`] levels.

use std::borrow::Cow;

use crate::model::Json;

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
pub fn parse(_bytes: &[u8], _non_finite: NonFinite) -> Result<Document<'_>, JsonError> {
    todo!()
}
