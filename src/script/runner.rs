//! How the functions of a script are called: what rhai finds out anew with each call is found out once.
//!
//! rhai's own `call_fn` runs the top level again before every call, and begins each with an empty memory
//! of which function a call means, so that every call by name is looked for in every module. Here the
//! top level has run when the script was compiled, and what calls mean is remembered from one event to
//! the next. Nothing else is: each call has a state and variables of its own.
//!
//! Only here are rhai's `internals` used, which may change with any release; therefore its version is
//! pinned.

mod names;

use std::sync::{Mutex, PoisonError};

use rhai::{AST, Caches, Dynamic, Engine, EvalAltResult, EvalContext, GlobalRuntimeState, Scope, Stmt};

pub(super) use names::Names;

/// How many call levels rhai counts before the first line of a function runs.
pub(super) const LEVELS: usize = 2;

/// The functions of one compiled script, ready to be called.
#[derive(Debug)]
pub(super) struct Runner {
    ast: AST,
    /// The state in which a call begins.
    start: GlobalRuntimeState,
    /// Whether the top level has run already: it can only be the same each time.
    settled: bool,
    /// What calls were found to mean, for as many threads as have run at the same time. Nothing where
    /// names mean different functions in different files: rhai remembers names, not files.
    known: Option<Mutex<Vec<Caches>>>,
}

impl Runner {
    /// Runs the top level to see that it can. `imported` are the names of everything imported.
    pub(super) fn new(engine: &Engine, ast: AST, imported: &[Names]) -> Result<Self, Box<EvalAltResult>> {
        let mut start = engine.new_global_runtime_state();
        start.source = ast.source().map(Into::into);
        start.lib.push(ast.shared_lib().clone());
        start.embedded_module_resolver = ast.resolver().cloned();
        let known = names::are_apart(&Names::of(&ast), imported).then(Mutex::default);
        let mut runner = Self { settled: ast.statements().iter().all(is_constant), ast, start, known };
        let mut tried = runner.start.clone();
        runner.top_level(engine, &mut tried, &mut Caches::new())?;
        if runner.settled {
            runner.start = tried;
        }
        Ok(runner)
    }

    pub(super) fn ast(&self) -> &AST {
        &self.ast
    }

    /// Calls a function that takes one parameter.
    pub(super) fn call(
        &self,
        engine: &Engine,
        name: &str,
        mut argument: Dynamic,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut state = self.start.clone();
        let mut caches = self.take();
        if !self.settled {
            self.top_level(engine, &mut state, &mut caches)?;
        }
        let mut scope = Scope::new();
        let given = EvalContext::new(engine, &mut state, &mut caches, &mut scope, None)
            .call_fn_raw(name, false, false, &mut [&mut argument])
            .or_else(|error| match *error {
                EvalAltResult::Exit(given, _) => Ok(given),
                _ => Err(error),
            })?;
        // After an error, not to speak of a panic, nobody has to think about what they hold.
        self.keep(caches);
        Ok(given)
    }

    #[expect(deprecated, reason = "the only way to run statements in a state that is kept")]
    fn top_level(
        &self,
        engine: &Engine,
        state: &mut GlobalRuntimeState,
        caches: &mut Caches,
    ) -> Result<(), Box<EvalAltResult>> {
        engine.eval_statements_raw(state, caches, &mut Scope::new(), self.ast.statements()).map(drop)
    }

    fn take(&self) -> Caches {
        let known = self.known.as_ref().and_then(|known| lock(known).pop());
        known.unwrap_or_default()
    }

    fn keep(&self, caches: Caches) {
        if let Some(known) = &self.known {
            lock(known).push(caches);
        }
    }
}

fn lock(known: &Mutex<Vec<Caches>>) -> std::sync::MutexGuard<'_, Vec<Caches>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A statement that calls nothing and depends on nothing. A closure that shares a variable is none: its
/// variable must begin anew.
fn is_constant(statement: &Stmt) -> bool {
    match statement {
        Stmt::Noop(_) => true,
        Stmt::Import(import, _) => import.0.is_constant(),
        Stmt::Var(variable, _, _) => variable.1.is_constant(),
        _ => false,
    }
}
