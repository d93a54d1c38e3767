//! Python's methods of texts, lists and mappings, as far as templates use them.

use std::fmt::Write as _;

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::args::{Args, Parameters};
use super::filters::{capitalized, centered, filled, lines, replaced, trimmed};
use super::held::{self, Held, named};
use super::meter::{charge, charge_times, fault};
use super::{ops, printf};

type Result<T = Value, E = Error> = std::result::Result<T, E>;
type OfText = fn(&str, &Args<'_>) -> Result;
type OfValue = fn(&Value, &Args<'_>) -> Result;

const TEXT: &[(&str, Parameters, OfText)] = &[
    ("upper", &[], |text, _| Ok(text.to_uppercase().into())),
    ("lower", &[], |text, _| Ok(text.to_lowercase().into())),
    ("casefold", &[], |text, _| Ok(text.to_lowercase().replace('ß', "ss").into())),
    ("capitalize", &[], |text, _| Ok(capitalized(text).into())),
    ("title", &[], |text, _| Ok(titled(text).into())),
    ("swapcase", &[], |text, _| Ok(text.chars().map(swapped).collect::<String>().into())),
    ("strip", &["chars"], |text, args| Ok(trimmed(text, args.text("chars")?).into())),
    ("lstrip", &["chars"], |text, args| {
        let bare = trimmed(text, args.text("chars")?);
        Ok(text
            .find(bare)
            .and_then(|at| text.get(at..))
            .filter(|_| !bare.is_empty())
            .unwrap_or_default()
            .into())
    }),
    ("rstrip", &["chars"], |text, args| {
        let bare = trimmed(text, args.text("chars")?);
        let end = text.rfind(bare).filter(|_| !bare.is_empty()).map_or(0, |at| at + bare.len());
        Ok(text.get(..end).unwrap_or_default().into())
    }),
    ("replace", &["old", "new", "count"], |text, args| {
        replaced(text, args.need_text("old")?, args.need_text("new")?, args.whole("count", -1)?)
            .map(Value::from)
    }),
    ("split", &["sep", "maxsplit"], |text, args| {
        split(text, args.text("sep")?, args.whole("maxsplit", -1)?, false)
    }),
    ("rsplit", &["sep", "maxsplit"], |text, args| {
        split(text, args.text("sep")?, args.whole("maxsplit", -1)?, true)
    }),
    ("splitlines", &["keepends"], |text, args| {
        charge_times(40, text.len() / 8)?;
        texts(lines(text, args.flag("keepends", false)))
    }),
    ("partition", &["sep"], |text, args| {
        let sep = args.need_text("sep")?;
        let (before, after) = text.split_once(sep).ok_or(()).map_or((text, None), |(a, b)| (a, Some(b)));
        parts(before, after.map_or("", |_| sep), after.unwrap_or_default())
    }),
    ("rpartition", &["sep"], |text, args| {
        let sep = args.need_text("sep")?;
        match text.rsplit_once(sep) {
            Some((before, after)) => parts(before, sep, after),
            None => parts("", "", text),
        }
    }),
    ("join", &["items"], |text, args| {
        let mut out = String::new();
        for (index, item) in held::items(args.need("items")?)?.iter().enumerate() {
            let item =
                item.as_str().ok_or_else(|| fault(format!("`join` joins texts, not {}", named(item))))?;
            charge(text.len() + item.len())?;
            out.push_str(if index > 0 { text } else { "" });
            out.push_str(item);
        }
        Ok(out.into())
    }),
    ("startswith", &["prefix"], |text, args| any(args.need("prefix")?, |prefix| text.starts_with(prefix))),
    ("endswith", &["suffix"], |text, args| any(args.need("suffix")?, |suffix| text.ends_with(suffix))),
    ("removeprefix", &["prefix"], |text, args| {
        Ok(text.strip_prefix(args.need_text("prefix")?).unwrap_or(text).into())
    }),
    ("removesuffix", &["suffix"], |text, args| {
        Ok(text.strip_suffix(args.need_text("suffix")?).unwrap_or(text).into())
    }),
    ("find", &["sub"], |text, args| Ok(place(text, text.find(args.need_text("sub")?)).into())),
    ("rfind", &["sub"], |text, args| Ok(place(text, text.rfind(args.need_text("sub")?)).into())),
    ("index", &["sub"], |text, args| match text.find(args.need_text("sub")?) {
        None => Err(fault("`index` does not find the text")),
        found => Ok(place(text, found).into()),
    }),
    ("count", &["sub"], |text, args| Ok(text.matches(args.need_text("sub")?).count().into())),
    ("isdigit", &[], |text, _| all(text, char::is_numeric)),
    ("isdecimal", &[], |text, _| all(text, |letter| letter.is_ascii_digit())),
    ("isnumeric", &[], |text, _| all(text, char::is_numeric)),
    ("isalpha", &[], |text, _| all(text, char::is_alphabetic)),
    ("isalnum", &[], |text, _| all(text, char::is_alphanumeric)),
    ("isspace", &[], |text, _| all(text, char::is_whitespace)),
    ("isascii", &[], |text, _| Ok(text.is_ascii().into())),
    ("islower", &[], |text, _| {
        Ok((text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)).into())
    }),
    ("isupper", &[], |text, _| {
        Ok((text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)).into())
    }),
    ("center", &["width", "fill"], |text, args| {
        centered(text, args.count("width", 0)?, fill(args)?).map(Value::from)
    }),
    ("ljust", &["width", "fill"], |text, args| {
        Ok(format!("{text}{}", filled(room(text, args)?, fill(args)?)?).into())
    }),
    ("rjust", &["width", "fill"], |text, args| Ok((filled(room(text, args)?, fill(args)?)? + text).into())),
    ("zfill", &["width"], |text, args| {
        let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
        Ok(format!("{sign}{}{digits}", filled(room(text, args)?, '0')?).into())
    }),
    ("expandtabs", &["tabsize"], |text, args| expanded(text, args.count("tabsize", 8)?)),
    ("format", &["*args"], |text, args| printf::braces(text, &args.rest, &args.named).map(Value::from)),
];

const LIST: &[(&str, Parameters, OfValue)] = &[
    ("append", &["item"], |list, args| {
        let item = held::entry(args.need("item")?)?;
        changed(list, |items| Ok(items.push(item)))
    }),
    ("extend", &["items"], |list, args| {
        let more = held::items(args.need("items")?)?.iter().map(held::entry).collect::<Result<Vec<_>>>()?;
        changed(list, |items| Ok(items.extend(more)))
    }),
    ("insert", &["index", "item"], |list, args| {
        let (at, item) = (args.whole("index", 0)?, held::entry(args.need("item")?)?);
        changed(list, |items| {
            let at = if at < 0 { at + items.len() as i128 } else { at };
            let at = usize::try_from(at.max(0)).unwrap_or(usize::MAX).min(items.len());
            Ok(items.insert(at, item))
        })
    }),
    ("pop", &["index"], |list, args| {
        let at = args.whole("index", -1)?;
        taken(list, |items| {
            let at = if at < 0 { at + items.len() as i128 } else { at };
            let at = usize::try_from(at).ok().filter(|at| *at < items.len());
            at.map(|at| items.remove(at)).ok_or_else(|| fault("`pop` finds nothing there"))
        })
    }),
    ("remove", &["item"], |list, args| {
        let item = args.need("item")?;
        let at = position(list, item)?;
        changed(list, |items| Ok(drop(items.remove(at))))
    }),
    ("clear", &[], |list, _| changed(list, |items| Ok(items.clear()))),
    ("reverse", &[], |list, _| changed(list, |items| Ok(items.reverse()))),
    ("index", &["item"], |list, args| Ok(position(list, args.need("item")?)?.into())),
    ("count", &["item"], |list, args| {
        let mut count = 0;
        for item in held::items(list)? {
            count += i64::from(ops::equal(&item, args.need("item")?)?);
        }
        Ok(count.into())
    }),
    ("copy", &[], |list, _| held::list(held::items(list)?)),
];

const MAP: &[(&str, Parameters, OfValue)] = &[
    ("get", &["key", "default"], |map, args| {
        let found = map.get_item(args.need("key")?)?;
        Ok(if found.is_undefined() {
            args.get("default").cloned().unwrap_or_else(|| ().into())
        } else {
            found
        })
    }),
    ("keys", &[], |map, _| held::list(held::pairs(map)?.into_iter().map(|(key, _)| key).collect())),
    ("values", &[], |map, _| held::list(held::pairs(map)?.into_iter().map(|(_, value)| value).collect())),
    ("items", &[], |map, _| {
        let pairs = held::pairs(map)?.into_iter();
        held::list(pairs.map(|(key, value)| Value::from(Tuple::from([key, value]))).collect())
    }),
    ("copy", &[], |map, _| held::map(held::pairs(map)?)),
    ("update", &["other", "*members"], |map, args| {
        let mut pairs = held::pairs(map)?;
        pairs.extend(args.some("other").map_or(Ok(Vec::new()), held::pairs)?);
        pairs.extend(args.named.iter().map(|(name, value)| (Value::from(name), value.clone())));
        replaced_map(map, pairs)?;
        Ok(().into())
    }),
    ("setdefault", &["key", "default"], |map, args| {
        let (key, found) = (args.need("key")?, map.get_item(args.need("key")?)?);
        if !found.is_undefined() {
            return Ok(found);
        }
        let value = args.get("default").cloned().unwrap_or_else(|| ().into());
        let mut pairs = held::pairs(map)?;
        pairs.push((key.clone(), value.clone()));
        replaced_map(map, pairs)?;
        Ok(value)
    }),
    ("pop", &["key", "default"], |map, args| {
        let key = args.need("key")?;
        let found = map.get_item(key)?;
        let pairs = held::pairs(map)?.into_iter().filter(|(known, _)| known != key).collect();
        replaced_map(map, pairs)?;
        match (found.is_undefined(), args.get("default")) {
            (false, _) => Ok(found),
            (true, Some(default)) => Ok(default.clone()),
            (true, None) => Err(fault("`pop` finds no such key")),
        }
    }),
];

/// Methods of the engine's own things: `loop`, a cycler, a block of the template, a macro.
const OTHERS: [&str; 5] = ["next", "reset", "cycle", "changed", "caller"];

/// The names of all methods, of whatever.
pub(super) fn names() -> Vec<&'static str> {
    let texts = TEXT.iter().map(|(name, ..)| *name);
    texts.chain(LIST.iter().chain(MAP).map(|(name, ..)| *name)).chain(OTHERS).collect()
}

/// Calls a method that the engine does not know.
pub(super) fn call(
    _: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    given: &[Value],
) -> Result<Value, Error> {
    let of_value = |table: &'static [(&str, Parameters, OfValue)]| {
        let (name, parameters, call) = table.iter().find(|(name, ..)| *name == method)?;
        Some(Args::bind(name, parameters, given).and_then(|args| call(value, &args)))
    };
    let result = match value.kind() {
        ValueKind::String => {
            TEXT.iter().find(|(name, ..)| *name == method).map(|(name, parameters, call)| {
                let text = value.as_str().unwrap_or_default();
                charge(text.len())?;
                call(text, &Args::bind(name, parameters, given)?)
            })
        }
        ValueKind::Seq | ValueKind::Iterable => of_value(LIST),
        ValueKind::Map => of_value(MAP),
        _ => None,
    };
    held::kept(result.unwrap_or_else(|| Err(Error::from(ErrorKind::UnknownMethod)))?)
}

/// Letters after anything but a letter are large.
fn titled(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        match inside {
            true => out.extend(letter.to_lowercase()),
            false => out.extend(letter.to_uppercase()),
        }
        inside = letter.is_alphabetic();
    }
    out
}

fn swapped(letter: char) -> char {
    let other =
        if letter.is_lowercase() { letter.to_uppercase().next() } else { letter.to_lowercase().next() };
    other.unwrap_or(letter)
}

fn texts(parts: Vec<&str>) -> Result {
    charge(parts.iter().map(|part| part.len()).sum())?;
    held::list(parts.into_iter().map(Value::from).collect())
}

fn parts(before: &str, sep: &str, after: &str) -> Result {
    held::tuple([before, sep, after].map(Value::from).to_vec())
}

fn split(text: &str, sep: Option<&str>, most: i128, from_right: bool) -> Result {
    charge_times(40, text.len() / 2)?;
    let most = usize::try_from(most).map_or(usize::MAX, |most| most.saturating_add(1));
    let mut found: Vec<&str> = match (sep, from_right) {
        (Some(""), _) => return Err(fault("`split` cannot split at nothing")),
        (Some(sep), false) => text.splitn(most, sep).collect(),
        (Some(sep), true) => text.rsplitn(most, sep).collect(),
        (None, right) => return texts(words(text, most, right)),
    };
    if from_right {
        found.reverse();
    }
    texts(found)
}

/// Words between white space; the last (or first) keeps what is left.
fn words(text: &str, most: usize, from_right: bool) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let gap = if from_right { rest.rfind(char::is_whitespace) } else { rest.find(char::is_whitespace) };
        match gap.filter(|_| words.len() + 1 < most) {
            Some(at) if from_right => {
                words.push(rest.get(at..).unwrap_or_default().trim_start());
                rest = rest.get(..at).unwrap_or_default().trim_end();
            }
            Some(at) => {
                words.push(rest.get(..at).unwrap_or_default());
                rest = rest.get(at..).unwrap_or_default().trim_start();
            }
            None => {
                words.push(rest);
                break;
            }
        }
    }
    if from_right {
        words.reverse();
    }
    words
}

/// Whether one of the texts fits: a text, or a tuple of them.
fn any(wanted: &Value, fits: impl Fn(&str) -> bool) -> Result {
    if let Some(text) = wanted.as_str() {
        return Ok(fits(text).into());
    }
    ops::defined(wanted)?;
    if !wanted.is_tuple() {
        return Err(fault(format!("needs a text or a tuple of texts, not {}", named(wanted))));
    }
    let texts = held::items(wanted)?;
    Ok(texts.iter().filter_map(Value::as_str).any(fits).into())
}

/// The place of a letter, counted in letters; -1 for nowhere.
fn place(text: &str, at: Option<usize>) -> i64 {
    let letters = at.and_then(|at| text.get(..at)).map(|before| before.chars().count());
    letters.and_then(|count| i64::try_from(count).ok()).unwrap_or(-1)
}

fn all(text: &str, is: impl Fn(char) -> bool) -> Result {
    Ok((!text.is_empty() && text.chars().all(is)).into())
}

fn fill(args: &Args<'_>) -> Result<char> {
    let mut letters = args.text("fill")?.unwrap_or(" ").chars();
    match (letters.next(), letters.next()) {
        (Some(fill), None) => Ok(fill),
        _ => Err(fault("texts are filled up with one letter")),
    }
}

fn room(text: &str, args: &Args<'_>) -> Result<usize> {
    Ok(args.count("width", 0)?.saturating_sub(text.chars().count()))
}

fn expanded(text: &str, size: usize) -> Result {
    charge_times(size, text.matches('\t').count())?;
    let (mut out, mut column) = (String::new(), 0);
    for letter in text.chars() {
        match letter {
            '\t' if size > 0 => {
                let spaces = size - column % size;
                // Writing into a text cannot fail.
                let _ = write!(out, "{:spaces$}", "");
                column += spaces;
            }
            '\t' => {}
            _ => {
                out.push(letter);
                column = if matches!(letter, '\n' | '\r') { 0 } else { column + 1 };
            }
        }
    }
    Ok(out.into())
}

const FIXED: &str = "what an event holds cannot be changed; copy it first, such as with `|list`";

fn changed(list: &Value, change: impl FnOnce(&mut Vec<Value>) -> Result<(), Error>) -> Result {
    taken(list, |items| change(items).map(|()| Value::from(())))
}

fn taken(list: &Value, take: impl FnOnce(&mut Vec<Value>) -> Result) -> Result {
    let held = list.downcast_object_ref::<Held>();
    held.and_then(|held| held.change(take)).unwrap_or_else(|| Err(fault(FIXED)))
}

fn replaced_map(map: &Value, pairs: Vec<(Value, Value)>) -> Result<(), Error> {
    map.downcast_object_ref::<Held>().map_or_else(|| Err(fault(FIXED)), |held| held.replace(pairs))
}

fn position(list: &Value, item: &Value) -> Result<usize> {
    for (at, known) in held::items(list)?.iter().enumerate() {
        if ops::equal(known, item)? {
            return Ok(at);
        }
    }
    Err(fault("the list does not hold that"))
}
