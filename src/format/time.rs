//! When an event happened, in the forms that receivers read.
//!
//! No clock is read here.

use jiff::tz::TimeZone;

use crate::model::{Event, Json, Timestamp};

/// Numbers from here on are milliseconds (1973 and later); below, they are seconds.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// The sender's own time where it is one, else when the event came in.
pub(super) fn instant(event: &Event) -> Timestamp {
    event.occurred_at.as_deref().and_then(parse).unwrap_or(event.received_at)
}

/// RFC 3339: the sender's own text where it is that, else when the event came in, to the
/// microsecond: that is as much as Python reads.
pub(super) fn rfc3339(event: &Event) -> String {
    match &event.occurred_at {
        Some(text) if parse(text).is_some() => text.clone(),
        _ => micros(event.received_at).to_string(),
    }
}

/// Without what Python has no digits for.
pub(super) fn micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// Whether what DATAGERRY sent as a date is this time: milliseconds, seconds or a text.
pub(super) fn tells(date: &Json, at: Option<&str>) -> bool {
    let instant = match date {
        Json::Number(number) => number.as_i64().and_then(|count| {
            let seconds = count.abs() < MILLISECONDS_FROM;
            if seconds { Timestamp::from_second(count) } else { Timestamp::from_millisecond(count) }.ok()
        }),
        Json::String(text) if text.is_empty() => None,
        Json::String(text) => match parse(text) {
            Some(instant) => Some(instant),
            None => return at == Some(text),
        },
        _ => None,
    };
    at.and_then(parse) == instant && at.is_some() == instant.is_some()
}

/// RFC 3339 as Python writes it, with an offset for the `Z`; any other text stays.
pub(super) fn with_offset(text: &str) -> String {
    match text.strip_suffix('Z') {
        Some(local) if parse(text).is_some() => format!("{local}+00:00"),
        _ => text.to_owned(),
    }
}

/// The same with a space for the `T`.
pub(super) fn with_space(text: &str) -> String {
    if parse(text).is_some() { with_offset(text).replacen('T', " ", 1) } else { text.to_owned() }
}

/// `2026-11-22 05:30:00.000000+00:00`.
pub(super) fn python(at: Timestamp) -> String {
    TimeZone::UTC.to_datetime(at).strftime("%Y-%m-%d %H:%M:%S.%6f+00:00").to_string()
}

/// The instant of a text that is strictly RFC 3339.
fn parse(text: &str) -> Option<Timestamp> {
    let (date, rest) = (text.get(..19)?, text.get(19..)?);
    let shape = date.bytes().zip(b"dddd-dd-ddTdd:dd:dd");
    let right = |(byte, form): (u8, &u8)| if *form == b'd' { byte.is_ascii_digit() } else { byte == *form };
    let fraction = match rest.strip_prefix('.') {
        Some(digits) => digits.bytes().take_while(u8::is_ascii_digit).count() + 1,
        None => 0,
    };
    let offset = rest.get(fraction..)?.as_bytes();
    let zoned = match offset {
        b"Z" => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].into_iter().all(u8::is_ascii_digit),
        _ => false,
    };
    (shape.into_iter().all(right) && fraction != 1 && zoned).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json;

    #[test]
    fn only_rfc_3339_counts_as_a_time() {
        for good in
            ["2026-11-22T05:30:00Z", "2026-11-22T05:30:00.123456789+02:00", "1969-12-31T23:59:59-00:30"]
        {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "yesterday",
            "2026-11-22",
            "2026-11-22 05:30:00Z",
            "2026-11-22T05:30:00",
            "2026-11-22T05:30Z",
            "2026-11-22T05:30:00.Z",
            "2026-11-22T05:30:00+0200",
            "2026-02-30T05:30:00Z",
            "2026-11-22T25:30:00Z",
            "2026-11-22T05:30:00Z[UTC]",
            "20261122T053000Z",
            "2026-11-22T05:30:00z ",
            "２026-11-22T05:30:00Z",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_date_of_datagerry_tells_an_instant_or_is_a_text() {
        let at = Some("2026-11-22T05:16:05.196Z");
        for (date, at, wanted) in [
            (json!(1_795_324_565_196_i64), at, true),
            (json!(1_795_324_565_197_i64), at, false),
            (json!("2026-11-22T05:16:05.196Z"), at, true),
            (json!("noon"), Some("noon"), true),
            (json!("noon"), at, false),
            (json!(5), Some("1970-01-01T00:00:05Z"), true),
            (json!(5), Some("noon"), false),
            (json!(5), None, false),
            (json!(null), at, false),
            (json!(null), None, true),
            (json!(null), Some("noon"), false),
        ] {
            assert_eq!(tells(&date, at), wanted, "{date} {at:?}");
        }
    }

    #[test]
    fn times_are_written_as_python_writes_them() {
        assert_eq!(with_offset("2026-11-22T05:30:00.1Z"), "2026-11-22T05:30:00.1+00:00");
        assert_eq!(with_space("2026-11-22T05:30:00Z"), "2026-11-22 05:30:00+00:00");
        assert_eq!((with_offset("Z"), with_space("AT noon")), ("Z".to_owned(), "AT noon".to_owned()));
        let fallback = super::super::samples::event(json!({"received_at": "2026-11-22T05:30:00.123456789Z"}));
        assert_eq!(rfc3339(&fallback), "2026-11-22T05:30:00.123456Z");
        let at = "2026-11-22T05:30:00.196Z".parse().unwrap();
        assert_eq!(python(at), "2026-11-22 05:30:00.196000+00:00");
    }
}
