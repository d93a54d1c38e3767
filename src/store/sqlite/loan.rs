//! Which batches and which receipts are with a worker, by their rows. In memory, like the leases of
//! deliveries and for the same reason; what a failed commit promised is taken back.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::Connection;

use super::super::draft::{micros, span};
use super::desk::Fault;
use crate::store::Due;

/// What somebody asks for, in the file's units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    limit: usize,
    now: i64,
    until: i64,
}

impl From<Due> for Asked {
    fn from(due: Due) -> Self {
        let now = micros(due.now);
        let lease = due.lease.max(Duration::from_micros(1));
        Self { limit: due.limit, now, until: now.saturating_add(span(lease)) }
    }
}

/// The rows that somebody gets, with their tokens.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub(super) rows: Vec<(i64, u64)>,
    pub(super) next_due: Option<i64>,
}

impl Given {
    /// Gives back what nobody is there to work on.
    pub(super) fn give_back(self, loans: &mut Loans) {
        for (row, _) in self.rows {
            loans.end(row);
        }
    }
}

/// Gives what is due and free. `sql` selects rows and when they are due, the oldest due first.
pub(super) fn give(conn: &Connection, loans: &mut Loans, sql: &str, asked: Asked) -> Result<Given, Fault> {
    let mut select = conn.prepare_cached(sql)?;
    let mut rows = select.query([])?;
    let (mut due, mut next_due) = (Vec::new(), loans.first_end(asked.now));
    while let Some(row) = rows.next()? {
        let (seq, due_at): (i64, i64) = (row.get(0)?, row.get(1)?);
        if loans.holds(seq, asked.now) {
            continue;
        }
        if due_at > asked.now || due.len() >= asked.limit {
            next_due = Some(next_due.map_or(due_at, |next: i64| next.min(due_at)));
            break;
        }
        due.push(seq);
    }
    let rows = due.into_iter().map(|seq| (seq, loans.grant(seq, asked.until))).collect();
    Ok(Given { rows, next_due })
}

/// One of them. `until` is in microseconds; from then on it counts as none for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Loan {
    token: u64,
    until: i64,
}

/// All loans of one kind.
#[derive(Debug)]
pub(super) struct Loans {
    out: HashMap<i64, Loan>,
    last_token: u64,
    undo: Vec<(i64, Option<Loan>)>,
}

impl Loans {
    pub(super) fn new() -> Self {
        // Random for the same reason as the tokens of leases.
        Self { out: HashMap::new(), last_token: u64::from(fastrand::u32(..)) << 31, undo: Vec::new() }
    }

    /// Whether it was given to somebody who did not give it back, run out or not.
    pub(super) fn is_out(&self, row: i64) -> bool {
        self.out.contains_key(&row)
    }

    /// Whether somebody else may be at work on it.
    pub(super) fn holds(&self, row: i64, now: i64) -> bool {
        self.out.get(&row).is_some_and(|loan| loan.until > now)
    }

    /// Whether this token is the latest one.
    pub(super) fn is_valid(&self, row: i64, token: u64) -> bool {
        self.out.get(&row).is_some_and(|loan| loan.token == token)
    }

    /// When the first running one ends.
    pub(super) fn first_end(&self, now: i64) -> Option<i64> {
        self.out.values().map(|loan| loan.until).filter(|until| *until > now).min()
    }

    /// Gives a row to a new holder; a former one has lost it.
    pub(super) fn grant(&mut self, row: i64, until: i64) -> u64 {
        self.last_token += 1;
        let before = self.out.insert(row, Loan { token: self.last_token, until });
        self.undo.push((row, before));
        self.last_token
    }

    /// Takes it from whoever has it; whether somebody had it.
    pub(super) fn end(&mut self, row: i64) -> bool {
        let before = self.out.remove(&row);
        self.undo.push((row, before));
        before.is_some()
    }

    /// The batch was committed: what it changed stands.
    pub(super) fn keep(&mut self) {
        self.undo.clear();
    }

    /// How far [`Loans::take_back`] is to go.
    pub(super) fn mark(&self) -> usize {
        self.undo.len()
    }

    /// As if nothing had happened since the mark.
    pub(super) fn take_back(&mut self, mark: usize) {
        for (row, before) in self.undo.drain(mark.min(self.undo.len())..).rev() {
            match before {
                Some(loan) => self.out.insert(row, loan),
                None => self.out.remove(&row),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_back_is_as_it_was() {
        let mut loans = Loans::new();
        let token = loans.grant(1, 10);
        loans.keep();
        let mark = loans.mark();
        loans.end(1);
        loans.grant(1, 20);
        loans.grant(2, 20);
        loans.take_back(mark);
        assert!(loans.is_valid(1, token));
        assert!(!loans.is_out(2));
        assert_eq!((loans.first_end(9), loans.first_end(10)), (Some(10), None));
    }
}
