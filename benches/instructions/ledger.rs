//! The blessed counts, in `benches/instructions.txt`, and what is said about new ones.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::origin::Origin;

const TOLERANCE: f64 = 0.10;
/// Where another compiler, or one for another target, made the blessed counts.
const WIDE: f64 = 0.25;
const RUN: &str = "cargo bench --profile dev --bench instructions";

pub struct Ledger {
    origin: Origin,
    counts: HashMap<String, u64>,
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
        let counts = lines.map(|(name, count)| (name.to_owned(), count.parse().unwrap())).collect();
        Self { origin: origin.expect("its head does not tell the compiler"), counts }
    }

    pub fn write(origin: &Origin, counts: &[(&str, u64)]) {
        let mut text = format!("# Instructions of one step, written by BLESS=1 {RUN}\n# {origin}\n");
        for (name, count) in counts {
            writeln!(text, "{name} = {count}").unwrap();
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
    pub fn judge(&self, name: &str, count: u64, tolerance: f64) -> Verdict {
        let Some(&blessed) = self.counts.get(name) else {
            println!("| {name} | {count} | – | not blessed yet |");
            return Verdict::Unknown;
        };
        let change = count as f64 / blessed as f64 - 1.0;
        let (verdict, word) = match change {
            more if more > tolerance => (Verdict::More, " **too many**"),
            less if less < -tolerance => (Verdict::Fewer, " better"),
            _ => (Verdict::Same, ""),
        };
        println!("| {name} | {count} | {blessed} | {:+.1} %{word} |", change * 100.0);
        verdict
    }
}

pub fn conclude(verdicts: &[Verdict]) -> ExitCode {
    let any = |wanted: fn(&Verdict) -> bool| verdicts.iter().any(wanted);
    if any(|verdict| matches!(verdict, Verdict::More | Verdict::Unknown)) {
        eprintln!(
            "\nA piece takes more instructions than were blessed, or was never blessed.\n\
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
