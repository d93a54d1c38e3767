//! One rule: an attribute of the event, an operator, and perhaps a value.

use std::fmt;

use super::context::Context;
use super::operator::Test;
use super::walk::{EmptyList, Found, Lost, Told, walk};
use super::{python, shown};
use crate::model::Json;

/// The first key of an attribute that reads a state of the object instead of its data.
pub(super) const SNAPSHOTS: &str = "snapshots";
/// The states, and the opposite of each.
const STATES: [(&str, &str); 2] = [("prechange", "postchange"), ("postchange", "prechange")];

/// A compiled rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub keys: Vec<String>,
    pub test: Test,
    pub negate: bool,
}

/// A rule that cannot be evaluated with what the event has.
#[derive(Debug)]
pub(super) struct Invalid<'r> {
    pub rule: &'r Rule,
    pub why: String,
}

/// What a rule reads from an event.
enum Read<'v> {
    Value(Found<'v>),
    /// The snapshot is not there because the object was not: as good as null.
    NoState,
    /// Before and after; at least one of them is known.
    States(Option<Found<'v>>, Option<Found<'v>>),
    /// There is nothing that could be compared: no match, negated or not, and no mistake.
    Nothing(&'static str),
}

impl Rule {
    pub fn holds(&self, cx: &Context<'_>) -> Result<bool, Invalid<'_>> {
        let verdict = self.read(cx).and_then(|read| match read {
            Read::Nothing(_) => Ok(false),
            Read::Value(found) => {
                let passes = self.test.passes(&found);
                passes.map(|passes| passes != self.negate).map_err(|why| self.mismatched(&found, &why))
            }
            // Whatever cannot be compared with null does not match it.
            Read::NoState => Ok(self.test.passes(&Found::One(&Json::Null)).unwrap_or(false) != self.negate),
            Read::States(before, after) => {
                let is_same = match (&before, &after) {
                    (Some(before), Some(after)) => python::both_equal(before, after),
                    _ => false,
                };
                Ok((matches!(self.test, Test::Unchanged) == is_same) != self.negate)
            }
        });
        verdict.map_err(|why| Invalid { rule: self, why })
    }

    /// What the event has, for one who wonders why the rule does not hold.
    pub fn actual(&self, cx: &Context<'_>) -> String {
        let attr = self.attr();
        match self.read(cx) {
            Ok(Read::Value(found)) => format!("{attr} is {}", shown::found(&found)),
            Ok(Read::NoState) => format!("{attr} is null, because there is no such state"),
            Ok(Read::Nothing(why)) => why.to_owned(),
            Ok(Read::States(Some(before), Some(after))) if python::both_equal(&before, &after) => {
                format!("{attr} is still {}", shown::found(&after))
            }
            Ok(Read::States(before, after)) => {
                let told = |state: Option<Found<'_>>| state.map_or("absent".to_owned(), |s| shown::found(&s));
                format!("{attr} was {} and is {}", told(before), told(after))
            }
            Err(why) => format!("invalid: {why}"),
        }
    }

    fn attr(&self) -> String {
        self.keys.join(".")
    }

    fn read<'c>(&self, cx: &'c Context<'_>) -> Result<Read<'c>, String> {
        if matches!(self.test, Test::Changed | Test::Unchanged) {
            return self.states(cx);
        }
        match self.keys.split_first() {
            Some((first, rest)) if first == SNAPSHOTS => self.snapshot(rest, cx),
            _ => match cx.data() {
                None => Ok(Read::Nothing("there is no data")),
                Some(data) => match walk(data, &self.keys, EmptyList::IsEmpty) {
                    Ok(found) => Ok(Read::Value(found)),
                    Err(lost) => Err(self.lost(&lost, 0)),
                },
            },
        }
    }

    /// `snapshots.prechange.status`: `keys` are those after the first.
    fn snapshot<'c>(&self, keys: &[String], cx: &'c Context<'_>) -> Result<Read<'c>, String> {
        if is_excused(keys, cx) {
            return Ok(Read::NoState);
        }
        if let Some(found) = change_named(keys, cx) {
            return Ok(Read::Value(found));
        }
        match walk(cx.snapshots(), keys, EmptyList::IsEmpty) {
            Ok(found) => Ok(Read::Value(found)),
            Err(lost) if cx.tells_only_changes() && lost.key == 1 && !lost.is_wrong_path() => {
                Ok(Read::Nothing(NOT_AMONG_CHANGES))
            }
            Err(lost) => Err(self.lost(&lost, 1)),
        }
    }

    fn states<'c>(&self, cx: &'c Context<'_>) -> Result<Read<'c>, String> {
        let mut wrong = None;
        let mut state = |which: &str| {
            let state = cx.snapshots().get(which).filter(|state| !state.is_null())?;
            let named = [&[which.to_owned()], self.keys.as_slice()].concat();
            if let Some(found) = change_named(&named, cx) {
                return Some(found);
            }
            walk(state, &self.keys, EmptyList::IsAbsent)
                .map_err(|lost| {
                    if wrong.is_none() && lost.is_wrong_path() {
                        wrong = Some(self.lost(&lost, 0));
                    }
                })
                .ok()
        };
        let (before, after) = (state("prechange"), state("postchange"));
        if before.is_some() || after.is_some() {
            return Ok(Read::States(before, after));
        }
        if cx.state("prechange").is_none() && cx.state("postchange").is_none() {
            return Err("the event has no snapshots to compare".to_owned());
        }
        match wrong {
            Some(wrong) => Err(wrong),
            None if cx.tells_only_changes() => Ok(Read::Nothing(NOT_AMONG_CHANGES)),
            None => Err(format!("there is no `{}` in either snapshot", self.attr())),
        }
    }

    fn lost(&self, lost: &Lost<'_>, skipped: usize) -> String {
        let told = Told { lost, attr: &self.keys, skipped };
        let reads_state = skipped > 0 || matches!(self.test, Test::Changed | Test::Unchanged);
        let hint = match self.keys.get(skipped + lost.key) {
            Some(key) if reads_state && lost.is_wrong_path() && key == "value" => {
                " (snapshots hold bare values: leave `.value` out)"
            }
            _ => "",
        };
        format!("{told}{hint}")
    }

    fn mismatched(&self, found: &Found<'_>, why: &str) -> String {
        format!("{why}: {} is {}", self.attr(), shown::found(found))
    }
}

const NOT_AMONG_CHANGES: &str = "the sender tells only changes, and this is none of them";

/// Whether the state is absent, and the other state (if there is one) shows that the path is
/// right: a wrong path is wrong for new and deleted objects as well.
fn is_excused(keys: &[String], cx: &Context<'_>) -> bool {
    let Some((which, rest)) = keys.split_first() else { return false };
    let Some((_, opposite)) = STATES.iter().find(|(state, _)| state == which) else { return false };
    if cx.snapshots().is_null() || cx.state(which).is_some() {
        return false;
    }
    match cx.snapshots().get(opposite).filter(|state| !state.is_null() && !rest.is_empty()) {
        Some(other) => {
            let named = || change_named(&[&[(*opposite).to_owned()], rest].concat(), cx).is_some();
            walk(other, rest, EmptyList::IsAbsent).is_ok() || named()
        }
        None => true,
    }
}

/// A change under its own name, which may have dots in it: `status.is_protected`.
fn change_named<'c>(keys: &[String], cx: &'c Context<'_>) -> Option<Found<'c>> {
    let (which, rest) = keys.split_first()?;
    if !cx.tells_only_changes() {
        return None;
    }
    cx.state(which)?.get(&rest.join(".")).map(Found::One)
}

/// `not status.value eq "active"`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.negate { "not " } else { "" };
        write!(f, "{not}{} {}", self.attr(), self.test.told())
    }
}
