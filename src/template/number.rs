//! Numbers as Python counts and prints them; a number of an event prints as it was received.

use std::fmt;
use std::sync::Arc;

use crate::model::Number;
use minijinja::value::{Object, ObjectRepr, ValueKind};
use minijinja::{Error, Value};

use super::meter::fault;

/// A number that prints otherwise than the engine's numbers do: `1.50`, or 50 digits.
#[derive(Debug)]
pub(super) struct Lexeme(pub Number);

impl Object for Lexeme {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        self.0.as_f64() != Some(0.0)
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// What counts as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Num {
    Int(i128),
    Float(f64),
}

/// A number of a document.
pub(super) fn value(lexeme: &Number) -> Value {
    let text = lexeme.as_str();
    if let Ok(whole) = text.parse::<i128>()
        && whole.to_string() == text
    {
        return int(whole);
    }
    match lexeme.as_f64() {
        Some(float) if written(float) == text => Value::from(float),
        _ => Value::from_object(Lexeme(lexeme.clone())),
    }
}

/// An integer in the engine's smallest form.
pub(super) fn int(whole: i128) -> Value {
    i64::try_from(whole).map_or_else(|_| Value::from(whole), Value::from)
}

/// The number that a value is; booleans count as in Python.
pub(super) fn of(value: &Value) -> Option<Num> {
    match value.kind() {
        ValueKind::Bool => Some(Num::Int(i128::from(value.is_true()))),
        ValueKind::Number if value.is_integer() => match i128::try_from(value.clone()) {
            Ok(whole) => Some(Num::Int(whole)),
            Err(_) => f64::try_from(value.clone()).ok().map(Num::Float),
        },
        ValueKind::Number => f64::try_from(value.clone()).ok().map(Num::Float),
        ValueKind::Plain => value.downcast_object_ref::<Lexeme>()?.0.as_f64().map(Num::Float),
        _ => None,
    }
}

/// A number with a lexeme of its own as the engine's nearest number; anything else as it is.
pub(super) fn plain(value: &Value) -> Value {
    match value.downcast_object_ref::<Lexeme>() {
        Some(lexeme) => lexeme.0.as_f64().map_or_else(|| value.clone(), Value::from),
        None => value.clone(),
    }
}

impl Num {
    pub(super) fn float(self) -> f64 {
        match self {
            // Python rounds here too.
            Self::Int(whole) => whole as f64,
            Self::Float(float) => float,
        }
    }

    pub(super) fn value(self) -> Value {
        match self {
            Self::Int(whole) => int(whole),
            Self::Float(float) => Value::from(float),
        }
    }
}

/// A float without its fraction.
pub(super) fn truncated(float: f64) -> Result<i128, Error> {
    let whole = float.trunc();
    if !whole.is_finite() || whole.abs() >= 1e38 {
        return Err(fault("the number is too large for an integer"));
    }
    Ok(whole as i128)
}

/// A float as Python prints it: the shortest text that reads as the same number.
pub(super) fn written(float: f64) -> String {
    if float.is_nan() {
        return "nan".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{float:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..16).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => {
            let text = float.to_string();
            if text.contains('.') { text } else { format!("{text}.0") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::print;

    fn read(lexeme: &str) -> Value {
        let document = crate::json::parse(lexeme.as_bytes(), crate::json::NonFinite::Refuse).unwrap();
        match document.value {
            crate::model::Json::Number(number) => value(&number),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn floats_print_as_python_prints_them() {
        for (float, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e16, "1e+16"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e15, "1000000000000000.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e300, "1e+300"),
        ] {
            assert_eq!(written(float), text);
        }
    }

    #[test]
    fn numbers_of_a_document_print_as_received_and_count_as_numbers() {
        for lexeme in
            ["1", "-5", "1.0", "1.50", "1E5", "1e400", "-0", "12345678901234567890", "0.1000", "5e-1"]
        {
            assert_eq!(print::text(&read(lexeme)).unwrap(), lexeme);
        }
        let digits = "9".repeat(60);
        assert_eq!(print::text(&read(&digits)).unwrap(), digits);
        assert_eq!(of(&read("1.50")), Some(Num::Float(1.5)));
    }
}
