//! Running this program again under valgrind, which counts.

use std::ops::Sub;
use std::path::Path;
use std::process::Command;

/// How many steps follow the preparation in the two runs.
const FEW: usize = 20;
const MANY: usize = 120;

/// The functions of the C library that give memory; Rust's and SQLite's both end there.
const ALLOCATORS: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    pub instructions: u64,
    pub allocations: u64,
}

impl Sub for Cost {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            instructions: self.instructions - other.instructions,
            allocations: self.allocations.saturating_sub(other.allocations),
        }
    }
}

/// What a counted run is to do: the piece, for how many steps to prepare it, and how many to run.
pub fn asked() -> Option<(String, usize, usize)> {
    let arguments: Vec<String> = std::env::args().skip_while(|argument| argument != "--piece").collect();
    let [_, name, made, times] = arguments.get(..4)? else { return None };
    Some((name.clone(), made.parse().unwrap(), times.parse().unwrap()))
}

/// What one step of a piece costs.
pub fn count(piece: &str) -> Cost {
    let (few, many) = (total(piece, FEW), total(piece, MANY));
    assert!(many.instructions > few.instructions, "{piece}: more steps took fewer instructions");
    let (steps, all) = ((MANY - FEW) as u64, many - few);
    Cost { instructions: all.instructions / steps, allocations: all.allocations / steps }
}

fn total(piece: &str, times: usize) -> Cost {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("callgrind.out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--compress-strings=no"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(std::env::current_exe().unwrap())
        .args(["--piece", piece, &MANY.to_string(), &times.to_string()])
        .output()
        .expect("valgrind has to be installed");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{piece} failed under valgrind:\n{told}");
    let collected = told.lines().find_map(|line| line.split_once("Collected : "));
    let collected = collected.unwrap_or_else(|| panic!("valgrind told of no count:\n{told}")).1;
    Cost { instructions: collected.trim().parse().unwrap(), allocations: allocations(&profile) }
}

/// How often memory was asked for. A profile names the function that is called in a line `cfn=` and then how
/// often in a line `calls=`.
fn allocations(profile: &Path) -> u64 {
    let text = std::fs::read_to_string(profile).unwrap();
    let mut called = "";
    let mut count = 0;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("cfn=") {
            called = name;
        } else if let Some(calls) = line.strip_prefix("calls=")
            && ALLOCATORS.contains(&called)
        {
            count += calls.split(' ').next().unwrap().parse::<u64>().unwrap();
        }
    }
    count
}
