//! Filters that make one thing of another, and of numbers.

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

use super::Entry;
use crate::template::args::Args;
use crate::template::held::named;
use crate::template::meter::fault;
use crate::template::number::{self, Num, truncated};
use crate::template::{headers, ops, print};

type Result<T = Value, E = Error> = std::result::Result<T, E>;

pub(super) const FILTERS: &[Entry] = &[
    ("int", &["default", "base"], int),
    ("float", &["default"], float),
    ("abs", &[], abs),
    ("round", &["precision", "method"], round),
    ("bool", &[], |_, value, _| Ok(Value::from(truth(value)))),
    ("default", &["default_value", "boolean"], default),
    ("d", &["default_value", "boolean"], default),
    ("attr", &["name"], |_, value, args| {
        let name = args.need_text("name")?;
        // Python's attributes are no keys.
        if value.kind() == ValueKind::Map { Ok(Value::UNDEFINED) } else { value.get_attr(name) }
    }),
    ("header_safe", &[], |_, value, _| Ok(headers::cleansed(&print::text(value)?).into())),
];

fn default(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let lacks = value.is_undefined() || (args.flag("boolean", false) && !value.is_true());
    Ok(if lacks { args.get("default_value").cloned().unwrap_or_else(|| "".into()) } else { value.clone() })
}

fn int(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    ops::defined(value)?;
    let base = args.whole("base", 10)?;
    let whole = match (value.as_str(), number::of(value)) {
        (Some(text), _) => {
            whole(text, base).or_else(|| fraction(text).and_then(|float| truncated(float).ok()))
        }
        (_, Some(Num::Int(whole))) => Some(whole),
        (_, Some(Num::Float(float))) => truncated(float).ok(),
        _ => None,
    };
    Ok(whole.map(number::int).unwrap_or_else(|| args.get("default").cloned().unwrap_or_else(|| 0.into())))
}

/// A whole number as Python reads it: signs, `_` between digits, the base's own prefix.
fn whole(text: &str, base: i128) -> Option<i128> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = [(16, "0x"), (8, "0o"), (2, "0b")]
        .into_iter()
        .filter(|(own, _)| base == 0 || base == *own)
        .find_map(|(own, prefix)| Some((own, lower.strip_prefix(prefix)?)))
        .unwrap_or((if base == 0 { 10 } else { base }, &lower));
    let apart = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base))?;
    if apart || digits.starts_with(['+', '-']) {
        return None;
    }
    i128::from_str_radix(&digits.replace('_', ""), base).ok().map(|whole| sign * whole)
}

/// A fraction as Python reads it.
fn fraction(text: &str) -> Option<f64> {
    let text = text.trim();
    let between = |at: usize| {
        let digit =
            |at: Option<usize>| at.and_then(|at| text.as_bytes().get(at)).is_some_and(u8::is_ascii_digit);
        digit(at.checked_sub(1)) && digit(Some(at + 1))
    };
    if text.match_indices('_').any(|(at, _)| !between(at)) {
        return None;
    }
    text.replace('_', "").parse().ok()
}

fn float(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    ops::defined(value)?;
    let float = match value.as_str() {
        Some(text) => fraction(text),
        None => number::of(value).map(Num::float),
    };
    Ok(float.map(Value::from).unwrap_or_else(|| args.get("default").cloned().unwrap_or_else(|| 0.0.into())))
}

fn number_of(what: &str, value: &Value) -> Result<Num> {
    ops::defined(value)?;
    number::of(value).ok_or_else(|| fault(format!("`{what}` needs a number, not {}", named(value))))
}

fn abs(_: &mut State<'_, '_>, value: &Value, _: &Args<'_>) -> Result {
    Ok(match number_of("abs", value)? {
        Num::Int(whole) => number::int(whole.saturating_abs()),
        Num::Float(float) => Value::from(float.abs()),
    })
}

fn round(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let number = number_of("round", value)?;
    let precision = i32::try_from(args.whole("precision", 0)?.clamp(-40, 340)).unwrap_or(0);
    let scale = 10f64.powi(precision);
    match args.text("method")?.unwrap_or("common") {
        "common" => Ok(rounded(number, precision)),
        "ceil" => Ok(Value::from((number.float() * scale).ceil() / scale)),
        "floor" => Ok(Value::from((number.float() * scale).floor() / scale)),
        other => Err(fault(format!("`round` has no method `{other}`; it has common, ceil and floor"))),
    }
}

/// Half to even, of what the number exactly is.
fn rounded(number: Num, precision: i32) -> Value {
    match (number, u32::try_from(precision)) {
        (Num::Int(whole), Ok(_)) => number::int(whole),
        (Num::Int(whole), Err(_)) => {
            let Some(unit) = 10i128.checked_pow(precision.unsigned_abs()) else { return 0.into() };
            let (floor, rest) = (whole.div_euclid(unit), whole.rem_euclid(unit));
            let up = rest * 2 > unit || (rest * 2 == unit && floor % 2 != 0);
            number::int((floor + i128::from(up)).saturating_mul(unit))
        }
        (Num::Float(float), Ok(digits)) => {
            let text = format!("{float:.*}", digits as usize);
            Value::from(text.parse().unwrap_or(float))
        }
        (Num::Float(float), Err(_)) => {
            let unit = 10f64.powi(-precision);
            Value::from((float / unit).round_ties_even() * unit)
        }
    }
}

/// What Ansible takes for true.
fn truth(value: &Value) -> bool {
    match value.as_str() {
        Some(text) => ["yes", "on", "1", "true", "y", "t"].contains(&text.to_lowercase().as_str()),
        None => value.is_true(),
    }
}
