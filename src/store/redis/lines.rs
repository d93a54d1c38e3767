//! Rows back to the lines of lists. Asks nothing.

use std::str::FromStr;

use redis::Value;

use super::answer::{Row, array, damaged, instant, maybe};
use crate::model::{DeliveryState, FailureClass};
use crate::store::{DeliverySummary, ReceiptStatus, ReceiptSummary, StoreError};

/// The line of a receipt, from its fields and its id.
pub(super) fn receipt(id: Value, row: &Row) -> Result<ReceiptSummary, StoreError> {
    Ok(ReceiptSummary {
        id: super::answer::read(id)?,
        source: row.text("source")?,
        received_at: row.at("at")?,
        status: status(row)?,
        reason: row.maybe_text("reason"),
        event_type: row.maybe_text("type"),
        kind: row.maybe_text("kind"),
        name: row.maybe_text("name"),
        events: row.get("events")?,
        deliveries: row.get("deliveries")?,
        duplicates: row.count("duplicates")?,
    })
}

pub(super) fn status(row: &Row) -> Result<ReceiptStatus, StoreError> {
    match row.text("state")?.as_str() {
        "processed" => Ok(ReceiptStatus::Processed),
        "failed" => Ok(ReceiptStatus::Failed),
        other => Err(damaged(format_args!("the status {other:?}"))),
    }
}

/// The fields of a delivery and its line, from what the script calls one.
pub(super) fn delivery(line: Value) -> Result<(Row, DeliverySummary), StoreError> {
    let [row, due] = array(line)?;
    let row = Row::new(row)?;
    let due_at = maybe(due)?.map(instant).transpose()?;
    let state = row.text("state")?;
    let summary = DeliverySummary {
        id: row.get("id")?,
        receipt: row.get("receipt")?,
        event: row.get("event")?,
        route: row.text("route")?,
        destination: row.text("to")?,
        lane: row.maybe_text("lane"),
        state: DeliveryState::parse(&state).ok_or_else(|| damaged(format_args!("the state {state:?}")))?,
        batch: row.maybe("batch")?,
        superseded_by: row.maybe("by")?,
        reason: row.maybe_text("reason"),
        attempts: row.count("attempts")?,
        created_at: row.at("created")?,
        due_at,
        finished_at: row.maybe_at("finished")?,
        last_class: row.maybe_text("class").as_deref().map(class).transpose()?,
        last_status: row.maybe("status")?,
    };
    Ok((row, summary))
}

fn class(name: &str) -> Result<FailureClass, StoreError> {
    serde_json::from_value(name.into()).map_err(damaged)
}

/// Pairs of a name and something, as HGETALL answers them.
pub(super) fn pairs<T: FromStr>(flat: Value) -> Result<Vec<(String, T)>, StoreError> {
    Row::new(flat)?.into_pairs().map(|(name, text)| Ok((name, super::answer::parse(&text)?))).collect()
}
