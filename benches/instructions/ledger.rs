//! The blessed counts, in `benches/instructions.txt`, and what is said about new ones.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::callgrind::Cost;
use super::origin::Origin;

const TOLERANCE: f64 = 0.10;
/// Where another compiler, or one for another target, made the blessed counts.
const WIDE: f64 = 0.25;
const RUN: &str = "cargo bench --profile dev --bench instructions";

pub struct Ledger {
    origin: Origin,
    counts: HashMap<String, Cost>,
}

pub enum Verdict {
    Same,
    Fewer,
    More,
    Unknown,
}

impl Ledger {
    fn file() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt")
    }

    pub fn read() -> Self {
        let text = std::fs::read_to_string(Self::file())
            .unwrap_or_else(|error| panic!("benches/instructions.txt: {error}; write it with BLESS=1 {RUN}"));
        let origin = text.lines().find_map(|line| Origin::parse(line.strip_prefix("# ")?));
        let lines = text.lines().filter_map(|line| line.split_once(" = "));
        let counts = lines.map(|(name, cost)| (name.to_owned(), cost_of(cost))).collect();
        Self { origin: origin.expect("its head does not tell the compiler"), counts }
    }

    pub fn write(origin: &Origin, counts: &[(&str, Cost)]) {
        let mut text =
            format!("# Instructions and allocations of one step, written by BLESS=1 {RUN}\n# {origin}\n");
        for (name, Cost { instructions, allocations }) in counts {
            writeln!(text, "{name} = {instructions}, {allocations}").unwrap();
        }
        std::fs::write(Self::file(), &text).unwrap();
        println!("{text}");
    }

    /// By which share a count may grow.
    pub fn tolerance(&self, here: &Origin) -> f64 {
        assert_eq!(self.origin.profile, here.profile, "counts of another profile say nothing; run {RUN}");
        if self.origin.compiler == here.compiler {
            return TOLERANCE;
        }
        let (blessed, here) = (&self.origin.compiler, &here.compiler);
        println!("blessed with {blessed}; with {here} counts may differ by {:.0} %", WIDE * 100.0);
        WIDE
    }

    /// Prints the piece's line.
    pub fn judge(&self, name: &str, cost: Cost, tolerance: f64) -> Verdict {
        let Cost { instructions, allocations } = cost;
        let Some(&blessed) = self.counts.get(name) else {
            println!("| {name} | {instructions} | – | {allocations} | – | not blessed yet |");
            return Verdict::Unknown;
        };
        let grew = |now: u64, then: u64| now as f64 / then.max(1) as f64 - 1.0;
        let change = grew(instructions, blessed.instructions);
        let most = change.max(grew(allocations, blessed.allocations));
        let (verdict, word) = match (most, change) {
            (more, _) if more > tolerance => (Verdict::More, " **too many**"),
            (_, less) if less < -tolerance => (Verdict::Fewer, " better"),
            _ => (Verdict::Same, ""),
        };
        println!(
            "| {name} | {instructions} | {:+.1} % | {allocations} | {} |{word} |",
            change * 100.0,
            blessed.allocations
        );
        verdict
    }
}

/// A line's right side: `instructions, allocations`.
fn cost_of(text: &str) -> Cost {
    let (instructions, allocations) = text.split_once(", ").expect("two counts in a line");
    Cost { instructions: instructions.parse().unwrap(), allocations: allocations.parse().unwrap() }
}

pub fn conclude(verdicts: &[Verdict]) -> ExitCode {
    let any = |wanted: fn(&Verdict) -> bool| verdicts.iter().any(wanted);
    if any(|verdict| matches!(verdict, Verdict::More | Verdict::Unknown)) {
        eprintln!(
            "\nA piece takes more instructions or allocations than were blessed, or was never blessed.\n\
             help: find what it does more than before (`cargo bench --bench micro -- PIECE` tells the time); \
             where it has to be, write the new counts with `BLESS=1 {RUN}` and commit them with the reason"
        );
        return ExitCode::FAILURE;
    }
    if any(|verdict| matches!(verdict, Verdict::Fewer)) {
        println!("\nhelp: keep what was gained: `BLESS=1 {RUN}`, and commit benches/instructions.txt");
    }
    ExitCode::SUCCESS
}
