//! One accepted HTTP request, as it is stored: verified, then redacted.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{ReceiptId, Timestamp};

/// One accepted request. The body is the redacted one; nothing unredacted is ever stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    pub id: ReceiptId,
    /// The configured source's name.
    pub source: Arc<str>,
    pub received_at: Timestamp,
    pub request: Request,
    /// What is processed, sent and replayed: the verified bytes, redacted.
    pub body: Bytes,
    /// By what a second copy of this request would be recognised; `None`: never.
    pub dedupe: Option<Dedupe>,
    pub proof: Proof,
    /// What an operator should know about this receipt, such as
    /// `2 numbers that are no JSON (NaN, Infinity) were read as null`.
    pub notes: Vec<String>,
    /// Changes whose values were redacted, so that a replay still reports them as changed.
    pub masked: Vec<Masked>,
}

/// The request line and the headers worth keeping; no credentials.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub method: String,
    /// The path without a path token.
    pub path: String,
    pub query: Option<String>,
    /// In wire order, names in lower case; `authorization`, `cookie` and the like are left out.
    pub headers: Vec<(String, String)>,
    /// The client's address (behind trusted proxies: the one they report).
    pub client: Option<IpAddr>,
}

impl Request {
    /// The first value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// By what a repetition is recognised within its source, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dedupe {
    pub key: String,
    pub window: Duration,
}

/// How the sender was proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The scheme: `netbox`, `infrahub`, `standard-webhooks`, `github`, `custom`, `token`,
    /// `address`, `open`.
    pub scheme: String,
    /// Over which text the signature was right: `raw`, or the name of a variant.
    pub variant: Option<String>,
    /// Which of the configured secrets matched, counted from 0.
    pub secret: Option<usize>,
}

/// One changed field whose values were redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Masked {
    /// The event's index within the receipt.
    pub event: usize,
    pub field: String,
}
