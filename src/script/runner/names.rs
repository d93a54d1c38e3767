//! Whether a name means one function wherever it is called in a script and its imports.
//!
//! rhai looks for a function called by its bare name in the file of the caller first, but remembers
//! what it found by name and number of arguments alone. What is remembered from one event to the next
//! must not depend on which file asked first.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Expr, FnCallExpr, FnPtr, Stmt};

/// A function as rhai tells them apart.
type Name = (String, usize);

/// The functions that a file defines and calls by their bare names.
#[derive(Debug, Default)]
pub(in crate::script) struct Names {
    defined: BTreeSet<Name>,
    called: BTreeSet<Name>,
    /// Names that are no variable's: what they mean is decided when the script runs.
    spoken: BTreeSet<String>,
}

impl Names {
    pub(in crate::script) fn of(ast: &AST) -> Self {
        let defined = ast.iter_functions().map(|f| (f.name.to_owned(), f.params.len())).collect();
        let mut names = Self { defined, ..Self::default() };
        ast.walk(&mut |path: &[ASTNode<'_>]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::FnCall(call, _))) => names.call(call),
                Some(ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))) => names.call(call),
                Some(ASTNode::Expr(Expr::Variable(variable, None, _))) if variable.0.is_none() => {
                    names.spoken.insert(variable.1.to_string());
                }
                // `Fn("name")` has become a value already; so has a closure, whose name nobody else has.
                Some(ASTNode::Expr(Expr::DynamicConstant(value, _))) => {
                    names
                        .spoken
                        .extend(value.read_lock::<FnPtr>().map(|function| function.fn_name().to_owned()));
                }
                _ => {}
            }
            true
        });
        names
    }

    fn call(&mut self, call: &FnCallExpr) {
        if call.namespace.is_empty() {
            self.called.insert((call.name.to_string(), call.args.len()));
        }
    }

    /// Whether a function is named by a value: by `Fn("name")`, or by its name without a call.
    fn names_by_value(&self, all: &[&Self]) -> bool {
        let by_text = self.called.iter().any(|(name, _)| name == "Fn" || name == "is_def_fn");
        let defined =
            |name: &String| all.iter().any(|file| file.defined.iter().any(|(known, _)| known == name));
        by_text || self.spoken.iter().any(|name| !is_anonymous(name) && defined(name))
    }
}

/// What rhai calls a closure, which is made of what stands in it: another file has the same name only for a
/// closure that says the same, and that counts as one that two files define.
fn is_anonymous(name: &str) -> bool {
    name.starts_with("anon$")
}

/// Whether every name means the same function everywhere.
pub(super) fn are_apart(script: &Names, imported: &[Names]) -> bool {
    if imported.is_empty() {
        return true;
    }
    let all: Vec<&Names> = imported.iter().chain([script]).collect();
    let strangers = |file: &Names, index: usize| {
        let others = all.iter().enumerate().filter(|(other, _)| *other != index);
        others.into_iter().any(|(_, other)| {
            other.defined.iter().any(|name| file.defined.contains(name) || file.called.contains(name))
        })
    };
    !all.iter().enumerate().any(|(index, file)| strangers(file, index) || file.names_by_value(&all))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Names {
        Names::of(&rhai::Engine::new_raw().compile(text).unwrap())
    }

    fn apart(script: &str, import: &str) -> bool {
        are_apart(&names(script), &[names(import)])
    }

    #[test]
    fn a_name_is_told_by_its_arguments_too() {
        let import = "fn join(a, b) { a } fn title(x) { join(x, 1) }";
        assert!(apart("fn transform(event) { join(event) + l::title(event) + l::join(1, 2) }", import));
        assert!(!apart("fn transform(event) { join(event, 1) }", import));
        assert!(!apart("fn transform(event) { `${[join(event, 1)]}` }", import));
        assert!(!apart("fn transform(event) { event.join(1, 2) }", import), "`this` does not count");
        assert!(!apart("fn join(a, b) { b }", import), "both have one");
        assert!(apart("fn join(a, b) { join(b, a) }", "fn title(x) { x }"));
        assert!(!apart("fn join(a, b) { b }", "fn title(x) { join(x, x) }"), "an import sees the script's");
    }

    #[test]
    fn a_name_that_is_a_value_may_mean_anything() {
        let import = "fn join(a, b) { a }";
        assert!(!apart("fn transform(event) { Fn(\"join\").call(1, 2) }", import));
        assert!(!apart("fn transform(event) { is_def_fn(\"join\", 2) }", import));
        assert!(!apart("fn transform(event) { [1].map(join) }", import));
        assert!(!apart("fn transform(event) { let f = Fn(name); f.call(1, 2) }", import));
        assert!(apart("fn transform(event) { let join = 1; join }", import), "a variable is none");
        assert!(apart("fn transform(event) { [1].map(|x| x + 1) }", import), "a closure is its own");
        // They stand at the same place of their files, too.
        assert!(!apart(
            "fn transform(event) { [1].map(|x| x + 1) }",
            "fn transfer_(event) { [1].map(|x| x + 1) }"
        ));
    }

    #[test]
    fn without_imports_there_is_only_one_file() {
        assert!(are_apart(&names("fn a(x) { Fn(\"b\") } fn b(x) { x }"), &[]));
    }
}
