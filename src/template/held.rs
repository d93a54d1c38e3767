//! Lists and mappings that a template makes, and may change (`list.append(…)`), and what any
//! value weighs.
//!
//! What is put into another list is a copy of what it was then: so nothing can hold itself, and
//! the depth of a value is known when it is made. Dropping a deep value would end the process.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr, Tuple, ValueKind};
use minijinja::{Error, Value};

use super::meter::{self, charge, charge_times, fault, in_time};
use super::print::{self, DEEPEST};
use super::tree::Tree;

/// What one entry of a list or mapping costs.
const ENTRY: usize = 32;
/// More entries than any list may have.
const MOST: usize = 1 << 20;

/// A list or mapping that can be changed.
#[derive(Debug)]
pub(super) struct Held {
    inside: Mutex<Inside>,
}

#[derive(Debug)]
enum Inside {
    List(Vec<Value>),
    /// The engine's own mapping, replaced when it changes.
    Map(Value),
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it holds now, as a value that does not change.
    fn now(&self) -> Value {
        match &*self.lock() {
            Inside::List(items) => Value::from(items.clone()),
            Inside::Map(map) => map.clone(),
        }
    }

    /// Changes the list; `None` for a mapping.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut Vec<Value>) -> Result<T, Error>,
    ) -> Option<Result<T, Error>> {
        match &mut *self.lock() {
            Inside::List(items) => Some(change(items)),
            Inside::Map(_) => None,
        }
    }

    /// Puts another mapping in the place of this one.
    pub(super) fn replace(&self, pairs: Vec<(Value, Value)>) -> Result<(), Error> {
        let map = frozen_map(pairs)?;
        *self.lock() = Inside::Map(map);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Inside::List(items) = &*self.lock() {
            meter::credit(ENTRY * items.len());
        }
    }
}

impl Object for Held {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match &*self.lock() {
            Inside::List(_) => ObjectRepr::Seq,
            Inside::Map(_) => ObjectRepr::Map,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match &*self.lock() {
            Inside::List(items) => items.get(key.as_usize()?).cloned(),
            Inside::Map(map) => map.as_object()?.get_value(key),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match &*self.lock() {
            Inside::List(items) => Enumerator::Values(items.clone()),
            Inside::Map(map) => map.as_object().map_or(Enumerator::Empty, |map| map.enumerate()),
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        match &*self.lock() {
            Inside::List(items) => Some(items.len()),
            Inside::Map(map) => map.len(),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print::text(&self.now()).unwrap_or_default())
    }
}

/// A list that can be changed.
pub(super) fn list(items: Vec<Value>) -> Result<Value, Error> {
    Ok(held(Inside::List(entries(items)?)))
}

/// A list of what [`items`] gave, in whatever order: it has been paid for, and nests no deeper than
/// what it comes from.
pub(super) fn relisted(items: Vec<Value>) -> Value {
    held(Inside::List(items))
}

/// A mapping that can be changed.
pub(super) fn map(pairs: Vec<(Value, Value)>) -> Result<Value, Error> {
    Ok(held(Inside::Map(frozen_map(pairs)?)))
}

/// A tuple, which cannot.
pub(super) fn tuple(items: Vec<Value>) -> Result<Value, Error> {
    Ok(Value::from(Tuple::from(entries(items)?)))
}

fn frozen_map(pairs: Vec<(Value, Value)>) -> Result<Value, Error> {
    charge_times(2 * ENTRY, pairs.len())?;
    let mut frozen = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        if matches!(key.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable) && !key.is_tuple() {
            return Err(fault(format!("{} cannot be a key", named(&key))));
        }
        frozen.push((entry(&key)?, entry(&value)?));
    }
    Ok(Value::from_pairs(frozen))
}

fn held(inside: Inside) -> Value {
    Value::from_object(Held { inside: Mutex::new(inside) })
}

fn entries(items: Vec<Value>) -> Result<Vec<Value>, Error> {
    charge_times(ENTRY, items.len())?;
    items.iter().map(frozen).collect()
}

/// A value as it stands in a list or mapping; pays for its place there.
pub(super) fn entry(value: &Value) -> Result<Value, Error> {
    charge(ENTRY)?;
    frozen(value)
}

/// Refuses what could lead a namespace back to itself.
pub(super) fn checked(value: &Value) -> Result<(), Error> {
    match value.downcast_object_ref::<Held>() {
        // Nothing that is in a list can be a namespace.
        Some(_) => Ok(()),
        None => frozen(value).map(drop),
    }
}

fn frozen(value: &Value) -> Result<Value, Error> {
    let frozen = match value.downcast_object_ref::<Held>() {
        Some(held) => {
            charge_times(ENTRY, value.len().unwrap_or(0))?;
            held.now()
        }
        None => value.clone(),
    };
    if below(&frozen, 0)? >= DEEPEST {
        return Err(fault(format!("nests values deeper than {DEEPEST} levels")));
    }
    Ok(frozen)
}

/// What a filter or method made, in the shape that templates go on with.
pub(super) fn kept(value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::String => {
            charge(value.as_str().unwrap_or_default().len())?;
            Ok(value)
        }
        ValueKind::Iterable => list(items(&value)?),
        ValueKind::Seq if value.downcast_object_ref::<Vec<Value>>().is_some() => list(items(&value)?),
        _ => Ok(value),
    }
}

/// The entries of anything that can be iterated.
pub(super) fn items(value: &Value) -> Result<Vec<Value>, Error> {
    iterable(value)?;
    let len = value.len();
    if len.is_some_and(|len| len > MOST) {
        return Err(fault(format!("makes a list of more than {MOST} entries")));
    }
    charge_times(ENTRY, len.unwrap_or(0))?;
    let mut items = Vec::with_capacity(len.unwrap_or(0));
    for item in value.try_iter()?.checked() {
        if len.is_none() {
            charge(ENTRY)?;
        }
        items.push(item?);
    }
    Ok(items)
}

/// The entries of a mapping.
pub(super) fn pairs(value: &Value) -> Result<Vec<(Value, Value)>, Error> {
    let pairs = (value.kind() == ValueKind::Map)
        .then(|| value.as_object().and_then(|object| object.try_iter_pairs()))
        .flatten()
        .ok_or_else(|| fault(format!("needs a mapping, not {}", named(value))))?;
    charge_times(2 * ENTRY, value.len().unwrap_or(0))?;
    Ok(pairs.collect())
}

/// Python iterates over texts, lists, mappings and what is undefined, but not over nothing.
pub(super) fn iterable(value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::String | ValueKind::Seq | ValueKind::Map | ValueKind::Iterable => {
            Ok(())
        }
        _ => Err(fault(format!("cannot go through {}", named(value)))),
    }
}

/// What a value is, for messages.
pub(super) fn named(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "what is undefined",
        ValueKind::None => "`None`",
        ValueKind::Bool => "a boolean",
        ValueKind::Number => "a number",
        ValueKind::String | ValueKind::Bytes => "a text",
        ValueKind::Seq | ValueKind::Iterable if value.is_tuple() => "a tuple",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "a mapping",
        _ if super::number::of(value).is_some() => "a number",
        _ => "a function",
    }
}

/// How deep a value nests. Walks what the template made; documents are bounded already.
fn below(value: &Value, level: usize) -> Result<usize, Error> {
    charge(1)?;
    let object = match value.as_object() {
        Some(object) if value.downcast_object_ref::<Tree>().is_none() => object,
        _ => return Ok(level),
    };
    if object.type_name().contains("Namespace") {
        return Err(fault("a namespace cannot be put into a list or mapping"));
    }
    if level > DEEPEST {
        return Ok(level);
    }
    let mut deepest = level;
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            for item in object.try_iter().into_iter().flatten() {
                deepest = deepest.max(below(&item, level + 1)?);
            }
        }
        ValueKind::Map => {
            for (key, member) in object.try_iter_pairs().into_iter().flatten() {
                deepest = deepest.max(below(&key, level + 1)?).max(below(&member, level + 1)?);
            }
        }
        _ => {}
    }
    Ok(deepest)
}

/// Before a value is compared: walking it is paid for, and what stands in documents takes its time.
pub(super) fn walked(value: &Value) -> Result<(), Error> {
    if value.as_object().is_none() {
        return charge(value.as_str().map_or(1, str::len));
    }
    in_time()?;
    below(value, 0).map(drop)
}
