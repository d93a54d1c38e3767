//! Judges a target before a proxy hears of it.
//!
//! A proxy connects to wherever it is told, from its own place in the network. So the name is
//! resolved here, and its addresses are judged as for a direct connection.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::Uri;
use tokio::time::timeout;
use tower::BoxError;

use crate::outbound::guard::{Guard, Refused, lookup};

/// Names of metadata services, which clouds resolve for their own machines only.
const METADATA: [&str; 8] = [
    "instance-data",
    "instance-data.ec2.internal",
    "metadata",
    "metadata.azure.internal",
    "metadata.goog",
    "metadata.google.internal",
    "metadata.oraclecloud.com",
    "metadata.tencentyun.com",
];

/// What the proxy will be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The name: which of its addresses is taken, the proxy decides.
    Name,
    /// One of the addresses that pass.
    Address,
}

/// A host that no proxy is told, whatever it resolves to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotByProxy {
    #[error("{0} is the name of a cloud's metadata service, which is never reached")]
    Metadata(String),
    #[error("{0} may be another way to write an address, and does not resolve here")]
    Number(String),
}

impl NotByProxy {
    /// One sentence: what to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Metadata(_) => "give the url another host; no setting opens this one",
            Self::Number(_) => "write the address in the usual way",
        }
        .to_owned()
    }
}

impl Guard {
    /// The addresses of `url` that may be reached. Where the proxy chooses among them, each must be
    /// allowed.
    ///
    /// With `leave`, a name that does not resolve here within that time is left to the proxy, and
    /// there are none: where nothing is resolved, some resolvers never answer.
    pub(super) async fn clear(
        &self,
        url: &Uri,
        told: Told,
        leave: Option<Duration>,
    ) -> Result<Vec<IpAddr>, BoxError> {
        self.check_url(url)?;
        let named = url.host().unwrap_or_default();
        let host = named.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        let host = host.to_ascii_lowercase();
        if let Ok(address) = host.parse::<IpAddr>() {
            // With a dot at its end it was none to `check_url`.
            self.check(address).map_err(|why| Refused { host: host.clone(), address, why })?;
            return Ok(vec![address]);
        }
        if METADATA.contains(&host.as_str()) {
            return Err(NotByProxy::Metadata(host).into());
        }
        // Nobody but the event vouches for such a name: its address has to be seen.
        let leave = leave.filter(|_| !self.listed_only);
        match self.resolved(&host, leave).await {
            Ok(found) => self.judged(&host, found, told),
            Err(_) if leave.is_some() => self.unseen(&host).map(|()| Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn resolved(&self, host: &str, leave: Option<Duration>) -> Result<Vec<IpAddr>, BoxError> {
        let looking = lookup(host);
        let found = match leave {
            Some(within) => timeout(within, looking).await.map_err(BoxError::from)?,
            None => looking.await,
        };
        let found = found.map_err(|unresolved| unresolved.before_proxy(self.listed_only))?;
        Ok(found.into_iter().map(|socket| socket.ip()).collect())
    }

    pub(super) fn judged(&self, host: &str, found: Vec<IpAddr>, told: Told) -> Result<Vec<IpAddr>, BoxError> {
        let judge = |address: &IpAddr| {
            let refused = |why| Refused { host: host.to_owned(), address: *address, why };
            self.check(*address).map_err(refused)
        };
        if told == Told::Name {
            found.iter().try_for_each(judge)?;
            return Ok(found);
        }
        let open: Vec<IpAddr> = found.iter().copied().filter(|address| judge(address).is_ok()).collect();
        match found.first().filter(|_| open.is_empty()) {
            Some(first) => judge(first).map(|()| open).map_err(Into::into),
            None => Ok(open),
        }
    }

    /// Whether a name that does not resolve here may be left to the proxy.
    fn unseen(&self, host: &str) -> Result<(), BoxError> {
        if host == "localhost" || host.ends_with(".localhost") || host.ends_with(".localdomain") {
            let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let refused = |why| Refused { host: host.to_owned(), address, why };
            return self.check(address).map_err(|why| refused(why).into());
        }
        // 127.1, 2130706433, 0x7f.1: to some resolvers these are addresses.
        let last = host.rsplit('.').next().unwrap_or_default();
        let number = last.strip_prefix("0x").map_or_else(
            || last.bytes().all(|byte| byte.is_ascii_digit()),
            |digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        );
        if number { Err(NotByProxy::Number(host.to_owned()).into()) } else { Ok(()) }
    }
}
