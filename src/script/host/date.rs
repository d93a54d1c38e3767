//! Dates as texts: RFC 3339 in and out, UTC.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rhai::{Engine, INT};

use super::{Given, guard, value::refuse};
use crate::script::value::shortened;

pub(super) fn register(engine: &mut Engine) {
    engine
        .register_fn("now", || guard::now().to_string())
        .register_fn("parse_date", |text: &str| instant(text).map(|at| at.to_string()))
        .register_fn("parse_date", |seconds: INT| -> Given<String> {
            Timestamp::from_second(seconds)
                .map(|instant| instant.to_string())
                .map_err(|_| refuse(format!("parse_date: {seconds} seconds are beyond the calendar")))
        })
        .register_fn("format_date", |text: &str, format: &str| -> Given<String> {
            let zoned = instant(text)?.to_zoned(TimeZone::UTC);
            strtime::format(format, &zoned).map_err(|error| refuse(format!("format_date: {error}")))
        })
        .register_fn("add_seconds", |text: &str, seconds: INT| -> Given<String> {
            instant(text)?
                .checked_add(SignedDuration::from_secs(seconds))
                .map(|instant| instant.to_string())
                .map_err(|_| refuse("add_seconds: the result is beyond the calendar"))
        })
        .register_fn("unix_seconds", |text: &str| instant(text).map(|at| at.as_second()))
        .register_fn("seconds_between", |from: &str, to: &str| -> Given<INT> {
            Ok(instant(to)?.as_second() - instant(from)?.as_second())
        });
}

/// RFC 3339, also with a space instead of the `T`; without an offset it is UTC; a date alone is
/// its midnight.
fn instant(text: &str) -> Given<Timestamp> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let civil = text
        .parse::<DateTime>()
        .ok()
        .or_else(|| Some(text.parse::<Date>().ok()?.to_datetime(Default::default())));
    civil.and_then(|civil| civil.to_zoned(TimeZone::UTC).ok()).map(|zoned| zoned.timestamp()).ok_or_else(
        || refuse(format!("`{}` is no date; write one like 2025-06-30T21:57:20Z", shortened(text, 60))),
    )
}
