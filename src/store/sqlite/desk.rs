//! What the writer thread has on its desk: the connection, the leases, the totals of the batch.

use rusqlite::{Connection, ErrorCode, params};

use super::super::bells::Rung;
use super::condition::Conditions;
use super::lease::Leases;
use super::loan::Loans;
use super::number::Numbers;
use super::recent::Recent;
use super::tally::{Tallies, Tally, Totals};
use super::wording;
use crate::store::{Errand, StoreError};

/// Why a request did not succeed.
#[derive(Debug)]
pub(super) enum Fault {
    /// It alone is refused. Found out before it wrote anything.
    Refused(StoreError),
    /// The database failed: the whole batch is void.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// Everything a request works with. Lives in the writer thread.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) conn: Connection,
    pub(super) numbers: Numbers,
    pub(super) leases: Leases,
    pub(super) recent: Recent,
    /// Batches that somebody is about to seal.
    pub(super) batches: Loans,
    /// Receipts whose lookups somebody makes.
    pub(super) deferrals: Loans,
    pub(super) conditions: Conditions,
    pub(super) wordings: wording::Used,
    pub(super) totals: Totals,
    pub(super) tallies: Tallies,
    /// Whose bells ring after the commit.
    pub(super) rung: Rung,
}

/// How far the undoing goes when a request is refused.
#[derive(Debug)]
struct Mark {
    totals: Totals,
    leases: usize,
    recent: usize,
    batches: usize,
    deferrals: usize,
}

impl Desk {
    pub(super) fn new(conn: Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            numbers: Numbers::read(&conn)?,
            conn,
            leases: Leases::new(),
            recent: Recent::default(),
            batches: Loans::new(),
            deferrals: Loans::new(),
            conditions: Conditions::default(),
            wordings: wording::Used::default(),
            totals: Totals::default(),
            tallies: Tallies::default(),
            rung: Rung::default(),
        })
    }

    /// Rings the destination's bell once this is committed.
    pub(super) fn ring(&mut self, destination: &str) {
        self.rung.destination(destination);
    }

    /// The same for an errand.
    pub(super) fn announce(&mut self, errand: Errand) {
        self.rung.errand(errand);
    }

    /// Executes a statement that is prepared once.
    pub(super) fn execute(&self, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<usize> {
        self.conn.prepare_cached(sql)?.execute(params)
    }

    /// Runs a request so that a broken constraint (an id that is taken) refuses it alone and without
    /// a trace. Costs a good part of what the request itself costs.
    pub(super) fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mark = self.mark();
        self.execute("SAVEPOINT request", [])?;
        let done = work(self);
        if let Err(fault) = done {
            let refusal = refusal(fault)?;
            self.execute("ROLLBACK TO request", [])?;
            self.execute("RELEASE request", [])?;
            self.take_back(mark);
            return Err(Fault::Refused(refusal));
        }
        self.execute("RELEASE request", [])?;
        done
    }

    /// What was done is committed.
    pub(super) fn keep(&mut self) {
        self.leases.keep();
        self.recent.keep();
        self.batches.keep();
        self.deferrals.keep();
    }

    /// The batch failed: as if it had never been.
    pub(super) fn undo(&mut self) {
        self.take_back(Mark { totals: Totals::default(), leases: 0, recent: 0, batches: 0, deferrals: 0 });
        self.rung = Rung::default();
    }

    fn mark(&self) -> Mark {
        Mark {
            totals: self.totals.clone(),
            leases: self.leases.mark(),
            recent: self.recent.mark(),
            batches: self.batches.mark(),
            deferrals: self.deferrals.mark(),
        }
    }

    fn take_back(&mut self, mark: Mark) {
        self.totals = mark.totals;
        self.leases.take_back(mark.leases);
        self.recent.take_back(mark.recent);
        self.batches.take_back(mark.batches);
        self.deferrals.take_back(mark.deferrals);
        self.tallies.forget();
        self.conditions.forget();
        self.wordings.forget();
    }

    /// Changes an event's tally and moves it in the ledger.
    pub(super) fn recount(&mut self, event: i64, change: impl FnOnce(&mut Tally)) -> Result<(), Fault> {
        let mut tally = match self.tallies.of(event) {
            Some(known) => known,
            None => self.conn.prepare_cached(Tally::BY_EVENT)?.query_row([event], Tally::from_row)?,
        };
        let before = tally.state();
        change(&mut tally);
        let after = tally.state();
        self.execute(
            "UPDATE events SET state = ?2, pending = ?3, delivered = ?4, dead = ?5, cancelled = ?6,
                superseded = ?7, failed = ?8, filtered = ?9, coalesced = ?10, gathered = ?11,
                deferred = ?12 WHERE seq = ?1",
            params![
                event,
                after.name(),
                tally.pending,
                tally.delivered,
                tally.dead,
                tally.cancelled,
                tally.superseded,
                tally.failed,
                tally.filtered,
                tally.coalesced,
                tally.gathered,
                tally.deferred
            ],
        )?;
        self.tallies.note(event, tally);
        self.totals.moved(1, before, after);
        Ok(())
    }
}

/// The refusal in a fault, or the error that voids the batch.
fn refusal(fault: Fault) -> Result<StoreError, Fault> {
    match fault {
        Fault::Refused(error) => Ok(error),
        Fault::Sql(error) if breaks_constraint(&error) => {
            Ok(StoreError::Conflict(format!("it cannot be written as it is: {error}")))
        }
        Fault::Sql(error) => Err(Fault::Sql(error)),
    }
}

/// Whether the request is to blame, not the file.
pub(super) fn breaks_constraint(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig))
}
