//! Filters of texts.

use std::sync::LazyLock;

use minijinja::{Error, State, Value};
use regex::Regex;

use super::Entry;
use crate::slug::slug;
use crate::template::args::Args;
use crate::template::meter::{charge, charge_times, fault};
use crate::template::number::{self, Num};
use crate::template::{held, ops, print, printf};

type Result<T = Value, E = Error> = std::result::Result<T, E>;

pub(super) const FILTERS: &[Entry] = &[
    ("upper", &[], |_, value, _| Ok(print::text(value)?.to_uppercase().into())),
    ("lower", &[], |_, value, _| Ok(print::text(value)?.to_lowercase().into())),
    ("capitalize", &[], |_, value, _| Ok(capitalized(&print::text(value)?).into())),
    ("title", &[], |_, value, _| Ok(titled(&print::text(value)?).into())),
    ("string", &[], |_, value, _| match value.as_str() {
        Some(_) => Ok(value.clone()),
        None => Ok(print::text(value)?.into()),
    }),
    ("trim", &["chars"], trim),
    ("replace", &["old", "new", "count"], replace),
    ("center", &["width"], center),
    ("truncate", &["length", "killwords", "end", "leeway"], truncate),
    ("wordcount", &[], |_, value, _| Ok(WORD.find_iter(&print::text(value)?).count().into())),
    ("format", &["*args"], format),
    ("filesizeformat", &["binary"], filesizeformat),
    ("pprint", &[], |_, value, _| Ok(print::repr(value)?.into())),
    ("slugify", &[], |_, value, _| Ok(slug(&print::text(value)?).into())),
];

#[expect(clippy::unwrap_used, reason = "the pattern stands here, and a test compiles it")]
static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\w+").unwrap());

/// The first letter large, all others small.
pub(in crate::template) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

/// The first letter of every word large, where white space, `-` and opening brackets end words.
fn titled(text: &str) -> String {
    let is_gap = |letter: char| letter.is_whitespace() || "-({[<".contains(letter);
    text.split_inclusive(is_gap).map(capitalized).collect()
}

/// Off both ends: white space, or any of the given letters.
pub(in crate::template) fn trimmed<'t>(text: &'t str, chars: Option<&str>) -> &'t str {
    match chars {
        Some(chars) => text.trim_matches(|letter| chars.contains(letter)),
        None => text.trim(),
    }
}

fn trim(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    Ok(trimmed(&print::text(value)?, args.text("chars")?).into())
}

fn replace(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let text = print::text(value)?;
    let (old, new) = (print::text(args.need("old")?)?, print::text(args.need("new")?)?);
    let count = args.some("count").map(|_| args.whole("count", -1)).transpose()?.unwrap_or(-1);
    replaced(&text, &old, &new, count).map(Value::from)
}

/// So many times from the left; all of them if the number is negative.
pub(in crate::template) fn replaced(text: &str, old: &str, new: &str, count: i128) -> Result<String> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    charge(text.len())?;
    charge_times(new.len(), text.matches(old).take(count).count())?;
    Ok(text.replacen(old, new, count))
}

fn center(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    centered(&print::text(value)?, args.count("width", 80)?, ' ').map(Value::from)
}

/// As Python: where the room is odd, the left side gets more if the width is odd too.
pub(in crate::template) fn centered(text: &str, width: usize, fill: char) -> Result<String> {
    let room = width.saturating_sub(text.chars().count());
    let left = room / 2 + (room & width & 1);
    Ok(format!("{}{text}{}", filled(left, fill)?, filled(room - left, fill)?))
}

/// So many of one letter.
pub(in crate::template) fn filled(count: usize, fill: char) -> Result<String> {
    charge_times(fill.len_utf8(), count)?;
    Ok(std::iter::repeat_n(fill, count).collect())
}

fn truncate(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let text = print::text(value)?;
    let length = args.count("length", 255)?;
    let end = args.text("end")?.unwrap_or("...");
    let Some(kept) = length.checked_sub(end.chars().count()) else {
        return Err(fault("`truncate` is given a length that is shorter than its end"));
    };
    if text.chars().count() <= length.saturating_add(args.count("leeway", 5)?) {
        return Ok(text.into());
    }
    let mut cut: String = text.chars().take(kept).collect();
    if !args.flag("killwords", false)
        && let Some(gap) = cut.rfind(' ')
    {
        cut.truncate(gap);
    }
    Ok((cut + end).into())
}

fn format(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let pattern = print::text(value)?;
    if args.named.is_empty() {
        return printf::percent(&pattern, &args.rest).map(Value::from);
    }
    if !args.rest.is_empty() {
        return Err(fault("`format` takes arguments by place or by name, not both"));
    }
    let named = args.named.iter().map(|(name, value)| (Value::from(name), value.clone()));
    printf::percent(&pattern, &[held::map(named.collect())?]).map(Value::from)
}

fn filesizeformat(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let binary = args.flag("binary", false);
    let (base, names) = match binary {
        true => (1024.0, ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]),
        false => (1000.0, ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"]),
    };
    ops::defined(value)?;
    let typed = value.as_str().and_then(|text| text.trim().parse().ok());
    let bytes = number::of(value).map(Num::float).or(typed);
    let bytes = bytes.ok_or_else(|| fault("`filesizeformat` needs a number"))?;
    if bytes == 1.0 {
        return Ok("1 Byte".into());
    }
    if bytes < base {
        return Ok(format!("{} Bytes", bytes.trunc()).into());
    }
    let (mut size, mut unit) = (bytes / base, names[0]);
    for name in names.into_iter().skip(1) {
        if size < base {
            break;
        }
        (size, unit) = (size / base, name);
    }
    Ok(format!("{size:.1} {unit}").into())
}
