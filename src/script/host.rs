//! The functions that scripts have beside rhai's own. All are pure: the same arguments give the
//! same result. Each is documented with an example in `docs/scripts.md`.

mod cache;
mod crypto;
mod date;
mod net;
mod query;
mod text;

use rhai::{Dynamic, Engine, EvalAltResult};

use super::{Limits, guard, value, view};

/// What host functions give.
type Given<T> = Result<T, Box<EvalAltResult>>;

/// Makes all of them known to an engine.
pub(super) fn register(engine: &mut Engine, file: &str, limits: &Limits) {
    text::register(engine, limits);
    crypto::register(engine);
    date::register(engine);
    net::register(engine);
    query::register(engine);
    changes(engine);
    let file = file.to_owned();
    engine.register_fn("log", move |line: Dynamic| {
        let line = line.into_immutable_string().unwrap_or_else(|kind| kind.into());
        guard::log(&line, &file);
    });
}

/// `changed(event, "status")` and `change(event, "status")`.
fn changes(engine: &mut Engine) {
    engine.register_fn("changed", |event: view::Record, field: &str| !change(&event, field).is_unit());
    engine.register_fn("change", |event: view::Record, field: &str| change(&event, field));
}

/// The change of a field, or `()`. A field that nests counts too: `site` finds `site.name`.
fn change(event: &view::Record, field: &str) -> Dynamic {
    let changes = event.0.key("changes");
    let seen = changes.seen();
    let named = |wanted: &dyn Fn(&str) -> bool| {
        (0..seen.len()).find(|index| match seen.item(*index).child("field") {
            super::node::Seen::Text(name) => wanted(&name),
            _ => false,
        })
    };
    let exact = named(&|name| name == field);
    let below = || named(&|name| name.strip_prefix(field).is_some_and(|rest| rest.starts_with('.')));
    match exact.or_else(below) {
        Some(index) => value::shown(|| changes.index(index), &seen.item(index)),
        None => Dynamic::UNIT,
    }
}
