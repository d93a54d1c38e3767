//! What the tests inside adapters, scripts and presets expect, against what there was.

use similar::TextDiff;

use crate::model::Json;

/// What of `found` the expectation speaks of, in its order, so that a diff shows no more.
pub(crate) fn part(found: &Json, wanted: &Json) -> Json {
    match (found, wanted) {
        (Json::Object(found), Json::Object(wanted)) => {
            wanted.iter().filter_map(|(key, wanted)| Some((key, part(found.get(key)?, wanted)))).collect()
        }
        (Json::Array(found), Json::Array(wanted)) if found.len() == wanted.len() => {
            found.iter().zip(wanted).map(|(found, wanted)| part(found, wanted)).collect()
        }
        _ => found.clone(),
    }
}

/// A unified diff, if there is a difference.
pub(crate) fn difference(what: &str, expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let (expected, found) = (format!("{expected}\n"), format!("{found}\n"));
    let diff = TextDiff::from_lines(&expected, &found);
    let diff = diff.unified_diff().context_radius(3).header("expected", "got").to_string();
    Some(format!("{what} differs\n{}", diff.trim_end()))
}
