//! What an event counts as, and the running totals. Pure counting, and the two statements that
//! carry it to the tables.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Row, params};

use crate::model::DeliveryState;

/// The one state an event is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventState {
    Delivered,
    Coalesced,
    Filtered,
    Unmatched,
    Superseded,
    Dead,
    Cancelled,
    Pending,
}

impl EventState {
    #[cfg(test)]
    const ALL: [Self; 8] = [
        Self::Delivered,
        Self::Coalesced,
        Self::Filtered,
        Self::Unmatched,
        Self::Superseded,
        Self::Dead,
        Self::Cancelled,
        Self::Pending,
    ];

    /// As in the tables `events` and `ledger`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Coalesced => "coalesced",
            Self::Filtered => "filtered",
            Self::Unmatched => "unmatched",
            Self::Superseded => "superseded",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Pending => "pending",
        }
    }
}

/// The numbers an event's state follows from: its deliveries by state (those of its batches among
/// them, which count as coalesced where they were delivered), how many routes failed on it, dropped
/// it or put it off, and in how many open batches it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) pending: i64,
    pub(super) delivered: i64,
    pub(super) dead: i64,
    pub(super) cancelled: i64,
    pub(super) superseded: i64,
    pub(super) failed: i64,
    pub(super) filtered: i64,
    pub(super) coalesced: i64,
    pub(super) gathered: i64,
    pub(super) deferred: i64,
}

impl Tally {
    /// See [`crate::store::Ledger`] for the rule.
    pub(super) fn state(&self) -> EventState {
        let rule = [
            (self.pending + self.failed + self.gathered + self.deferred, EventState::Pending),
            (self.dead, EventState::Dead),
            (self.cancelled, EventState::Cancelled),
            (self.delivered, EventState::Delivered),
            (self.coalesced, EventState::Coalesced),
            (self.superseded, EventState::Superseded),
            (self.filtered, EventState::Filtered),
        ];
        rule.into_iter().find(|(count, _)| *count > 0).map_or(EventState::Unmatched, |(_, state)| state)
    }

    /// The deliveries of that state.
    pub(super) fn deliveries(&mut self, state: DeliveryState, is_batch: bool) -> &mut i64 {
        match state {
            DeliveryState::Pending => &mut self.pending,
            DeliveryState::Delivered if is_batch => &mut self.coalesced,
            DeliveryState::Delivered => &mut self.delivered,
            DeliveryState::Dead => &mut self.dead,
            DeliveryState::Cancelled => &mut self.cancelled,
            DeliveryState::Superseded => &mut self.superseded,
        }
    }

    /// Selects what [`Tally::from_row`] reads.
    pub(super) const BY_EVENT: &str =
        "SELECT pending, delivered, dead, cancelled, superseded, failed, filtered, coalesced, gathered,
            deferred FROM events WHERE seq = ?1";

    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            pending: row.get(0)?,
            delivered: row.get(1)?,
            dead: row.get(2)?,
            cancelled: row.get(3)?,
            superseded: row.get(4)?,
            failed: row.get(5)?,
            filtered: row.get(6)?,
            coalesced: row.get(7)?,
            gathered: row.get(8)?,
            deferred: row.get(9)?,
        })
    }
}

/// How many events' tallies are kept at most.
const KEPT: usize = 1024;

/// The tallies of events with something pending that were written a moment ago, by row: most of them change
/// soon, and need not be read again for that.
#[derive(Debug, Default)]
pub(super) struct Tallies(HashMap<i64, Tally>);

impl Tallies {
    /// What the event's row says, if that is known.
    pub(super) fn of(&self, event: i64) -> Option<Tally> {
        self.0.get(&event).copied()
    }

    /// Its row says this now.
    pub(super) fn note(&mut self, event: i64, tally: Tally) {
        if tally.pending == 0 {
            self.0.remove(&event);
            return;
        }
        // Those that nothing happens to for long make room for others.
        if self.0.len() >= KEPT {
            self.0.clear();
        }
        self.0.insert(event, tally);
    }

    /// Something was taken back.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// What a batch adds to the running totals; written once, just before its commit.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    ledger: BTreeMap<&'static str, i64>,
    backlog: BTreeMap<String, i64>,
}

impl Totals {
    /// A new event.
    pub(super) fn accepted(&mut self, state: EventState) {
        *self.ledger.entry("accepted").or_default() += 1;
        *self.ledger.entry(state.name()).or_default() += 1;
    }

    /// `count` events changed their state.
    pub(super) fn moved(&mut self, count: i64, from: EventState, to: EventState) {
        *self.ledger.entry(from.name()).or_default() -= count;
        *self.ledger.entry(to.name()).or_default() += count;
    }

    /// A destination got (or got rid of) pending deliveries.
    pub(super) fn waiting(&mut self, destination: &str, change: i64) {
        match self.backlog.get_mut(destination) {
            Some(pending) => *pending += change,
            None => {
                self.backlog.insert(destination.to_owned(), change);
            }
        }
    }

    /// Adds all to the tables, inside the caller's transaction.
    pub(super) fn flush(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let mut ledger = conn.prepare_cached("UPDATE ledger SET total = total + ?2 WHERE name = ?1")?;
        for (name, change) in self.ledger.iter().filter(|(_, change)| **change != 0) {
            ledger.execute(params![name, change])?;
        }
        let mut backlog = conn.prepare_cached(
            "INSERT INTO backlog (destination, pending) VALUES (?1, ?2)
             ON CONFLICT (destination) DO UPDATE SET pending = pending + excluded.pending",
        )?;
        for (destination, change) in self.backlog.iter().filter(|(_, change)| **change != 0) {
            backlog.execute(params![destination, change])?;
        }
        *self = Self::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_the_first_that_holds_of_the_rule() {
        let mut tally = Tally::default();
        assert_eq!(tally.state(), EventState::Unmatched);
        let numbers: [fn(&mut Tally) -> &mut i64; 7] = [
            |tally| &mut tally.filtered,
            |tally| &mut tally.superseded,
            |tally| &mut tally.coalesced,
            |tally| &mut tally.delivered,
            |tally| &mut tally.cancelled,
            |tally| &mut tally.dead,
            |tally| &mut tally.failed,
        ];
        let states = ["filtered", "superseded", "coalesced", "delivered", "cancelled", "dead", "pending"];
        for (number, state) in numbers.into_iter().zip(states) {
            *number(&mut tally) = 1;
            assert_eq!(tally.state().name(), state);
        }
        for waits in [
            Tally { gathered: 1, dead: 1, ..Tally::default() },
            Tally { deferred: 1, dead: 1, ..Tally::default() },
            Tally { pending: 1, dead: 1, ..Tally::default() },
        ] {
            assert_eq!(waits.state(), EventState::Pending);
        }
    }

    #[test]
    fn every_state_has_a_row_in_the_ledger() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(include_str!("../schema.sql")).unwrap();
        for state in EventState::ALL {
            let mut totals = Totals::default();
            totals.accepted(state);
            totals.flush(&conn).unwrap();
            let total: i64 = conn
                .query_row("SELECT total FROM ledger WHERE name = ?1", [state.name()], |row| row.get(0))
                .unwrap();
            assert_eq!(total, 1, "{}", state.name());
        }
    }
}
