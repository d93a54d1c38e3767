//! The keys `state:` and `retention:`: where receipts live, and for how long.

use std::path::Path;
use std::time::Duration;

use super::context::Context;
use super::{Retention, State};
use crate::units::{self, DURATION};
use crate::yaml::{At, Reader};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Where the state lives unless the config says otherwise.
const FILE: &str = "data/crossconnect.db";
const REDIS: [&str; 4] = ["redis:", "rediss:", "redis+sentinel:", "redis+cluster:"];

impl Default for Retention {
    fn default() -> Self {
        Self { delivered: 7 * DAY, dead: 30 * DAY }
    }
}

/// Reads `state:` of the document.
pub(super) fn read(top: &mut Reader<'_>, cx: &mut Context<'_>) -> State {
    let given = cx.text(top, "state").and_then(|(at, text)| parse(at, &text, cx));
    given.unwrap_or_else(|| State::Sqlite(cx.dir.join(FILE)))
}

fn parse(at: At, text: &str, cx: &mut Context<'_>) -> Option<State> {
    const HELP: &str = "write `sqlite:data/crossconnect.db`; the path counts from the folder of the config";
    if REDIS.iter().any(|scheme| text.starts_with(scheme)) {
        cx.problem(at, "`state` in Redis is not supported by this version", HELP);
        return None;
    }
    let Some(path) = text.strip_prefix("sqlite:") else {
        cx.problem(at, "`state` must begin with `sqlite:`", HELP);
        return None;
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    if path == ":memory:" {
        cx.problem(at, "`state` in memory would lose what was accepted", HELP);
        return None;
    }
    if path.is_empty() || path.ends_with('/') || path.contains(['?', '\0']) {
        cx.problem(at, "`state` names no file", HELP);
        return None;
    }
    Some(State::Sqlite(cx.dir.join(Path::new(path))))
}

/// Reads the section `retention:`.
pub(super) fn retention(mut reader: Reader<'_>, cx: &mut Context<'_>) -> Retention {
    let default = Retention::default();
    let r = &mut reader;
    let retention = Retention {
        delivered: cx.value(r, "delivered", DURATION, units::some_time).unwrap_or(default.delivered),
        dead: cx.value(r, "dead", DURATION, units::some_time).unwrap_or(default.dead),
    };
    reader.finish(cx.problems);
    retention
}
