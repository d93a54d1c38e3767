//! What one rendering may spend: time, and memory for what it makes.
//!
//! The engine counts its own steps, but one step may copy a text of megabytes, or print a list
//! that holds another a thousand times. So whatever makes or walks values asks here first. Only
//! lists give back what they took: a rendering needs little. The state lives in the thread, since
//! values that are printed or looked into are handed no context.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use minijinja::{Error, ErrorKind, Value};

/// Bytes that one rendering may make, texts and lists together.
pub(super) const MEMORY: usize = 64 * 1024 * 1024;
/// How long one rendering may take; none that is meant takes a hundredth of it.
const TIME: Duration = Duration::from_secs(2);
/// Texts of events that are shorter are copied whenever a template names them.
const SHORT: usize = 512;
/// A look at the clock every so many charges, or bytes.
const OFTEN: u32 = 64;
const MUCH: usize = 4096;

struct Run {
    left: usize,
    deadline: Instant,
    charges: u32,
    /// Long texts of the event by where they lie, so that each is copied once.
    texts: HashMap<(usize, usize), Value>,
}

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

/// Ends the rendering when dropped, also when it panics.
pub(super) struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        RUN.with_borrow_mut(|run| *run = None);
    }
}

/// Begins a rendering on this thread.
pub(super) fn begin() -> Guard {
    let run = Run { left: MEMORY, deadline: Instant::now() + TIME, charges: 0, texts: HashMap::new() };
    RUN.with_borrow_mut(|slot| *slot = Some(run));
    Guard
}

/// Counts bytes that are about to be made or walked.
pub(super) fn charge(bytes: usize) -> Result<(), Error> {
    RUN.with_borrow_mut(|run| {
        let Some(run) = run.as_mut() else { return Ok(()) };
        run.charges = run.charges.wrapping_add(1);
        if (bytes >= MUCH || run.charges.is_multiple_of(OFTEN)) && Instant::now() >= run.deadline {
            return Err(too_long());
        }
        run.left = run.left.checked_sub(bytes).ok_or_else(too_large)?;
        Ok(())
    })
}

/// Before work that is not paid for by the byte: is there time left?
pub(super) fn in_time() -> Result<(), Error> {
    let late = RUN.with_borrow(|run| run.as_ref().is_some_and(|run| Instant::now() >= run.deadline));
    if late { Err(too_long()) } else { Ok(()) }
}

/// Gives back what a list held.
pub(super) fn credit(bytes: usize) {
    // Lists may outlive the rendering, or its thread's state.
    let _ = RUN.try_with(|run| {
        if let Ok(mut run) = run.try_borrow_mut()
            && let Some(run) = run.as_mut()
        {
            run.left = (run.left + bytes).min(MEMORY);
        }
    });
}

/// Counts `each` bytes, `times` over.
pub(super) fn charge_times(each: usize, times: usize) -> Result<(), Error> {
    charge(each.checked_mul(times).ok_or_else(too_large)?)
}

fn too_long() -> Error {
    fault(format!("takes longer than {} seconds", TIME.as_secs()))
}

fn too_large() -> Error {
    fault(format!("needs more than {} MiB of memory", MEMORY >> 20))
}

/// A text of the event.
pub(super) fn text(text: &str) -> Value {
    if text.len() < SHORT {
        return charge(text.len()).map_or_else(Value::from, |()| Value::from(text));
    }
    let place = (text.as_ptr() as usize, text.len());
    let known = RUN.with_borrow(|run| run.as_ref().and_then(|run| run.texts.get(&place).cloned()));
    known.unwrap_or_else(|| match charge(text.len()) {
        Ok(()) => {
            let copy = Value::from(text);
            RUN.with_borrow_mut(|run| run.as_mut().map(|run| run.texts.insert(place, copy.clone())));
            copy
        }
        // The engine fails when it meets such a value.
        Err(error) => Value::from(error),
    })
}

/// A mistake of a template, in words.
pub(super) fn fault(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}
