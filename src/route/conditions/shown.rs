//! Values and texts as messages show them: short, however long they are.

use std::fmt::{self, Write as _};
use std::io;

use serde::Serialize;

use super::walk::Found;
use crate::model::Json;

/// More of a value is not shown.
const LONGEST: usize = 80;

/// A value as JSON.
pub(super) fn value(value: &Json) -> String {
    match value {
        // Cut before it is written: a text is looked through as a whole otherwise.
        Json::String(text) => json(&text.chars().take(LONGEST + 1).collect::<String>()),
        value => json(value),
    }
}

/// What a path leads to, as JSON.
pub(super) fn found(found: &Found<'_>) -> String {
    match found {
        Found::One(one) => value(one),
        Found::Each(values) => json(values),
    }
}

/// The beginning of a text, with `…` where something is left out.
pub(super) fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// The beginning of what would be written, without writing the rest.
pub(super) fn display(shown: &impl fmt::Display, longest: usize) -> String {
    let mut out = Beginning { text: String::new(), left: longest + 1 };
    // It fails when there is no more room, which is when enough is there.
    let _ = write!(out, "{shown}");
    cut(&out.text, longest)
}

struct Beginning {
    text: String,
    left: usize,
}

impl fmt::Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let before = self.text.len();
        self.text.extend(text.chars().take(self.left));
        self.left -= self.text[before..].chars().count();
        if self.left == 0 { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Stops writing where nothing more would be shown: a value may be megabytes long.
fn json(value: &impl Serialize) -> String {
    let mut out = Bounded { bytes: Vec::new() };
    // It fails when there is no more room, which is when enough is there.
    let _ = serde_json::to_writer(&mut out, value);
    let text = match str::from_utf8(&out.bytes) {
        Ok(text) => text,
        Err(error) => str::from_utf8(&out.bytes[..error.valid_up_to()]).unwrap_or_default(),
    };
    cut(text, LONGEST)
}

struct Bounded {
    bytes: Vec<u8>,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A character has at most four bytes. One more tells that something follows, and of the
        // last only a part may have found room.
        let room = (LONGEST + 2) * 4 - self.bytes.len();
        let taken = bytes.len().min(room);
        self.bytes.extend_from_slice(&bytes[..taken]);
        if taken == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
