//! What the headers of a signed message say, read strictly.
//!
//! A header that stands there twice, or is empty, is never guessed at.

use http::HeaderMap;

use super::Refusal;
use super::recipe::{ID, Message, Part, Recipe, TIMESTAMP};

/// How many entries one header may have, whichever scheme they are for.
const MOST_ENTRIES: usize = 32;
/// The longest id, in bytes.
const LONGEST_ID: usize = 255;
/// Digits of the longest timestamp: some 30,000 years.
const LONGEST_TIMESTAMP: usize = 12;

/// The signed headers of one message.
#[derive(Debug)]
pub(super) struct Envelope<'h> {
    /// Empty where the scheme signs none.
    pub id: &'h str,
    /// As written; empty where the scheme signs none.
    pub timestamp: &'h str,
    /// In Unix seconds.
    pub seconds: Option<i64>,
    /// The codes, decoded, at least one.
    pub tags: Vec<Vec<u8>>,
}

impl<'h> Envelope<'h> {
    pub fn read(recipe: &Recipe<'_>, headers: &'h HeaderMap) -> Result<Self, Refusal> {
        let id = match recipe.needs(Part::Id) {
            true => id(headers)?,
            false => "",
        };
        let (timestamp, seconds) = match recipe.needs(Part::Timestamp) {
            true => timestamp(headers).map(|(text, seconds)| (text, Some(seconds)))?,
            false => ("", None),
        };
        Ok(Self { id, timestamp, seconds, tags: tags(recipe, headers)? })
    }

    /// The message these headers belong to, with this body.
    pub fn message<'a>(&'a self, body: &'a [u8]) -> Message<'a> {
        Message { id: self.id, timestamp: self.timestamp, body }
    }
}

/// The one value of a header, without white space around it.
pub(super) fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Refusal> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or_else(|| Refusal::MissingHeader(name.to_ascii_lowercase()))?;
    if values.next().is_some() {
        return Err(Refusal::DoubledHeader(name.to_ascii_lowercase()));
    }
    let text = value.to_str().map_err(|_| malformed(name, "it is not visible ASCII"))?;
    match text.trim_matches([' ', '\t']) {
        "" => Err(malformed(name, "it is empty")),
        text => Ok(text),
    }
}

fn id(headers: &HeaderMap) -> Result<&str, Refusal> {
    let id = single(headers, ID)?;
    if id.len() > LONGEST_ID {
        return Err(malformed(ID, format!("it is longer than {LONGEST_ID} bytes")));
    }
    match id.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(id),
        false => Err(malformed(ID, "there is white space in it")),
    }
}

pub(super) fn timestamp(headers: &HeaderMap) -> Result<(&str, i64), Refusal> {
    let text = single(headers, TIMESTAMP)?;
    let plain = text.len() <= LONGEST_TIMESTAMP
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    match text.parse() {
        Ok(seconds) if plain => Ok((text, seconds)),
        _ => Err(malformed(TIMESTAMP, "it is no plain number of Unix seconds")),
    }
}

fn tags(recipe: &Recipe<'_>, headers: &HeaderMap) -> Result<Vec<Vec<u8>>, Refusal> {
    let value = single(headers, recipe.header)?;
    let mut tags = Vec::new();
    let entries = value.split(recipe.separators).filter(|entry| !entry.is_empty());
    let too_many = |most| malformed(recipe.header, format!("there are more than {most} signatures in it"));
    for (count, entry) in entries.enumerate() {
        if count == MOST_ENTRIES {
            return Err(too_many(MOST_ENTRIES));
        }
        tags.extend(recipe.read(entry));
        if tags.len() > recipe.algorithm.most() {
            return Err(too_many(recipe.algorithm.most()));
        }
    }
    match tags.is_empty() {
        true => Err(malformed(recipe.header, recipe.expected())),
        false => Ok(tags),
    }
}

pub(super) fn malformed(header: &str, why: impl Into<String>) -> Refusal {
    Refusal::Malformed { header: header.to_ascii_lowercase(), why: why.into() }
}
