//! Work that comes from another state, and what leaves for one.

use std::sync::Arc;

use serde::Serialize;

use super::Id;
use super::answer::{array, bytes, damaged, items, read, text};
use super::batch::Brought;
use super::desk::{Ask, Desk};
use super::form::{Blobs, EXACT};
use super::pack::unpack_json;
use crate::model::{By, DeliveryId, EventId, Gathered, ReceiptId, Timestamp, Window};
use crate::store::draft::{from_json, micros};
use crate::store::{Past, StoreError};

#[derive(Serialize)]
struct PastForm {
    id: String,
    made: u32,
    tries: u32,
    due: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

#[derive(Serialize)]
struct KeyForm<'a> {
    source: &'a str,
    key: &'a str,
    id: String,
    expires: i64,
}

#[derive(Serialize)]
struct Place<'a> {
    id: &'a str,
    event: &'a str,
    route: &'a str,
}

/// Gives a pending delivery of this partition its past.
pub(super) async fn adopt(
    desk: &Desk,
    (part, delivery): (u32, DeliveryId),
    past: &Past,
    mut blobs: Blobs,
    now: Timestamp,
) -> Result<(), StoreError> {
    for attempt in &past.attempts {
        blobs.add_json(attempt)?;
    }
    let asked = PastForm {
        id: delivery.to_string(),
        made: past.made,
        tries: past.tries,
        due: micros(past.due_at).min(EXACT),
        class: past.attempts.iter().rev().find_map(|attempt| attempt.class).map(|class| class.name()),
        status: past.attempts.last().and_then(|attempt| attempt.status),
    };
    desk.ask(Ask::new(part, "adopt", now, &asked).with(blobs.list, 0)).await.map(drop)
}

/// Remembers a key, unless it is remembered.
pub(super) async fn remember(
    desk: &Desk,
    (source, key, receipt): (&str, &str, ReceiptId),
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let part = desk.parts.of_key(source, key);
    let asked = KeyForm { source, key, id: receipt.to_string(), expires: micros(until).min(EXACT) };
    read::<u8>(desk.ask(Ask::new(part, "remember", now, &asked)).await?).map(|written| written == 1)
}

/// What of a receipt of this partition waits in open batches, in the order of events.
pub(super) async fn gathering(
    desk: &Desk,
    (part, receipt): (u32, ReceiptId),
    now: Timestamp,
) -> Result<Vec<Gathered>, StoreError> {
    let id = receipt.to_string();
    let answer = desk.ask(Ask::look(part, "became", now, &Id { id: id.clone() })).await?;
    let mut gathered = Vec::new();
    for line in items(answer)? {
        let [event, route, at, became, ..] = &items(line)?[..] else { return Err(damaged("a batch")) };
        if !text(became.clone())?.is_empty() {
            continue;
        }
        let (event, route) = (text(event.clone())?, text(route.clone())?);
        let asked = Place { id: &id, event: &event, route: &route };
        let brought = items(desk.ask(Ask::look(read(at.clone())?, "brought", now, &asked)).await?)?;
        if !brought.is_empty() {
            gathered.push(one(&event, &route, brought)?);
        }
    }
    gathered.sort_by(|a, b| (a.event, &a.route).cmp(&(b.event, &b.route)));
    Ok(gathered)
}

fn one(event: &str, route: &str, brought: Vec<redis::Value>) -> Result<Gathered, StoreError> {
    let [by, key, group, content] = array(redis::Value::Array(brought))?;
    let by = text(by)?;
    let Brought { event: content, lookups, lineage } = unpack_json(&bytes(content)?)?;
    let event: EventId = super::answer::parse(event)?;
    Ok(Gathered {
        event,
        route: route.to_owned(),
        by: By::parse(&by).ok_or_else(|| damaged(format_args!("the grouping {by:?}")))?,
        key: text(key)?,
        group: text(group)?,
        window: Window::OVER,
        alone: false,
        lineage: from_json(&lineage)?,
        content: Arc::new(from_json(&content)?),
        lookups: from_json(&lookups)?,
    })
}
