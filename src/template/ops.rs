//! What `+`, `<`, `in`, `[…]` and the like do, as in Python, under the limits of a rendering.
//!
//! The engine calls these in place of its own, see [`super::program`].

use std::cmp::Ordering;

use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, Value};

use super::held::{self, named, walked};
use super::meter::{charge, charge_times, fault};
use super::number::{self, Num, plain};
use super::{print, printf};

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
    ("slice", |args| slice(args)),
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

pub(super) fn arithmetic(operator: &'static str, a: &Value, b: &Value) -> Result<Value, Error> {
    let (Some(x), Some(y)) = (number::of(a), number::of(b)) else { return Err(impossible(operator, a, b)) };
    if matches!(operator, "/" | "//" | "%") && y.float() == 0.0 {
        return Err(fault(format!("`{operator}` divides by zero")));
    }
    match (x, y, operator) {
        (Num::Int(x), Num::Int(y), "+" | "-" | "*" | "//" | "%") => whole(operator, x, y),
        (Num::Int(x), Num::Int(y), "**") if y >= 0 => u32::try_from(y).ok().and_then(|y| x.checked_pow(y)),
        _ => return floating(operator, x.float(), y.float()),
    }
    .map(number::int)
    .ok_or_else(|| fault(format!("`{operator}` gives a number of more than 38 digits")))
}

/// Floors as Python does.
fn whole(operator: &str, x: i128, y: i128) -> Option<i128> {
    let below = |x: i128, y: i128| x.checked_rem(y).map(|rest| rest != 0 && (rest < 0) != (y < 0));
    match operator {
        "+" => x.checked_add(y),
        "-" => x.checked_sub(y),
        "*" => x.checked_mul(y),
        "//" => x.checked_div(y)?.checked_sub(i128::from(below(x, y)?)),
        _ => x.checked_rem(y)?.checked_add(if below(x, y)? { y } else { 0 }),
    }
}

fn floating(operator: &str, x: f64, y: f64) -> Result<Value, Error> {
    let rest = x % y;
    let rest = if rest != 0.0 && (rest < 0.0) != (y < 0.0) { rest + y } else { rest };
    let result = match operator {
        "+" => x + y,
        "-" => x - y,
        "*" => x * y,
        "/" => x / y,
        "//" => ((x - rest) / y).round(),
        "%" => rest,
        _ => x.powf(y),
    };
    Ok(Value::from(result))
}

fn negated(value: &Value) -> Result<Value, Error> {
    match number::of(value) {
        Some(Num::Int(whole)) => Ok(number::int(whole.saturating_neg())),
        Some(Num::Float(float)) => Ok(Value::from(-float)),
        None => {
            defined(value)?;
            Err(fault(format!("`-` cannot stand before {}", named(value))))
        }
    }
}

fn concatenated(a: &Value, b: &Value) -> Result<Value, Error> {
    let (a, b) = (print::text(a)?, print::text(b)?);
    charge(a.len() + b.len())?;
    Ok(Value::from([a, b].concat()))
}

/// Whether two values are the same; never fails for their kinds.
pub(super) fn equal(a: &Value, b: &Value) -> Result<bool, Error> {
    walked(a)?;
    walked(b)?;
    match (number::of(a), number::of(b)) {
        (Some(Num::Int(a)), Some(Num::Int(b))) => Ok(a == b),
        (Some(a), Some(b)) => Ok(a.float() == b.float()),
        (None, None) => Ok(a == b),
        _ => Ok(false),
    }
}

/// Which of two values comes first.
pub(super) fn order(operator: &str, a: &Value, b: &Value) -> Result<Ordering, Error> {
    if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
        return Ok(a.cmp(b));
    }
    match (number::of(a), number::of(b)) {
        (Some(Num::Int(a)), Some(Num::Int(b))) => return Ok(a.cmp(&b)),
        (Some(a), Some(b)) => return Ok(a.float().total_cmp(&b.float())),
        _ => {}
    }
    if !(is_list(a) && is_list(b) && a.is_tuple() == b.is_tuple()) {
        return Err(impossible(operator, a, b));
    }
    walked(a)?;
    walked(b)?;
    let (left, right) = (held::items(a)?, held::items(b)?);
    for (a, b) in left.iter().zip(&right) {
        if !equal(a, b)? {
            return order(operator, a, b);
        }
    }
    Ok(left.len().cmp(&right.len()))
}

/// A stable order that may fail.
pub(super) fn sorted<T>(
    mut items: Vec<T>,
    before: &impl Fn(&T, &T) -> Result<bool, Error>,
) -> Result<Vec<T>, Error> {
    if items.len() < 2 {
        return Ok(items);
    }
    let right = sorted(items.split_off(items.len() / 2), before)?;
    let left = sorted(items, before)?;
    charge_times(32, left.len() + right.len())?;
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if before(b, a)? { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left.chain(right));
    Ok(merged)
}

/// `value in container`.
pub(super) fn contains(container: &Value, value: &Value) -> Result<bool, Error> {
    if let Some(text) = container.as_str() {
        charge(text.len())?;
        let part = value.as_str().ok_or_else(|| impossible("in", value, container))?;
        return Ok(text.contains(part));
    }
    match container.kind() {
        ValueKind::Undefined => Ok(false),
        ValueKind::Map => {
            let object = container.as_object();
            Ok(object.is_some_and(|object| object.get_value(&plain(value)).is_some()))
        }
        ValueKind::Seq | ValueKind::Iterable => {
            for item in container.try_iter()?.checked() {
                if equal(&item?, value)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Err(impossible("in", value, container)),
    }
}

/// `value[key]`.
fn item(value: &Value, key: &Value) -> Result<Value, Error> {
    charge(value.as_str().map_or(1, str::len))?;
    defined(value)?;
    value.get_item(&plain(key))
}

/// `value[start:stop:step]`.
fn slice(args: &[Value]) -> Result<Value, Error> {
    let [value, bounds @ ..] = args else { return missing() };
    let mut numbers = [None; 3];
    for (number, bound) in numbers.iter_mut().zip(bounds) {
        *number = match (bound.is_none(), number::of(bound)) {
            (true, _) => None,
            (_, Some(Num::Int(whole))) => Some(whole),
            _ => return Err(fault("the bounds of a slice must be whole numbers")),
        };
    }
    defined(value)?;
    if let Some(text) = value.as_str() {
        charge_times(4, text.len())?;
        let letters: Vec<char> = text.chars().collect();
        return Ok(Value::from(sliced(&letters, numbers)?.into_iter().collect::<String>()));
    }
    if !is_list(value) {
        return Err(fault(format!("cannot take a slice of {}", named(value))));
    }
    let items = sliced(&held::items(value)?, numbers)?;
    if value.is_tuple() { held::tuple(items) } else { Ok(held::relisted(items)) }
}

fn sliced<T: Clone>(items: &[T], [start, stop, step]: [Option<i128>; 3]) -> Result<Vec<T>, Error> {
    let len = items.len() as i128;
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(fault("the step of a slice cannot be zero"));
    }
    let (first, last) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let place = |bound: i128| (if bound < 0 { bound.saturating_add(len) } else { bound }).clamp(first, last);
    let start = start.map_or(if step > 0 { first } else { last }, place);
    let stop = stop.map_or(if step > 0 { last } else { first }, place);
    let mut taken = Vec::new();
    let mut at = start;
    while if step > 0 { at < stop } else { at > stop } {
        let found = usize::try_from(at).ok().and_then(|at| items.get(at));
        taken.extend(found.cloned());
        at = at.saturating_add(step);
    }
    Ok(taken)
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
