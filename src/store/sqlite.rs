//! The embedded backend: one SQLite file, one writer thread with group commit, one reader thread.
//!
//! Only one process serves a file, so leases live in the writer's memory and end with it. The
//! caller serialises and decodes; the writer only binds, steps and commits.

mod accept;
mod adopt;
mod batch;
mod checkpoint;
mod claim;
mod condition;
#[cfg(test)]
mod cost;
mod defer;
mod deliver;
mod desk;
mod finish;
mod gather;
mod hold;
mod lane;
mod lease;
mod line;
mod list;
mod loan;
mod migrate;
mod notice;
mod number;
mod open;
mod operate;
mod outcome;
mod pace;
mod purge;
mod reader;
mod recent;
mod replay;
mod row;
mod seal;
mod settle;
mod show;
mod supersede;
mod tally;
mod thread;
mod wording;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;
use tokio::sync::{Notify, oneshot};

use self::adopt::PastDraft;
use self::checkpoint::Checkpointer;
use self::claim::RawClaimed;
use self::desk::{Desk, Fault};
use self::line::{Haste, Line, closed};
use self::loan::{Asked, Given};
use self::reader::Reader;
use self::replay::Resolving;
use self::row::instant;
use self::seal::SealDraft;
use self::settle::{LeaseKey, SettleDraft};
use self::writer::{Job, Work, Writer};
use super::bells::Bells;
use super::draft::{Beside, OutcomeDraft, ReceiptDraft, micros};
use super::{
    Accepted, Bell, Claim, Claimed, Condition, Deferred, DeliveryFilter, DeliverySummary, Due, Errand, Keep,
    Leased, LeasedBatch, LeasedReceipt, Ledger, Notice, Page, PageRequest, Past, ReceiptFilter,
    ReceiptSummary, Ripe, Settlement, Store, StoreError, StoredDelivery, StoredReceipt, Waiting,
};
use crate::clock::Clock;
use crate::model::{Attempt, DeliveryId, Gathered, Outcome, Receipt, ReceiptId, Sealed, Timestamp};

pub use self::open::OpenError;

/// The bounds of an open file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How many writes may wait for the writer.
    pub queue: usize,
    /// How long a call waits for a place among them before it is `Unavailable`.
    pub queue_wait: Duration,
    /// How long a batch waits for a lock that another program has on the file.
    pub busy_timeout: Duration,
    /// How big the file may become; at that size it counts as a full disk. `None`: as the disk.
    pub max_bytes: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue: 2048,
            queue_wait: Duration::from_secs(2),
            busy_timeout: Duration::from_secs(1),
            max_bytes: None,
        }
    }
}

/// Reads what was given: rows and tokens.
type Reading<T> = fn(&Connection, &[(i64, u64)]) -> Result<Vec<T>, StoreError>;

/// How many questions may wait for the reader.
const QUESTIONS: usize = 128;

/// The embedded store. Dropping it closes it.
#[derive(Debug)]
pub struct Sqlite {
    threads: Arc<Threads>,
    bells: Arc<Bells>,
    clock: Arc<dyn Clock>,
}

/// What serves the file.
#[derive(Debug)]
struct Threads {
    writer: Line<Box<dyn Job>>,
    reader: Reader,
    checkpointer: Checkpointer,
    /// Kept until all ended.
    lock: Mutex<Option<std::fs::File>>,
}

impl Threads {
    /// Waits for all and lets the file go. Blocks. The reader ends first, so that the writer can
    /// fold the write-ahead log into the file.
    fn end(&self) {
        self.reader.hang_up();
        self.reader.join();
        self.writer.hang_up();
        self.writer.join();
        self.checkpointer.join();
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Sqlite {
    /// Opens a state file, creating it and its folder where missing, with the usual bounds. Blocks.
    pub fn open(file: &Path, clock: Arc<dyn Clock>) -> Result<Arc<Self>, OpenError> {
        Self::open_with(file, clock, Settings::default())
    }

    /// The same with other bounds.
    pub fn open_with(file: &Path, clock: Arc<dyn Clock>, settings: Settings) -> Result<Arc<Self>, OpenError> {
        let Settings { queue, queue_wait, busy_timeout, max_bytes } = settings;
        let mut opened = open::open(file, busy_timeout, max_bytes)?;
        let no_threads = |cause| OpenError::Threads { file: file.to_owned(), cause };
        let bells = Arc::new(Bells::default());
        let checkpointer = Checkpointer::spawn(&mut opened.writer, opened.beside).map_err(no_threads)?;
        let desk =
            Desk::new(opened.writer).map_err(|cause| OpenError::Sqlite { file: file.to_owned(), cause })?;
        let writer = Writer::new(desk, Arc::clone(&bells), Arc::clone(&clock));
        let threads = Threads {
            writer: Line::spawn("store-writer", queue, queue_wait, move |jobs| writer.serve(jobs))
                .map_err(no_threads)?,
            reader: Reader::spawn(opened.reader, QUESTIONS, queue_wait).map_err(no_threads)?,
            checkpointer,
            lock: Mutex::new(Some(opened.lock)),
        };
        Ok(Arc::new(Self { threads: Arc::new(threads), bells, clock }))
    }

    /// Has the writer do something and waits until it is committed.
    async fn write<T: Send + 'static>(
        &self,
        task: impl FnMut(&mut Desk) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (work, answer) = Work::new(true, task);
        self.hand_over(work, answer).await
    }

    /// Leases batches or receipts that are due, and reads them; also when to ask again. What cannot
    /// be read is given back.
    async fn take<T: Send + 'static>(
        &self,
        due: Due,
        task: fn(&mut Desk, Asked) -> Result<Given, Fault>,
        give_back: fn(Given, &mut Desk),
        read: Reading<T>,
    ) -> Result<(Vec<T>, Option<Timestamp>), StoreError> {
        let asked = due.into();
        let (work, answer) = Work::new(false, move |desk: &mut Desk| task(desk, asked));
        let given = self.hand_over(work.if_lost(give_back), answer).await?;
        let (rows, next_due) = (given.rows.clone(), given.next_due.map(instant).transpose()?);
        match self.threads.reader.ask(move |conn| read(conn, &rows)).await {
            Ok(found) => Ok((found, next_due)),
            Err(why) => {
                let mut given = Some(given);
                let (work, answer) = Work::new(false, move |desk: &mut Desk| {
                    given.take().into_iter().for_each(|given| give_back(given, desk));
                    Ok(())
                });
                self.hand_over(work.surely(), answer).await?;
                Err(why)
            }
        }
    }

    async fn hand_over<T: Send + 'static>(
        &self,
        work: Work<T>,
        answer: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.put(Haste::InCompany, work, answer).await
    }

    async fn put<T: Send + 'static>(
        &self,
        haste: Haste,
        work: Work<T>,
        answer: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.threads.writer.put(Box::new(work), haste).await?;
        answer.await.map_err(|_| closed())?
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.threads.end();
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn accept(&self, receipt: &Receipt, outcome: &Outcome) -> Result<Accepted, StoreError> {
        let deliveries = recent::of(receipt, outcome)?;
        let outcome = OutcomeDraft::new(outcome, Beside::Shared(&receipt.body), receipt.received_at)?;
        let receipt = ReceiptDraft::new(receipt)?;
        self.write(move |desk| accept::accept(desk, &receipt, &outcome, &deliveries)).await
    }

    fn bell(&self, destination: &str) -> Arc<Bell> {
        self.bells.of(destination)
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        let wanted = claim.into();
        let (work, answer) = Work::new(false, move |desk: &mut Desk| claim::claim(desk, &wanted));
        // Writes nothing, so it shares nothing with a commit. A release does neither, but must not overtake the
        // settling of its lease.
        self.put(Haste::AtOnce, work.if_lost(RawClaimed::give_back), answer).await?.decode()
    }

    async fn settle(
        &self,
        lease: &Leased,
        attempt: Attempt,
        settlement: Settlement,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let draft = SettleDraft::new(lease, &attempt, settlement, now)?;
        let (work, answer) = Work::new(true, move |desk: &mut Desk| settle::settle(desk, &draft));
        self.hand_over(work.surely(), answer).await
    }

    async fn release(&self, lease: &Leased) -> Result<(), StoreError> {
        let key = LeaseKey::of(lease);
        let (work, answer) = Work::new(false, move |desk: &mut Desk| settle::release(desk, &key));
        self.hand_over(work.surely(), answer).await
    }

    async fn replay(&self, receipt: ReceiptId, seen: u32, outcome: &Outcome) -> Result<(), StoreError> {
        let now = self.clock.now();
        let outcome = OutcomeDraft::new(outcome, Beside::Nothing, now)?;
        self.write(move |desk| replay::replay(desk, receipt, seen, &outcome, micros(now))).await
    }

    async fn retry(&self, delivery: DeliveryId, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |desk| operate::retry(desk, delivery, micros(now))).await
    }

    async fn cancel(&self, delivery: DeliveryId, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |desk| operate::cancel(desk, delivery, micros(now))).await
    }

    async fn receipts(
        &self,
        filter: ReceiptFilter,
        page: PageRequest,
    ) -> Result<Page<ReceiptSummary>, StoreError> {
        self.threads.reader.ask(move |conn| list::receipts(conn, filter, &page)).await
    }

    async fn receipt(&self, id: ReceiptId) -> Result<StoredReceipt, StoreError> {
        self.threads.reader.ask(move |conn| show::receipt(conn, id)).await
    }

    async fn deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<DeliverySummary>, StoreError> {
        self.threads.reader.ask(move |conn| list::deliveries(conn, filter, &page)).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<StoredDelivery, StoreError> {
        self.threads.reader.ask(move |conn| show::delivery(conn, id)).await
    }

    async fn ledger(&self) -> Result<Ledger, StoreError> {
        self.threads.reader.ask(show::ledger).await
    }

    async fn pending(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.threads.reader.ask(show::pending).await
    }

    async fn purge(&self, keep: Keep, now: Timestamp) -> Result<u64, StoreError> {
        let limits = purge::Limits::new(keep, now);
        let mut receipts = 0;
        loop {
            let step = self.write(move |desk| purge::step(desk, limits)).await?;
            receipts += step.receipts;
            if step.is_last {
                return Ok(receipts);
            }
        }
    }

    async fn gathering(&self, receipt: ReceiptId) -> Result<Vec<Gathered>, StoreError> {
        self.threads.reader.ask(move |conn| adopt::gathering(conn, receipt)).await
    }

    async fn adopt(&self, delivery: DeliveryId, past: &Past) -> Result<(), StoreError> {
        let (past, now) = (PastDraft::new(past)?, micros(self.clock.now()));
        self.write(move |desk| adopt::adopt(desk, delivery, &past, now)).await
    }

    async fn remember(
        &self,
        (source, key, receipt): (&str, &str, ReceiptId),
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (source, key) = (source.to_owned(), key.to_owned());
        let (until, now) = (micros(until), micros(now));
        self.write(move |desk| adopt::remember(desk, (&source, &key, receipt), until, now)).await
    }

    async fn others(&self) -> Result<Vec<String>, StoreError> {
        // Nobody else has the file.
        Ok(Vec::new())
    }

    async fn call_for_reload(&self) -> Result<(), StoreError> {
        // Nobody else has the file.
        Ok(())
    }

    fn reloads(&self) -> Arc<Notify> {
        Arc::default()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let now = micros(self.clock.now());
        self.write(move |desk| {
            desk.execute("INSERT OR REPLACE INTO pulse (id, at) VALUES (1, ?1)", [now])?;
            Ok(())
        })
        .await
    }

    fn errands(&self, errand: Errand) -> Arc<Notify> {
        self.bells.errand(errand)
    }

    async fn ripe(&self, due: Due) -> Result<Ripe, StoreError> {
        let (batches, next_due) = self.take(due, seal::ripe, seal::give_back, batch::leased).await?;
        Ok(Ripe { batches, next_due })
    }

    async fn seal(&self, leased: &LeasedBatch, sealed: &Sealed, now: Timestamp) -> Result<(), StoreError> {
        let draft = SealDraft::new(leased, sealed, now)?;
        self.write(move |desk| seal::seal(desk, &draft)).await
    }

    async fn listen_again(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.write(move |desk| gather::listen_again(desk, micros(now))).await
    }

    async fn deferred(&self, due: Due) -> Result<Deferred, StoreError> {
        let (receipts, next_due) = self.take(due, defer::due, defer::give_back, show::deferred).await?;
        Ok(Deferred { receipts, next_due })
    }

    async fn resolve(
        &self,
        leased: &LeasedReceipt,
        outcome: &Outcome,
        again: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let outcome = OutcomeDraft::new(outcome, Beside::Nothing, now)?;
        let by = Resolving::new(leased, micros(again), micros(now));
        self.write(move |desk| replay::resolve(desk, &by, &outcome)).await
    }

    async fn waiting(&self) -> Result<Waiting, StoreError> {
        self.threads.reader.ask(show::waiting).await
    }

    async fn pause(&self, destination: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        let (destination, reason) = (destination.to_owned(), reason.to_owned());
        self.write(move |desk| condition::pause(desk, &destination, &reason, micros(now))).await
    }

    async fn resume(&self, destination: &str, _: Timestamp) -> Result<bool, StoreError> {
        let destination = destination.to_owned();
        self.write(move |desk| condition::resume(desk, &destination)).await
    }

    async fn trouble(&self, destination: &str, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
        let (destination, reason) = (destination.to_owned(), reason.to_owned());
        self.write(move |desk| condition::trouble(desk, &destination, &reason, micros(now))).await
    }

    async fn conditions(&self) -> Result<Vec<Condition>, StoreError> {
        self.threads.reader.ask(condition::list).await
    }

    async fn notices(&self, limit: usize) -> Result<Vec<Notice>, StoreError> {
        self.threads.reader.ask(move |conn| notice::list(conn, limit)).await
    }

    async fn told(&self, number: u64) -> Result<(), StoreError> {
        self.write(move |desk| notice::forget(desk, number)).await
    }

    async fn close(&self) {
        // Nothing new from here on; what is queued is finished.
        self.threads.reader.hang_up();
        self.threads.writer.hang_up();
        let threads = Arc::clone(&self.threads);
        if tokio::task::spawn_blocking(move || threads.end()).await.is_err() {
            tracing::error!("the state store could not be closed in order");
        }
    }
}
