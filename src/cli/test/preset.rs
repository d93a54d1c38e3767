//! The tests of presets: an event goes through a destination made of the preset and its example,
//! by the code that sends it.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::Ran;
use crate::egress;
use crate::model::{Event, Json, Map, Proof, Receipt, ReceiptId, Request, Sealed, json};
use crate::pipeline;
use crate::preset::{self, Given, Sent, Trials};
use crate::problem::{Problem, Problems};
use crate::rules::Rules;

/// Where a preset's destination sends if neither it nor its example says so.
const NOWHERE: &str = "https://receiver.example/";

/// The tests of all presets, the operator's own and the shipped ones.
pub(super) fn run(dir: &Path, problems: &mut Problems) -> Vec<Ran> {
    preset::names(dir).iter().flat_map(|name| of(dir, name, problems)).collect()
}

/// A preset with mistakes is not run.
fn of(dir: &Path, name: &str, problems: &mut Problems) -> Vec<Ran> {
    let file = match preset::find(dir, name) {
        Ok(Some(file)) => file,
        Ok(None) => return Vec::new(),
        Err(why) => {
            problems.add(&format!("presets/{name}.yaml"), None, why);
            return Vec::new();
        }
    };
    let before = problems.len();
    let Some(Trials { example, trials }) = Trials::read(&file.label, &file.text, problems) else {
        return Vec::new();
    };
    if let Err(found) = destination(dir, name, &example, &json!({})) {
        found.into_iter().for_each(|problem| hand_on(problem, &file.label, problems));
    }
    if problems.len() > before {
        return Vec::new();
    }
    let ran = |trial: &preset::Trial| Ran {
        name: format!("preset {name}: {}", trial.name),
        failures: trial.failures(&sent(dir, name, &example, trial)),
    };
    trials.iter().map(ran).collect()
}

/// Mistakes beyond the preset's own file are its example's.
fn hand_on(problem: Problem, file: &str, problems: &mut Problems) {
    let at = problem.at.filter(|_| problem.file == file);
    problems.add(file, at, problem.message).help = problem.help;
}

/// What would leave for the event of a test.
fn sent(dir: &Path, name: &str, example: &Json, trial: &preset::Trial) -> Result<Sent, String> {
    let rules = destination(dir, name, example, &trial.with)
        .map_err(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let (made, now) = match &trial.given {
        Given::Event(event) => {
            let route = rules.routes.first().ok_or("there is no route")?;
            let receipt = receipt(event);
            (pipeline::deliveries(route, event, &receipt, receipt.received_at), receipt.received_at)
        }
        Given::Batch(batch) => match pipeline::seal(&rules, batch, batch.opened_at) {
            Sealed::Sent(made) => (Ok(made), batch.opened_at),
            Sealed::Dropped(_) => return Err("the batch was dropped".to_owned()),
            Sealed::Failed(failure) => (Err(failure), batch.opened_at),
        },
    };
    let made =
        made.map_err(|failure| format!("{} ({})", failure.message, failure.place.unwrap_or_default()))?;
    let (Some(delivery), Some(to)) = (made.first(), rules.destinations.values().next()) else {
        return Err("nothing would leave".to_owned());
    };
    let preview = egress::preview(to, delivery, now).map_err(|failure| failure.error)?;
    Ok(Sent { method: preview.method, url: preview.url, headers: preview.headers, body: preview.body })
}

/// Rules with one destination: the preset, its example, and keys instead of those.
fn destination(dir: &Path, name: &str, example: &Json, with: &Json) -> Result<Rules, Vec<Problem>> {
    let config = |destination: Map| {
        let config = json!({
            "egress": {"allow": ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]},
            "sources": {"test": {"adapter": "generic", "open": true}},
            "destinations": {"test": destination},
            "routes": [{"name": preset::ROUTE, "to": "test"}],
        });
        let file = dir.join("config.yaml").to_string_lossy().into_owned();
        Rules::from_text(&file, &config.to_string(), &|name| Some(variable(name)))
    };
    let mut own = Map::from_iter([("preset".to_owned(), json!(name))]);
    for keys in [example, with] {
        own.extend(keys.as_object().cloned().unwrap_or_default());
    }
    let mut elsewhere = own.clone();
    elsewhere.get_or_insert_with("url", || json!(NOWHERE));
    // Only where nothing else is wrong, a missing URL is.
    config(own).or_else(|_| config(elsewhere))
}

/// What a variable of an example holds: its own name, as a URL where it is called so.
fn variable(name: &str) -> String {
    let name = name.to_lowercase();
    if name.ends_with("_url") { format!("{NOWHERE}{name}") } else { name }
}

fn receipt(event: &Event) -> Receipt {
    let now = event.received_at;
    Receipt {
        id: ReceiptId::new(now),
        source: Arc::from("test"),
        received_at: now,
        request: Request::default(),
        body: Bytes::from(event.native.to_string()),
        dedupe: None,
        proof: Proof { scheme: "open".to_owned(), variant: None, secret: None },
        notes: Vec::new(),
        masked: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(files: &[(&str, &str)]) -> (Vec<Ran>, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("presets")).unwrap();
        for (file, text) in files {
            std::fs::write(dir.path().join("presets").join(file), text).unwrap();
        }
        let mut problems = Problems::default();
        let mut ran = run(dir.path(), &mut problems);
        ran.retain(|test| files.is_empty() || test.name.starts_with("preset own"));
        (ran, problems.into_sorted().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_shipped_preset_has_tests_and_passes_them() {
        let (ran, problems) = ran(&[]);
        assert_eq!(problems, [""; 0]);
        for test in &ran {
            assert!(test.failures.is_empty(), "{}\n{}", test.name, test.failures.join("\n"));
        }
        for name in preset::names(Path::new("/nowhere")) {
            let count = ran.iter().filter(|test| test.name.starts_with(&format!("preset {name}: "))).count();
            assert!(count >= 3, "{name} has {count} tests");
        }
    }

    #[test]
    fn a_test_that_fails_shows_what_differs() {
        let own = "destination: { sign: none, method: PUT, body_template: '{\"n\": {{ e.object.name | tojson }}}' }\n\
                   tests:\n- { name: wrong, event: { object: { name: a } }, expect: { body: { n: b } } }\n\
                   - { name: right, expect: { method: PUT, url: 'https://receiver.example/' } }\n";
        let (ran, problems) = ran(&[("own.yaml", own)]);
        assert_eq!(problems, [""; 0]);
        assert_eq!(ran[0].name, "preset own: wrong");
        assert!(ran[0].failures[0].contains("-  \"n\": \"b\"\n+  \"n\": \"a\""), "{:?}", ran[0].failures);
        assert!(ran[1].failures.is_empty(), "{:?}", ran[1].failures);
    }

    #[test]
    fn the_preset_in_the_documentation_passes_its_tests() {
        let page = include_str!("../../../docs/presets.md");
        let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let own: Vec<&str> = blocks.filter(|block| block.contains("\ntests:")).collect();
        let (ran, problems) = ran(&[("own.yaml", own[0])]);
        assert_eq!(problems, [""; 0]);
        let failures: Vec<&String> = ran.iter().flat_map(|test| &test.failures).collect();
        assert!(ran.len() == 2 && failures.is_empty(), "{failures:?}");
    }

    #[test]
    fn mistakes_in_a_preset_or_its_tests_are_problems_of_its_file() {
        let (ran, problems) = ran(&[
            ("own-1.yaml", "destination: { sign: none, metod: PUT }\n"),
            ("own-2.yaml", "destination: { sign: none }\ntests:\n- { name: a, expct: {} }\n"),
            ("own-3.yaml", "destination: { sign: none }\nexample: { retry: often }\n"),
        ]);
        assert!(ran.is_empty(), "{ran:?}");
        let told = |file: &str, what: &str| {
            problems.iter().any(|problem| problem.contains(file) && problem.contains(what))
        };
        assert!(told("own-1.yaml:1:28", "unknown key `destination.metod`"), "{problems:#?}");
        assert!(told("own-2.yaml:3:14", "unknown key `tests.expct`"), "{problems:#?}");
        assert!(told("own-3.yaml:1:1", "`destinations.test.retry` must be"), "{problems:#?}");
    }
}
