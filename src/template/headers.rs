//! Rendered `Name: value` lines as headers.

use http::HeaderName;

use crate::header::is_reserved;

pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    text.lines().filter(|line| !line.trim().is_empty()).map(line).collect()
}

fn line(line: &str) -> Result<(String, String), String> {
    let (name, value) = line.split_once(':').ok_or("gave a line without a colon")?;
    let (name, value) = (name.trim(), value.trim());
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err("gave a line that does not begin with the name of a header".to_owned());
    }
    if is_reserved(name) {
        return Err(format!("gave the header `{name}`, which the gateway sets itself"));
    }
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(format!("gave the header `{name}` a control character"));
    }
    Ok((name.to_owned(), value.to_owned()))
}
