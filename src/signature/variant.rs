//! The texts, other than the raw body, that senders' releases signed.
//!
//! Sound only because each text belongs to one document: doubled keys are refused, numbers keep
//! their characters, and a text that two documents could give is not offered.

use super::Variant;
use super::python::{self, COMPACT_ASCII, COMPACT_UTF8, SPACED_ASCII};
use crate::json::{NonFinite, parse};
use crate::model::Json;

/// The variant's name in a proof where `{}` was signed and no body was sent: the document of
/// such a message is `{}`.
pub const EMPTY_AS_BRACES: &str = "empty_as_braces";

impl Variant {
    pub const ALL: [Self; 3] = [Self::PythonJson, Self::PythonJsonCompact, Self::PythonStr];

    /// As it stands in adapter files, proofs, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::PythonJson => "python_json",
            Self::PythonJsonCompact => "python_json_compact",
            Self::PythonStr => "python_str",
        }
    }

    /// The variant of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.name() == name)
    }

    /// The text of a document.
    pub fn text(self, value: &Json) -> String {
        match self {
            Self::PythonJson => python::dumps(value, SPACED_ASCII),
            Self::PythonJsonCompact => python::dumps(value, COMPACT_ASCII),
            Self::PythonStr => python::str(value),
        }
    }

    /// Whether no other document, and no raw body, has the same text: `str("[1]")` and
    /// `str([1])` are alike, so a string that could be either is judged by its raw bytes alone.
    fn is_proof_of(self, value: &Json) -> bool {
        match (self, value) {
            (Self::PythonStr, Json::String(text)) => !looks_like_a_document(text),
            _ => true,
        }
    }
}

/// The texts that may have been signed instead of `body`, by the name of the variant.
///
/// None, if the body is not exactly a form that a release sends.
pub(super) fn texts(body: &[u8], variants: &[Variant]) -> Vec<(&'static str, String)> {
    if variants.is_empty() {
        return Vec::new();
    }
    if body.is_empty() {
        return vec![(EMPTY_AS_BRACES, "{}".to_owned())];
    }
    let Some(value) = sent_document(body) else { return Vec::new() };
    let mut texts = Vec::new();
    for variant in variants.iter().filter(|variant| variant.is_proof_of(&value)) {
        let text = variant.text(&value);
        // What equals the body was tried before.
        if text.as_bytes() != body {
            texts.push((variant.name(), text));
        }
    }
    texts
}

/// The document, if the body is written just as a release would write it.
fn sent_document(body: &[u8]) -> Option<Json> {
    let value = parse(body, NonFinite::Refuse).ok()?.value;
    let written_so = |style| python::is_dumps(body, &value, style);
    [SPACED_ASCII, COMPACT_UTF8, COMPACT_ASCII].into_iter().any(written_so).then_some(value)
}

fn looks_like_a_document(text: &str) -> bool {
    let trimmed = text.trim();
    trimmed.is_empty()
        || trimmed.starts_with(['{', '[', '"', '\''])
        || matches!(trimmed, "True" | "False" | "None" | "nan" | "inf" | "-inf")
        || parse(trimmed.as_bytes(), NonFinite::AsNull).is_ok()
}
