//! What the script answers, as values of ours.

use std::collections::HashMap;
use std::str::FromStr;

use redis::Value;

use crate::model::Timestamp;
use crate::store::StoreError;

/// Something in the database is not what we wrote.
pub(super) fn damaged(what: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("its data is damaged: {what} cannot be read"))
}

/// The items of an array.
pub(super) fn items(value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err(damaged("a list")),
    }
}

/// An array of just so many.
pub(super) fn array<const N: usize>(value: Value) -> Result<[Value; N], StoreError> {
    items(value)?.try_into().map_err(|_| damaged(format_args!("a list of {N}")))
}

pub(super) fn bytes(value: Value) -> Result<Vec<u8>, StoreError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) => Ok(text.into_bytes()),
        Value::Int(number) => Ok(number.to_string().into_bytes()),
        _ => Err(damaged("a value")),
    }
}

pub(super) fn text(value: Value) -> Result<String, StoreError> {
    String::from_utf8(bytes(value)?).map_err(|_| damaged("a text"))
}

/// Something written as text: a number, an id.
pub(super) fn parse<T: FromStr>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| damaged(format_args!("{text:?}")))
}

pub(super) fn read<T: FromStr>(value: Value) -> Result<T, StoreError> {
    parse(&text(value)?)
}

/// Something that may be missing, which is written as an empty text.
pub(super) fn maybe<T: FromStr>(value: Value) -> Result<Option<T>, StoreError> {
    let text = text(value)?;
    if text.is_empty() { Ok(None) } else { parse(&text).map(Some) }
}

/// Microseconds since 1970, as an instant.
pub(super) fn instant(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|_| damaged(format_args!("the instant {micros}")))
}

/// A hash, by field.
#[derive(Debug)]
pub(super) struct Row(HashMap<String, String>);

impl Row {
    /// From what HGETALL answers.
    pub(super) fn new(flat: Value) -> Result<Self, StoreError> {
        let mut flat = match flat {
            Value::Map(pairs) => pairs.into_iter().flat_map(|(field, value)| [field, value]).collect(),
            flat => items(flat)?,
        }
        .into_iter();
        let mut row = HashMap::with_capacity(flat.len() / 2);
        while let (Some(field), Some(value)) = (flat.next(), flat.next()) {
            row.insert(text(field)?, text(value)?);
        }
        Ok(Self(row))
    }

    /// From values of these fields; nothing where there is none.
    pub(super) fn of(fields: &[&str], values: Vec<Value>) -> Result<Self, StoreError> {
        let there = fields.iter().zip(values).filter(|(_, value)| *value != Value::Nil);
        there
            .map(|(field, value)| Ok(((*field).to_owned(), text(value)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) fn into_pairs(self) -> impl Iterator<Item = (String, String)> {
        self.0.into_iter()
    }

    pub(super) fn set(&mut self, field: &str, text: String) {
        self.0.insert(field.to_owned(), text);
    }

    pub(super) fn maybe_text(&self, field: &str) -> Option<String> {
        self.0.get(field).cloned()
    }

    pub(super) fn text(&self, field: &str) -> Result<String, StoreError> {
        self.maybe_text(field).ok_or_else(|| damaged(format_args!("the field {field}")))
    }

    pub(super) fn get<T: FromStr>(&self, field: &str) -> Result<T, StoreError> {
        parse(&self.text(field)?)
    }

    pub(super) fn maybe<T: FromStr>(&self, field: &str) -> Result<Option<T>, StoreError> {
        self.0.get(field).map(|text| parse(text)).transpose()
    }

    /// How many; none where nothing is written.
    pub(super) fn count<T: FromStr + Default>(&self, field: &str) -> Result<T, StoreError> {
        self.maybe(field).map(Option::unwrap_or_default)
    }

    pub(super) fn at(&self, field: &str) -> Result<Timestamp, StoreError> {
        instant(self.get(field)?)
    }

    pub(super) fn maybe_at(&self, field: &str) -> Result<Option<Timestamp>, StoreError> {
        self.maybe(field)?.map(instant).transpose()
    }
}
