//! Reads a script and everything it imports, once, when the rules are compiled.
//!
//! `import "lib/text" as text;` means `scripts/lib/text.rhai` below the config's folder and
//! nothing else: no `..`, no absolute path, no link that leads out. A running script gets what
//! was read then; it does no IO.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rhai::{AST, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope};

use super::runner::Names;
use super::{Limits, fault};
use crate::problem::Problems;

/// The folder below the config's from which scripts may be imported.
const FOLDER: &str = "scripts";
/// How large a script's file may be.
const MAX_FILE: u64 = 256 << 10;

type Shared = rhai::Shared<Module>;

/// The imports of one script.
#[derive(Debug, Clone)]
pub(super) struct Loader(Arc<State>);

#[derive(Debug)]
struct State {
    root: PathBuf,
    limits: Limits,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// No more reading: the script is compiled.
    closed: bool,
    modules: HashMap<String, Shared>,
    /// What was read: names and texts.
    texts: Vec<(String, String)>,
    /// The functions that it defines and calls.
    names: Vec<Names>,
    /// What is being read right now, outermost first.
    opening: Vec<String>,
    failed: Vec<Failed>,
}

/// Why an import could not be had.
#[derive(Debug, Clone)]
struct Failed {
    path: String,
    /// The file the mistake stands in, if it is not the import itself.
    file: Option<(String, Option<(usize, usize)>)>,
    message: String,
    help: &'static str,
}

impl Loader {
    pub(super) fn new(root: &Path, limits: &Limits) -> Self {
        Self(Arc::new(State { root: root.to_owned(), limits: limits.clone(), inner: Mutex::default() }))
    }

    /// From now on only what was read is there. Reports what could not be read, and gives the
    /// names and texts of what could.
    pub(super) fn close(&self, file: &str, text: &str, problems: &mut Problems) -> Vec<(String, String)> {
        let mut inner = self.inner();
        inner.closed = true;
        for failed in inner.failed.drain(..) {
            let (file, at) = match failed.file {
                Some((file, at)) => (file, at),
                None => (file.to_owned(), import_at(text, &failed.path)),
            };
            problems.add(&file, at, failed.message).help(failed.help);
        }
        std::mem::take(&mut inner.texts)
    }

    /// The functions that the imports define and call. Asked for once.
    pub(super) fn names(&self) -> Vec<Names> {
        std::mem::take(&mut self.inner().names)
    }

    /// Did any import fail?
    pub(super) fn failed(&self) -> bool {
        !self.inner().failed.is_empty()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn load(&self, engine: &Engine, path: &str) -> Result<Shared, Failed> {
        {
            let mut inner = self.inner();
            if let Some(module) = inner.modules.get(path) {
                return Ok(module.clone());
            }
            if inner.opening.iter().any(|open| open == path) {
                return Err(Failed::at_import(
                    path,
                    format!("`{path}` imports itself, over {}", inner.opening.join(" and ")),
                    "move what both need into a third script",
                ));
            }
            inner.opening.push(path.to_owned());
        }
        let read = self.read(engine, path);
        let mut inner = self.inner();
        inner.opening.pop();
        let module = read?;
        inner.modules.insert(path.to_owned(), module.clone());
        Ok(module)
    }

    fn read(&self, engine: &Engine, path: &str) -> Result<Shared, Failed> {
        let (name, text) = self.text(path)?;
        let mut ast = engine.compile(&text).map_err(|error| Failed {
            path: path.to_owned(),
            file: Some((name.clone(), place(error.position()))),
            message: lower_first(&error.err_type().to_string()),
            help: fault::remedy(error.err_type()),
        })?;
        ast.set_source(name.as_str());
        let names = Names::of(&ast);
        let mut inner = self.inner();
        inner.texts.push((name.clone(), text));
        inner.names.push(names);
        drop(inner);
        self.module(engine, &ast, path, &name)
    }

    fn module(&self, engine: &Engine, ast: &AST, path: &str, name: &str) -> Result<Shared, Failed> {
        let before = self.inner().failed.len();
        match Module::eval_ast_as_new(Scope::new(), ast, engine) {
            Ok(mut module) => {
                module.set_id(name);
                module.build_index();
                Ok(module.into())
            }
            // An import inside the import has been noted already.
            Err(_) if self.inner().failed.len() > before => Err(Failed::known(path)),
            Err(error) => {
                let (error, file, at) = fault::innermost(error, name.to_owned(), Position::NONE);
                Err(Failed {
                    path: path.to_owned(),
                    file: Some((file, place(at))),
                    message: fault::worded(error, &self.0.limits),
                    help: "what stands outside functions runs when the script is read; keep it to constants",
                })
            }
        }
    }

    /// The file's name below the config's folder, and its text.
    fn text(&self, path: &str) -> Result<(String, String), Failed> {
        let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if path.is_empty() || !inside || path.contains(['\\', '\0']) {
            return Err(Failed::at_import(
                path,
                format!("could not import `{path}`: imports stay inside `{FOLDER}/`"),
                "write the path below `scripts/`, such as \"lib/text\"",
            ));
        }
        let name = format!("{FOLDER}/{}.rhai", path.trim_end_matches(".rhai"));
        let folder = self.0.root.join(FOLDER).canonicalize();
        let found = self.0.root.join(&name).canonicalize();
        let (Ok(folder), Ok(found)) = (folder, found) else {
            return Err(Failed::at_import(
                path,
                format!("could not import `{path}`: there is no file `{name}`"),
                "write the path below `scripts/`, without `.rhai`",
            ));
        };
        if !found.starts_with(&folder) {
            return Err(Failed::at_import(
                path,
                format!("could not import `{path}`: `{name}` is a link that leads out of `{FOLDER}/`"),
                "put the file itself there",
            ));
        }
        match read_file(&found) {
            Ok(text) => Ok((name, text)),
            Err(cause) => Err(Failed::at_import(
                path,
                format!("could not read `{name}`: {cause}"),
                "scripts are UTF-8 files of at most 256 KiB",
            )),
        }
    }
}

impl Failed {
    fn at_import(path: &str, message: String, help: &'static str) -> Self {
        Self { path: path.to_owned(), file: None, message, help }
    }

    /// Reported elsewhere.
    fn known(path: &str) -> Self {
        Self { path: path.to_owned(), file: None, message: String::new(), help: "" }
    }
}

impl ModuleResolver for Loader {
    fn resolve(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
        pos: Position,
    ) -> Result<Shared, Box<EvalAltResult>> {
        let missing = || EvalAltResult::ErrorModuleNotFound(path.to_owned(), pos).into();
        {
            let inner = self.inner();
            if inner.closed {
                return inner.modules.get(path).cloned().ok_or_else(missing);
            }
        }
        self.load(engine, path).map_err(|mut failed| {
            if failed.file.is_none()
                && let Some(source) = source
                && let Some(at) = place(pos)
            {
                failed.file = Some((source.to_owned(), Some(at)));
            }
            if !failed.message.is_empty() {
                self.inner().failed.push(failed);
            }
            missing()
        })
    }
}

/// A file's text, if it is small enough.
pub(super) fn read_file(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_FILE {
        return Err(format!("it has {size} bytes, more than {MAX_FILE}"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// Line and column, counted from 1.
pub(super) fn place(at: Position) -> Option<(usize, usize)> {
    at.line().map(|line| (line, at.position().unwrap_or(1)))
}

pub(super) fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// Where a script imports a path.
fn import_at(text: &str, path: &str) -> Option<(usize, usize)> {
    text.lines().enumerate().find_map(|(index, line)| {
        let import = line.find("import")?;
        let at = line.get(import..)?.find(path)?;
        Some((index + 1, line.get(..import + at)?.chars().count()))
    })
}
