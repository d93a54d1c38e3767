//! The one thread that writes: takes what is queued, runs it in one transaction, commits, answers.
//!
//! Nothing is answered before the commit; if that fails, the whole batch is answered `Unavailable`
//! and the thread goes on with the next.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::super::bells::{Bells, Rung};
use super::claim::{self, Wanted};
use super::desk::{Desk, Fault, breaks_constraint};
use super::line::Jobs;
use super::pace::Pace;
use super::settle::{self, LeaseKey};
use crate::clock::Clock;
use crate::store::{Bell, Brought, Order, StoreError};

/// How many requests share one transaction at most.
const BATCH: usize = 512;

/// A request in the queue.
pub(super) trait Job: Send {
    /// Whether it may write to the file.
    fn writes(&self) -> bool;
    /// Nobody waits for the answer, and it need not be done without.
    fn is_abandoned(&self) -> bool;
    /// May be called again after its transaction was rolled back. `guarded`: should a constraint
    /// refuse it, then it alone.
    fn run(&mut self, desk: &mut Desk, guarded: bool) -> rusqlite::Result<()>;
    /// After the commit, or after what went wrong.
    fn answer(self: Box<Self>, failure: Option<&StoreError>, desk: &mut Desk);
}

type Task<T> = Box<dyn FnMut(&mut Desk) -> Result<T, Fault> + Send>;

/// A request whose answer is a `T`.
pub(super) struct Work<T> {
    writes: bool,
    /// Done even if the caller is gone.
    sure: bool,
    task: Task<T>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
    /// What to do with an answer that nobody took.
    lost: fn(T, &mut Desk),
}

impl<T: Send + 'static> Work<T> {
    pub(super) fn new(
        writes: bool,
        task: impl FnMut(&mut Desk) -> Result<T, Fault> + Send + 'static,
    ) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        let work = Self { writes, sure: false, task: Box::new(task), result: None, reply, lost: |_, _| () };
        (work, answer)
    }

    /// Must be done even if the caller is gone, because it tells what happened.
    pub(super) fn surely(mut self) -> Self {
        self.sure = true;
        self
    }

    /// What to do with an answer that nobody took.
    pub(super) fn if_lost(mut self, lost: fn(T, &mut Desk)) -> Self {
        self.lost = lost;
        self
    }
}

impl<T: Send + 'static> Job for Work<T> {
    fn writes(&self) -> bool {
        self.writes
    }

    fn is_abandoned(&self) -> bool {
        !self.sure && self.reply.is_closed()
    }

    fn run(&mut self, desk: &mut Desk, guarded: bool) -> rusqlite::Result<()> {
        let done = if guarded { desk.guarded(&mut self.task) } else { (self.task)(desk) };
        self.result = Some(match done {
            Ok(value) => Ok(value),
            Err(Fault::Refused(error)) => Err(error),
            Err(Fault::Sql(error)) => return Err(error),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<&StoreError>, desk: &mut Desk) {
        let answer = match (failure, self.result) {
            (Some(failure), _) => Err(failure.clone()),
            (None, Some(result)) => result,
            (None, None) => Err(StoreError::Unavailable("it was not done".into())),
        };
        if let Err(Ok(unread)) = self.reply.send(answer) {
            (self.lost)(unread, desk);
        }
    }
}

/// The thread's own state.
#[derive(Debug)]
pub(super) struct Writer {
    desk: Desk,
    bells: Arc<Bells>,
    clock: Arc<dyn Clock>,
    /// The last batch failed; told once, not for every batch.
    failing: bool,
    pace: Pace,
}

impl Writer {
    pub(super) fn new(desk: Desk, bells: Arc<Bells>, clock: Arc<dyn Clock>) -> Self {
        Self { desk, bells, clock, failing: false, pace: Pace::default() }
    }

    /// Serves until the queue is closed and empty, then tidies the file.
    pub(super) fn serve(mut self, jobs: Jobs<Box<dyn Job>>) {
        let mut batch = Vec::with_capacity(BATCH);
        while jobs.take(&mut batch, BATCH, self.pace.patience()) {
            batch.retain(|job| !job.is_abandoned());
            let written = batch.iter().filter(|job| job.writes()).count();
            if !batch.is_empty() {
                self.run(&mut batch, written);
            }
            if written > 0 {
                self.pace.note(written + jobs.waiting());
            }
        }
        if let Err(error) = self.desk.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "the write-ahead log of the state store stays beside it");
        }
    }

    /// `written`: how many of the batch may write.
    fn run(&mut self, batch: &mut Vec<Box<dyn Job>>, written: usize) {
        let writes = written > 0;
        let mut done = self.transact(batch, writes, false);
        // Rare (an id that is taken), so that only the second time has the price of savepoints.
        if done.as_ref().is_err_and(breaks_constraint) {
            done = self.transact(batch, writes, true);
        }
        let failure = done.err().map(|error| StoreError::Unavailable(error.to_string()));
        if writes {
            self.tell(failure.as_ref());
        }
        // In a crowd senders first: they come again as soon as they are answered. Who comes alone sees its
        // delivery leave sooner if its answer does not take this thread's processor before.
        if written == 1 {
            self.ring();
        }
        for job in batch.drain(..) {
            job.answer(failure.as_ref(), &mut self.desk);
        }
        self.desk.keep();
        self.ring();
    }

    /// Rings the bells that are to be rung, after what was ordered with them.
    fn ring(&mut self) {
        let rung = std::mem::take(&mut self.desk.rung);
        self.carry_out(&rung);
        self.bells.ring(rung);
        // For what was given back.
        self.bells.ring(std::mem::take(&mut self.desk.rung));
    }

    /// Makes the claims that were ordered for this moment.
    fn carry_out(&mut self, rung: &Rung) {
        for (destination, bell, order) in self.bells.orders(rung) {
            match self.bring(destination, &bell, order) {
                Ok(()) => self.desk.keep(),
                // The worker finds nothing brought, claims by itself and is told what is wrong.
                Err(_) => self.desk.undo(),
            }
        }
    }

    fn bring(&mut self, destination: String, bell: &Bell, order: Order) -> Result<(), Fault> {
        let now = self.clock.now();
        let wanted = Wanted::ordered(destination, order, now);
        let claimed = claim::claim(&mut self.desk, &wanted)?.decode()?;
        let Err(unwanted) = bell.bring(Brought { order, now, claimed }) else { return Ok(()) };
        for leased in &unwanted.claimed.leased {
            settle::release(&mut self.desk, &LeaseKey::of(leased))?;
        }
        Ok(())
    }

    /// All in one transaction; if that fails, as if it had never been.
    fn transact(&mut self, batch: &mut [Box<dyn Job>], writes: bool, guarded: bool) -> rusqlite::Result<()> {
        self.roll_back();
        self.desk.execute(if writes { "BEGIN IMMEDIATE" } else { "BEGIN" }, [])?;
        let done = self.fill(batch, guarded);
        if done.is_ok() {
            self.desk.keep();
        } else {
            self.roll_back();
            self.desk.undo();
        }
        done
    }

    fn fill(&mut self, batch: &mut [Box<dyn Job>], guarded: bool) -> rusqlite::Result<()> {
        for job in batch {
            job.run(&mut self.desk, guarded && job.writes())?;
        }
        self.desk.totals.flush(&self.desk.conn)?;
        self.desk.execute("COMMIT", []).map(drop)
    }

    /// Ends what is still open; some errors have done so themselves.
    fn roll_back(&self) {
        if !self.desk.conn.is_autocommit()
            && let Err(error) = self.desk.conn.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a write to the state store could not be rolled back");
        }
    }

    fn tell(&mut self, failure: Option<&StoreError>) {
        match failure {
            Some(error) if !self.failing => tracing::error!(%error, "a write failed; later ones are tried"),
            None if self.failing => tracing::info!("the state store can be written again"),
            _ => {}
        }
        self.failing = failure.is_some();
    }
}
