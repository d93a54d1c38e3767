//! Python's methods of texts, lists and mappings, as far as templates use them.

mod list;
mod text;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

use super::args::{Args, Parameters};
use super::held;
use super::meter::charge;

type Result<T = Value, E = Error> = std::result::Result<T, E>;
/// Name, parameters, method.
type OfText = (&'static str, Parameters, fn(&str, &Args<'_>) -> Result);
type OfValue = (&'static str, Parameters, fn(&Value, &Args<'_>) -> Result);

/// Methods of the engine's own things: `loop`, a cycler, a block of the template, a macro.
const OTHERS: [&str; 5] = ["next", "reset", "cycle", "changed", "caller"];

/// The names of all methods, of whatever.
pub(super) fn names() -> Vec<&'static str> {
    let texts = text::METHODS.iter().map(|(name, ..)| *name);
    let others = list::OF_LISTS.iter().chain(list::OF_MAPPINGS).map(|(name, ..)| *name);
    texts.chain(others).chain(OTHERS).collect()
}

/// Calls a method that the engine does not know.
pub(super) fn call(
    _: &mut State<'_, '_>,
    value: &Value,
    method: &str,
    given: &[Value],
) -> Result<Value, Error> {
    let of_value = |table: &'static [OfValue]| {
        let (name, parameters, call) = table.iter().find(|(name, ..)| *name == method)?;
        Some(Args::bind(name, parameters, given).and_then(|args| call(value, &args)))
    };
    let of_text = |text: &str| {
        let (name, parameters, call) = text::METHODS.iter().find(|(name, ..)| *name == method)?;
        let args = charge(text.len()).and_then(|()| Args::bind(name, parameters, given));
        Some(args.and_then(|args| call(text, &args)))
    };
    let result = match value.kind() {
        ValueKind::String => of_text(value.as_str().unwrap_or_default()),
        ValueKind::Seq | ValueKind::Iterable => of_value(list::OF_LISTS),
        ValueKind::Map => of_value(list::OF_MAPPINGS),
        _ => None,
    };
    held::kept(result.unwrap_or_else(|| Err(Error::from(ErrorKind::UnknownMethod)))?)
}
