//! Marks that stand for secrets in what is stored, filled in only when it is sent.
//!
//! A mark names its delivery, whose id nobody can guess before it is made: text from outside
//! cannot pass for one. Its letters survive JSON, URLs and HTML unchanged.

use std::borrow::Cow;

use super::REDACTED;
use crate::model::DeliveryId;

const EDGE: &str = "~~";

/// The mark of a secret in one delivery. Names are letters, digits and `_`.
pub fn mark(name: &str, delivery: DeliveryId) -> String {
    format!("{EDGE}{name}~{delivery}{EDGE}")
}

/// Whether a text has marks of a delivery.
pub fn is_marked(text: &str, delivery: DeliveryId) -> bool {
    text.contains(&format!("~{delivery}{EDGE}"))
}

/// Replaces the marks of one delivery. The error is the name that has no value.
pub fn fill<'t>(
    text: &'t str,
    delivery: DeliveryId,
    value: impl Fn(&str) -> Option<String>,
) -> Result<Cow<'t, str>, String> {
    let end = format!("~{delivery}{EDGE}");
    if !text.contains(&end) {
        return Ok(Cow::Borrowed(text));
    }
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&end) {
        let (head, tail) = rest.split_at(at);
        let after = tail.strip_prefix(end.as_str()).unwrap_or_default();
        match head.rfind(EDGE).and_then(|edge| Some((head.get(..edge)?, head.get(edge + EDGE.len()..)?))) {
            Some((before, name)) if is_name(name) => {
                filled.push_str(before);
                filled.push_str(&value(name).ok_or_else(|| name.to_owned())?);
            }
            _ => {
                filled.push_str(head);
                filled.push_str(&end);
            }
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(Cow::Owned(filled))
}

/// A text as it may be shown: marks read `[redacted]`.
pub fn masked(text: &str, delivery: DeliveryId) -> Cow<'_, str> {
    // Every name has this value, so none is missing.
    fill(text, delivery, |_| Some(REDACTED.to_owned())).unwrap_or(Cow::Borrowed(text))
}

/// Whether a secret may be called so.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn marks_of_a_delivery_are_filled_and_nothing_else() {
        let (id, other) = (DeliveryId::new(Timestamp::UNIX_EPOCH), DeliveryId::new(Timestamp::UNIX_EPOCH));
        let value = |name: &str| (name == "key").then(|| "hunter2".to_owned());
        let text = format!("a {} b {} ~~key~ {}", mark("key", id), mark("key", other), mark("key", id));
        assert_eq!(
            fill(&text, id, value).unwrap(),
            format!("a hunter2 b {} ~~key~ hunter2", mark("key", other))
        );
        assert_eq!(masked(&mark("key", id), id), REDACTED);
        assert_eq!(fill(&mark("lost", id), id, value).unwrap_err(), "lost");
        let no_name = format!("~~not a name~{id}~~");
        assert_eq!(fill(&no_name, id, value).unwrap(), no_name);
        assert_eq!(fill("plain", id, value).unwrap(), "plain");
    }
}
