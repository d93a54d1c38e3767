//! Running this program again under valgrind, which counts.

use std::process::Command;

/// How many steps follow the preparation in the two runs.
const FEW: usize = 20;
const MANY: usize = 120;

/// What a counted run is to do: the piece, for how many steps to prepare it, and how many to run.
pub fn asked() -> Option<(String, usize, usize)> {
    let arguments: Vec<String> = std::env::args().skip_while(|argument| argument != "--piece").collect();
    let [_, name, made, times] = arguments.get(..4)? else { return None };
    Some((name.clone(), made.parse().unwrap(), times.parse().unwrap()))
}

/// Instructions of one step of a piece.
pub fn count(piece: &str) -> u64 {
    let (few, many) = (total(piece, FEW), total(piece, MANY));
    assert!(many > few, "{piece}: more steps took fewer instructions");
    (many - few) / (MANY - FEW) as u64
}

fn total(piece: &str, times: usize) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--piece", piece, &MANY.to_string(), &times.to_string()])
        .output()
        .expect("valgrind has to be installed");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{piece} failed under valgrind:\n{told}");
    let collected = told.lines().find_map(|line| line.split_once("Collected : "));
    collected.unwrap_or_else(|| panic!("valgrind told of no count:\n{told}")).1.trim().parse().unwrap()
}
