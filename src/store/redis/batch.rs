//! Complete batches: who gets them, and what becomes of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use redis::Value;
use serde::{Deserialize, Serialize};

use super::Id;
use super::answer::{Row, array, bytes, damaged, instant, items, maybe, parse, read, text};
use super::coming::{Lease, Order, Share, shares};
use super::desk::{Ask, BATCHES, Desk};
use super::form::{Blobs, DeliveryForm};
use super::pack::unpack_json;
use super::show::came_with;
use crate::model::{Batch, By, Member, Sealed, Timestamp};
use crate::store::draft::{DeliveryDraft, from_json, json, reason};
use crate::store::{Due, LeasedBatch, Ripe, StoreError};

/// How many bodies are fetched at once.
const BODIES: usize = 32;
/// In how many batches at once silence begins anew.
const HEARD: usize = 500;

#[derive(Serialize)]
struct Ids<'a> {
    ids: &'a [String],
}

#[derive(Serialize)]
struct ListenForm {
    after: String,
    limit: usize,
}

/// What became of a batch.
#[derive(Serialize)]
struct SealForm<'a> {
    id: String,
    token: String,
    became: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// As JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    deliveries: Vec<DeliveryForm<'a>>,
}

/// What a packed member holds, each as JSON.
#[derive(Deserialize)]
pub(super) struct Brought {
    pub(super) event: String,
    pub(super) lookups: String,
    pub(super) lineage: String,
}

/// A leased batch whose members wait for the bodies of their receipts.
struct Given {
    row: Row,
    order: Order,
    members: Vec<Value>,
    token: u64,
}

type Bodies = HashMap<String, Bytes>;

/// Leases complete ones.
pub(super) async fn ripe(desk: &Desk, due: Due) -> Result<Ripe, StoreError> {
    let parts = desk.rounds.begin(BATCHES, due.now);
    let elsewhere = desk.rounds.next_due(BATCHES, due.now);
    let given = give(desk, &due, &parts).await;
    if given.is_err() {
        parts.iter().for_each(|part| desk.rounds.mark(BATCHES, *part));
    }
    let (mut given, next_due) = given?;
    given.sort_by(|a, b| a.order.cmp(&b.order));
    let bodies = bodies(desk, due.now, &given).await?;
    let batches = given.into_iter().map(|one| leased(one, &bodies)).collect::<Result<_, _>>()?;
    Ok(Ripe { batches, next_due: [elsewhere, next_due].into_iter().flatten().min() })
}

/// The oldest due of these partitions, and when to ask them again.
async fn give(desk: &Desk, due: &Due, parts: &[u32]) -> Result<(Vec<Given>, Option<Timestamp>), StoreError> {
    let (mut all, mut first_due) = (Vec::new(), None);
    for share in shares(desk, "ripening", due, parts).await? {
        let (given, next_due) = lease(desk, due, &share).await?;
        // Who asks next learns when the leases just given end.
        let lease_ends = if given.is_empty() { None } else { due.now.checked_add(due.lease).ok() };
        let again = [next_due, lease_ends].into_iter().flatten().min();
        desk.rounds.learn(BATCHES, share.part, again);
        first_due = [first_due, next_due].into_iter().flatten().min();
        all.extend(given);
    }
    Ok((all, first_due))
}

/// So many of what is complete in a partition, and when to ask it again for others.
async fn lease(desk: &Desk, due: &Due, share: &Share) -> Result<(Vec<Given>, Option<Timestamp>), StoreError> {
    if share.limit == 0 {
        return Ok((Vec::new(), share.again));
    }
    let asked = Lease::new(share.limit, due);
    let [given, next_due] = array(desk.ask(Ask::new(share.part, "ripe", due.now, &asked)).await?)?;
    let given = items(given)?.into_iter().map(self::given).collect::<Result<_, _>>()?;
    Ok((given, maybe(next_due)?.map(instant).transpose()?))
}

fn given(value: Value) -> Result<Given, StoreError> {
    let [mark, row, members, token] = array(value)?;
    let row = Row::new(row)?;
    Ok(Given { order: (row.get("due")?, text(mark)?), row, members: items(members)?, token: read(token)? })
}

/// The bodies of all receipts that have a part in these.
async fn bodies(desk: &Desk, now: Timestamp, given: &[Given]) -> Result<Bodies, StoreError> {
    let mut wanted: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for member in given.iter().flat_map(|one| &one.members) {
        let [part, receipt, _] = array(member.clone())?;
        wanted.entry(read(part)?).or_default().insert(text(receipt)?);
    }
    let mut bodies = Bodies::new();
    for (part, receipts) in wanted {
        let receipts: Vec<_> = receipts.into_iter().collect();
        for ids in receipts.chunks(BODIES) {
            let answer = desk.ask(Ask::look(part, "bodies", now, &Ids { ids })).await?;
            for (id, goods) in ids.iter().zip(items(answer)?) {
                bodies.insert(id.clone(), came_with(&bytes(goods)?)?.body.into());
            }
        }
    }
    Ok(bodies)
}

fn leased(given: Given, bodies: &Bodies) -> Result<LeasedBatch, StoreError> {
    let Given { row, members, token, .. } = given;
    let by = row.text("by")?;
    let batch = Batch {
        id: row.get("id")?,
        route: row.text("route")?,
        by: By::parse(&by).ok_or_else(|| damaged(format_args!("the grouping {by:?}")))?,
        key: row.text("key")?,
        group: row.text("group")?,
        opened_at: row.at("at")?,
        members: members.into_iter().map(|one| member(one, bodies)).collect::<Result<_, _>>()?,
    };
    Ok(LeasedBatch { batch, token })
}

fn member(value: Value, bodies: &Bodies) -> Result<Member, StoreError> {
    let [_, receipt, content] = array(value)?;
    let (receipt, brought) = (text(receipt)?, unpack_json::<Brought>(&bytes(content)?)?);
    let body = bodies.get(&receipt).cloned();
    Ok(Member {
        receipt: parse(&receipt)?,
        event: Arc::new(from_json(&brought.event)?),
        lookups: from_json(&brought.lookups)?,
        lineage: from_json(&brought.lineage)?,
        body: body.ok_or_else(|| damaged(format_args!("the body of {receipt}")))?,
    })
}

/// Makes a batch into what became of it.
pub(super) async fn seal(
    desk: &Desk,
    compress_above: usize,
    leased: &LeasedBatch,
    sealed: &Sealed,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (batch, token) = (&leased.batch, leased.token.to_string());
    let drafts = match sealed {
        Sealed::Sent(deliveries) => {
            deliveries.iter().map(|one| DeliveryDraft::of_batch(one, batch.id)).collect::<Result<_, _>>()?
        }
        Sealed::Dropped(_) | Sealed::Failed(_) => Vec::new(),
    };
    let mut blobs = Blobs::new(compress_above);
    let deliveries = drafts.iter().map(|draft| DeliveryForm::new(draft, desk.parts, &mut blobs));
    let deliveries = deliveries.collect::<Result<Vec<_>, _>>()?;
    let (became, why, failure) = match sealed {
        Sealed::Sent(sent) if sent.is_empty() => ("dropped", None, None),
        Sealed::Sent(_) => ("sent", None, None),
        Sealed::Dropped(why) => ("dropped", why.clone(), None),
        Sealed::Failed(failure) => ("failed", Some(reason(failure)), Some(json(failure)?)),
    };
    let part = desk.parts.of_group(&batch.route, batch.by.name(), &batch.key, &batch.group);
    refuse_known(desk, part, &deliveries, now).await?;
    let numbers = deliveries.len();
    let asked = SealForm { id: batch.id.to_string(), token, became, why, failure, deliveries };
    desk.ask(Ask::new(part, "seal", now, &asked).with(blobs.list, numbers)).await.map(drop)
}

/// Looks for deliveries where the batch's own partition cannot.
async fn refuse_known(
    desk: &Desk,
    here: u32,
    deliveries: &[DeliveryForm<'_>],
    now: Timestamp,
) -> Result<(), StoreError> {
    for DeliveryForm { id, part, .. } in deliveries.iter().filter(|one| one.part != here) {
        let id = Id { id: (*id).to_owned() };
        if read::<u8>(desk.ask(Ask::look(*part, "has_delivery", now, &id)).await?)? == 1 {
            let id = id.id;
            return Err(StoreError::Conflict(format!("the delivery {id} is known")));
        }
    }
    Ok(())
}

/// Lets the silence of all that may still be joined begin anew; how many these are.
pub(super) async fn listen_again(desk: &Desk, now: Timestamp) -> Result<u64, StoreError> {
    let mut all = 0;
    for part in desk.parts.all() {
        let mut after = Some("0".to_owned());
        while let Some(last) = after {
            let asked = ListenForm { after: last, limit: HEARD };
            let [heard, last] = array(desk.ask(Ask::new(part, "listen_again", now, &asked)).await?)?;
            all += read::<u64>(heard)?;
            after = maybe(last)?;
        }
    }
    Ok(all)
}
