//! Crossconnect: a gateway between CMDBs and the tools behind them.
//!
//! # The walk of one webhook
//!
//! ```text
//! socket ─ serve ─ ingress: identify ─ collect ─ verify ─ intake ──┐
//!                                                                   │ Receipt
//!                     pipeline: adapter ─ route ─ script ─ format ◄─┘
//!                                                                   │ Outcome
//!        store.accept: receipt + outcome + deliveries, one transaction
//!                                                                   │ then 200
//! socket ◄ egress: client ─ guard ─ limits ─ sign ◄─ claim ◄────────┘
//!                     │ Attempt
//!                     └─ schedule ─ store.settle: Done | Again(at) | Dead
//! ```
//!
//! # Invariants
//!
//! * The middle (signature, adapter, script, route, format, pipeline) does no IO.
//! * Nothing is answered 200 before it is durable.
//! * Nothing durable is without an outcome.
//! * The bytes of a delivery never change; a retry reuses its id.
//! * The store knows no rules; the rules know no store.
//! * What is verified is what is processed.
//! * Secrets have no `Display`, and their `Debug` prints `[redacted]`.
//! * Time comes from the [`clock::Clock`].
//! * Imports go downwards only; ingress, egress and admin meet only in the store.

// 0: plain data
pub mod address;
pub mod clock;
mod expectation;
pub mod glob;
mod header;
pub mod json;
pub mod model;
mod percent;
pub mod problem;
pub mod rate;
pub mod secret;
mod slug;
pub mod snapshots;
mod units;
pub mod yaml;
// 1: pure engines
pub mod adapter;
pub mod format;
pub mod preset;
pub mod route;
pub mod schedule;
pub mod script;
pub mod signature;
pub mod template;
// 2: rules
pub mod config;
pub mod gate;
pub mod import;
pub mod pipeline;
pub mod rules;
// 3: sockets and state
pub mod lookup;
pub mod metrics;
pub mod outbound;
pub mod reply;
pub mod serve;
pub mod store;
// 4: the stacks
pub mod admin;
pub mod egress;
pub mod errands;
pub mod ingress;
// 5: wiring
pub mod app;
// 6: the command line
pub mod cli;
