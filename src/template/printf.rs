//! Python's two ways to put values into a pattern: `"%05.1f" % …` and `"{:>8}".format(…)`.

mod braces;
mod digits;

use minijinja::{Error, Value};

use super::held::named;
use super::meter::{charge, fault};
use super::number::{self, Num, truncated};
use super::{ops, print};

pub(super) use braces::braces;
use digits::{cut, numeric, padded};

/// More than a column of a text can mean.
const WIDEST: usize = 64 * 1024;

/// How one value is to stand.
#[derive(Debug, Clone)]
struct Spec {
    fill: char,
    /// `<`, `>`, `^`, `=`; `None`: as is usual for the kind.
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    width: usize,
    comma: Option<char>,
    precision: Option<usize>,
    kind: char,
}

/// A pattern read letter by letter.
struct Pattern<'p> {
    letters: std::iter::Peekable<std::str::Chars<'p>>,
}

impl Pattern<'_> {
    fn eat(&mut self, wanted: &str) -> Option<char> {
        self.letters.next_if(|letter| wanted.contains(*letter))
    }

    fn number(&mut self, most: usize) -> Result<Option<usize>, Error> {
        let mut number: Option<usize> = None;
        while let Some(digit) = self.letters.peek().and_then(|letter| letter.to_digit(10)) {
            self.letters.next();
            let grown = number.unwrap_or(0).saturating_mul(10).saturating_add(digit as usize);
            if grown > most {
                return Err(fault(format!("a pattern asks for a width or precision beyond {most}")));
            }
            number = Some(grown);
        }
        Ok(number)
    }

    fn until(&mut self, end: char) -> Result<String, Error> {
        let mut text = String::new();
        for letter in self.letters.by_ref() {
            if letter == end {
                return Ok(text);
            }
            text.push(letter);
        }
        Err(fault(format!("a pattern lacks its `{end}`")))
    }
}

/// `pattern % args`; a single mapping gives its values by `%(name)s`.
pub(super) fn percent(pattern: &str, args: &[Value]) -> Result<String, Error> {
    let mut pattern = Pattern { letters: pattern.chars().peekable() };
    let (mut out, mut next, mut named_args) = (String::new(), args.iter(), false);
    while let Some(letter) = pattern.letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let named_arg = match pattern.eat("(") {
            Some(_) => Some(args.first().cloned().unwrap_or_default().get_item(&pattern.until(')')?.into())?),
            None => None,
        };
        named_args |= named_arg.is_some();
        let spec = percent_spec(&mut pattern, &mut next)?;
        if spec.kind == '%' {
            out.push('%');
            continue;
        }
        let value = match named_arg {
            Some(value) => value,
            None => {
                next.next().cloned().ok_or_else(|| fault("a pattern asks for more values than it gets"))?
            }
        };
        let text = percent_value(&spec, &value)?;
        charge(text.len())?;
        out.push_str(&text);
    }
    let left = next.next().is_some_and(|value| value.kind() != minijinja::value::ValueKind::Map);
    if left && !named_args {
        return Err(fault("a pattern gets more values than it asks for"));
    }
    charge(out.len())?;
    Ok(out)
}

fn percent_spec<'v>(
    pattern: &mut Pattern<'_>,
    next: &mut impl Iterator<Item = &'v Value>,
) -> Result<Spec, Error> {
    let mut spec = Spec {
        fill: ' ',
        align: None,
        sign: None,
        alternate: false,
        width: 0,
        comma: None,
        precision: None,
        kind: 's',
    };
    while let Some(flag) = pattern.eat("#0- +") {
        match flag {
            '#' => spec.alternate = true,
            '-' => spec.align = Some('<'),
            '0' if spec.align.is_none() => spec.align = Some('='),
            '+' => spec.sign = Some('+'),
            ' ' if spec.sign.is_none() => spec.sign = Some(' '),
            _ => {}
        }
    }
    spec.fill = if spec.align == Some('=') { '0' } else { ' ' };
    spec.width = match pattern.eat("*") {
        Some(_) => starred(next.next(), WIDEST)?,
        None => pattern.number(WIDEST)?.unwrap_or(0),
    };
    if pattern.eat(".").is_some() {
        let precision = match pattern.eat("*") {
            Some(_) => starred(next.next(), WIDEST)?,
            None => pattern.number(WIDEST)?.unwrap_or(0),
        };
        spec.precision = Some(precision);
    }
    while pattern.eat("hlL").is_some() {}
    spec.kind = pattern.letters.next().ok_or_else(|| fault("a pattern ends with `%`"))?;
    Ok(spec)
}

fn starred(value: Option<&Value>, most: usize) -> Result<usize, Error> {
    let width = value.and_then(Value::as_usize).filter(|width| *width <= most);
    width.ok_or_else(|| fault(format!("the width for a `*` must be a number up to {most}")))
}

fn percent_value(spec: &Spec, value: &Value) -> Result<String, Error> {
    let mut spec = spec.clone();
    match spec.kind {
        's' | 'r' | 'a' => {
            let text = if spec.kind == 's' { print::text(value)?.into_owned() } else { print::repr(value)? };
            if spec.align == Some('=') {
                (spec.align, spec.fill) = (None, ' ');
            }
            Ok(padded(&spec, "", &cut(&text, spec.precision), '>'))
        }
        'c' => {
            let text = match (value.as_str(), number::of(value)) {
                (Some(text), _) if text.chars().count() == 1 => text.to_owned(),
                (None, Some(Num::Int(code))) => letter(code)?,
                _ => return Err(fault("`%c` needs one letter")),
            };
            Ok(padded(&spec, "", &text, '>'))
        }
        'd' | 'i' | 'u' => {
            let whole = match number::of(value) {
                Some(Num::Int(whole)) => whole,
                Some(Num::Float(float)) => truncated(float)?,
                None => return Err(no_number(spec.kind, value)),
            };
            spec.kind = 'd';
            numeric(&spec, Num::Int(whole))
        }
        'o' | 'x' | 'X' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let number = number::of(value).ok_or_else(|| no_number(spec.kind, value))?;
            numeric(&spec, number)
        }
        other => Err(fault(format!("a pattern has no `%{other}`"))),
    }
}

fn no_number(kind: char, value: &Value) -> Error {
    match ops::defined(value) {
        Err(error) => error,
        Ok(()) => fault(format!("`%{kind}` needs a number, not {}", named(value))),
    }
}

fn letter(code: i128) -> Result<String, Error> {
    let letter = u32::try_from(code).ok().and_then(char::from_u32);
    letter.map(String::from).ok_or_else(|| fault("the number is no letter's"))
}
