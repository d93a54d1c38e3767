//! Which headers belong to HTTP itself, which carry signatures, and which gateways write for one
//! another.
//!
//! Pure: a name in, yes or no out.

/// Headers of the connection and of the message's framing.
const CONNECTION: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Is this a header of HTTP itself, which only the gateway sets? The case of the name does not
/// matter, here and below.
pub(crate) fn belongs_to_http(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    CONNECTION.contains(&name.as_str()) || name.starts_with("proxy-")
}

/// Is this one of the `webhook-*` headers, which name and sign a message?
pub(crate) fn belongs_to_webhooks(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with("webhook-")
}

/// Is this one of the `crossconnect-*` headers, which tell the next gateway where a change has been?
pub(crate) fn belongs_to_gateways(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with("crossconnect-")
}

/// Is this a header that neither scripts nor operators may set: one of HTTP itself, one that
/// carries a signature, or one for the next gateway?
pub(crate) fn is_reserved(name: &str) -> bool {
    let signature = |name: String| name == "x-hook-signature" || name.starts_with("x-hub-signature");
    belongs_to_http(name)
        || belongs_to_webhooks(name)
        || belongs_to_gateways(name)
        || signature(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_http_and_of_signatures_are_reserved() {
        for name in [
            "Host",
            "TE",
            "proxy-authorization",
            "Webhook-Id",
            "X-Hook-Signature",
            "x-hub-signature-256",
            "Crossconnect-Hops",
            "crossconnect-lineage",
        ] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["accept", "x-host", "x-webhook-id", "hosts"] {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
