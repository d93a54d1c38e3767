//! The normalised fact in a receipt: one shape for all systems.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{EventId, Json, Part, Timestamp};

/// The source of the gateway's own events; no configured one has this name.
pub const OWN_SOURCE: &str = "crossconnect";

/// The types of the gateway's own events.
pub mod own_type {
    pub const DELIVERY_DEAD: &str = "crossconnect.delivery.dead";
    pub const RECEIPT_FAILED: &str = "crossconnect.receipt.failed";
    pub const DESTINATION_PAUSED: &str = "crossconnect.destination.paused";
    pub const DESTINATION_FAILING: &str = "crossconnect.destination.failing";
    pub const DESTINATION_RECOVERED: &str = "crossconnect.destination.recovered";

    pub const ALL: [&str; 5] =
        [DELIVERY_DEAD, RECEIPT_FAILED, DESTINATION_PAUSED, DESTINATION_FAILING, DESTINATION_RECOVERED];
    /// What they begin with, and no other does.
    pub const PREFIX: &str = "crossconnect.";
}

/// What scripts get, the admin API shows and format `event` sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub id: EventId,
    /// Such as `netbox.object.updated` or `infrahub.branch.merged`.
    pub r#type: String,
    /// `created`, `updated`, `deleted`, or what follows the last dot of the type.
    pub action: String,
    /// The configured source's name.
    pub source: String,
    /// The sending system: `netbox`, `infrahub`, `datagerry`, …
    pub system: String,
    /// `None` where the event is about no single object; such an event has no lane.
    pub object: Option<Object>,
    pub branch: Option<String>,
    pub actor: Actor,
    /// The sender's own time as RFC 3339, or its text where it is no date.
    pub occurred_at: Option<String>,
    pub received_at: Timestamp,
    /// Groups what one action of a user caused.
    pub correlation_id: Option<String>,
    pub changes: Vec<Change>,
    /// `null` where the sender does not tell.
    #[serde(default)]
    pub before: Part,
    #[serde(default)]
    pub after: Part,
    /// The sender's own representation of the object.
    #[serde(default)]
    pub data: Part,
    /// The whole body as received (redacted); scripts see it as `event.native`.
    #[serde(skip)]
    pub native: Arc<Json>,
}

impl Event {
    /// The names of its fields, in order; `native` comes last and is no part of its JSON.
    pub const FIELDS: [&'static str; 16] = [
        "id",
        "type",
        "action",
        "source",
        "system",
        "object",
        "branch",
        "actor",
        "occurred_at",
        "received_at",
        "correlation_id",
        "changes",
        "before",
        "after",
        "data",
        "native",
    ];
}

/// What an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    pub kind: String,
    pub id: String,
    pub name: Option<String>,
    pub url: Option<String>,
}

/// Who caused it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub id: Option<String>,
    pub name: Option<String>,
}

/// One field that differs. Nested fields are dotted; lists are one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub field: String,
    pub from: Json,
    pub to: Json,
    /// `from` and `to` hold only what was removed and added, not the whole value.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}
