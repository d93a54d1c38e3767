//! What one run of each shipped script costs, on a NetBox device update of about 4.5 KB.
//!
//! `cargo bench --bench script` prints microseconds per run (`filter`, then `transform`): the
//! median and the best of several batches. `RUNS` sets the size of a batch, `ONLY` names one script.

#![expect(clippy::unwrap_used, reason = "a benchmark ends at the first surprise")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use crossconnect::model::{Event, Proof, ReceiptId, Request, Timestamp};
use crossconnect::pipeline::{self, Incoming};
use crossconnect::problem::Problems;
use crossconnect::rules::Rules;
use crossconnect::script::{Limits, Script, shipped};

const BATCHES: usize = 15;

fn main() {
    let runs = std::env::var("RUNS").map_or(2_000, |text| text.parse().unwrap());
    let only = std::env::var("ONLY").unwrap_or_default();
    let (event, bytes) = event();
    println!(
        "\nNetBox device update of {bytes} bytes, {} changes, {runs} runs a batch\n",
        event.changes.len()
    );
    println!("| script | µs per run, median | best |\n| --- | ---: | ---: |");
    // What any script costs.
    measure("(nothing)", &scratch("fn filter(event) { true }"), &event, runs);
    for (file, _) in shipped().iter().filter(|(file, _)| file.ends_with(".rhai") && file.contains(&only)) {
        if !file.starts_with("scripts/lib/") {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            measure(file, &compiled(root, file), &event, runs);
        }
    }
}

/// A device update as the NetBox adapter reads it; its name and its status changed.
fn event() -> (Arc<Event>, usize) {
    let config = "sources: { netbox: { adapter: netbox, secrets: [s] } }\n\
                  destinations: { sink: { url: \"https://example.com/\", sign: none } }\n\
                  routes: [{ name: all, to: [sink] }]\n";
    let rules = Rules::from_text("config.yaml", config, &|_| None).unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let body = include_str!("walk/device_update.json")
        .replace("@ID@", "1")
        .replace("@REQUEST@", "00000000-0000-4000-8000-000000000001")
        .replace("@MICROS@", "000001")
        .replacen("\"status\": \"active\"", "\"status\": \"planned\"", 1)
        .replacen(
            "\"serial\": \"SN1\", \"asset_tag\": null, \"site\": 1",
            "\"serial\": \"SN0\", \"asset_tag\": null, \"site\": 1",
            1,
        );
    let incoming = Incoming {
        id: ReceiptId::new(now),
        received_at: now,
        request: Request::default(),
        body: Bytes::from(body.clone()),
        proof: Proof { scheme: "netbox".to_owned(), variant: None, secret: Some(0) },
    };
    let source = &rules.sources["netbox"];
    let (receipt, document) = pipeline::receive(source, incoming).unwrap();
    let mut events = source.adapter.normalise(&source.settings, &receipt, document).unwrap();
    (Arc::new(events.remove(0)), body.len())
}

fn compiled(root: &Path, file: &str) -> Script {
    let mut problems = Problems::default();
    let script = Script::compile(root, file, &Limits::default(), &mut problems);
    script.unwrap_or_else(|| panic!("{problems:?}"))
}

fn scratch(text: &str) -> Script {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.rhai"), text).unwrap();
    compiled(folder.path(), "s.rhai")
}

fn measure(name: &str, script: &Script, event: &Arc<Event>, runs: u32) {
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..runs {
                black_box(script.run_shared(black_box(event), Timestamp::UNIX_EPOCH)).unwrap();
            }
            begun.elapsed().as_secs_f64() * 1e6 / f64::from(runs)
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    println!("| {name} | {:.1} | {:.1} |", batches[BATCHES / 2], batches[0]);
}
