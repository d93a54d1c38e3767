//! What one run may spend: operations and levels (rhai counts those), time, memory, log lines.
//!
//! rhai's own limits bound one value, not all values of a run together, and not how deep values
//! nest; a deep value would end the process when it is dropped. So every few reads of a variable
//! the variables in sight are measured. The state of a run lives in its thread: a run begins and
//! ends in one call, and rhai hands no context to its progress hook.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use rhai::{Dynamic, Engine, EvalAltResult, EvalContext, Position, Scope};

use super::{Limits, lookups, runner, value};
use crate::model::{Json, Timestamp};

/// How deep values may nest.
pub(super) const MAX_DEPTH: usize = 64;
/// How many lines one run may log, and how long each may be.
const LOG_LINES: usize = 20;
const LOG_CHARS: usize = 500;
/// Above this call level the variables are measured at every read.
const DEEP: usize = 4;
/// Up to it, every so many reads; fewer where there is much to measure.
const EVERY: u32 = 4;
const EVERY_MUCH: u32 = 16;
const MUCH: usize = 16 << 10;

/// How many times as much as a run over one event a run over a batch may hold.
const BATCH: usize = 4;

/// The reasons why a run is ended from outside rhai; also the tokens rhai hands back.
pub(super) const OUT_OF_TIME: &str = "time";
pub(super) const OUT_OF_MEMORY: &str = "memory";
pub(super) const OUT_OF_BODIES: &str = "bodies";
pub(super) const TOO_DEEP: &str = "depth";
pub(super) const TOO_MANY_ITEMS: &str = "items";
pub(super) const TOO_MANY_ENTRIES: &str = "entries";

struct Run {
    deadline: Instant,
    now: Timestamp,
    lines: usize,
    /// Bytes of the variables of each call level, as last measured.
    levels: Vec<usize>,
    reads: u32,
    scale: Scale,
    /// What all levels may hold together.
    memory: usize,
    /// What host functions and messages may still copy.
    copies: usize,
    /// Of bodies of receipts, how many bytes may still be parsed.
    bodies: usize,
    /// Why the run has to end, found where nothing can fail.
    doomed: Option<&'static str>,
    /// What lookups found, by name.
    lookups: Option<Arc<Json>>,
}

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

/// Ends the run when dropped, also when it panics.
pub(super) struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        RUN.with_borrow_mut(|run| *run = None);
    }
}

/// What all variables of a run may hold together, in bytes.
fn memory(limits: &Limits) -> usize {
    limits.string_bytes.saturating_mul(16).clamp(1 << 20, 64 << 20)
}

/// Of how many bytes the bodies may be that a run over a batch parses.
pub(super) fn bodies(limits: &Limits) -> usize {
    memory(limits)
}

/// Begins a run on this thread.
pub(super) fn begin(limits: &Limits, now: Timestamp) -> Guard {
    begin_with(limits, memory(limits), now)
}

/// Begins a run over a batch: it may hold more, not take longer.
pub(super) fn begin_batch(limits: &Limits, now: Timestamp) -> Guard {
    begin_with(limits, BATCH * memory(limits), now)
}

fn begin_with(limits: &Limits, memory: usize, now: Timestamp) -> Guard {
    let run = Run {
        deadline: Instant::now() + limits.wall_clock,
        now,
        lines: 0,
        levels: Vec::with_capacity(4),
        reads: 0,
        scale: Scale { arrays: limits.array_items, maps: limits.map_entries },
        memory,
        copies: memory,
        bodies: bodies(limits),
        doomed: None,
        lookups: None,
    };
    RUN.with_borrow_mut(|slot| *slot = Some(run));
    Guard
}

/// Hooks time and memory into an engine.
#[expect(deprecated, reason = "rhai marks on_var as volatile, not as obsolete")]
pub(super) fn watch(engine: &mut Engine) {
    // A look at the clock every 16 operations: one operation copies a megabyte at most.
    engine.on_progress(|operations| {
        let why = if operations & 15 == 0 { overdue() } else { None };
        why.map(|why| Dynamic::from(why.to_owned()))
    });
    engine.on_var(|name, _, context| {
        read(&context)?;
        Ok(lookups::variable(name, &context))
    });
}

/// Gives the run what lookups found.
pub(super) fn give(found: Option<&Arc<Json>>) {
    RUN.with_borrow_mut(|run| {
        if let Some(run) = run.as_mut() {
            run.lookups = found.cloned();
        }
    });
}

/// What lookups found, if the run was given any.
pub(super) fn lookups() -> Option<Arc<Json>> {
    RUN.with_borrow(|run| run.as_ref()?.lookups.clone())
}

fn overdue() -> Option<&'static str> {
    let doomed = RUN.with_borrow(|run| run.as_ref().and_then(|run| run.doomed));
    doomed.or_else(|| late().then_some(OUT_OF_TIME))
}

fn late() -> bool {
    RUN.with_borrow(|run| run.as_ref().is_some_and(|run| Instant::now() >= run.deadline))
}

fn ended(why: &str) -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(Dynamic::from(why.to_owned()), Position::NONE).into()
}

fn read(context: &EvalContext<'_, '_, '_, '_, '_, '_>) -> Result<(), Box<EvalAltResult>> {
    let level = context.call_level().saturating_sub(runner::LEVELS);
    RUN.with_borrow_mut(|run| {
        let Some(run) = run.as_mut() else { return Ok(()) };
        run.reads = run.reads.wrapping_add(1);
        let new_level = run.levels.len() != level + 1;
        let much = run.levels.last().is_some_and(|held| *held > MUCH);
        let every = if much { EVERY_MUCH } else { EVERY };
        if level <= DEEP && !new_level && !run.reads.is_multiple_of(every) {
            return Ok(());
        }
        run.levels.resize(level + 1, 0);
        let this = context.this_ptr().map_or(Ok(0), |value| run.scale.weigh(value, 0));
        let held = run.scale.scope(context.scope()).and_then(|held| Ok(held + this?)).map_err(ended)?;
        run.levels[level] = held;
        if run.levels.iter().sum::<usize>() > run.memory {
            return Err(ended(OUT_OF_MEMORY));
        }
        Ok(())
    })
}

/// How large one array or map may be; rhai checks no map that grows by `m[k] = v`.
#[derive(Clone, Copy)]
struct Scale {
    arrays: usize,
    maps: usize,
}

/// About how many bytes a value holds, or which limit it is past.
type Weight = Result<usize, &'static str>;

impl Scale {
    fn scope(self, scope: &Scope<'_>) -> Weight {
        scope.iter_raw().try_fold(0, |sum, (_, _, value)| Ok(sum + self.weigh(value, 0)?))
    }

    fn weigh(self, value: &Dynamic, depth: usize) -> Weight {
        if depth > MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        // To ask whether it is a text costs less than to be told what it is instead.
        if value.is_string() {
            return Ok(value.as_immutable_string_ref().map_or(0, |text| text.len()));
        }
        if value.is_array()
            && let Ok(list) = value.as_array_ref()
        {
            within(list.len(), self.arrays, TOO_MANY_ITEMS)?;
            return self.sum(list.len() * 16, list.iter(), depth);
        }
        if value.is_map()
            && let Ok(map) = value.as_map_ref()
        {
            within(map.len(), self.maps, TOO_MANY_ENTRIES)?;
            let keys = map.keys().map(|key| 64 + key.len()).sum();
            return self.sum(keys, map.values(), depth);
        }
        if value.is_blob() {
            return Ok(value.as_blob_ref().map_or(0, |blob| blob.len()));
        }
        if value.is_fnptr()
            && let Some(pointer) = value.read_lock::<rhai::FnPtr>()
        {
            return self.sum(64, pointer.iter_curry(), depth);
        }
        Ok(0)
    }

    fn sum<'a>(self, first: usize, mut values: impl Iterator<Item = &'a Dynamic>, depth: usize) -> Weight {
        values.try_fold(first, |sum, value| Ok(sum + self.weigh(value, depth + 1)?))
    }
}

fn within(len: usize, most: usize, why: &'static str) -> Result<(), &'static str> {
    if len > most { Err(why) } else { Ok(()) }
}

/// Counts what a host function or a message copies.
pub(super) fn charge(bytes: usize) -> Result<(), Box<EvalAltResult>> {
    RUN.with_borrow_mut(|run| match run.as_mut() {
        Some(run) if bytes > run.copies => Err(ended(OUT_OF_MEMORY)),
        Some(run) => {
            run.copies -= bytes;
            Ok(())
        }
        None => Ok(()),
    })
}

/// Whether a body of so many bytes may still be parsed; else the run ends at its next step.
pub(super) fn may_parse(bytes: usize) -> bool {
    RUN.with_borrow_mut(|run| match run.as_mut() {
        Some(run) if bytes > run.bodies => {
            run.doomed = Some(OUT_OF_BODIES);
            false
        }
        Some(run) => {
            run.bodies -= bytes;
            true
        }
        None => true,
    })
}

/// What a run gave, unless it had to end: then whatever went wrong came of that.
pub(super) fn survived<T>(given: Result<T, Box<EvalAltResult>>) -> Result<T, Box<EvalAltResult>> {
    match RUN.with_borrow(|run| run.as_ref().and_then(|run| run.doomed)) {
        Some(why) => Err(ended(why)),
        None => given,
    }
}

/// What all values of this run may hold together, in bytes.
pub(super) fn allowed() -> usize {
    RUN.with_borrow(|run| run.as_ref().map_or(0, |run| run.memory))
}

/// Before work that takes a while: is there time left?
pub(super) fn in_time() -> Result<(), Box<EvalAltResult>> {
    if late() { Err(ended(OUT_OF_TIME)) } else { Ok(()) }
}

/// The instant of the run.
pub(super) fn now() -> Timestamp {
    RUN.with_borrow(|run| run.as_ref().map_or(Timestamp::UNIX_EPOCH, |run| run.now))
}

/// Writes one line to the log, if the run has any left.
pub(super) fn log(text: &str, file: &str) {
    let lines = RUN.with_borrow_mut(|run| {
        run.as_mut().map_or(usize::MAX, |run| {
            run.lines += 1;
            run.lines
        })
    });
    let line = value::shortened(text, LOG_CHARS);
    if lines <= LOG_LINES {
        tracing::info!(target: "script", file, "{line}");
    } else if lines == LOG_LINES + 1 {
        tracing::info!(target: "script", file, "further lines of this run are left out");
    }
}
