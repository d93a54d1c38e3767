//! The shared backend: several gateways, one Redis.

mod link;
mod script;
