//! One receipt or delivery whole, the ledger, the backlog.

use std::collections::BTreeMap;
use std::sync::Arc;

use redis::Value;
use serde::{Deserialize, Serialize};

use super::answer::{Row, array, bytes, damaged, items, read, text};
use super::desk::{Ask, Nothing};
use super::pack::{read_json, unpack_json, unpack_parts};
use super::{Id, Redis, became, leased, lines};
use crate::model::{Delivery, DeliveryId, Failure, Held, Outcome, Receipt, ReceiptId};
use crate::store::draft::from_json;
use crate::store::{Ledger, StoreError, StoredDelivery, StoredReceipt, Waiting, kept};

/// How many deliveries one run of the script reads whole at most: with their bodies.
const CONTENTS: usize = 100;

#[derive(Serialize)]
struct Ids<'a> {
    ids: &'a [String],
}

/// What a receipt came with; content and outcome are JSON.
pub(super) struct CameWith {
    content: Vec<u8>,
    pub(super) body: Vec<u8>,
    outcome: Vec<u8>,
}

/// What a packed receipt holds besides its body and its first outcome; all but the digest is JSON.
#[derive(Debug, Deserialize)]
struct Content {
    request: String,
    proof: String,
    dedupe: Option<String>,
    notes: String,
    masked: String,
}

/// What a packed outcome holds.
#[derive(Debug, Deserialize)]
struct OutcomeContent {
    revision: String,
    failure: Option<String>,
    events: String,
}

/// Where a delivery of a receipt is.
#[derive(Debug)]
struct Known {
    id: String,
    part: u32,
    number: u64,
}

impl Redis {
    pub(super) async fn show_receipt(&self, id: ReceiptId) -> Result<StoredReceipt, StoreError> {
        for part in self.desk.parts.all() {
            if let Some((stored, _)) = self.receipt_in(part, id).await? {
                return Ok(stored);
            }
        }
        Err(StoreError::NotFound(format!("receipt {id}")))
    }

    /// A receipt and its row, if it is in this partition.
    pub(super) async fn receipt_in(
        &self,
        part: u32,
        id: ReceiptId,
    ) -> Result<Option<(StoredReceipt, Row)>, StoreError> {
        let answer = self.look(part, "receipt", &Id { id: id.to_string() }).await?;
        if !matches!(answer, Value::Array(_)) {
            return Ok(None);
        }
        let [row, goods, replaced, known, held] = array(answer)?;
        let (row, goods, replaced) = (Row::new(row)?, came_with(&bytes(goods)?)?, bytes(replaced)?);
        let outcome: OutcomeContent =
            if replaced.is_empty() { read_json(&goods.outcome)? } else { unpack_json(&replaced)? };
        let receipt = receipt(id, &row, goods)?;
        let reading = kept::Reading::new(&outcome.events)?;
        let words = self.words(part, &reading).await?;
        let mut events = reading.events(&receipt.body, &words)?;
        became::tell(&self.desk, part, id, &mut events, self.clock.now()).await?;
        let stored = StoredReceipt {
            receipt,
            outcome: Outcome {
                revision: outcome.revision,
                failure: outcome.failure.as_deref().map(from_json::<Failure>).transpose()?,
                events,
                deliveries: self.deliveries_of(known).await?,
                gathered: Vec::new(),
                held: held_places(held)?,
            },
            status: lines::status(&row)?,
            duplicates: row.count("duplicates")?,
            replays: row.count("replays")?,
            turn: row.count("turn")?,
        };
        Ok(Some((stored, row)))
    }

    /// Deliveries whole, in the order of their numbers.
    async fn deliveries_of(&self, known: Value) -> Result<Vec<Delivery>, StoreError> {
        let mut parts: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        let mut numbers = BTreeMap::new();
        for Known { id, part, number } in known_deliveries(known)? {
            parts.entry(part).or_default().push(id.clone());
            numbers.insert(id, number);
        }
        let mut found = Vec::with_capacity(numbers.len());
        for (part, ids) in parts {
            for ids in ids.chunks(CONTENTS) {
                for one in items(self.look(part, "contents", &Ids { ids }).await?)? {
                    let [row, goods] = array(one)?;
                    let delivery = leased::delivery(&Row::new(row)?, goods)?;
                    found.push((numbers.get(&delivery.id.to_string()).copied(), delivery));
                }
            }
        }
        found.sort_by_key(|(number, _)| *number);
        Ok(found.into_iter().map(|(_, delivery)| delivery).collect())
    }

    pub(super) async fn show_delivery(&self, id: DeliveryId) -> Result<StoredDelivery, StoreError> {
        for part in self.desk.parts.all() {
            let answer = self.look(part, "delivery", &Id { id: id.to_string() }).await?;
            if !matches!(answer, Value::Array(_)) {
                continue;
            }
            let [line, goods, attempts] = array(answer)?;
            let (row, summary) = lines::delivery(line)?;
            let attempts = items(attempts)?.into_iter().map(|packed| unpack_json(&bytes(packed)?));
            return Ok(StoredDelivery {
                summary,
                delivery: leased::delivery(&row, goods)?,
                attempts: attempts.collect::<Result<_, _>>()?,
            });
        }
        Err(StoreError::NotFound(format!("delivery {id}")))
    }

    pub(super) async fn count_waiting(&self) -> Result<Waiting, StoreError> {
        let mut all = Waiting::default();
        for part in self.desk.parts.all() {
            let [deferred, open, gathered] = array(self.look(part, "waiting", &Nothing {}).await?)?;
            all.deferred += read::<u64>(deferred)?;
            all.batches += read::<u64>(open)?;
            all.gathered += read::<u64>(gathered)?;
        }
        Ok(all)
    }

    pub(super) async fn show_ledger(&self) -> Result<Ledger, StoreError> {
        let mut ledger = Ledger::default();
        for part in self.desk.parts.all() {
            for (name, total) in lines::pairs::<u64>(self.look(part, "ledger", &Nothing {}).await?)? {
                let line = ledger.line(&name);
                *line.ok_or_else(|| damaged(format_args!("the ledger's line {name:?}")))? += total;
            }
        }
        Ok(ledger)
    }

    /// Per destination, by name.
    pub(super) async fn show_pending(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let mut backlog: BTreeMap<String, u64> = BTreeMap::new();
        for part in self.desk.parts.all() {
            for (name, count) in lines::pairs::<u64>(self.look(part, "backlog", &Nothing {}).await?)? {
                *backlog.entry(name).or_default() += count;
            }
        }
        Ok(backlog.into_iter().filter(|(_, count)| *count > 0).collect())
    }

    /// Asks for something that changes nothing.
    pub(super) async fn look<T: Serialize + Sync>(
        &self,
        part: u32,
        op: &'static str,
        asked: &T,
    ) -> Result<Value, StoreError> {
        self.desk.ask(Ask::look(part, op, self.clock.now(), asked)).await
    }
}

/// What a receipt came with, from its blob.
pub(super) fn came_with(blob: &[u8]) -> Result<CameWith, StoreError> {
    let [content, body, outcome] = unpack_parts(blob)?;
    Ok(CameWith { content, body, outcome })
}

fn receipt(id: ReceiptId, row: &Row, goods: CameWith) -> Result<Receipt, StoreError> {
    let content: Content = read_json(&goods.content)?;
    Ok(Receipt {
        id,
        source: Arc::from(row.text("source")?),
        received_at: row.at("at")?,
        request: from_json(&content.request)?,
        body: goods.body.into(),
        dedupe: content.dedupe.as_deref().map(from_json).transpose()?,
        proof: from_json(&content.proof)?,
        notes: from_json(&content.notes)?,
        masked: from_json(&content.masked)?,
    })
}

fn known_deliveries(known: Value) -> Result<Vec<Known>, StoreError> {
    let one = |value| {
        let [id, part, number] = array(value)?;
        Ok(Known { id: text(id)?, part: read(part)?, number: read(number)? })
    };
    items(known)?.into_iter().map(one).collect()
}

/// In the order of their places.
fn held_places(held: Value) -> Result<Vec<Held>, StoreError> {
    let mut places = Vec::new();
    for one in items(held)? {
        let [field, number] = array(one)?;
        places.push((read::<u64>(number)?, held_place(&text(field)?)?));
    }
    places.sort_by_key(|(number, _)| *number);
    Ok(places.into_iter().map(|(_, held)| held).collect())
}

fn held_place(field: &str) -> Result<Held, StoreError> {
    let texts: Vec<_> = field.splitn(4, '\0').collect();
    let [event, route, destination, lane] = texts[..] else {
        return Err(damaged(format_args!("the place {field:?}")));
    };
    Ok(Held {
        event: super::answer::parse(event)?,
        route: route.to_owned(),
        destination: destination.to_owned(),
        lane: lane.to_owned(),
    })
}
