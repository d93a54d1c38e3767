//! What `+`, `<`, `in`, `[…]` and the like do, as in Python, under the limits of a rendering.
//!
//! The engine calls these in place of its own, see [`super::program`].

mod arithmetic;
mod compare;
mod slice;

use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, Value};

use super::held::{self, named};
use super::meter::{charge, charge_times, fault};
use super::number::{self, Num, plain};
use super::{print, printf};

pub(super) use arithmetic::arithmetic;
use arithmetic::negated;
pub(super) use compare::{contains, equal, order, sorted};
use slice::slice;

type Operator = fn(&[Value]) -> Result<Value, Error>;

/// The operators by the names under which a program calls them, which no template can write.
const OPERATORS: [(&str, Operator); 25] = [
    ("+", |args| two(args, add)),
    ("-", |args| two(args, |a, b| arithmetic("-", a, b))),
    ("*", |args| two(args, multiply)),
    ("/", |args| two(args, |a, b| arithmetic("/", a, b))),
    ("//", |args| two(args, |a, b| arithmetic("//", a, b))),
    ("%", |args| two(args, remainder)),
    ("**", |args| two(args, |a, b| arithmetic("**", a, b))),
    ("neg", |args| args.iter().map(negated).next().unwrap_or_else(missing)),
    ("~", |args| two(args, concatenated)),
    ("==", |args| two(args, |a, b| equal(a, b).map(Value::from))),
    ("!=", |args| two(args, |a, b| equal(a, b).map(|same| Value::from(!same)))),
    ("<", |args| two(args, |a, b| Ok(Value::from(order("<", a, b)?.is_lt())))),
    ("<=", |args| two(args, |a, b| Ok(Value::from(order("<=", a, b)?.is_le())))),
    (">", |args| two(args, |a, b| Ok(Value::from(order(">", a, b)?.is_gt())))),
    (">=", |args| two(args, |a, b| Ok(Value::from(order(">=", a, b)?.is_ge())))),
    ("in", |args| two(args, |a, b| contains(b, a).map(Value::from))),
    ("not in", |args| two(args, |a, b| contains(b, a).map(|held| Value::from(!held)))),
    ("slice", slice),
    ("item", |args| two(args, item)),
    ("list", |args| held::list(args.to_vec())),
    ("tuple", |args| held::tuple(args.to_vec())),
    ("map", |args| held::map(args.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())),
    ("fresh", |args| args.iter().map(fresh).next().unwrap_or_else(missing)),
    ("each", |args| args.iter().map(each).next().unwrap_or_else(missing)),
    ("stored", |args| args.iter().map(stored).next().unwrap_or_else(missing)),
];

/// Those that can stand in a chain, `a < b < c`: such a one gives its result and its right side.
const COMPARISONS: [&str; 8] = ["==", "!=", "<", "<=", ">", ">=", "in", "not in"];

/// What stands before the names, so that no template can call them.
pub(super) const PREFIX: &str = "operator ";

/// Makes the operators known.
pub(super) fn register(env: &mut Environment<'_>) {
    for (name, operator) in OPERATORS {
        // The engine looks names up without their white space.
        let known = |prefix: &str| format!("{PREFIX}{prefix}{name}").replace(' ', "");
        env.add_filter(known(""), move |args: Rest<Value>| operator(&args));
        if COMPARISONS.contains(&name) {
            env.add_filter(known("chain"), move |args: Rest<Value>| {
                let right = args.last().cloned().unwrap_or_default();
                Ok::<_, Error>(Value::from(vec![operator(&args)?, right]))
            });
        }
    }
}

fn missing() -> Result<Value, Error> {
    Err(fault("an operator lacks its operand"))
}

fn two(args: &[Value], operator: impl Fn(&Value, &Value) -> Result<Value, Error>) -> Result<Value, Error> {
    match args {
        [a, b] => operator(a, b),
        _ => missing(),
    }
}

/// An error that names what is undefined.
pub(super) fn defined(value: &Value) -> Result<(), Error> {
    if value.is_undefined() { value.get_attr("").map(drop) } else { Ok(()) }
}

fn impossible(operator: &str, a: &Value, b: &Value) -> Error {
    if let Err(error) = defined(a).and_then(|()| defined(b)) {
        return error;
    }
    fault(format!("`{operator}` cannot be used between {} and {}", named(a), named(b)))
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

pub(super) fn add(a: &Value, b: &Value) -> Result<Value, Error> {
    if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
        charge(a.len() + b.len())?;
        return Ok(Value::from([a, b].concat()));
    }
    if is_list(a) && is_list(b) && a.is_tuple() == b.is_tuple() {
        let mut items = held::items(a)?;
        items.append(&mut held::items(b)?);
        return if a.is_tuple() { held::tuple(items) } else { Ok(held::relisted(items)) };
    }
    arithmetic("+", a, b)
}

fn multiply(a: &Value, b: &Value) -> Result<Value, Error> {
    match (number::of(a), number::of(b)) {
        (None, Some(Num::Int(times))) => repeated(a, b, times),
        (Some(Num::Int(times)), None) => repeated(b, a, times),
        _ => arithmetic("*", a, b),
    }
}

fn repeated(value: &Value, number: &Value, times: i128) -> Result<Value, Error> {
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    if let Some(text) = value.as_str() {
        charge_times(text.len(), times)?;
        return Ok(Value::from(text.repeat(if text.is_empty() { 0 } else { times })));
    }
    if !is_list(value) {
        return Err(impossible("*", value, number));
    }
    let items = held::items(value)?;
    charge_times(32, items.len().saturating_mul(times))?;
    let items = (0..if items.is_empty() { 0 } else { times }).flat_map(|_| items.iter().cloned()).collect();
    if value.is_tuple() { held::tuple(items) } else { Ok(held::relisted(items)) }
}

fn remainder(a: &Value, b: &Value) -> Result<Value, Error> {
    let Some(pattern) = a.as_str() else { return arithmetic("%", a, b) };
    let args = if b.is_tuple() { held::items(b)? } else { vec![b.clone()] };
    printf::percent(pattern, &args).map(Value::from)
}

fn concatenated(a: &Value, b: &Value) -> Result<Value, Error> {
    let (a, b) = (print::text(a)?, print::text(b)?);
    charge(a.len() + b.len())?;
    Ok(Value::from([a, b].concat()))
}

/// `value[key]`.
fn item(value: &Value, key: &Value) -> Result<Value, Error> {
    charge(value.as_str().map_or(1, str::len))?;
    defined(value)?;
    value.get_item(&plain(key))
}

/// A list or mapping that stands in the template, made anew each time it is met.
fn fresh(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Seq => Ok(held::relisted(held::items(value)?)),
        ValueKind::Map => held::map(held::pairs(value)?),
        _ => Ok(value.clone()),
    }
}

/// What a loop goes through.
fn each(value: &Value) -> Result<Value, Error> {
    held::iterable(value)?;
    charge(value.as_str().map_or(1, str::len))?;
    Ok(value.clone())
}

/// What is put into a namespace: nothing that could lead back to it.
fn stored(value: &Value) -> Result<Value, Error> {
    held::checked(value)?;
    Ok(value.clone())
}
