//! All bytes-level cryptography: how a message is signed, and how a signature is proved.
//!
//! Pure: bytes, headers and an instant in, a proof or a refusal out.

use std::time::Duration;

use http::HeaderMap;

use crate::model::{Proof, Timestamp};
use crate::secret::Secret;

/// How a message is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// <https://www.standardwebhooks.com>: keys are `whsec_` + base64, or raw text.
    StandardWebhooks,
    /// `X-Hook-Signature`: hex HMAC-SHA512 over the body.
    Netbox,
    /// The Standard Webhooks headers with the raw text as key.
    Infrahub,
    /// `X-Hub-Signature-256: sha256=<hex>` over the body.
    Github,
    Custom(Custom),
    None,
}

/// An operator-described scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    pub hash: Hash,
    pub encoding: Encoding,
    /// The header that carries the signature.
    pub header: String,
    /// What stands before the encoded signature, such as `sha256=`.
    pub prefix: String,
    /// What is signed: a text with `{body}`, `{id}`, `{timestamp}` in it.
    pub over: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Hex,
    Base64,
}

/// A text, other than the raw body, that a sender's release really signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// `json.dumps(payload)`: `", "` and `": "`, ASCII-escaped.
    PythonJson,
    /// `json.dumps(payload, separators=(",", ":"))`: compact, ASCII-escaped.
    PythonJsonCompact,
    /// `str(payload)`.
    PythonStr,
}

/// Signs what leaves.
#[derive(Debug, Clone)]
pub struct Signer {
    pub scheme: Scheme,
    /// Newest first.
    pub secrets: Vec<Secret>,
}

impl Signer {
    /// The headers to add: `webhook-id` and `webhook-timestamp` with every scheme, and the
    /// signature's own. `timestamp` is in Unix seconds.
    pub fn sign(&self, _id: &str, _timestamp: i64, _body: &[u8]) -> Vec<(String, String)> {
        todo!()
    }
}

/// Proves what comes in.
#[derive(Debug, Clone)]
pub struct Verifier {
    pub scheme: Scheme,
    /// Any of them may match.
    pub secrets: Vec<Secret>,
    /// How far a signed timestamp may be off; `None` switches the check off.
    pub tolerance: Option<Duration>,
    /// Tried after the raw bytes, in this order.
    pub variants: Vec<Variant>,
}

/// Why a signature was not accepted; for logs, metrics and `explain`, never for the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the header {0} is missing")]
    MissingHeader(String),
    #[error("the header {0} stands there more than once")]
    DoubledHeader(String),
    #[error("the header {header} is malformed: {why}")]
    Malformed { header: String, why: String },
    #[error("the timestamp is {off_by} s off, more than the tolerance of {tolerance} s")]
    Stale { off_by: i64, tolerance: u64 },
    #[error("the signature matches none of the secrets")]
    Mismatch,
}

impl Refusal {
    /// A stable name for metrics: `missing_header`, `doubled_header`, `malformed`, `stale`, `mismatch`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingHeader(_) => "missing_header",
            Self::DoubledHeader(_) => "doubled_header",
            Self::Malformed { .. } => "malformed",
            Self::Stale { .. } => "stale",
            Self::Mismatch => "mismatch",
        }
    }
}

impl Verifier {
    /// Checks the raw bytes, then the variants. All compares are constant-time.
    pub fn verify(&self, _headers: &HeaderMap, _body: &[u8], _now: Timestamp) -> Result<Proof, Refusal> {
        todo!()
    }
}
