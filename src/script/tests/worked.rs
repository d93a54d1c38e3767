//! The scripts that are shipped, with their tests.

use std::path::Path;

use crate::problem::Problems;
use crate::script::{Limits, run_tests, shipped};

#[test]
fn every_shipped_script_passes_its_own_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases = 0;
    for (file, _) in shipped().iter().filter(|(name, _)| name.ends_with(".test.yaml")) {
        let mut problems = Problems::default();
        let results = run_tests(root, file, &Limits::default(), &mut problems);
        assert!(problems.is_empty(), "{:#?}", problems.into_sorted());
        for result in results {
            cases += 1;
            assert!(result.failures.is_empty(), "{file}: {}\n{}", result.name, result.failures.join("\n"));
        }
    }
    assert!(cases >= 20, "{cases}");
}

#[test]
fn every_script_in_the_folder_is_shipped_and_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    for entry in std::fs::read_dir(root).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "lib" {
            continue;
        }
        let name = format!("scripts/{name}");
        assert!(shipped().iter().any(|(shipped, _)| *shipped == name), "{name}");
        if let Some(stem) = name.strip_suffix(".rhai") {
            assert!(shipped().iter().any(|(shipped, _)| *shipped == format!("{stem}.test.yaml")), "{name}");
        }
    }
}
