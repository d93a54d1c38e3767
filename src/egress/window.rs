//! How many attempts of the last while failed, in bounded memory.
//!
//! Pure: whoever asks brings the instant.

use std::time::Duration;

use crate::model::Timestamp;

/// So many slots make the window: it is exact to a thirtieth of its length, to the short side.
const SLOTS: i64 = 30;

const EMPTY: [Count; SLOTS as usize] = [Count { ended: 0, failed: 0 }; SLOTS as usize];

/// Counts of what ended lately.
#[derive(Debug, Clone)]
pub(super) struct Window {
    /// Of one slot, in milliseconds.
    width: i64,
    slots: [Count; SLOTS as usize],
    /// The number of the newest slot, counted from the epoch.
    newest: i64,
}

/// Attempts that ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub ended: u64,
    pub failed: u64,
}

impl Window {
    pub fn new(length: Duration) -> Self {
        let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        Self { width: (millis / SLOTS).max(1), slots: EMPTY, newest: 0 }
    }

    /// Counts one attempt.
    pub fn add(&mut self, failed: bool, now: Timestamp) {
        self.advance(now);
        let newest = place(self.newest);
        if let Some(slot) = self.slots.get_mut(newest) {
            slot.ended += 1;
            slot.failed += u64::from(failed);
        }
    }

    /// What ended within the window.
    pub fn count(&mut self, now: Timestamp) -> Count {
        self.advance(now);
        self.slots.iter().fold(Count::default(), |sum, slot| Count {
            ended: sum.ended + slot.ended,
            failed: sum.failed + slot.failed,
        })
    }

    pub fn clear(&mut self) {
        self.slots = EMPTY;
    }

    /// Empties the slots that time has passed over. A clock that was set back a little counts on in
    /// the newest slot; one that was set back further begins anew.
    fn advance(&mut self, now: Timestamp) {
        let current = now.as_millisecond().div_euclid(self.width);
        let passed = current.saturating_sub(self.newest);
        if passed.saturating_abs() >= SLOTS {
            self.clear();
            self.newest = current;
        } else if passed > 0 {
            for number in self.newest + 1..=current {
                if let Some(slot) = self.slots.get_mut(place(number)) {
                    *slot = Count::default();
                }
            }
            self.newest = current;
        }
    }
}

fn place(number: i64) -> usize {
    usize::try_from(number.rem_euclid(SLOTS)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HALF_A_MINUTE: Duration = Duration::from_secs(30);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_010_000 + millis).unwrap()
    }

    fn ended(window: &mut Window, millis: i64) -> u64 {
        window.count(at(millis)).ended
    }

    #[test]
    fn what_is_thirty_seconds_old_is_out_and_what_is_younger_than_twenty_nine_is_in() {
        let mut window = Window::new(HALF_A_MINUTE);
        window.add(true, at(0));
        window.add(false, at(500));
        window.add(true, at(1000));
        assert_eq!(window.count(at(1000)), Count { ended: 3, failed: 2 });
        assert_eq!(ended(&mut window, 29_999), 3);
        assert_eq!(ended(&mut window, 30_000), 1);
        assert_eq!(ended(&mut window, 31_000), 0);
    }

    #[test]
    fn a_clock_set_back_neither_revives_what_is_old_nor_keeps_it_for_ever() {
        let mut window = Window::new(HALF_A_MINUTE);
        window.add(true, at(5000));
        window.add(true, at(3000));
        assert_eq!(ended(&mut window, 5000), 2);
        assert_eq!(ended(&mut window, -3_600_000), 0, "an hour back it begins anew");
        window.add(true, at(-3_600_000));
        assert_eq!(ended(&mut window, -3_590_000), 1);
        assert_eq!(ended(&mut window, -3_570_000), 0);
    }

    proptest! {
        #[test]
        fn counts_are_those_of_a_list_within_the_exactness_of_a_slot(
            steps in proptest::collection::vec((0i64..4000, any::<bool>()), 1..200),
            length in 1u64..120,
        ) {
            let length = Duration::from_secs(length);
            let (mut window, mut list, mut now) = (Window::new(length), Vec::new(), 0);
            for (step, failed) in steps {
                now += step;
                window.add(failed, at(now));
                list.push((now, failed));
                let within = |millis: i64| list.iter().filter(|(at, _)| now - at < millis).count() as u64;
                let whole = i64::try_from(length.as_millis()).unwrap();
                let counted = window.count(at(now));
                let width = whole / 30;
                prop_assert!(counted.ended <= within(whole) && counted.ended >= within(whole - width - 30));
                prop_assert!(counted.failed <= counted.ended);
            }
        }
    }
}
