//! Methods of texts.

use std::fmt::Write as _;

use minijinja::Value;

use super::{OfText, Result};
use crate::template::args::Args;
use crate::template::filters::{capitalized, centered, filled, lines, replaced, trimmed};
use crate::template::held::{self, named};
use crate::template::meter::{charge, charge_times, fault};
use crate::template::{ops, printf};

pub(super) const METHODS: &[OfText] = &[
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
