//! The section `scripts:`: the hard limits of every run of a script.

use super::context::Context;
use crate::script::Limits;
use crate::units::{self, DURATION};
use crate::yaml::Reader;

/// Reads the section; what is missing or wrong takes its default.
pub(super) fn read(mut reader: Reader<'_>, cx: &mut Context<'_>) -> Limits {
    let default = Limits::default();
    let r = &mut reader;
    let limits = Limits {
        operations: cx
            .count(r, "operations", 1..=1_000_000_000)
            .map_or(default.operations, |count| count as u64),
        // Deeper calls would overflow the stack of a worker thread.
        call_depth: cx.count(r, "call_depth", 1..=128).unwrap_or(default.call_depth),
        string_bytes: cx.value(r, "string", units::SIZE, units::size).unwrap_or(default.string_bytes),
        array_items: cx.count(r, "array", 1..=10_000_000).unwrap_or(default.array_items),
        map_entries: cx.count(r, "map", 1..=10_000_000).unwrap_or(default.map_entries),
        wall_clock: cx.value(r, "wall_clock", DURATION, units::some_time).unwrap_or(default.wall_clock),
    };
    reader.finish(cx.problems);
    limits
}
