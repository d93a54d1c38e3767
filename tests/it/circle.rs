//! Changes that would go round for ever, and what stops them.

use serde_json::json;

use crate::world::{World, change};

fn gateway(more: &str, to: &str) -> String {
    format!(
        "{more}\nsources: {{ lab: {{ adapter: generic, open: true }} }}\n\
         destinations: {{ other: {{ url: \"{to}/hooks/lab\", sign: none }} }}\n\
         routes: [{{ name: on, to: other }}]\n"
    )
}

async fn settled(worlds: [&World; 2]) {
    for _ in 0..2 {
        for world in worlds {
            world.settled().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_that_send_to_each_other_come_to_rest() {
    let one = World::start(&gateway("", "{receiver}")).await;
    let two = World::start(&gateway("", &format!("http://{}", one.app().ingress))).await;
    one.reconfigure(&gateway("", &format!("http://{}", two.app().ingress)), |_| {});

    assert_eq!(one.post("lab", &change("1", 1)).await.status, 200);
    one.until("the change came back", async |world| world.ledger().await.accepted == 2).await;
    settled([&one, &two]).await;

    let newest = one.admin("GET", "/api/v1/receipts").await.body["items"][0]["id"].clone();
    let shown = one.admin("GET", &format!("/api/v1/receipts/{}", newest.as_str().unwrap())).await.body;
    let told = shown.to_string();
    assert!(told.contains("loop guard: this change went through route on of this gateway before"), "{told}");
    let (one, two) = (one.finish().await, two.finish().await);
    assert_eq!((one.accepted, one.delivered, one.filtered), (2, 1, 1));
    assert_eq!((two.accepted, two.delivered), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_that_share_a_name_stop_by_it_and_all_others_by_the_number_of_hops() {
    let chain = |hops: u32| format!("loop_guard: {{ name: shared, max_hops: {hops} }}");
    let world = World::start(&gateway(&chain(2), "{receiver}")).await;
    let send = async |headers: &[(&str, &str)], n: u64| {
        let body = change("1", n).to_string();
        world.send("POST", "/hooks/lab", headers, body).await.body["deliveries"].clone()
    };
    assert_eq!(send(&[("crossconnect-lineage", "shared/on")], 1).await, 0);
    assert_eq!(send(&[("crossconnect-hops", "2")], 2).await, 0);
    assert_eq!(
        send(&[("crossconnect-hops", "nonsense"), ("crossconnect-lineage", "shared/off")], 3).await,
        1
    );
    world.settled().await;
    let got = &world.receiver.received()[0];
    assert_eq!(got.header("crossconnect-hops"), "2");
    assert_eq!(got.header("crossconnect-lineage"), "shared/off, shared/on");
    world.finish().await;
}

#[tokio::test]
async fn what_the_gateways_own_account_changed_in_a_cmdb_does_not_come_round_again() {
    let config = r#"
sources: { netbox: { adapter: netbox, open: true } }
destinations: { sync: { url: "{receiver}/", sign: none } }
routes: [{ name: sync, when: { actor: ["!svc-crossconnect"] }, to: sync }]
"#;
    let world = World::start(config).await;
    let by = |user: &str| {
        json!({
            "event": "updated", "timestamp": "2026-11-22T05:44:20.538760+00:00", "object_type": "dcim.device",
            "username": user, "request_id": format!("05c732a7-58f6-4d1c-a5c2-{user:0>12.12}"),
            "data": {"id": 1, "name": "edge-1", "url": "/api/dcim/devices/1/"},
            "snapshots": {"prechange": {"name": "edge"}, "postchange": {"name": "edge-1"}},
        })
    };
    assert_eq!(world.post("netbox", &by("ann")).await.body["deliveries"], 1);
    // The receiver writes what it got into NetBox, which tells of it in turn.
    let echo = world.post("netbox", &by("svc-crossconnect")).await;
    assert_eq!(echo.body["deliveries"], 0);
    let id = echo.body["receipt"].as_str().unwrap().parse().unwrap();
    let verdict = json!(world.app().store.receipt(id).await.unwrap().outcome.events[0].verdicts()[0]);
    assert_eq!((&verdict["condition"], &verdict["actual"]), (&json!("actor"), &json!("svc-crossconnect")));
    assert_eq!(world.finish().await.unmatched, 1);
}
