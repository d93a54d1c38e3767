//! How refusals of routes are told: written once for all outcomes under the same rules, and kept as long as
//! one of them.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::super::draft::json;
use super::desk::{Desk, Fault};
use super::row::{from_json, unavailable};
use crate::model::Wordings;
use crate::store::StoreError;
use crate::store::kept::USED_FOR;

/// When those that are surely in the file were used, by id.
#[derive(Debug, Default)]
pub(super) struct Used(HashMap<String, i64>);

impl Used {
    /// Looks into the file again.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// Writes what the first outcome of a receipt refers to, unless that is done.
pub(super) fn write(desk: &mut Desk, all: &[Arc<Wordings>], received_at: i64) -> Result<(), Fault> {
    for wordings in all {
        let used_at = desk.wordings.0.get(&wordings.id);
        if used_at.is_none_or(|used_at| received_at > used_at.saturating_add(USED_FOR)) {
            put(desk, wordings, received_at)?;
            desk.wordings.0.insert(wordings.id.clone(), received_at);
        }
    }
    Ok(())
}

/// The same for an outcome in place of another.
pub(super) fn replace(desk: &mut Desk, all: &[Arc<Wordings>], receipt: i64) -> Result<(), Fault> {
    if all.is_empty() {
        return Ok(());
    }
    let received_at = desk
        .conn
        .prepare_cached("SELECT received_at FROM receipts WHERE seq = ?1")?
        .query_row([receipt], |row| row.get(0))?;
    write(desk, all, received_at)
}

fn put(desk: &Desk, wordings: &Wordings, used_at: i64) -> Result<(), Fault> {
    desk.execute(
        "INSERT INTO wordings (id, routes, used_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET used_at = max(used_at, excluded.used_at)",
        params![wordings.id, json(&wordings.routes)?, used_at],
    )?;
    Ok(())
}

/// Those of an id, if they are there.
pub(super) fn read(conn: &Connection, id: &str) -> Result<Option<Wordings>, StoreError> {
    let routes: Option<String> = conn
        .prepare_cached("SELECT routes FROM wordings WHERE id = ?1")
        .and_then(|mut select| select.query_row([id], |row| row.get(0)).optional())
        .map_err(unavailable)?;
    routes.map(|routes| Ok(Wordings { id: id.to_owned(), routes: from_json(&routes)? })).transpose()
}

/// Forgets those that no receipt refers to.
pub(super) fn purge(desk: &mut Desk, now: i64) -> Result<(), Fault> {
    let forgotten = desk.execute(
        "DELETE FROM wordings WHERE used_at < (SELECT coalesce(min(received_at), ?1) FROM receipts) - ?2",
        params![now, USED_FOR],
    )?;
    if forgotten > 0 {
        desk.wordings.forget();
    }
    Ok(())
}
