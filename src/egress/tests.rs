//! The way out against real sockets on loopback. Only the store is a double.

mod auth;
mod breaker;
mod double;
pub(super) mod fixture;
mod order;
mod pace;
mod pauses;
mod rate;
mod receiver;
mod running;
mod sending;
mod sick;
mod tls;
