//! What is due in the partitions, and how many to lease in which, so that the oldest of all go first.

use serde::Serialize;

use super::answer::{array, instant, items, maybe, read, text};
use super::desk::{Ask, Desk};
use crate::model::Timestamp;
use crate::store::draft::span;
use crate::store::{Due, StoreError};

/// How many are wanted, and for how long.
#[derive(Debug, Serialize)]
pub(super) struct Lease {
    limit: usize,
    lease: i64,
}

impl Lease {
    pub(super) fn new(limit: usize, due: &Due) -> Self {
        Self { limit, lease: span(due.lease).max(1) }
    }
}

/// Where one stands among all: when it is due, and its mark.
pub(super) type Order = (i64, String);

/// How many to lease in a partition.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) part: u32,
    pub(super) limit: usize,
    /// Where that is none: when to ask there again.
    pub(super) again: Option<Timestamp>,
}

/// What is due in one partition, the oldest first.
#[derive(Debug)]
struct Coming {
    part: u32,
    due: Vec<Order>,
    /// When to ask again for others.
    next_due: Option<Timestamp>,
}

/// Shares the limit out. `op` tells what is due in a partition, without leasing it.
pub(super) async fn shares(
    desk: &Desk,
    op: &'static str,
    due: &Due,
    parts: &[u32],
) -> Result<Vec<Share>, StoreError> {
    if let ([part], 1..) = (parts, due.limit) {
        return Ok(vec![Share { part: *part, limit: due.limit, again: None }]);
    }
    let mut coming = Vec::with_capacity(parts.len());
    for part in parts {
        coming.push(look(desk, op, due, *part).await?);
    }
    let mut oldest: Vec<(&Order, u32)> =
        coming.iter().flat_map(|one| one.due.iter().map(|order| (order, one.part))).collect();
    oldest.sort_unstable();
    oldest.truncate(due.limit);
    let share = |one: &Coming| {
        let limit = oldest.iter().filter(|(_, part)| *part == one.part).count();
        let first = one.due.first().map(|(at, _)| instant(*at)).transpose()?;
        Ok(Share { part: one.part, limit, again: [first, one.next_due].into_iter().flatten().min() })
    };
    coming.iter().map(share).collect()
}

async fn look(desk: &Desk, op: &'static str, due: &Due, part: u32) -> Result<Coming, StoreError> {
    let asked = Lease::new(due.limit, due);
    let [found, next_due] = array(desk.ask(Ask::new(part, op, due.now, &asked)).await?)?;
    let one = |value| {
        let [at, mark] = array(value)?;
        Ok((read(at)?, text(mark)?))
    };
    let due = items(found)?.into_iter().map(one).collect::<Result<_, StoreError>>()?;
    Ok(Coming { part, due, next_due: maybe(next_due)?.map(instant).transpose()? })
}
