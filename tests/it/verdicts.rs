//! Every captured request gets the verdict that its record expects, over real HTTP.

use bytes::Bytes;
use crossconnect::model::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha512;

use crate::corpus::{self, Record};
use crate::world::World;

const CONFIG: &str = r#"
sources:
  netbox: { adapter: netbox, secrets: [netbox-s3cret] }
  netbox-u: { adapter: netbox, secrets: [another, netbox-s3cret-Ω] }
  netbox-get: { adapter: netbox, secrets: [netbox-s3cret] }
  netbox-put: { adapter: netbox, secrets: [netbox-s3cret] }
  netbox-patch: { adapter: netbox, secrets: [netbox-s3cret] }
  netbox-cond: { adapter: netbox, secrets: [netbox-s3cret] }
  netbox-tpl: { adapter: netbox, secrets: [netbox-s3cret], templated: true }
  netbox-txt: { adapter: netbox, secrets: [netbox-s3cret], templated: true }
  netbox-unsigned: { adapter: netbox, open: true }
  infrahub: { adapter: infrahub, secrets: [infrahub-s3cret, infrahub-gehéim-Ω] }
  infrahub-strict: { adapter: infrahub, secrets: [infrahub-s3cret, infrahub-gehéim-Ω], variants: false }
  infrahub-unsigned: { adapter: infrahub, open: true }
  datagerry: { adapter: datagerry, open: true }
  datagerry-signed: { adapter: datagerry, secrets: [x], sign: { scheme: netbox } }
"#;

/// The sources to send a record to, each with the statuses that are right there.
fn cases(record: &Record) -> Vec<(String, Vec<u16>)> {
    let path = record.text("path").split('?').next().unwrap();
    let source = path.strip_prefix("/hooks/").unwrap().split('/').next().unwrap();
    let verdict = record.expect("verdict").as_str().unwrap_or("");
    let statuses = record.expect("status_in").as_array().map(|list| {
        // 202 and 204 are right for other gateways; ours always says 200.
        list.iter().filter_map(Value::as_u64).filter(|code| *code != 202 && *code != 204).collect::<Vec<_>>()
    });
    let of = |list: &[u64]| list.iter().map(|code| u16::try_from(*code).unwrap()).collect::<Vec<u16>>();
    if record.json["source_config"] == "signature required" {
        return vec![(path.replace(source, "datagerry-signed"), of(&statuses.unwrap()))];
    }
    let compatible = record.expect("verdict_with_compatibility_mode") == "accept"
        || record.expect("with_compatibility_mode") == "accept";
    if compatible {
        return vec![
            (path.to_owned(), vec![200]),
            (path.replace(source, "infrahub-strict"), of(&statuses.unwrap_or(vec![401]))),
        ];
    }
    if verdict.starts_with("accept if the source is configured as unsigned") {
        return match source {
            "netbox-unsigned" => {
                vec![(path.to_owned(), vec![200]), (path.replace(source, "netbox"), vec![401])]
            }
            "infrahub" => {
                vec![(path.to_owned(), vec![401]), (path.replace(source, "infrahub-unsigned"), vec![200])]
            }
            _ => vec![(path.to_owned(), vec![200])],
        };
    }
    let wanted = statuses.map_or(vec![200], |list| of(&list));
    let mut cases = vec![(path.to_owned(), wanted.clone())];
    if source == "infrahub" {
        cases.push((path.replace(source, "infrahub-strict"), wanted));
    }
    cases
}

/// The body, and for generated ones the signature that goes with it.
fn body(record: &Record, headers: &mut [(String, String)]) -> Bytes {
    let generator = &record.json["body_generator"];
    if !generator.is_object() {
        return Bytes::from(record.body.clone());
    }
    let (prefix, suffix) = (generator["prefix"].as_str().unwrap(), generator["suffix"].as_str().unwrap());
    let total = usize::try_from(generator["total_length"].as_u64().unwrap()).unwrap();
    let fill = generator["fill"].as_str().unwrap().repeat(total - prefix.len() - suffix.len());
    let body = Bytes::from(format!("{prefix}{fill}{suffix}"));
    for (_, value) in headers.iter_mut().filter(|(_, value)| value == "@computed-at-test-time") {
        let mut mac = Hmac::<Sha512>::new_from_slice(record.text("secret").as_bytes()).unwrap();
        mac.update(&body);
        *value = hex::encode(mac.finalize().into_bytes());
    }
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_captured_request_gets_the_verdict_its_record_expects() {
    let world = World::start(CONFIG).await;
    let mut wrong = Vec::new();
    let mut sent = 0;
    for record in corpus::all() {
        let second = Timestamp::from_millisecond((record.clock() * 1000.0) as i64).unwrap();
        world.clock.set(second);
        for (path, wanted) in cases(&record) {
            let mut headers = record.headers();
            let body = body(&record, &mut headers);
            let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let answer = world.send(record.text("method"), &path, &headers, body).await;
            sent += 1;
            if !wanted.contains(&answer.status) {
                wrong.push(format!(
                    "{} at {path}: {} {}, not {wanted:?}",
                    record.name(),
                    answer.status,
                    answer.body
                ));
            }
        }
    }
    assert!(sent > 700, "only {sent} requests were made of the corpus");
    assert!(wrong.is_empty(), "{} of {sent} wrong:\n{}", wrong.len(), wrong.join("\n"));
    world.finish().await;
}
