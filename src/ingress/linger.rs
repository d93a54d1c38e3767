//! Reads on, for a while, what a refused sender is still writing.
//!
//! Closing a socket with unread bytes in it resets the connection, and most clients then never
//! see the answer that tells them why. hyper writes the answer while the body is still polled.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

const FOR: Duration = Duration::from_secs(5);
const AT_MOST: usize = 64 * 1024 * 1024;

/// Throws away the rest of a body in the background, under limits of size and time.
pub fn discard(mut body: Incoming) {
    if body.is_end_stream() {
        return;
    }
    let read = async move {
        let mut seen = 0;
        while let Some(Ok(frame)) = body.frame().await {
            seen += frame.data_ref().map_or(0, bytes::Bytes::len);
            if seen > AT_MOST {
                return;
            }
        }
    };
    #[expect(clippy::disallowed_methods, reason = "bounded, and nobody waits for it")]
    tokio::spawn(tokio::time::timeout(FOR, read));
}
