//! Receipts with outcomes, as the pipeline would make them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use crossconnect::model::{
    Actor, By, Change, Decision, Dedupe, Delivery, DeliveryId, Event, EventId, Failure, Gathered, Held, Json,
    Lineage, Masked, Object, Outcome, Processed, Proof, Receipt, ReceiptId, Refused, Request, RouteVerdict,
    RouteWording, Stage, Window, Wording, Wordings,
};
use serde_json::json;

use super::at;

/// A receipt and what became of it, built step by step.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub receipt: Receipt,
    pub outcome: Outcome,
}

impl Webhook {
    /// Received then; no event yet, and no dedupe key.
    pub fn at(seconds: i64) -> Self {
        let receipt = Receipt {
            id: ReceiptId::new(at(seconds)),
            source: "netbox".into(),
            received_at: at(seconds),
            request: Request {
                method: "POST".into(),
                path: "/hooks/netbox".into(),
                query: Some("a=1".into()),
                headers: vec![("content-type".into(), "application/json".into())],
                client: Some([127, 0, 0, 1].into()),
            },
            body: Bytes::from_static(b"{\"event\": \"updated\", \"n\": 1.10}"),
            dedupe: None,
            proof: Proof { scheme: "netbox".into(), variant: Some("raw".into()), secret: Some(1) },
            notes: vec!["a note".into()],
            masked: vec![Masked { event: 0, field: "password".into() }],
        };
        let outcome = Outcome::new("rev-1");
        Self { receipt, outcome }
    }

    pub fn of_source(mut self, source: &str) -> Self {
        self.receipt.source = source.into();
        self
    }

    /// With a dedupe key that is remembered for so many seconds.
    pub fn key(mut self, key: &str, seconds: u64) -> Self {
        self.receipt.dedupe = Some(Dedupe { key: key.into(), window: Duration::from_secs(seconds) });
        self
    }

    /// One more event, which no route wants yet.
    pub fn event(mut self) -> Self {
        let index = self.outcome.events.len();
        let event = event(&self.receipt, index);
        let unmatched = Decision::Unmatched {
            condition: "action".into(),
            wanted: "deleted".into(),
            actual: "updated".into(),
        };
        self.outcome.events.push(Processed { event, routes: Vec::new(), refused: None, lookups: Vec::new() });
        self.verdict("other", unmatched)
    }

    /// The last event goes to a destination.
    pub fn to(mut self, route: &str, destination: &str, lane: Option<&str>) -> Self {
        let event = self.outcome.events.last().unwrap().event.id;
        let delivery = Delivery {
            id: DeliveryId::new(self.receipt.received_at),
            receipt: self.receipt.id,
            event,
            batch: None,
            route: route.into(),
            destination: destination.into(),
            lane: lane.map(Into::into),
            url: lane.map(|lane| format!("http://127.0.0.1:9/{lane}")),
            content_type: "application/json".into(),
            headers: vec![("x-kind".into(), "device".into())],
            body: Bytes::from(format!("{{\"for\":\"{destination}\"}}")),
            supersede: false,
            created_at: self.receipt.received_at,
        };
        let id = delivery.id;
        self.outcome.deliveries.push(delivery);
        self.verdict(
            route,
            Decision::Routed { deliveries: vec![id], script: Some("a.rhai".into()), batch: None },
        )
    }

    /// A newer change may take the place of the last delivery.
    pub fn supersede(mut self) -> Self {
        self.outcome.deliveries.last_mut().unwrap().supersede = true;
        self
    }

    /// The last event waits for others of its group: ten seconds of silence, thirty in all, three
    /// events.
    pub fn gathered(mut self, route: &str, group: &str) -> Self {
        let event = self.outcome.events.last().unwrap().event.clone();
        self.outcome.gathered.push(Gathered {
            event: event.id,
            route: route.into(),
            by: By::Kind,
            key: format!("key of {group}"),
            group: group.into(),
            window: Window {
                quiet: Duration::from_secs(10),
                max_wait: Duration::from_secs(30),
                max_events: 3,
                max_bytes: 1 << 20,
            },
            alone: false,
            lineage: Lineage { hops: 2, passed: vec!["gate/way".into()] },
            content: Arc::new(event),
            lookups: json!({ "rack": number("1.10") }).into(),
        });
        let key = format!("key of {group}");
        self.verdict(route, Decision::Gathered { key, batch: None, until: None })
    }

    /// Changes what was gathered last.
    pub fn but(mut self, change: impl FnOnce(&mut Gathered)) -> Self {
        change(self.outcome.gathered.last_mut().unwrap());
        self
    }

    /// A route waits for a lookup on the last event, and holds places in lanes of destinations.
    pub fn deferred(mut self, route: &str, places: &[(&str, &str)]) -> Self {
        let event = self.outcome.events.last().unwrap().event.id;
        self.outcome.held.extend(places.iter().map(|(destination, lane)| Held {
            event,
            route: route.into(),
            destination: (*destination).into(),
            lane: (*lane).into(),
        }));
        self.verdict(route, Decision::Deferred { lookups: vec!["rack".into()] })
    }

    /// A verdict of an earlier outcome stays as it was.
    pub fn kept(self, verdict: &RouteVerdict) -> Self {
        self.verdict(&verdict.route, verdict.decision.clone())
    }

    /// Routes of these names, which stand before all others, refused the last event for its kind.
    pub fn refused(mut self, names: &[&str]) -> Self {
        let wording = |name: &str| Wording { condition: "kind".into(), wanted: name.into(), topic: 1 };
        let route = |name: &&str| RouteWording { name: (*name).into(), conditions: vec![wording(name)] };
        let wordings = Arc::new(Wordings::new(names.iter().map(route).collect()));
        let said = vec![Some(0); names.len()];
        let event = self.outcome.events.last_mut().unwrap();
        event.refused = Some(Refused::new(wordings, &said, vec![(1, "dcim.device".into())]));
        self
    }

    /// A route's script drops the last event.
    pub fn filtered(self, route: &str) -> Self {
        self.verdict(route, Decision::Filtered { reason: Some("not ours".into()) })
    }

    /// A route's script fails on the last event.
    pub fn failed(self, route: &str) -> Self {
        let failure = Failure {
            stage: Stage::Script,
            message: "division by zero".into(),
            place: Some("a.rhai:3:4".into()),
        };
        self.verdict(route, Decision::Failed(failure))
    }

    /// Nothing could be mapped.
    pub fn unmappable(mut self) -> Self {
        self.outcome.events.clear();
        self.outcome.failure = Some(Failure {
            stage: Stage::Map,
            message: "object.id is missing".into(),
            place: Some("$.data.id".into()),
        });
        self
    }

    /// The same receipt under other rules: an outcome with nothing in it yet.
    pub fn again(&self) -> Self {
        let outcome = Outcome::new("rev-2");
        Self { receipt: self.receipt.clone(), outcome }
    }

    fn verdict(mut self, route: &str, decision: Decision) -> Self {
        let event = self.outcome.events.last_mut().unwrap();
        event.routes.push(RouteVerdict { route: route.into(), decision });
        self
    }
}

fn event(receipt: &Receipt, index: usize) -> Event {
    Event {
        id: EventId::of(receipt.id, index),
        r#type: "netbox.object.updated".into(),
        action: "updated".into(),
        source: receipt.source.to_string(),
        system: "netbox".into(),
        object: Some(Object {
            kind: "dcim.device".into(),
            id: index.to_string(),
            name: Some(format!("leaf-{index}")),
            url: None,
        }),
        branch: None,
        actor: Actor { id: None, name: Some("kubecode".into()) },
        occurred_at: Some("2025-06-30T21:57:20.313712Z".into()),
        received_at: receipt.received_at,
        correlation_id: Some("05c732a7".into()),
        changes: vec![Change {
            field: "vcpus".into(),
            from: number("1.10"),
            to: number("12345678901234567890123"),
            partial: false,
        }],
        before: Json::Null.into(),
        after: json!({ "z": 1, "a": { "b": [1, null] } }).into(),
        data: json!({ "id": index }).into(),
        native: Arc::default(),
    }
}

/// A number whose lexeme must survive.
fn number(lexeme: &str) -> Json {
    serde_json::from_str(lexeme).unwrap()
}
