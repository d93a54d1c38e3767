//! The way out against real sockets on loopback. Only the store is a double.

mod auth;
mod double;
pub(super) mod fixture;
mod order;
mod receiver;
mod sending;
mod tls;
