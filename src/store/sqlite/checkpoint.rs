//! The thread that copies the write-ahead log into the file, so that no commit has to wait for it.
//!
//! SQLite would do so inside a commit: one in some dozens then takes ten times as long as the others.

use std::os::raw::c_int;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::thread::Thread;

/// Every so many pages the log is copied. Seldom and much would keep the flush of a commit waiting for longer.
const OFTEN: c_int = 1_000;
/// From how many pages on the writer itself copies what is left, after the thread is done with what it is at.
/// Only then can it begin the log anew although it never rests.
const AT_LATEST: c_int = 8 * OFTEN;

/// The thread; it ends when the writer's connection is closed.
#[derive(Debug)]
pub(super) struct Checkpointer(Thread);

impl Checkpointer {
    /// `beside` is a connection of the thread's own.
    pub(super) fn spawn(writer: &mut Connection, beside: Connection) -> std::io::Result<Self> {
        let (wake, woken) = sync_channel::<()>(1);
        let turn = Arc::new(Mutex::new(()));
        let its_turn = Arc::clone(&turn);
        let thread = Thread::spawn("store-checkpoint", move || {
            while woken.recv().is_ok() {
                let _turn = its_turn.lock().unwrap_or_else(PoisonError::into_inner);
                // PASSIVE: waits for nobody, and nobody waits for it.
                let copied = beside.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
                if let Err(error) = copied {
                    tracing::warn!(%error, "the write-ahead log of the state store could not be copied into its file");
                }
            }
        })?;
        watch(writer, wake, turn).map_err(std::io::Error::other)?;
        Ok(Self(thread))
    }

    /// Waits for the thread's end. Blocks.
    pub(super) fn join(&self) {
        self.0.join();
    }
}

/// Has the thread woken after the commits that make the log long. This also ends SQLite's own way. `turn`: who
/// copies has it, as SQLite lets only one do so and does not let the other wait.
fn watch(writer: &mut Connection, wake: SyncSender<()>, turn: Arc<Mutex<()>>) -> rusqlite::Result<()> {
    let mut next = OFTEN;
    writer.wal_hook(Some(move |log: &mut rusqlite::hooks::Wal, pages: c_int| {
        if pages < next - OFTEN {
            // The log began anew.
            next = OFTEN;
        }
        if pages >= AT_LATEST.max(next) {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            // Busy if another process is at it: the next commit tries again. To SQLite an error here would
            // be one of the commit, which is done.
            next = log.checkpoint().map_or(pages + 1, |()| pages + OFTEN);
        } else if pages >= next {
            next = pages + OFTEN;
            if let Err(TrySendError::Disconnected(())) = wake.try_send(()) {
                tracing::error!("nobody copies the write-ahead log of the state store any more");
            }
        }
        Ok(())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_that_never_rests_does_not_let_the_log_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        let open = || {
            let conn = Connection::open(&file).unwrap();
            conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").unwrap();
            conn
        };
        let mut writer = open();
        writer.execute_batch("CREATE TABLE t (b BLOB)").unwrap();
        let checkpointer = Checkpointer::spawn(&mut writer, open()).unwrap();
        // Some 98 pages each time.
        let commits = 600;
        for _ in 0..commits {
            writer.execute("INSERT INTO t (b) VALUES (zeroblob(400000))", []).unwrap();
        }
        let pages = std::fs::metadata(folder.path().join("t.db-wal")).unwrap().len() / 4120;
        let most = u64::try_from(AT_LATEST + OFTEN).unwrap() + 2 * 98;
        assert!(pages <= most, "{pages} of some 58,800");
        drop(writer);
        checkpointer.join();
    }
}
