//! Watches the bytes of a connection for the head of the request that is being read.
//!
//! hyper follows RFC 9112 and drops `Content-Length` where `Transfer-Encoding` stands, so a
//! service cannot see that both were sent. A request with both is how requests are smuggled
//! past a proxy; whoever wants to refuse it has to look at the wire.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::MAX_HEADER_BYTES;

/// The head of the request now being read, as it came over the wire.
#[derive(Debug, Clone, Default)]
pub struct Head(Arc<Mutex<Captured>>);

#[derive(Debug, Default)]
struct Captured {
    bytes: Vec<u8>,
    complete: bool,
    /// Something was written since: the next bytes begin another request.
    answered: bool,
}

impl Head {
    /// Whether this request, which came with `Transfer-Encoding`, surely had no `Content-Length`.
    /// `false` also where the wire was not seen (a pipelined request): in doubt it is refused.
    pub fn has_only_transfer_encoding(&self, method: &str) -> bool {
        let captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = captured.complete
            && captured.bytes.starts_with(method.as_bytes())
            && captured.bytes.get(method.len()) == Some(&b' ');
        ours && !captured.bytes.split(|byte| *byte == b'\n').any(is_content_length)
    }

    /// Whether a request began whose head has not come to its end.
    pub fn is_unfinished(&self) -> bool {
        let captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !captured.bytes.is_empty() && !captured.complete && !captured.answered
    }

    fn read(&self, bytes: &[u8]) {
        let mut captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if captured.answered {
            captured.bytes.clear();
            captured.complete = false;
            captured.answered = false;
        }
        if captured.complete || captured.bytes.len() > MAX_HEADER_BYTES {
            return;
        }
        // The end of the head may straddle two reads.
        let seam = captured.bytes.len().saturating_sub(3);
        captured.bytes.extend_from_slice(bytes);
        let fresh = captured.bytes.get(seam..).unwrap_or_default();
        if let Some(end) = fresh.windows(4).position(|four| four == b"\r\n\r\n") {
            captured.bytes.truncate(seam + end + 4);
            captured.complete = true;
        }
    }

    fn wrote(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).answered = true;
    }
}

fn is_content_length(line: &[u8]) -> bool {
    const NAME: &[u8] = b"content-length";
    line.split_at_checked(NAME.len())
        .is_some_and(|(name, rest)| name.eq_ignore_ascii_case(NAME) && rest.starts_with(b":"))
}

/// The stream, and the head that it keeps up to date.
pub fn watch<T>(stream: T) -> (Tap<T>, Head) {
    let head = Head::default();
    (Tap { stream, head: head.clone() }, head)
}

/// A stream that shows what it reads to a [`Head`].
#[derive(Debug)]
pub struct Tap<T> {
    stream: T,
    head: Head,
}

impl<T: AsyncRead + Unpin> AsyncRead for Tap<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(fresh) = buf.filled().get(before..).filter(|fresh| !fresh.is_empty()) {
            self.head.read(fresh);
        }
        result
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Tap<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.head.wrote();
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.head.wrote();
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::Head;

    #[test]
    fn a_content_length_beside_chunked_is_seen_even_across_reads() {
        let head = Head::default();
        head.read(b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConte");
        assert!(!head.has_only_transfer_encoding("POST"), "an unfinished head proves nothing");
        head.read(b"nt-Length: 3\r\n\r\nabc");
        assert!(!head.has_only_transfer_encoding("POST"));
    }

    #[test]
    fn each_request_of_a_connection_is_judged_by_its_own_head() {
        let head = Head::default();
        head.read(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
        head.wrote();
        head.read(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ncontent-length: 1\r\n");
        assert!(head.has_only_transfer_encoding("PUT"));
        assert!(!head.has_only_transfer_encoding("POST"));
    }
}
