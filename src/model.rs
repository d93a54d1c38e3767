//! The nouns of the gateway as plain data: receipt, event, outcome, delivery, attempt.
//!
//! No behaviour beyond construction and naming lives here, and nothing here knows a
//! file, a socket or a clock.

mod batch;
mod delivery;
mod event;
mod id;
mod json;
mod lineage;
mod lookup;
mod outcome;
mod part;
mod receipt;
mod refused;
mod standing;

pub use batch::{Batch, By, Gathered, Member, Sealed, Window};
pub use delivery::{Attempt, Delivery, DeliveryState, FailureClass, Final};
pub use event::{Actor, Change, Event, OWN_SOURCE, Object, own_type};
pub use id::{BatchId, DeliveryId, EventId, ParseIdError, ReceiptId};
pub use json::{Json, Map, Number, Text};
pub(crate) use json::{json, write_text};
pub use lineage::Lineage;
pub use lookup::Looked;
pub use outcome::{Decision, Failure, Held, Outcome, Processed, RouteVerdict, Stage};
pub use part::{Names, Part};
pub use receipt::{Dedupe, Masked, Proof, Receipt, Request};
pub use refused::{Refused, RouteWording, Wording, Wordings};
pub use standing::{Circuit, CircuitState, Standing};

/// An instant, UTC; shown as RFC 3339.
pub type Timestamp = jiff::Timestamp;
