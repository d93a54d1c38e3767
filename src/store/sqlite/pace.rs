//! How long the writer waits for more before it commits.

use std::time::Duration;

use super::line::Patience;

/// About as long as a commit takes on a disk of today.
const LONGEST: Duration = Duration::from_millis(2);

/// A commit costs about the same for one request as for ten. So where many callers come again as soon as
/// they are answered, it is worth waiting for about half of them: these share a commit while the others are on
/// their way. Who comes alone is not kept waiting.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// How many callers there are, as far as the last commits show.
    crowd: usize,
}

impl Pace {
    /// What the next commit may wait for.
    pub(super) fn patience(&self) -> Patience {
        Patience { enough: self.crowd / 2, longest: LONGEST }
    }

    /// So many requests were in a commit or came meanwhile. A crowd that is gone is soon forgotten.
    pub(super) fn note(&mut self, seen: usize) {
        self.crowd = seen.max(self.crowd - self.crowd.div_ceil(4));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_alone_waits_for_nobody() {
        let mut pace = Pace::default();
        for _ in 0..100 {
            assert!(pace.patience().enough <= 1);
            pace.note(1);
        }
    }

    #[test]
    fn a_crowd_is_waited_for_as_long_as_it_is_there() {
        let mut pace = Pace::default();
        pace.note(32);
        assert_eq!(pace.patience().enough, 16);
        for _ in 0..100 {
            // Half of them commit while the others come.
            pace.note(32);
        }
        assert_eq!(pace.patience().enough, 16);
        let commits = (1..).find(|_| {
            pace.note(1);
            pace.patience().enough <= 1
        });
        assert!(commits.is_some_and(|commits| commits < 12), "{commits:?}");
    }
}
