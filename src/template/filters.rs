//! What may stand behind a `|`: Jinja2's filters, and those that users of NetBox and Ansible know.

mod code;
mod convert;
mod date;
mod html;
mod letters;
mod list;
mod pattern;
mod pick;
mod wrap;

use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value};

use super::args::{Args, Parameters};
use super::{held, ops};

pub(super) use html::escaped;
pub(super) use letters::{capitalized, centered, filled, replaced, trimmed};
pub(super) use list::Group;
pub(super) use wrap::lines;

/// A filter: the value before the `|`, and the arguments.
type Filter = fn(&mut State<'_, '_>, &Value, &Args<'_>) -> Result<Value, Error>;
/// Name, parameters, filter.
type Entry = (&'static str, Parameters, Filter);

const TABLES: [&[Entry]; 9] = [
    letters::FILTERS,
    wrap::FILTERS,
    html::FILTERS,
    convert::FILTERS,
    list::FILTERS,
    pick::FILTERS,
    code::FILTERS,
    pattern::FILTERS,
    date::FILTERS,
];

fn entries() -> impl Iterator<Item = Entry> {
    TABLES.into_iter().flatten().copied()
}

/// The names of all filters.
pub(super) fn names() -> Vec<&'static str> {
    entries().map(|(name, ..)| name).collect()
}

/// Makes the filters known.
pub(super) fn register(env: &mut Environment<'_>) {
    for (name, parameters, filter) in entries() {
        env.add_filter(name, move |state: &mut State<'_, '_>, value: Value, args: Rest<ValueOrKwargs>| {
            let args = Args::bind(name, parameters, &args.into_values())?;
            held::kept(filter(state, &value, &args)?)
        });
    }
}

/// A text that is not escaped again. In a template of headers it is cleansed first, so that safe
/// texts never hold control characters that come from an expression.
fn safe(state: &State<'_, '_>, text: String) -> Value {
    match state.name() {
        super::HEADERS => Value::from_safe_string(super::headers::cleansed(&text).into_owned()),
        _ => Value::from_safe_string(text),
    }
}

/// The value of an attribute: a name, a dotted path, or a number.
fn attribute(value: &Value, path: &Value, default: Option<&Value>) -> Result<Value, Error> {
    let Some(text) = path.as_str() else { return step(value, path, default) };
    let mut found = value.clone();
    for part in text.split('.') {
        let key = part.parse::<u32>().map_or_else(|_| Value::from(part), Value::from);
        found = step(&found, &key, default)?;
    }
    Ok(found)
}

fn step(value: &Value, key: &Value, default: Option<&Value>) -> Result<Value, Error> {
    ops::defined(value)?;
    let found = match key.as_str() {
        Some(name) if value.kind() != minijinja::value::ValueKind::Map => value.get_attr(name)?,
        _ => value.get_item(key)?,
    };
    match default {
        Some(default) if found.is_undefined() => Ok(default.clone()),
        _ => Ok(found),
    }
}
