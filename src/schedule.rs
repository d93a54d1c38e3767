//! When to try again after this result.
//!
//! Pure: a result, an instant and a roll of the dice in, the next instant out. What was sent
//! and where never enters here.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;

use crate::clock::after;
use crate::model::{FailureClass, Timestamp};

/// However long a receiver asks us to stay away, we come back after this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(10 * 3600);
/// The most that jitter adds to a wait.
const LONGEST_JITTER: Duration = Duration::from_secs(15 * 60);
/// The most that jitter adds, as part of the wait.
const JITTER: f64 = 0.1;
/// The answer of a receiver that wants no more deliveries.
pub const GONE: u16 = 410;

/// The waits between the attempts of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The wait before the second, third, … attempt; after the last one the delivery is dead.
    pub waits: Vec<Duration>,
}

/// What happens after a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Again(Timestamp),
    Dead(String),
}

impl Default for Schedule {
    fn default() -> Self {
        let s = Duration::from_secs;
        let h = |hours: u64| s(hours * 3600);
        Self { waits: vec![s(5), s(300), s(1800), h(2), h(5), h(10), h(14), h(20), h(24)] }
    }
}

impl Schedule {
    /// What follows attempt number `attempt` of the current run (from 1), which failed with
    /// `class` and, if an answer came, `status`. `jitter` is from 0 to 1 and only adds (at most
    /// 10 % of the wait and 15 min); `retry_after` only lengthens, by at most 10 h.
    ///
    /// Every class follows the schedule, `config` too: an operator mends the destination and
    /// the delivery goes out. Only 410 ends it at once.
    pub fn after(
        &self,
        attempt: u32,
        class: FailureClass,
        status: Option<u16>,
        retry_after: Option<Duration>,
        now: Timestamp,
        jitter: f64,
    ) -> Next {
        if status == Some(GONE) {
            return Next::Dead("the receiver answered 410 Gone: it wants no more deliveries".to_owned());
        }
        let index = usize::try_from(attempt.max(1) - 1).unwrap_or(usize::MAX);
        let Some(&scheduled) = self.waits.get(index) else {
            return Next::Dead(gave_up(attempt, class, status));
        };
        let asked = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        let wait = scheduled.max(asked);
        Next::Again(after(now, wait.saturating_add(spread(wait, jitter))))
    }
}

/// The wait that a `Retry-After` asks for: seconds, or the time until an HTTP date.
/// `None` where the text is neither.
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

/// What jitter adds, so that deliveries that failed together do not come back together.
fn spread(wait: Duration, jitter: f64) -> Duration {
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
    wait.mul_f64(JITTER).min(LONGEST_JITTER).mul_f64(jitter)
}

fn gave_up(attempts: u32, class: FailureClass, status: Option<u16>) -> String {
    let times = if attempts == 1 { "attempt" } else { "attempts" };
    let status = status.map(|status| format!(" {status}")).unwrap_or_default();
    format!("gave up after {attempts} {times}; last: {}{status}", class.name())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn wait_after(attempt: u32, retry_after: Option<u64>, jitter: f64) -> Duration {
        let retry_after = retry_after.map(Duration::from_secs);
        let schedule = Schedule::default();
        match schedule.after(attempt, FailureClass::Http5xx, Some(503), retry_after, NOW, jitter) {
            Next::Again(at) => Duration::try_from(at.duration_since(NOW)).unwrap(),
            Next::Dead(why) => panic!("dead: {why}"),
        }
    }

    #[test]
    fn the_waits_follow_the_table() {
        let seconds: Vec<u64> = (1..=9).map(|attempt| wait_after(attempt, None, 0.0).as_secs()).collect();
        assert_eq!(seconds, [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    }

    #[test]
    fn after_the_last_wait_the_delivery_is_dead_and_says_what_was_last() {
        let dead = |attempt, class, status| Schedule::default().after(attempt, class, status, None, NOW, 0.5);
        let reason = "gave up after 10 attempts; last: http_5xx 503".to_owned();
        assert_eq!(dead(10, FailureClass::Http5xx, Some(503)), Next::Dead(reason));
        let reason = "gave up after 11 attempts; last: dns".to_owned();
        assert_eq!(dead(11, FailureClass::Dns, None), Next::Dead(reason));
        let once = Schedule { waits: Vec::new() };
        let reason = "gave up after 1 attempt; last: timeout".to_owned();
        assert_eq!(once.after(1, FailureClass::Timeout, None, None, NOW, 0.0), Next::Dead(reason));
    }

    #[test]
    fn gone_ends_the_delivery_at_once() {
        let next = Schedule::default().after(1, FailureClass::Http4xx, Some(410), None, NOW, 0.0);
        assert!(matches!(next, Next::Dead(why) if why.contains("410")));
    }

    #[test]
    fn a_mistake_in_the_config_follows_the_schedule() {
        let next = Schedule::default().after(1, FailureClass::Config, None, None, NOW, 0.0);
        assert_eq!(next, Next::Again(NOW + Duration::from_secs(5)));
    }

    #[test]
    fn jitter_only_adds_and_never_more_than_a_tenth_or_a_quarter_of_an_hour() {
        for attempt in 1..=9 {
            let bare = wait_after(attempt, None, 0.0);
            let most = wait_after(attempt, None, 1.0);
            let cap = (bare / 10).min(Duration::from_secs(900));
            assert!(most > bare && most <= bare + cap + Duration::from_micros(1), "{attempt}: {most:?}");
        }
        assert_eq!(wait_after(1, None, -3.0), wait_after(1, None, 0.0));
        assert_eq!(wait_after(1, None, f64::NAN), wait_after(1, None, 0.0));
        assert_eq!(wait_after(1, None, 7.0), wait_after(1, None, 1.0));
    }

    #[test]
    fn a_thousand_deliveries_that_failed_together_come_back_spread() {
        let waits: HashSet<u128> =
            (0..1000).map(|i| wait_after(1, None, f64::from(i) / 1000.0).as_micros()).collect();
        assert!(waits.len() > 900);
    }

    #[test]
    fn retry_after_only_lengthens_and_by_no_more_than_ten_hours() {
        assert_eq!(wait_after(1, Some(2), 0.0).as_secs(), 5);
        assert_eq!(wait_after(1, Some(60), 0.0).as_secs(), 60);
        assert_eq!(wait_after(1, Some(u64::MAX), 0.0).as_secs(), 36_000);
        assert_eq!(wait_after(9, Some(u64::MAX), 0.0).as_secs(), 86_400);
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        let seconds = |text| retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 0 "), Some(0));
        assert_eq!(seconds("99999999999999999999999"), Some(u64::MAX));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(37));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:48:37 GMT"), Some(0));
        assert_eq!(seconds(""), None);
        assert_eq!(seconds("-5"), None);
        assert_eq!(seconds("soon"), None);
    }
}
