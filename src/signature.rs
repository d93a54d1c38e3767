//! All bytes-level cryptography: how a message is signed, and how a signature is proved.
//!
//! Pure: bytes, headers and an instant in, a proof or a refusal out. Nothing here stores,
//! answers or logs, and no error shows a secret.

mod doctor;
mod ed25519;
mod envelope;
mod key;
mod python;
mod recipe;
#[cfg(test)]
mod tests;
mod token;
mod variant;
mod verify;

use std::time::Duration;

use http::HeaderName;

use crate::header;
use crate::model::Timestamp;
use crate::secret::Secret;

use recipe::Part;

pub use doctor::{Diagnosis, Finding, diagnose};
pub use ed25519::KeyPair;
pub(crate) use python::str as python_str;
pub use token::TOKEN_HEADER;
pub use variant::EMPTY_AS_BRACES;

/// How a message is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// <https://www.standardwebhooks.com>: keys are `whsec_` + base64, or raw text. A secret
    /// without the prefix signs as text; a signature by its base64-decoded form is accepted too,
    /// as the libraries of that scheme make it.
    StandardWebhooks,
    /// The same headers with `v1a,` and an Ed25519 signature: who signs holds a secret key
    /// (`whsk_` + base64), who verifies only the public one (`whpk_` + base64).
    StandardWebhooksEd25519,
    /// `X-Hook-Signature`: hex HMAC-SHA512 over the body.
    Netbox,
    /// The Standard Webhooks headers with the raw text as key.
    Infrahub,
    /// `X-Hub-Signature-256: sha256=<hex>` over the body. As GitHub does, `X-Hub-Signature:
    /// sha1=<hex>` is sent beside it for receivers that know only that one; it proves nothing here.
    Github,
    /// `X-Gitlab-Token`: the secret itself. It proves who sends, not what.
    Gitlab,
    Custom(Custom),
    None,
}

impl Scheme {
    /// As it stands in configs and proofs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::StandardWebhooks => "standard-webhooks",
            Self::StandardWebhooksEd25519 => "standard-webhooks-ed25519",
            Self::Netbox => "netbox",
            Self::Infrahub => "infrahub",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Custom(_) => "custom",
            Self::None => "none",
        }
    }

    /// The scheme of a name; none for `custom`, which needs more than its name.
    pub fn parse(name: &str) -> Option<Self> {
        let simple = [
            Self::StandardWebhooks,
            Self::StandardWebhooksEd25519,
            Self::Netbox,
            Self::Infrahub,
            Self::Github,
            Self::Gitlab,
            Self::None,
        ];
        simple.into_iter().find(|scheme| scheme.name() == name)
    }

    /// The header that carries the signature, or the secret itself.
    pub fn signature_header(&self) -> Option<&str> {
        self.token_header().or_else(|| self.recipe().map(|recipe| recipe.header))
    }

    /// The header that carries the secret itself, in schemes that sign nothing. Its value is never
    /// to be shown.
    pub fn token_header(&self) -> Option<&'static str> {
        (*self == Self::Gitlab).then_some(TOKEN_HEADER)
    }
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
    /// What is signed: a text with `{body}`, `{id}`, `{timestamp}` in it; the latter two come
    /// from the headers `webhook-id` and `webhook-timestamp`.
    pub over: String,
}

impl Custom {
    /// What is wrong with the description, for the operator.
    pub fn problems(&self) -> Vec<String> {
        let parts = [
            ("header", Self::header_problem(&self.header)),
            ("prefix", Self::prefix_problem(&self.prefix)),
            ("over", Self::over_problem(&self.over)),
        ];
        let wrong = parts.into_iter().filter_map(|(part, problem)| Some((part, problem?)));
        wrong.map(|(part, problem)| format!("`{part}` is wrong: {problem}")).collect()
    }

    /// What is wrong with the name of the header that carries the signature.
    pub fn header_problem(name: &str) -> Option<&'static str> {
        // `webhook-signature` may be made in a way of one's own; its sisters say other things.
        let other = header::belongs_to_webhooks(name) && !name.eq_ignore_ascii_case("webhook-signature");
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            Some("letters, digits and `-` make a name")
        } else if other || header::belongs_to_http(name) || header::belongs_to_gateways(name) {
            Some("the gateway sets this header itself")
        } else {
            None
        }
    }

    /// What is wrong with what stands before the signature.
    pub fn prefix_problem(prefix: &str) -> Option<&'static str> {
        let visible = prefix.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        (!visible).then_some("it must be visible ASCII")
    }

    /// What is wrong with the description of what is signed.
    pub fn over_problem(over: &str) -> Option<&'static str> {
        let unknown = |part: &Part<'_>| matches!(part, Part::Text(text) if text.contains(['{', '}']));
        let parts = recipe::parts(over);
        if parts.iter().any(unknown) {
            Some("it may hold `{body}`, `{id}` and `{timestamp}`")
        } else if !parts.contains(&Part::Body) {
            Some("without `{body}` a signature says nothing about the body")
        } else {
            None
        }
    }
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

/// What is wrong with a secret for a scheme, and what to do; never the secret itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{problem}: {remedy}")]
pub struct WrongKey {
    pub problem: &'static str,
    pub remedy: &'static str,
}

/// Signs what leaves, by `sign`.
#[derive(Debug, Clone)]
pub struct Signer {
    pub scheme: Scheme,
    /// Newest first.
    pub secrets: Vec<Secret>,
}

/// Proves what comes in, by `verify`.
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
    #[error("the signature is right for a secret that expired at {until}")]
    Expired { until: Timestamp },
    #[error("the signature matches none of the secrets")]
    Mismatch,
}

impl Refusal {
    /// A stable name for metrics: `missing_header`, `doubled_header`, `malformed`, `stale`, `expired`,
    /// `mismatch`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingHeader(_) => "missing_header",
            Self::DoubledHeader(_) => "doubled_header",
            Self::Malformed { .. } => "malformed",
            Self::Stale { .. } => "stale",
            Self::Expired { .. } => "expired",
            Self::Mismatch => "mismatch",
        }
    }
}
