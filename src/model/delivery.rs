//! One event bound for one destination, and the tries to bring it there.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{BatchId, DeliveryId, EventId, ReceiptId, Timestamp};

/// One event, or one batch, bound for one destination. Its bytes never change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Also the `webhook-id` of every attempt.
    pub id: DeliveryId,
    /// Of a batch: that of its first event.
    pub receipt: ReceiptId,
    /// Of a batch: its first event.
    pub event: EventId,
    pub batch: Option<BatchId>,
    pub route: String,
    pub destination: String,
    /// Inside one destination, deliveries of the same lane leave one after the other.
    /// `None`: waits for nobody.
    pub lane: Option<String>,
    /// Rendered for this delivery; `None`: the destination has one URL for all.
    pub url: Option<String>,
    pub content_type: String,
    /// Headers that format or script gave to this delivery; the destination's own and the
    /// signature are added when it is sent.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// A newer change of the same lane by the same route replaces it while it waits
    /// (`on_newer: supersede`). Batches are never replaced.
    pub supersede: bool,
    pub created_at: Timestamp,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Delivered,
    Dead,
    Cancelled,
    Superseded,
}

impl DeliveryState {
    /// The name used in JSON, in filters and as metric label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Dead, Self::Cancelled, Self::Superseded]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Final {
    Delivered,
    Dead,
}

/// One HTTP try of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    pub at: Timestamp,
    pub duration_ms: u64,
    pub url: String,
    pub method: String,
    /// As sent; values that hold secrets read `[redacted]`.
    pub request_headers: Vec<(String, String)>,
    /// The status of the answer, if one came.
    pub status: Option<u16>,
    /// At most 4 KiB of the answer's body.
    pub response_excerpt: Option<String>,
    /// `None`: it succeeded.
    pub class: Option<FailureClass>,
    /// What went wrong, in one line.
    pub error: Option<String>,
    /// One sentence: what to do about it.
    pub remedy: Option<String>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FailureClass {
    #[serde(rename = "config")]
    Config,
    #[serde(rename = "dns")]
    Dns,
    #[serde(rename = "connect")]
    Connect,
    #[serde(rename = "tls")]
    Tls,
    #[serde(rename = "timeout")]
    Timeout,
    #[serde(rename = "refused_address")]
    RefusedAddress,
    #[serde(rename = "http_3xx")]
    Http3xx,
    #[serde(rename = "http_4xx")]
    Http4xx,
    #[serde(rename = "http_5xx")]
    Http5xx,
}

impl FailureClass {
    /// The name used in JSON and as metric label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::RefusedAddress => "refused_address",
            Self::Http3xx => "http_3xx",
            Self::Http4xx => "http_4xx",
            Self::Http5xx => "http_5xx",
        }
    }
}
