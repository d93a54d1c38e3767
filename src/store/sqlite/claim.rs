//! Taking due heads of free lanes. Costs what it takes, not what waits.

use std::sync::Arc;
use std::time::Duration;

use super::super::draft::{micros, span};
use super::condition;
use super::deliver::Origin;
use super::desk::{Desk, Fault};
use super::lease::{Slot, Subject};
use super::row::{RawDelivery, instant, parse_id};
use crate::model::{Delivery, Timestamp};
use crate::store::{Claim, Claimed, Leased, Order, StoreError};

/// Both look at heads only, in the order in which they are due.
const FRESH: &str = "SELECT due_at, seq, id, lane, receipt, event, batch, attempts, tries
     FROM deliveries INDEXED BY deliveries_fresh
     WHERE destination = ?1 AND ready = 1 AND tries = 0 ORDER BY due_at, seq";
const AGAIN: &str = "SELECT due_at, seq, id, lane, receipt, event, batch, attempts, tries
     FROM deliveries INDEXED BY deliveries_again
     WHERE destination = ?1 AND ready = 1 AND tries > 0 ORDER BY due_at, seq";

/// What to claim, in the file's units.
#[derive(Debug)]
pub(super) struct Wanted {
    destination: String,
    limit: usize,
    retries: usize,
    now: i64,
    until: i64,
}

impl From<Claim> for Wanted {
    fn from(claim: Claim) -> Self {
        let order = Order { limit: claim.limit, retries: claim.retries, lease: claim.lease };
        Self::ordered(claim.destination, order, claim.now)
    }
}

impl Wanted {
    /// What an order asks for that is carried out now.
    pub(super) fn ordered(destination: String, order: Order, now: Timestamp) -> Self {
        let Order { limit, retries, lease } = order;
        let now = micros(now);
        let lease = lease.max(Duration::from_micros(1));
        Self { destination, limit, retries, now, until: now.saturating_add(span(lease)) }
    }
}

/// The answer, to be decoded by the caller.
#[derive(Debug, Default)]
pub(super) struct RawClaimed {
    leased: Vec<RawLeased>,
    next_due: Option<i64>,
    failing_since: Option<i64>,
}

#[derive(Debug)]
struct RawLeased {
    content: Content,
    attempts: u32,
    tries: u32,
    token: u64,
}

/// What a delivery brings.
#[derive(Debug)]
enum Content {
    Known(Arc<Delivery>),
    Read(Box<RawDelivery>),
}

#[derive(Debug)]
struct Candidate {
    due_at: i64,
    subject: Subject,
    slot: Slot,
    attempts: u32,
    tries: u32,
}

impl Content {
    fn decode(self) -> Result<Delivery, StoreError> {
        match self {
            Self::Known(delivery) => Ok(Arc::unwrap_or_clone(delivery)),
            Self::Read(raw) => raw.decode(),
        }
    }

    /// The destination, and what a lease on it keeps others from.
    fn place(self) -> Result<(String, Slot), StoreError> {
        match self {
            Self::Known(delivery) => {
                let slot = Slot::of(delivery.id, delivery.lane.as_deref());
                Ok((delivery.destination.clone(), slot))
            }
            Self::Read(raw) => Ok((raw.destination, Slot::of(parse_id(&raw.id)?, raw.lane.as_deref()))),
        }
    }
}

/// Due and free heads, and when the next one beyond them is due.
#[derive(Debug, Default)]
struct Range {
    due: Vec<Candidate>,
    next: Option<i64>,
}

impl RawClaimed {
    pub(super) fn decode(self) -> Result<Claimed, StoreError> {
        let leased = self.leased.into_iter().map(|raw| {
            Ok(Leased {
                delivery: raw.content.decode()?,
                attempts: raw.attempts,
                tries: raw.tries,
                token: raw.token,
            })
        });
        Ok(Claimed {
            leased: leased.collect::<Result<_, StoreError>>()?,
            next_due: self.next_due.map(instant).transpose()?,
            failing_since: self.failing_since.map(instant).transpose()?,
        })
    }

    /// Gives back what nobody is there to attempt.
    pub(super) fn give_back(self, desk: &mut Desk) {
        for raw in self.leased {
            let Ok((destination, slot)) = raw.content.place() else { continue };
            desk.leases.end(&destination, slot);
            desk.ring(&destination);
        }
    }
}

/// Leases what is wanted.
pub(super) fn claim(desk: &mut Desk, wanted: &Wanted) -> Result<RawClaimed, Fault> {
    let condition::State { paused, failing_since, .. } = condition::of(desk, &wanted.destination)?;
    if paused.is_some() {
        // The end of the pause rings.
        return Ok(RawClaimed { failing_since, ..RawClaimed::default() });
    }
    let fresh = range(desk, FRESH, wanted)?;
    let again = range(desk, AGAIN, wanted)?;
    let held = desk.leases.first_end(&wanted.destination, wanted.now);
    let (chosen, left) = choose(fresh, again, wanted, fastrand::bool());
    let mut leased = Vec::with_capacity(chosen.len());
    for candidate in chosen {
        let Candidate { subject, slot, attempts, tries, .. } = candidate;
        let content = match desk.recent.take(subject.seq) {
            Some(delivery) => Content::Known(delivery),
            None => Content::Read(Box::new(read(desk, subject.seq)?)),
        };
        let token = desk.leases.grant(&wanted.destination, slot, subject, wanted.until);
        leased.push(RawLeased { content, attempts, tries, token });
    }
    Ok(RawClaimed { leased, next_due: left.into_iter().chain(held).min(), failing_since })
}

/// Looks along one index until `limit` are found or the rest is not due; passes over what is leased.
fn range(desk: &Desk, sql: &str, wanted: &Wanted) -> Result<Range, Fault> {
    let mut select = desk.conn.prepare_cached(sql)?;
    let mut rows = select.query([&wanted.destination])?;
    let mut range = Range::default();
    while let Some(row) = rows.next()? {
        let delivery = parse_id(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)?;
        let slot = Slot::of(delivery, row.get_ref(3)?.as_str_or_null().map_err(rusqlite::Error::from)?);
        if desk.leases.holds(&wanted.destination, &slot, wanted.now) {
            continue;
        }
        let due_at = row.get(0)?;
        if due_at > wanted.now || range.due.len() >= wanted.limit {
            range.next = Some(due_at);
            break;
        }
        let origin = Origin { receipt: row.get(4)?, event: row.get(5)?, batch: row.get(6)? };
        let subject = Subject { delivery, seq: row.get(1)?, origin };
        range.due.push(Candidate { due_at, subject, slot, attempts: row.get(7)?, tries: row.get(8)? });
    }
    Ok(range)
}

/// Shares `limit` between fresh ones and retries, a single place by the toss of a coin; also tells
/// when the first one left behind is due.
fn choose(mut fresh: Range, mut again: Range, wanted: &Wanted, toss: bool) -> (Vec<Candidate>, Option<i64>) {
    let limit = wanted.limit;
    let half = if limit == 1 { usize::from(toss) } else { limit.div_ceil(2) };
    let for_again = again.due.len().min(limit - half.min(fresh.due.len())).min(wanted.retries);
    let for_fresh = fresh.due.len().min(limit - for_again);
    let mut chosen: Vec<_> = fresh.due.drain(..for_fresh).collect();
    chosen.extend(again.due.drain(..for_again));
    chosen.sort_by_key(|candidate| (candidate.due_at, candidate.subject.seq));
    let left = [fresh, again]
        .into_iter()
        .flat_map(|range| range.due.first().map(|candidate| candidate.due_at).into_iter().chain(range.next));
    (chosen, left.min())
}

fn read(desk: &Desk, seq: i64) -> Result<RawDelivery, Fault> {
    Ok(desk.conn.prepare_cached(RawDelivery::BY_SEQ)?.query_row([seq], RawDelivery::from_row)?)
}
