//! Places in lanes, kept for what deferred verdicts will send.

use std::collections::HashMap;

use rusqlite::params;

use super::super::draft::{DeliveryDraft, HoldDraft};
use super::desk::{Desk, Fault};
use super::lane;
use crate::store::Errand;

/// What a place is held for.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Purpose {
    event: i64,
    route: String,
    destination: String,
    lane: String,
}

impl Purpose {
    fn of_draft(event: i64, draft: &HoldDraft) -> Self {
        let HoldDraft { route, destination, lane, .. } = draft;
        Self { event, route: route.clone(), destination: destination.clone(), lane: lane.clone() }
    }
}

/// The places that a receipt holds, with their numbers.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<Purpose, i64>);

impl Places {
    pub(super) fn of(desk: &Desk, receipt: i64) -> Result<Self, Fault> {
        let mut select = desk
            .conn
            .prepare_cached("SELECT event, route, destination, lane, place FROM held WHERE receipt = ?1")?;
        let rows = select.query_map([receipt], |row| {
            let purpose = Purpose {
                event: row.get(0)?,
                route: row.get(1)?,
                destination: row.get(2)?,
                lane: row.get(3)?,
            };
            Ok((purpose, row.get(4)?))
        })?;
        Ok(Self(rows.collect::<rusqlite::Result<_>>()?))
    }

    /// The place that was held for a delivery.
    pub(super) fn of_delivery(&self, event: i64, delivery: &DeliveryDraft) -> Option<i64> {
        if self.0.is_empty() {
            return None;
        }
        let (route, destination) = (delivery.route.clone(), delivery.destination.clone());
        self.0.get(&Purpose { event, route, destination, lane: delivery.lane.clone()? }).copied()
    }

    /// Holds a place behind everything that is there, unless it is held.
    pub(super) fn hold(
        &self,
        desk: &mut Desk,
        receipt: i64,
        event: i64,
        draft: &HoldDraft,
    ) -> Result<(), Fault> {
        if self.0.contains_key(&Purpose::of_draft(event, draft)) {
            return Ok(());
        }
        let place = desk.numbers.place();
        desk.execute(
            "INSERT OR IGNORE INTO held (place, receipt, event, route, destination, lane)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![place, receipt, event, draft.route, draft.destination, draft.lane],
        )?;
        Ok(())
    }

    /// Lets those go that are not held any more, and their lanes with them.
    pub(super) fn free<'a>(
        mut self,
        desk: &mut Desk,
        still: impl Iterator<Item = (i64, &'a HoldDraft)>,
    ) -> Result<(), Fault> {
        if self.0.is_empty() {
            return Ok(());
        }
        for (event, draft) in still {
            self.0.remove(&Purpose::of_draft(event, draft));
        }
        for place in self.0.values() {
            desk.execute("DELETE FROM held WHERE place = ?1", [place])?;
        }
        // A later change of the object may wait for its turn to be looked up.
        desk.announce(Errand::Deferred);
        for Purpose { destination, lane, .. } in self.0.keys() {
            lane::promote(desk, destination, Some(lane))?;
            desk.ring(destination);
        }
        Ok(())
    }
}
