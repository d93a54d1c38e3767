//! How destinations are, and what is worth telling about them: kept with the deliveries, so that
//! it outlives the process and is never told twice or not at all.

use serde::{Deserialize, Serialize};

use crate::model::{DeliveryId, ReceiptId, Timestamp};

/// What is known of a destination besides its deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Condition {
    pub destination: String,
    /// Nothing is sent there.
    pub paused: Option<Paused>,
    /// The first failed attempt since the last that succeeded, or since three days without any.
    pub failing_since: Option<Timestamp>,
    /// It was paused or reported as failing, and no attempt has succeeded since.
    pub troubled_since: Option<Timestamp>,
}

/// Since when and why nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Paused {
    pub since: Timestamp,
    pub reason: String,
}

/// Something that the gateway tells about itself, written in the transaction in which it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// Grows with time; unique within the state.
    pub number: u64,
    pub at: Timestamp,
    pub told: Told,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "snake_case")]
pub enum Told {
    /// A delivery died, whatever it was of.
    DeliveryDead {
        delivery: DeliveryId,
    },
    /// A receipt, or a batch with events of it, could not be processed.
    ReceiptFailed {
        receipt: ReceiptId,
        reason: String,
    },
    DestinationPaused {
        destination: String,
        reason: String,
    },
    /// It is not paused, but nothing gets through to it.
    DestinationFailing {
        destination: String,
        reason: String,
    },
    /// The first success after one of the two.
    DestinationRecovered {
        destination: String,
        since: Timestamp,
    },
}
