//! The headers that webhooks send along: `Name: value` lines, of which some may be templates.

use http::{HeaderName, HeaderValue};

use super::code;
use super::draft::{Destination, Vault};
use super::mask;
use super::write::Text;
use crate::header::is_reserved;

/// Puts `Name: value` lines into the destination: those that are the same for every event as
/// `headers`, the others as a template. Lines that cannot be sent are dropped and told in `dropped`.
pub(super) fn set(lines: &str, to: &mut Destination, vault: &mut Vault<'_>, dropped: &mut Vec<String>) {
    let lines = lines.replace("\r\n", "\n").replace('\r', "\n");
    // Code that spans lines, or decides whether a line is there, cannot be taken apart.
    let whole = code::pieces(&lines).iter().any(|piece| match piece.kind {
        code::Kind::Text => false,
        code::Kind::Expression => lines.get(piece.range.clone()).is_some_and(|code| code.contains('\n')),
        code::Kind::Statement | code::Kind::Comment => true,
    });
    let mut template: Vec<String> = Vec::new();
    for line in lines.split('\n').map(str::trim) {
        let parts = code::split(line, |c| c == ':');
        let name = parts.first().map_or("", |(_, name)| name.trim());
        match line.split_once(':').filter(|_| parts.len() > 1 && !code::is_template(name)) {
            _ if line.is_empty() => {}
            None if code::is_template(line) || whole => {
                template.push(mask::template(line, "additional headers", vault))
            }
            None => dropped.push("a line without a colon".to_owned()),
            Some((_, value)) if whole || code::is_template(value) => {
                if is_sendable(name, "", dropped) {
                    template.push(format!("{name}: {}", mask::header(name, value.trim(), vault)));
                }
            }
            Some((_, value)) => fixed(name, value.trim(), to, vault, dropped),
        }
    }
    if !template.is_empty() {
        to.headers_template = Some(Text::literal(&format!("{}\n", template.join("\n"))));
    }
}

/// Puts a header that is the same for every event into the destination.
pub(super) fn fixed(
    name: &str,
    value: &str,
    to: &mut Destination,
    vault: &mut Vault<'_>,
    dropped: &mut Vec<String>,
) {
    if !is_sendable(name, value, dropped) {
        return;
    }
    if name.eq_ignore_ascii_case("content-type") && value.contains('/') {
        to.content_type = Some(value.to_owned());
        return;
    }
    let text = mask::fixed_header(name, value, vault);
    put(name, text, to);
}

/// Puts a header into the destination; the last one of a name counts.
pub(super) fn put(name: &str, text: Text, to: &mut Destination) {
    to.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    to.headers.push((name.to_owned(), text));
}

/// Whether the config takes a header; if not, why not is told.
pub(super) fn is_sendable(name: &str, value: &str, dropped: &mut Vec<String>) -> bool {
    let why = if HeaderName::from_bytes(name.as_bytes()).is_err() {
        "a line that does not begin with the name of a header".to_owned()
    } else if is_reserved(name) {
        format!("{name:?}, which the gateway sets itself")
    } else if HeaderValue::from_str(value).is_err() {
        format!("{name:?}, whose value is no line of ASCII text")
    } else {
        return true;
    };
    dropped.push(why);
    false
}
