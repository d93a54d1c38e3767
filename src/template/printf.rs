//! Python's two ways to put values into a pattern: `"%05.1f" % …` and `"{:>8}".format(…)`.

use minijinja::{Error, Value};

use super::held::named;
use super::meter::{charge, fault};
use super::number::{self, Num, truncated};
use super::{ops, print};

/// More than a column of a text can mean.
const WIDEST: usize = 64 * 1024;
/// Digits behind the point.
const FINEST: usize = 400;

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

/// A number by its kind, sign and precision, padded.
fn numeric(spec: &Spec, number: Num) -> Result<String, Error> {
    if spec.precision.is_some_and(|precision| precision > FINEST) {
        return Err(fault(format!("a pattern asks for more than {FINEST} digits behind the point")));
    }
    let (negative, digits) = match (spec.kind, number) {
        ('d' | 'x' | 'X' | 'o' | 'b', Num::Int(whole)) => (whole < 0, radix(spec, whole)),
        ('d' | 'x' | 'X' | 'o' | 'b', Num::Float(_)) => {
            return Err(fault(format!("`{}` needs a whole number", spec.kind)));
        }
        (_, number) => {
            let float = number.float();
            (float.is_sign_negative(), fraction(spec, float.abs()))
        }
    };
    let sign = match (negative, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    };
    let digits = if spec.comma.is_some() { grouped(&digits, spec.comma) } else { digits };
    Ok(padded(spec, sign, &digits, '>'))
}

fn radix(spec: &Spec, whole: i128) -> String {
    let size = whole.unsigned_abs();
    let (prefix, digits) = match spec.kind {
        'x' => ("0x", format!("{size:x}")),
        'X' => ("0X", format!("{size:X}")),
        'o' => ("0o", format!("{size:o}")),
        'b' => ("0b", format!("{size:b}")),
        _ => ("", size.to_string()),
    };
    if spec.alternate { format!("{prefix}{digits}") } else { digits }
}

fn fraction(spec: &Spec, float: f64) -> String {
    let precision = spec.precision.unwrap_or(6);
    let text = if !float.is_finite() {
        number::written(float)
    } else {
        match spec.kind.to_ascii_lowercase() {
            'f' => format!("{float:.precision$}"),
            '%' => format!("{:.precision$}%", float * 100.0),
            'e' => exponential(float, precision),
            _ => general(float, precision.max(1)),
        }
    };
    if spec.kind.is_ascii_uppercase() { text.to_uppercase() } else { text }
}

fn exponential(float: f64, precision: usize) -> String {
    let text = format!("{float:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// `%g`: so many digits that count, no zeros at the end.
fn general(float: f64, digits: usize) -> String {
    let scientific = exponential(float, digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    match exponent.parse::<i32>() {
        Ok(power) if power >= -4 && i64::from(power) < digits as i64 => {
            let behind = usize::try_from(digits as i64 - 1 - i64::from(power)).unwrap_or(0);
            trimmed(&format!("{float:.behind$}"))
        }
        _ => format!("{}e{exponent}", trimmed(mantissa)),
    }
}

fn grouped(digits: &str, comma: Option<char>) -> String {
    let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
    let (whole, rest) = digits.split_at(end);
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.extend(comma);
        }
        out.push(digit);
    }
    out + rest
}

fn cut(text: &str, precision: Option<usize>) -> String {
    text.chars().take(precision.unwrap_or(usize::MAX)).collect()
}

/// Widths are at most [`WIDEST`], so what this makes is bounded.
fn padded(spec: &Spec, sign: &str, text: &str, usual: char) -> String {
    let room = spec.width.saturating_sub(sign.chars().count() + text.chars().count());
    let fill = |count: usize| spec.fill.to_string().repeat(count);
    match spec.align.unwrap_or(usual) {
        '<' => format!("{sign}{text}{}", fill(room)),
        '^' => format!("{}{sign}{text}{}", fill(room / 2), fill(room - room / 2)),
        '=' => format!("{sign}{}{text}", fill(room)),
        _ => format!("{}{sign}{text}", fill(room)),
    }
}

/// `pattern.format(…)`.
pub(super) fn braces(pattern: &str, args: &[Value], named_args: &[(String, Value)]) -> Result<String, Error> {
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
