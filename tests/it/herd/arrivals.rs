//! What is right about all that arrived: nothing is missing, nothing is out of order, and what came
//! twice is the same delivery with the same bytes.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::receiver::Received;

/// One attempt, as the receiver saw it.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub object: u64,
    /// Which of the object's changes, from 1.
    pub change: u64,
    /// Of the delivery.
    pub id: String,
    pub body: Bytes,
    /// Whether the receiver took it.
    pub taken: bool,
}

/// Whether a delivery may be repeated after a later one of its object: only a gateway that slept
/// through its lease does that, as nobody can tell it before it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    Never,
    Repeats,
}

/// How it went.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub attempts: usize,
    /// Attempts after one that was taken.
    pub repeats: usize,
    /// Those of them that came after a later change.
    pub late: usize,
}

struct Change {
    id: String,
    body: Bytes,
    taken: bool,
}

impl Arrival {
    pub fn of(got: &Received) -> Self {
        let event = got.json();
        Self {
            object: event["object"]["id"].as_str().unwrap().parse().unwrap(),
            change: event["data"]["custom_fields"]["change"].as_u64().unwrap(),
            id: got.header("webhook-id").to_owned(),
            body: got.body.clone(),
            taken: got.status == 200,
        }
    }
}

/// Checks that every object's changes, as many as it is said to have, were taken in their order.
pub fn check(arrivals: &[Arrival], sent: &BTreeMap<u64, u64>, late: Late) -> Result<Told, String> {
    let mut told = Told { attempts: arrivals.len(), ..Told::default() };
    let mut objects: BTreeMap<u64, Vec<Change>> = BTreeMap::new();
    for arrival in arrivals {
        let changes = objects.entry(arrival.object).or_default();
        take(changes, arrival, late, &mut told)
            .map_err(|wrong| format!("object {}: change {} {wrong}", arrival.object, arrival.change))?;
    }
    for (object, count) in sent {
        let changes = objects.remove(object).unwrap_or_default();
        let taken = changes.iter().filter(|change| change.taken).count() as u64;
        if taken != *count {
            return Err(format!("object {object}: {taken} of {count} changes were taken"));
        }
    }
    objects.keys().next().map_or(Ok(told), |object| Err(format!("nobody sent object {object}")))
}

fn take(changes: &mut Vec<Change>, arrival: &Arrival, late: Late, told: &mut Told) -> Result<(), String> {
    let Arrival { change, id, body, taken, .. } = arrival;
    let newest = changes.len() as u64;
    if *change > newest {
        if *change > newest + 1 {
            return Err(format!("came right after change {newest}"));
        }
        if changes.last().is_some_and(|before| !before.taken) {
            return Err("left before the one before it was taken".to_owned());
        }
        changes.push(Change { id: id.clone(), body: body.clone(), taken: *taken });
        return Ok(());
    }
    let known = &mut changes[*change as usize - 1];
    if known.id != *id {
        return Err(format!("was delivered as {} and as {id}", known.id));
    }
    if known.body != *body {
        return Err(format!("had other bytes when it was repeated as {id}"));
    }
    told.repeats += usize::from(known.taken);
    known.taken |= *taken;
    if *change < newest {
        told.late += 1;
        if late == Late::Never {
            return Err(format!("came again after change {newest}"));
        }
    }
    Ok(())
}

mod tests {
    use super::*;

    fn arrival(object: u64, change: u64) -> Arrival {
        let id = format!("{object}-{change}");
        Arrival { object, change, body: Bytes::from(id.clone()), id, taken: true }
    }

    fn refused(arrival: Arrival) -> Arrival {
        Arrival { taken: false, ..arrival }
    }

    fn judged(arrivals: &[Arrival], late: Late) -> Result<Told, String> {
        check(arrivals, &BTreeMap::from([(1, 2), (2, 1)]), late)
    }

    #[test]
    fn what_comes_in_order_is_right_however_objects_mix() {
        let all = [refused(arrival(1, 1)), arrival(2, 1), arrival(1, 1), arrival(1, 1), arrival(1, 2)];
        assert_eq!(judged(&all, Late::Never), Ok(Told { attempts: 5, repeats: 1, late: 0 }));
    }

    #[test]
    fn what_is_missing_or_out_of_order_is_noticed() {
        let other = |change: fn(&mut Arrival)| {
            let mut arrival = arrival(1, 1);
            change(&mut arrival);
            arrival
        };
        let cases = [
            (vec![arrival(1, 1), arrival(1, 2)], "object 2: 0 of 1"),
            (vec![arrival(1, 1), arrival(2, 1)], "object 1: 1 of 2"),
            (vec![arrival(2, 1), arrival(1, 1), refused(arrival(1, 2))], "object 1: 1 of 2"),
            (vec![arrival(1, 2), arrival(1, 1), arrival(2, 1)], "change 2 came right after change 0"),
            (vec![refused(arrival(1, 1)), arrival(1, 2)], "change 2 left before"),
            (vec![arrival(1, 1), arrival(1, 2), arrival(1, 1)], "change 1 came again after change 2"),
            (vec![arrival(1, 1), other(|a| a.id.push('x'))], "was delivered as 1-1 and as 1-1x"),
            (vec![arrival(1, 1), other(|a| a.body = Bytes::new())], "had other bytes"),
            (vec![arrival(1, 1), arrival(1, 2), arrival(2, 1), arrival(3, 1)], "nobody sent object 3"),
        ];
        for (arrivals, wrong) in cases {
            let noticed = judged(&arrivals, Late::Never).unwrap_err();
            assert!(noticed.contains(wrong), "{noticed} where {wrong} is expected");
        }
    }

    #[test]
    fn what_is_late_is_right_only_as_a_repeat() {
        let late = [arrival(1, 1), arrival(1, 2), arrival(2, 1), arrival(1, 1)];
        assert_eq!(judged(&late, Late::Repeats), Ok(Told { attempts: 4, repeats: 1, late: 1 }));
        let another = Arrival { id: "another".to_owned(), ..arrival(1, 1) };
        assert!(judged(&[arrival(1, 1), arrival(1, 2), arrival(2, 1), another], Late::Repeats).is_err());
    }
}
