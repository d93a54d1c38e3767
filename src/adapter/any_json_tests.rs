//! Whatever JSON a sender may come up with, no shipped adapter panics on it.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::tests::{adapter, receipt, settings};
use super::{Adapter, Settings, shipped_names};
use crate::model::Json;

/// Any JSON, with the member names that the adapters look at.
fn any_json() -> impl Strategy<Value = Json> {
    let name = prop_oneof![
        prop::sample::select(vec![
            "event",
            "data",
            "snapshots",
            "prechange",
            "postchange",
            "id",
            "url",
            "model",
            "object_type",
            "operation",
            "object_before",
            "object_after",
            "fields",
            "name",
            "value",
            "changes",
            "state",
            "changelog",
            "attributes",
            "relationships",
            "peers",
            "cardinality",
            "type",
            "object",
            "kind",
            "webhookEvent",
            "issue",
            "items",
            "$date",
            "event_time",
            "timestamp",
            "secret",
            "request",
        ])
        .prop_map(str::to_owned),
        ".{0,6}",
    ];
    let text = prop_oneof![
        prop::sample::select(vec![
            "created",
            "updated",
            "deleted",
            "infrahub.node.updated",
            "UPDATE",
            "many",
            "job_started",
            "jira:issue_updated",
            "extras.webhook",
            "/api/dcim/devices/1/",
            "2026-01-01 00:00:00",
        ])
        .prop_map(str::to_owned),
        ".{0,12}",
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        text.prop_map(Json::from),
    ];
    leaf.prop_recursive(6, 80, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::vec((name.clone(), inner), 0..8)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// Every shipped adapter with a plain and a templated source; compiled once.
static SHIPPED: LazyLock<Vec<(Adapter, [Settings; 2])>> = LazyLock::new(|| {
    let redact = ["$..secret", "$.data.name", "$.object_after.fields[0]"];
    let with = |adapter: Adapter| {
        let both = [false, true].map(|templated| settings(&adapter, &redact, templated));
        (adapter, both)
    };
    shipped_names().map(adapter).map(with).collect()
});

proptest! {
    #[test]
    fn no_json_makes_any_adapter_panic(document in any_json()) {
        let body = document.to_string();
        for (adapter, both) in SHIPPED.iter() {
            for settings in both {
                let reading = adapter.read(settings, body.as_bytes()).unwrap();
                let receipt = receipt(&reading, Vec::new());
                let _ = adapter.dedupe(settings, &receipt.request, &reading.document, body.as_bytes());
                let _ = adapter.normalise(settings, &receipt, reading.document);
            }
        }
    }
}
