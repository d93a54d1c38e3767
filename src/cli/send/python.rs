//! Text as Python's `json.dumps` writes it: a space after commas and colons, ASCII only.

use std::io::{self, Write};

use serde::Serialize as _;
use serde_json::ser::{Formatter, Serializer};

use crate::model::Json;

/// `json.dumps(document)`.
pub fn dumps(document: &Json) -> Vec<u8> {
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = document.serialize(&mut Serializer::with_formatter(&mut text, Spaced));
    text
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for c in fragment.chars() {
            match c {
                ' '..='~' => writer.write_all(&[c as u8])?,
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::model::json;

    use super::*;

    #[test]
    fn the_text_is_that_of_python() {
        let document = json!({"a": [1, 12.0, null], "b": {"c": "Zürich 😀 \"x\"\n\u{7f}"}, "d": [], "e": {}});
        assert_eq!(
            String::from_utf8(dumps(&document)).unwrap(),
            r#"{"a": [1, 12.0, null], "b": {"c": "Z\u00fcrich \ud83d\ude00 \"x\"\n\u007f"}, "d": [], "e": {}}"#
        );
    }
}
