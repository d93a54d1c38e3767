//! Everything the doctor tries: what could be a signature, a key, a signed text.

use std::borrow::Cow;

use http::HeaderMap;

use crate::json::{NonFinite, parse};
use crate::model::Timestamp;
use crate::secret::Secret;
use crate::signature::key::{PREFIX, decoded};
use crate::signature::python::{COMPACT_UTF8, SPACED_UTF8, dumps};
use crate::signature::{Encoding, Hash, TOKEN_HEADER, Variant, variant};

/// More than any request carries in earnest.
const MOST_CANDIDATES: usize = 32;

/// Something in a header that could be a signature.
#[derive(Debug)]
pub(super) struct Candidate<'h> {
    pub header: &'h str,
    pub prefix: &'h str,
    pub encoding: Encoding,
    pub tag: Vec<u8>,
}

/// All pieces of header values that decode to the length of a hash.
pub(super) fn candidates(headers: &HeaderMap) -> Vec<Candidate<'_>> {
    let mut found: Vec<Candidate<'_>> = Vec::new();
    for (name, value) in headers.iter().filter(|(name, _)| !name.as_str().eq_ignore_ascii_case(TOKEN_HEADER))
    {
        let Ok(value) = value.to_str() else { continue };
        for entry in value.split_ascii_whitespace() {
            let after_sign = |(at, c): (usize, char)| matches!(c, ',' | '=' | ';' | ':').then_some(at + 1);
            let starts = std::iter::once(0).chain(entry.char_indices().filter_map(after_sign));
            found.extend(starts.flat_map(|start| candidates_at(name.as_str(), entry, start)));
        }
    }
    found.truncate(MOST_CANDIDATES);
    found
}

fn candidates_at<'h>(header: &'h str, entry: &'h str, start: usize) -> Vec<Candidate<'h>> {
    let (prefix, rest) = entry.split_at_checked(start).unwrap_or_default();
    let code = rest.split([',', ';']).next().unwrap_or_default();
    [Encoding::Hex, Encoding::Base64]
        .into_iter()
        .filter_map(|encoding| {
            let tag = encoding.decode(code)?;
            let fits = Hash::ALL.iter().any(|hash| hash.length() == tag.len());
            fits.then_some(Candidate { header, prefix, encoding, tag })
        })
        .collect()
}

/// How a key is made from a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyForm {
    Text,
    /// What follows `whsec_`, decoded.
    Marked,
    /// The whole secret, decoded from base64.
    Bare,
    Trimmed,
    TrimmedMarked,
    /// What follows `whsec_`, as text.
    Unmarked,
    WithNewline,
    Empty,
}

impl KeyForm {
    pub fn is_decoded(self) -> bool {
        matches!(self, Self::Marked | Self::Bare | Self::TrimmedMarked)
    }

    pub fn phrase(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::Marked => " (base64-decoded after whsec_)",
            Self::Bare => " (base64-decoded)",
            Self::Trimmed => " without the white space around it",
            Self::TrimmedMarked => " without the white space around it, base64-decoded after whsec_",
            Self::Unmarked => " without its whsec_, as plain text",
            Self::WithNewline => " and a line end behind it",
            Self::Empty => " (an empty one)",
        }
    }

    pub fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Text | Self::Marked => None,
            Self::Bare => Some("write the secret as whsec_ followed by what it is now"),
            Self::Trimmed | Self::TrimmedMarked => {
                Some("take the white space (often a line end) out of the configured secret")
            }
            Self::Unmarked => Some("take whsec_ off the configured secret"),
            Self::WithNewline => Some("take the line end out of the sender's secret"),
            Self::Empty => Some("set a secret on the sender: an empty one proves nothing"),
        }
    }
}

/// A secret to try, and what the answer calls it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub label: &'a str,
    pub secret: &'a Secret,
    /// When it expired, if it has.
    pub expired: Option<Timestamp>,
}

/// Those that hold come before those that are over.
pub(super) fn named(secrets: &[(String, Secret)], now: Timestamp) -> Vec<Named<'_>> {
    let mut named = Vec::with_capacity(secrets.len());
    for (label, secret) in secrets {
        named.push(Named { label, secret, expired: secret.expired_at(now) });
    }
    named.sort_by_key(|named| named.expired.is_some());
    named
}

/// A key to try, and its secret.
pub(super) struct Key<'a> {
    /// `None`: of an empty secret, which nobody configured.
    pub of: Option<Named<'a>>,
    pub form: KeyForm,
    pub bytes: Cow<'a, [u8]>,
}

pub(super) fn keys<'a>(secrets: &[Named<'a>]) -> Vec<Key<'a>> {
    let mut keys: Vec<Key<'_>> = Vec::new();
    for named in secrets {
        for (form, bytes) in forms(named.secret.expose()) {
            if !bytes.is_empty() && !keys.iter().any(|key| key.bytes == bytes) {
                keys.push(Key { of: Some(*named), form, bytes });
            }
        }
    }
    keys.push(Key { of: None, form: KeyForm::Empty, bytes: Cow::Borrowed(b"") });
    keys
}

fn forms(text: &str) -> Vec<(KeyForm, Cow<'_, [u8]>)> {
    let trimmed = text.trim();
    let mut forms = vec![(KeyForm::Text, Cow::Borrowed(text.as_bytes()))];
    let mut add = |form, key: Option<Vec<u8>>| forms.extend(key.map(|key| (form, Cow::Owned(key))));
    add(KeyForm::Marked, text.strip_prefix(PREFIX).and_then(decoded));
    add(KeyForm::Bare, decoded(text));
    add(KeyForm::Trimmed, Some(trimmed.as_bytes().to_vec()));
    add(KeyForm::TrimmedMarked, trimmed.strip_prefix(PREFIX).and_then(decoded));
    add(KeyForm::Unmarked, trimmed.strip_prefix(PREFIX).map(|key| key.as_bytes().to_vec()));
    add(KeyForm::WithNewline, Some([trimmed.as_bytes(), b"\n"].concat()));
    forms
}

/// What may have been signed instead of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextForm {
    Raw,
    Variant(Variant),
    EmptyAsBraces,
    Compact,
    Spaced,
    NewlineRemoved,
    NewlineAdded,
    Nothing,
}

impl TextForm {
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Raw => "the body",
            Self::Variant(Variant::PythonJson) => "the spaced ASCII-escaped JSON",
            Self::Variant(Variant::PythonJsonCompact) => "the compact ASCII-escaped JSON",
            Self::Variant(Variant::PythonStr) => "Python's str() of the body",
            Self::EmptyAsBraces => "{} instead of the empty body",
            Self::Compact => "the compact JSON of the body",
            Self::Spaced => "the spaced JSON of the body",
            Self::NewlineRemoved => "the body without the line end behind it",
            Self::NewlineAdded => "the body and a line end behind it",
            Self::Nothing => "nothing in place of the body",
        }
    }

    /// What to do where no variant of a release explains it.
    pub fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Raw => None,
            Self::NewlineRemoved => Some("something on the way added a line end to the body"),
            Self::NewlineAdded => Some("something on the way took the line end off the body"),
            Self::Nothing => Some("something on the way added a body, or the sender signs none"),
            _ => Some("something on the way rewrote the JSON: pass the body through byte by byte"),
        }
    }
}

/// A text to try.
pub(super) struct Text<'a> {
    pub form: TextForm,
    pub bytes: Cow<'a, [u8]>,
    /// Whether the verifier itself would try it, if told to.
    tried: bool,
}

impl Text<'_> {
    pub fn remedy(&self) -> Option<&'static str> {
        if self.tried { Some("set variants: true") } else { self.form.remedy() }
    }
}

pub(super) fn texts(body: &[u8]) -> Vec<Text<'_>> {
    let mut texts = vec![Text { form: TextForm::Raw, bytes: Cow::Borrowed(body), tried: false }];
    let tried = variant::texts(body, &Variant::ALL);
    let mut add = |form, bytes: Vec<u8>| {
        let bytes = Cow::Owned(bytes);
        if !texts.iter().any(|text| text.bytes == bytes) {
            let tried = tried.iter().any(|(_, text)| text.as_bytes() == &*bytes);
            texts.push(Text { form, bytes, tried });
        }
    };
    if body.is_empty() {
        add(TextForm::EmptyAsBraces, b"{}".to_vec());
    }
    add(TextForm::NewlineRemoved, body.trim_ascii_end().to_vec());
    add(TextForm::NewlineAdded, [body, b"\n"].concat());
    add(TextForm::NewlineAdded, [body, b"\r\n"].concat());
    if let Ok(document) = parse(body, NonFinite::Refuse) {
        for variant in Variant::ALL {
            add(TextForm::Variant(variant), variant.text(&document.value).into_bytes());
        }
        add(TextForm::Compact, dumps(&document.value, COMPACT_UTF8).into_bytes());
        add(TextForm::Spaced, dumps(&document.value, SPACED_UTF8).into_bytes());
    }
    add(TextForm::Nothing, Vec::new());
    texts
}
