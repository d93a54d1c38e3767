//! Filters of dates: texts as senders write them, in the layout of Python's `strftime`.

use jiff::civil::Date;
use jiff::fmt::strtime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use minijinja::{Error, State, Value};

use super::Entry;
use crate::template::args::Args;
use crate::template::meter::{charge, fault};
use crate::template::number::{self, Num};
use crate::template::{ops, print};

pub(super) const FILTERS: &[Entry] =
    &[("strftime", &["format"], format), ("datetimeformat", &["format"], format)];

const USUAL: &str = "%Y-%m-%d %H:%M:%S";
/// Longer layouts say more than a date.
const LONGEST: usize = 256;

fn format(_: &mut State<'_, '_>, value: &Value, args: &Args<'_>) -> Result<Value, Error> {
    ops::defined(value)?;
    let layout = args.text("format")?.unwrap_or(USUAL);
    if layout.len() > LONGEST {
        return Err(fault(format!("the layout of a date may have at most {LONGEST} bytes")));
    }
    let date = match number::of(value) {
        Some(number) => of_number(number),
        None => of_text(print::text(value)?.trim()),
    };
    let date = date.ok_or_else(|| fault("the value is no date; one looks like 2026-02-03T04:05:06Z"))?;
    let text =
        strtime::format(layout, &date).map_err(|error| fault(format!("the layout is wrong: {error}")))?;
    charge(text.len())?;
    Ok(text.into())
}

/// Seconds since 1970.
fn of_number(number: Num) -> Option<Zoned> {
    let nanos = truncated(number.float() * 1e9)?;
    Some(Timestamp::from_nanosecond(nanos).ok()?.to_zoned(TimeZone::UTC))
}

fn truncated(nanos: f64) -> Option<i128> {
    number::truncated(nanos).ok()
}

/// In the offset that it was written with; without one it is UTC; a date alone is its midnight.
fn of_text(text: &str) -> Option<Zoned> {
    let pieces = Pieces::parse(text).ok()?;
    let date: Date = pieces.date();
    let time = pieces.time().unwrap_or_default();
    let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
    offset.to_time_zone().to_zoned(date.to_datetime(time)).ok()
}
