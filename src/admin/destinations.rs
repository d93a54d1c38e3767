//! The destinations in the API: how each one is, and its pause.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Json, json};
use axum::Json as Answer;
use axum::extract::{Path, State};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

use super::{Problem, Shared, view};
use crate::config::Destination;
use crate::model::{CircuitState, Standing, Timestamp};
use crate::reply::Rejection;
use crate::store::Condition;
use crate::yaml::nearest;

type Result<T = Answer<Json>> = std::result::Result<T, Problem>;

const BY_HAND: &str = "paused by hand";
/// Of a reason, in characters.
const LONGEST_REASON: usize = 500;

/// What is known of a destination besides its config.
#[derive(Debug, Clone, Default)]
struct Known {
    pending: u64,
    condition: Condition,
    standing: Option<Standing>,
}

/// How a destination is, in a word; the worst that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Summary {
    state: &'static str,
    since: Option<Timestamp>,
    reason: Option<String>,
}

impl Known {
    fn summary(&self) -> Summary {
        if let Some(paused) = &self.condition.paused {
            let reason = Some(paused.reason.clone());
            return Summary { state: "paused", since: Some(paused.since), reason };
        }
        let circuit = self.standing.as_ref().and_then(|standing| standing.breaker.clone());
        if let Some(circuit) = circuit.filter(|circuit| circuit.state != CircuitState::Closed) {
            return Summary { state: "open", since: circuit.since, reason: circuit.reason };
        }
        match self.condition.failing_since {
            Some(since) => {
                let reason = Some("no attempt has succeeded since then".to_owned());
                Summary { state: "failing", since: Some(since), reason }
            }
            None => Summary { state: "ok", since: None, reason: None },
        }
    }

    fn shown(&self, destination: &Destination) -> Json {
        let mut shown = view::destination(destination, self.pending);
        let Summary { state, since, reason } = self.summary();
        shown["state"] = json!(state);
        shown["since"] = json!(since);
        shown["reason"] = json!(reason);
        shown["failing_since"] = json!(self.condition.failing_since);
        let standing = self.standing.as_ref();
        let circuit = json!(standing.and_then(|standing| standing.breaker.as_ref()));
        if let (Json::Object(breaker), Json::Object(circuit)) = (&mut shown["breaker"], circuit) {
            breaker.extend(circuit);
        }
        shown["allowed"] = json!(standing.map(|standing| standing.allowed));
        shown["gap_ms"] = json!(standing.map(|standing| standing.gap_ms));
        shown["not_before"] = json!(standing.and_then(|standing| standing.not_before));
        shown
    }
}

/// What is known of all destinations of the config, in its order.
async fn known(shared: &Shared) -> Result<Vec<(Arc<Destination>, Known)>> {
    let rules = shared.rules.borrow().clone();
    let mut pending: HashMap<String, u64> = shared.store.pending().await?.into_iter().collect();
    let conditions = shared.store.conditions().await?.into_iter();
    let mut conditions: HashMap<String, Condition> =
        conditions.map(|condition| (condition.destination.clone(), condition)).collect();
    let all = rules.config.destinations.iter().filter_map(|destination| {
        let name = destination.name.as_str();
        let known = Known {
            pending: pending.remove(name).unwrap_or_default(),
            condition: conditions.remove(name).unwrap_or_default(),
            standing: (shared.standing)(name),
        };
        Some((rules.destinations.get(name)?.clone(), known))
    });
    Ok(all.collect())
}

pub async fn list(State(shared): State<Shared>) -> Result {
    let known = known(&shared).await?;
    let items: Vec<Json> = known.iter().map(|(destination, known)| known.shown(destination)).collect();
    Ok(Answer(json!({"items": items, "next": null})))
}

/// Appends how the destinations are to the exposition.
pub async fn gauges(shared: &Shared, text: &mut String) -> Result<()> {
    let known = known(shared).await?;
    let of = |value: fn(&Known) -> Option<u64>| -> Vec<(String, u64)> {
        let all = known.iter();
        all.filter_map(|(destination, known)| Some((destination.name.clone(), value(known)?))).collect()
    };
    let breakers = of(|known| {
        let circuit = known.standing.as_ref()?.breaker.as_ref()?;
        Some(match circuit.state {
            CircuitState::Closed => 0,
            CircuitState::HalfOpen => 1,
            CircuitState::Open => 2,
        })
    });
    let allowed = of(|known| u64::try_from(known.standing.as_ref()?.allowed).ok());
    let paused = of(|known| Some(u64::from(known.condition.paused.is_some())));
    view::gauge(
        text,
        "egress_breaker",
        "Breakers by destination: 0 closed, 1 half-open, 2 open.",
        "destination",
        &breakers,
    );
    let help = "Attempts that may be under way at once; fewer than in_flight while a receiver is slow.";
    view::gauge(text, "egress_allowed", help, "destination", &allowed);
    view::gauge(text, "paused", "Destinations that are paused (1).", "destination", &paused);
    Ok(())
}

/// The body of `POST destinations/{name}/pause`; none is needed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pause {
    reason: Option<String>,
}

impl Pause {
    fn read(body: &[u8]) -> Result<String> {
        let asked: Self = match body {
            [] => Self::default(),
            _ => serde_json::from_slice(body).map_err(|error| {
                Problem::bad(format!("expected a body like {{\"reason\": \"moving house\"}}: {error}"))
            })?,
        };
        match asked.reason {
            Some(reason) if reason.chars().count() > LONGEST_REASON => {
                Err(Problem::bad(format!("the reason is longer than {LONGEST_REASON} characters")))
            }
            Some(reason) if !reason.trim().is_empty() => Ok(reason),
            _ => Ok(BY_HAND.to_owned()),
        }
    }
}

/// Stops the sending to a destination. Of one that was paused already, the first reason stays.
pub async fn pause(State(shared): State<Shared>, Path(name): Path<String>, body: Bytes) -> Result {
    configured(&shared, &name)?;
    let reason = Pause::read(&body)?;
    let changed = shared.store.pause(&name, &reason, shared.clock.now()).await?;
    if changed {
        shared.metrics.paused(&name, "operator");
        tracing::warn!(destination = name, reason, "paused: nothing is sent there until it is resumed");
    }
    answer(&shared, &name, changed).await
}

/// Ends a pause, and forgets for how long attempts failed.
pub async fn resume(State(shared): State<Shared>, Path(name): Path<String>) -> Result {
    configured(&shared, &name)?;
    let changed = shared.store.resume(&name, shared.clock.now()).await?;
    if changed {
        tracing::info!(destination = name, "resumed: its deliveries leave again");
    }
    answer(&shared, &name, changed).await
}

/// How the destination is now, and whether that is the request's doing.
async fn answer(shared: &Shared, name: &str, changed: bool) -> Result {
    let known = known(shared).await?;
    let known = known.into_iter().find(|(destination, _)| destination.name == name);
    let known = known.map(|(_, known)| known).unwrap_or_default();
    let Summary { state, since, reason } = known.summary();
    Ok(Answer(json!({
        "destination": name,
        "changed": changed,
        "state": state,
        "since": since,
        "reason": reason,
        "pending": known.pending,
    })))
}

fn configured(shared: &Shared, name: &str) -> Result<()> {
    let rules = shared.rules.borrow();
    if rules.destinations.contains_key(name) {
        return Ok(());
    }
    let names: Vec<&str> = rules.config.destinations.iter().map(|known| known.name.as_str()).collect();
    let detail = format!("there is no destination `{name}`; {}", nearest(name, &names));
    Err(Problem(Rejection::new(StatusCode::NOT_FOUND, "not_found", detail)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Circuit;
    use crate::store::Paused;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_destination_is_the_worst_that_holds() {
        let mut known = Known::default();
        let state = |known: &Known| (known.summary().state, known.summary().since);
        assert_eq!(state(&known), ("ok", None));
        known.condition.failing_since = Some(at(1));
        assert_eq!(state(&known), ("failing", Some(at(1))));
        let circuit =
            |state| Circuit { state, since: Some(at(2)), until: None, reason: Some("sick".to_owned()) };
        let standing =
            |state| Standing { breaker: Some(circuit(state)), allowed: 1, gap_ms: 0, not_before: None };
        known.standing = Some(standing(CircuitState::Closed));
        assert_eq!(state(&known).0, "failing");
        for open in [CircuitState::Open, CircuitState::HalfOpen] {
            known.standing = Some(standing(open));
            assert_eq!(state(&known), ("open", Some(at(2))));
        }
        known.condition.paused = Some(Paused { since: at(3), reason: "gone".to_owned() });
        assert_eq!(state(&known), ("paused", Some(at(3))));
        assert_eq!(known.summary().reason.as_deref(), Some("gone"));
    }

    #[test]
    fn a_pause_needs_no_reason_but_what_is_said_is_read() {
        assert_eq!(Pause::read(b"").ok().as_deref(), Some(BY_HAND));
        assert_eq!(Pause::read(b"{}").ok().as_deref(), Some(BY_HAND));
        assert_eq!(Pause::read(br#"{"reason": "moving"}"#).ok().as_deref(), Some("moving"));
        let long = format!(r#"{{"reason": "{}"}}"#, "x".repeat(LONGEST_REASON + 1));
        for wrong in ["no", "[]", r#"{"why": "x"}"#, r#"{"reason": 7}"#, &long] {
            assert!(Pause::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
