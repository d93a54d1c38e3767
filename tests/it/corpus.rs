//! The captured webhooks, and what is expected of each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// One captured (or derived) request.
#[derive(Debug, Clone)]
pub struct Record {
    pub json: Value,
    pub body: Vec<u8>,
}

impl Record {
    pub fn text(&self, key: &str) -> &str {
        self.json[key].as_str().unwrap_or("")
    }

    pub fn name(&self) -> &str {
        self.text("name")
    }

    pub fn expect(&self, key: &str) -> &Value {
        &self.json["expect"][key]
    }

    /// Header lines, without those a client makes itself.
    pub fn headers(&self) -> Vec<(String, String)> {
        let lines = self.json["headers"].as_array().unwrap().iter();
        lines
            .map(|line| (line[0].as_str().unwrap().to_owned(), line[1].as_str().unwrap().to_owned()))
            .filter(|(name, _)| {
                !["host", "content-length", "connection", "accept-encoding"]
                    .contains(&name.to_ascii_lowercase().as_str())
            })
            .collect()
    }

    /// When it was sent, in Unix seconds.
    pub fn clock(&self) -> f64 {
        self.json["clock"].as_f64().or(self.json["captured_at"].as_f64()).unwrap()
    }
}

/// All records of all files, by file name.
pub fn all() -> Vec<Record> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/corpus");
    let mut files: Vec<_> = std::fs::read_dir(std::env::var("CROSSCONNECT_CORPUS").unwrap_or(dir.to_owned()))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    files.sort();
    let texts = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
    texts.flat_map(|text| text.lines().map(record).collect::<Vec<_>>()).collect()
}

fn record(line: &str) -> Record {
    let json: Value = serde_json::from_str(line).unwrap();
    let body = STANDARD.decode(json["body_base64"].as_str().unwrap_or("")).unwrap();
    Record { json, body }
}
