//! What may stand behind `is`: Jinja2's tests.

use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, State, Value};

use super::meter::fault;
use super::number::{self, Num};
use super::{filters, held, ops, print};

/// A test: the value before `is`, and the arguments.
type Test = fn(&Value, &[Value]) -> Result<bool, Error>;

const TESTS: &[(&str, Test)] = &[
    ("defined", |value, _| Ok(!value.is_undefined())),
    ("undefined", |value, _| Ok(value.is_undefined())),
    ("none", |value, _| Ok(value.is_none())),
    ("boolean", |value, _| Ok(value.kind() == ValueKind::Bool)),
    ("true", |value, _| Ok(value.kind() == ValueKind::Bool && value.is_true())),
    ("false", |value, _| Ok(value.kind() == ValueKind::Bool && !value.is_true())),
    ("number", |value, _| Ok(number::of(value).is_some())),
    ("integer", |value, _| {
        Ok(value.kind() != ValueKind::Bool && matches!(number::of(value), Some(Num::Int(_))))
    }),
    ("float", |value, _| Ok(matches!(number::of(value), Some(Num::Float(_))))),
    ("string", |value, _| Ok(value.kind() == ValueKind::String)),
    ("mapping", |value, _| Ok(value.kind() == ValueKind::Map)),
    ("sequence", |value, _| {
        let kind = value.kind();
        Ok(matches!(
            kind,
            ValueKind::Seq | ValueKind::Map | ValueKind::String | ValueKind::Undefined | ValueKind::Iterable
        ))
    }),
    ("iterable", |value, _| Ok(held::iterable(value).is_ok())),
    ("callable", |value, _| Ok(value.kind() == ValueKind::Plain && number::of(value).is_none())),
    ("escaped", |value, _| Ok(value.is_safe())),
    ("odd", |value, _| Ok(rest(value, 2)? != 0)),
    ("even", |value, _| Ok(rest(value, 2)? == 0)),
    ("divisibleby", |value, args| {
        let by = ops::arithmetic("%", value, one(args)?)?;
        Ok(!by.is_true())
    }),
    ("lower", |value, _| cased(value, |text| text.to_lowercase())),
    ("upper", |value, _| cased(value, |text| text.to_uppercase())),
    ("in", |value, args| ops::contains(one(args)?, value)),
    ("sameas", |value, args| same(value, one(args)?)),
    ("eq", equal),
    ("equalto", equal),
    ("==", equal),
    ("ne", |value, args| Ok(!equal(value, args)?)),
    ("!=", |value, args| Ok(!equal(value, args)?)),
    ("lt", |value, args| Ok(ops::order("<", value, one(args)?)?.is_lt())),
    ("lessthan", |value, args| Ok(ops::order("<", value, one(args)?)?.is_lt())),
    ("<", |value, args| Ok(ops::order("<", value, one(args)?)?.is_lt())),
    ("le", |value, args| Ok(ops::order("<=", value, one(args)?)?.is_le())),
    ("<=", |value, args| Ok(ops::order("<=", value, one(args)?)?.is_le())),
    ("gt", |value, args| Ok(ops::order(">", value, one(args)?)?.is_gt())),
    ("greaterthan", |value, args| Ok(ops::order(">", value, one(args)?)?.is_gt())),
    (">", |value, args| Ok(ops::order(">", value, one(args)?)?.is_gt())),
    ("ge", |value, args| Ok(ops::order(">=", value, one(args)?)?.is_ge())),
    (">=", |value, args| Ok(ops::order(">=", value, one(args)?)?.is_ge())),
    ("filter", |value, _| Ok(value.as_str().is_some_and(|name| filters::names().contains(&name)))),
    ("test", |value, _| Ok(value.as_str().is_some_and(|name| names().contains(&name)))),
];

/// The names of all tests.
pub(super) fn names() -> Vec<&'static str> {
    TESTS.iter().map(|(name, _)| *name).collect()
}

/// Makes the tests known.
pub(super) fn register(env: &mut Environment<'_>) {
    for (name, test) in TESTS {
        env.add_test(*name, move |value: Value, args: Rest<Value>| test(&value, &args));
    }
}

/// Whether a value passes a test.
pub(super) fn holds(
    state: &mut State<'_, '_>,
    name: &str,
    value: &Value,
    args: &[Value],
) -> Result<bool, Error> {
    let all: Vec<Value> = std::iter::once(value).chain(args).cloned().collect();
    state.perform_test(name, &all)
}

fn one(args: &[Value]) -> Result<&Value, Error> {
    args.first().ok_or_else(|| fault("the test lacks its argument"))
}

fn equal(value: &Value, args: &[Value]) -> Result<bool, Error> {
    ops::equal(value, one(args)?)
}

fn rest(value: &Value, by: i64) -> Result<i64, Error> {
    let rest = ops::arithmetic("%", value, &Value::from(by))?;
    Ok(i64::from(rest.is_true()))
}

fn cased(value: &Value, fold: impl Fn(&str) -> String) -> Result<bool, Error> {
    let text = print::text(value)?;
    Ok(fold(&text) == *text && text.chars().any(|letter| letter.is_lowercase() || letter.is_uppercase()))
}

/// The same kind and value; for lists the same list.
fn same(value: &Value, other: &Value) -> Result<bool, Error> {
    match (value.as_object(), other.as_object()) {
        (Some(_), Some(_)) => ops::equal(value, other),
        (None, None) => Ok(value.kind() == other.kind() && ops::equal(value, other)?),
        _ => Ok(false),
    }
}
