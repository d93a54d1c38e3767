//! Answers that are remembered: so many bytes of them, each for so long.
//!
//! Time is the [clock](crate::clock)'s; whoever asks brings the instant.

use std::sync::Arc;

use quick_cache::sync::{Cache as Kept, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::answer::Good;
use super::question::Key;
use crate::config;
use crate::model::{Json, Timestamp};

/// What an entry costs besides its value, in bytes.
const ENTRY: u64 = 128;
/// What a value costs besides its text.
const NODE: usize = 64;

#[derive(Debug, Clone)]
struct Entry {
    good: Good,
    weight: u64,
    until: Timestamp,
}

#[derive(Debug, Clone, Copy)]
struct Bytes;

impl Weighter<Key, Entry> for Bytes {
    fn weight(&self, _: &Key, entry: &Entry) -> u64 {
        entry.weight
    }
}

/// The answers of one lookup.
pub(super) struct Cache {
    kept: Kept<Key, Entry, Bytes>,
    settings: config::Cache,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Cache {
    /// An empty one. `None`: its bounds are none.
    pub fn new(settings: config::Cache) -> Option<Self> {
        let bytes = settings.max_bytes;
        // In one part, so that an answer may take up nearly all of it.
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity((bytes / 4096).clamp(8, 4096))
            .weight_capacity(bytes as u64)
            .build()
            .ok()?;
        let kept =
            Kept::with_options(options, Bytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Some(Self { kept, settings })
    }

    /// What was answered, if that still holds.
    pub fn get(&self, key: &Key, now: Timestamp) -> Option<Good> {
        let entry = self.kept.get(key)?;
        if now < entry.until {
            return Some(entry.good);
        }
        self.kept.remove_if(key, |known| now >= known.until);
        None
    }

    pub fn put(&self, key: Key, good: Good, now: Timestamp) {
        let Ok(until) = now.checked_add(self.settings.ttl) else { return };
        // What is shown is mostly the value itself.
        let own = !Arc::ptr_eq(&good.value, &good.shown);
        let weight = ENTRY + (weight(&good.value) + if own { weight(&good.shown) } else { 0 }) as u64;
        self.kept.insert(key, Entry { good, weight, until });
    }

    /// Bytes in it.
    #[cfg(test)]
    pub fn weight(&self) -> u64 {
        self.kept.weight()
    }
}

/// About how many bytes a document takes.
pub(super) fn weight(value: &Arc<Json>) -> usize {
    fn of(value: &Json) -> usize {
        NODE + match value {
            Json::String(text) => text.len(),
            Json::Number(number) => number.as_str().len(),
            Json::Array(items) => items.iter().map(of).sum(),
            Json::Object(members) => members.iter().map(|(key, value)| NODE + key.len() + of(value)).sum(),
            Json::Null | Json::Bool(_) => 0,
        }
    }
    of(value)
}
