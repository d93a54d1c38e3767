//! Filters of JSON and base64.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use minijinja::{Error, State, Value};

use super::{Entry, safe};
use crate::template::args::Args;
use crate::template::json::{self, Layout};
use crate::template::meter::{charge, charge_times, fault};
use crate::template::print;

type Result<T = Value, E = Error> = std::result::Result<T, E>;

pub(super) const FILTERS: &[Entry] = &[
    ("tojson", &["indent"], |state, value, args| {
        let layout = Layout { indent: indent(args, None)?, sorted: true, html: true };
        Ok(safe(state, json::write(value, layout)?))
    }),
    ("to_json", &["indent", "sort_keys"], |_, value, args| to_json(value, args, None, false)),
    ("to_nice_json", &["indent", "sort_keys"], |_, value, args| to_json(value, args, Some(4), true)),
    ("from_json", &[], |_, value, _| json::read(&print::text(value)?)),
    ("b64encode", &[], |_, value, _| {
        let text = print::text(value)?;
        charge_times(text.len(), 2)?;
        Ok(STANDARD.encode(text.as_bytes()).into())
    }),
    ("b64decode", &[], decode),
];

fn indent(args: &Args<'_>, usual: Option<usize>) -> Result<Option<usize>> {
    match args.some("indent") {
        Some(_) => args.count("indent", 0).map(Some),
        None => Ok(usual),
    }
}

/// As Ansible: for machines, not for HTML.
fn to_json(value: &Value, args: &Args<'_>, usual: Option<usize>, sorted: bool) -> Result {
    let layout = Layout { indent: indent(args, usual)?, sorted: args.flag("sort_keys", sorted), html: false };
    json::write(value, layout).map(Value::from)
}

/// Standard or URL-safe, with or without padding.
fn decode(_: &mut State<'_, '_>, value: &Value, _: &Args<'_>) -> Result {
    let text = print::text(value)?;
    charge(text.len())?;
    let text = text.trim();
    let bytes = STANDARD
        .decode(text)
        .or_else(|_| STANDARD_NO_PAD.decode(text))
        .or_else(|_| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')))
        .map_err(|error| fault(format!("`b64decode` is given no base64: {error}")))?;
    String::from_utf8(bytes).map(Value::from).map_err(|_| fault("`b64decode` gives bytes that are no text"))
}
