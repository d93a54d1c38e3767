//! A guard: how many instructions and allocations each piece of the walk takes, counted exactly.
//!
//! `cargo bench --profile dev --bench instructions` runs every piece under valgrind's callgrind and
//! compares with `instructions.txt`; more than 10 % upwards fails. `BLESS=1` writes the counts instead.
//! A piece is run twice, with few and with many steps after the same preparation; the difference of the
//! counts, divided by the difference of the steps, is free of start-up.

#![expect(clippy::unwrap_used, reason = "a benchmark ends at the first surprise")]

#[path = "rig"]
mod rig {
    pub mod body;
    pub mod process;
    pub mod redis;
}
#[path = "pieces"]
mod pieces {
    pub mod all;
    pub mod captured;
    pub mod middle;
    pub mod piece;
    pub mod proof;
    pub mod state;

    use super::rig;
}
#[path = "instructions"]
mod instructions {
    pub mod callgrind;
    pub mod ledger;
    pub mod origin;
}

use std::process::ExitCode;

use instructions::callgrind::Cost;
use instructions::ledger::{Ledger, Verdict};
use instructions::origin::Origin;
use instructions::{callgrind, ledger};
use pieces::all::all;

/// Those that every event passes, one of a kind.
const GUARDED: [&str; 11] = [
    "verify netbox",
    "parse",
    "normalise netbox",
    "normalise infrahub",
    "match over 500 routes",
    "script device_status",
    "format event",
    "sign standard-webhooks",
    "store sqlite, all for one",
    "process and accept over 1 routes",
    "process and accept over 500 routes",
];

fn main() -> ExitCode {
    if let Some((name, made, times)) = callgrind::asked() {
        let piece = all().find(|piece| piece.name == name).expect("no such piece");
        (piece.prepare)(made)(times);
        return ExitCode::SUCCESS;
    }
    let origin = Origin::here();
    let counts: Vec<(&str, Cost)> = GUARDED.iter().map(|name| (*name, callgrind::count(name))).collect();
    if std::env::var_os("BLESS").is_some() {
        Ledger::write(&origin, &counts);
        return ExitCode::SUCCESS;
    }
    let blessed = Ledger::read();
    let tolerance = blessed.tolerance(&origin);
    println!(
        "\n| piece | instructions | than blessed | allocations | blessed | |\n| --- | ---: | ---: | ---: | ---: | --- |"
    );
    let verdicts: Vec<Verdict> =
        counts.iter().map(|(name, cost)| blessed.judge(name, *cost, tolerance)).collect();
    ledger::conclude(&verdicts)
}
