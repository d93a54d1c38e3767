//! How destinations are, and what is told about them and about what failed.

use std::time::Duration;

use crossconnect::store::{Claim, Claimed, Condition, Errand, OWN_SOURCE, Paused, StoreError, Told};

use super::webhook::Webhook;
use super::{Backend, Bench, End, LEASE, at};

async fn condition<B: Backend>(bench: &Bench<B>) -> Condition {
    let mut all = bench.store.conditions().await.unwrap();
    assert!(all.len() <= 1, "{all:?}");
    all.pop().unwrap_or_default()
}

/// What there is to tell, without its numbers.
async fn told<B: Backend>(bench: &Bench<B>) -> Vec<Told> {
    let notices = bench.store.notices(100).await.unwrap();
    assert!(notices.is_sorted_by_key(|notice| notice.number));
    notices.into_iter().map(|notice| notice.told).collect()
}

pub async fn a_paused_destination_gets_nothing<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    let id = bench.deliver(0, "a", None).await;
    bench.deliver(0, "b", None).await;
    assert_eq!(bench.store.pause("a", "answered 410", at(1)).await, Ok(true));
    assert_eq!(bench.store.pause("a", "by hand", at(2)).await, Ok(false));
    let paused = Some(Paused { since: at(1), reason: "answered 410".into() });
    for _ in 0..2 {
        assert_eq!(condition(&bench).await.paused, paused);
        assert_eq!(bench.claim("a", 10, 100).await, Claimed::default());
        bench = bench.reopen().await;
    }
    assert_eq!(bench.claim_ids("b", 10, 200).await.len(), 1);
    assert_eq!(bench.store.resume("a", at(201)).await, Ok(true));
    assert_eq!(bench.store.resume("a", at(202)).await, Ok(false));
    assert_eq!(condition(&bench).await.paused, None);
    assert_eq!(bench.claim_ids("a", 10, 300).await, [id]);
}

pub async fn the_end_of_a_pause_rings<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.store.pause("a", "by hand", at(0)).await.unwrap();
    let bell = bench.store.bell("a");
    bench.store.resume("a", at(1)).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), bell.notified()).await.unwrap();
}

pub async fn an_attempt_under_way_is_settled_during_a_pause<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.deliver(0, "a", None).await;
    let leased = bench.claim_one("a", 0).await;
    bench.store.pause("a", "by hand", at(1)).await.unwrap();
    bench.settle(&leased, End::Delivered, 2).await.unwrap();
    assert_eq!(bench.store.ledger().await.unwrap().delivered, 1);
    assert_eq!(condition(&bench).await.troubled_since, Some(at(1)), "it shows nothing about what follows");
    let paused = Told::DestinationPaused { destination: "a".into(), reason: "by hand".into() };
    assert_eq!(told(&bench).await, [paused]);
}

pub async fn failing_counts_from_the_first_failure_since_a_success<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    bench.deliver(0, "a", None).await;
    assert_eq!(bench.claim("a", 0, 0).await.failing_since, None);
    bench.finish("a", End::Again(5), 3).await;
    bench.finish("a", End::Dead, 7).await;
    assert_eq!(bench.claim("a", 1, 8).await.failing_since, Some(at(3)));
    bench = bench.reopen().await;
    assert_eq!(bench.claim("a", 1, 8).await.failing_since, Some(at(3)));
    assert_eq!(condition(&bench).await.failing_since, Some(at(3)));
    bench.deliver(9, "a", None).await;
    bench.finish("a", End::Delivered, 9).await;
    assert_eq!(bench.claim("a", 1, 9).await.failing_since, None);
    assert_eq!(bench.store.conditions().await, Ok(vec![]), "nothing is worth knowing any more");
    bench.deliver(10, "a", None).await;
    bench.finish("a", End::Again(20), 12).await;
    assert_eq!(bench.claim("a", 1, 13).await.failing_since, Some(at(12)));
    bench.store.pause("a", "by hand", at(14)).await.unwrap();
    assert_eq!(bench.claim("a", 1, 15).await.failing_since, Some(at(12)));
    bench.store.resume("a", at(16)).await.unwrap();
    assert_eq!(bench.claim("a", 0, 17).await.failing_since, None, "who resumes begins anew");
}

pub async fn trouble_is_told_once_and_so_is_its_end<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.deliver(0, "a", None).await;
    bench.deliver(0, "a", None).await;
    assert_eq!(bench.store.trouble("a", "503 for ten minutes", at(1)).await, Ok(true));
    assert_eq!(bench.store.trouble("a", "503 for an hour", at(2)).await, Ok(false));
    assert_eq!(condition(&bench).await.troubled_since, Some(at(1)));
    for leased in bench.claim("a", 10, 3).await.leased {
        bench.settle(&leased, End::Delivered, 3).await.unwrap();
    }
    let expected = [
        Told::DestinationFailing { destination: "a".into(), reason: "503 for ten minutes".into() },
        Told::DestinationRecovered { destination: "a".into(), since: at(1) },
    ];
    assert_eq!(told(&bench).await, expected);
    assert_eq!(bench.store.conditions().await, Ok(vec![]));
}

pub async fn a_pause_is_told_and_the_first_success_after_it<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.store.trouble("a", "503", at(0)).await.unwrap();
    bench.store.pause("a", "by hand", at(1)).await.unwrap();
    bench.store.pause("a", "again", at(2)).await.unwrap();
    bench.store.resume("a", at(3)).await.unwrap();
    assert_eq!(bench.store.trouble("a", "still", at(4)).await, Ok(false), "no success came between");
    bench.deliver(5, "a", None).await;
    bench.finish("a", End::Delivered, 6).await;
    let expected = [
        Told::DestinationFailing { destination: "a".into(), reason: "503".into() },
        Told::DestinationPaused { destination: "a".into(), reason: "by hand".into() },
        Told::DestinationRecovered { destination: "a".into(), since: at(0) },
    ];
    assert_eq!(told(&bench).await, expected);
}

pub async fn deaths_and_failures_are_told<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let bell = bench.store.errands(Errand::Notices);
    let id = bench.deliver(0, "a", None).await;
    bench.finish("a", End::Dead, 1).await;
    tokio::time::timeout(Duration::from_secs(10), bell.notified()).await.unwrap();
    let broken = Webhook::at(2).event().failed("r");
    bench.accept(&broken).await;
    let receipt = broken.receipt.id;
    bench.store.replay(receipt, 0, &broken.again().unmappable().outcome).await.unwrap();
    bench.store.replay(receipt, 1, &broken.again().event().filtered("r").outcome).await.unwrap();
    let expected = [
        Told::DeliveryDead { delivery: id },
        Told::ReceiptFailed { receipt, reason: "division by zero (a.rhai:3:4)".into() },
        Told::ReceiptFailed { receipt, reason: "object.id is missing ($.data.id)".into() },
    ];
    assert_eq!(told(&bench).await, expected);
    assert_eq!(bench.store.notices(1).await.unwrap()[0].at, at(1));
}

pub async fn nothing_is_told_about_notices<B: Backend>() {
    let bench = Bench::<B>::new().await;
    bench.accept(&Webhook::at(0).of_source(OWN_SOURCE).event().to("r", "a", None)).await;
    bench.finish("a", End::Dead, 0).await;
    bench.accept(&Webhook::at(0).of_source(OWN_SOURCE).unmappable()).await;
    assert_eq!(told(&bench).await, []);
}

pub async fn a_notice_is_forgotten_when_it_was_told<B: Backend>() {
    let mut bench = Bench::<B>::new().await;
    for name in ["a", "b", "c"] {
        bench.store.trouble(name, "503", at(0)).await.unwrap();
    }
    let notices = bench.store.notices(2).await.unwrap();
    assert_eq!(notices.len(), 2, "the oldest first");
    bench.store.told(notices[1].number).await.unwrap();
    bench = bench.reopen().await;
    let left = bench.store.notices(100).await.unwrap();
    assert_eq!(left[0].told, Told::DestinationFailing { destination: "c".into(), reason: "503".into() });
    bench.store.told(left[0].number).await.unwrap();
    bench = bench.reopen().await;
    bench.store.pause("a", "by hand", at(9)).await.unwrap();
    let next = bench.store.notices(100).await.unwrap();
    assert!(next.len() == 1 && next[0].number > left[0].number, "a number is never used twice: {next:?}");
}

pub async fn a_refused_write_tells_nothing<B: Backend>() {
    let bench = Bench::<B>::new().await;
    let taken = Webhook::at(0).event();
    bench.accept(&taken).await;
    let again = taken.again().event().failed("r");
    let answer = bench.store.accept(&taken.receipt, &again.outcome).await;
    assert!(matches!(answer, Err(StoreError::Conflict(_))), "{answer:?}");
    assert_eq!(told(&bench).await, []);
}

pub async fn retries_are_bounded_apart<B: Backend>() {
    let bench = Bench::<B>::new().await;
    for _ in 0..6 {
        bench.deliver(0, "a", None).await;
    }
    for leased in bench.claim("a", 10, 0).await.leased {
        bench.settle(&leased, End::Again(1), 0).await.unwrap();
    }
    let claim = |limit, retries| {
        let claim = Claim { destination: "a".into(), limit, retries, now: at(10), lease: LEASE };
        let store = bench.store.clone();
        async move { store.claim(claim).await.unwrap() }
    };
    assert_eq!(claim(1, 0).await.leased, []);
    let probe = claim(5, 1).await;
    assert_eq!((probe.leased.len(), probe.next_due), (1, Some(at(1))), "what was left behind is due");
    for _ in 0..3 {
        bench.deliver(5, "a", None).await;
    }
    for _ in 0..20 {
        // Whatever the coin says, a place that no retry may have is a fresh one's.
        let single = claim(1, 0).await.leased.remove(0);
        assert_eq!(single.tries, 0);
        bench.store.release(&single).await.unwrap();
    }
    let mixed = claim(4, 1).await.leased;
    assert_eq!(mixed.iter().filter(|leased| leased.tries == 0).count(), 3);
    assert_eq!(mixed.len(), 4);
}
