//! The pure middle: reading, mapping, matching, scripts, formats.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossconnect::adapter::{self, Adapter, Settings};
use crossconnect::format::{Format, Kinds};
use crossconnect::json::{self, NonFinite};
use crossconnect::model::Timestamp;
use crossconnect::problem::Problems;
use crossconnect::route::Asked;
use crossconnect::script::{Limits, Script, Verdict, shipped};

use super::captured::{body, body_of, event, received, rules};
use super::piece::Piece;

/// An adapter that looks for nothing but changes, and one that does not even do that.
const CHANGES: &str = "events: [{type: bench.event, changes: {diff: {before: $.snapshots.prechange, after: $.snapshots.postchange}}}]";
const NOTHING: &str = "events: [{type: bench.event}]";

pub fn parse() -> impl Iterator<Item = Piece> {
    let ours = Piece::same("parse", || {
        let body = body();
        move || json::parse(&body, NonFinite::Refuse).unwrap().value
    });
    let theirs = Piece::same("parse, by serde_json alone", || {
        let body = body();
        move || serde_json::from_slice::<serde_json::Value>(&body).unwrap()
    });
    [ours, theirs].into_iter()
}

pub fn normalise() -> impl Iterator<Item = Piece> {
    adapter::shipped_names().map(|sender| {
        Piece::using(format!("normalise {sender}"), move || {
            let source = rules("netbox", 1).sources["netbox"].clone();
            let (receipt, _) = received(&source, body());
            let (adapter, document) = (shipped_adapter(sender), document(sender));
            let step = move |document| adapter.normalise(&Settings::default(), &receipt, document).unwrap();
            (document, step)
        })
    })
}

pub fn changes() -> impl Iterator<Item = Piece> {
    [("changes", CHANGES), ("changes, without any", NOTHING)].into_iter().map(|(name, text)| {
        Piece::using(name, move || {
            let adapter = compiled(Adapter::compile("adapters/bench.yaml", text, &mut Problems::default()));
            let (_, receipt) = event();
            let step = move |document| adapter.normalise(&Settings::default(), &receipt, document).unwrap();
            (document("netbox"), step)
        })
    })
}

fn document(sender: &str) -> crossconnect::model::Json {
    json::parse(&body_of(sender), NonFinite::AsNull).unwrap().value
}

fn shipped_adapter(name: &str) -> Adapter {
    let (file, text) = adapter::shipped(name).unwrap();
    compiled(Adapter::compile(file, text, &mut Problems::default()))
}

fn compiled<T>(found: Option<T>) -> T {
    found.expect("a shipped file does not compile; `crossconnect check` tells why")
}

/// All routes are asked about one event.
pub fn matching() -> impl Iterator<Item = Piece> {
    [1, 500].into_iter().map(|routes| {
        Piece::same(format!("match over {routes} routes"), move || {
            let (rules, (event, _)) = (rules("netbox", routes), event());
            move || {
                let (answer, asked) = (rules.roster.ask(&event, None), Asked::about(&event));
                let said = rules.routes.iter().zip(&answer.said);
                let wanted =
                    said.filter(|(route, said)| said.is_none() && route.matches.check_set(&asked).is_ok());
                assert_eq!(wanted.count(), 1);
                answer.refused()
            }
        })
    })
}

/// `filter`, then `transform`.
pub fn scripts() -> impl Iterator<Item = Piece> {
    let files = shipped().iter().map(|(file, _)| *file);
    let files = files.filter(|file| file.ends_with(".rhai") && !file.starts_with("scripts/lib/"));
    let named = files.map(|file| {
        let name = file.trim_start_matches("scripts/").trim_end_matches(".rhai");
        scripted(format!("script {name}"), move || script(Path::new(env!("CARGO_MANIFEST_DIR")), file))
    });
    let nothing = scripted("script that does nothing".to_owned(), || {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("s.rhai"), "fn filter(event) { true }").unwrap();
        script(folder.path(), "s.rhai")
    });
    named.chain([nothing])
}

fn scripted(name: String, script: impl Fn() -> Script + 'static) -> Piece {
    Piece::same(name, move || {
        let (script, (event, _)) = (script(), event());
        // Scripts that ask for a lookup find the device itself.
        let found = Arc::new(serde_json::json!({ "device": event.data }).into());
        let first = script.run_with(&event, Some(&found), Timestamp::UNIX_EPOCH).unwrap();
        let says = matches!(first, Verdict::Messages(_));
        assert_eq!(says, script.transforms(), "the script has nothing to do with the event");
        move || script.run_with(&event, Some(&found), Timestamp::UNIX_EPOCH).unwrap()
    })
}

fn script(root: &Path, file: &str) -> Script {
    // Where instructions are counted, a run takes fifty times as long.
    let limits = Limits { wall_clock: Duration::from_secs(60), ..Limits::default() };
    compiled(Script::compile(root, file, &limits, &mut Problems::default()))
}

pub fn formats() -> impl Iterator<Item = Piece> {
    Format::ALL.into_iter().map(|(name, format)| {
        Piece::same(format!("format {name}"), move || {
            let ((event, receipt), kinds) = (event(), Kinds::new());
            move || format.render(&event, &receipt, &kinds).unwrap()
        })
    })
}
