//! What of an event conditions look at: those of one topic tell the same of what it has.

use std::collections::HashMap;

use super::super::Test;
use super::super::webhook::Field;

#[derive(Debug, PartialEq, Eq, Hash)]
enum Topic {
    Source,
    Action,
    Type,
    Kind,
    Branch,
    Actor,
    Changes,
    /// Whether the paths that are looked for are wanted.
    Path(bool),
    Off,
    Scope,
    NodeKind,
    Label(&'static str),
    /// Which related resource comes nearest is each condition's own matter.
    Own(u32),
}

impl Topic {
    fn of(test: &Test) -> Option<Self> {
        Some(match test {
            Test::From(_) => Self::Source,
            Test::Action(_) => Self::Action,
            Test::Type(_) | Test::Webhook(Field::EventType(_)) => Self::Type,
            Test::Kind(_) => Self::Kind,
            Test::Branch(_) => Self::Branch,
            Test::Actor(_) => Self::Actor,
            Test::Changed(_) => Self::Changes,
            Test::Path(paths) => Self::Path(paths.has_wanted()),
            Test::Webhook(Field::Off) => Self::Off,
            Test::Webhook(Field::DefaultBranch | Field::OtherBranches) => Self::Scope,
            Test::Webhook(Field::NodeKind(_)) => Self::NodeKind,
            Test::Match(wanted) => Self::Label(wanted.label()),
            Test::Related(_) => return None,
        })
    }
}

/// Numbers topics as they come up.
#[derive(Debug, Default)]
pub(super) struct Topics(HashMap<Topic, u32>);

impl Topics {
    pub fn of(&mut self, test: &Test) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(Topic::of(test).unwrap_or(Topic::Own(next))).or_insert(next)
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }
}
