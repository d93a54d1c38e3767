//! SOCKS 5 (RFC 1928), with user and password (RFC 1929).

use std::net::IpAddr;

use http::Uri;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::{ProxyError, Reply};
use crate::outbound::classify::Unusable;
use crate::secret::Secret;

const VERSION: u8 = 5;
/// Of the negotiation of user and password, which counts its versions by itself.
const LOGIN_VERSION: u8 = 1;
const OPEN: u8 = 0;
const LOGIN: u8 = 2;
const CONNECT: u8 = 1;

/// What the proxy is told to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Address(IpAddr),
    /// At most 255 bytes.
    Name(String),
}

impl Host {
    /// The host of a URL, as it stands there.
    pub fn of(url: &Uri) -> Result<Self, Unusable> {
        let host = url.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse() {
            Ok(address) => Ok(Self::Address(address)),
            Err(_) if host.len() <= 255 => Ok(Self::Name(host.to_owned())),
            Err(_) => {
                let error = "the URL's host is longer than SOCKS can say";
                Err(Unusable::new(error, "no name has more than 255 letters: mend the url"))
            }
        }
    }
}

/// Asks the proxy for a connection; from then on the wire leads there.
pub(super) async fn open<W>(
    wire: &mut W,
    host: &Host,
    port: u16,
    credentials: Option<&(String, Secret)>,
) -> Result<(), ProxyError>
where
    W: AsyncRead + AsyncWrite + Unpin,
{
    let offered: &[u8] = if credentials.is_some() { &[VERSION, 2, OPEN, LOGIN] } else { &[VERSION, 1, OPEN] };
    say(wire, offered).await?;
    let [version, method] = hear(wire).await?;
    match (version, method, credentials) {
        (VERSION, OPEN, _) => {}
        (VERSION, LOGIN, Some((user, password))) => login(wire, user, password).await?,
        (VERSION, _, None) => return Err(ProxyError::WantsLogin),
        (VERSION, _, Some(_)) => return Err(ProxyError::NoLogin),
        _ => return Err(ProxyError::NoSocks),
    }
    say(wire, &request(host, port)).await?;
    let [version, reply, _, kind] = hear(wire).await?;
    if version != VERSION {
        return Err(ProxyError::NoSocks);
    }
    if reply != 0 {
        return Err(ProxyError::Socks(Reply(reply)));
    }
    bound(wire, kind).await
}

async fn login<W>(wire: &mut W, user: &str, password: &Secret) -> Result<(), ProxyError>
where
    W: AsyncRead + AsyncWrite + Unpin,
{
    let mut message = vec![LOGIN_VERSION];
    for part in [user, password.expose()] {
        message.push(length(part)?);
        message.extend_from_slice(part.as_bytes());
    }
    say(wire, &message).await?;
    match hear(wire).await? {
        [LOGIN_VERSION, 0] => Ok(()),
        [LOGIN_VERSION, _] => Err(ProxyError::LoginRefused),
        _ => Err(ProxyError::NoSocks),
    }
}

/// The config has seen to that.
fn length(part: &str) -> Result<u8, ProxyError> {
    u8::try_from(part.len()).map_err(|_| ProxyError::LoginRefused)
}

fn request(host: &Host, port: u16) -> Vec<u8> {
    let mut message = vec![VERSION, CONNECT, 0];
    match host {
        Host::Address(IpAddr::V4(address)) => {
            message.push(1);
            message.extend_from_slice(&address.octets());
        }
        Host::Address(IpAddr::V6(address)) => {
            message.push(4);
            message.extend_from_slice(&address.octets());
        }
        Host::Name(name) => {
            message.extend([3, u8::try_from(name.len()).unwrap_or(u8::MAX)]);
            message.extend_from_slice(name.as_bytes());
        }
    }
    message.extend_from_slice(&port.to_be_bytes());
    message
}

/// The rest of the answer: the address the proxy connects from, which nobody needs.
async fn bound<W: AsyncRead + Unpin>(wire: &mut W, kind: u8) -> Result<(), ProxyError> {
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(hear::<W, 1>(wire).await?[0]),
        _ => return Err(ProxyError::NoSocks),
    };
    let mut rest = vec![0; length + 2];
    wire.read_exact(&mut rest).await?;
    Ok(())
}

async fn say<W: AsyncWrite + Unpin>(wire: &mut W, message: &[u8]) -> Result<(), ProxyError> {
    wire.write_all(message).await?;
    Ok(wire.flush().await?)
}

async fn hear<W: AsyncRead + Unpin, const N: usize>(wire: &mut W) -> Result<[u8; N], ProxyError> {
    let mut message = [0; N];
    wire.read_exact(&mut message).await?;
    Ok(message)
}
