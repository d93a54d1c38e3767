//! Filters by regular expression, under the names that Ansible gave them. The engine takes time
//! linear in the text, whatever the pattern.

use std::cell::RefCell;
use std::collections::HashMap;

use minijinja::{Error, State, Value};
use regex::{Captures, Regex, RegexBuilder};

use super::Entry;
use crate::template::args::Args;
use crate::template::meter::{charge, charge_times, fault};
use crate::template::{held, print};

type Result<T = Value, E = Error> = std::result::Result<T, E>;

pub(super) const FILTERS: &[Entry] = &[
    ("regex_replace", &["pattern", "replacement", "ignorecase", "multiline", "count"], replace),
    ("regex_search", &["pattern", "*groups"], search),
    ("regex_match", &["pattern", "ignorecase", "multiline"], |_, value, args| {
        let text = subject(value)?;
        Ok(compiled(args)?.find(&text).is_some_and(|found| found.start() == 0).into())
    }),
    ("regex_findall", &["pattern", "ignorecase", "multiline"], find_all),
    ("regex_escape", &[], |_, value, _| Ok(regex::escape(&print::text(value)?).into())),
];

/// Bytes of a pattern, and of what it is compiled to.
const LONGEST: usize = 4096;
const LARGEST: usize = 1 << 20;
/// Compiled patterns that a thread keeps; templates use few.
const KEPT: usize = 32;

thread_local! {
    static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::new(HashMap::new());
}

fn subject(value: &Value) -> Result<std::borrow::Cow<'_, str>> {
    let text = print::text(value)?;
    charge_times(4, text.len())?;
    Ok(text)
}

fn compiled(args: &Args<'_>) -> Result<Regex> {
    let named = |wanted: &str| args.named.iter().any(|(name, value)| name == wanted && value.is_true());
    let on = |flag: &str, letter: &'static str| {
        if args.flag(flag, false) || named(flag) { letter } else { "" }
    };
    let flags = format!("{}{}", on("ignorecase", "i"), on("multiline", "m"));
    let pattern = args.need_text("pattern")?;
    if pattern.len() > LONGEST {
        return Err(fault(format!("a regular expression may have at most {LONGEST} bytes")));
    }
    let pattern = if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}){pattern}") };
    COMPILED.with_borrow_mut(|known| {
        if let Some(regex) = known.get(&pattern) {
            return Ok(regex.clone());
        }
        charge(LARGEST / 8)?;
        let regex = compile(&pattern)?;
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(pattern, regex.clone());
        Ok(regex)
    })
}

fn compile(pattern: &str) -> Result<Regex> {
    let built = RegexBuilder::new(pattern).size_limit(LARGEST).dfa_size_limit(LARGEST).nest_limit(50).build();
    built.map_err(|error| {
        let cause = error.to_string();
        let cause = cause.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let shown: String = pattern.chars().take(80).collect();
        fault(format!("`{shown}` is no regular expression here: {cause}"))
    })
}

fn replace(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let (text, regex) = (subject(value)?, compiled(args)?);
    let with = args.printed("replacement")?.unwrap_or_default();
    let most = match args.count("count", 0)? {
        0 => usize::MAX,
        most => most,
    };
    let (mut out, mut end) = (String::new(), 0);
    for found in regex.captures_iter(&text).take(most) {
        let Some(whole) = found.get(0) else { continue };
        let before = out.len();
        out.push_str(text.get(end..whole.start()).unwrap_or_default());
        expand(&with, &found, &mut out)?;
        charge(out.len() - before)?;
        end = whole.end();
    }
    out.push_str(text.get(end..).unwrap_or_default());
    Ok(out.into())
}

/// Python's `\1` and `\g<name>`.
fn expand(with: &str, found: &Captures<'_>, out: &mut String) -> Result<(), Error> {
    let mut letters = with.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        let rest = letters.as_str();
        let group = if let Some(named) = rest.strip_prefix("g<") {
            let (name, _) = named.split_once('>').ok_or_else(|| fault("a replacement lacks its `>`"))?;
            letters.by_ref().take(name.chars().count() + 3).for_each(drop);
            name.parse().map_or_else(|_| found.name(name), |index| found.get(index))
        } else if let Some(digit) = rest.chars().next().and_then(|digit| digit.to_digit(10)) {
            letters.next();
            found.get(digit as usize)
        } else {
            match letters.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            }
            continue;
        };
        let text = group.map_or("", |group| group.as_str());
        charge(text.len())?;
        out.push_str(text);
    }
    Ok(())
}

/// The first match; with `'\\1'` and so on, a list of those groups. `None` where nothing matches.
fn search(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let (text, regex) = (subject(value)?, compiled(args)?);
    let Some(found) = regex.captures(&text) else { return Ok(().into()) };
    let whole = found.get(0).map_or("", |whole| whole.as_str());
    if args.rest.is_empty() {
        return Ok(whole.into());
    }
    let groups = args.rest.iter().map(|wanted| {
        let mut group = String::new();
        expand(&print::text(wanted)?, &found, &mut group)?;
        Ok(group.into())
    });
    held::list(groups.collect::<Result<_>>()?)
}

/// All matches; their group if there is one, their groups if there are many.
fn find_all(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let (text, regex) = (subject(value)?, compiled(args)?);
    let mut all = Vec::new();
    for found in regex.captures_iter(&text) {
        charge(64 + found.get(0).map_or(0, |whole| whole.len()))?;
        let group = |index: usize| Value::from(found.get(index).map_or("", |group| group.as_str()));
        all.push(match found.len() {
            1 => group(0),
            2 => group(1),
            len => held::tuple((1..len).map(group).collect())?,
        });
    }
    held::list(all)
}
