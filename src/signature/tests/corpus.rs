use serde_json::Value;

use super::*;
use crate::signature::Variant;

/// All captured records of the files whose names begin so.
fn records(prefix: &str) -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/corpus");
    let mut records = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with(prefix) && name.ends_with(".jsonl") {
            let text = std::fs::read_to_string(path).unwrap();
            records.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
    }
    assert!(records.len() > 50);
    records
}

fn verdict(record: &Value, scheme: Scheme, variants: &[Variant]) -> Option<Result<Proof, Refusal>> {
    use base64::Engine as _;
    let body = record["body_base64"].as_str()?;
    let body = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    let pairs = record["headers"].as_array()?.iter();
    let pairs = pairs.map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()));
    let clock = record["clock"].as_f64().or_else(|| record["captured_at"].as_f64())?;
    let mut verifier = verifier(scheme, &["another", record["secret"].as_str()?]);
    verifier.variants = variants.to_vec();
    Some(verifier.verify(&headers(pairs), &body, at(clock as i64)))
}

fn lists(value: &Value, what: &str) -> bool {
    value.as_array().is_some_and(|items| items.iter().any(|item| item == what))
}

fn may_be_200(expect: &Value) -> bool {
    expect["status_in"].as_array().unwrap().iter().any(|status| *status == 200)
}

#[test]
fn every_signed_infrahub_capture_is_proved_by_the_text_its_release_signed() {
    let mut proved = 0;
    for record in records("infrahub").iter().filter(|record| record["scenario"] != "negative") {
        let expect = &record["expect"];
        let over = &expect["signature_reproducible_by"];
        let Some(strict) = verdict(record, Scheme::Infrahub, &[]) else { continue };
        assert_eq!(strict.is_ok(), lists(over, "raw_body"), "{}", record["name"]);
        let proof = verdict(record, Scheme::Infrahub, &Variant::ALL).unwrap();
        if expect["signed"] == false {
            assert!(proof.is_err(), "{}", record["name"]);
            continue;
        }
        let variant = proof.unwrap_or_else(|refusal| panic!("{} {refusal}", record["name"])).variant;
        let name = match variant.as_deref().unwrap() {
            "raw" => "raw_body",
            "python_json" => "python_json_dumps",
            "python_json_compact" => "python_json_dumps_compact_ascii",
            "python_str" => "python_str_dict",
            _ => {
                assert_eq!(record["body_base64"], "");
                "python_json_dumps"
            }
        };
        assert!(lists(over, name), "{} {name}", record["name"]);
        proved += 1;
    }
    assert!(proved > 60);
}

#[test]
fn infrahub_cases_that_must_fail_fail_strictly_and_with_variants() {
    for record in records("infrahub-negative") {
        let expect = &record["expect"];
        let name = record["name"].as_str().unwrap();
        let Some(strict) = verdict(&record, Scheme::Infrahub, &[]) else { continue };
        let with_variants = verdict(&record, Scheme::Infrahub, &Variant::ALL).unwrap();
        // A right signature over a bad body: what follows refuses it.
        let signed = name.contains("-signed-") && !name.ends_with("-signed-empty-body");
        let accepted = name.ends_with("-many-sigs") || name.ends_with("-signed-empty-body");
        if accepted {
            continue;
        }
        assert_eq!(strict.is_ok(), signed || may_be_200(expect), "{name} {strict:?}");
        let expected = strict.is_ok() || expect["with_compatibility_mode"] == "accept";
        assert_eq!(with_variants.is_ok(), expected, "{name} {with_variants:?}");
    }
}

#[test]
fn every_netbox_capture_is_proved_or_refused_as_expected() {
    let mut proved = 0;
    for record in records("netbox") {
        let expect = &record["expect"];
        let name = record["name"].as_str().unwrap();
        let other_reason = ["-unknown-path", "-deflate-content-encoding", "-unsigned-not-allowed"];
        if record.get("body_generator").is_some() || other_reason.iter().any(|end| name.ends_with(end)) {
            continue;
        }
        let Some(verdict) = verdict(&record, Scheme::Netbox, &[]) else { continue };
        let expected = match record["scenario"] == "negative" {
            true => name.contains("-signed-") || may_be_200(expect),
            false => expect["signature_valid_over_raw_body"] == true,
        };
        assert_eq!(verdict.is_ok(), expected, "{name} {verdict:?}");
        proved += usize::from(expected);
    }
    assert!(proved > 300);
}
