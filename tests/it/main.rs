//! The gateway as its users meet it: real sockets, real SQLite files, real processes.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test ends at the first surprise")]

mod bad_input;
mod binary;
mod bridge;
mod care;
mod circle;
mod corpus;
mod delivery;
mod freshness;
mod herd;
mod import;
mod kill;
mod lookups;
mod moving;
mod notices;
mod operate;
mod presets;
mod process;
mod program;
mod proxies;
mod receiver;
mod redis;
mod redis_batches;
mod redis_server;
mod redis_state;
mod rotation;
mod signing;
mod sqlite;
mod state;
mod store_suite;
mod storms;
mod templates;
mod verdicts;
mod world;
