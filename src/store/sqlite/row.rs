//! Columns back to the nouns of the model. Reads rows, asks no questions.

use std::str::FromStr;

use bytes::Bytes;
use rusqlite::Row;
use serde::de::DeserializeOwned;

use crate::model::{Delivery, DeliveryState, FailureClass, Timestamp};
use crate::store::{DeliverySummary, ReceiptStatus, ReceiptSummary, StoreError};

pub(super) fn instant(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|_| damaged(format!("the instant {micros}")))
}

/// The database failed at reading.
pub(super) fn unavailable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// Something in the file is not what we wrote.
pub(super) fn damaged(what: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("its file is damaged: {what} cannot be read"))
}

/// A column.
pub(super) fn get<T: rusqlite::types::FromSql>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    row.get(column).map_err(unavailable)
}

/// A column that holds an id.
pub(super) fn id<T: FromStr>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    parse_id(&get::<String>(row, column)?)
}

/// A column that may hold an id.
fn maybe_id<T: FromStr>(row: &Row<'_>, column: &str) -> Result<Option<T>, StoreError> {
    get::<Option<String>>(row, column)?.as_deref().map(parse_id).transpose()
}

pub(super) fn parse_id<T: FromStr>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| damaged(format!("the id {text:?}")))
}

/// A column that holds JSON of ours.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    from_json(&get::<String>(row, column)?)
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(damaged)
}

/// A column that holds an instant.
pub(super) fn at(row: &Row<'_>, column: &str) -> Result<Timestamp, StoreError> {
    instant(get(row, column)?)
}

/// A column that may hold an instant.
pub(super) fn maybe_at(row: &Row<'_>, column: &str) -> Result<Option<Timestamp>, StoreError> {
    get::<Option<i64>>(row, column)?.map(instant).transpose()
}

pub(super) fn status(name: &str) -> Result<ReceiptStatus, StoreError> {
    match name {
        "processed" => Ok(ReceiptStatus::Processed),
        "failed" => Ok(ReceiptStatus::Failed),
        other => Err(damaged(format!("the status {other:?}"))),
    }
}

pub(super) fn status_name(status: ReceiptStatus) -> &'static str {
    match status {
        ReceiptStatus::Processed => "processed",
        ReceiptStatus::Failed => "failed",
    }
}

fn class(name: &str) -> Result<FailureClass, StoreError> {
    serde_json::from_value(name.into()).map_err(damaged)
}

/// A delivery as the writer reads it, to be decoded by the caller.
#[derive(Debug)]
pub(super) struct RawDelivery {
    pub(super) id: String,
    receipt: String,
    event: String,
    route: String,
    pub(super) destination: String,
    pub(super) lane: Option<String>,
    url: Option<String>,
    content_type: String,
    headers: String,
    body: Vec<u8>,
    created_at: i64,
    batch: Option<String>,
    supersede: bool,
}

impl RawDelivery {
    /// Selects what [`RawDelivery::from_row`] reads. The joins are `CROSS` because that fixes their order.
    pub(super) const BY_SEQ: &str =
        "SELECT d.id, r.id AS receipt_id, e.id AS event_id, d.route, d.destination,
            d.lane, c.url, c.content_type, c.headers, coalesce(c.body, rc.body) AS body, d.created_at,
            b.id AS batch_id, d.supersede
         FROM deliveries d
         CROSS JOIN delivery_content c ON c.delivery = d.seq
         CROSS JOIN receipts r ON r.seq = d.receipt
         CROSS JOIN receipt_content rc ON rc.receipt = d.receipt
         CROSS JOIN events e ON e.seq = d.event
         LEFT JOIN batches b ON b.seq = d.batch
         WHERE d.seq = ?1";

    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            receipt: row.get(1)?,
            event: row.get(2)?,
            route: row.get(3)?,
            destination: row.get(4)?,
            lane: row.get(5)?,
            url: row.get(6)?,
            content_type: row.get(7)?,
            headers: row.get(8)?,
            body: row.get(9)?,
            created_at: row.get(10)?,
            batch: row.get(11)?,
            supersede: row.get(12)?,
        })
    }

    pub(super) fn decode(self) -> Result<Delivery, StoreError> {
        Ok(Delivery {
            id: parse_id(&self.id)?,
            receipt: parse_id(&self.receipt)?,
            event: parse_id(&self.event)?,
            batch: self.batch.as_deref().map(parse_id).transpose()?,
            route: self.route,
            destination: self.destination,
            lane: self.lane,
            url: self.url,
            content_type: self.content_type,
            headers: from_json(&self.headers)?,
            body: Bytes::from(self.body),
            supersede: self.supersede,
            created_at: instant(self.created_at)?,
        })
    }
}

/// A line of the list of deliveries, from `d.*` with `receipt_id`, `event_id` and `batch_id`.
pub(super) fn delivery_summary(row: &Row<'_>) -> Result<DeliverySummary, StoreError> {
    let state: String = get(row, "state")?;
    let due = if get::<bool>(row, "ready")? { Some(at(row, "due_at")?) } else { None };
    Ok(DeliverySummary {
        id: id(row, "id")?,
        receipt: id(row, "receipt_id")?,
        event: id(row, "event_id")?,
        route: get(row, "route")?,
        destination: get(row, "destination")?,
        lane: get(row, "lane")?,
        state: DeliveryState::parse(&state).ok_or_else(|| damaged(format!("the state {state:?}")))?,
        batch: maybe_id(row, "batch_id")?,
        superseded_by: maybe_id(row, "superseded_by")?,
        reason: get(row, "reason")?,
        attempts: get(row, "attempts")?,
        created_at: at(row, "created_at")?,
        due_at: due,
        finished_at: maybe_at(row, "finished_at")?,
        last_class: get::<Option<String>>(row, "last_class")?.as_deref().map(class).transpose()?,
        last_status: get(row, "last_status")?,
    })
}

/// A line of the list of receipts, from `receipts.*`.
pub(super) fn receipt_summary(row: &Row<'_>) -> Result<ReceiptSummary, StoreError> {
    Ok(ReceiptSummary {
        id: id(row, "id")?,
        source: get(row, "source")?,
        received_at: at(row, "received_at")?,
        status: status(&get::<String>(row, "status")?)?,
        reason: get(row, "reason")?,
        event_type: get(row, "event_type")?,
        kind: get(row, "kind")?,
        name: get(row, "name")?,
        events: get(row, "events")?,
        deliveries: get(row, "deliveries")?,
        duplicates: get(row, "duplicates")?,
    })
}
