//! Which master serves which slots, as a node tells it.

use redis::{Value, cmd, from_redis_value};

use crate::store::redis::link::address::Address;
use crate::store::redis::link::fault;
use crate::store::redis::link::live::Live;

/// Ranges of slots with their masters.
#[derive(Debug)]
pub(super) struct Layout {
    ranges: Vec<(u16, u16, Address)>,
}

impl Layout {
    pub(super) async fn ask(live: &Live) -> Result<Self, String> {
        let mut question = cmd("CLUSTER");
        question.arg("SLOTS");
        let answer = live.ask(&question).await.map_err(|error| fault::refused(&live.address, &error))?;
        Self::read(answer, &live.address)
            .ok_or_else(|| format!("{}: could not read its answer to CLUSTER SLOTS", live.address))
    }

    /// `[first slot, last slot, [host, port, …] of the master, …]` for each range.
    fn read(answer: Value, asked: &Address) -> Option<Self> {
        let Value::Array(ranges) = answer else { return None };
        let ranges = ranges.into_iter().map(|range| {
            let Value::Array(range) = range else { return None };
            let mut parts = range.into_iter();
            let (first, last) =
                (from_redis_value(parts.next()?).ok()?, from_redis_value(parts.next()?).ok()?);
            let Value::Array(master) = parts.next()? else { return None };
            let mut master = master.into_iter();
            let host: Option<String> = from_redis_value(master.next()?).ok()?;
            let port: u16 = from_redis_value(master.next()?).ok()?;
            Some((first, last, Address::of_node(asked, host.as_deref().unwrap_or_default(), port)))
        });
        Some(Self { ranges: ranges.collect::<Option<_>>()? })
    }

    pub(super) fn master_of(&self, slot: u16) -> Option<Address> {
        let found = self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot));
        found.map(|(.., address)| address.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64, host: Value, port: i64) -> Value {
        let node = vec![host, Value::Int(port), Value::BulkString(b"id".to_vec()), Value::Array(Vec::new())];
        Value::Array(vec![Value::Int(first), Value::Int(last), Value::Array(node)])
    }

    #[test]
    fn a_node_without_a_name_is_the_one_that_was_asked() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let answer = Value::Array(vec![
            range(0, 99, text("10.0.0.1"), 7000),
            range(100, 200, Value::Nil, 7001),
            range(201, 300, text(""), 7002),
            range(301, 301, text("?"), 7003),
        ]);
        let layout = Layout::read(answer, &Address::tcp("seed", 1)).unwrap();
        let master = |slot| layout.master_of(slot).map(|address| address.to_string());
        for (slot, wanted) in [
            (0, "10.0.0.1:7000"),
            (99, "10.0.0.1:7000"),
            (150, "seed:7001"),
            (300, "seed:7002"),
            (301, "seed:7003"),
        ] {
            assert_eq!(master(slot).as_deref(), Some(wanted));
        }
        assert_eq!(master(302), None);
    }
}
