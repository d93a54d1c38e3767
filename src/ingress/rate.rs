//! Token buckets, one per source.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Rate;
use crate::model::Timestamp;

/// The buckets of all sources. They survive a reload of the rules.
#[derive(Debug, Default)]
pub struct Buckets(Mutex<HashMap<Arc<str>, Bucket>>);

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Timestamp,
}

impl Buckets {
    /// Takes one token of `source`; where there is none, the seconds until there is.
    pub fn take(&self, source: &Arc<str>, rate: Rate, now: Timestamp) -> Result<(), u64> {
        let size = f64::from(rate.count.max(1));
        let per_second = size / rate.per.as_secs_f64().max(0.001);
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(source.clone()).or_insert_with(|| Bucket { tokens: size, filled_at: now });
        let elapsed = now.duration_since(bucket.filled_at).as_secs_f64().max(0.0);
        bucket.tokens = (bucket.tokens + elapsed * per_second).min(size);
        bucket.filled_at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        let wait = ((1.0 - bucket.tokens) / per_second).ceil();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and small")]
        Err((wait as u64).max(1))
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
