//! Filters of lists and mappings as a whole: order, parts, sums.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Tuple, ValueKind};
use minijinja::{Error, State, Value};

use super::{Entry, attribute};
use crate::template::args::Args;
use crate::template::held::{self, named};
use crate::template::meter::{charge, charge_times, fault};
use crate::template::number::{self, Num};
use crate::template::{ops, print};

type Result<T = Value, E = Error> = std::result::Result<T, E>;

pub(super) const FILTERS: &[Entry] = &[
    ("length", &[], length),
    ("count", &[], length),
    ("first", &[], |_, value, _| Ok(held::items(value)?.into_iter().next().unwrap_or_default())),
    ("last", &[], |_, value, _| Ok(held::items(value)?.pop().unwrap_or_default())),
    ("list", &[], |_, value, _| Ok(held::relisted(held::items(value)?))),
    ("items", &[], |_, value, _| match value.is_undefined() {
        true => held::list(Vec::new()),
        false => held::list(tuples(held::pairs(value)?)),
    }),
    ("reverse", &[], reverse),
    ("join", &["d", "attribute"], join),
    ("sort", &["reverse", "case_sensitive", "attribute"], sort),
    ("dictsort", &["case_sensitive", "by", "reverse"], dictsort),
    ("unique", &["case_sensitive", "attribute"], unique),
    ("min", &["case_sensitive", "attribute"], |_, value, args| extreme(value, args, Ordering::Less)),
    ("max", &["case_sensitive", "attribute"], |_, value, args| extreme(value, args, Ordering::Greater)),
    ("sum", &["attribute", "start"], sum),
    ("batch", &["linecount", "fill_with"], batch),
    ("slice", &["slices", "fill_with"], slice),
    ("groupby", &["attribute", "default", "case_sensitive"], groupby),
];

fn length(_: &mut State<'_, '_>, value: &Value, _: &Args<'_>) -> Result {
    charge(value.as_str().map_or(1, str::len))?;
    match value.kind() {
        ValueKind::Undefined => Ok(0.into()),
        _ => match value.len() {
            Some(len) => Ok(len.into()),
            None => Err(fault(format!("{} has no length", named(value)))),
        },
    }
}

fn tuples(pairs: Vec<(Value, Value)>) -> Vec<Value> {
    pairs.into_iter().map(|(key, value)| Value::from(Tuple::from([key, value]))).collect()
}

fn reverse(_: &mut State<'_, '_>, value: &Value, _: &Args<'_>) -> Result {
    if let Some(text) = value.as_str() {
        charge(text.len())?;
        return Ok(text.chars().rev().collect::<String>().into());
    }
    let mut items = held::items(value)?;
    items.reverse();
    Ok(held::relisted(items))
}

fn join(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let between = args.printed("d")?.unwrap_or_default();
    let mut out = String::new();
    for (index, item) in held::items(value)?.iter().enumerate() {
        if index > 0 {
            charge(between.len())?;
            out.push_str(&between);
        }
        let item = match args.some("attribute") {
            Some(path) => attribute(item, path, None)?,
            None => item.clone(),
        };
        let text = print::text(&item)?;
        charge(text.len())?;
        out.push_str(&text);
    }
    Ok(out.into())
}

/// What items are ordered by.
fn key(item: &Value, path: Option<&Value>, case_sensitive: bool) -> Result {
    let key = match path {
        Some(path) => attribute(item, path, None)?,
        None => item.clone(),
    };
    Ok(if case_sensitive { key } else { folded(&key)? })
}

fn folded(key: &Value) -> Result {
    match key.as_str() {
        Some(text) => {
            charge(text.len())?;
            Ok(text.to_lowercase().into())
        }
        None => Ok(key.clone()),
    }
}

/// Items by their keys, each key a list of which the first that differs decides.
fn sorted_by(items: Vec<(Vec<Value>, Value)>, reverse: bool) -> Result<Vec<Value>> {
    let before = |(a, _): &(Vec<Value>, Value), (b, _): &(Vec<Value>, Value)| {
        for (a, b) in a.iter().zip(b) {
            match ops::order("<", a, b)? {
                Ordering::Equal => {}
                order => return Ok((order == Ordering::Less) != reverse),
            }
        }
        Ok(false)
    };
    Ok(ops::sorted(items, &before)?.into_iter().map(|(_, item)| item).collect())
}

fn sort(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let case_sensitive = args.flag("case_sensitive", false);
    let paths: Vec<Option<Value>> = match args.some("attribute") {
        Some(path) => match path.as_str() {
            Some(text) => text.split(',').map(|part| Some(Value::from(part))).collect(),
            None => vec![Some(path.clone())],
        },
        None => vec![None],
    };
    let keyed = held::items(value)?
        .into_iter()
        .map(|item| {
            let keys = paths.iter().map(|path| key(&item, path.as_ref(), case_sensitive));
            Ok((keys.collect::<Result<_>>()?, item))
        })
        .collect::<Result<_>>()?;
    Ok(held::relisted(sorted_by(keyed, args.flag("reverse", false))?))
}

fn dictsort(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let case_sensitive = args.flag("case_sensitive", false);
    let by_value = match args.text("by")?.unwrap_or("key") {
        "key" => false,
        "value" => true,
        other => return Err(fault(format!("`dictsort` sorts by `key` or `value`, not by `{other}`"))),
    };
    let keyed = held::pairs(value)?
        .into_iter()
        .map(|(name, value)| {
            let by = key(if by_value { &value } else { &name }, None, case_sensitive)?;
            Ok((vec![by], Value::from(Tuple::from([name, value]))))
        })
        .collect::<Result<_>>()?;
    held::list(sorted_by(keyed, args.flag("reverse", false))?)
}

fn unique(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let (mut seen, mut kept) = (HashSet::new(), Vec::new());
    for item in held::items(value)? {
        let key = key(&item, args.some("attribute"), args.flag("case_sensitive", false))?;
        if seen.insert(canonical(&key)?) {
            kept.push(item);
        }
    }
    Ok(held::relisted(kept))
}

/// The same text for values that are equal.
fn canonical(value: &Value) -> Result<String> {
    match number::of(value) {
        Some(Num::Float(float)) if float.fract() == 0.0 && float.abs() < 1e18 => {
            Ok(format!("{}", float as i64))
        }
        Some(number) => Ok(print::text(&number.value())?.into_owned()),
        None => print::repr(value),
    }
}

fn extreme(value: &Value, args: &Args<'_>, wanted: Ordering) -> Result {
    let mut found: Option<(Value, Value)> = None;
    for item in held::items(value)? {
        let key = key(&item, args.some("attribute"), args.flag("case_sensitive", false))?;
        let better = match &found {
            Some((best, _)) => ops::order("<", &key, best)? == wanted,
            None => true,
        };
        if better {
            found = Some((key, item));
        }
    }
    Ok(found.map(|(_, item)| item).unwrap_or_default())
}

fn sum(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let mut total = args.get("start").cloned().unwrap_or_else(|| 0.into());
    for item in held::items(value)? {
        let item = match args.some("attribute") {
            Some(path) => attribute(&item, path, None)?,
            None => item,
        };
        total = ops::add(&total, &item)?;
    }
    Ok(total)
}

fn batch(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    args.need("linecount")?;
    let count = args.count("linecount", 1)?.max(1);
    let items = held::items(value)?;
    let mut batches: Vec<Vec<Value>> = items.chunks(count).map(<[Value]>::to_vec).collect();
    if let (Some(last), Some(fill)) = (batches.last_mut(), args.some("fill_with")) {
        charge_times(32, count - last.len())?;
        last.resize(count, fill.clone());
    }
    held::list(batches.into_iter().map(held::list).collect::<Result<_>>()?)
}

fn slice(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    args.need("slices")?;
    let count = args.count("slices", 1)?.max(1);
    charge_times(64, count)?;
    let items = held::items(value)?;
    let (each, longer) = (items.len() / count, items.len() % count);
    let mut items = items.into_iter();
    let slices = (0..count).map(|index| {
        let mut slice: Vec<Value> = items.by_ref().take(each + usize::from(index < longer)).collect();
        if index >= longer {
            slice.extend(args.some("fill_with").cloned());
        }
        held::list(slice)
    });
    held::list(slices.collect::<Result<_>>()?)
}

/// One group of `groupby`: a pair that also has names.
#[derive(Debug)]
pub(in crate::template) struct Group {
    grouper: Value,
    list: Value,
}

impl Object for Group {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match (key.as_usize(), key.as_str()) {
            (Some(0), _) | (_, Some("grouper")) => Some(self.grouper.clone()),
            (Some(1), _) | (_, Some("list")) => Some(self.list.clone()),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(2)
    }
}

fn groupby(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result {
    let (path, default) = (args.need("attribute")?, args.some("default"));
    let case_sensitive = args.flag("case_sensitive", false);
    let by = |item: &Value| {
        let key = attribute(item, path, default)?;
        if case_sensitive { Ok(key) } else { folded(&key) }
    };
    let keyed = held::items(value)?
        .into_iter()
        .map(|item| Ok((vec![by(&item)?], item)))
        .collect::<Result<Vec<_>>>()?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for item in sorted_by(keyed, false)? {
        let key = by(&item)?;
        match groups.last_mut() {
            Some((last, members)) if ops::equal(last, &key)? => members.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let groups = groups.into_iter().map(|(_, members)| {
        let grouper =
            members.first().map_or(Ok(Value::UNDEFINED), |first| attribute(first, path, default))?;
        Ok(Value::from_object(Group { grouper, list: held::list(members)? }))
    });
    held::list(groups.collect::<Result<_>>()?)
}
