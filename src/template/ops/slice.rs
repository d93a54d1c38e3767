//! `value[start:stop:step]`.

use minijinja::{Error, Value};

use super::{defined, is_list, missing};
use crate::template::held::{self, named};
use crate::template::meter::{charge_times, fault};
use crate::template::number::{self, Num};

/// The value, then the bounds.
pub(super) fn slice(args: &[Value]) -> Result<Value, Error> {
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
