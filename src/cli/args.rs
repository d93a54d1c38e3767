//! How single values on the command line are read: spans, instants, rates, headers, files.

use std::io::Read;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::clock::{Clock as _, SystemClock};
use crate::model::Timestamp;
use crate::secret::Secret;
use crate::units;

/// The largest file or input taken as a body, in bytes.
const MAX_INPUT: u64 = 64 << 20;

/// A header as `Name: value`.
pub type Header = (HeaderName, HeaderValue);

/// How far a signed timestamp may be off; `None`: any distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerance(pub Option<Duration>);

/// The time between two messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(pub Duration);

/// Reads `Name: value`.
pub fn header(text: &str) -> Result<Header, String> {
    let (name, value) = text.split_once(':').ok_or("expected a header like `Name: value`")?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| format!("{name:?} is no header name"))?;
    let value = HeaderValue::from_bytes(value.trim().as_bytes())
        .map_err(|_| format!("the value of {name} holds characters that no header may have"))?;
    Ok((name, value))
}

/// The headers as the verifier wants them; doubled ones stay doubled.
pub fn header_map(headers: &[Header]) -> HeaderMap {
    headers.iter().cloned().collect()
}

/// Takes a secret; never fails, so that it is never quoted in an error.
pub fn secret(text: &str) -> Result<Secret, String> {
    Ok(Secret::new(text))
}

/// Those that are set: an empty environment variable gives no secret.
pub fn set(secrets: impl IntoIterator<Item = Secret>) -> Vec<Secret> {
    secrets.into_iter().filter(|secret| !secret.expose().is_empty()).collect()
}

/// Reads a span such as `500ms`, `2s`, `24h`, `7d` or `1h30m`, as configs write them.
pub fn duration(text: &str) -> Result<Duration, String> {
    units::duration(text.trim()).map_err(|help| {
        help.unwrap_or_else(|| format!("expected a span of time like 500ms, 2s or 24h, found {text:?}"))
    })
}

/// Reads a span, or `off`.
pub fn tolerance(text: &str) -> Result<Tolerance, String> {
    match text {
        "off" => Ok(Tolerance(None)),
        _ => duration(text).map(|span| Tolerance(Some(span))),
    }
}

/// Reads an instant: RFC 3339, a date (UTC), or a span ago such as `24h`.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    moment_before(text, SystemClock.now())
}

fn moment_before(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        return day
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map(|start| start.timestamp())
            .map_err(|e| e.to_string());
    }
    let ago = duration(text.strip_suffix(" ago").unwrap_or(text)).map_err(|_| {
        format!("expected a time like 2026-11-22T08:00:00Z, a date, or a span ago like 24h, found {text:?}")
    })?;
    now.checked_sub(ago).map_err(|_| format!("{text:?} is too long ago"))
}

/// Reads `100/s`, `50/m`, `10/h`, or a bare number per second.
pub fn pace(text: &str) -> Result<Pace, String> {
    let wrong = || format!("expected a rate like 100/s or 50/m, found {text:?}");
    let (count, per) = text.split_once('/').unwrap_or((text, "s"));
    let count: u32 = count.trim().parse().map_err(|_| wrong())?;
    let seconds = match per.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    Duration::from_secs(seconds).checked_div(count).map(Pace).ok_or_else(wrong)
}

/// The bytes of a file, or of stdin for `-`.
pub fn input(file: &str) -> anyhow::Result<Bytes> {
    let mut bytes = Vec::new();
    let read = match file {
        "-" => std::io::stdin().lock().take(MAX_INPUT + 1).read_to_end(&mut bytes),
        _ => std::fs::File::open(file).and_then(|open| open.take(MAX_INPUT + 1).read_to_end(&mut bytes)),
    };
    let length = read.with_context(|| format!("could not read {file}"))?;
    anyhow::ensure!(length as u64 <= MAX_INPUT, "{file} is larger than {MAX_INPUT} bytes");
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(7 * 86400)));
        assert!(duration("soon").is_err());
        assert_eq!(tolerance("off"), Ok(Tolerance(None)));
    }

    #[test]
    fn an_instant_is_a_time_a_date_or_a_span_ago() {
        let now: Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
        let read = |text| moment_before(text, now).unwrap().to_string();
        assert_eq!(read("2026-11-20T01:02:03+01:00"), "2026-11-20T00:02:03Z");
        assert_eq!(read("2026-11-20"), "2026-11-20T00:00:00Z");
        assert_eq!(read("24h"), "2026-11-21T08:00:00Z");
        assert_eq!(read("2h ago"), "2026-11-22T06:00:00Z");
        assert!(moment_before("yesterday", now).is_err());
    }

    #[test]
    fn a_rate_is_a_pause_between_messages() {
        assert_eq!(pace("100/s"), Ok(Pace(Duration::from_millis(10))));
        assert_eq!(pace("60/m"), Ok(Pace(Duration::from_secs(1))));
        assert_eq!(pace("4"), Ok(Pace(Duration::from_millis(250))));
        assert!(pace("0/s").is_err() && pace("5/d").is_err());
    }

    #[test]
    fn a_header_keeps_colons_in_its_value() {
        let (name, value) = header("X-Url: http://a:1/").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("x-url", &b"http://a:1/"[..]));
        assert!(header("no colon").is_err() && header("bad name: x").is_err());
    }

    #[test]
    fn doubled_headers_stay_doubled() {
        let headers = header_map(&[header("A: 1").unwrap(), header("a: 2").unwrap()]);
        assert_eq!(headers.get_all("a").iter().count(), 2);
    }
}
