//! The books: every event in one line, whatever happens, checked against a simple model.

mod model;

use crossconnect::store::Ledger;

use self::model::Model;
use super::webhook::Webhook;
use super::{Backend, Bench, End, at};

pub async fn every_event_is_in_exactly_one_line<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let mut routed_to_nowhere = Webhook::at(0).event().to("r", "a", None);
    routed_to_nowhere.outcome.deliveries.clear();
    if let crossconnect::model::Decision::Routed { deliveries, .. } =
        &mut routed_to_nowhere.outcome.events[0].routes[1].decision
    {
        deliveries.clear();
    }
    bench.accept(&routed_to_nowhere).await;
    bench.accept(&Webhook::at(0).event().event().filtered("r").event().failed("r")).await;
    bench.accept(&Webhook::at(0).event().to("r", "a", None)).await;
    bench.finish("a", End::Delivered, 0).await;
    bench.accept(&Webhook::at(0).event().to("r", "a", None)).await;
    bench.finish("a", End::Dead, 0).await;
    let id = bench.deliver(0, "a", None).await;
    bench.store.cancel(id, at(0)).await.unwrap();
    bench.deliver(0, "a", None).await;
    let expected = Ledger {
        accepted: 8,
        delivered: 1,
        filtered: 2,
        unmatched: 1,
        dead: 1,
        cancelled: 1,
        pending: 2,
        ..Ledger::default()
    };
    assert_eq!(bench.store.ledger().await.unwrap(), expected);
}

pub async fn an_event_with_several_deliveries_follows_the_rule<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let webhook =
        Webhook::at(0).event().to("r", "a", None).to("r", "b", None).to("r", "c", None).filtered("s");
    let ids: Vec<_> = bench.accept(&webhook).await.iter().map(|delivery| delivery.id).collect();
    let books = async || bench.store.ledger().await.unwrap();
    let one = Ledger { accepted: 1, ..Ledger::default() };
    bench.finish("a", End::Delivered, 0).await;
    bench.store.cancel(ids[1], at(0)).await.unwrap();
    assert_eq!(books().await, Ledger { pending: 1, ..one });
    bench.finish("c", End::Dead, 0).await;
    assert_eq!(books().await, Ledger { dead: 1, ..one });
    bench.store.retry(ids[2], at(1)).await.unwrap();
    assert_eq!(books().await, Ledger { pending: 1, ..one });
    bench.finish("c", End::Delivered, 1).await;
    assert_eq!(books().await, Ledger { cancelled: 1, ..one });
    bench.store.retry(ids[1], at(2)).await.unwrap();
    bench.finish("b", End::Delivered, 2).await;
    assert_eq!(books().await, Ledger { delivered: 1, ..one });
}

pub async fn any_sequence_of_operations_agrees_with_the_model<B: Backend>() {
    for seed in 0..8 {
        let mut bench = Bench::<B>::new().await;
        let mut model = Model::new(seed, B::SEES_ALL);
        for step in 0..160 {
            if step % 60 == 59 {
                bench = bench.reopen().await;
                model.reopened();
            }
            let what = model.step(&*bench.store).await;
            model.compare(&*bench.store, &format!("seed {seed}, step {step}: {what}")).await;
        }
    }
}
