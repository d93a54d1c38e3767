//! Views: how a script sees maps and lists of the event without a copy. Read-only.

use std::collections::BTreeSet;

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, INT, ImmutableString, Map, NativeCallContext};

use super::guard;
use super::node::{Node, Seen};
use super::value::{copied, document, node_of, refuse, shown};
use super::written;
use crate::model::Json;

/// A map; `type_of` calls it `map`, as rhai's own.
#[derive(Debug, Clone)]
pub(super) struct Record(pub(super) Node);

/// A list; `type_of` calls it `array`, as rhai's own.
#[derive(Debug, Clone)]
pub(super) struct List(pub(super) Node);

/// How many properties are made quick, and how long their names may be.
const PROPERTIES: usize = 4096;
const LONGEST_PROPERTY: usize = 64;

type Given = Result<Dynamic, Box<EvalAltResult>>;

impl Record {
    fn get(&self, key: &str) -> Dynamic {
        let seen = self.0.seen();
        shown(|| self.0.key(key), &seen.child(key))
    }

    fn values(&self) -> Result<Array, Box<EvalAltResult>> {
        let seen = self.0.seen();
        guard::charge(64 * seen.len())?;
        Ok(seen.keys().into_iter().map(|key| shown(|| self.0.key(key), &seen.child(key))).collect())
    }

    fn keys(&self) -> Result<Array, Box<EvalAltResult>> {
        let seen = self.0.seen();
        guard::charge(64 * seen.len())?;
        Ok(seen.keys().into_iter().map(|key| Dynamic::from(ImmutableString::from(key))).collect())
    }
}

impl List {
    fn get(&self, index: INT) -> Dynamic {
        let seen = self.0.seen();
        let from_end = if index < 0 { seen.len() as INT } else { 0 };
        match usize::try_from(index.saturating_add(from_end)) {
            Ok(index) => shown(|| self.0.index(index), &seen.item(index)),
            Err(_) => Dynamic::UNIT,
        }
    }

    fn items(&self) -> Result<Array, Box<EvalAltResult>> {
        guard::charge(64 * self.0.seen().len())?;
        Ok(self.clone().into_iter().collect())
    }
}

/// The entries of a list, one after the other.
#[derive(Debug)]
pub(super) struct Items {
    node: Node,
    next: usize,
    len: usize,
}

impl Iterator for Items {
    type Item = Dynamic;

    fn next(&mut self) -> Option<Dynamic> {
        if self.next >= self.len {
            return None;
        }
        let index = self.next;
        self.next += 1;
        Some(shown(|| self.node.index(index), &self.node.seen().item(index)))
    }
}

impl IntoIterator for List {
    type Item = Dynamic;
    type IntoIter = Items;

    fn into_iter(self) -> Items {
        let len = self.0.seen().len();
        Items { node: self.0, next: 0, len }
    }
}

/// Makes the properties that a script's text names quick to read.
///
/// rhai first looks for a getter of a property, then words an error, and only then asks the
/// indexer; with a getter for each name it finds what it looks for.
pub(super) fn register_properties<'t>(engine: &mut Engine, texts: impl Iterator<Item = &'t str>) {
    let names: BTreeSet<&str> = texts.flat_map(properties).take(PROPERTIES).collect();
    for name in names {
        let key = name.to_owned();
        engine.register_get(name, move |view: &mut Record| view.get(&key));
    }
}

/// What follows the dots of a text, once for each dot: properties, and harmless others.
fn properties(text: &str) -> impl Iterator<Item = &str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split('.').skip(1).map(move |rest| rest.split(|c| !word(c)).next().unwrap_or_default()).filter(
        |name| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.len() <= LONGEST_PROPERTY
        },
    )
}

/// Makes views known to an engine.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Record>("map").register_type_with_name::<List>("array");
    engine
        .register_indexer_get(|view: &mut Record, key: ImmutableString| view.get(&key))
        .register_indexer_set(|view: &mut Record, key: ImmutableString, value: Dynamic| {
            unchanged(&view.get(&key), &value, &key)
        })
        .register_indexer_get(|view: &mut List, index: INT| view.get(index))
        .register_indexer_set(|view: &mut List, index: INT, value: Dynamic| {
            unchanged(&view.get(index), &value, &index.to_string())
        });
    // By value where nothing changes: else rhai would write the view back to where it was read.
    engine
        .register_fn("get", |view: Record, key: ImmutableString| view.get(&key))
        .register_fn("keys", |view: Record| view.keys())
        .register_fn("values", |view: Record| view.values())
        .register_fn("contains", |view: Record, key: ImmutableString| view.0.seen().has(&key))
        .register_fn("to_map", |view: Record| copied(&view.0.seen()))
        .register_fn("to_array", |view: List| copied(&view.0.seen()));
    engine
        .register_iterator::<List>()
        .register_get("len", |view: &mut List| view.0.seen().len() as INT)
        .register_fn("get", |view: List, index: INT| view.get(index))
        .register_fn("first", |view: List| view.get(0))
        .register_fn("last", |view: List| view.get(-1))
        .register_fn("contains", |view: List, value: Dynamic| {
            view.into_iter().any(|item| equal(&item, &value))
        })
        .register_fn("join", |view: List, between: &str| joined(&view.0.seen(), between));
    shared::<Record>(engine, |view| &view.0);
    shared::<List>(engine, |view| &view.0);
    comparisons(engine);
    delegates(engine);
    refusals(engine);
    documents(engine);
}

/// What maps and lists have in common.
fn shared<V: Clone + Send + Sync + 'static>(engine: &mut Engine, node: fn(&V) -> &Node) {
    engine
        .register_fn("len", move |view: V| node(&view).seen().len() as INT)
        .register_fn("is_empty", move |view: V| node(&view).seen().len() == 0)
        .register_fn("copy", move |view: V| copied(&node(&view).seen()))
        .register_fn("to_json", move |view: V| text(node(&view)))
        .register_fn("to_string", move |view: V| text(node(&view)))
        .register_fn("to_debug", move |view: V| text(node(&view)));
}

/// A document as JSON text.
fn text(node: &Node) -> Result<String, Box<EvalAltResult>> {
    written::text_of(&node.seen())
}

fn documents(engine: &mut Engine) {
    engine.register_fn("to_json", |value: Dynamic| -> Result<String, Box<EvalAltResult>> {
        written::text(&value, "the value")
    });
    engine.register_fn("parse_json", |text: &str| -> Given {
        guard::in_time()?;
        let parsed = crate::json::parse(text.as_bytes(), crate::json::NonFinite::Refuse)
            .map_err(|error| refuse(format!("parse_json: {error}")))?;
        guard::charge(super::value::json_weight(&parsed.value))?;
        Ok(document(parsed.value))
    });
}

/// rhai writes a value back after a method call on it; only a different one is an assignment.
fn unchanged(old: &Dynamic, new: &Dynamic, key: &str) -> Result<(), Box<EvalAltResult>> {
    if equal(old, new) { Ok(()) } else { Err(read_only(&format!("`{key}` cannot be set: "))) }
}

fn read_only(what: &str) -> Box<EvalAltResult> {
    refuse(format!(
        "{what}events are read-only; change a copy, as in `let d = event.data.copy(); d.name = \"x\";`"
    ))
}

fn joined(seen: &Seen<'_>, between: &str) -> Result<String, Box<EvalAltResult>> {
    let mut line = String::new();
    for index in 0..seen.len() {
        let piece = match seen.item(index) {
            Seen::Json(Json::String(text)) => text.clone(),
            other => other.to_json().to_string().into(),
        };
        guard::charge(piece.len() + between.len())?;
        if index > 0 {
            line.push_str(between);
        }
        line.push_str(&piece);
    }
    Ok(line)
}

fn comparisons(engine: &mut Engine) {
    fn both<A: Clone + Send + Sync + 'static, B: Clone + Send + Sync + 'static>(engine: &mut Engine) {
        engine
            .register_fn("==", |a: A, b: B| equal(&Dynamic::from(a), &Dynamic::from(b)))
            .register_fn("!=", |a: A, b: B| !equal(&Dynamic::from(a), &Dynamic::from(b)));
    }
    both::<Record, Record>(engine);
    both::<Record, Map>(engine);
    both::<Map, Record>(engine);
    both::<List, List>(engine);
    both::<List, Array>(engine);
    both::<Array, List>(engine);
}

/// Deep equality of script values, views among them.
pub(super) fn equal(a: &Dynamic, b: &Dynamic) -> bool {
    equal_at(a, b, 0)
}

fn equal_at(a: &Dynamic, b: &Dynamic, depth: usize) -> bool {
    if depth > 2 * guard::MAX_DEPTH {
        return false;
    }
    if let (Some(a), Some(b)) = (node_of(a), node_of(b))
        && a.same(&b)
    {
        return true;
    }
    if let (Some(a), Some(b)) = (entries(a), entries(b)) {
        return a.len() == b.len()
            && a.iter().zip(&b).all(|(x, y)| x.0 == y.0 && equal_at(&x.1, &y.1, depth + 1));
    }
    if let (Some(a), Some(b)) = (items(a), items(b)) {
        return a.len() == b.len() && a.iter().zip(&b).all(|(x, y)| equal_at(x, y, depth + 1));
    }
    equal_scalars(a, b)
}

fn equal_scalars(a: &Dynamic, b: &Dynamic) -> bool {
    if let (Ok(a), Ok(b)) = (a.as_immutable_string_ref(), b.as_immutable_string_ref()) {
        return *a == *b;
    }
    if let (Ok(a), Ok(b)) = (a.as_int(), b.as_int()) {
        return a == b;
    }
    if let (Ok(a), Ok(b)) = (a.as_bool(), b.as_bool()) {
        return a == b;
    }
    match (float(a), float(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a.is_unit() && b.is_unit(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "as rhai compares whole numbers with floats")]
fn float(value: &Dynamic) -> Option<f64> {
    value.as_float().ok().or_else(|| value.as_int().ok().map(|whole| whole as f64))
}

/// The entries of a map or of the view of one, by key.
fn entries(value: &Dynamic) -> Option<Vec<(String, Dynamic)>> {
    if let Ok(map) = value.as_map_ref() {
        return Some(map.iter().map(|(key, value)| (key.to_string(), value.clone())).collect());
    }
    let record = value.read_lock::<Record>()?;
    let mut entries: Vec<_> =
        record.0.seen().keys().into_iter().map(|key| (key.to_owned(), record.get(key))).collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    Some(entries)
}

/// The entries of an array or of the view of a list.
fn items(value: &Dynamic) -> Option<Array> {
    if let Ok(list) = value.as_array_ref() {
        return Some(list.clone());
    }
    Some(value.read_lock::<List>()?.clone().into_iter().collect())
}

/// The functions of rhai's arrays that take a closure, for lists.
fn delegates(engine: &mut Engine) {
    for name in ["map", "filter", "find", "find_map", "some", "all", "index_of", "reduce"] {
        engine.register_fn(name, move |context: NativeCallContext<'_>, view: List, with: FnPtr| -> Given {
            let mut items = Dynamic::from_array(view.items()?);
            context.call_native_fn_raw(name, true, &mut [&mut items, &mut Dynamic::from(with)])
        });
    }
    engine.register_fn(
        "reduce",
        |context: NativeCallContext<'_>, view: List, with: FnPtr, mut first: Dynamic| -> Given {
            let mut items = Dynamic::from_array(view.items()?);
            context.call_native_fn_raw(
                "reduce",
                true,
                &mut [&mut items, &mut Dynamic::from(with), &mut first],
            )
        },
    );
}

/// The functions that would change a map or list say why they do not.
fn refusals(engine: &mut Engine) {
    for name in ["clear", "pop", "shift", "sort", "reverse", "dedup"] {
        engine
            .register_fn(name, move |_: &mut List| -> Given { Err(read_only(&format!("{name}(): "))) })
            .register_fn(name, move |_: &mut Record| -> Given { Err(read_only(&format!("{name}(): "))) });
    }
    for name in
        ["push", "append", "remove", "sort", "retain", "drain", "truncate", "mixin", "fill_with", "+="]
    {
        engine
            .register_fn(name, move |_: &mut List, _: Dynamic| -> Given {
                Err(read_only(&format!("{name}: ")))
            })
            .register_fn(name, move |_: &mut Record, _: Dynamic| -> Given {
                Err(read_only(&format!("{name}: ")))
            });
    }
    for name in ["insert", "set"] {
        engine
            .register_fn(name, move |_: &mut List, _: Dynamic, _: Dynamic| -> Given {
                Err(read_only(&format!("{name}(): ")))
            })
            .register_fn(name, move |_: &mut Record, _: Dynamic, _: Dynamic| -> Given {
                Err(read_only(&format!("{name}(): ")))
            });
    }
}
