//! What statements and expressions are made of.

use minijinja::machinery::ast::{CallArg, Expr, Stmt};

/// Whether this is the name `secrets`.
pub(super) fn is_secrets(expression: &Expr<'_>) -> bool {
    matches!(expression, Expr::Var(name) if name.id == "secrets")
}

/// Whether one of the secrets stands anywhere in this. How deep expressions nest is bounded by
/// the parser.
pub(super) fn holds_secret(expression: &Expr<'_>) -> bool {
    is_secrets(expression) || children(expression).into_iter().any(holds_secret)
}

/// What a statement holds inside of it.
pub(super) fn bodies<'s, 't>(statement: &'s Stmt<'t>) -> Vec<&'s [Stmt<'t>]> {
    match statement {
        Stmt::Template(template) => vec![&template.children],
        Stmt::ForLoop(each) => vec![&each.body, &each.else_body],
        Stmt::IfCond(branch) => vec![&branch.true_body, &branch.false_body],
        Stmt::WithBlock(with) => vec![&with.body],
        Stmt::SetBlock(set) => vec![&set.body],
        Stmt::AutoEscape(escape) => vec![&escape.body],
        Stmt::FilterBlock(filter) => vec![&filter.body],
        Stmt::Block(block) => vec![&block.body],
        Stmt::Macro(made) => vec![&made.body],
        Stmt::CallBlock(call) => vec![&call.macro_decl.body],
        _ => Vec::new(),
    }
}

/// The expressions of a statement that are looked up; what it assigns to is not.
pub(super) fn expressions<'s, 't>(statement: &'s Stmt<'t>) -> Vec<&'s Expr<'t>> {
    match statement {
        Stmt::EmitExpr(emit) => vec![&emit.expr],
        Stmt::ForLoop(each) => [&each.iter].into_iter().chain(&each.filter_expr).collect(),
        Stmt::IfCond(branch) => vec![&branch.expr],
        Stmt::WithBlock(with) => with.assignments.iter().map(|(_, value)| value).collect(),
        Stmt::Set(set) => vec![&set.expr],
        Stmt::SetBlock(set) => set.filter.iter().collect(),
        Stmt::AutoEscape(escape) => vec![&escape.enabled],
        Stmt::FilterBlock(filter) => vec![&filter.filter],
        Stmt::Macro(made) => made.defaults.iter().collect(),
        Stmt::CallBlock(call) => call.macro_decl.defaults.iter().collect(),
        _ => Vec::new(),
    }
}

/// The expressions of an expression.
pub(super) fn children<'e, 't>(expression: &'e Expr<'t>) -> Vec<&'e Expr<'t>> {
    match expression {
        Expr::Var(_) | Expr::Const(_) => Vec::new(),
        Expr::Slice(slice) => {
            [&slice.expr].into_iter().chain(&slice.start).chain(&slice.stop).chain(&slice.step).collect()
        }
        Expr::UnaryOp(op) => vec![&op.expr],
        Expr::BinOp(op) => vec![&op.left, &op.right],
        Expr::Compare(compare) => {
            [&compare.expr].into_iter().chain(compare.ops.iter().map(|op| &op.expr)).collect()
        }
        Expr::IfExpr(branch) => {
            [&branch.test_expr, &branch.true_expr].into_iter().chain(&branch.false_expr).collect()
        }
        Expr::Filter(filter) => filter.expr.iter().chain(filter.args.iter().map(argument)).collect(),
        Expr::Test(test) => [&test.expr].into_iter().chain(test.args.iter().map(argument)).collect(),
        Expr::GetAttr(attribute) => vec![&attribute.expr],
        Expr::GetItem(item) => vec![&item.expr, &item.subscript_expr],
        Expr::Call(call) => [&call.expr].into_iter().chain(call.args.iter().map(argument)).collect(),
        Expr::List(list) => list.items.iter().collect(),
        Expr::Tuple(tuple) => tuple.items.iter().collect(),
        Expr::Map(map) => map.keys.iter().chain(&map.values).collect(),
    }
}

/// The value of an argument.
pub(super) fn argument<'e, 't>(argument: &'e CallArg<'t>) -> &'e Expr<'t> {
    match argument {
        CallArg::Pos(value)
        | CallArg::Kwarg(_, value)
        | CallArg::PosSplat(value)
        | CallArg::KwargSplat(value) => value,
    }
}
