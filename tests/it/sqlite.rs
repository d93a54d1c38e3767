//! The embedded store: the suite, and what only a file can suffer.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossconnect::clock::ManualClock;
use crossconnect::model::DeliveryId;
use crossconnect::store::sqlite::{OpenError, Settings, Sqlite};
use crossconnect::store::{
    Accepted, Bell, Claim, DeliveryFilter, Keep, Order, PageRequest, Store, StoreError,
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::store_suite::webhook::Webhook;
use crate::store_suite::{Backend, Bench, End, LEASE, at, store_suite};

store_suite!(crate::sqlite::File);

/// A state file in a folder of its own.
pub struct File {
    folder: TempDir,
}

impl Backend for File {
    async fn fresh() -> Self {
        Self { folder: folder() }
    }

    async fn open(&self) -> Arc<dyn Store> {
        open(&self.path()).unwrap()
    }
}

impl File {
    fn path(&self) -> PathBuf {
        self.folder.path().join("state/crossconnect.db")
    }
}

/// In memory where that is possible: the disk's speed is not what these cases are about.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}

fn open(path: &Path) -> Result<Arc<Sqlite>, OpenError> {
    Sqlite::open(path, ManualClock::at(at(0)))
}

fn open_with(path: &Path, settings: Settings) -> Arc<Sqlite> {
    Sqlite::open_with(path, ManualClock::at(at(0)), settings).unwrap()
}

async fn accept(store: &dyn Store) -> Result<Accepted, StoreError> {
    let webhook = Webhook::at(0).event().to("r", "a", None);
    store.accept(&webhook.receipt, &webhook.outcome).await
}

fn unavailable<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}

#[tokio::test]
async fn a_locked_file_is_unavailable_until_it_is_free() {
    let file = File::fresh().await;
    let store =
        open_with(&file.path(), Settings { busy_timeout: Duration::from_millis(50), ..Settings::default() });
    accept(&*store).await.unwrap();
    let claim = Claim { destination: "a".into(), limit: 1, retries: 1, now: at(0), lease: LEASE };
    let leased = store.claim(claim.clone()).await.unwrap().leased.remove(0);
    let other = Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    unavailable(accept(&*store).await);
    unavailable(store.ping().await);
    let (attempt, settlement) = End::Delivered.of(&leased, 0);
    unavailable(store.settle(&leased, attempt.clone(), settlement.clone(), at(0)).await);
    assert_eq!(store.ledger().await.unwrap().accepted, 1, "questions are answered meanwhile");
    other.execute_batch("ROLLBACK").unwrap();
    // The lease is still held, so that the attempt's result is not lost.
    store.settle(&leased, attempt, settlement, at(0)).await.unwrap();
    store.ping().await.unwrap();
    accept(&*store).await.unwrap();
    let ledger = store.ledger().await.unwrap();
    assert_eq!((ledger.accepted, ledger.delivered, ledger.pending), (2, 1, 1));
}

/// The bell of `a` with an order, and what rings it.
async fn ordered(store: &dyn Store) -> Arc<Bell> {
    let bell = store.bell("a");
    bell.order(Order { limit: 2, retries: 0, lease: LEASE });
    accept(store).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), bell.notified()).await.unwrap();
    bell
}

#[tokio::test]
async fn what_is_accepted_comes_with_the_ring_where_it_was_ordered() {
    let file = File::fresh().await;
    let store = open_with(&file.path(), Settings::default());
    let bell = ordered(&*store).await;
    let claim = Claim { destination: "a".into(), limit: 9, retries: 9, now: at(0), lease: LEASE };
    assert!(store.claim(claim.clone()).await.unwrap().leased.is_empty(), "it is under lease");
    let mut brought = bell.take_back().unwrap().claimed;
    let leased = brought.leased.remove(0);
    assert!(brought.leased.is_empty());
    accept(&*store).await.unwrap();
    assert!(bell.take_back().is_none(), "one order is one claim");
    let (attempt, settlement) = End::Delivered.of(&leased, 0);
    store.settle(&leased, attempt, settlement, at(0)).await.unwrap();
    assert_eq!(store.claim(claim).await.unwrap().leased.len(), 1);
}

#[tokio::test]
async fn a_write_that_failed_brings_nothing() {
    let file = File::fresh().await;
    let store = open_with(&file.path(), Settings { max_bytes: Some(1 << 20), ..Settings::default() });
    let bell = store.bell("a");
    bell.order(Order { limit: 2, retries: 0, lease: LEASE });
    let mut too_big = Webhook::at(0).event().to("r", "a", None);
    too_big.receipt.body = vec![b'x'; 2 << 20].into();
    unavailable(store.accept(&too_big.receipt, &too_big.outcome).await);
    assert!(bell.is_ordered());
    accept(&*store).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), bell.notified()).await.unwrap();
    assert_eq!(bell.take_back().unwrap().claimed.leased.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_failed_leases_nothing_and_takes_no_lease() {
    let file = File::fresh().await;
    let store = open_with(&file.path(), Settings { max_bytes: Some(1 << 20), ..Settings::default() });
    accept(&*store).await.unwrap();
    let claim = || Claim { destination: "a".into(), limit: 1, retries: 1, now: at(0), lease: LEASE };
    let mut too_big = Webhook::at(0).event();
    too_big.receipt.body = vec![b'x'; 2 << 20].into();
    // Whether a claim shares its batch with the write that fails is chance; both must be right.
    let mut shared = 0;
    for _ in 0..50 {
        let (claimed, full) =
            tokio::join!(store.claim(claim()), store.accept(&too_big.receipt, &too_big.outcome));
        unavailable(full);
        shared += u32::from(claimed.is_err());
        let mut leased = match claimed {
            Ok(claimed) => claimed.leased,
            Err(_) => store.claim(claim()).await.unwrap().leased,
        };
        let leased = leased.pop().expect("the failed batch kept the lease");
        let (released, full) =
            tokio::join!(store.release(&leased), store.accept(&too_big.receipt, &too_big.outcome));
        unavailable(full);
        if released.is_err() {
            store.release(&leased).await.expect("the failed batch took the lease");
        }
    }
    println!("{shared} of 50 claims shared the batch that failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_failed_pauses_nothing() {
    let file = File::fresh().await;
    let store = open_with(&file.path(), Settings { max_bytes: Some(1 << 20), ..Settings::default() });
    accept(&*store).await.unwrap();
    let mut too_big = Webhook::at(0).event();
    too_big.receipt.body = vec![b'x'; 2 << 20].into();
    for _ in 0..50 {
        let (paused, full) = tokio::join!(
            store.pause("a", "by hand", at(0)),
            store.accept(&too_big.receipt, &too_big.outcome)
        );
        unavailable(full);
        // Whether they share a batch is chance, as above.
        let expected = usize::from(paused.is_ok());
        assert_eq!(store.conditions().await.unwrap().len(), expected);
        let claim = Claim { destination: "a".into(), limit: 1, retries: 1, now: at(0), lease: LEASE };
        let leased = store.claim(claim).await.unwrap().leased;
        assert_eq!(leased.len(), 1 - expected);
        for leased in leased {
            store.release(&leased).await.unwrap();
        }
        assert_eq!(store.resume("a", at(0)).await, Ok(paused.is_ok()));
        store.told(u64::MAX).await.unwrap();
        // A success forgets the rest.
        accept(&*store).await.unwrap();
        let claim = Claim { destination: "a".into(), limit: 1, retries: 1, now: at(0), lease: LEASE };
        let leased = store.claim(claim).await.unwrap().leased.remove(0);
        let (attempt, settlement) = End::Delivered.of(&leased, 0);
        store.settle(&leased, attempt, settlement, at(0)).await.unwrap();
    }
}

#[tokio::test]
async fn a_full_queue_is_unavailable_after_a_bounded_wait() {
    let file = File::fresh().await;
    let settings = Settings {
        queue: 4,
        queue_wait: Duration::from_millis(50),
        busy_timeout: Duration::from_millis(400),
        ..Settings::default()
    };
    let store = open_with(&file.path(), settings);
    let other = Connection::open(file.path()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let begun = Instant::now();
    let calls: Vec<_> = (0..300)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { accept(&*store).await })
        })
        .collect();
    for call in calls {
        unavailable(call.await.unwrap());
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    other.execute_batch("ROLLBACK").unwrap();
    accept(&*store).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_unavailable_until_there_is_room() {
    let file = File::fresh().await;
    let store = open_with(&file.path(), Settings { max_bytes: Some(1 << 20), ..Settings::default() });
    let webhook = |body: usize| {
        let mut webhook = Webhook::at(0).event().filtered("r");
        webhook.receipt.body = vec![b'x'; body].into();
        webhook
    };
    let mut accepted = 0;
    let full = loop {
        let webhook = webhook(50_000);
        match store.accept(&webhook.receipt, &webhook.outcome).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StoreError::Unavailable(_)), "{full}");
    assert!(full.to_string().contains("full"), "{full}");
    assert_eq!(store.ledger().await.unwrap().accepted, accepted, "what was refused is not counted");
    let keep = Keep { delivered: Duration::ZERO, dead: Duration::ZERO };
    assert_eq!(store.purge(keep, at(10)).await.unwrap(), accepted);
    let small = webhook(50_000);
    assert_eq!(store.accept(&small.receipt, &small.outcome).await, Ok(Accepted::New));
}

#[tokio::test]
async fn two_processes_cannot_serve_one_file() {
    let file = File::fresh().await;
    let store = open(&file.path()).unwrap();
    let refused = open(&file.path()).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    let told = format!("process {}", std::process::id());
    assert!(refused.to_string().contains(&told), "{refused}");
    assert!(!refused.help().is_empty());
    store.close().await;
    open(&file.path()).unwrap();
}

#[tokio::test]
async fn a_file_of_an_earlier_schema_goes_on_where_it_was() {
    let file = File::fresh().await;
    std::fs::create_dir_all(file.path().parent().unwrap()).unwrap();
    let conn = Connection::open(file.path()).unwrap();
    conn.execute_batch(include_str!("../../src/store/schema.sql")).unwrap();
    conn.execute_batch(include_str!("../../src/store/schema_2.sql")).unwrap();
    let webhook = Webhook::at(0).event();
    let (receipt, event) = (webhook.receipt.id, webhook.outcome.events[0].event.id);
    let ids = [0, 1, 2].map(|_| DeliveryId::new(at(0)));
    let request = serde_json::to_string(&webhook.receipt.request).unwrap();
    let proof = serde_json::to_string(&webhook.receipt.proof).unwrap();
    conn.execute_batch(&format!(
        "PRAGMA application_id = {}; PRAGMA user_version = 2;
         INSERT INTO receipts (id, source, received_at, status, events, deliveries, pending, finished_at)
            VALUES ('{receipt}', 'netbox', 0, 'processed', 1, 3, 2, 0);
         INSERT INTO receipt_content VALUES (1, '{request}', '{proof}', NULL, '[]', '[]', '', x'31');
         INSERT INTO outcomes VALUES (1, 'rev-1', NULL, '[]');
         INSERT INTO events (id, receipt, type, state, pending, dead)
            VALUES ('{event}', 1, 't', 'pending', 2, 1);
         UPDATE ledger SET total = 1 WHERE name IN ('accepted', 'pending');
         INSERT INTO backlog VALUES ('a', 2);
         INSERT INTO dedupe (source, key, receipt, expires_at) VALUES ('netbox', 'k', '{receipt}', 3000000000000000);",
        0x4352_434E
    ))
    .unwrap();
    for (id, state, ready) in [(ids[0], "dead", 0), (ids[1], "pending", 1), (ids[2], "pending", 0)] {
        conn.execute(
            "INSERT INTO deliveries (id, receipt, event, route, destination, lane, state, ready, created_at,
                due_at) VALUES (?1, 1, 1, 'r', 'a', 'x', ?2, ?3, 0, 0)",
            rusqlite::params![id.to_string(), state, ready],
        )
        .unwrap();
        conn.execute(
            "INSERT INTO delivery_content (delivery, content_type, headers) VALUES (?1, 'text/plain', '[]')",
            [conn.last_insert_rowid()],
        )
        .unwrap();
    }
    drop(conn);

    let bench = Bench { store: file.open().await, backend: file };
    let again = Webhook::at(0).event().key("k", 60);
    assert_eq!(bench.store.accept(&again.receipt, &again.outcome).await, Ok(Accepted::Duplicate(receipt)));
    assert_eq!(bench.store.receipt(receipt).await.unwrap().outcome.revision, "rev-1");
    let new = bench.deliver(0, "a", Some("x")).await;
    bench.store.retry(ids[0], at(0)).await.unwrap();
    for expected in [ids[0], ids[1], ids[2], new] {
        assert_eq!(bench.finish("a", End::Delivered, 1).await, expected);
    }
    let ledger = bench.store.ledger().await.unwrap();
    assert_eq!((ledger.accepted, ledger.delivered), (2, 2));
}

#[tokio::test]
async fn a_newer_file_is_refused() {
    let file = File::fresh().await;
    drop(open(&file.path()).unwrap());
    let conn = Connection::open(file.path()).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    let refused = open(&file.path()).unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 99, .. }), "{refused}");
}

#[tokio::test]
async fn the_database_of_another_program_is_left_alone() {
    for setup in ["PRAGMA application_id = 7", "CREATE TABLE theirs (x)", "PRAGMA user_version = 3"] {
        let folder = folder();
        let path = folder.path().join("theirs.db");
        Connection::open(&path).unwrap().execute_batch(setup).unwrap();
        let before = std::fs::read(&path).unwrap();
        let refused = open(&path).unwrap_err();
        assert!(matches!(refused, OpenError::Foreign { .. }), "{setup}: {refused}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    for text in ["state: sqlite\n".to_owned(), "no database ".repeat(1000)] {
        let folder = folder();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, &text).unwrap();
        let refused = open(&path).unwrap_err();
        assert!(matches!(refused, OpenError::NotADatabase { .. }), "{refused}");
        assert!(refused.to_string().contains("notes.txt"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_told() {
    let folder = folder();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let refused = open(&folder.path().join("file/state.db")).unwrap_err();
    assert!(matches!(refused, OpenError::Create { .. }), "{refused}");
}

#[tokio::test]
async fn nobody_else_may_read_the_files() {
    let file = File::fresh().await;
    let store = open(&file.path()).unwrap();
    accept(&*store).await.unwrap();
    for entry in std::fs::read_dir(file.path().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} {mode:o}", entry.file_name());
    }
}

#[tokio::test]
async fn what_was_answered_is_in_the_files_without_a_closing() {
    let file = File::fresh().await;
    let store = open(&file.path()).unwrap();
    for _ in 0..20 {
        accept(&*store).await.unwrap();
    }
    // As a crash would leave them: the copy is made while the first is still open.
    let crashed = folder();
    for entry in std::fs::read_dir(file.path().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), crashed.path().join(entry.file_name())).unwrap();
        }
    }
    let recovered = open(&crashed.path().join("crossconnect.db")).unwrap();
    assert_eq!(recovered.ledger().await.unwrap().accepted, 20);
    let claim = Claim { destination: "a".into(), limit: 50, retries: 50, now: at(0), lease: LEASE };
    assert_eq!(recovered.claim(claim).await.unwrap().leased.len(), 20);
}

#[tokio::test]
async fn closing_folds_the_log_into_the_file() {
    let file = File::fresh().await;
    let store = open(&file.path()).unwrap();
    accept(&*store).await.unwrap();
    store.close().await;
    assert!(!file.path().with_extension("db-wal").exists());
}

#[tokio::test]
async fn what_is_due_later_hides_nothing_from_a_claim() {
    let bench = Bench::<File>::new().await;
    for _ in 0..20 {
        let mut webhook = Webhook::at(1_000_000).event();
        for lane in 0..500 {
            webhook = webhook.to("r", "a", Some(&lane.to_string()));
        }
        bench.accept(&webhook).await;
    }
    let id = bench.deliver(0, "a", Some("now")).await;
    for _ in 0..10 {
        let claimed = bench.claim("a", 10, 0).await;
        assert_eq!(claimed.leased.len(), 1);
        assert_eq!(claimed.leased[0].delivery.id, id);
        assert_eq!(claimed.next_due, Some(at(1_000_000)));
        bench.store.release(&claimed.leased[0]).await.unwrap();
    }
}

#[tokio::test]
async fn a_slow_list_holds_up_no_write() {
    let bench = Bench::<File>::new().await;
    let mut webhook = Webhook::at(0).event();
    for _ in 0..20_000 {
        webhook = webhook.to("r", "a", None);
    }
    bench.accept(&webhook).await;
    let filter = DeliveryFilter { route: Some("no such".into()), until: Some(at(1)), ..Default::default() };
    let lists: Vec<_> = (0..20)
        .map(|_| {
            let (store, filter) = (Arc::clone(&bench.store), filter.clone());
            tokio::spawn(async move { store.deliveries(filter, PageRequest::default()).await.unwrap() })
        })
        .collect();
    accept(&*bench.store).await.unwrap();
    for list in lists {
        assert!(list.await.unwrap().items.is_empty());
    }
}
