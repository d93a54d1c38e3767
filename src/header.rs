//! Which headers belong to HTTP itself, and which carry signatures.
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

/// Is this a header that neither scripts nor operators may set: one of HTTP itself, or one that
/// carries a signature?
pub(crate) fn is_reserved(name: &str) -> bool {
    let signature = |name: String| name == "x-hook-signature" || name.starts_with("x-hub-signature");
    belongs_to_http(name) || belongs_to_webhooks(name) || signature(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_http_and_of_signatures_are_reserved() {
        for name in
            ["Host", "TE", "proxy-authorization", "Webhook-Id", "X-Hook-Signature", "x-hub-signature-256"]
        {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["accept", "x-host", "x-webhook-id", "hosts"] {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
