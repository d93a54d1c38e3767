//! Takes credentials out of what is copied whole: templates, and data that events carry.

mod value;

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::code::{self, Kind, Piece};
use super::credential;
use super::draft::Vault;
use super::write::{Text, Tree};
use crate::model::Json;

/// A credential behind the word that announces it.
const ANNOUNCED: &str = r"(?i:\b(?<scheme>bearer|basic|token))\s+(?<value>[A-Za-z0-9._~+/=-]{8,})";
/// What may look like chance.
const LONG: &str = r"[A-Za-z0-9_.~-]{20,}";

static PATTERNS: LazyLock<Option<[Regex; 2]>> =
    LazyLock::new(|| Some([Regex::new(ANNOUNCED).ok()?, Regex::new(LONG).ok()?]));

/// A place to be masked, and after what to call it.
#[derive(Debug)]
struct Find {
    range: Range<usize>,
    hint: String,
}

/// The template with `{{ secrets.NAME }}` wherever it held a credential. `place` says which
/// template it is, for the list of what is left to do.
pub(super) fn template(text: &str, place: &str, vault: &mut Vault<'_>) -> String {
    let pieces = code::pieces(text);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (Find { range, hint }, is_code) in places(text, &pieces) {
        let name = vault.secret(&hint, &format!("what stood behind {hint:?} in the {place}"));
        out.push_str(text.get(done..range.start).unwrap_or_default());
        match is_code {
            true => out.push_str(&format!("secrets.{name}")),
            false => out.push_str(&format!("{{{{ secrets.{name} }}}}")),
        }
        done = range.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// What is replaced, and whether by code, in order; what overlaps is one.
fn places(text: &str, pieces: &[Piece]) -> Vec<(Find, bool)> {
    let mut finds = finds(text, pieces);
    finds.sort_by_key(|find| find.range.start);
    let mut places: Vec<(Find, bool)> = Vec::new();
    for find in finds {
        let Some((range, is_code)) = replaced(text, pieces, &find.range) else { continue };
        match places.last_mut() {
            Some((last, _)) if range.start < last.range.end => {
                last.range.end = last.range.end.max(range.end);
            }
            _ => places.push((Find { range, ..find }, is_code)),
        }
    }
    places
}

fn finds(text: &str, pieces: &[Piece]) -> Vec<Find> {
    let Some([announced, long]) = &*PATTERNS else { return Vec::new() };
    let named = value::find(text, pieces).into_iter();
    let literal = named.filter(|(_, range)| text.get(range.clone()).is_some_and(is_literal));
    let mut finds: Vec<Find> = literal.map(|(name, range)| Find { range, hint: name.to_owned() }).collect();
    for found in announced.captures_iter(text) {
        let Some(value) = found.name("value") else { continue };
        let scheme = found.name("scheme").map_or("", |scheme| scheme.as_str());
        let sure =
            scheme.eq_ignore_ascii_case("bearer") || value.as_str().contains(|c: char| c.is_ascii_digit());
        if sure && kind_at(pieces, value.start()) != Some(Kind::Statement) {
            finds.push(Find { range: value.range(), hint: scheme.to_owned() });
        }
    }
    let random = long.find_iter(text).filter(|found| credential::looks_random(found.as_str()));
    finds.extend(random.map(|found| Find { range: found.range(), hint: "token".to_owned() }));
    finds
}

/// Whether a value says something itself, rather than to be filled in from the event.
fn is_literal(value: &str) -> bool {
    let plain = code::plain(value);
    plain.contains(|c: char| c.is_alphanumeric()) || code::has_literals(value)
}

fn kind_at(pieces: &[Piece], at: usize) -> Option<Kind> {
    let index = pieces.partition_point(|piece| piece.range.end <= at);
    pieces.get(index).map(|piece| piece.kind)
}

/// What is replaced: in plain text the place itself, in code the whole literal around it.
/// `None`: code that names something is no credential.
fn replaced(text: &str, pieces: &[Piece], place: &Range<usize>) -> Option<(Range<usize>, bool)> {
    let piece = pieces.get(pieces.partition_point(|piece| piece.range.end <= place.start))?;
    // A value that begins with code is text as well: it stands around the code.
    if matches!(piece.kind, Kind::Text | Kind::Comment) || place.start == piece.range.start {
        return Some((place.clone(), false));
    }
    let mut literals = code::literals(text, piece).into_iter();
    let literal = literals.find(|literal| literal.start < place.start && place.start < literal.end)?;
    Some((literal, true))
}

/// A mapping without the credentials in it; where they were goes to `dropped`. `None` if nothing
/// is left of it, or it is none.
pub(super) fn data(json: &Json, dropped: &mut Vec<String>) -> Option<Tree> {
    let tree = json.is_object().then(|| member("", json, false, dropped)).flatten();
    tree.filter(|tree| *tree != Tree::Map(Vec::new()))
}

fn member(path: &str, json: &Json, is_secret: bool, dropped: &mut Vec<String>) -> Option<Tree> {
    let is_dropped = match json {
        Json::String(text) => !text.is_empty() && (is_secret || is_credential(text)),
        Json::Number(_) => is_secret,
        _ => false,
    };
    if is_dropped {
        if dropped.last().is_none_or(|last| last != path) {
            dropped.push(path.to_owned());
        }
        return None;
    }
    Some(match json {
        Json::Array(items) => {
            Tree::List(items.iter().filter_map(|item| member(path, item, is_secret, dropped)).collect())
        }
        Json::Object(members) => {
            let mut entry = |(key, value): (&str, &Json)| {
                let is_secret = is_secret || credential::is_field(key);
                let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                Some((key.to_owned(), member(&path, value, is_secret, dropped)?))
            };
            Tree::Map(members.iter().filter_map(&mut entry).collect())
        }
        other => Tree::of(other),
    })
}

fn is_credential(text: &str) -> bool {
    credential::looks_random(text) || credential::scheme(text).is_some_and(|word| word.len() < 8)
}

/// The value of a header in a template, without what it held of a credential.
pub(super) fn header(name: &str, value: &str, vault: &mut Vault<'_>) -> String {
    let scheme = credential::scheme(value).unwrap_or_default();
    let rest = value.trim_start().get(scheme.len()..).unwrap_or_default();
    let place = format!("value of the header {name:?}");
    if credential::is_header(name, value) && is_literal(rest) {
        return format!("{scheme}{{{{ secrets.{} }}}}", vault.secret(name, &place));
    }
    template(value, &place, vault)
}

/// The value of a header that is the same for every event.
pub(super) fn fixed_header(name: &str, value: &str, vault: &mut Vault<'_>) -> Text {
    if !credential::is_header(name, value) {
        return Text::literal(value);
    }
    let scheme = credential::scheme(value).unwrap_or_default();
    let what = match scheme.trim() {
        "" => format!("value of the header {name:?}"),
        word => format!("what follows {word:?} in the header {name:?}"),
    };
    Text::literal(scheme).then(&vault.placeholder(name, &what))
}
