//! Guards: `when:` in an adapter file, a mapping of a place to what must stand there.

use super::expr::{Expr, Scope, scalar};
use super::expr_file::Context;
use crate::glob::{Glob, Patterns};
use crate::model::Json;
use crate::yaml::{Node, Value};

/// All its tests must hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Guard {
    tests: Vec<(Expr, Test)>,
}

#[derive(Debug, Clone)]
enum Test {
    Present,
    Absent,
    Object,
    List,
    Like(Patterns<Glob>),
}

impl Guard {
    /// Compiles `{place: present | absent | object | list | glob | [globs]}`.
    pub fn compile(context: &mut Context<'_>, node: &Node) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            context.wrong(node.at, "`when` must be a mapping", "such as `{$.event: created}`");
            return None;
        };
        let mut tests = Vec::new();
        for (key, value) in entries {
            let place = context.name(key.at, &key.name)?;
            tests.push((place, test(context, value)?));
        }
        Some(Self { tests })
    }

    /// The first test that does not hold, as the place it looked at.
    pub fn refusal<'d>(&'d self, scope: &Scope<'d>) -> Option<&'d Expr> {
        self.tests
            .iter()
            .find(|(place, test)| !test.holds(place.eval(scope).as_deref()))
            .map(|(place, _)| place)
    }

    pub fn holds<'d>(&'d self, scope: &Scope<'d>) -> bool {
        self.refusal(scope).is_none()
    }
}

fn test(context: &mut Context<'_>, node: &Node) -> Option<Test> {
    let words: Vec<String> = match &node.value {
        Value::List(items) => items.iter().filter_map(Node::scalar).collect(),
        _ => node.scalar().into_iter().collect(),
    };
    match words.first().map(String::as_str) {
        None => {
            context.wrong(
                node.at,
                "`when` needs a text or texts here",
                "`present`, `absent`, `object`, `list` or globs",
            );
            return None;
        }
        Some("present") => return Some(Test::Present),
        Some("absent") => return Some(Test::Absent),
        Some("object") => return Some(Test::Object),
        Some("list") => return Some(Test::List),
        Some(_) => {}
    }
    let mut patterns = Patterns::default();
    for word in words {
        match word.strip_prefix('!') {
            Some(pattern) => patterns.push(true, Glob::new(pattern)),
            None => patterns.push(false, Glob::new(&word)),
        }
    }
    Some(Test::Like(patterns))
}

impl Test {
    fn holds(&self, found: Option<&Json>) -> bool {
        match self {
            Self::Present => found.is_some(),
            Self::Absent => found.is_none(),
            Self::Object => found.is_some_and(Json::is_object),
            Self::List => found.is_some_and(Json::is_array),
            Self::Like(patterns) => match found.and_then(scalar) {
                Some(text) => patterns.hold(|glob| glob.matches(&text)),
                None => !patterns.has_wanted(),
            },
        }
    }
}
