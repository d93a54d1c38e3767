//! What a proxy did not do, and in which words that is told.

use std::fmt;
use std::io;
use std::time::Duration;

use tower::BoxError;

use crate::model::FailureClass;
use crate::outbound::classify::Failure;
use crate::outbound::party::Party;

/// A proxy is why nothing was sent, or no answer came.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// Connecting to it failed, or TLS with it did, or it broke off.
    #[error("the way to the proxy failed")]
    Unreached(#[source] BoxError),
    /// It took too long to connect, whoever was slow.
    #[error("no connection through the proxy within {0:?}")]
    Slow(Duration),
    #[error("the proxy answered {0}")]
    Status(u16),
    #[error("the proxy closed the connection without an answer")]
    Silent,
    #[error("what answered is no HTTP proxy")]
    NoHttp,
    #[error("what answered is no SOCKS 5 proxy")]
    NoSocks,
    #[error("the proxy wants a user and a password")]
    WantsLogin,
    #[error("the proxy takes no user and password")]
    NoLogin,
    #[error("the proxy refused the user or the password")]
    LoginRefused,
    #[error("the proxy could not connect: {0}")]
    Socks(Reply),
}

/// A reply of SOCKS 5 that is no success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply(pub u8);

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            1 => "general failure",
            2 => "its rules do not allow it",
            3 => "network unreachable",
            4 => "host unreachable",
            5 => "connection refused",
            6 => "it took too long",
            7 => "it knows no CONNECT",
            8 => "it does not know this kind of address",
            other => return write!(f, "reply {other}"),
        };
        f.write_str(text)
    }
}

impl From<io::Error> for ProxyError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Silent,
            _ => Self::Unreached(error.into()),
        }
    }
}

impl ProxyError {
    /// Whether another address of the target may fare better.
    pub(super) fn is_about_the_target(&self) -> bool {
        matches!(self, Self::Socks(Reply(1 | 3..=6 | 8)))
    }

    /// As attempts and lookups show it.
    pub(in crate::outbound) fn failure(&self, timeout: Duration) -> Failure {
        let class = match self {
            Self::Unreached(error) => return Failure::of_error_with(Party::Proxy, error.as_ref(), timeout),
            Self::Status(401 | 407) | Self::WantsLogin | Self::NoLogin | Self::LoginRefused => {
                FailureClass::Config
            }
            Self::Slow(_) => FailureClass::Timeout,
            _ => FailureClass::Connect,
        };
        Failure::new(class, self.to_string(), self.remedy())
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::Status(401 | 407) | Self::WantsLogin => {
                "give or mend the proxy's user and password: `proxy: { url, user, password }`"
            }
            Self::LoginRefused => "mend the user or the password of the proxy in the config",
            Self::NoLogin => "remove the user and the password of the proxy, or let it take them",
            Self::Status(403 | 405) | Self::Socks(Reply(2)) => {
                "let the proxy's rules allow this host and port, or name the host in no_proxy"
            }
            Self::Status(502..=504) | Self::Socks(Reply(3..=6)) => {
                "check that the host runs and that the proxy can reach it"
            }
            Self::Socks(Reply(8)) => "let the proxy resolve names: write socks5h:// in place of socks5://",
            Self::NoHttp | Self::NoSocks => "check the proxy's scheme and port",
            Self::Slow(_) => "check that the proxy runs, and that it can reach the host",
            _ => "look into the proxy's log",
        }
    }
}
