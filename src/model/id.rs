//! Time-ordered identifiers with a prefix that tells what they name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Timestamp;

/// A text that is no id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id like {prefix}0197c2…, found {found:?}")]
pub struct ParseIdError {
    prefix: &'static str,
    found: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A fresh id (UUID version 7) whose order follows `now`.
            pub fn new(now: Timestamp) -> Self {
                Self(uuid_v7(now))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.strip_prefix($prefix)
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or_else(|| ParseIdError { prefix: $prefix, found: text.chars().take(60).collect() })
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// Names one accepted HTTP request.
    ReceiptId, "rct_"
);
id!(
    /// Names one normalised event. The same receipt always yields the same event ids.
    EventId, "evt_"
);
id!(
    /// Names one delivery; sent as `webhook-id` on every attempt.
    DeliveryId, "dlv_"
);
id!(
    /// Names one batch of events, whichever destinations it goes to.
    BatchId, "bat_"
);

impl EventId {
    /// The id of the `index`-th event of a receipt: in the receipt's time order, and the
    /// same again when the receipt is replayed.
    pub fn of(receipt: ReceiptId, index: usize) -> Self {
        let digest =
            Sha256::new().chain_update(receipt.0.as_bytes()).chain_update(index.to_be_bytes()).finalize();
        let mut bytes = *receipt.0.as_bytes();
        // Byte 8 holds the UUID's variant bits, so the derived part begins after it.
        bytes[9..].copy_from_slice(&digest[..7]);
        Self(Uuid::from_bytes(bytes))
    }
}

fn uuid_v7(now: Timestamp) -> Uuid {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let mut random = [0u8; 10];
    // Marks of secrets rest on nobody guessing the id of a delivery that is yet to be made.
    if getrandom::fill(&mut random).is_err() {
        fastrand::fill(&mut random);
    }
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_prints() {
        let id = ReceiptId::new(Timestamp::UNIX_EPOCH);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("evt_0197".parse::<ReceiptId>().is_err());
    }

    #[test]
    fn events_of_one_receipt_have_their_own_ids_and_keep_them() {
        let receipt = ReceiptId::new(Timestamp::UNIX_EPOCH);
        assert_eq!(EventId::of(receipt, 0), EventId::of(receipt, 0));
        assert_ne!(EventId::of(receipt, 0), EventId::of(receipt, 1));
    }
}
