//! Numbers: what Python computes, as far as 38 digits go.

use minijinja::{Error, Value};

use super::{defined, impossible};
use crate::template::held::named;
use crate::template::meter::fault;
use crate::template::number::{self, Num};

pub(in crate::template) fn arithmetic(operator: &'static str, a: &Value, b: &Value) -> Result<Value, Error> {
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

pub(super) fn negated(value: &Value) -> Result<Value, Error> {
    match number::of(value) {
        Some(Num::Int(whole)) => Ok(number::int(whole.saturating_neg())),
        Some(Num::Float(float)) => Ok(Value::from(-float)),
        None => {
            defined(value)?;
            Err(fault(format!("`-` cannot stand before {}", named(value))))
        }
    }
}
