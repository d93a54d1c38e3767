//! `test`: the tests that adapters and presets carry, and those that stand beside scripts.

mod preset;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use crate::model::json;

use super::exit::{Exit, Mistakes};
use super::{ConfigFile, Output, print_json, terminal};
use crate::adapter::{self, Adapter};
use crate::problem::Problems;
use crate::rules::Rules;
use crate::script;

/// How deep folders below `scripts/` may nest.
const MAX_DEPTH: usize = 16;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  crossconnect test
  crossconnect test netbox
  crossconnect test scripts/slack --output json")]
pub struct Args {
    /// Only tests whose file or name holds this text
    filter: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// One test and what went wrong in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ran {
    /// `adapter netbox: a device is renamed`.
    name: String,
    failures: Vec<String>,
}

/// Runs the command; 1 if a test failed, 2 if a file has problems.
pub fn run(args: &Args, config: &ConfigFile, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let rules = config.load()?;
    let mut problems = Problems::default();
    let mut ran = adapters(&rules, &mut problems);
    ran.extend(scripts(&rules, &mut problems)?);
    ran.extend(preset::run(&rules.config.dir, &mut problems));
    if !problems.is_empty() {
        return Err(Mistakes(problems.into_sorted()).into());
    }
    if let Some(filter) = &args.filter {
        ran.retain(|test| test.name.contains(filter.as_str()));
    }
    match args.output {
        Output::Table => report(&ran, out)?,
        Output::Json => print_json(out, &document(&ran))?,
    }
    Ok(Exit::failed_if(ran.iter().any(|test| !test.failures.is_empty())))
}

/// The tests of the adapters in use, and of those that are shipped but not in use.
fn adapters(rules: &Rules, problems: &mut Problems) -> Vec<Ran> {
    let used = rules.sources.values().map(|source| source.adapter.clone());
    let mut adapters: BTreeMap<String, Arc<Adapter>> =
        used.map(|adapter| (adapter.name.clone(), adapter)).collect();
    for name in adapter::shipped_names() {
        if !adapters.contains_key(name)
            && let Some((file, text)) = adapter::shipped(name)
            && let Some(adapter) = Adapter::compile(file, text, problems)
        {
            adapters.insert(name.to_owned(), Arc::new(adapter));
        }
    }
    let results = adapters.values().flat_map(|adapter| {
        let of = |result: adapter::TestResult| Ran {
            name: format!("adapter {}: {}", adapter.name, result.name),
            failures: result.failures,
        };
        adapter.run_tests().into_iter().map(of)
    });
    results.collect()
}

/// The tests of every `scripts/**/*.test.yaml` below the config's folder.
fn scripts(rules: &Rules, problems: &mut Problems) -> io::Result<Vec<Ran>> {
    let root = &rules.config.dir;
    let mut files = Vec::new();
    find(root, "scripts", 0, &mut files)?;
    files.sort_unstable();
    let mut ran = Vec::new();
    for file in files {
        let results = script::run_tests(root, &file, &rules.config.scripts, problems);
        ran.extend(
            results
                .into_iter()
                .map(|result| Ran { name: format!("{file}: {}", result.name), failures: result.failures }),
        );
    }
    Ok(ran)
}

/// Collects test files by their path below `root`, with slashes. Links are not followed.
fn find(root: &Path, folder: &str, depth: usize, files: &mut Vec<String>) -> io::Result<()> {
    let entries = match std::fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound && depth == 0 => return Ok(()),
        Err(error) => return Err(io::Error::new(error.kind(), format!("could not read {folder}: {error}"))),
    };
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{folder}/{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && !name.starts_with('.') && depth < MAX_DEPTH {
            find(root, &path, depth + 1, files)?;
        } else if !kind.is_dir() && name.ends_with(".test.yaml") {
            files.push(path);
        }
    }
    Ok(())
}

fn report(ran: &[Ran], out: &mut dyn Write) -> io::Result<()> {
    for test in ran {
        let verdict = if test.failures.is_empty() { "ok    " } else { "FAILED" };
        writeln!(out, "{verdict} {}", terminal::line(&test.name))?;
        for failure in &test.failures {
            terminal::indented(out, "       ", &terminal::block(failure))?;
        }
    }
    let failed = ran.iter().filter(|test| !test.failures.is_empty()).count();
    writeln!(out, "{} passed, {failed} failed", ran.len() - failed)
}

fn document(ran: &[Ran]) -> crate::model::Json {
    let failed = ran.iter().filter(|test| !test.failures.is_empty()).count();
    let tests: Vec<_> = ran
        .iter()
        .map(|test| json!({"name": test.name, "ok": test.failures.is_empty(), "failures": test.failures}))
        .collect();
    json!({"passed": ran.len() - failed, "failed": failed, "tests": tests})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_and_failed_tests_are_told_apart_and_counted() {
        let ran = [
            Ran { name: "adapter netbox: a rename".into(), failures: Vec::new() },
            Ran { name: "scripts/a.test.yaml: drops".into(), failures: vec!["- one\n+ two".into()] },
        ];
        let mut out = Vec::new();
        report(&ran, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "ok     adapter netbox: a rename\nFAILED scripts/a.test.yaml: drops\n       - one\n       + two\n1 passed, 1 failed\n"
        );
        assert_eq!(document(&ran)["failed"], 1);
    }

    #[test]
    fn test_files_are_found_in_all_folders_below_scripts() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("scripts/team/more");
        std::fs::create_dir_all(&deep).unwrap();
        for file in ["scripts/a.test.yaml", "scripts/a.rhai", "scripts/team/more/b.test.yaml"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let mut files = Vec::new();
        find(folder.path(), "scripts", 0, &mut files).unwrap();
        files.sort_unstable();
        assert_eq!(files, ["scripts/a.test.yaml", "scripts/team/more/b.test.yaml"]);
    }

    #[test]
    fn no_folder_of_scripts_means_no_tests_of_scripts() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        find(folder.path(), "scripts", 0, &mut files).unwrap();
        assert!(files.is_empty());
    }
}
