//! What became of batches, for who looks at a receipt.

use std::collections::{BTreeMap, HashMap};

use redis::Value;
use serde::Serialize;

use super::Id;
use super::answer::{array, damaged, instant, items, maybe, read, text};
use super::desk::{Ask, Desk};
use crate::model::{BatchId, Decision, Processed, ReceiptId, RouteVerdict, Timestamp};
use crate::store::StoreError;
use crate::store::draft::from_json;

#[derive(Serialize)]
struct Waits {
    /// Receipt, event and route of each.
    waits: Vec<[String; 3]>,
}

/// An event and a route that gathered it.
type Place = (String, String);

/// The latest batch of a place.
enum Known {
    /// It is open, in this partition.
    Open(u32),
    /// What stands in the place of the verdict.
    Over(Decision),
}

/// Puts what became of batches in the place of the verdicts that say that an event waits in one. `part`
/// is the partition of the receipt, which has these events.
pub(super) async fn tell(
    desk: &Desk,
    part: u32,
    receipt: ReceiptId,
    events: &mut [Processed],
    now: Timestamp,
) -> Result<(), StoreError> {
    if !events.iter().flat_map(|one| &one.routes).any(is_gathered) {
        return Ok(());
    }
    let id = receipt.to_string();
    let answer = desk.ask(Ask::look(part, "became", now, &Id { id: id.clone() })).await?;
    let known: HashMap<_, _> = items(answer)?.into_iter().map(line).collect::<Result<_, _>>()?;
    let open = open(desk, &id, &known, now).await?;
    for Processed { event, routes, .. } in events {
        for verdict in routes.iter_mut().filter(|verdict| is_gathered(verdict)) {
            let place = (event.id.to_string(), verdict.route.clone());
            match (known.get(&place), &mut verdict.decision) {
                (Some(Known::Over(decision)), told) => *told = decision.clone(),
                (_, Decision::Gathered { batch, until, .. }) => {
                    (*batch, *until) = open.get(&place).copied().unzip();
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn is_gathered(verdict: &RouteVerdict) -> bool {
    matches!(verdict.decision, Decision::Gathered { .. })
}

fn line(value: Value) -> Result<(Place, Known), StoreError> {
    let [event, route, part, became, why, failure, batch, deliveries] = array(value)?;
    let known = match text(became)?.as_str() {
        "" => Known::Open(read(part)?),
        "sent" => Known::Over(Decision::Routed {
            deliveries: items(deliveries)?.into_iter().map(read).collect::<Result<_, _>>()?,
            script: None,
            batch: Some(read(batch)?),
        }),
        "dropped" => {
            Known::Over(Decision::Filtered { reason: items(why)?.into_iter().map(text).next().transpose()? })
        }
        "failed" => Known::Over(Decision::Failed(from_json(&text(failure)?)?)),
        other => return Err(damaged(format_args!("the state {other:?} of a batch"))),
    };
    Ok(((text(event)?, text(route)?), known))
}

/// The open batches of these places, and when they are due. One that is just being sealed is not there.
async fn open(
    desk: &Desk,
    receipt: &str,
    known: &HashMap<Place, Known>,
    now: Timestamp,
) -> Result<HashMap<Place, (BatchId, Timestamp)>, StoreError> {
    let mut parts: BTreeMap<u32, Vec<&Place>> = BTreeMap::new();
    for (place, known) in known {
        if let Known::Open(part) = known {
            parts.entry(*part).or_default().push(place);
        }
    }
    let mut open = HashMap::new();
    for (part, places) in parts {
        let wait = |(event, route): &&Place| [receipt.to_owned(), event.clone(), route.clone()];
        let waits = Waits { waits: places.iter().map(wait).collect() };
        let answer = desk.ask(Ask::look(part, "waits", now, &waits)).await?;
        for (place, found) in places.into_iter().zip(items(answer)?) {
            let mut found = items(found)?.into_iter();
            if let (Some(batch), Some(until)) = (found.next(), found.next()) {
                let until = maybe(until)?.ok_or_else(|| damaged("when a batch is due"))?;
                open.insert(place.clone(), (read(batch)?, instant(until)?));
            }
        }
    }
    Ok(open)
}
