//! The gateway's own events as JSON, with what an alert needs to be understood by itself.
//!
//! adapters/crossconnect.yaml reads what is written here.

use crate::model::{Json, json};

use crate::model::{DeliveryId, EventId, OWN_SOURCE, ReceiptId, own_type};
use crate::store::{Notice, Store, StoreError, StoredDelivery, Told};

/// The event of a notice. What it tells of may be deleted by now; then it says less.
pub(super) async fn event(store: &dyn Store, notice: &Notice) -> Result<Json, StoreError> {
    let destination = |name: &str| json!({"kind": "destination", "id": name, "name": name});
    let (what, object, group, data) = match &notice.told {
        Told::DeliveryDead { delivery } => {
            let data = dead(store, *delivery).await?;
            let to = data["destination"].as_str().unwrap_or("unknown").to_owned();
            let name = format!("{} to {to}", data["route"].as_str().unwrap_or("unknown"));
            let object = json!({"kind": "delivery", "id": delivery, "name": name});
            (own_type::DELIVERY_DEAD, object, format!("destination:{to}"), data)
        }
        Told::ReceiptFailed { receipt, reason } => {
            let data = failed(store, *receipt, reason).await?;
            let source = data["source"].as_str().unwrap_or("unknown").to_owned();
            let object = json!({"kind": "receipt", "id": receipt, "name": format!("receipt of {source}")});
            (own_type::RECEIPT_FAILED, object, format!("source:{source}"), data)
        }
        Told::DestinationPaused { destination: name, reason } => {
            let data = json!({"destination": name, "reason": reason, "pending": pending(store, name).await?});
            (own_type::DESTINATION_PAUSED, destination(name), format!("destination:{name}"), data)
        }
        Told::DestinationFailing { destination: name, reason } => {
            let data = json!({"destination": name, "reason": reason, "pending": pending(store, name).await?});
            (own_type::DESTINATION_FAILING, destination(name), format!("destination:{name}"), data)
        }
        Told::DestinationRecovered { destination: name, since } => {
            let data = json!({
                "destination": name,
                "troubled_since": since,
                "pending": pending(store, name).await?,
            });
            (own_type::DESTINATION_RECOVERED, destination(name), format!("destination:{name}"), data)
        }
    };
    Ok(json!({
        "type": what,
        "timestamp": notice.at,
        "object": object,
        "actor": OWN_SOURCE,
        "group": group,
        "data": data,
    }))
}

async fn pending(store: &dyn Store, destination: &str) -> Result<u64, StoreError> {
    let all = store.pending().await?;
    Ok(all.into_iter().find(|(name, _)| name == destination).map_or(0, |(_, pending)| pending))
}

async fn dead(store: &dyn Store, delivery: DeliveryId) -> Result<Json, StoreError> {
    let Some(StoredDelivery { summary, attempts, .. }) = found(store.delivery(delivery).await)? else {
        return Ok(json!({"delivery": delivery}));
    };
    let last = attempts.last();
    Ok(json!({
        "delivery": delivery,
        "receipt": summary.receipt,
        "batch": summary.batch,
        "route": summary.route,
        "destination": summary.destination,
        "reason": summary.reason,
        "attempts": summary.attempts,
        "last_status": summary.last_status,
        "last_class": summary.last_class,
        "error": last.and_then(|attempt| attempt.error.as_ref()),
        "remedy": last.and_then(|attempt| attempt.remedy.as_ref()),
        "created_at": summary.created_at,
        "event": of(store, summary.receipt, summary.event).await?,
    }))
}

/// What the event was about.
async fn of(store: &dyn Store, receipt: ReceiptId, event: EventId) -> Result<Json, StoreError> {
    let Some(stored) = found(store.receipt(receipt).await)? else { return Ok(Json::Null) };
    let mut events = stored.outcome.events.iter().map(|processed| &processed.event);
    Ok(events.find(|known| known.id == event).map_or(Json::Null, |event| {
        json!({
            "id": event.id,
            "type": event.r#type,
            "source": event.source,
            "object": event.object,
            "actor": event.actor,
        })
    }))
}

async fn failed(store: &dyn Store, receipt: ReceiptId, reason: &str) -> Result<Json, StoreError> {
    let Some(stored) = found(store.receipt(receipt).await)? else {
        return Ok(json!({"receipt": receipt, "reason": reason}));
    };
    Ok(json!({
        "receipt": receipt,
        "source": &*stored.receipt.source,
        "reason": reason,
        "failure": stored.outcome.first_failure(),
        "events": stored.outcome.events.iter().map(|processed| &processed.event.r#type).collect::<Vec<_>>(),
    }))
}

fn found<T>(asked: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(why) => Err(why),
    }
}
