//! Whatever senders write as a time, as RFC 3339 in UTC.
//!
//! No clock is read here.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::Json;

/// Numbers from here on are milliseconds (1973 and later); below, they are seconds.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// The time as RFC 3339 in UTC with as many fraction digits as were sent. Texts with a
/// space for the `T`, without a zone (read as UTC), and Unix times in seconds or
/// milliseconds are understood; any other text is given back as it is.
pub(super) fn rfc3339(value: &Json) -> Option<String> {
    match value {
        Json::Number(number) => {
            let count = number.as_i64()?;
            if count.abs() >= MILLISECONDS_FROM {
                Timestamp::from_millisecond(count).ok().map(|at| print(at, 3))
            } else {
                Timestamp::from_second(count).ok().map(|at| print(at, 0))
            }
        }
        Json::String(text) if text.is_empty() => None,
        Json::String(text) => {
            Some(parse(text).map_or_else(|| text.clone(), |at| print(at, digits(text)).into()).into())
        }
        // Extended JSON of MongoDB.
        Json::Object(members) => members.get("$date").filter(|date| !date.is_object()).and_then(rfc3339),
        _ => None,
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let zoned = text.trim();
    zoned.parse().ok().or_else(|| {
        let civil: DateTime = zoned.parse().ok()?;
        // A date alone is no instant.
        zoned.contains(':').then(|| civil.to_zoned(TimeZone::UTC).ok()).flatten().map(|at| at.timestamp())
    })
}

/// How many digits of a second's fraction a text gives.
fn digits(text: &str) -> usize {
    let fraction = text.split_once(['.', ',']).map_or("", |(_, rest)| rest);
    fraction.bytes().take_while(u8::is_ascii_digit).count().min(9)
}

fn print(at: Timestamp, digits: usize) -> String {
    let civil = TimeZone::UTC.to_datetime(at);
    let mut text = civil.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    if digits > 0 {
        let nanos = format!("{:09}", civil.subsec_nanosecond());
        let _ = write!(text, ".{}", nanos.get(..digits).unwrap_or(&nanos));
    }
    text.push('Z');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json;

    #[test]
    fn every_form_the_senders_use_becomes_utc() {
        for (sent, wanted) in [
            (json!("2026-11-22T05:36:17.177123+00:00"), "2026-11-22T05:36:17.177123Z"),
            (json!("2026-11-22 05:44:20.538760+00:00"), "2026-11-22T05:44:20.538760Z"),
            (json!("2026-11-22 05:30:00.000000+00:00"), "2026-11-22T05:30:00.000000Z"),
            (json!("2018-05-07T11:13:57.764+0200"), "2018-05-07T09:13:57.764Z"),
            (json!("2026-11-22T05:36:17Z"), "2026-11-22T05:36:17Z"),
            (json!("2026-11-22 05:36:17"), "2026-11-22T05:36:17Z"),
            (json!({"$date": 1_795_324_565_321_i64}), "2026-11-22T05:16:05.321Z"),
            (json!(1_795_324_565), "2026-11-22T05:16:05Z"),
            (json!("yesterday"), "yesterday"),
            (json!("2026-11-22"), "2026-11-22"),
        ] {
            assert_eq!(rfc3339(&sent).as_deref(), Some(wanted), "{sent}");
        }
    }

    #[test]
    fn what_is_no_time_at_all_is_nothing() {
        for sent in [json!(null), json!([1]), json!({}), json!(1e300), json!(i64::MAX), json!("")] {
            assert_eq!(rfc3339(&sent), None, "{sent}");
        }
    }
}
