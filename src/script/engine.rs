//! The rhai engine of one script: which functions there are, and every limit set by hand, so
//! that debug and release builds agree.

use std::sync::LazyLock;

use rhai::packages::{
    BasicArrayPackage, BasicBlobPackage, BasicMapPackage, BasicMathPackage, BitFieldPackage, CorePackage,
    LogicPackage, MoreStringPackage, Package,
};
use rhai::{Engine, EvalAltResult, FLOAT, INT, Module, OptimizationLevel, def_package};

use super::load::Loader;
use super::value::refuse;
use super::{Limits, guard, host, lookups, message, runner, view};

/// How many variables one function may have at a time.
pub(super) const VARIABLES: usize = 256;
/// How many functions one script may define.
const FUNCTIONS: usize = 256;
/// How many modules one script may import, directly or not.
pub(super) const MODULES: usize = 32;
/// How deep expressions may nest, outside and inside functions.
const EXPRESSIONS: usize = 64;
/// How many short texts an engine keeps one copy of: none, since all threads would take turns at
/// its lock, and texts of events seldom repeat.
const INTERNED: usize = 0;

/// Instead of rhai's `sleep`.
const NO_WAIT: &str = "a script cannot wait: it holds up the webhook's sender";

def_package! {
    /// rhai's own functions without its clock, in one module: a look-up asks every module there
    /// is, and a run begins with an empty cache of look-ups.
    Functions(_module): CorePackage, BitFieldPackage, LogicPackage, BasicMathPackage, BasicArrayPackage,
        BasicBlobPackage, BasicMapPackage, MoreStringPackage {}
}

static FUNCTIONS_OF_RHAI: LazyLock<rhai::Shared<Module>> =
    LazyLock::new(|| Functions::new().as_shared_module());

/// An engine for the script `file`.
pub(super) fn build(file: &str, limits: &Limits, loader: Loader) -> Engine {
    let mut engine = Engine::new_raw();
    engine.register_global_module(FUNCTIONS_OF_RHAI.clone());
    bound(&mut engine, limits);
    guard::watch(&mut engine);
    engine.set_module_resolver(loader);
    engine.disable_symbol("eval");
    engine
        .register_fn("sleep", |_: INT| -> Result<(), Box<EvalAltResult>> { Err(refuse(NO_WAIT)) })
        .register_fn("sleep", |_: FLOAT| -> Result<(), Box<EvalAltResult>> { Err(refuse(NO_WAIT)) });
    let (printed, debugged) = (file.to_owned(), file.to_owned());
    engine.on_print(move |text| guard::log(text, &printed));
    engine.on_debug(move |text, _, _| guard::log(text, &debugged));
    view::register(&mut engine);
    lookups::register(&mut engine);
    message::register(&mut engine);
    host::register(&mut engine, file, limits);
    engine
}

fn bound(engine: &mut Engine, limits: &Limits) {
    engine
        .set_optimization_level(OptimizationLevel::Simple)
        .set_max_operations(limits.operations.max(1))
        .set_max_call_levels(limits.call_depth.saturating_add(runner::LEVELS))
        .set_max_expr_depths(EXPRESSIONS, EXPRESSIONS)
        .set_max_string_size(limits.string_bytes.max(1))
        .set_max_array_size(limits.array_items.max(1))
        .set_max_map_size(limits.map_entries.max(1))
        .set_max_variables(VARIABLES)
        .set_max_functions(FUNCTIONS)
        .set_max_modules(MODULES)
        .set_max_strings_interned(INTERNED)
        .set_fast_operators(true)
        .set_strict_variables(false)
        .set_fail_on_invalid_map_property(false);
}
