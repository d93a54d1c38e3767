//! Deliveries as they are kept, and what is leased of them.

use redis::Value;
use serde::Deserialize;

use super::answer::{Row, array, bytes, instant, items, maybe, parse, read};
use super::pack::{unpack, unpack_json};
use crate::model::Delivery;
use crate::store::{Claimed, Leased, StoreError};

/// What a packed delivery holds besides its body.
#[derive(Debug, Deserialize)]
struct Content {
    #[serde(default)]
    url: Option<String>,
    content_type: String,
    headers: String,
}

/// A delivery from its row and its blobs.
pub(super) fn delivery(row: &Row, content: Value, body: Value) -> Result<Delivery, StoreError> {
    let content: Content = unpack_json(&bytes(content)?)?;
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
        body: unpack(&bytes(body)?)?.into(),
        supersede: row.maybe_text("supersede").is_some(),
        created_at: row.at("created")?,
    })
}

/// What a claim in one partition led to.
pub(super) fn claimed(answer: Value) -> Result<Claimed, StoreError> {
    let [leased, next_due, failing_since] = array(answer)?;
    Ok(Claimed {
        leased: items(leased)?.into_iter().map(self::leased).collect::<Result<_, _>>()?,
        next_due: maybe(next_due)?.map(instant).transpose()?,
        failing_since: maybe(failing_since)?.map(instant).transpose()?,
    })
}

fn leased(value: Value) -> Result<Leased, StoreError> {
    let [row, content, body, token] = array(value)?;
    let row = Row::new(row)?;
    Ok(Leased {
        delivery: delivery(&row, content, body)?,
        attempts: parse(&row.text("attempts")?)?,
        tries: parse(&row.text("tries")?)?,
        token: read(token)?,
    })
}
