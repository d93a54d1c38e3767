//! `no_op:` and `ignore:` of a route: whether updates that changed nothing of interest go nowhere.

use super::NoOp;
use super::context::Context;
use crate::yaml::{Reader, Value};

/// `None`: they go where others go.
pub(super) fn read(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<NoOp> {
    let drops = cx.word(r, "no_op", &["keep", "drop"]).is_some_and(|(_, word)| word == "drop");
    let given = r.entries().iter().find(|(key, _)| key.name == "ignore").map(|(_, node)| node);
    let ignore = cx.texts(r, "ignore").unwrap_or_default();
    if drops {
        return Some(NoOp { ignore: ignore.into_iter().map(|(_, field)| field).collect() });
    }
    if let Some(node) = given.filter(|node| node.value != Value::Null) {
        let message = format!("`{}` ignores nothing without `no_op: drop`", r.path_of("ignore"));
        cx.problem(node.at, message, "add `no_op: drop`, or remove `ignore`");
    }
    None
}
