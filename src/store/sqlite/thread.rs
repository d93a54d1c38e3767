//! A thread that somebody waits for in the end.

use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

#[derive(Debug)]
pub(super) struct Thread(Mutex<Option<JoinHandle<()>>>);

impl Thread {
    pub(super) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<Self> {
        let handle = Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self(Mutex::new(Some(handle))))
    }

    /// Waits for its end. Blocks.
    pub(super) fn join(&self) {
        let handle = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if handle.is_some_and(|handle| handle.join().is_err()) {
            tracing::error!("a thread of the state store panicked");
        }
    }
}
