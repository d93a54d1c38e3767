//! The names that a template itself gives, or asks about.

use minijinja::machinery::ast::{Expr, Macro, Stmt};

use super::parts::{bodies, children, expressions};
use super::walk::DEEPEST;

/// The names that a template itself gives, wherever they hold, and those it asks about.
#[derive(Debug, Default)]
pub(super) struct Names<'t> {
    pub given: Vec<&'t str>,
    pub asked: Vec<&'t str>,
    /// The lookups it asks about.
    pub asked_lookups: Vec<&'t str>,
}

impl<'t> Names<'t> {
    pub(super) fn statement(&mut self, statement: &Stmt<'t>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        match statement {
            Stmt::ForLoop(each) => self.target(&each.target),
            Stmt::Set(set) => self.target(&set.target),
            Stmt::SetBlock(set) => self.target(&set.target),
            Stmt::WithBlock(with) => with.assignments.iter().for_each(|(target, _)| self.target(target)),
            Stmt::Macro(made) => self.defined(made),
            Stmt::CallBlock(call) => self.defined(&call.macro_decl),
            _ => {}
        }
        for body in bodies(statement) {
            body.iter().for_each(|inner| self.statement(inner, depth + 1));
        }
        for expression in expressions(statement) {
            self.questions(expression, depth);
        }
    }

    fn defined(&mut self, made: &Macro<'t>) {
        self.given.push(made.name);
        made.args.iter().for_each(|arg| self.target(arg));
    }

    fn target(&mut self, target: &Expr<'t>) {
        match target {
            Expr::Var(name) => self.given.push(name.id),
            Expr::List(list) => list.items.iter().for_each(|item| self.target(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.target(item)),
            _ => {}
        }
    }

    /// `name is defined` and `name|default(…)`: who asks knows that it may not be there.
    fn questions(&mut self, expression: &Expr<'t>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        let asked = match expression {
            Expr::Test(test) if matches!(test.name, "defined" | "undefined") => Some(&test.expr),
            Expr::Filter(filter) if matches!(filter.name, "default" | "d") => filter.expr.as_ref(),
            _ => None,
        };
        match asked {
            Some(Expr::Var(name)) => self.asked.push(name.id),
            Some(Expr::GetAttr(of)) if matches!(&of.expr, Expr::Var(name) if name.id == "lookup") => {
                self.asked_lookups.push(of.name);
            }
            _ => {}
        }
        children(expression).into_iter().for_each(|child| self.questions(child, depth + 1));
    }
}
