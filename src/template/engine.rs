//! The Jinja2 engine with its limits, and what a template may use in it.

use minijinja::machinery::{eval, make_string_output};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value};

use super::meter::{charge, fault};
use super::program::Program;
use super::{HEADERS, filters, functions, headers, meter, methods, ops, predicates, print};

/// Steps of the virtual machine per rendering.
const FUEL: u64 = 500_000;
/// Bytes a rendered text may have.
pub(super) const LARGEST: usize = 2 * 1024 * 1024;
/// Levels of loops, blocks and macros; a macro counts as four.
const DEEPEST: usize = 100;

pub(super) fn environment() -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(DEEPEST);
    env.set_undefined_behavior(UndefinedBehavior::Lenient);
    env.set_auto_escape_callback(escaping);
    env.set_formatter(emit);
    env.set_unknown_method_callback(methods::call);
    env.set_debug(true);
    filters::register(&mut env);
    predicates::register(&mut env);
    functions::register(&mut env);
    ops::register(&mut env);
    env
}

/// Headers are a language of their own: what a template captures in them counts as safe.
fn escaping(name: &str) -> AutoEscape {
    if name == HEADERS { AutoEscape::Custom(HEADERS.into()) } else { AutoEscape::None }
}

/// Renders a text that passed the check.
pub(super) fn render(env: &Environment<'_>, name: &str, text: &str, names: Value) -> Result<String, Error> {
    let _guard = meter::begin();
    let program = Program::new(name, text)?;
    let mut out = String::new();
    eval(env, &program.main, names, &program.blocks, &mut make_string_output(&mut out), escaping(name))?;
    match out.len() {
        ..=LARGEST => Ok(out),
        len => Err(fault(format!("gives {len} bytes, more than {LARGEST}"))),
    }
}

/// Whatever a template prints passes here, also what it captures.
fn emit(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let text = print::text(value)?;
    charge(text.len())?;
    let written = if value.is_safe() {
        out.write_str(&text)
    } else if state.name() == HEADERS {
        out.write_str(&headers::cleansed(&text))
    } else if matches!(state.auto_escape(), AutoEscape::Html) {
        out.write_str(&filters::escaped(&text)?)
    } else {
        out.write_str(&text)
    };
    written.map_err(Error::from)
}

/// What went wrong, in words.
pub(super) fn why(error: &Error) -> String {
    if error.kind() == ErrorKind::OutOfFuel {
        return format!("takes more than {FUEL} steps");
    }
    match (error.kind(), error.detail()) {
        (ErrorKind::InvalidOperation | ErrorKind::UndefinedError, Some(detail)) => detail.to_owned(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    }
}

/// Where in its text: bytes from the start.
pub(super) fn offset(text: &str, error: &Error) -> usize {
    if let Some(range) = error.range() {
        return range.start;
    }
    let line = error.line().unwrap_or(1).saturating_sub(1);
    text.split_inclusive('\n').take(line).map(str::len).sum()
}
