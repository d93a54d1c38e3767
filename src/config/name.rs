//! How sources, destinations and routes may be called.

use super::context::Context;
use crate::yaml::At;

/// Whether a name may stand in URLs, metrics and file names.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Reports a name that is none; `what` is `source`, `destination` or `route`.
pub(super) fn check(what: &str, at: At, name: &str, cx: &mut Context<'_>) -> bool {
    let good = is_name(name);
    if !good {
        let message = format!("`{}` cannot name a {what}", cx.expansion.shown(at, name));
        cx.problem(
            at,
            message,
            "a name has up to 64 letters, digits, `-`, `_`, `.`, and begins with a letter or digit",
        );
    }
    good
}
