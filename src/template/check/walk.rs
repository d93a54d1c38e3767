//! The walk over the syntax tree of a template.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{BinOpKind, Call, CallArg, CallType, Expr, Spanned, Stmt};

use super::names::Names;
use super::parts::{argument, bodies, children, expressions, holds_secret, is_secrets};
use super::{Allowed, Finding, unknown_filter, unknown_method, unknown_name, unknown_test};
use crate::yaml::nearest;

/// How deep expressions and statements may nest.
pub(super) const DEEPEST: usize = 150;
/// Bytes or entries that an expression without names may make.
const LARGEST_CONSTANT: usize = 4096;
/// Filters that leave the mark of a secret as it is.
const HARMLESS: [&str; 9] =
    ["tojson", "to_json", "urlencode", "default", "d", "string", "safe", "trim", "header_safe"];

/// What came out of the walk.
pub(super) struct Walked {
    pub found: Vec<Finding>,
    /// The lookups that the template counts on, and where.
    pub used: Vec<(usize, String)>,
}

/// All that is wrong with a template.
pub(super) fn findings(tree: &Stmt<'_>, text: &str, allowed: Allowed<'_>) -> Walked {
    let mut own = Names::default();
    own.statement(tree, 0);
    let walked = Walked { found: Vec::new(), used: Vec::new() };
    let mut walk = Walk { text, allowed, own: &own, depth: 0, too_large: false, walked };
    walk.statement(tree);
    walk.walked
}

struct Walk<'a, 't> {
    text: &'t str,
    allowed: Allowed<'a>,
    own: &'a Names<'t>,
    depth: usize,
    /// Something was found that must not be computed.
    too_large: bool,
    walked: Walked,
}

impl<'t> Walk<'_, 't> {
    fn add(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        let offset = span.start_offset as usize;
        self.walked.found.push(Finding { offset, message: message.into(), help: help.into() });
    }

    /// Where a word stands last in what a span covers.
    fn word(&self, span: Span, word: &str) -> usize {
        let (start, end) = (span.start_offset as usize, span.end_offset as usize);
        let covered = self.text.get(start..end).unwrap_or_default();
        start + covered.rfind(word).unwrap_or(0)
    }

    /// Goes one level down, unless that is too deep.
    fn below(&mut self, span: Span, go: impl FnOnce(&mut Self)) {
        if self.depth > DEEPEST {
            if !std::mem::replace(&mut self.too_large, true) {
                self.add(span, "nests too deeply", "give parts of it names, with `{% set … %}`");
            }
            return;
        }
        self.depth += 1;
        go(self);
        self.depth -= 1;
    }

    fn statement(&mut self, statement: &Stmt<'t>) {
        let other = "templates stand alone: put the text here";
        match statement {
            Stmt::Include(include) => self.add(include.span(), "includes another template", other),
            Stmt::Extends(extends) => self.add(extends.span(), "extends another template", other),
            Stmt::Import(import) => self.add(import.span(), "imports another template", other),
            Stmt::FromImport(import) => self.add(import.span(), "imports another template", other),
            Stmt::Set(set) if holds_secret(&set.expr) => {
                self.add(set.span(), "gives a secret another name", "write it where it is to stand");
            }
            _ => {}
        }
        if !matches!(statement, Stmt::Include(_) | Stmt::Extends(_) | Stmt::Import(_) | Stmt::FromImport(_)) {
            expressions(statement).into_iter().for_each(|expression| self.expression(expression));
        }
        match statement {
            Stmt::CallBlock(block) => self.call(&block.call),
            Stmt::Do(call) => self.call(&call.call),
            _ => {}
        }
        for body in bodies(statement) {
            for inner in body {
                self.below(Span::default(), |walk| walk.statement(inner));
            }
        }
    }

    fn expression(&mut self, expression: &Expr<'t>) {
        let span = expression.span();
        match expression {
            Expr::Var(name) => self.name(name.id, span, false),
            Expr::Call(call) => return self.below(span, |walk| walk.call(call)),
            Expr::GetAttr(attribute) if !self.allowed.question && is_secrets(&attribute.expr) => {
                return self.secret(attribute.name, span);
            }
            Expr::GetItem(item) if !self.allowed.question && is_secrets(&item.expr) => {
                return match item.subscript_expr.as_const() {
                    Some(name) => self.secret(name.as_str().unwrap_or_default(), span),
                    None => self.add(span, "looks a secret up by a name that is not known", NAMED),
                };
            }
            Expr::GetAttr(attribute) if self.is_lookup(&attribute.expr) => {
                return self.lookup(attribute.name, span);
            }
            Expr::GetItem(item) if self.is_lookup(&item.expr) => {
                if let Some(name) = item.subscript_expr.as_const()
                    && let Some(name) = name.as_str()
                {
                    return self.lookup(name, span);
                }
            }
            Expr::Filter(filter) => self.filter(filter.name, filter.expr.as_ref(), &filter.args, span),
            Expr::Test(test) => {
                let at = self.word(span, test.name);
                self.walked.found.extend(unknown_test(at, test.name));
            }
            _ => {}
        }
        for child in children(expression) {
            self.below(child.span(), |walk| walk.expression(child));
        }
        if let Expr::BinOp(op) = expression
            && matches!(op.op, BinOpKind::Mul)
        {
            self.product(&op.left, &op.right, span);
        }
    }

    fn name(&mut self, name: &'t str, span: Span, called: bool) {
        if name == "secrets" && !called && !self.allowed.question {
            return self.add(span, "uses `secrets` as a whole", NAMED);
        }
        if self.own.asked.contains(&name) {
            return;
        }
        let offset = span.start_offset as usize;
        self.walked.found.extend(unknown_name(offset, name, &self.allowed, &self.own.given, called));
    }

    fn secret(&mut self, name: &str, span: Span) {
        if !self.allowed.secrets.contains(&name) {
            let message = format!("uses `secrets.{name}`, which the destination does not have");
            let help = match self.allowed.secrets {
                [] => format!("give the destination `secrets: {{ {name}: \"${{…}}\" }}`"),
                known => nearest(name, known),
            };
            self.add(span, message, help);
        }
    }

    /// Whether this is the name `lookup`, and not one of the template's own.
    fn is_lookup(&self, expression: &Expr<'t>) -> bool {
        let named = matches!(expression, Expr::Var(name) if name.id == "lookup");
        named && !self.allowed.question && !self.own.given.contains(&"lookup")
    }

    fn lookup(&mut self, name: &str, span: Span) {
        if !self.allowed.lookups.contains(&name) {
            let message = format!("uses `lookup.{name}`, but there is no such lookup");
            let help = match self.allowed.lookups {
                [] => format!("describe it in the config, under `lookups: {{ {name}: … }}`"),
                known => nearest(name, known),
            };
            self.add(span, message, help);
        } else if !self.own.asked_lookups.contains(&name) {
            self.walked.used.push((span.start_offset as usize, name.to_owned()));
        }
    }

    fn filter(&mut self, name: &'t str, of: Option<&Expr<'t>>, args: &[CallArg<'t>], span: Span) {
        let at = self.word(span, name);
        self.walked.found.extend(unknown_filter(at, name));
        // Names of filters and tests that are handed on.
        let handed = |place: usize| match args.get(place) {
            Some(CallArg::Pos(Expr::Const(name))) => name.value.as_str().map(ToOwned::to_owned),
            _ => None,
        };
        match name {
            "map" => self.walked.found.extend(handed(0).and_then(|name| unknown_filter(at, &name))),
            "select" | "reject" => {
                self.walked.found.extend(handed(0).and_then(|name| unknown_test(at, &name)))
            }
            "selectattr" | "rejectattr" => {
                self.walked.found.extend(handed(1).and_then(|name| unknown_test(at, &name)));
            }
            _ if HARMLESS.contains(&name) => {}
            _ if of.is_some_and(holds_secret) => {
                let message = format!("puts a secret through the filter `{name}`, which would not see it");
                self.add(
                    span,
                    message,
                    "secrets are filled in when the delivery is sent: write them as they are",
                );
            }
            _ => {}
        }
    }

    fn call(&mut self, call: &Spanned<Call<'t>>) {
        match call.identify_call() {
            CallType::Function(name) => self.name(name, call.span(), true),
            CallType::Method(of, name) => {
                let at = self.word(of.span(), "") + self.after(of.span(), call.span(), name);
                self.walked.found.extend(unknown_method(at, name, &self.own.given));
                self.below(of.span(), |walk| walk.expression(of));
            }
            CallType::Object(of) => self.below(of.span(), |walk| walk.expression(of)),
            CallType::Block(_) => {}
        }
        for arg in &call.args {
            let value = argument(arg);
            self.below(value.span(), |walk| walk.expression(value));
        }
    }

    /// How far behind the start of one span a word stands in another.
    fn after(&self, of: Span, whole: Span, word: &str) -> usize {
        let (start, end) = (of.end_offset as usize, whole.end_offset as usize);
        let found = self.text.get(start..end).and_then(|rest| rest.find(word)).unwrap_or(0);
        (start + found).saturating_sub(self.word(of, ""))
    }

    /// The engine computes what holds no names when it reads a template, unmetered.
    fn product(&mut self, left: &Expr<'t>, right: &Expr<'t>, span: Span) {
        if self.too_large {
            return;
        }
        let (Some(left), Some(right)) = (left.as_const(), right.as_const()) else { return };
        for (value, times) in [(&left, &right), (&right, &left)] {
            let size = value.as_str().map_or_else(|| value.len(), |text| Some(text.len()));
            let times = times.as_i64().map(|times| usize::try_from(times).unwrap_or(0));
            if let (Some(size), Some(times)) = (size, times)
                && size.saturating_mul(times) > LARGEST_CONSTANT
            {
                self.too_large = true;
                let message = format!("repeats something to more than {LARGEST_CONSTANT} bytes or entries");
                self.add(span, message, "no receiver wants so much");
                return;
            }
        }
    }
}

const NAMED: &str = "write `secrets.NAME`";
