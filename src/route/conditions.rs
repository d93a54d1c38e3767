//! NetBox's condition sets (`conditions:` of a `when`), as NetBox 4.7 evaluates them.
//!
//! A set is compiled once and asked about every event: over `event.data`, with the states before
//! and after beside it as `snapshots`. Python's rules hold for values, because they hold in
//! NetBox. No scripts, no IO; what an event can cost is bounded.

mod compile;
mod context;
mod json_text;
mod operator;
mod pattern;
mod python;
mod rule;
mod shown;
#[cfg(test)]
mod tests;
mod walk;

use std::fmt;

use crate::problem::Problems;
use crate::yaml::Node;

pub(super) use context::Context;
use rule::{Invalid, Rule};

/// How deep sets may nest.
const DEEPEST: usize = 24;
/// How many rules a set may hold, with those of the sets in it.
const MOST_RULES: usize = 1000;
/// Of an `or` that failed, so many rules tell what they found.
const MOST_TOLD: usize = 4;
/// More than so many characters of what was wanted are not told.
const LONGEST_WANTED: usize = 200;

/// A compiled condition set.
#[derive(Debug)]
pub(super) struct Conditions {
    root: Term,
}

/// A rule, or a set of rules and sets.
#[derive(Debug)]
enum Term {
    Rule(Rule),
    Set(Logic, Vec<Term>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Logic {
    And,
    Or,
}

/// Which rule said no, and what the event has instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Such as `status.value eq "active"`.
    pub wanted: String,
    /// Such as `status.value is "planned"`, or `invalid: …`.
    pub actual: String,
}

impl Conditions {
    /// Compiles a set, a single rule, or either as a text of JSON. Every mistake goes to
    /// `problems`; with any there is no set. `path` is the place in the config, for messages.
    pub fn compile(file: &str, path: &str, node: &Node, problems: &mut Problems) -> Option<Self> {
        compile::compile(file, path, node, problems).map(|root| Self { root })
    }

    /// Whether the set holds.
    ///
    /// # Errors
    /// The rule that decided against the event. A rule that cannot be evaluated (a missing key,
    /// values that cannot be compared) makes the whole set say no, as soon as it is reached.
    pub fn check(&self, cx: &Context<'_>) -> Result<(), Refusal> {
        match self.root.against(cx) {
            Ok(None) => Ok(()),
            Ok(Some(term)) => {
                Err(Refusal { wanted: shown::display(term, LONGEST_WANTED), actual: term.actual(cx) })
            }
            Err(Invalid { rule, why }) => Err(Refusal {
                wanted: shown::display(rule, LONGEST_WANTED),
                actual: format!("invalid: {why}"),
            }),
        }
    }
}

impl Term {
    /// The rule, or the `or` none of whose rules held, that decides against the event; in order,
    /// and no further than needed.
    fn against(&self, cx: &Context<'_>) -> Result<Option<&Self>, Invalid<'_>> {
        match self {
            Self::Rule(rule) => Ok((!rule.holds(cx)?).then_some(self)),
            Self::Set(Logic::And, terms) => {
                for term in terms {
                    if let Some(no) = term.against(cx)? {
                        return Ok(Some(no));
                    }
                }
                Ok(None)
            }
            Self::Set(Logic::Or, terms) => {
                for term in terms {
                    if term.against(cx)?.is_none() {
                        return Ok(None);
                    }
                }
                Ok(Some(self))
            }
        }
    }

    fn actual(&self, cx: &Context<'_>) -> String {
        match self {
            Self::Rule(rule) => rule.actual(cx),
            Self::Set(_, terms) if terms.is_empty() => "there is no rule that could hold".to_owned(),
            Self::Set(_, terms) => {
                let told = terms.iter().take(MOST_TOLD).map(|term| match term.against(cx) {
                    Ok(Some(no)) => no.actual(cx),
                    _ => String::new(),
                });
                let told: Vec<String> = told.filter(|text| !text.is_empty()).collect();
                let more = if terms.len() > MOST_TOLD { "; …" } else { "" };
                format!("none holds: {}{more}", told.join("; "))
            }
        }
    }
}

/// `any of (status.value eq "active", name regex "^lab")`.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, terms) = match self {
            Self::Rule(rule) => return rule.fmt(f),
            Self::Set(Logic::And, terms) => ("all", terms),
            Self::Set(Logic::Or, terms) => ("any", terms),
        };
        write!(f, "{name} of (")?;
        for (index, term) in terms.iter().enumerate() {
            write!(f, "{}{term}", if index > 0 { ", " } else { "" })?;
        }
        f.write_str(")")
    }
}
