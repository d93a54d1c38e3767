//! A thread with a bounded queue in front. Knows nothing of what is asked.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::thread::Thread;
use crate::store::StoreError;

/// When a job is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    /// While the others wait for company, before them.
    AtOnce,
    /// In its turn, with what else comes in a moment.
    InCompany,
}

/// How long the thread waits for company.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// With so many jobs it begins.
    pub(super) enough: usize,
    /// So long after the first of them it begins with those that came.
    pub(super) longest: Duration,
}

impl Patience {
    pub(super) const NONE: Self = Self { enough: 1, longest: Duration::ZERO };
}

/// The callers' end: the queue and the thread that serves it until everybody hung up.
pub(super) struct Line<J> {
    queue: Arc<Queue<J>>,
    thread: Thread,
    /// How long a caller waits for a place in a full queue.
    wait: Duration,
}

/// The thread's end. Once it is gone, jobs are refused.
pub(super) struct Jobs<J>(Arc<Queue<J>>);

struct Queue<J> {
    inside: Mutex<Inside<J>>,
    arrived: Condvar,
    /// Closed with the queue.
    places: Semaphore,
}

struct Inside<J> {
    /// As they came.
    jobs: Vec<(Haste, J)>,
    /// How many of them are to be done at once.
    hurried: usize,
    /// When the first of the others came.
    since: Option<Instant>,
    /// At how many others the thread wants to be woken; none that sleeps: more than there can be.
    wake_at: usize,
    is_open: bool,
}

impl<J> fmt::Debug for Line<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("thread", &self.thread).finish_non_exhaustive()
    }
}

impl<J: Send + 'static> Line<J> {
    /// Starts the thread; `serve` returns when [`Jobs::take`] says that there are no more.
    pub(super) fn spawn(
        name: &str,
        places: usize,
        wait: Duration,
        serve: impl FnOnce(Jobs<J>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(places.max(1)));
        let jobs = Jobs(Arc::clone(&queue));
        let thread = Thread::spawn(name, move || serve(jobs))?;
        Ok(Self { queue, thread, wait })
    }

    /// Queues one job, waiting a bounded time for a place.
    pub(super) async fn put(&self, job: J, haste: Haste) -> Result<(), StoreError> {
        match self.queue.places.try_acquire() {
            Ok(place) => place.forget(),
            // Its place is given back by who takes the job.
            Err(_) => match tokio::time::timeout(self.wait, self.queue.places.acquire()).await {
                Ok(Ok(place)) => place.forget(),
                Ok(Err(_)) => return Err(closed()),
                Err(_) => return Err(StoreError::Unavailable("too many requests are waiting".into())),
            },
        }
        self.queue.push(job, haste)
    }

    /// Lets the thread finish what is queued and end; later jobs are refused.
    pub(super) fn hang_up(&self) {
        self.queue.close();
    }

    /// Waits for the thread's end. Blocks.
    pub(super) fn join(&self) {
        self.thread.join();
    }
}

impl<J> Jobs<J> {
    /// Waits for jobs and moves `most` of them into `batch`, the oldest first: as long as patience lasts,
    /// only those that are to be done at once. `false`: there are none and come no more.
    pub(super) fn take(&self, batch: &mut Vec<J>, most: usize, patience: Patience) -> bool {
        let mut inside = self.0.lock();
        loop {
            let before = batch.len();
            match inside.rest(patience) {
                Rest::Over => inside.move_all(batch, most),
                Rest::Hurry => inside.move_hurried(batch, most),
                Rest::Closed => return false,
                Rest::More(longest) => {
                    inside = self.0.sleep(inside, patience.enough, longest);
                    continue;
                }
            }
            self.0.places.add_permits(batch.len() - before);
            return true;
        }
    }

    /// How many would be taken now, those that hurry apart.
    pub(super) fn waiting(&self) -> usize {
        self.0.lock().company()
    }
}

impl<J> Drop for Jobs<J> {
    /// Whoever waits for an answer learns that none will come.
    fn drop(&mut self) {
        self.0.close();
        let mut inside = self.0.lock();
        let left = std::mem::take(&mut inside.jobs);
        drop(inside);
        drop(left);
    }
}

/// What the thread does next.
enum Rest {
    /// It does what is there.
    Over,
    /// It does what is to be done at once.
    Hurry,
    Closed,
    /// It sleeps, no longer than that.
    More(Option<Duration>),
}

impl<J> Inside<J> {
    fn rest(&self, patience: Patience) -> Rest {
        let Some(since) = self.since else {
            return match self.hurried {
                0 if self.is_open => Rest::More(None),
                0 => Rest::Closed,
                _ => Rest::Over,
            };
        };
        let left = patience.longest.saturating_sub(since.elapsed());
        if self.company() >= patience.enough || left.is_zero() || !self.is_open {
            return Rest::Over;
        }
        if self.hurried > 0 { Rest::Hurry } else { Rest::More(Some(left)) }
    }

    /// How many are not to be done at once.
    fn company(&self) -> usize {
        self.jobs.len() - self.hurried
    }

    fn move_all(&mut self, batch: &mut Vec<J>, most: usize) {
        let count = self.jobs.len().min(most);
        for (haste, job) in self.jobs.drain(..count) {
            self.hurried -= usize::from(haste == Haste::AtOnce);
            batch.push(job);
        }
        // Who is left behind has waited.
        self.since = self.since.filter(|_| self.company() > 0);
    }

    fn move_hurried(&mut self, batch: &mut Vec<J>, most: usize) {
        let hurried = self.jobs.extract_if(.., |(haste, _)| *haste == Haste::AtOnce).take(most);
        let before = batch.len();
        batch.extend(hurried.map(|(_, job)| job));
        self.hurried -= batch.len() - before;
    }
}

impl<J> Queue<J> {
    fn new(places: usize) -> Self {
        let inside = Inside { jobs: Vec::new(), hurried: 0, since: None, wake_at: usize::MAX, is_open: true };
        let places = Semaphore::new(places.min(Semaphore::MAX_PERMITS));
        Self { inside: Mutex::new(inside), arrived: Condvar::new(), places }
    }

    fn lock(&self) -> MutexGuard<'_, Inside<J>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: J, haste: Haste) -> Result<(), StoreError> {
        let mut inside = self.lock();
        if !inside.is_open {
            return Err(closed());
        }
        inside.jobs.push((haste, job));
        match haste {
            Haste::AtOnce => inside.hurried += 1,
            Haste::InCompany => inside.since = inside.since.or_else(|| Some(Instant::now())),
        }
        let is_awaited =
            inside.company() >= inside.wake_at || (haste == Haste::AtOnce && inside.wake_at < usize::MAX);
        if is_awaited {
            // Once is enough.
            inside.wake_at = usize::MAX;
            drop(inside);
            self.arrived.notify_one();
        }
        Ok(())
    }

    fn close(&self) {
        self.places.close();
        self.lock().is_open = false;
        self.arrived.notify_one();
    }

    /// Until there may be something to do.
    fn sleep<'a>(
        &self,
        mut inside: MutexGuard<'a, Inside<J>>,
        enough: usize,
        longest: Option<Duration>,
    ) -> MutexGuard<'a, Inside<J>> {
        inside.wake_at = if longest.is_some() { enough } else { 1 };
        let mut inside = match longest {
            Some(longest) => {
                self.arrived.wait_timeout(inside, longest).unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.arrived.wait(inside).unwrap_or_else(PoisonError::into_inner),
        };
        inside.wake_at = usize::MAX;
        inside
    }
}

/// The answer to whoever comes after the end.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn queue(places: usize) -> (Arc<Queue<u32>>, Jobs<u32>) {
        let queue = Arc::new(Queue::new(places));
        (Arc::clone(&queue), Jobs(queue))
    }

    fn taken(jobs: &Jobs<u32>, most: usize, patience: Patience) -> Vec<u32> {
        let mut batch = Vec::new();
        jobs.take(&mut batch, most, patience);
        batch
    }

    #[test]
    fn who_hurries_goes_before_the_others_and_does_not_wait_for_company() {
        let (queue, jobs) = queue(9);
        let patience = Patience { enough: 2, longest: LONG };
        for (job, haste) in [(1, Haste::InCompany), (2, Haste::AtOnce), (3, Haste::InCompany)] {
            queue.push(job, haste).unwrap();
        }
        assert_eq!(taken(&jobs, 9, patience), [1, 2, 3], "where nobody waits all go in their turn");
        queue.push(1, Haste::InCompany).unwrap();
        queue.push(2, Haste::AtOnce).unwrap();
        assert_eq!(taken(&jobs, 9, patience), [2]);
        queue.push(3, Haste::InCompany).unwrap();
        assert_eq!(taken(&jobs, 9, patience), [1, 3]);
    }

    #[test]
    fn company_is_waited_for_until_it_is_enough() {
        let (queue, jobs) = queue(9);
        queue.push(0, Haste::InCompany).unwrap();
        let patience = Patience { enough: 4, longest: LONG };
        let thread = std::thread::spawn(move || taken(&jobs, 9, patience));
        for job in 1..4 {
            assert!(!thread.is_finished());
            queue.push(job, Haste::InCompany).unwrap();
        }
        assert_eq!(thread.join().unwrap(), [0, 1, 2, 3]);
    }

    #[test]
    fn waiting_for_company_has_an_end() {
        let (queue, jobs) = queue(9);
        queue.push(1, Haste::InCompany).unwrap();
        let begun = Instant::now();
        let short = Duration::from_millis(20);
        assert_eq!(taken(&jobs, 9, Patience { enough: 2, longest: short }), [1]);
        assert!(begun.elapsed() < LONG);
        queue.push(2, Haste::InCompany).unwrap();
        let thread = std::thread::spawn(move || taken(&jobs, 9, Patience { enough: 2, longest: LONG }));
        queue.close();
        assert_eq!(thread.join().unwrap(), [2], "after the end nobody comes");
    }

    #[test]
    fn no_more_are_taken_than_asked_for() {
        let (queue, jobs) = queue(9);
        (0..3).for_each(|job| queue.push(job, Haste::InCompany).unwrap());
        assert_eq!(taken(&jobs, 2, Patience::NONE), [0, 1]);
        assert_eq!(taken(&jobs, 2, Patience::NONE), [2]);
        queue.close();
        assert_eq!(queue.push(3, Haste::InCompany), Err(closed()));
        assert!(!jobs.take(&mut Vec::new(), 2, Patience::NONE));
    }

    #[tokio::test]
    async fn a_job_waits_for_a_place_and_for_no_thread_that_is_gone() {
        let (enter, entered) = std::sync::mpsc::channel::<()>();
        let line = Line::spawn("test", 1, Duration::from_millis(50), move |jobs: Jobs<u32>| {
            let _ = entered.recv();
            drop(jobs);
        })
        .unwrap();
        line.put(1, Haste::InCompany).await.unwrap();
        let full = line.put(2, Haste::InCompany).await.unwrap_err();
        assert!(full.to_string().contains("too many"), "{full}");
        drop(enter);
        line.join();
        assert_eq!(line.put(3, Haste::InCompany).await, Err(closed()));
    }
}
