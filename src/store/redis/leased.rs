//! Deliveries as they are kept, and what is leased of them.

use redis::Value;
use serde::Deserialize;

use super::answer::{Row, array, bytes, instant, items, maybe, read, text};
use super::pack::{read_json, unpack_parts};
use crate::model::{Delivery, Timestamp};
use crate::store::{Leased, StoreError};

/// What a packed delivery holds besides its body.
#[derive(Debug, Deserialize)]
struct Content {
    #[serde(default)]
    url: Option<String>,
    content_type: String,
    headers: String,
}

/// A delivery from its row and what it carries.
pub(super) fn delivery(row: &Row, goods: Value) -> Result<Delivery, StoreError> {
    let [content, body] = unpack_parts(&bytes(goods)?)?;
    let content: Content = read_json(&content)?;
    Ok(Delivery {
        id: row.get("id")?,
        receipt: row.get("receipt")?,
        event: row.get("event")?,
        batch: row.maybe("batch")?,
        route: row.text("route")?,
        destination: row.text("to")?,
        lane: row.maybe_text("lane"),
        url: content.url,
        content_type: content.content_type,
        headers: crate::store::draft::from_json(&content.headers)?,
        body: body.into(),
        supersede: row.maybe_text("supersede").is_some(),
        created_at: row.at("created")?,
    })
}

/// Which fields a claim tells of a delivery, in this order; the destination is known.
const TOLD: [&str; 11] =
    ["receipt", "event", "route", "attempts", "tries", "created", "due", "n", "lane", "batch", "supersede"];

/// One that was leased, with its place in the order of all: when it is due, and its number.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) order: (i64, i64),
    pub(super) leased: Leased,
}

/// What a claim in one partition led to.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) given: Vec<Given>,
    pub(super) next_due: Option<Timestamp>,
    /// When the first of the leases ends that were given before.
    pub(super) ends: Option<Timestamp>,
    pub(super) failing_since: Option<Timestamp>,
}

/// What the deliveries of a destination that were leased were told as.
pub(super) fn claimed(answer: Value, to: &str) -> Result<Claimed, StoreError> {
    let [given, next_due, ends, failing_since] = array(answer)?;
    let at = |value| maybe(value)?.map(instant).transpose();
    Ok(Claimed {
        given: items(given)?.into_iter().map(|one| self::given(one, to)).collect::<Result<_, _>>()?,
        next_due: at(next_due)?,
        ends: at(ends)?,
        failing_since: at(failing_since)?,
    })
}

fn given(value: Value, to: &str) -> Result<Given, StoreError> {
    let [id, row, goods, token] = array(value)?;
    let mut row = Row::of(&TOLD, items(row)?)?;
    row.set("id", text(id)?);
    row.set("to", to.to_owned());
    let leased = Leased {
        delivery: delivery(&row, goods)?,
        attempts: row.count("attempts")?,
        tries: row.count("tries")?,
        token: read(token)?,
    };
    Ok(Given { order: (row.get("due")?, row.get("n")?), leased })
}
