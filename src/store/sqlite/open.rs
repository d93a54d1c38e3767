//! From a path to connections on a file that is surely ours, and ours alone. Overwrites nothing
//! that it does not know.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::migrate::{Identity, STEPS, identify, migrate};

/// Why a state file cannot be used. The text names the file; [`OpenError::help`] tells what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("could not create {file}: {cause}")]
    Create { file: PathBuf, cause: std::io::Error },
    #[error("the state {file} is in use by {holder}")]
    InUse { file: PathBuf, holder: String },
    #[error("{file} is no SQLite database")]
    NotADatabase { file: PathBuf },
    #[error("{file} is the database of another program")]
    Foreign { file: PathBuf },
    #[error("the state {file} has schema version {found}, and this release knows versions up to {known}")]
    Newer { file: PathBuf, found: usize, known: usize },
    #[error("the state {file} does not take the write-ahead log; its journal stays {mode:?}")]
    NoWal { file: PathBuf, mode: String },
    #[error("could not open the state {file}: {cause}")]
    Sqlite { file: PathBuf, cause: rusqlite::Error },
    #[error("could not start the threads of the state {file}: {cause}")]
    Threads { file: PathBuf, cause: std::io::Error },
}

impl OpenError {
    /// One sentence for the operator.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Create { .. } => {
                "let the gateway's user write to this folder, or choose another one in `state`"
            }
            Self::InUse { .. } => "stop the other process, or give this gateway a `state` of its own",
            Self::NotADatabase { .. } => {
                "nothing was changed; move the file away, or name another one in `state`"
            }
            Self::Foreign { .. } => "nothing was changed; name another file in `state`",
            Self::Newer { .. } => {
                "run the release that wrote it, or restore the state from before the upgrade"
            }
            Self::NoWal { .. } => "put the state on a local file system",
            Self::Sqlite { .. } => {
                "look whether the disk is full, the file damaged, or another program has it open"
            }
            Self::Threads { .. } => "raise the limit of threads of the gateway's user",
        }
    }
}

/// The connections of one open file.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) writer: Connection,
    pub(super) reader: Connection,
    /// For copying the log into the file.
    pub(super) beside: Connection,
    /// Held as long as the file is served.
    pub(super) lock: File,
}

/// Opens, creating or migrating where needed.
pub(super) fn open(file: &Path, busy_timeout: Duration, max_bytes: Option<u64>) -> Result<Opened, OpenError> {
    let created = |cause| OpenError::Create { file: file.to_owned(), cause };
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(created)?;
    }
    let lock = lock(file)?;
    // SQLite would create it readable for all.
    private(OpenOptions::new().append(true).create(true)).open(file).map_err(created)?;
    let mut writer = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE, busy_timeout)?;
    let version = match identify(&writer).map_err(|cause| refused(file, cause))? {
        Identity::Empty => 0,
        Identity::Ours(found) if found <= STEPS.len() => found,
        Identity::Ours(found) => {
            return Err(OpenError::Newer { file: file.to_owned(), found, known: STEPS.len() });
        }
        Identity::Foreign => return Err(OpenError::Foreign { file: file.to_owned() }),
    };
    prepare(&writer, file, max_bytes)?;
    migrate(&mut writer, version, STEPS).map_err(|cause| refused(file, cause))?;
    let reader = connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY, busy_timeout)?;
    let beside = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE, busy_timeout)?;
    Ok(Opened { writer, reader, beside, lock })
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// Takes the lock beside the file, for the life of the result. The lock file stays: deleting it
/// would let two processes lock two files of that name.
fn lock(file: &Path) -> Result<File, OpenError> {
    let mut name = file.as_os_str().to_owned();
    name.push(".lock");
    let path = PathBuf::from(name);
    let created = |cause| OpenError::Create { file: path.clone(), cause };
    let mut lock = private(OpenOptions::new().read(true).write(true).create(true).truncate(false))
        .open(&path)
        .map_err(created)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(OpenError::InUse { file: file.to_owned(), holder: holder(&mut lock) });
        }
        Err(TryLockError::Error(cause)) => return Err(created(cause)),
    }
    let note = |lock: &mut File| {
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())
    };
    note(&mut lock).map_err(created)?;
    Ok(lock)
}

/// Who wrote itself into the lock file.
fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    match lock.take(20).read_to_string(&mut text).map(|_| text.trim().parse::<u32>()) {
        Ok(Ok(process)) => format!("process {process}"),
        _ => "another process".into(),
    }
}

fn connect(file: &Path, mode: OpenFlags, busy_timeout: Duration) -> Result<Connection, OpenError> {
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let setup = || {
        let conn = Connection::open_with_flags(file, flags)?;
        conn.set_prepared_statement_cache_capacity(128);
        conn.busy_timeout(busy_timeout)?;
        stabilise(&conn)?;
        Ok(conn)
    };
    setup().map_err(|cause| refused(file, cause))
}

/// Plans follow from the text of a statement alone. Otherwise some are made anew on every run, in the
/// hope that a value that is bound allows a partial index.
pub(super) fn stabilise(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// `FULL`, because in this mode anything less may lose a commit when the power fails. The cache is small,
/// because commits look through all of it; what a batch changes may outgrow it.
fn prepare(conn: &Connection, file: &Path, max_bytes: Option<u64>) -> Result<(), OpenError> {
    let setup = || {
        let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        conn.execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8000;
             PRAGMA cache_spill = 8000;
             PRAGMA journal_size_limit = 67108864;
             PRAGMA trusted_schema = OFF;",
        )?;
        if let Some(bytes) = max_bytes {
            let page: u64 =
                conn.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))?.cast_unsigned();
            let pages = (bytes / page.max(1)).clamp(1, u64::from(u32::MAX) - 1);
            conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
        }
        Ok(mode)
    };
    let mode = setup().map_err(|cause| refused(file, cause))?;
    if mode == "wal" { Ok(()) } else { Err(OpenError::NoWal { file: file.to_owned(), mode }) }
}

fn refused(file: &Path, cause: rusqlite::Error) -> OpenError {
    let file = file.to_owned();
    match cause.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase { file },
        _ => OpenError::Sqlite { file, cause },
    }
}
