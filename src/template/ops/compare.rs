//! What is equal to what, comes before what, and is in what.

use std::cmp::Ordering;

use minijinja::value::ValueKind;
use minijinja::{Error, Value};

use super::{impossible, is_list};
use crate::template::held::{self, walked};
use crate::template::meter::{charge, charge_times};
use crate::template::number::{self, Num, plain};

/// Whether two values are the same; never fails for their kinds.
pub(in crate::template) fn equal(a: &Value, b: &Value) -> Result<bool, Error> {
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
pub(in crate::template) fn order(operator: &str, a: &Value, b: &Value) -> Result<Ordering, Error> {
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
pub(in crate::template) fn sorted<T>(
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
pub(in crate::template) fn contains(container: &Value, value: &Value) -> Result<bool, Error> {
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
