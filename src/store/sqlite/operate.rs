//! What operators do to a delivery by hand.

use rusqlite::params;

use super::desk::{Desk, Fault};
use super::finish::{Ending, Row, finish, revive};
use super::supersede;
use crate::model::{DeliveryId, DeliveryState};
use crate::store::StoreError;

/// Makes a delivery due now, reviving it where it had ended.
pub(super) fn retry(desk: &mut Desk, id: DeliveryId, now: i64) -> Result<(), Fault> {
    let (row, state) = Row::find(desk, id)?;
    let state = match DeliveryState::parse(&state) {
        Some(DeliveryState::Delivered | DeliveryState::Superseded) | None => {
            return Err(Fault::Refused(ended(id, &state)));
        }
        Some(state) => state,
    };
    if let Some(newer) = supersede::newer(desk, &row)? {
        let text = format!("{id} is out of date: the newer change {newer} of its object waits or went out");
        return Err(Fault::Refused(StoreError::Conflict(text)));
    }
    if state == DeliveryState::Pending {
        desk.execute("UPDATE deliveries SET due_at = ?2, tries = 0 WHERE seq = ?1", params![row.seq, now])?;
    } else {
        revive(desk, &row, state, now)?;
        supersede::arrived(desk, &row, now)?;
    }
    desk.ring(&row.destination);
    Ok(())
}

/// Ends a pending delivery that nobody attempts just now.
pub(super) fn cancel(desk: &mut Desk, id: DeliveryId, now: i64) -> Result<(), Fault> {
    let (row, state) = Row::find(desk, id)?;
    if state != DeliveryState::Pending.name() {
        return Err(Fault::Refused(ended(id, &state)));
    }
    let slot = row.slot(id);
    if let Some(lease) = desk.leases.get(&row.destination, &slot).filter(|lease| lease.subject.delivery == id)
    {
        if lease.until > now {
            let text = format!("an attempt of {id} is under way: try again when it is over");
            return Err(Fault::Refused(StoreError::Conflict(text)));
        }
        desk.leases.end(&row.destination, slot);
    }
    let reason = Some("cancelled by an operator".into());
    finish(desk, &row, &Ending { state: DeliveryState::Cancelled, reason, by: None, now })
}

fn ended(id: DeliveryId, state: &str) -> StoreError {
    StoreError::Conflict(format!("{id} is {state} already"))
}
