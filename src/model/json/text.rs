//! A document as the text that says it, written straight into bytes.
//!
//! What serde_json would write, at a third of its cost: nothing has to be asked of a serializer for
//! each value, texts without escapes are copied as a whole, and numbers are their characters already.

use super::{Json, Map};

/// The digits of `\u00XX`.
const HEX: &[u8; 16] = b"0123456789abcdef";
/// One in each of eight bytes.
const EACH: u64 = 0x0101_0101_0101_0101;

impl Json {
    /// Appends the document as one line. It nests no deeper than whoever made it allowed, which bounds
    /// the recursion.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(number) => out.extend_from_slice(number.as_str().as_bytes()),
            Self::String(text) => write_text(text, out),
            Self::Array(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write_to(out);
                }
                out.push(b']');
            }
            Self::Object(members) => write_members(members, out),
        }
    }
}

fn write_members(members: &Map, out: &mut Vec<u8>) {
    let mut before = b'{';
    for (key, value) in members {
        out.push(before);
        before = b',';
        write_text(key, out);
        out.push(b':');
        value.write_to(out);
    }
    if members.is_empty() {
        out.push(b'{');
    }
    out.push(b'}');
}

/// Appends a text in quotes.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    match has_escapes(bytes) {
        false => out.extend_from_slice(bytes),
        true => write_escaped(bytes, out),
    }
    out.push(b'"');
}

/// Whether a byte below a blank, a quote or a backslash is among them; looked at eight by eight.
fn has_escapes(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    match bytes.last_chunk() {
        // What is left over is seen with bytes that were seen before.
        Some(last) => words.iter().any(is_escape_among) || is_escape_among(last),
        None => rest.iter().any(|byte| *byte < b' ' || *byte == b'"' || *byte == b'\\'),
    }
}

fn is_escape_among(word: &[u8; 8]) -> bool {
    let word = u64::from_le_bytes(*word);
    // A byte's highest bit is set where the subtraction went below zero, and was not set before.
    let below = |word: u64, least: u64| word.wrapping_sub(EACH * least) & !word;
    let found = below(word, 0x20) | below(word ^ (EACH * 0x22), 1) | below(word ^ (EACH * 0x5c), 1);
    found & (EACH * 0x80) != 0
}

fn write_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        let short = match byte {
            b'"' | b'\\' => *byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            0x00..=0x1f => {
                let digits = [byte >> 4, byte & 0xf].map(|digit| HEX[usize::from(digit)]);
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&digits);
                continue;
            }
            _ => {
                out.push(*byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
}
