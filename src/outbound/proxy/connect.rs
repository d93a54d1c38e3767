//! The tunnel of an HTTP proxy (CONNECT, RFC 9110, section 9.3.6).

use http::{HeaderValue, Uri};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::ProxyError;
use super::port;

/// For the head of the proxy's answer.
const HEAD_BYTES: usize = 16 * 1024;
const END: &[u8] = b"\r\n\r\n";

/// Asks the proxy for a tunnel to `target`; from then on the wire leads there.
pub(super) async fn tunnel<W>(
    wire: &mut W,
    target: &Uri,
    authorization: Option<&HeaderValue>,
) -> Result<(), ProxyError>
where
    W: AsyncRead + AsyncWrite + Unpin,
{
    let to = format!("{}:{}", target.host().unwrap_or_default(), port(target));
    let mut head = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").into_bytes();
    if let Some(authorization) = authorization {
        head.extend_from_slice(b"Proxy-Authorization: ");
        head.extend_from_slice(authorization.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    wire.write_all(&head).await?;
    wire.flush().await?;
    let answer = answer(wire).await?;
    match status(&answer).ok_or(ProxyError::NoHttp)? {
        // Nothing may follow yet: the other side waits for us.
        200..=299 if answer.ends_with(END) => Ok(()),
        200..=299 => Err(ProxyError::NoHttp),
        other => Err(ProxyError::Status(other)),
    }
}

/// What came until the head was whole.
async fn answer<W: AsyncRead + Unpin>(wire: &mut W) -> Result<Vec<u8>, ProxyError> {
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while answer.len() < HEAD_BYTES {
        let seen = answer.len().saturating_sub(END.len());
        match wire.read(&mut piece).await? {
            0 if answer.is_empty() => return Err(ProxyError::Silent),
            0 => return Err(ProxyError::NoHttp),
            read => answer.extend(piece.iter().take(read)),
        }
        let fresh = answer.get(seen..).unwrap_or_default();
        if fresh.windows(END.len()).any(|window| window == END) {
            return Ok(answer);
        }
    }
    Err(ProxyError::NoHttp)
}

/// `HTTP/1.1 200 Connection established`
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    let status = words.next().filter(|status| status.len() == 3)?;
    status.parse().ok().filter(|status| (100..=599).contains(status))
}
