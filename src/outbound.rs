//! The ways out: a guarded HTTP client for whatever the gateway sends or asks.
//!
//! Deliveries and lookups leave by the same ways: addresses are judged when connecting, TLS and
//! failures are the same. What is sent, and why, never enters here.

pub mod classify;
pub mod client;
pub mod guard;
mod tls;
