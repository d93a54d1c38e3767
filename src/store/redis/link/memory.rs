//! How full the servers' memory is.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::address::Address;
use super::facts::Facts;
use crate::config::MaxMemory;

/// What the servers said last.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    full: Mutex<HashMap<Address, String>>,
}

impl Gauge {
    /// Takes in what a server said.
    pub(super) fn note(&self, address: &Address, facts: &Facts, limit: MaxMemory) {
        match fullness(facts, limit) {
            Some(how) => self.lock().insert(address.clone(), format!("{address}: {how}")),
            None => self.lock().remove(address),
        };
    }

    /// There is nothing to say of a server that is away.
    pub(super) fn forget(&self, address: &Address) {
        self.lock().remove(address);
    }

    /// The line of the first server that is too full.
    pub(super) fn full(&self) -> Option<String> {
        let full = self.lock();
        full.values().min().cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Address, String>> {
        self.full.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How full it is, if that is too full. What the server itself does not count towards `maxmemory`
/// (buffers for its replicas and its log) is not counted here.
fn fullness(facts: &Facts, limit: MaxMemory) -> Option<String> {
    let used = facts.number("used_memory").saturating_sub(facts.number("mem_not_counted_for_evict"));
    let whole = facts.number("maxmemory");
    let (bound, of) = match limit {
        MaxMemory::Bytes(bytes) => (bytes, "`max_memory`".to_owned()),
        MaxMemory::Percent(percent) if whole > 0 => {
            (whole / 100 * u64::from(percent), format!("{percent}% of its maxmemory {}", shown(whole)))
        }
        MaxMemory::Percent(_) => return None,
    };
    (used >= bound).then(|| {
        format!(
            "its memory is full: {} are used, and nothing is accepted from {} on ({of}); give it more, or shorten \
             `retention`",
            shown(used),
            shown(bound)
        )
    })
}

/// In mebibytes, or what fits better.
fn shown(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes >> 10),
        0x10_0000..0x2_8000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(used: &str, whole: &str) -> Facts {
        Facts::told(
            &[("used_memory", used), ("maxmemory", whole), ("mem_not_counted_for_evict", "1000")],
            None,
        )
    }

    #[test]
    fn a_server_is_full_from_the_bound_on_and_not_before() {
        let cases = [
            ("81000", "100000", MaxMemory::Percent(80), true),
            ("80999", "100000", MaxMemory::Percent(80), false),
            ("81000", "0", MaxMemory::Percent(80), false),
            ("6000", "0", MaxMemory::Bytes(5000), true),
            ("5999", "100000", MaxMemory::Bytes(5000), false),
        ];
        for (used, whole, limit, full) in cases {
            assert_eq!(fullness(&facts(used, whole), limit).is_some(), full, "{used} of {whole}");
        }
    }

    #[test]
    fn the_line_says_how_full_and_of_what() {
        let (gauge, address) = (Gauge::default(), Address::tcp("h", 1));
        gauge.note(&address, &facts("943718400", "1073741824"), MaxMemory::Percent(80));
        let wanted = "h:1: its memory is full: 899 MiB are used, and nothing is accepted from 819 MiB on (80% of \
                      its maxmemory 1024 MiB); give it more, or shorten `retention`";
        assert_eq!(gauge.full().as_deref(), Some(wanted));
        gauge.note(&address, &facts("4096", "1073741824"), MaxMemory::Percent(80));
        assert_eq!(gauge.full(), None);
    }
}
