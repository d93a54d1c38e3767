//! A thread with a bounded queue in front. Knows nothing of what is asked.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;

use crate::store::StoreError;

/// The callers' end: the queue and the thread that serves it until everybody hung up.
pub(super) struct Line<J> {
    /// Gone after [`Line::hang_up`].
    queue: Mutex<Option<mpsc::Sender<J>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// How long a caller waits for a place in a full queue.
    wait: Duration,
}

impl<J> fmt::Debug for Line<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("thread", &self.thread).finish_non_exhaustive()
    }
}

impl<J: Send + 'static> Line<J> {
    /// Starts the thread; `serve` returns when the receiver yields `None`.
    pub(super) fn spawn(
        name: &str,
        places: usize,
        wait: Duration,
        serve: impl FnOnce(mpsc::Receiver<J>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(places.max(1));
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || serve(receiver))?;
        Ok(Self { queue: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)), wait })
    }

    /// Queues one job, waiting a bounded time for a place.
    pub(super) async fn put(&self, job: J) -> Result<(), StoreError> {
        let sender = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(closed)?;
        sender.send_timeout(job, self.wait).await.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => StoreError::Unavailable("too many requests are waiting".into()),
            SendTimeoutError::Closed(_) => closed(),
        })
    }

    /// Lets the thread finish what is queued and end; later jobs are refused.
    pub(super) fn hang_up(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Waits for the thread's end. Blocks.
    pub(super) fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a thread of the state store panicked");
        }
    }
}

/// The answer to whoever comes after the end.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".into())
}
