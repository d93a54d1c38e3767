//! Senders that lose no change: each sends the changes of one object one after the other, and every
//! one again and again until it is taken.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::webhook::webhook;
use crate::process::{Http, post};

/// How many requests are under way at once.
const AT_ONCE: usize = 48;
/// How long nothing may be taken at all: longer than any trouble that a test makes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Those that are still sending.
pub struct Senders {
    tasks: JoinSet<()>,
    pub total: usize,
    progress: Arc<Progress>,
    /// How many were taken when it was last asked, and since when there are so many.
    seen: Mutex<(usize, Instant)>,
}

#[derive(Default)]
struct Progress {
    taken: AtomicUsize,
    refused: AtomicUsize,
    broken: AtomicUsize,
}

impl Senders {
    /// `changes` of each of `objects`, such as `1..11` for the first ten.
    pub fn start(http: &Http, url: &str, objects: Range<u64>, changes: Range<u64>) -> Self {
        let progress = Arc::<Progress>::default();
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let total = ((objects.end - objects.start) * (changes.end - changes.start)) as usize;
        let mut tasks = JoinSet::new();
        for object in objects {
            let (http, url) = (http.clone(), url.to_owned());
            let (progress, turns, changes) = (progress.clone(), turns.clone(), changes.clone());
            tasks.spawn(async move {
                for change in changes {
                    send(&http, &url, &turns, &progress, object, change).await;
                }
            });
        }
        Self { tasks, total, progress, seen: Mutex::new((0, Instant::now())) }
    }

    /// How many are taken so far. Fails where that has stood still for too long.
    pub fn taken(&self) -> usize {
        let taken = self.progress.taken.load(Ordering::Relaxed);
        let mut seen = self.seen.lock().unwrap();
        if seen.0 != taken {
            *seen = (taken, Instant::now());
        }
        let stuck = taken < self.total && seen.1.elapsed() > PATIENCE;
        assert!(!stuck, "no gateway takes anything any more: {taken} of {}", self.total);
        taken
    }

    /// How many requests were answered 503, the only refusal there is.
    pub fn refused(&self) -> usize {
        self.progress.refused.load(Ordering::Relaxed)
    }

    /// How many requests no gateway answered.
    pub fn broken(&self) -> usize {
        self.progress.broken.load(Ordering::Relaxed)
    }

    /// Waits until so many were taken; what they do next goes on.
    pub async fn until_taken(&self, count: usize) {
        while self.taken() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits for all of them.
    pub async fn finish(mut self) {
        self.until_taken(self.total).await;
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

async fn send(http: &Http, url: &str, turns: &Semaphore, progress: &Progress, object: u64, change: u64) {
    let (headers, body) = webhook(object, change);
    loop {
        let turn = turns.acquire().await.unwrap();
        let answer = post(http, url, &headers, &body).await;
        drop(turn);
        match answer {
            Some(200) => break,
            Some(503) => progress.refused.fetch_add(1, Ordering::Relaxed),
            // Those of the load balancer, for a gateway that does not answer.
            Some(502 | 504) | None => progress.broken.fetch_add(1, Ordering::Relaxed),
            Some(other) => panic!("a webhook was answered {other}"),
        };
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    progress.taken.fetch_add(1, Ordering::Relaxed);
}
