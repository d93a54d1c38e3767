//! An adapter file as a whole, compiled; every mistake is reported with its place.

use super::Adapter;
use super::echo::Echoes;
use super::expr::NamedKeys;
use super::expr_file::Context;
use super::facts::{Case, Facts};
use super::guard::Guard;
use super::redact::{Mirrors, Redaction};
use super::repeat;
use super::trial::Trial;
use super::verify::Verify;
use crate::json::NonFinite;
use crate::problem::Problems;
use crate::yaml::{self, Node, Reader, Value};

/// Compiles the text of an adapter file.
pub(super) fn compile(file: &str, text: &str, problems: &mut Problems) -> Option<Adapter> {
    let before = problems.len();
    let root = yaml::parse(file, text, problems)?;
    let mut reader = Reader::new(file, "", &root, problems)?;
    let keys = named_keys(reader.node("named_lists"));
    let mut context = Context { file, lets: Vec::new(), named: keys, problems };
    let adapter = adapter(&mut context, &mut reader);
    reader.finish(context.problems);
    (context.problems.len() == before).then_some(adapter)
}

fn adapter(context: &mut Context<'_>, reader: &mut Reader<'_>) -> Adapter {
    let name = stem(context.file);
    let system = reader.text("system", context.problems).unwrap_or_else(|| name.clone());
    reader.text("about", context.problems);
    let verify = reader.node("verify").map(|node| Verify::compile(context, node)).unwrap_or_default();
    let non_finite = non_finite(context, reader);
    let lets = lets(context, reader);
    let mirrors = mirrors(context, reader);
    let redact = redactions(context, reader, &mirrors);
    let dedupe = reader.node("dedupe").map_or_else(Vec::new, |node| repeat::compile(context, node));
    let common = reader.node("common").and_then(|node| Facts::compile(context, "common", node));
    let cases = cases(context, reader, &common.unwrap_or_default());
    let trials = reader.node("tests").map_or_else(Vec::new, |node| Trial::compile_all(context, node));
    Adapter {
        file: context.file.to_owned(),
        custom: Facts::custom(&system),
        name,
        system,
        scheme: verify.scheme,
        variants: verify.variants,
        tolerance: verify.tolerance,
        non_finite,
        named: context.named.clone(),
        let_names: context.lets.clone(),
        lets,
        mirrors,
        redact,
        dedupe,
        cases,
        trials,
    }
}

/// `adapters/netbox.yaml` is `netbox`.
fn stem(file: &str) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")).unwrap_or(name).to_owned()
}

fn non_finite(context: &mut Context<'_>, reader: &mut Reader<'_>) -> NonFinite {
    let Some(node) = reader.node("non_finite") else { return NonFinite::Refuse };
    match &node.value {
        Value::Null => NonFinite::AsNull,
        Value::Text(word) if word == "refuse" => NonFinite::Refuse,
        _ => {
            context.wrong(
                node.at,
                "`non_finite` is `null` or `refuse`",
                "`null` reads NaN and Infinity as null",
            );
            NonFinite::Refuse
        }
    }
}

fn lets(context: &mut Context<'_>, reader: &mut Reader<'_>) -> Vec<(String, super::expr::Expr)> {
    let Some(node) = reader.node("let") else { return Vec::new() };
    let Value::Map(entries) = &node.value else {
        reader.wrong("let", node, "a mapping of names to expressions", context.problems);
        return Vec::new();
    };
    let mut lets = Vec::new();
    for (key, value) in entries {
        if let Some(expr) = context.expr(&format!("let.{}", key.name), value) {
            lets.push((key.name.clone(), expr));
            context.lets.push(key.name.clone());
        }
    }
    lets
}

fn named_keys(node: Option<&Node>) -> NamedKeys {
    let key = |name: &str| node.and_then(|node| node.get(name)).and_then(Node::scalar);
    NamedKeys {
        name: key("name").unwrap_or_else(|| "name".to_owned()),
        value: key("value").unwrap_or_else(|| "value".to_owned()),
    }
}

fn mirrors(context: &mut Context<'_>, reader: &mut Reader<'_>) -> Mirrors {
    let mut mirrors = Mirrors::default();
    if let Some(node) = reader.node("mirrors") {
        let groups = match &node.value {
            Value::List(items) if items.iter().all(|item| matches!(item.value, Value::List(_))) => items,
            _ => {
                reader.wrong("mirrors", node, "a list of lists of JSONPaths", context.problems);
                return mirrors;
            }
        };
        for group in groups {
            mirrors.groups.push(paths(context, group));
        }
    }
    mirrors.echoes = reader.node("echoes").map(|node| Echoes::compile(context, node)).unwrap_or_default();
    if let Some(mut inner) = reader.section("named_lists", context.problems) {
        inner.text("name", context.problems);
        inner.text("value", context.problems);
        mirrors.lists = inner.node("at").map_or_else(Vec::new, |node| paths(context, node));
        inner.finish(context.problems);
    }
    mirrors
}

fn paths(context: &mut Context<'_>, node: &Node) -> Vec<super::path::Path> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    items.iter().filter_map(|item| context.path(item.at, &item.scalar().unwrap_or_default())).collect()
}

fn redactions(context: &mut Context<'_>, reader: &mut Reader<'_>, mirrors: &Mirrors) -> Vec<Redaction> {
    let Some(node) = reader.node("redact") else { return Vec::new() };
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut redactions = Vec::new();
    for item in items {
        let (path, when) = match &item.value {
            Value::Map(_) => (item.get("path"), item.get("when")),
            _ => (Some(item), None),
        };
        let when = when.map_or_else(|| Some(Guard::default()), |node| Guard::compile(context, node));
        let path = path.and_then(|node| context.path(node.at, &node.scalar().unwrap_or_default()));
        match (path, when) {
            (Some(path), Some(when)) => redactions.push(Redaction { when, paths: mirrors.of(path) }),
            _ => context.wrong(
                item.at,
                "a redaction needs a JSONPath",
                "`$.data.secret`, or `{path: …, when: …}`",
            ),
        }
    }
    redactions
}

fn cases(context: &mut Context<'_>, reader: &mut Reader<'_>, common: &Facts) -> Vec<Case> {
    let items = match reader.node("events") {
        Some(Node { value: Value::List(items), .. }) if !items.is_empty() => items.as_slice(),
        _ => {
            reader.missing(
                "events",
                "a list of cases; the first whose `when` holds describes the event",
                context.problems,
            );
            return Vec::new();
        }
    };
    let compile = |(index, item)| Case::compile(context, &format!("events[{index}]"), item, common);
    items.iter().enumerate().filter_map(compile).collect()
}
