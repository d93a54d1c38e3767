//! `import`: webhooks and event rules that a CMDB exported, as a config.yaml.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;

use super::exit::{Exit, Mistakes, Usage};
use super::terminal;
use crate::import::{self, Export, Import, LARGEST_EXPORT, System, Wishes};
use crate::problem::Problems;
use crate::rules::Rules;

/// Bytes of what proves the sender until the operator sets a secret.
const RANDOM: usize = 32;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  crossconnect import netbox webhooks.json event-rules.json > config.yaml
  crossconnect import infrahub webhooks.json --dir gateway
  crossconnect import datagerry webhooks.json --source cmdb")]
pub struct Args {
    /// Whose exports these are
    #[arg(value_enum, value_name = "SYSTEM")]
    system: Name,
    /// What its API answered, as JSON; - for stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// What to call the source [default: the system's name]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Write config.yaml, and scripts to be filled in, into this folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long, requires = "dir")]
    force: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Name {
    // NetBox and Nautobot.
    Netbox,
    Infrahub,
    Datagerry,
}

impl From<Name> for System {
    fn from(name: Name) -> Self {
        match name {
            Name::Netbox => Self::Netbox,
            Name::Infrahub => Self::Infrahub,
            Name::Datagerry => Self::Datagerry,
        }
    }
}

/// Runs the command; 2 if there is a mistake in any of the files.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Exit> {
    let wishes = Wishes { source: args.source.clone(), random: random()?, with_scripts: args.dir.is_some() };
    let made = import::import(args.system.into(), &exports(&args.files)?, &wishes).map_err(Mistakes)?;
    let file = match &args.dir {
        Some(dir) => save(dir, &made, args.force)?,
        None => {
            out.write_all(made.config.as_bytes())?;
            "config.yaml".to_owned()
        }
    };
    tell(&made, &file, &mut io::stderr().lock())?;
    Ok(Exit::Done)
}

/// All files, or every reason why one could not be read.
fn exports(files: &[String]) -> Result<Vec<Export>, Mistakes> {
    let mut problems = Problems::default();
    let mut exports = Vec::new();
    for file in files {
        match read(file) {
            Ok(text) => exports.push(Export { file: file.clone(), text }),
            Err((why, help)) => problems.add(file, None, why).help(help),
        }
    }
    if problems.is_empty() { Ok(exports) } else { Err(Mistakes(problems.into_sorted())) }
}

type Wrong = (String, &'static str);

fn read(file: &str) -> Result<String, Wrong> {
    let most = LARGEST_EXPORT as u64 + 1;
    let mut bytes = Vec::new();
    let read = match file {
        "-" => io::stdin().lock().take(most).read_to_end(&mut bytes),
        _ => fs::File::open(file).and_then(|open| open.take(most).read_to_end(&mut bytes)),
    };
    let help = "name files that hold what the API answered";
    read.map_err(|error| (format!("could not read the export: {error}"), help))?;
    String::from_utf8(bytes).map_err(|error| match error.as_bytes().len() as u64 == most {
        true => (too_large(), "export webhooks and event rules alone"),
        false => {
            ("the export is not UTF-8".to_owned(), "save it as UTF-8; PowerShell: `Out-File -Encoding utf8`")
        }
    })
}

fn too_large() -> String {
    format!("the export is larger than {} MiB", LARGEST_EXPORT >> 20)
}

/// From the operating system, so that nobody can guess it.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0; RANDOM];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bytes).ok().context("could not get randomness from the system")?;
    Ok(hex::encode(bytes))
}

/// Writes everything, or nothing if a file is in the way. Gives the path of the config.
fn save(dir: &Path, made: &Import, force: bool) -> anyhow::Result<String> {
    let config = dir.join("config.yaml");
    let mut files = vec![(config.clone(), made.config.as_str())];
    for script in &made.scripts {
        files.push((dir.join(&script.path), script.text.as_str()));
        files.push((dir.join(&script.test_path), script.test.as_str()));
    }
    let taken: Vec<String> = files
        .iter()
        .filter(|(path, _)| path.symlink_metadata().is_ok())
        .map(|(path, _)| path.display().to_string())
        .collect();
    if !force && !taken.is_empty() {
        let which = taken.join(", ");
        return Err(Usage(format!("{which} would be replaced: name another folder, or say --force")).into());
    }
    for (path, text) in files {
        write(&path, text, force).with_context(|| format!("could not write {}", path.display()))?;
    }
    Ok(config.display().to_string())
}

/// The config holds a secret, so only its owner may read it.
fn write(path: &Path, text: &str, force: bool) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true);
    match force {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // One that was there keeps its mode.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

/// What is left to do, and what `check` would say right now.
fn tell(made: &Import, file: &str, err: &mut dyn Write) -> io::Result<()> {
    writeln!(err, "What is left to do:")?;
    for (index, point) in made.todo.iter().enumerate() {
        writeln!(err, "{:>3}. {}", index + 1, terminal::line(point))?;
    }
    if let Err(problems) = Rules::from_text(file, &made.config, &|_| None) {
        writeln!(err, "crossconnect check has something to say about it:")?;
        problems.iter().try_for_each(|problem| writeln!(err, "{problem}"))?;
    }
    Ok(())
}
