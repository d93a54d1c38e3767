//! Whom words about a failure are about.

/// The other side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// A destination gets a delivery.
    Receiver,
    /// A system is asked for a lookup.
    Asked,
    /// OAuth 2.0 tokens are fetched.
    Tokens,
    /// What lies between.
    Proxy,
    /// The servers that keep the state.
    State,
}

impl Party {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Receiver => "the receiver",
            Self::Asked => "the system asked",
            Self::Tokens => "the token endpoint",
            Self::Proxy => "the proxy",
            Self::State => "the Redis server",
        }
    }

    /// The key of the config that says where it is.
    pub(super) fn url(self) -> &'static str {
        match self {
            Self::Receiver | Self::Asked => "url",
            Self::Tokens => "token_url",
            Self::Proxy => "proxy",
            Self::State => "state",
        }
    }

    /// The key of the config that names its authority.
    pub(super) fn ca(self) -> &'static str {
        match self {
            Self::Proxy => "proxy.ca",
            Self::State => "state.tls.ca",
            _ => "tls.ca",
        }
    }

    /// What stands before an error that does not name the party itself.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Receiver | Self::Asked | Self::State => "",
            Self::Tokens => "the token endpoint: ",
            Self::Proxy => "the proxy: ",
        }
    }
}
