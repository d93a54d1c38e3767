//! `check`: every problem in config, adapters and scripts, or a summary of what is right.

use std::io::Write;

use crate::model::json;

use super::exit::{Exit, Mistakes, count};
use super::{ConfigFile, Output, http, print_json};
use crate::clock::{Clock as _, SystemClock};
use crate::problem::Problem;
use crate::rules::Rules;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  crossconnect check
  crossconnect check --config /etc/crossconnect/config.yaml --output json")]
pub struct Args {
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command; 2 if there is any problem.
pub fn run(args: &Args, config: &ConfigFile, out: &mut dyn Write) -> anyhow::Result<Exit> {
    match (valid(config), args.output) {
        (Ok(rules), Output::Table) => summary(config.name(), &rules, out)?,
        (Ok(rules), Output::Json) => print_json(out, &document(&rules))?,
        (Err(Mistakes(problems)), output) => {
            match output {
                Output::Table => list(&problems, out)?,
                Output::Json => print_json(out, &json!({"ok": false, "problems": documents(&problems)}))?,
            }
            return Ok(Exit::Wrong);
        }
    }
    Ok(Exit::Done)
}

/// The rules, unless there is any problem, now.
fn valid(config: &ConfigFile) -> Result<Rules, Mistakes> {
    let rules = config.load()?;
    let expired = rules.expired(SystemClock.now());
    if expired.is_empty() { Ok(rules) } else { Err(Mistakes(expired)) }
}

fn list(problems: &[Problem], out: &mut dyn Write) -> std::io::Result<()> {
    problems.iter().try_for_each(|problem| writeln!(out, "{problem}"))?;
    writeln!(out, "{}", count(problems.len()))
}

/// As `crossconnect check --output json` shows them.
fn documents(problems: &[Problem]) -> Vec<crate::model::Json> {
    problems
        .iter()
        .map(|problem| {
            json!({
                "file": problem.file,
                "line": problem.at.map(|at| at.0),
                "column": problem.at.map(|at| at.1),
                "message": problem.message,
                "help": problem.help,
            })
        })
        .collect()
}

fn summary(file: &str, rules: &Rules, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{file} is right (revision {})", rules.revision)?;
    let told = named(rules);
    for (what, names) in [
        ("sources", &told.sources),
        ("routes", &told.routes),
        ("destinations", &told.destinations),
        ("scripts", &told.scripts),
    ] {
        writeln!(out, "{what:<13} {:>3}  {}", names.len(), names.join(", "))?;
    }
    Ok(())
}

fn document(rules: &Rules) -> crate::model::Json {
    let told = named(rules);
    json!({
        "ok": true,
        "problems": [],
        "revision": rules.revision,
        "sources": told.sources,
        "routes": told.routes,
        "destinations": told.destinations,
        "scripts": told.scripts,
    })
}

/// The names of what was loaded.
struct Named {
    /// With the adapter.
    sources: Vec<String>,
    routes: Vec<String>,
    /// With the host; the path of a URL may be a secret.
    destinations: Vec<String>,
    scripts: Vec<String>,
}

fn named(rules: &Rules) -> Named {
    let config = &rules.config;
    let mut scripts: Vec<String> =
        rules.routes.iter().filter_map(|route| Some(route.script.as_ref()?.file.clone())).collect();
    scripts.sort_unstable();
    scripts.dedup();
    let destination = |to: &crate::config::Destination| {
        let host = to.url.origin().map_or_else(|| "{{ … }}".to_owned(), http::host);
        format!("{} ({host})", to.name)
    };
    Named {
        sources: config.sources.iter().map(|from| format!("{} ({})", from.name, from.adapter)).collect(),
        routes: rules.routes.iter().map(|route| route.name.to_string()).collect(),
        destinations: config.destinations.iter().map(destination).collect(),
        scripts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_listed_with_place_help_and_count() {
        let problem = Problem {
            file: "config.yaml".into(),
            at: Some((3, 5)),
            message: "unknown key sorces".into(),
            help: Some("did you mean sources?".into()),
        };
        let mut out = Vec::new();
        list(std::slice::from_ref(&problem), &mut out).unwrap();
        let expected = "config.yaml:3:5: unknown key sorces\n  help: did you mean sources?\n1 problem\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert_eq!(documents(&[problem])[0]["line"], 3);
    }
}
