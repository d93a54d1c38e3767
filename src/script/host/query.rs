//! `jsonpath(value, path)`, RFC 9535.

use jsonpath_rust::parser::model::JpQuery;
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use rhai::{Array, Dynamic, Engine};

use super::cache::{Cache, MAX_TEXT};
use super::{Given, guard, value::refuse};
use crate::model::Json;
use crate::script::node::{Node, Seen};
use crate::script::value::{Trail, document, exported, json_weight, node_of, shortened, weight};

/// How many `..` a path may hold: each one may multiply the work by the document's size.
const DESCENTS: usize = 2;

pub(super) fn register(engine: &mut Engine) {
    let cache = Cache::<JpQuery>::default();
    engine.register_fn("jsonpath", move |value: Dynamic, path: &str| -> Given<Array> {
        let query = compiled(&cache, path)?;
        match node_of(&value) {
            Some(node) => within(&query, &node),
            None => selected(&query, &exported(&value, &Trail::Root("the value"), 0)?),
        }
    });
}

fn compiled(cache: &Cache<JpQuery>, path: &str) -> Given<std::sync::Arc<JpQuery>> {
    guard::in_time()?;
    if path.len() > MAX_TEXT || path.matches("..").count() > DESCENTS {
        return Err(refuse(format!(
            "a JSONPath may have at most {MAX_TEXT} bytes and {DESCENTS} times `..`"
        )));
    }
    cache.get(path, |path| {
        parse_json_path(path).map_err(|error| {
            let cause = error.to_string();
            let cause = cause.lines().last().unwrap_or_default().trim().trim_start_matches("= ");
            refuse(format!("`{}` is no JSONPath: {cause}", shortened(path, 80)))
        })
    })
}

/// In place where the document is JSON already.
fn within(query: &JpQuery, node: &Node) -> Given<Array> {
    match node.seen() {
        Seen::Json(value) => selected(query, value),
        seen => {
            guard::charge(weight(&seen))?;
            selected(query, &seen.to_json())
        }
    }
}

fn selected(query: &JpQuery, value: &Json) -> Given<Array> {
    let found = js_path_process(query, value).map_err(|error| refuse(format!("jsonpath: {error}")))?;
    found
        .into_iter()
        .map(|hit| {
            guard::charge(json_weight(hit.val))?;
            Ok(document(hit.val.clone()))
        })
        .collect()
}
