//! rhai's errors in words for the operator, with the place in the script or its import.

use rhai::{EvalAltResult, ParseErrorType, Position};

use super::guard::{
    self, OUT_OF_BODIES, OUT_OF_MEMORY, OUT_OF_TIME, TOO_DEEP, TOO_MANY_ENTRIES, TOO_MANY_ITEMS,
};
use super::{Limits, ScriptError};
use crate::yaml::At;

/// The error of a run of `file`; `function` is where it began.
pub(super) fn explained(error: Box<EvalAltResult>, file: &str, function: At, limits: &Limits) -> ScriptError {
    let (error, file, at) = innermost(error, file.to_owned(), Position::NONE);
    let (line, column) = super::load::place(at).unwrap_or(function);
    let place = format!("{file}:{line}:{column}");
    ScriptError { message: worded(error, limits), place }
}

/// Down to where it happened: through calls and imports.
#[expect(clippy::boxed_local, reason = "rhai hands its errors out in boxes, also inside one another")]
pub(super) fn innermost(
    error: Box<EvalAltResult>,
    file: String,
    outer: Position,
) -> (EvalAltResult, String, Position) {
    let at = if error.position().is_none() { outer } else { error.position() };
    match *error {
        EvalAltResult::ErrorInFunctionCall(_, source, inner, _) => {
            let file = if source.is_empty() { file } else { source };
            innermost(inner, file, at)
        }
        EvalAltResult::ErrorInModule(path, inner, _) => {
            let file = if path.is_empty() { file } else { path };
            innermost(inner, file, at)
        }
        other => (other, file, at),
    }
}

/// One error, without its place.
pub(super) fn worded(error: EvalAltResult, limits: &Limits) -> String {
    match error {
        EvalAltResult::ErrorRuntime(thrown, _) => match thrown.into_immutable_string() {
            Ok(text) => text.to_string(),
            Err(kind) => format!("the script threw a {kind}; throw a text that says what is wrong"),
        },
        EvalAltResult::ErrorFunctionNotFound(signature, _) => missing_function(&signature),
        EvalAltResult::ErrorVariableNotFound(name, _) => format!("there is no variable `{name}`"),
        EvalAltResult::ErrorModuleNotFound(path, _) => {
            format!("could not import `{path}`: name it as a literal text, so that it is read in advance")
        }
        EvalAltResult::ErrorDotExpr(text, _) => missing_property(&text),
        EvalAltResult::ErrorIndexingType(text, _) if text.starts_with("()") => {
            "nothing, (), has no entries; write `?[…]` where a value may be missing".to_owned()
        }
        EvalAltResult::ErrorIndexingType(text, _) => format!("cannot look up an entry: {text}"),
        other => past_limit(&other, limits).unwrap_or_else(|| lowered(other)),
    }
}

fn past_limit(error: &EvalAltResult, limits: &Limits) -> Option<String> {
    let limit = match error {
        EvalAltResult::ErrorTooManyOperations(_) => format!("{} operations", limits.operations),
        EvalAltResult::ErrorStackOverflow(_) => format!("{} calls inside one another", limits.call_depth),
        EvalAltResult::ErrorTooManyVariables(_) => format!("{} variables", super::engine::VARIABLES),
        EvalAltResult::ErrorTooManyModules(_) => format!("{} imports", super::engine::MODULES),
        EvalAltResult::ErrorDataTooLarge(what, _) => match what.as_str() {
            "Length of string" => format!("{} bytes of text in one value", limits.string_bytes),
            "Size of object map" => entries(limits),
            _ => items(limits),
        },
        EvalAltResult::ErrorTerminated(token, _) => match token.as_immutable_string_ref().ok()?.as_str() {
            OUT_OF_TIME => format!("{} ms", limits.wall_clock.as_millis()),
            OUT_OF_MEMORY => format!("{} MiB for all its values", guard::allowed() >> 20),
            OUT_OF_BODIES => format!("{} MiB of bodies read as `native`", guard::bodies(limits) >> 20),
            TOO_MANY_ITEMS => items(limits),
            TOO_MANY_ENTRIES => entries(limits),
            TOO_DEEP => format!("{} levels of values inside one another", guard::MAX_DEPTH),
            _ => return None,
        },
        _ => return None,
    };
    Some(format!("the script ran past its limit of {limit}"))
}

fn items(limits: &Limits) -> String {
    format!("{} items of arrays in one value", limits.array_items)
}

fn entries(limits: &Limits) -> String {
    format!("{} entries of maps in one value", limits.map_entries)
}

fn missing_function(signature: &str) -> String {
    let (name, arguments) = signature.split_once(" (").unwrap_or((signature, ""));
    let arguments = arguments.trim_end_matches(')').replace("&str | ImmutableString | String", "text");
    let arguments = if signature.ends_with("())") { format!("{arguments})") } else { arguments };
    let hint = if arguments.split(", ").any(|kind| kind == "()") {
        "; () is a value that is not there, check for it first"
    } else {
        ""
    };
    format!("there is no function `{name}` for ({arguments}){hint}")
}

/// `Unknown property 'x' - a getter is not registered for type '()'`.
fn missing_property(text: &str) -> String {
    let mut quoted = text.split('\'').skip(1).step_by(2);
    match (quoted.next(), quoted.next()) {
        (Some(name), Some("()")) => format!(
            "`{name}` was asked of nothing, (); write `?.{name}` where the value before it may be missing"
        ),
        (Some(name), Some(kind)) => format!("`{name}` was asked of a value of type {kind}, which has none"),
        _ => text.to_owned(),
    }
}

fn lowered(mut error: EvalAltResult) -> String {
    error.clear_position();
    let text = error.to_string();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => text,
    }
}

/// What to do about a syntax error.
pub(super) fn remedy(error: &ParseErrorType) -> &'static str {
    match error {
        ParseErrorType::MissingToken(..) => "add what is missing, here or on the line above",
        ParseErrorType::UnexpectedEOF => "close every `{`, `(`, `[` and quote",
        ParseErrorType::ExprTooDeep => "split the expression with `let`",
        ParseErrorType::FnDuplicatedDefinition(..) => "rename or remove one of the two functions",
        ParseErrorType::LiteralTooLarge(..) => "make it shorter, or raise the limits of scripts",
        ParseErrorType::Reserved(..) => "choose another name",
        _ => "check names, brackets, quotes and semicolons at this place",
    }
}
