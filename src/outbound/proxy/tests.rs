//! Handshakes, byte by byte, and what is judged before them.
