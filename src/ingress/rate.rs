//! Token buckets, one per source.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::Timestamp;
use crate::rate::{Bucket, Rate};

/// The buckets of all sources. They survive a reload of the rules.
#[derive(Debug, Default)]
pub struct Buckets(Mutex<HashMap<Arc<str>, Bucket>>);

impl Buckets {
    /// Takes one token of `source`; where there is none, the seconds until there is.
    pub fn take(&self, source: &Arc<str>, rate: Rate, now: Timestamp) -> Result<(), u64> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(source.clone()).or_insert_with(|| Bucket::full(rate, now));
        bucket.take(rate, now).map_err(|wait| (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_with_time() {
        let buckets = Buckets::default();
        let rate = Rate { count: 2, per: Duration::from_secs(10) };
        let (source, start) = (Arc::from("lab"), Timestamp::UNIX_EPOCH);
        assert_eq!(buckets.take(&source, rate, start), Ok(()));
        assert_eq!(buckets.take(&source, rate, start), Ok(()));
        assert_eq!(buckets.take(&source, rate, start), Err(5));
        assert_eq!(buckets.take(&source, rate, start + Duration::from_secs(5)), Ok(()));
    }
}
