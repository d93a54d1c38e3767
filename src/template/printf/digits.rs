//! Numbers and texts laid out as a pattern asks.

use minijinja::Error;

use super::Spec;
use crate::template::meter::fault;
use crate::template::number::{self, Num};

/// Digits behind the point.
const FINEST: usize = 400;

/// A number by its kind, sign and precision, padded.
pub(super) fn numeric(spec: &Spec, number: Num) -> Result<String, Error> {
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

pub(super) fn grouped(digits: &str, comma: Option<char>) -> String {
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

pub(super) fn cut(text: &str, precision: Option<usize>) -> String {
    text.chars().take(precision.unwrap_or(usize::MAX)).collect()
}

/// Widths are at most [`WIDEST`], so what this makes is bounded.
pub(super) fn padded(spec: &Spec, sign: &str, text: &str, usual: char) -> String {
    let room = spec.width.saturating_sub(sign.chars().count() + text.chars().count());
    let fill = |count: usize| spec.fill.to_string().repeat(count);
    match spec.align.unwrap_or(usual) {
        '<' => format!("{sign}{text}{}", fill(room)),
        '^' => format!("{}{sign}{text}{}", fill(room / 2), fill(room - room / 2)),
        '=' => format!("{sign}{}{text}", fill(room)),
        _ => format!("{}{sign}{text}", fill(room)),
    }
}
