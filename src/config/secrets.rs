//! `secrets:` of a source or a signature: texts, some of which may end at an instant.

use super::context::Context;
use crate::model::Timestamp;
use crate::secret::Secret;
use crate::units::Parsed;
use crate::yaml::{At, Node, Reader, Value};

/// The form of an instant, for messages.
const INSTANT: &str = "an instant such as `2026-12-31T00:00:00Z`, or a date (midnight UTC)";

/// Reads a list of secrets; one alone reads as a list of one.
pub(super) fn read(
    reader: &mut Reader<'_>,
    key: &'static str,
    cx: &mut Context<'_>,
) -> Option<Vec<(At, Secret)>> {
    let path = reader.path_of(key);
    let node = reader.node(key)?;
    match &node.value {
        Value::Null => None,
        Value::List(items) => {
            let one = |(index, item)| entry(&path, format!("{path}[{index}]"), item, cx);
            Some(items.iter().enumerate().filter_map(one).collect())
        }
        _ => Some(entry(&path, path.clone(), node, cx).into_iter().collect()),
    }
}

/// A text, or `{ secret, until }`; `list` is where it stands, `path` it itself.
fn entry(list: &str, path: String, node: &Node, cx: &mut Context<'_>) -> Option<(At, Secret)> {
    if !matches!(node.value, Value::Map(_)) {
        return text(list, node, cx);
    }
    let mut reader = Reader::new(cx.file, path, node, cx.problems)?;
    let r = &mut reader;
    let secret = match r.node("secret") {
        Some(node) => text(&r.path_of("secret"), node, cx),
        None => {
            r.missing("secret", "the secret that ends, such as `${OLD_SECRET}`", cx.problems);
            None
        }
    };
    let until = cx.value(r, "until", INSTANT, instant);
    reader.finish(cx.problems);
    let (at, secret) = secret?;
    Some((at, until.map_or(secret.clone(), |until| secret.until(until))))
}

fn text(path: &str, node: &Node, cx: &mut Context<'_>) -> Option<(At, Secret)> {
    match node.scalar() {
        // Reported already, and counted here so that it is not missed as well.
        Some(_) if cx.expansion.is_broken(node.at) => Some((node.at, Secret::new("not known"))),
        Some(text) if !text.is_empty() => Some((node.at, Secret::new(text))),
        None if node.value != Value::Null => {
            cx.wrong(path, node, "a list of secrets");
            None
        }
        _ => {
            let message = format!("an entry of `{path}` is empty, and would prove nothing");
            cx.problem(node.at, message, "is the variable that should hold it set?");
            None
        }
    }
}

/// To the second, as signatures count.
fn instant(text: &str) -> Parsed<Timestamp> {
    let midnight = |day: jiff::civil::Date| Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp());
    // A time of day without an offset would read as a date, too.
    let day = || text.parse().ok().filter(|_| !text.contains(':')).and_then(midnight);
    let read = text.parse::<Timestamp>().ok().or_else(day);
    match read.and_then(|instant| Timestamp::from_second(instant.as_second()).ok()) {
        Some(instant) => Ok(instant),
        None if text.contains(':') => Err(Some("add `Z` for UTC, or an offset such as `+01:00`".to_owned())),
        None => Err(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_a_time_with_its_offset_or_a_date() {
        let read = |text| instant(text).map(|instant| instant.to_string());
        for (text, wanted) in [
            ("2026-12-31T00:00:00Z", "2026-12-31T00:00:00Z"),
            ("2026-12-31T00:00:00.9+01:00", "2026-12-30T23:00:00Z"),
            ("2026-12-31", "2026-12-31T00:00:00Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(wanted), "{text}");
        }
        for wrong in ["soon", "2026-13-01", "7d", "", "2026"] {
            assert_eq!(read(wrong), Err(None), "{wrong}");
        }
        assert!(read("2026-12-31T00:00:00").is_err_and(|help| help.is_some_and(|help| help.contains("Z"))));
    }
}
