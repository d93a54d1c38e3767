//! The order inside a lane, as one mark: `ready` is set on its head, unless an older place in the
//! lane is held, and on nothing else. Deliveries without a lane are always ready.

use rusqlite::{OptionalExtension, params};

use super::desk::{Desk, Fault};

/// Whether a delivery that comes to `?3` of lane `?2` of `?1` is ready there.
pub(super) const IS_READY: &str = "(?2 IS NULL OR (
    NOT EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_lane WHERE destination = ?1 AND lane = ?2
        AND lane IS NOT NULL AND state = 'pending' AND place <= ?3)
    AND NOT EXISTS (SELECT 1 FROM held WHERE destination = ?1 AND lane = ?2 AND place < ?3)))";

const OLDEST: &str = "SELECT seq FROM deliveries INDEXED BY deliveries_lane
     WHERE destination = ?1 AND lane = ?2 AND lane IS NOT NULL AND state = 'pending'
     ORDER BY place, seq LIMIT 1";

const PROMOTE: &str = "UPDATE deliveries SET ready = 1 WHERE ready = 0 AND seq = ?3
     AND NOT EXISTS (SELECT 1 FROM held
        WHERE held.destination = ?1 AND held.lane = ?2 AND held.place < deliveries.place)";

/// The head of a lane and the one behind it: there was at most one head, and now at most one before it.
const DEMOTE: &str = "UPDATE deliveries SET ready = 0 WHERE ready = 1 AND seq IN (
        SELECT seq FROM deliveries INDEXED BY deliveries_lane
        WHERE destination = ?1 AND lane = ?2 AND lane IS NOT NULL AND state = 'pending'
        ORDER BY place, seq LIMIT 2)";

/// Makes the oldest pending delivery of the lane its head, if nothing older is held. `false`: there is none.
pub(super) fn promote(desk: &Desk, destination: &str, lane: Option<&str>) -> Result<bool, Fault> {
    let Some(lane) = lane else { return Ok(false) };
    let oldest: Option<i64> =
        desk.conn.prepare_cached(OLDEST)?.query_row([destination, lane], |row| row.get(0)).optional()?;
    if let Some(oldest) = oldest {
        desk.execute(PROMOTE, params![destination, lane, oldest])?;
    }
    Ok(oldest.is_some())
}

/// Sorts a lane in which a delivery is pending again: those behind it wait. Which are behind is a
/// matter of the lane's order only.
pub(super) fn rearrange(desk: &Desk, destination: &str, lane: Option<&str>) -> Result<(), Fault> {
    if lane.is_some() {
        desk.execute(DEMOTE, params![destination, lane])?;
    }
    promote(desk, destination, lane).map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::migrate::tests::plan;
    use super::*;

    #[test]
    fn a_lane_is_found_by_its_index_however_much_waits_in_others() {
        let lane = "deliveries USING COVERING INDEX deliveries_lane (destination=? AND lane=?";
        let held = "held USING COVERING INDEX held_lane (destination=? AND lane=? AND place<?)";
        let ready = format!("SELECT {IS_READY}");
        for (sql, index) in [(OLDEST, lane), (PROMOTE, held), (DEMOTE, lane), (&ready, lane), (&ready, held)]
        {
            let plan = plan(sql);
            assert!(plan.contains(index), "{plan}");
            assert!(!plan.contains("SCAN deliveries") && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
