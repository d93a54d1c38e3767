//! The `changes:` of an adapter file: which fields an event changed, from what to what.

use super::diff::{Diff, Way, is_empty};
use super::expr::{Expr, Scope};
use super::expr_file::Context;
use super::guard::Guard;
use super::path::Path;
use crate::model::{Change, Json};
use crate::yaml::{Node, Reader, Value};

/// One way to find changes; an event's changes are those of all its strategies together.
#[derive(Debug, Clone)]
pub(super) struct Strategy {
    when: Guard,
    find: Find,
}

#[derive(Debug, Clone)]
enum Find {
    /// The difference of two states; by default the event's `before` and `after`.
    Diff { before: Option<Expr>, after: Option<Expr>, diff: Diff },
    /// One change for each element of a list or member of an object (of each element …).
    Each { each: Vec<Path>, field: Expr, from: Option<Expr>, to: Option<Expr>, partial: Option<Expr> },
}

/// Compiles one strategy or a list of them.
pub(super) fn compile(context: &mut Context<'_>, path: &str, node: &Node) -> Vec<Strategy> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    items.iter().filter_map(|item| strategy(context, path, item)).collect()
}

fn strategy(context: &mut Context<'_>, path: &str, node: &Node) -> Option<Strategy> {
    let mut reader = Reader::new(context.file, path, node, context.problems)?;
    let when = match reader.node("when") {
        Some(node) => Guard::compile(context, node)?,
        None => Guard::default(),
    };
    let find = match reader.node("diff") {
        Some(inner) => difference(context, &reader.path_of("diff"), inner),
        None => each(context, &mut reader),
    };
    reader.finish(context.problems);
    Some(Strategy { when, find: find? })
}

fn difference(context: &mut Context<'_>, path: &str, node: &Node) -> Option<Find> {
    let mut reader = Reader::new(context.file, path, node, context.problems)?;
    let mut expr = |name| reader.node(name).and_then(|node| context.expr(path, node));
    let (before, after) = (expr("before"), expr("after"));
    let diff = Diff::compile(context, &mut reader);
    reader.finish(context.problems);
    Some(Find::Diff { before, after, diff })
}

fn each(context: &mut Context<'_>, reader: &mut Reader<'_>) -> Option<Find> {
    let each = reader.texts("each", context.problems).unwrap_or_default();
    let each = each.iter().filter_map(|(at, text)| context.path(*at, text)).collect();
    let path = reader.path.clone();
    let mut expr = |name| reader.node(name).and_then(|node| context.expr(&path, node));
    let [field, from, to, partial] = ["field", "from", "to", "partial"].map(&mut expr);
    if field.is_none() {
        let help = "give `diff:`, or `field:` with `from:` and `to:`";
        reader.missing("field", help, context.problems);
    }
    Some(Find::Each { each, field: field?, from, to, partial })
}

impl Strategy {
    /// The changes it finds. `before` and `after` are the event's.
    pub fn find<'d>(
        &'d self,
        scope: &Scope<'d>,
        before: &Json,
        after: &Json,
        way: Way,
        out: &mut Vec<Change>,
    ) {
        match &self.find {
            Find::Diff { before: from, after: to, diff } => {
                if !self.when.holds(scope) {
                    return;
                }
                let [from, to] = [from, to].map(|state| state.as_ref().map(|expr| expr.eval(scope)));
                let null = Json::Null;
                let state = |own: &'_ Option<Option<std::borrow::Cow<'d, Json>>>, event: &Json| match own {
                    Some(own) => own.as_deref().unwrap_or(&null).clone(),
                    None => event.clone(),
                };
                out.extend(match (&from, &to) {
                    (None, None) => diff.changes(before, after, way),
                    _ => diff.changes(&state(&from, before), &state(&to, after), way),
                });
            }
            Find::Each { each, .. } => self.walk(each, *scope, way, out),
        }
    }

    fn walk<'d>(&'d self, each: &'d [Path], scope: Scope<'d>, way: Way, out: &mut Vec<Change>) {
        let Some((path, inner)) = each.split_first() else {
            if self.when.holds(&scope) {
                out.extend(self.one(&scope, way));
            }
            return;
        };
        for (key, item) in children(path.first(scope.base(path))) {
            self.walk(inner, Scope { item, key, parent: scope.key, ..scope }, way, out);
        }
    }

    fn one<'d>(&'d self, scope: &Scope<'d>, way: Way) -> Option<Change> {
        let Find::Each { field, from, to, partial, .. } = &self.find else { return None };
        let value = |expr: &'d Option<Expr>| {
            expr.as_ref().and_then(|expr| expr.eval(scope)).map_or(Json::Null, std::borrow::Cow::into_owned)
        };
        let field = field.text(scope)?;
        let from = if way == Way::Created { Json::Null } else { value(from) };
        let to = if way == Way::Deleted { Json::Null } else { value(to) };
        let partial = value(partial) == Json::Bool(true);
        let nothing = |value: &Json| if partial { is_empty(value) } else { value.is_null() };
        (!(nothing(&from) && nothing(&to))).then_some(Change { field, from, to, partial })
    }
}

/// The elements of a list, or the members of an object with their names.
pub(super) fn children(container: Option<&Json>) -> Vec<(Option<&str>, &Json)> {
    match container {
        Some(Json::Array(items)) => items.iter().map(|item| (None, item)).collect(),
        Some(Json::Object(members)) => members.iter().map(|(name, item)| (Some(name), item)).collect(),
        _ => Vec::new(),
    }
}
