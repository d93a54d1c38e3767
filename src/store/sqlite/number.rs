//! Numbers of rows whose order means something. A number that retention freed is not used again as
//! long as something that is left compares itself with it.

use rusqlite::Connection;

/// The last ones given.
#[derive(Debug)]
pub(super) struct Numbers {
    receipt: i64,
    place: i64,
}

impl Numbers {
    /// Continues behind everything that the file has.
    pub(super) fn read(conn: &Connection) -> rusqlite::Result<Self> {
        let last = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
        Ok(Self {
            receipt: last(
                "SELECT max(coalesce((SELECT max(seq) FROM receipts), 0),
                    coalesce((SELECT max(receipt) FROM newest), 0))",
            )?,
            place: last(
                "SELECT max(coalesce((SELECT max(seq) FROM deliveries), 0),
                    coalesce((SELECT max(place) FROM held), 0))",
            )?,
        })
    }

    /// For a new receipt.
    pub(super) fn receipt(&mut self) -> i64 {
        self.receipt += 1;
        self.receipt
    }

    /// For a new delivery, or a place that is held: the end of every lane.
    pub(super) fn place(&mut self) -> i64 {
        self.place += 1;
        self.place
    }
}
