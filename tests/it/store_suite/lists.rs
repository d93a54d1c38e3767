//! Lists: newest first, in pages, filtered.

use crossconnect::model::{DeliveryId, DeliveryState, FailureClass, ReceiptId};
use crossconnect::store::{DeliveryFilter, PageRequest, ReceiptFilter, ReceiptStatus, Store, StoreError};

use super::webhook::Webhook;
use super::{Backend, Bench, End, at};

fn page(limit: usize, cursor: Option<String>) -> PageRequest {
    PageRequest { limit, cursor }
}

async fn receipts(store: &dyn Store, filter: ReceiptFilter) -> Vec<ReceiptId> {
    let page = store.receipts(filter, page(500, None)).await.unwrap();
    page.items.into_iter().map(|line| line.id).collect()
}

async fn deliveries(store: &dyn Store, filter: DeliveryFilter) -> Vec<DeliveryId> {
    let page = store.deliveries(filter, page(500, None)).await.unwrap();
    page.items.into_iter().map(|line| line.id).collect()
}

pub async fn receipts_are_listed_newest_first_in_pages<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut expected = Vec::new();
    for number in 0..7 {
        // Some at the same instant.
        let webhook = Webhook::at(number / 2).event().to("r", "a", None);
        bench.accept(&webhook).await;
        expected.insert(0, (webhook.receipt.id, webhook.outcome.deliveries[0].id));
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let answer = bench.store.receipts(ReceiptFilter::default(), page(3, cursor)).await.unwrap();
        seen.extend(answer.items.into_iter().map(|line| line.id));
        cursor = answer.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected.iter().map(|pair| pair.0).collect::<Vec<_>>());
    let first = bench.store.deliveries(DeliveryFilter::default(), page(5, None)).await.unwrap();
    let second = bench.store.deliveries(DeliveryFilter::default(), page(2, first.next)).await.unwrap();
    let seen: Vec<_> = first.items.iter().chain(&second.items).map(|line| line.id).collect();
    assert_eq!(seen, expected.iter().map(|pair| pair.1).collect::<Vec<_>>());
    assert_eq!(second.next, None, "a last page that is full has no next one");
}

pub async fn pages_stay_stable_while_new_ones_arrive<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for number in 0..4 {
        bench.accept(&Webhook::at(number).event()).await;
    }
    let all = receipts(&*bench.store, ReceiptFilter::default()).await;
    let first = bench.store.receipts(ReceiptFilter::default(), page(2, None)).await.unwrap();
    bench.accept(&Webhook::at(9).event()).await;
    let second = bench.store.receipts(ReceiptFilter::default(), page(2, first.next)).await.unwrap();
    let seen: Vec<_> = first.items.iter().chain(&second.items).map(|line| line.id).collect();
    assert_eq!(seen, all);
}

pub async fn receipts_are_filtered<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut routed = Webhook::at(0).of_source("lab").event().to("r", "a", None);
    routed.outcome.events[0].event.correlation_id = Some("other".into());
    let dropped = Webhook::at(10).event().filtered("r");
    let failed = Webhook::at(20).event().failed("s");
    for webhook in [&routed, &dropped, &failed] {
        bench.accept(webhook).await;
    }
    let (routed, dropped, failed) = (routed.receipt.id, dropped.receipt.id, failed.receipt.id);
    let cases = [
        (ReceiptFilter { source: Some("lab".into()), ..Default::default() }, vec![routed]),
        (ReceiptFilter { status: Some(ReceiptStatus::Failed), ..Default::default() }, vec![failed]),
        (
            ReceiptFilter { status: Some(ReceiptStatus::Processed), ..Default::default() },
            vec![dropped, routed],
        ),
        (ReceiptFilter { since: Some(at(10)), ..Default::default() }, vec![failed, dropped]),
        (ReceiptFilter { until: Some(at(10)), ..Default::default() }, vec![routed]),
        (ReceiptFilter { route: Some("r".into()), ..Default::default() }, vec![routed]),
        (ReceiptFilter { correlation: Some("05c732a7".into()), ..Default::default() }, vec![failed, dropped]),
        (
            ReceiptFilter { source: Some("netbox".into()), until: Some(at(15)), ..Default::default() },
            vec![dropped],
        ),
        (ReceiptFilter { source: Some("lab".into()), since: Some(at(1)), ..Default::default() }, vec![]),
    ];
    for (filter, expected) in cases {
        assert_eq!(receipts(&*bench.store, filter.clone()).await, expected, "{filter:?}");
    }
}

pub async fn deliveries_are_filtered<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let dead = bench.deliver(0, "a", None).await;
    bench.finish("a", End::Dead, 0).await;
    let delivered = bench.deliver(10, "a", None).await;
    bench.finish("a", End::Delivered, 10).await;
    let webhook = Webhook::at(20).event().to("s", "b", Some("x"));
    let pending = bench.accept(&webhook).await[0].id;
    let cancelled = bench.deliver(30, "b", None).await;
    bench.store.cancel(cancelled, at(30)).await.unwrap();
    let state = |state| DeliveryFilter { state: Some(state), ..Default::default() };
    let cases = [
        (DeliveryFilter::default(), vec![cancelled, pending, delivered, dead]),
        (DeliveryFilter { destination: Some("a".into()), ..Default::default() }, vec![delivered, dead]),
        (DeliveryFilter { route: Some("s".into()), ..Default::default() }, vec![pending]),
        (state(DeliveryState::Dead), vec![dead]),
        (state(DeliveryState::Delivered), vec![delivered]),
        (state(DeliveryState::Pending), vec![pending]),
        (state(DeliveryState::Cancelled), vec![cancelled]),
        (state(DeliveryState::Superseded), vec![]),
        (DeliveryFilter { receipt: Some(webhook.receipt.id), ..Default::default() }, vec![pending]),
        (DeliveryFilter { receipt: Some(ReceiptId::new(at(0))), ..Default::default() }, vec![]),
        (DeliveryFilter { class: Some(FailureClass::Http5xx), ..Default::default() }, vec![dead]),
        (DeliveryFilter { class: Some(FailureClass::Dns), ..Default::default() }, vec![]),
        (
            DeliveryFilter { since: Some(at(10)), until: Some(at(30)), ..Default::default() },
            vec![pending, delivered],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(deliveries(&*bench.store, filter.clone()).await, expected, "{filter:?}");
    }
}

pub async fn a_list_is_capped<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut webhook = Webhook::at(0).event();
    for _ in 0..501 {
        webhook = webhook.to("r", "a", None);
    }
    bench.accept(&webhook).await;
    let all = bench.store.deliveries(DeliveryFilter::default(), page(100_000, None)).await.unwrap();
    assert_eq!((all.items.len(), all.next.is_some()), (500, true));
    let usual = bench.store.deliveries(DeliveryFilter::default(), page(0, None)).await.unwrap();
    assert_eq!(usual.items.len(), 50);
}

pub async fn a_foreign_cursor_is_refused<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for cursor in ["", "x", "1.1.1", "' OR 1=1"] {
        let answer = bench.store.receipts(ReceiptFilter::default(), page(1, Some(cursor.into()))).await;
        assert!(matches!(answer, Err(StoreError::Conflict(_))), "{cursor:?}: {answer:?}");
        let answer = bench.store.deliveries(DeliveryFilter::default(), page(1, Some(cursor.into()))).await;
        assert!(matches!(answer, Err(StoreError::Conflict(_))), "{cursor:?}: {answer:?}");
    }
}

pub async fn a_summary_tells_the_first_event<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&Webhook::at(0).event().to("r", "a", None).to("s", "b", None).event().failed("t")).await;
    bench.accept(&Webhook::at(1).unmappable()).await;
    let lines = bench.store.receipts(ReceiptFilter::default(), page(9, None)).await.unwrap().items;
    let (broken, line) = (&lines[0], &lines[1]);
    assert_eq!(line.event_type.as_deref(), Some("netbox.object.updated"));
    assert_eq!((line.kind.as_deref(), line.name.as_deref()), (Some("dcim.device"), Some("leaf-0")));
    assert_eq!((line.events, line.deliveries, line.duplicates), (2, 2, 0));
    assert_eq!(line.status, ReceiptStatus::Failed);
    assert_eq!(line.reason.as_deref(), Some("division by zero (a.rhai:3:4)"));
    assert_eq!((broken.status, &broken.event_type, broken.events), (ReceiptStatus::Failed, &None, 0));
    assert_eq!(broken.reason.as_deref(), Some("object.id is missing ($.data.id)"));
}
