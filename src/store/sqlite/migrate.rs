//! The schema's steps. A file has all steps up to its version, or none of a step.

use rusqlite::Connection;

/// `CRCN`, so that `file` and others can tell whose database it is.
pub(super) const APPLICATION_ID: i32 = 0x4352_434E;

/// Step n makes version n of version n - 1. A released step is never changed.
pub(super) const STEPS: &[&str] = &[
    include_str!("../schema.sql"),
    include_str!("../schema_2.sql"),
    include_str!("../schema_3.sql"),
    include_str!("../schema_4.sql"),
];

/// What a file is, as far as its header tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Identity {
    Empty,
    /// Ours, of that version.
    Ours(usize),
    /// Somebody else's.
    Foreign,
}

/// Looks without writing.
pub(super) fn identify(conn: &Connection) -> rusqlite::Result<Identity> {
    let number = |pragma: &str| conn.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let things: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (application, usize::try_from(version)) {
        (0, Ok(0)) if things == 0 => Identity::Empty,
        (APPLICATION_ID, Ok(version)) => Identity::Ours(version),
        _ => Identity::Foreign,
    })
}

/// Takes the steps beyond `version`, each in a transaction of its own.
pub(super) fn migrate(conn: &mut Connection, version: usize, steps: &[&str]) -> rusqlite::Result<()> {
    for (step, sql) in steps.iter().enumerate().skip(version) {
        let step = step + 1;
        let transaction = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", step as i64)?;
        transaction.commit()?;
        tracing::info!(step, "the state store's schema was brought to this version");
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// How the newest schema would answer a statement.
    pub(in super::super) fn plan(sql: &str) -> String {
        let mut conn = Connection::open_in_memory().unwrap();
        super::super::open::stabilise(&conn).unwrap();
        migrate(&mut conn, 0, STEPS).unwrap();
        let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = explain.raw_query();
        let mut plan = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            plan.push(row.get::<_, String>("detail").unwrap());
        }
        plan.join("\n")
    }

    const ONE: &str = "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1);";
    const TWO: &str = "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1;";
    const BROKEN: &str = "UPDATE a SET y = 9; ALTER TABLE nowhere ADD COLUMN z INTEGER;";

    #[test]
    fn an_older_file_takes_only_the_steps_it_lacks() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn, 0, &[ONE]).unwrap();
        assert_eq!(identify(&conn).unwrap(), Identity::Ours(1));
        migrate(&mut conn, 1, &[ONE, TWO]).unwrap();
        assert_eq!(identify(&conn).unwrap(), Identity::Ours(2));
        assert_eq!(y(&conn), 2);
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_at_the_version_before() {
        let mut conn = Connection::open_in_memory().unwrap();
        assert!(migrate(&mut conn, 0, &[ONE, TWO, BROKEN]).is_err());
        assert_eq!(identify(&conn).unwrap(), Identity::Ours(2));
        assert_eq!(y(&conn), 2, "what the broken step had written is undone");
    }

    #[test]
    fn the_real_steps_make_an_empty_file_ours() {
        let mut conn = Connection::open_in_memory().unwrap();
        assert_eq!(identify(&conn).unwrap(), Identity::Empty);
        migrate(&mut conn, 0, STEPS).unwrap();
        assert_eq!(identify(&conn).unwrap(), Identity::Ours(STEPS.len()));
    }

    fn y(conn: &Connection) -> i64 {
        conn.query_row("SELECT y FROM a", [], |row| row.get(0)).unwrap()
    }
}
