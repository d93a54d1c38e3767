//! Rendered `Name: value` lines as headers.
//!
//! Lines are the template's own: what comes out of an expression is cleansed before it is
//! written, so it can begin no line and no header.

use std::borrow::Cow;

use http::HeaderName;

use super::filters::lines;
use crate::header::is_reserved;

/// How many headers one delivery may get from its template.
const MOST: usize = 50;
/// Bytes of one header, name and value.
const LONGEST: usize = 4096;

/// A text that can stand in a header: control characters, and whatever else could end a line,
/// become spaces.
pub(super) fn cleansed(text: &str) -> Cow<'_, str> {
    if text.contains(is_control) { Cow::Owned(text.replace(is_control, " ")) } else { Cow::Borrowed(text) }
}

fn is_control(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// The headers of a rendered text. Of two with one name, the later one holds, as in NetBox.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines(text, false) {
        if line.trim().is_empty() {
            continue;
        }
        let (name, value) = header(line)?;
        headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        headers.push((name, value));
        if headers.len() > MOST {
            return Err(format!("gives more than {MOST} headers"));
        }
    }
    Ok(headers)
}

fn header(line: &str) -> Result<(String, String), String> {
    let (name, value) = line.split_once(':').ok_or("gives a line without a colon")?;
    let (name, value) = (name.trim(), value.trim());
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err("gives a line that does not begin with the name of a header".to_owned());
    }
    if is_reserved(name) {
        return Err(format!("gives the header `{name}`, which the gateway sets itself"));
    }
    if line.len() > LONGEST {
        return Err(format!("gives the header `{name}` more than {LONGEST} bytes"));
    }
    // The template's own control characters.
    Ok((name.to_owned(), cleansed(value).into_owned()))
}

/// The reserved headers that stand in a template as they are: offset and name.
pub(super) fn reserved(template: &str) -> Vec<(usize, String)> {
    let mut offset = 0;
    let mut found = Vec::new();
    for line in template.split_inclusive('\n') {
        if let Some((name, _)) = line.split_once(':') {
            // Behind a tag, such as `{% if … %}Host: …`.
            let name = name.rsplit_once("%}").map_or(name, |(_, name)| name);
            if is_reserved(name.trim()) {
                let at = line.find(name.trim()).unwrap_or(0);
                found.push((offset + at, name.trim().to_owned()));
            }
        }
        offset += line.len();
    }
    found
}
