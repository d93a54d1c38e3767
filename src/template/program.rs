//! A template as the engine runs it, with the engine's operators exchanged for those of
//! [`super::ops`]: whatever makes a value does so under the limits of a rendering.
//!
//! The engine's code borrows from the text it was made of, so it is made anew for each rendering.
//! That takes microseconds.

use std::collections::BTreeMap;

use minijinja::machinery::ast::Stmt;
use minijinja::machinery::{CodeGenerator, Instruction, Instructions, parse};
use minijinja::value::ValueKind;
use minijinja::{Error, Value};

/// The code of one template.
pub(super) struct Program<'t> {
    pub main: Instructions<'t>,
    pub blocks: BTreeMap<&'t str, Instructions<'t>>,
}

/// Reads a template.
pub(super) fn syntax<'t>(name: &'t str, text: &'t str) -> Result<Stmt<'t>, Error> {
    parse(text, name, minijinja::syntax::SyntaxConfig::default())
}

impl<'t> Program<'t> {
    /// The code for a text that [`super::check`] passed.
    pub(super) fn new(name: &'t str, text: &'t str) -> Result<Self, Error> {
        let tree = syntax(name, text)?;
        let mut generator = CodeGenerator::new(name, text);
        generator.compile_stmt(&tree);
        let (main, blocks) = generator.finish();
        let blocks = blocks.into_iter().map(|(block, code)| (block, metered(name, text, &code))).collect();
        Ok(Self { main: metered(name, text, &main), blocks })
    }
}

/// The same code, metered. One instruction may become several, so jumps are led to new places.
fn metered<'t>(name: &'t str, text: &'t str, code: &Instructions<'t>) -> Instructions<'t> {
    let old: Vec<Instruction<'t>> = (0..).map_while(|at| code.get(at).cloned()).collect();
    let mut places = Vec::with_capacity(old.len() + 1);
    let mut next = 0;
    let steps: Vec<Vec<Instruction<'t>>> = old.into_iter().map(exchanged).collect();
    for step in &steps {
        places.push(next);
        next += u32::try_from(step.len()).unwrap_or(u32::MAX);
    }
    places.push(next);
    let place = |old: u32| places.get(old as usize).copied().unwrap_or(next);
    let mut new = Instructions::new(name, text);
    for (at, step) in (0..).zip(steps) {
        for instruction in step {
            let instruction = led(instruction, place);
            match (code.get_span(at), code.get_line(at)) {
                (Some(span), _) => new.add_with_span(instruction, span),
                (None, Some(line)) => new.add_with_line(instruction, u16::try_from(line).unwrap_or(u16::MAX)),
                (None, None) => new.add(instruction),
            };
        }
    }
    new
}

fn led(instruction: Instruction<'_>, place: impl Fn(u32) -> u32) -> Instruction<'_> {
    match instruction {
        Instruction::Iterate(to) => Instruction::Iterate(place(to)),
        Instruction::Jump(to) => Instruction::Jump(place(to)),
        Instruction::JumpIfFalse(to) => Instruction::JumpIfFalse(place(to)),
        Instruction::JumpIfFalseOrPop(to) => Instruction::JumpIfFalseOrPop(place(to)),
        Instruction::JumpIfTrueOrPop(to) => Instruction::JumpIfTrueOrPop(place(to)),
        Instruction::BuildMacro(name, start, flags) => Instruction::BuildMacro(name, place(start), flags),
        other => other,
    }
}

/// What runs in the place of an instruction.
fn exchanged(instruction: Instruction<'_>) -> Vec<Instruction<'_>> {
    let call = |name| vec![Instruction::ApplyFilter(name, Some(2), !0)];
    match instruction {
        Instruction::Add => call("operator +"),
        Instruction::Sub => call("operator -"),
        Instruction::Mul => call("operator *"),
        Instruction::Div => call("operator /"),
        Instruction::IntDiv => call("operator //"),
        Instruction::Rem => call("operator %"),
        Instruction::Pow => call("operator **"),
        Instruction::StringConcat => call("operator ~"),
        Instruction::Eq => call("operator =="),
        Instruction::Ne => call("operator !="),
        Instruction::Lt => call("operator <"),
        Instruction::Lte => call("operator <="),
        Instruction::Gt => call("operator >"),
        Instruction::Gte => call("operator >="),
        Instruction::In => call("operator in"),
        Instruction::GetItem => call("operator item"),
        Instruction::Neg => vec![Instruction::ApplyFilter("operator neg", Some(1), !0)],
        Instruction::Slice => vec![Instruction::ApplyFilter("operator slice", Some(4), !0)],
        Instruction::CompareAndPreserve(op) => chained(&format!("{op:?}")),
        Instruction::BuildList(count) => built("operator list", count, 1),
        Instruction::BuildTuple(count) => built("operator tuple", count, 1),
        Instruction::BuildMap(count) => built("operator map", Some(count), 2),
        Instruction::SetAttr(name) => vec![
            Instruction::Swap,
            Instruction::ApplyFilter("operator stored", Some(1), !0),
            Instruction::Swap,
            Instruction::SetAttr(name),
        ],
        Instruction::PushLoop(flags) => {
            vec![Instruction::ApplyFilter("operator each", Some(1), !0), Instruction::PushLoop(flags)]
        }
        // The text of a template passes the same meter as what it prints.
        Instruction::EmitRaw(raw) => {
            vec![Instruction::LoadConst(Value::from_safe_string(raw.to_owned())), Instruction::Emit]
        }
        Instruction::LoadConst(value) if is_literal(&value) => {
            vec![Instruction::LoadConst(value), Instruction::ApplyFilter("operator fresh", Some(1), !0)]
        }
        other => vec![other],
    }
}

/// A list or mapping that stands in the text, as opposed to named arguments.
fn is_literal(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Map) && !value.is_kwargs() && !value.is_tuple()
}

/// A list of so many values. More than fit a call are left to the engine; no template that
/// passes the check has them.
fn built(name: &'static str, count: Option<usize>, each: usize) -> Vec<Instruction<'static>> {
    let args = match count.map(|count| u16::try_from(count * each)) {
        Some(Ok(args)) => Some(args),
        Some(Err(_)) => return vec![Instruction::BuildList(count)],
        None => None,
    };
    vec![Instruction::ApplyFilter(name, args, !0)]
}

/// One comparison of `a < b < c`: leaves `b` and the result.
fn chained(operator: &str) -> Vec<Instruction<'static>> {
    let name = match operator {
        "Eq" => "operator chain ==",
        "Ne" => "operator chain !=",
        "Lt" => "operator chain <",
        "Lte" => "operator chain <=",
        "Gt" => "operator chain >",
        "Gte" => "operator chain >=",
        "In" => "operator chain in",
        _ => "operator chain not in",
    };
    vec![Instruction::ApplyFilter(name, Some(2), !0), Instruction::UnpackList(2)]
}
