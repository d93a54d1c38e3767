//! Where a server is.

use std::fmt;
use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Address {
    Tcp(String, u16),
    Unix(PathBuf),
}

impl Address {
    pub(super) fn tcp(host: &str, port: u16) -> Self {
        Self::Tcp(host.to_owned(), port)
    }

    /// A node that `asked` names. An empty host, or `?`, means its own.
    pub(super) fn of_node(asked: &Self, host: &str, port: u16) -> Self {
        match (host, asked) {
            ("" | "?", Self::Tcp(own, _)) => Self::tcp(own, port),
            _ => Self::tcp(host, port),
        }
    }

    /// The same, of `host:port` as servers write it: the port stands after the last colon, IPv6 has
    /// no brackets.
    pub(super) fn beside(asked: &Self, text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(Self::of_node(asked, host, port.parse().ok()?))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn what_a_server_writes_is_read_as_it_is_meant() {
        let asked = Address::tcp("own", 1);
        for (text, shown) in [
            ("10.0.0.1:6379", Some("10.0.0.1:6379")),
            ("::1:6379", Some("[::1]:6379")),
            ("[::1]:6379", Some("[::1]:6379")),
            (":6379", Some("own:6379")),
            ("", None),
            ("redis", None),
            ("redis:", None),
            ("redis:66000", None),
        ] {
            let read = Address::beside(&asked, text).map(|address| address.to_string());
            assert_eq!(read.as_deref(), shown, "{text}");
        }
    }
}
