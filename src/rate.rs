//! Rates and the token bucket that keeps to one.
//!
//! Pure: whoever asks brings the instant. Who waits, and how, is decided elsewhere.

use std::time::Duration;

use crate::model::Timestamp;

/// So many per span of time; also the size of the bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    pub count: u32,
    pub per: Duration,
}

/// `rate.count` tokens at once, then one every `rate.per / rate.count`.
#[derive(Debug)]
pub(crate) struct Bucket {
    tokens: f64,
    filled_at: Timestamp,
}

impl Bucket {
    pub fn full(rate: Rate, now: Timestamp) -> Self {
        Self { tokens: size(rate), filled_at: now }
    }

    /// Takes a token; where there is none, how long until there is.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Result<(), Duration> {
        let per_second = size(rate) / rate.per.as_secs_f64().max(0.001);
        let passed = now.duration_since(self.filled_at).as_secs_f64().max(0.0);
        self.tokens = (self.tokens + passed * per_second).min(size(rate));
        self.filled_at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::try_from_secs_f64((1.0 - self.tokens) / per_second).unwrap_or(rate.per))
    }

    /// Puts back a token that was not spent.
    pub fn give_back(&mut self) {
        self.tokens += 1.0;
    }
}

fn size(rate: Rate) -> f64 {
    f64::from(rate.count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_given_back_can_be_taken_again() {
        let rate = Rate { count: 1, per: Duration::from_secs(4) };
        let now = Timestamp::UNIX_EPOCH;
        let mut bucket = Bucket::full(rate, now);
        assert_eq!(bucket.take(rate, now), Ok(()));
        assert_eq!(bucket.take(rate, now + Duration::from_secs(1)), Err(Duration::from_secs(3)));
        bucket.give_back();
        assert_eq!(bucket.take(rate, now + Duration::from_secs(1)), Ok(()));
    }
}
