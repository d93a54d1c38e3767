//! What may be written to a terminal. Bodies and headers come from strangers, and a control
//! character among them could move the cursor or rewrite what stands there.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write};

use crate::model::Json;

/// The text on one line, control characters escaped.
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, |c| c.is_control())
}

/// The text as it stands, control characters but line ends and tabs escaped.
pub fn block(text: &str) -> Cow<'_, str> {
    escape(text, |c| c.is_control() && c != '\n' && c != '\t')
}

fn escape(text: &str, harmful: impl Fn(char) -> bool) -> Cow<'_, str> {
    let harmful = |c: char| harmful(c) || is_bidi(c);
    if !text.chars().any(harmful) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if harmful(c) {
            let _ = write!(escaped, "{}", c.escape_unicode());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Characters that turn the direction of what follows.
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A scalar without quotes, anything else as compact JSON.
pub fn value(json: &Json) -> String {
    match json {
        Json::Null => "-".into(),
        Json::String(text) => line(text).into_owned(),
        other => line(&other.to_string()).into_owned(),
    }
}

/// A field of a document; `-` if it is absent or null.
pub fn field(document: &Json, name: &str) -> String {
    document.get(name).map_or_else(|| "-".into(), value)
}

/// A body for people: JSON indented, other text as it stands, anything else by its length.
pub fn body(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "(empty)".into();
    }
    match serde_json::from_slice::<Json>(bytes).and_then(|json| serde_json::to_string_pretty(&json)) {
        Ok(pretty) => block(&pretty).into_owned(),
        Err(_) => match std::str::from_utf8(bytes) {
            Ok(text) => block(text).into_owned(),
            Err(_) => format!("({} bytes that are no text)", bytes.len()),
        },
    }
}

/// Writes each line of a text behind an indent.
pub fn indented(out: &mut dyn Write, indent: &str, text: &str) -> std::io::Result<()> {
    text.lines().try_for_each(|line| writeln!(out, "{indent}{line}"))
}

/// Whether stdout is a terminal that wants emphasis.
pub fn emphasis() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::model::json;

    use super::*;

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert_eq!(line("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
        assert_eq!(block("a\n\tb\u{7}"), "a\n\tb\\u{7}");
        assert_eq!(line("Zürich 東京"), "Zürich 東京");
        assert_eq!(line("x\u{202e}y"), "x\\u{202e}y");
    }

    #[test]
    fn bodies_are_shown_as_what_they_are() {
        assert_eq!(body(br#"{"a":1.50}"#), "{\n  \"a\": 1.50\n}");
        assert_eq!(body(b"plain"), "plain");
        assert_eq!(body(&[0xff, 0xfe]), "(2 bytes that are no text)");
        assert_eq!(body(b""), "(empty)");
    }

    #[test]
    fn absent_and_null_fields_read_the_same() {
        let document = json!({"a": null, "b": "x", "c": 3});
        assert_eq!(["a", "b", "c", "d"].map(|name| field(&document, name)), ["-", "x", "3", "-"]);
    }
}
