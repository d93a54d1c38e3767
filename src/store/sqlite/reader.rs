//! The thread that answers the questions of people: its own connection, so that a slow list holds
//! up no write. It sees what is committed and changes nothing.

use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::line::{Haste, Jobs, Line, Patience, closed};
use crate::store::StoreError;

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// The questioner's end.
#[derive(Debug)]
pub(super) struct Reader(Line<Question>);

impl Reader {
    pub(super) fn spawn(conn: Connection, places: usize, wait: Duration) -> std::io::Result<Self> {
        let line = Line::spawn("store-reader", places, wait, move |questions: Jobs<Question>| {
            let mut next = Vec::with_capacity(1);
            while questions.take(&mut next, 1, Patience::NONE) {
                next.drain(..).for_each(|question| question(&conn));
            }
        })?;
        Ok(Self(line))
    }

    /// Asks one question, in one snapshot of the file.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let asked: Question = Box::new(move |conn| {
            if !reply.is_closed() {
                // An answer that nobody waits for any more is no loss.
                let _ = reply.send(in_snapshot(conn, question));
            }
        });
        self.0.put(asked, Haste::InCompany).await?;
        answer.await.map_err(|_| closed())?
    }

    pub(super) fn hang_up(&self) {
        self.0.hang_up();
    }

    /// Waits for the thread's end. Blocks.
    pub(super) fn join(&self) {
        self.0.join();
    }
}

fn in_snapshot<T>(
    conn: &Connection,
    question: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let snapshot = conn.unchecked_transaction().map_err(super::row::unavailable)?;
    question(&snapshot)
}
