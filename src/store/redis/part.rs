//! Which partition keeps what. The choice is part of the stored format: what was put somewhere must be
//! found there again.

use crate::model::{Delivery, Receipt};

/// How the state is cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts(pub(super) u32);

impl Parts {
    pub(super) fn all(self) -> impl Iterator<Item = u32> {
        0..self.0
    }

    /// A receipt lives with its dedupe key, so that one script sees both.
    pub(super) fn of_receipt(self, receipt: &Receipt) -> u32 {
        match &receipt.dedupe {
            Some(dedupe) => self.of_key(&receipt.source, &dedupe.key),
            None => self.of(&["receipt", &receipt.id.to_string()]),
        }
    }

    /// Where a dedupe key is remembered.
    pub(super) fn of_key(self, source: &str, key: &str) -> u32 {
        self.of(&["key", source, key])
    }

    /// Where a lane is.
    pub(super) fn of_lane(self, destination: &str, lane: &str) -> u32 {
        self.of(&["lane", destination, lane])
    }

    /// Deliveries are with their lane; those without one lie anywhere.
    pub(super) fn of_delivery(self, id: &str, destination: &str, lane: Option<&str>) -> u32 {
        match lane {
            Some(lane) => self.of_lane(destination, lane),
            None => self.of(&["delivery", id]),
        }
    }

    pub(super) fn of_leased(self, delivery: &Delivery) -> u32 {
        self.of_delivery(&delivery.id.to_string(), &delivery.destination, delivery.lane.as_deref())
    }

    /// Where the batches of a group are.
    pub(super) fn of_group(self, route: &str, by: &str, key: &str, group: &str) -> u32 {
        self.of(&["group", route, by, key, group])
    }

    /// FNV-1a, with a mark between the texts.
    fn of(self, texts: &[&str]) -> u32 {
        if self.0 <= 1 {
            return 0;
        }
        let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        u32::try_from(mixed(hash) % u64::from(self.0)).unwrap_or_default()
    }
}

/// Spreads what FNV leaves close together, as texts that differ in their last letters do: the end of
/// MurmurHash3.
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_spread_and_stay_where_they_are() {
        let parts = Parts(16);
        let lanes: Vec<_> = (0..1600).map(|n| format!("dcim.device:{n}")).collect();
        let of = |lane: &String| parts.of_lane("awx", lane);
        let mut counts = [0; 16];
        lanes.iter().for_each(|lane| counts[of(lane) as usize] += 1);
        assert!(counts.iter().all(|count| (50..200).contains(count)), "{counts:?}");
        // Stored states depend on it.
        assert_eq!(lanes.iter().take(6).map(of).collect::<Vec<_>>(), [2, 9, 9, 0, 11, 10]);
        assert_eq!(Parts(1).of_group("r", "kind", "k", "g"), 0);
    }
}
