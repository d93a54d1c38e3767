//! Methods of lists and mappings.

use minijinja::value::Tuple;
use minijinja::{Error, Value};

use super::{OfValue, Result};
use crate::template::held::{self, Held};
use crate::template::meter::fault;
use crate::template::ops;

pub(super) const OF_LISTS: &[OfValue] = &[
    ("append", &["item"], |list, args| {
        let item = held::entry(args.need("item")?)?;
        changed(list, |items| items.push(item))
    }),
    ("extend", &["items"], |list, args| {
        let more = held::items(args.need("items")?)?.iter().map(held::entry).collect::<Result<Vec<_>>>()?;
        changed(list, |items| items.extend(more))
    }),
    ("insert", &["index", "item"], |list, args| {
        let (at, item) = (args.whole("index", 0)?, held::entry(args.need("item")?)?);
        changed(list, |items| {
            let at = if at < 0 { at + items.len() as i128 } else { at };
            let at = usize::try_from(at.max(0)).unwrap_or(usize::MAX).min(items.len());
            items.insert(at, item);
        })
    }),
    ("pop", &["index"], |list, args| {
        let at = args.whole("index", -1)?;
        taken(list, |items| {
            let at = if at < 0 { at + items.len() as i128 } else { at };
            let at = usize::try_from(at).ok().filter(|at| *at < items.len());
            at.map(|at| items.remove(at)).ok_or_else(|| fault("`pop` finds nothing there"))
        })
    }),
    ("remove", &["item"], |list, args| {
        let item = args.need("item")?;
        let at = position(list, item)?;
        changed(list, |items| drop(items.remove(at)))
    }),
    ("clear", &[], |list, _| changed(list, Vec::clear)),
    ("reverse", &[], |list, _| changed(list, |items| items.reverse())),
    ("index", &["item"], |list, args| Ok(position(list, args.need("item")?)?.into())),
    ("count", &["item"], |list, args| {
        let mut count = 0;
        for item in held::items(list)? {
            count += i64::from(ops::equal(&item, args.need("item")?)?);
        }
        Ok(count.into())
    }),
    ("copy", &[], |list, _| held::list(held::items(list)?)),
];

pub(super) const OF_MAPPINGS: &[OfValue] = &[
    ("get", &["key", "default"], |map, args| {
        let found = map.get_item(args.need("key")?)?;
        Ok(if found.is_undefined() {
            args.get("default").cloned().unwrap_or_else(|| ().into())
        } else {
            found
        })
    }),
    ("keys", &[], |map, _| held::list(held::pairs(map)?.into_iter().map(|(key, _)| key).collect())),
    ("values", &[], |map, _| held::list(held::pairs(map)?.into_iter().map(|(_, value)| value).collect())),
    ("items", &[], |map, _| {
        let pairs = held::pairs(map)?.into_iter();
        held::list(pairs.map(|(key, value)| Value::from(Tuple::from([key, value]))).collect())
    }),
    ("copy", &[], |map, _| held::map(held::pairs(map)?)),
    ("update", &["other", "*members"], |map, args| {
        let mut pairs = held::pairs(map)?;
        pairs.extend(args.some("other").map_or(Ok(Vec::new()), held::pairs)?);
        pairs.extend(args.named.iter().map(|(name, value)| (Value::from(name), value.clone())));
        replaced_map(map, pairs)?;
        Ok(().into())
    }),
    ("setdefault", &["key", "default"], |map, args| {
        let (key, found) = (args.need("key")?, map.get_item(args.need("key")?)?);
        if !found.is_undefined() {
            return Ok(found);
        }
        let value = args.get("default").cloned().unwrap_or_else(|| ().into());
        let mut pairs = held::pairs(map)?;
        pairs.push((key.clone(), value.clone()));
        replaced_map(map, pairs)?;
        Ok(value)
    }),
    ("pop", &["key", "default"], |map, args| {
        let key = args.need("key")?;
        let found = map.get_item(key)?;
        let pairs = held::pairs(map)?.into_iter().filter(|(known, _)| known != key).collect();
        replaced_map(map, pairs)?;
        match (found.is_undefined(), args.get("default")) {
            (false, _) => Ok(found),
            (true, Some(default)) => Ok(default.clone()),
            (true, None) => Err(fault("`pop` finds no such key")),
        }
    }),
];

const FIXED: &str = "what an event holds cannot be changed; copy it first, such as with `|list`";

fn changed(list: &Value, change: impl FnOnce(&mut Vec<Value>)) -> Result {
    taken(list, |items| {
        change(items);
        Ok(Value::from(()))
    })
}

fn taken(list: &Value, take: impl FnOnce(&mut Vec<Value>) -> Result) -> Result {
    let held = list.downcast_object_ref::<Held>();
    held.and_then(|held| held.change(take)).unwrap_or_else(|| Err(fault(FIXED)))
}

fn replaced_map(map: &Value, pairs: Vec<(Value, Value)>) -> Result<(), Error> {
    map.downcast_object_ref::<Held>().map_or_else(|| Err(fault(FIXED)), |held| held.replace(pairs))
}

fn position(list: &Value, item: &Value) -> Result<usize> {
    for (at, known) in held::items(list)?.iter().enumerate() {
        if ops::equal(known, item)? {
            return Ok(at);
        }
    }
    Err(fault("the list does not hold that"))
}
