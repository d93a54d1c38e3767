//! `no_op:` and `ignore:` of a route: whether updates that changed nothing of interest go nowhere.

use super::NoOp;
use super::context::Context;
use crate::yaml::{Reader, Value};

/// `None`: they go where others go.
pub(super) fn read(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<NoOp> {
    let drops = cx.word(r, "no_op", &["keep", "drop"]).is_some_and(|(_, word)| word == "drop");
    let given = r.entries().iter().find(|(key, _)| key.name == "ignore").map(|(_, node)| node);
    let ignore = cx.texts(r, "ignore").unwrap_or_default();
    let path = r.path_of("ignore");
    for (at, field) in &ignore {
        if let Some(help) = fault(field) {
            let message = format!("`{}` in `{path}` names no field", cx.expansion.shown(*at, field));
            cx.problem(*at, message, help);
        }
    }
    if drops {
        return Some(NoOp { ignore: ignore.into_iter().map(|(_, field)| field).collect() });
    }
    if let Some(node) = given.filter(|node| node.value != Value::Null) {
        let message = format!("`{}` ignores nothing without `no_op: drop`", r.path_of("ignore"));
        cx.problem(node.at, message, "add `no_op: drop`, or remove `ignore`");
    }
    None
}

/// Why no changed field has this name, as a remedy.
fn fault(field: &str) -> Option<&'static str> {
    if field.starts_with('!') {
        Some("everything that is not listed counts already: remove it")
    } else if field.starts_with('$') {
        Some("fields are named by their keys, without a JSONPath: `custom_fields.seen`")
    } else if field.split('.').any(str::is_empty) {
        Some(
            "one dot stands between two keys: `custom_fields.seen`; what lies below a field counts as the field",
        )
    } else {
        None
    }
}
