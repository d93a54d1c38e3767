//! How long receipts took to process of late, in processor time: a thread that had to wait for its turn on a
//! busy machine has done nothing long.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What takes longer than this is too long for the threads that serve sockets.
const LONG: Duration = Duration::from_millis(2);
/// After something long, so many in a row have to be short.
const SHORT_IN_A_ROW: u32 = 32;

/// Whether receipts may be processed where they were read. Handing one to another thread and back costs
/// more than most of them do themselves.
#[derive(Debug, Default)]
pub(super) struct Pace {
    short_in_a_row: AtomicU32,
}

impl Pace {
    pub(super) fn is_quick(&self) -> bool {
        self.short_in_a_row.load(Ordering::Relaxed) >= SHORT_IN_A_ROW
    }

    /// Does `work` and notes what it took.
    pub(super) fn timed<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = spent();
        let done = work();
        self.note(spent().saturating_sub(began));
        done
    }

    fn note(&self, took: Duration) {
        if took >= LONG {
            self.short_in_a_row.store(0, Ordering::Relaxed);
        } else if !self.is_quick() {
            self.short_in_a_row.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The processor time of this thread since an instant of its own.
#[cfg(unix)]
fn spent() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Where it cannot be asked for: the time that passed.
#[cfg(not(unix))]
fn spent() -> Duration {
    static BEGAN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    BEGAN.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick() -> Pace {
        let pace = Pace::default();
        (0..SHORT_IN_A_ROW).for_each(|_| pace.timed(|| ()));
        pace
    }

    #[test]
    fn something_long_is_followed_by_many_that_are_handed_over() {
        let pace = quick();
        assert!(pace.is_quick());
        pace.timed(|| {
            let began = spent();
            while spent().saturating_sub(began) < LONG {}
        });
        assert!(!pace.is_quick());
        (1..SHORT_IN_A_ROW).for_each(|_| pace.timed(|| ()));
        assert!(!pace.is_quick());
        pace.timed(|| ());
        assert!(pace.is_quick());
    }

    #[cfg(unix)]
    #[test]
    fn a_thread_that_had_to_wait_has_done_nothing_long() {
        let pace = quick();
        pace.timed(|| std::thread::sleep(10 * LONG));
        assert!(pace.is_quick());
    }
}
