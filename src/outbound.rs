//! The ways out: a guarded HTTP client for whatever the gateway sends or asks.
//!
//! Deliveries and lookups leave by the same ways: addresses are judged when connecting or before a
//! proxy is told, and proofs, TLS and failures are the same. What is sent, and why, never enters
//! here.

mod auth;
pub mod classify;
pub mod client;
pub mod echo;
mod exchange;
pub mod guard;
mod leg;
pub mod party;
pub mod proxy;
pub mod tls;
mod tokens;
