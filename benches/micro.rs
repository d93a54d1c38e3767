//! What each piece of the walk costs by itself, over a NetBox device update of 5.3 KB.
//!
//! `cargo bench --bench micro` prints microseconds per step: the median and the best of several
//! batches. `cargo bench --bench micro -- script` runs the pieces with that in their name; `RUNS` sets
//! the size of a batch. The stores work in memory (`/dev/shm`), 64 calls at a time.

#![expect(clippy::unwrap_used, reason = "a benchmark ends at the first surprise")]

#[path = "rig"]
mod rig {
    pub mod body;
    pub mod figures;
    pub mod process;
    pub mod redis;
}
#[path = "pieces"]
mod pieces {
    pub mod all;
    pub mod captured;
    pub mod middle;
    pub mod piece;
    pub mod proof;
    pub mod state;

    use super::rig;
}

use std::time::Instant;

use pieces::all::all;
use pieces::captured;
use pieces::piece::Piece;
use rig::figures::{median, size};

const BATCHES: usize = 11;

fn main() {
    let runs = size("RUNS", 1_000);
    // Cargo adds `--bench`.
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let chosen = |piece: &Piece| wanted.is_empty() || wanted.iter().any(|part| piece.name.contains(part));
    let pieces: Vec<Piece> = all().filter(chosen).collect();
    assert!(!pieces.is_empty(), "no piece has {} in its name", wanted.join(" or "));
    println!("\nNetBox device update of {} bytes, {runs} steps a batch\n", captured::body().len());
    println!("| piece | µs per step, median | best |\n| --- | ---: | ---: |");
    pieces.iter().for_each(|piece| measure(piece, runs));
}

fn measure(piece: &Piece, runs: usize) {
    let batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let mut batch = (piece.prepare)(runs);
            let start = Instant::now();
            batch(runs);
            start.elapsed().as_secs_f64() * 1e6 / runs as f64
        })
        .collect();
    let best = batches.iter().copied().fold(f64::INFINITY, f64::min);
    println!("| {} | {:.1} | {best:.1} |", piece.name, median(batches));
}
