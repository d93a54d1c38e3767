//! The pattern of `"{:>8}".format(…)`.

use minijinja::{Error, Value};

use super::digits::{cut, grouped, numeric, padded};
use super::{Pattern, Spec, WIDEST, letter, no_number};
use crate::template::meter::{charge, fault};
use crate::template::number::{self, Num};
use crate::template::print;

/// `pattern.format(…)`.
pub(in crate::template) fn braces(
    pattern: &str,
    args: &[Value],
    named_args: &[(String, Value)],
) -> Result<String, Error> {
    let mut pattern = Pattern { letters: pattern.chars().peekable() };
    let (mut out, mut next) = (String::new(), 0);
    while let Some(letter) = pattern.letters.next() {
        match letter {
            '{' if pattern.eat("{").is_some() => out.push('{'),
            '}' if pattern.eat("}").is_some() => out.push('}'),
            '}' => return Err(fault("a pattern has a single `}`")),
            '{' => {
                let field = pattern.until('}')?;
                let (path, spec) = field.split_once(':').unwrap_or((&field, ""));
                let (path, conversion) = path.split_once('!').unwrap_or((path, ""));
                let value = looked_up(path, &mut next, args, named_args)?;
                let text = braces_value(spec, conversion, &value)?;
                charge(text.len())?;
                out.push_str(&text);
            }
            other => out.push(other),
        }
    }
    charge(out.len())?;
    Ok(out)
}

/// `0`, `name`, `name.member` or `name[key]`.
fn looked_up(
    path: &str,
    next: &mut usize,
    args: &[Value],
    named_args: &[(String, Value)],
) -> Result<Value, Error> {
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (name, mut rest) = path.split_at(end);
    let found = if name.is_empty() {
        *next += 1;
        args.get(*next - 1)
    } else if let Ok(index) = name.parse::<usize>() {
        args.get(index)
    } else {
        named_args.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    };
    let mut value =
        found.cloned().ok_or_else(|| fault(format!("a pattern asks for `{name}`, which it does not get")))?;
    while !rest.is_empty() {
        let (key, after) = match rest.strip_prefix('[') {
            Some(inner) => inner.split_once(']').ok_or_else(|| fault("a pattern lacks its `]`"))?,
            None => {
                let inner = rest.strip_prefix('.').unwrap_or(rest);
                inner.split_at(inner.find(['.', '[']).unwrap_or(inner.len()))
            }
        };
        let key = key.parse::<usize>().map_or_else(|_| Value::from(key), Value::from);
        value = value.get_item(&key)?;
        rest = after;
    }
    Ok(value)
}

fn braces_value(text: &str, conversion: &str, value: &Value) -> Result<String, Error> {
    if text.contains('{') {
        return Err(fault("patterns in patterns are not supported"));
    }
    let converted = match conversion {
        "r" => Value::from(print::repr(value)?),
        "s" => Value::from(print::text(value)?),
        _ => value.clone(),
    };
    let spec = braces_spec(text)?;
    match (number::of(&converted), spec.kind) {
        (Some(number), 's') if text.is_empty() => {
            let _ = number;
            print::text(&converted).map(std::borrow::Cow::into_owned)
        }
        (Some(Num::Int(code)), 'c') => Ok(padded(&spec, "", &letter(code)?, '<')),
        (Some(number), kind) => {
            let usual = match number {
                Num::Int(_) => 'd',
                Num::Float(_) => 'r',
            };
            let spec = Spec { kind: if kind == 's' { usual } else { kind }, ..spec };
            match (spec.kind, number) {
                ('r', _) if spec.precision.is_none() => {
                    let text = print::text(&converted)?;
                    let (sign, digits) = text.strip_prefix('-').map_or(("", &*text), |rest| ("-", rest));
                    Ok(padded(&spec, sign, &grouped(digits, spec.comma), '>'))
                }
                ('r', _) => numeric(&Spec { kind: 'g', ..spec }, number),
                _ => numeric(&spec, number),
            }
        }
        (None, 's') => Ok(padded(&spec, "", &cut(&print::text(&converted)?, spec.precision), '<')),
        (None, kind) => Err(no_number(kind, &converted)),
    }
}

fn braces_spec(text: &str) -> Result<Spec, Error> {
    let mut letters = text.chars();
    let (first, second) = (letters.next(), letters.next());
    let aligns = |letter: Option<char>| letter.filter(|letter| "<>^=".contains(*letter));
    let (fill, align, skip) = match (aligns(first), aligns(second)) {
        (_, Some(align)) => (first.unwrap_or(' '), Some(align), 2),
        (Some(align), None) => (' ', Some(align), 1),
        _ => (' ', None, 0),
    };
    let rest: String = text.chars().skip(skip).collect();
    let mut pattern = Pattern { letters: rest.chars().peekable() };
    let sign = pattern.eat("+- ");
    let alternate = pattern.eat("#").is_some();
    let zeros = pattern.eat("0").is_some() && align.is_none();
    let width = pattern.number(WIDEST)?.unwrap_or(0);
    let comma = pattern.eat(",_");
    let precision = match pattern.eat(".") {
        Some(_) => Some(pattern.number(WIDEST)?.ok_or_else(|| fault("a pattern lacks its precision"))?),
        None => None,
    };
    let kind = pattern.letters.next().unwrap_or('s');
    if pattern.letters.next().is_some() || !"sdbcoxXeEfFgG%".contains(kind) {
        return Err(fault(format!("`{text}` is no format")));
    }
    Ok(Spec {
        fill: if zeros { '0' } else { fill },
        align: if zeros { Some('=') } else { align },
        sign,
        alternate,
        width,
        comma,
        precision,
        kind,
    })
}
