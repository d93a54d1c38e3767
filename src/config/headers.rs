//! `headers:` of a destination: what goes out with every delivery besides the signature.

use http::{HeaderName, HeaderValue};

use super::context::Context;
use crate::header::is_reserved;
use crate::secret::Secret;
use crate::yaml::{At, Key, Node, Reader};

/// Reads the mapping of names to values.
pub(super) fn read(reader: &mut Reader<'_>, cx: &mut Context<'_>) -> Vec<(HeaderName, Secret)> {
    let Some(section) = reader.section("headers", cx.problems) else { return Vec::new() };
    let mut headers: Vec<(HeaderName, Secret)> = Vec::new();
    for (key, node) in section.entries() {
        let Some(name) = header_name(&section.path_of(&key.name), key.at, &key.name, cx) else { continue };
        if headers.iter().any(|(seen, _)| *seen == name) {
            let message = format!("the header `{name}` stands here twice");
            cx.problem(key.at, message, "names of headers do not tell capital letters from small ones");
            continue;
        }
        if let Some(value) = value(&section, key, node, cx) {
            headers.push((name, value));
        }
    }
    headers
}

fn header_name(path: &str, at: At, name: &str, cx: &mut Context<'_>) -> Option<HeaderName> {
    let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
        cx.problem(at, format!("`{path}` is no name of a header"), "letters, digits and `-` make a name");
        return None;
    };
    if is_reserved(parsed.as_str()) {
        let message = format!("the header `{name}` is set by the gateway itself");
        cx.problem(at, message, "remove it");
        return None;
    }
    Some(parsed)
}

fn value(section: &Reader<'_>, key: &Key, node: &Node, cx: &mut Context<'_>) -> Option<Secret> {
    let path = section.path_of(&key.name);
    let Some(text) = node.scalar() else {
        cx.wrong(&path, node, "a text");
        return None;
    };
    if !cx.expansion.is_broken(node.at) && HeaderValue::from_str(&text).is_err() {
        let message = format!("`{path}` holds what no header can carry");
        cx.problem(node.at, message, "one line of ASCII text; base64 for anything else");
        return None;
    }
    Some(Secret::new(text))
}
