//! Routes that `check` would refuse are commented out: one of them would keep the whole config
//! from being loaded.

use super::draft::{Draft, Route};
use super::write::{Tree, Writer, shown};
use crate::problem::Problems;
use crate::route::Match;
use crate::yaml;

/// How much of one mistake is told.
const LONGEST: usize = 200;

/// Comments out every route whose `when` does not compile, and says why.
pub(super) fn comment_out(draft: &mut Draft) {
    let mut notes = Vec::new();
    for route in draft.routes.iter_mut().filter(|route| route.off.is_none()) {
        let Some(why) = refusal(route) else { continue };
        notes.push(format!(
            "the route {} of {} is commented out: {why}; correct it, and take the marks off",
            route.name, route.about
        ));
        route.off = Some(why);
    }
    draft.notes.extend(notes);
}

fn refusal(route: &Route) -> Option<String> {
    if route.when.is_empty() {
        return None;
    }
    let when = route.when.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let mut writer = Writer::default();
    writer.entry(0, "when", &Tree::Map(when));
    // As it reads once variables are put in, of which there are none.
    let text = writer.finish().replace("$${", "${");
    let mut problems = Problems::default();
    let root = yaml::parse("", &text, &mut problems);
    if let Some(when) = root.as_ref().and_then(|root| root.get("when")) {
        Match::compile("", "route", &[], Some(when), &mut problems);
    }
    let all: Vec<String> = problems.into_sorted().iter().map(|problem| shortened(&problem.message)).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Messages quote what was typed, which may be long.
fn shortened(message: &str) -> String {
    shown(&message.chars().take(LONGEST).collect::<String>())
}
