//! `dedupe:` of an adapter file: by what a repetition of a request is recognised.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::expr::{Expr, Scope};
use super::expr_file::Context;
use super::guard::Guard;
use crate::units;
use crate::yaml::{Node, Reader, Value};

/// Longer keys are replaced by their hash.
const LONGEST_KEY: usize = 200;

/// One rule; the first that applies and yields a key wins.
#[derive(Debug)]
pub(super) struct Rule {
    when: Guard,
    by: By,
    /// Its own window, for repetitions that only come soon.
    pub window: Option<Duration>,
}

#[derive(Debug)]
enum By {
    /// The hash of the body as received.
    Body,
    /// A value in the body or a header, with a name that keeps keys of different rules apart.
    Value(String, Expr),
}

/// Compiles `[{by, when, window}]`; a text alone is `{by: text}`.
pub(super) fn compile(context: &mut Context<'_>, node: &Node) -> Vec<Rule> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    items.iter().filter_map(|item| rule(context, item)).collect()
}

fn rule(context: &mut Context<'_>, node: &Node) -> Option<Rule> {
    if !matches!(node.value, Value::Map(_)) {
        return Some(Rule { when: Guard::default(), by: by(context, node)?, window: None });
    }
    let mut reader = Reader::new(context.file, "dedupe", node, context.problems)?;
    let Some(node) = reader.node("by") else {
        reader.missing("by", "`body`, a JSONPath, or `{header: name}`", context.problems);
        return None;
    };
    let by = by(context, node);
    let when = match reader.node("when") {
        Some(node) => Guard::compile(context, node)?,
        None => Guard::default(),
    };
    let window = reader.node("window").and_then(|node| duration(context, node));
    reader.finish(context.problems);
    Some(Rule { when, by: by?, window })
}

fn by(context: &mut Context<'_>, node: &Node) -> Option<By> {
    if node.scalar().as_deref() == Some("body") {
        return Some(By::Body);
    }
    let expr = context.expr("dedupe.by", node)?;
    let name = match &expr {
        Expr::Header(name) => name.clone(),
        other => other.place(&[]).unwrap_or("value").to_owned(),
    };
    Some(By::Value(name, expr))
}

pub(super) fn duration(context: &mut Context<'_>, node: &Node) -> Option<Duration> {
    let text = node.scalar().unwrap_or_default();
    let found = units::duration(&text);
    if let Err(help) = &found {
        let help = help.as_deref().unwrap_or("such as `90s`, `10m`, `24h`");
        context.wrong(node.at, format!("`{text}` is no span of time"), help);
    }
    found.ok()
}

impl Rule {
    /// The key of a request, if this rule applies to it.
    pub fn key<'d>(&'d self, scope: &Scope<'d>, received: &[u8]) -> Option<String> {
        if !self.when.holds(scope) {
            return None;
        }
        match &self.by {
            By::Body => Some(by_body(received)),
            By::Value(name, expr) => {
                let value = expr.text(scope).filter(|text| !text.is_empty())?;
                let short = value.len() <= LONGEST_KEY;
                let value = if short { value } else { hex::encode(Sha256::digest(value.as_bytes())) };
                Some(format!("{name}:{value}"))
            }
        }
    }
}

/// The key of a request that is recognised by its bytes.
pub(super) fn by_body(received: &[u8]) -> String {
    format!("body:{}", blake3::hash(received).to_hex())
}
