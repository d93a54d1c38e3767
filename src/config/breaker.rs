//! `breaker:` and `pause_after:` of a destination: when a receiver that fails is left alone.

use std::time::Duration;

use super::Breaker;
use super::context::Context;
use crate::units::{self, DURATION, Parsed};
use crate::yaml::{Reader, Value};

impl Default for Breaker {
    fn default() -> Self {
        let half_a_minute = Duration::from_secs(30);
        Self { failures: 0.7, of: 10, within: half_a_minute, open: half_a_minute }
    }
}

/// `Some(None)`: it is off. Keys that a mapping does not name have their defaults.
pub(super) fn read(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<Option<Breaker>> {
    let named = r.entries().iter().find(|(key, _)| key.name == "breaker");
    if !named.is_some_and(|(_, node)| matches!(node.value, Value::Map(_))) {
        let wanted = "`off`, or a mapping such as `{ failures: 70%, of: 10, within: 30s, open: 30s }`";
        return cx.value(r, "breaker", wanted, off).map(|()| None);
    }
    let mut section = r.section("breaker", cx.problems)?;
    let (s, usual) = (&mut section, Breaker::default());
    let breaker = Breaker {
        failures: cx.value(s, "failures", "a share such as `70%`", share).unwrap_or(usual.failures),
        of: cx.count(s, "of", 1..=65_536).and_then(|of| u32::try_from(of).ok()).unwrap_or(usual.of),
        within: cx.value(s, "within", DURATION, units::some_time).unwrap_or(usual.within),
        open: cx.value(s, "open", DURATION, units::some_time).unwrap_or(usual.open),
    };
    section.finish(cx.problems);
    Some(Some(breaker))
}

/// `Some(None)`: never.
pub(super) fn pause_after(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Option<Option<Duration>> {
    cx.value(r, "pause_after", "a duration such as `5d`, or `off`", |text| match off(text) {
        Ok(()) => Ok(None),
        Err(_) => units::some_time(text).map(Some),
    })
}

/// YAML may read the word as a flag.
fn off(text: &str) -> Parsed<()> {
    if matches!(text, "off" | "false") { Ok(()) } else { Err(None) }
}

/// Of a whole, from above 0 to 1.
fn share(text: &str) -> Parsed<f64> {
    let sign_missing = || Some(format!("the sign is missing: write `{text}%`"));
    let percent =
        text.strip_suffix('%').ok_or_else(|| text.parse::<u32>().ok().and_then(|_| sign_missing()))?;
    let plain = percent.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match percent.parse::<f64>() {
        Ok(percent) if plain && percent > 0.0 && percent <= 100.0 => Ok(percent / 100.0),
        Ok(_) if plain => Err(Some("it is more than 0% and at most 100%".to_owned())),
        _ => Err(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage_of_something() {
        for (text, wanted) in [("70%", 0.7), ("100%", 1.0), ("0.5%", 0.005)] {
            assert_eq!(share(text), Ok(wanted), "{text}");
        }
        for text in ["0%", "101%", "-5%", "70", "0.7", "%", "many", "inf%", "NaN%", "1e1%", ""] {
            assert!(share(text).is_err(), "{text}");
        }
        assert_eq!(share("70"), Err(Some("the sign is missing: write `70%`".to_owned())));
    }
}
