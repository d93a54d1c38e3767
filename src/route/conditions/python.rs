//! Equality and order of values as Python has them, which is what NetBox compares with.
//!
//! `true` is 1, `1` is `1.0`, integers are exact however long, other numbers are doubles; a
//! text is never a number; objects are equal whatever the order of their keys.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::walk::Found;
use crate::model::Json;

/// `==`.
pub(super) fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        (Json::Null, Json::Null) => true,
        (Json::String(a), Json::String(b)) => a == b,
        _ => order(a, b) == Some(Ordering::Equal),
    }
}

/// `==` of what a path leads to and a value.
pub(super) fn found_equal(found: &Found<'_>, value: &Json) -> bool {
    match (found, value) {
        (Found::One(found), value) => equal(found, value),
        (Found::Each(found), Json::Array(values)) => {
            found.len() == values.len() && found.iter().zip(values).all(|(a, b)| equal(a, b))
        }
        (Found::Each(_), _) => false,
    }
}

/// `==` of what two paths lead to.
pub(super) fn both_equal(a: &Found<'_>, b: &Found<'_>) -> bool {
    match (a, b) {
        (Found::One(value), found) | (found, Found::One(value)) => found_equal(found, value),
        (Found::Each(a), Found::Each(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
    }
}

/// The order of two numbers (booleans are numbers); `None` where Python has no order, or where
/// NetBox never asks for it.
pub(super) fn order(a: &Json, b: &Json) -> Option<Ordering> {
    match (Number::of(a)?, Number::of(b)?) {
        (Number::Int(a), Number::Int(b)) => Some(a.cmp(&b)),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b),
        (Number::Int(a), Number::Float(b)) => int_to_float(&a, b),
        (Number::Float(a), Number::Int(b)) => int_to_float(&b, a).map(Ordering::reverse),
    }
}

enum Number<'n> {
    Int(Int<'n>),
    Float(f64),
}

/// An integer of any length: its digits, without leading zeros; none for zero.
#[derive(PartialEq, Eq)]
struct Int<'n> {
    is_negative: bool,
    digits: Cow<'n, str>,
}

impl<'n> Number<'n> {
    fn of(value: &'n Json) -> Option<Self> {
        match value {
            Json::Bool(flag) => Some(Self::Int(Int::new(if *flag { "1" } else { "" }))),
            // As Python's json reads them: a fraction or an exponent makes a double.
            Json::Number(number) => {
                let lexeme = number.as_str();
                if lexeme.contains(['.', 'e', 'E']) {
                    lexeme.parse().ok().map(Self::Float)
                } else {
                    Some(Self::Int(Int::new(lexeme)))
                }
            }
            _ => None,
        }
    }
}

impl<'n> Int<'n> {
    fn new(lexeme: impl Into<Cow<'n, str>>) -> Self {
        let lexeme = lexeme.into();
        let digits = match lexeme {
            Cow::Borrowed(text) => Cow::Borrowed(significant(text)),
            Cow::Owned(ref text) => Cow::Owned(significant(text).to_owned()),
        };
        Self { is_negative: lexeme.starts_with('-') && !digits.is_empty(), digits }
    }
}

fn significant(lexeme: &str) -> &str {
    lexeme.trim_start_matches('-').trim_start_matches('0')
}

impl Ord for Int<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = || (self.digits.len(), &self.digits).cmp(&(other.digits.len(), &other.digits));
        match (self.is_negative, other.is_negative) {
            (false, false) => size(),
            (true, true) => size().reverse(),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl PartialOrd for Int<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Exact: 2^53 + 1 is not the double 2^53.
fn int_to_float(int: &Int<'_>, float: f64) -> Option<Ordering> {
    if float.is_infinite() {
        return 0.0.partial_cmp(&float);
    }
    // Formatting a double without a fraction gives all its digits, at most 309.
    let whole = Int::new(format!("{:.0}", float.trunc()));
    Some(int.cmp(&whole).then(0.0.partial_cmp(&float.fract())?))
}
