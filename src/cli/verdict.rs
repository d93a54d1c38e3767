//! Events, verdicts of routes and deliveries as lines of text, from the JSON that the admin
//! API and a dry run share.

use std::io::{self, Write};

use super::table::Table;
use super::terminal::{self, field};
use crate::model::Json;

/// `netbox.object.updated dcim.device 1 leaf-01 by kubecode`.
pub fn event(event: &Json) -> String {
    let mut words = vec![field(event, "type")];
    if let Some(object) = event.get("object").filter(|object| !object.is_null()) {
        words.extend(
            ["kind", "id", "name"].map(|name| field(object, name)).into_iter().filter(|word| word != "-"),
        );
    }
    if let Some(actor) = event.get("actor") {
        let by = ["name", "id"].map(|name| field(actor, name)).into_iter().find(|word| word != "-");
        words.extend(by.map(|by| format!("by {by}")));
    }
    words.join(" ")
}

/// One line per change: `status: active -> offline`.
pub fn changes(event: &Json) -> Vec<String> {
    items(event, "changes")
        .iter()
        .map(|change| {
            let [name, from, to] = ["field", "from", "to"].map(|name| field(change, name));
            match change.get("partial").and_then(Json::as_bool) {
                Some(true) => format!("{name}: removed {from}, added {to}"),
                _ => format!("{name}: {from} -> {to}"),
            }
        })
        .collect()
}

/// What a route decided: `device-status: no, changed is name, wanted status`.
pub fn route(verdict: &Json) -> String {
    let route = field(verdict, "route");
    let said = match verdict.get("decision").and_then(Json::as_str) {
        Some("unmatched") => {
            let [condition, wanted, actual] =
                ["condition", "wanted", "actual"].map(|name| field(verdict, name));
            format!("no: {condition} is {actual}, wanted {wanted}")
        }
        Some("filtered") => format!("dropped by the script{}", behind(verdict, "reason")),
        Some("routed") => {
            let count = items(verdict, "deliveries").len();
            let script = verdict.get("script").and_then(Json::as_str);
            let through = script.map(|script| format!(" through {}", terminal::line(script)));
            format!(
                "yes{}: {count} deliver{}",
                through.unwrap_or_default(),
                if count == 1 { "y" } else { "ies" }
            )
        }
        Some("gathered") => gathered(verdict),
        Some("deferred") => {
            let names: Vec<String> = items(verdict, "lookups").iter().map(terminal::value).collect();
            format!("waits for the lookups {}", names.join(", "))
        }
        Some("failed") => format!("failed{}", failure(verdict)),
        _ => terminal::value(verdict),
    };
    format!("{route}: {said}")
}

/// `waits for others of 05c732a7 in bat_0197 until 2025-06-30T21:57:22Z`; a dry run knows the window
/// instead, and what this event alone would become.
fn gathered(verdict: &Json) -> String {
    let [by, key] = ["by", "key"].map(|name| field(verdict, name));
    let given = |name: &str, before: &str| match field(verdict, name) {
        text if text == "-" => String::new(),
        text => format!(" {before} {text}"),
    };
    let window = verdict.get("window").map(window).unwrap_or_default();
    let waits = match (verdict.get("alone").and_then(Json::as_bool), by.as_str()) {
        (Some(true), _) => format!("has no {by} to wait with others, and leaves as a batch of its own"),
        (_, "-") => format!("waits for others of {key}"),
        _ => format!("waits for others of {by} {key}{window}"),
    };
    let sealed = verdict.get("sealed").unwrap_or(&Json::Null);
    let alone = match (sealed.get("failed"), sealed.get("dropped")) {
        (Some(why), _) => format!("; alone it would have failed{}", failure(why)),
        (_, Some(_)) => format!("; alone it would be dropped by the script{}", behind(sealed, "dropped")),
        _ => String::new(),
    };
    format!("{waits}{}{}{alone}", given("batch", "in"), given("until", "until"))
}

fn window(window: &Json) -> String {
    let time = |name: &str| {
        let millis = window.get(name).and_then(Json::as_u64).unwrap_or_default();
        format!("{:?}", std::time::Duration::from_millis(millis))
    };
    let (quiet, most) = (time("quiet_ms"), time("max_wait_ms"));
    format!(", until nothing came for {quiet}, at most {most} or {} events", field(window, "max_events"))
}

/// What was looked up: `device: 200 from https://… in 12 ms`.
pub fn lookup(looked: &Json) -> String {
    let [name, url, status, ms] = ["name", "url", "status", "ms"].map(|name| field(looked, name));
    let cached = if looked["cached"] == true { ", known already" } else { "" };
    match (field(looked, "error"), url.as_str()) {
        (error, "-") if error == "-" => format!("{name}: given"),
        (error, _) if error == "-" => format!("{name}: {status} from {url} in {ms} ms{cached}"),
        (error, "-") => format!("{name}: failed: {error}"),
        (error, _) => format!("{name}: failed: {error} ({url})"),
    }
}

/// ` in script: variable not found (scripts/a.rhai:3:5)`.
pub fn failure(failure: &Json) -> String {
    let place = match field(failure, "place") {
        place if place == "-" => String::new(),
        place => format!(" ({place})"),
    };
    format!(" in {}: {}{place}", field(failure, "stage"), field(failure, "message"))
}

/// Each event with its changes and the verdicts of the routes.
pub fn processed(out: &mut dyn Write, processed: &[Json]) -> io::Result<()> {
    for entry in processed {
        let told = entry.get("event").unwrap_or(&Json::Null);
        writeln!(out, "event {} {}", field(told, "id"), event(told))?;
        changes(told).iter().try_for_each(|change| writeln!(out, "  {}", cut(change)))?;
        items(entry, "lookups").iter().try_for_each(|looked| writeln!(out, "  lookup {}", lookup(looked)))?;
        items(entry, "routes").iter().try_for_each(|verdict| writeln!(out, "  route {}", route(verdict)))?;
    }
    Ok(())
}

/// The columns of deliveries.
pub fn delivery_table() -> Table {
    Table::new(&[
        "DELIVERY",
        "CREATED",
        "STATE",
        "DESTINATION",
        "ROUTE",
        "ATTEMPTS",
        "LAST",
        "LANE",
        "REASON",
    ])
}

/// One delivery as a row of [`delivery_table`].
pub fn delivery_row(delivery: &Json) -> Vec<String> {
    let last = match (field(delivery, "last_class"), field(delivery, "last_status")) {
        (class, status) if class == "-" => status,
        (class, status) if status == "-" || class.starts_with("http_") && class.ends_with(&status) => class,
        (class, status) => format!("{class} {status}"),
    };
    let mut row = ["id", "created_at", "state", "destination", "route", "attempts"]
        .map(|name| field(delivery, name))
        .to_vec();
    row.push(last);
    row.extend(["lane", "reason"].map(|name| field(delivery, name)));
    row
}

/// The entries of a list field; none if it is absent.
pub fn items<'a>(document: &'a Json, name: &str) -> &'a [Json] {
    document.get(name).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn behind(document: &Json, name: &str) -> String {
    match field(document, name) {
        text if text == "-" => String::new(),
        text => format!(": {text}"),
    }
}

fn cut(text: &str) -> String {
    const MAX: usize = 200;
    if text.chars().count() <= MAX {
        return text.to_owned();
    }
    text.chars().take(MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use crate::model::json;

    use super::*;

    #[test]
    fn an_event_reads_as_one_line() {
        let told = json!({
            "type": "netbox.object.updated",
            "object": {"kind": "dcim.device", "id": "1", "name": "leaf-01", "url": null},
            "actor": {"id": null, "name": "kubecode"},
        });
        assert_eq!(event(&told), "netbox.object.updated dcim.device 1 leaf-01 by kubecode");
        assert_eq!(event(&json!({"type": "netbox.custom", "object": null})), "netbox.custom");
    }

    #[test]
    fn every_decision_of_a_route_has_its_sentence() {
        let cases = [
            (
                json!({"route": "a", "decision": "unmatched", "condition": "changed", "wanted": "status", "actual": "name"}),
                "a: no: changed is name, wanted status",
            ),
            (
                json!({"route": "a", "decision": "filtered", "reason": "a test site"}),
                "a: dropped by the script: a test site",
            ),
            (json!({"route": "a", "decision": "filtered", "reason": null}), "a: dropped by the script"),
            (
                json!({"route": "a", "decision": "routed", "deliveries": ["dlv_1", "dlv_2"], "script": "s.rhai"}),
                "a: yes through s.rhai: 2 deliveries",
            ),
            (
                json!({"route": "a", "decision": "gathered", "key": "05c7", "batch": "bat_1", "until": "12:00"}),
                "a: waits for others of 05c7 in bat_1 until 12:00",
            ),
            (
                json!({"route": "a", "decision": "gathered", "key": "05c7", "by": "correlation", "alone": false,
                    "window": {"quiet_ms": 2000, "max_wait_ms": 1500, "max_events": 500},
                    "sealed": {"failed": {"stage": "script", "message": "no", "place": null}}}),
                "a: waits for others of correlation 05c7, until nothing came for 2s, at most 1.5s or 500 events; \
                 alone it would have failed in script: no",
            ),
            (
                json!({"route": "a", "decision": "gathered", "key": "evt_1", "by": "branch", "alone": true,
                    "window": {"quiet_ms": 1}, "sealed": {"dropped": null}}),
                "a: has no branch to wait with others, and leaves as a batch of its own; \
                 alone it would be dropped by the script",
            ),
            (
                json!({"route": "a", "decision": "failed", "stage": "script", "message": "no", "place": "s.rhai:3:5"}),
                "a: failed in script: no (s.rhai:3:5)",
            ),
            (
                json!({"route": "a", "decision": "deferred", "lookups": ["device", "site"]}),
                "a: waits for the lookups device, site",
            ),
        ];
        for (verdict, expected) in cases {
            assert_eq!(route(&verdict), expected);
        }
    }

    #[test]
    fn a_partial_change_tells_what_went_and_what_came() {
        let told = json!({"changes": [
            {"field": "status", "from": "active", "to": null},
            {"field": "peers", "from": ["a"], "to": ["b"], "partial": true},
        ]});
        assert_eq!(changes(&told), ["status: active -> -", r#"peers: removed ["a"], added ["b"]"#]);
    }
}
