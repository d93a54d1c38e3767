//! Filters that apply others, or tests, to every entry of a list.

use minijinja::{Error, State, Value};

use super::{Entry, attribute};
use crate::template::args::Args;
use crate::template::meter::fault;
use crate::template::{held, predicates};

type Result<T = Value, E = Error> = std::result::Result<T, E>;

pub(super) const FILTERS: &[Entry] = &[
    ("map", &["*args"], map),
    ("select", &["*args"], |state, value, args| pick(state, value, args, None, true)),
    ("reject", &["*args"], |state, value, args| pick(state, value, args, None, false)),
    ("selectattr", &["attr", "*args"], |state, value, args| {
        pick(state, value, args, Some(args.need("attr")?), true)
    }),
    ("rejectattr", &["attr", "*args"], |state, value, args| {
        pick(state, value, args, Some(args.need("attr")?), false)
    }),
];

fn map(state: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let named = |wanted: &str| args.named.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let mut mapped = Vec::new();
    if let (Some(path), true) = (named("attribute"), args.rest.is_empty()) {
        for item in held::items(value)? {
            mapped.push(attribute(&item, path, named("default"))?);
        }
        return held::list(mapped);
    }
    let Some((name, rest)) = args.rest.split_first() else {
        return Err(fault("`map` needs the name of a filter, or `attribute=…`"));
    };
    let name = name.as_str().ok_or_else(|| fault("`map` needs the name of a filter"))?;
    let named: Vec<Value> = match args.named.is_empty() {
        true => Vec::new(),
        false => vec![minijinja::value::Kwargs::from_iter(args.named.iter().cloned()).into()],
    };
    for item in held::items(value)? {
        let given: Vec<Value> = [item].iter().chain(rest).chain(&named).cloned().collect();
        mapped.push(state.apply_filter(name, &given)?);
    }
    held::list(mapped)
}

/// The entries that pass a test, or those that do not.
fn pick(
    state: &mut State<'_, '_>,
    value: &Value,
    args: &Args<'_>,
    path: Option<&Value>,
    wanted: bool,
) -> Result {
    let mut picked = Vec::new();
    for item in held::items(value)? {
        let subject = match path {
            Some(path) => attribute(&item, path, None)?,
            None => item.clone(),
        };
        let passes = match args.rest.split_first() {
            None => subject.is_true(),
            Some((name, rest)) => {
                let name = name.as_str().ok_or_else(|| fault("a test goes by its name"))?;
                predicates::holds(state, name, &subject, rest)?
            }
        };
        if passes == wanted {
            picked.push(item);
        }
    }
    Ok(held::relisted(picked))
}
