//! The section `ingress:`: where senders come in, and how much they may send.

use std::net::SocketAddr;
use std::time::Duration;

use super::Ingress;
use super::context::Context;
use crate::units::{self, DURATION, LISTEN, NETWORK, Parsed, SIZE};
use crate::yaml::Reader;

impl Default for Ingress {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            base_path: String::new(),
            max_body: 2 << 20,
            trusted_proxies: Vec::new(),
            request_timeout: Duration::from_secs(15),
            header_timeout: Duration::from_secs(10),
            max_connections: 4096,
            grace: Duration::from_secs(30),
        }
    }
}

/// Reads the section; what is missing or wrong takes its default.
pub(super) fn read(mut reader: Reader<'_>, cx: &mut Context<'_>) -> Ingress {
    let default = Ingress::default();
    let r = &mut reader;
    let ingress = Ingress {
        listen: cx.value(r, "listen", LISTEN, units::listen).unwrap_or(default.listen),
        base_path: cx.value(r, "base_path", "a path such as `/` or `/cmdb`", base_path).unwrap_or_default(),
        max_body: cx.value(r, "max_body", SIZE, units::size).unwrap_or(default.max_body),
        trusted_proxies: cx.values(r, "trusted_proxies", NETWORK, units::network).unwrap_or_default(),
        request_timeout: cx
            .value(r, "request_timeout", DURATION, units::some_time)
            .unwrap_or(default.request_timeout),
        header_timeout: cx
            .value(r, "header_timeout", DURATION, units::some_time)
            .unwrap_or(default.header_timeout),
        max_connections: cx.count(r, "max_connections", 1..=1_000_000).unwrap_or(default.max_connections),
        grace: cx.value(r, "grace", DURATION, units::duration).unwrap_or(default.grace),
    };
    reader.finish(cx.problems);
    ingress
}

/// Without its closing slash; empty for `/`.
fn base_path(text: &str) -> Parsed<String> {
    if !text.starts_with('/') {
        return Err(Some("it begins with a slash".to_owned()));
    }
    let path = text.trim_end_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    if !path.chars().all(plain)
        || path.contains("//")
        || path.split('/').any(|part| matches!(part, "." | ".."))
    {
        return Err(Some(
            "it consists of letters, digits, `-`, `.`, `_`, `~` between single slashes".to_owned(),
        ));
    }
    Ok(path.to_owned())
}
