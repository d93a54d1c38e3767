//! What leaves for a batch.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::fixture::{Crossed, World, batch, captured, now, world};
use super::super::replay;
use super::*;
use crate::json::{self, NonFinite};
use crate::model::{BatchId, Decision, Delivery, Json};

const PLAIN: &str = "{ tool: { url: 'https://tool.example/', sign: none, on_newer: supersede } }";

fn storm(world: &World) -> Vec<Crossed> {
    captured("storm", "v4.6.8").iter().map(|body| world.take("netbox", body)).collect()
}

fn document(delivery: &Delivery) -> Json {
    json::parse(&delivery.body, NonFinite::Refuse).unwrap().value
}

#[test]
fn a_storm_is_one_delivery_with_all_events() {
    let world = world(PLAIN, "[{ name: r, coalesce: correlation, to: tool }]", "");
    let crossed = storm(&world);
    let batch = batch(&crossed);
    let Sealed::Sent(sent) = world.seal(&batch) else { panic!() };
    assert_eq!(sent.len(), 1);
    let delivery = &sent[0];
    assert_eq!((delivery.batch, delivery.receipt), (Some(batch.id), crossed[0].receipt.id));
    assert_eq!(delivery.event, crossed[0].outcome.events[0].event.id);
    assert_eq!(delivery.lane, Some(format!("batch:correlation:netbox:{}", batch.key)));
    assert!(!delivery.supersede, "another batch holds other events");
    let body = document(delivery);
    assert_eq!(body["summary"]["kinds"], serde_json::json!({"dcim.interface": 12}));
    assert_eq!(body["summary"]["actions"], serde_json::json!({"updated": 12}));
    let ids: Vec<String> =
        crossed.iter().map(|crossed| crossed.outcome.events[0].event.id.to_string()).collect();
    let told: Vec<&str> =
        body["events"].as_array().unwrap().iter().map(|e| e["id"].as_str().unwrap()).collect();
    assert_eq!(told, ids, "in the order in which they came");
}

#[test]
fn each_destination_gets_it_in_its_own_way() {
    let destinations = r#"
  tool: { url: "https://tool.example/", sign: none }
  cloud: { url: "https://tool.example/", sign: none, format: cloudevents }
  free: { url: "https://tool.example/", sign: none, ordered: none }
  chat:
    url: https://tool.example/{{ e.object.id }}/{{ batch.summary.events }}
    sign: none
    format_: x
    headers_template: "X-Batch: {{ e.id }} {{ batch.id }} {{ e.type }}"
    body_template: '{"text": "{{ username }} {{ event }} {{ data.name }} {{ batch.events | map(attribute="object.name") | first }}"}'"#
        .replace("    format_: x\n", "");
    let world =
        world(&destinations, "[{ name: r, coalesce: correlation, to: [tool, cloud, free, chat] }]", "");
    let batch = batch(&storm(&world));
    let Sealed::Sent(sent) = world.seal(&batch) else { panic!() };
    let [tool, cloud, free, chat] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(document(cloud)["data"]["events"], document(tool)["events"]);
    assert_eq!((&free.lane, &free.body), (&None, &tool.body));
    let first = batch.members[0].event.object.as_ref().unwrap().name.clone().unwrap();
    assert_eq!(document(chat)["text"], format!("admin updated 12 events {first}"));
    assert_eq!(chat.url.as_deref(), Some(format!("https://tool.example/{}/12", batch.key).as_str()));
    let told = format!("{} {} crossconnect.batch", batch.id, batch.id);
    let hops = ("crossconnect-hops".to_owned(), "1".to_owned());
    assert_eq!(chat.headers[..2], [("X-Batch".to_owned(), told), hops]);
}

#[test]
fn a_batch_of_one_object_keeps_to_the_lane_of_the_object() {
    let world = world(PLAIN, "[{ name: r, coalesce: object, to: tool }, { name: s, to: tool }]", "");
    let crossed = vec![world.take("netbox", &captured("storm", "v4.6.8")[0])];
    let single = crossed[0].outcome.deliveries[0].lane.clone();
    assert!(single.is_some());
    assert_eq!(world.sent(&crossed)[0].lane, single);
}

#[test]
fn the_script_says_what_leaves_to_whom_and_in_which_lane() {
    let destinations = "{ a: { url: 'https://a.example/', sign: none, format: netbox }, \
                        b: { url: 'https://b.example/', sign: none, ordered: none } }";
    let routes = "[{ name: r, coalesce: correlation, script: scripts/s.rhai, to: [a, b] }]";
    let script = "fn transform_batch(events) {
        let names = events.map(|e| e.object.name);
        [message(#{ n: events.len(), native: events[0].native.event }).to(\"a\").key(\"mine\"), message(names.len().to_string())]
    }";
    let world = world(destinations, routes, script);
    let batch = batch(&storm(&world));
    let Sealed::Sent(sent) = world.seal(&batch) else { panic!() };
    let lanes: Vec<_> = sent.iter().map(|it| (it.destination.as_str(), it.lane.as_deref())).collect();
    let own = format!("batch:{}", batch.group);
    assert_eq!(lanes, [("a", Some("key:mine")), ("a", Some(own.as_str())), ("b", None)]);
    assert_eq!(document(&sent[0]), serde_json::json!({"n": 12, "native": "updated"}));
    assert_eq!((sent[1].content_type.as_str(), &sent[1].body[..]), ("text/plain; charset=utf-8", &b"12"[..]));
    assert!(sent.iter().all(|delivery| delivery.batch == Some(batch.id)));
}

#[test]
fn a_batch_that_the_script_drops_leaves_nothing() {
    for (said, reason) in [("()", None), ("[]", Some("transform_batch gave no message"))] {
        let routes = "[{ name: r, coalesce: correlation, script: scripts/s.rhai, to: tool }]";
        let world = world(PLAIN, routes, &format!("fn transform_batch(events) {{ {said} }}"));
        assert_eq!(world.seal(&batch(&storm(&world))), Sealed::Dropped(reason.map(str::to_owned)));
    }
}

#[test]
fn what_goes_wrong_is_said_with_its_place() {
    let destinations =
        "{ tool: { url: 'https://tool.example/', sign: none, body_template: '{{ batch.nothing.here }}' } }";
    let routes = "[{ name: r, coalesce: correlation, script: scripts/s.rhai, to: tool }, { name: t, coalesce: kind, to: tool }]";
    let script = "fn transform_batch(events) {\n  if events.len() > 1 { message(#{}).to(\"nobody\") } else { throw \"one\" }\n}";
    let world = world(destinations, routes, script);
    let crossed = storm(&world);
    let failure = |batch: &Batch| match world.seal(batch) {
        Sealed::Failed(failure) => failure,
        other => panic!("{other:?}"),
    };
    let mut batch = batch(&crossed);
    batch.members.truncate(12);
    let wrong = failure(&batch);
    assert!(wrong.stage == Stage::Script && wrong.message.contains("sends to `nobody`"), "{wrong:?}");
    let wrong = failure(&Batch { members: batch.members[..1].to_vec(), ..batch.clone() });
    assert_eq!((wrong.message.as_str(), wrong.place.as_deref()), ("one", Some("scripts/s.rhai:2:60")));
    let wrong = failure(&Batch { route: "t".to_owned(), ..batch.clone() });
    assert!(wrong.stage == Stage::Template && wrong.place.is_some(), "{wrong:?}");
    let wrong = failure(&Batch { route: "was-here".to_owned(), ..batch.clone() });
    assert!(
        wrong.stage == Stage::Route && wrong.message.contains("no route `was-here` any more; bring it back")
    );
    assert_eq!(
        failure(&Batch { route: "t".to_owned(), members: Vec::new(), ..batch }).message,
        "there is no event in the batch"
    );
}

#[test]
fn rules_that_changed_meanwhile_fail_no_batch_without_a_reason() {
    let before = world(PLAIN, "[{ name: r, coalesce: correlation, to: tool }]", "");
    let batch = batch(&storm(&before));
    let after = world(PLAIN, "[{ name: r, to: tool }]", "");
    assert!(matches!(after.seal(&batch), Sealed::Sent(sent) if sent.len() == 1));
    let native = "{ tool: { url: 'https://tool.example/', sign: none, format: native } }";
    let after = world(native, "[{ name: r, to: tool }]", "");
    let Sealed::Failed(failure) = after.seal(&batch) else { panic!() };
    assert!(failure.message.contains("cannot carry a batch; choose event or cloudevents"), "{failure:?}");
}

#[test]
fn what_waits_is_not_gathered_again_when_another_route_is_replayed() {
    let routes = "[{ name: r, coalesce: kind, to: tool }, { name: bad, script: scripts/s.rhai, to: tool }]";
    let script = "fn filter(event) { throw \"not yet\" }";
    let world = world(PLAIN, routes, script);
    let Crossed { receipt, outcome } = world.take("netbox", &captured("storm", "v4.6.8")[0]);
    let again = replay(&world.rules, &world.rules.sources["netbox"], &receipt, &outcome, now());
    assert!(again.gathered.is_empty());
    let decisions: Vec<_> = again.events[0].routes.iter().map(|it| &it.decision).collect();
    assert!(matches!(decisions[..], [Decision::Gathered { .. }, Decision::Failed(_)]), "{decisions:?}");
    let mut fine = outcome;
    fine.events[0].routes.pop();
    let whole = replay(&world.rules, &world.rules.sources["netbox"], &receipt, &fine, now());
    assert_eq!(whole.gathered.len(), 1, "a replay of what went well runs all routes");
}

#[test]
fn five_hundred_events_are_sealed_in_every_way() {
    let destinations = "{ tool: { url: 'https://tool.example/', sign: none }, \
        chat: { url: 'https://tool.example/', sign: none, body_template: '{{ batch.events | length }} {{ batch.events[499].object.name }}' } }";
    let world = world(destinations, "[{ name: r, coalesce: correlation, to: [tool, chat] }]", "");
    let one = batch(&storm(&world));
    let members = one.members.iter().cycle().take(500).cloned().collect();
    let many = Batch { id: BatchId::new(now()), members, ..one };
    let Sealed::Sent(sent) = world.seal(&many) else { panic!() };
    assert_eq!(document(&sent[0])["events"].as_array().map(Vec::len), Some(500));
    assert!(sent[1].body.starts_with(b"500 "), "{:?}", sent[1].body);
}

/// Made once: reading adapters takes its time.
static ANYTHING: LazyLock<World> = LazyLock::new(|| {
    let destinations = "{ tool: { url: 'https://tool.example/', sign: none }, \
        chat: { url: 'https://tool.example/', sign: none, body_template: '{{ e.object.name }} {{ batch | length }}' } }";
    world(destinations, "[{ name: r, coalesce: object, to: [tool, chat] }]", "")
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_in_is_gathered_and_leaves(value in json::any_json()) {
        let body = serde_json::json!({"type": "lab.thing.changed", "object": value, "data": value}).to_string();
        let crossed = ANYTHING.take("lab", body.as_bytes());
        if crossed.outcome.failure.is_none() {
            let sent = ANYTHING.sent(&[crossed]);
            let told = document(&sent[0]);
            prop_assert_eq!(&told["summary"]["events"], &serde_json::json!(1));
            prop_assert_eq!(&told["events"][0]["type"], "lab.thing.changed");
        }
    }
}
