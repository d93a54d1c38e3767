//! What a process has of the memory: PSS, in which shared pages count by their share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::rig::cpu::proc;
use super::rig::process::Server;

const EVERY: Duration = Duration::from_millis(20);

/// In MiB, now.
pub fn pss(server: &Server) -> f64 {
    read(&proc(server)).expect("the server ended")
}

fn read(proc: &str) -> Option<f64> {
    let text = std::fs::read_to_string(format!("{proc}/smaps_rollup")).ok()?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(kilobytes.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}

/// Looks again and again, and keeps the most.
pub struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<f64>,
}

impl Watch {
    pub fn on(server: &Server) -> Self {
        let (over, proc) = (Arc::new(AtomicBool::new(false)), proc(server));
        let ended = over.clone();
        let thread = std::thread::spawn(move || {
            let mut most = 0.0_f64;
            while !ended.load(Ordering::Relaxed) {
                most = most.max(read(&proc).unwrap_or_default());
                std::thread::sleep(EVERY);
            }
            most
        });
        Self { over, thread }
    }

    /// The most so far, in MiB.
    pub fn end(self) -> f64 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
