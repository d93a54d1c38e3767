//! The whole walk next to a bare server that does the least a durable gateway has to do.
//!
//! `cargo bench --bench walk` starts gateways and bare servers (processes of their own), the load and
//! a receiver that proves every signature, runs the arms in turn and prints one table. Ratios within
//! one run are what counts; the machine's own rates are not. `ONLY=cpu,drain` picks rows; the sizes
//! stand in `walk/sizes.rs`, and BENCHMARKS.md has the command line of the full ones.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark ends at the first surprise")]

#[path = "rig"]
mod rig {
    pub mod body;
    pub mod cpu;
    pub mod event;
    pub mod figures;
    pub mod gateway;
    pub mod load;
    pub mod process;
    pub mod redis;
    pub mod round;
    pub mod sink;
}
#[path = "walk"]
mod walk {
    pub mod arms;
    pub mod bare;
    pub mod fill;
    pub mod memory;
    pub mod only;
    pub mod paced;
    pub mod scale;
    pub mod shared;
    pub mod sick;
    pub mod sizes;
    pub mod state;
    pub mod table;
    pub mod whole;

    use super::rig;
}

use walk::only::Only;
use walk::sizes::Sizes;
use walk::table::Table;
use walk::{bare, scale, shared, sick, state, whole};

fn main() {
    if let Some(arguments) = bare::asked() {
        return bare::serve(&arguments);
    }
    let (sizes, only, mut table) = (Sizes::read(), Only::read(), Table::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        whole::load(&sizes, &only, &mut table).await;
        whole::paced(&sizes, &only, &mut table).await;
        state::memory(&sizes, &only, &mut table).await;
        state::stored(&sizes, &only, &mut table).await;
        scale::routes(&sizes, &only, &mut table).await;
        scale::lanes(&sizes, &only, &mut table).await;
        sick::hangs(&sizes, &only, &mut table).await;
        sick::retries(&sizes, &only, &mut table).await;
        sick::drain(&sizes, &only, &mut table).await;
        shared::redis(&sizes, &only, &mut table).await;
    });
    table.print(&sizes.shown());
}
