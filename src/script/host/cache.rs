//! Compiled patterns and paths of one engine, kept by their text.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many are kept; scripts use literals, so there are few.
const ENTRIES: usize = 64;
/// How long a pattern or path may be.
pub(super) const MAX_TEXT: usize = 1024;

/// Compiled things by their text.
pub(super) struct Cache<T>(Arc<Mutex<HashMap<String, Arc<T>>>>);

impl<T> Clone for Cache<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Cache<T> {
    /// The thing of that text, compiled if it is not there yet.
    pub(super) fn get<E>(&self, text: &str, compile: impl FnOnce(&str) -> Result<T, E>) -> Result<Arc<T>, E> {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(text) {
            return Ok(known.clone());
        }
        let made = Arc::new(compile(text)?);
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES {
            entries.clear();
        }
        entries.insert(text.to_owned(), made.clone());
        Ok(made)
    }
}
