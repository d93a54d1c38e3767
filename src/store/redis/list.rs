//! The lists of receipts and deliveries: newest first, a page at a time, merged from all partitions.
//!
//! A partition is read in steps that look at a bounded number of rows, so that no filter, however
//! rare what it wants, keeps the server from anything else for long.

use std::collections::{BTreeMap, VecDeque};

use redis::Value;
use serde::Serialize;

use super::answer::{Row, array, items, parse, read, text};
use super::{Id, Redis, lines};
use crate::store::cursor::Cursor;
use crate::store::draft::micros;
use crate::store::{
    DeliveryFilter, DeliverySummary, Page, PageRequest, ReceiptFilter, ReceiptStatus, ReceiptSummary,
    StoreError,
};

/// How many deliveries of one receipt one run of the script looks at.
const AMONG: usize = 500;

#[derive(Serialize)]
struct ReceiptsForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upto: Option<i64>,
}

#[derive(Serialize)]
struct DeliveriesForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upto: Option<i64>,
}

/// One step.
#[derive(Serialize)]
struct Step<'a, F> {
    limit: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Place>,
    #[serde(flatten)]
    filter: &'a F,
}

#[derive(Serialize)]
struct Place {
    at: i64,
    seq: i64,
}

#[derive(Serialize)]
struct Among<'a> {
    ids: &'a [String],
    #[serde(flatten)]
    filter: &'a DeliveriesForm<'a>,
}

/// A line and its place in the list.
type Placed<T> = (Cursor, T);

/// What is asked, of whom, and how its lines are read.
struct Source<'a, F, T> {
    op: &'static str,
    filter: &'a F,
    line: fn(Value) -> Result<Placed<T>, StoreError>,
}

/// The list of one partition.
#[derive(Debug)]
struct Stream<T> {
    part: u32,
    /// Read and not taken yet.
    lines: VecDeque<Placed<T>>,
    /// What is not read yet lies before that; `None`: nothing is read yet.
    before: Option<Cursor>,
    is_over: bool,
}

impl<T> Stream<T> {
    /// How new its next line is at most. Later than all: not known yet.
    fn top(&self) -> (bool, Option<Cursor>) {
        match self.lines.front() {
            Some((place, _)) => (false, Some(*place)),
            None => (self.before.is_none(), self.before),
        }
    }

    fn is_done(&self) -> bool {
        self.is_over && self.lines.is_empty()
    }
}

impl Redis {
    pub(super) async fn list_receipts(
        &self,
        filter: &ReceiptFilter,
        page: &PageRequest,
    ) -> Result<Page<ReceiptSummary>, StoreError> {
        let filter = ReceiptsForm {
            source: filter.source.as_deref(),
            state: filter.status.map(|status| match status {
                ReceiptStatus::Processed => "processed",
                ReceiptStatus::Failed => "failed",
            }),
            route: filter.route.as_deref(),
            correlation: filter.correlation.as_deref(),
            since: filter.since.map(micros),
            upto: filter.until.map(micros),
        };
        self.merge(&Source { op: "receipts", filter: &filter, line: receipt_line }, page).await
    }

    pub(super) async fn list_deliveries(
        &self,
        filter: &DeliveryFilter,
        page: &PageRequest,
    ) -> Result<Page<DeliverySummary>, StoreError> {
        let form = DeliveriesForm {
            to: filter.destination.as_deref(),
            route: filter.route.as_deref(),
            state: filter.state.map(|state| state.name()),
            class: filter.class.map(|class| class.name()),
            since: filter.since.map(micros),
            upto: filter.until.map(micros),
        };
        match filter.receipt {
            Some(receipt) => self.list_of(&receipt.to_string(), &form, page).await,
            None => self.merge(&Source { op: "deliveries", filter: &form, line: delivery_line }, page).await,
        }
    }

    /// The newest lines of all partitions: always takes from the one that may have the newest.
    async fn merge<F: Serialize + Sync, T: Send>(
        &self,
        source: &Source<'_, F, T>,
        page: &PageRequest,
    ) -> Result<Page<T>, StoreError> {
        let (limit, before) = (page.lines(), page.after()?);
        let stream = |part| Stream { part, lines: VecDeque::new(), before, is_over: false };
        let mut streams: Vec<Stream<T>> = self.desk.parts.all().map(stream).collect();
        let mut found = Vec::new();
        while found.len() <= limit {
            let next = streams.iter_mut().filter(|stream| !stream.is_done());
            let Some(stream) = next.max_by_key(|stream| stream.top()) else { break };
            match stream.lines.pop_front() {
                Some(line) => found.push(line),
                None => self.read_on(source, stream, limit + 1).await?,
            }
        }
        Ok(cut(found, limit))
    }

    async fn read_on<F: Serialize + Sync, T>(
        &self,
        source: &Source<'_, F, T>,
        stream: &mut Stream<T>,
        wanted: usize,
    ) -> Result<(), StoreError> {
        // Of many partitions each has a part of the page only.
        let share = wanted / self.desk.parts.0.max(1) as usize + 8;
        let before = stream.before.map(|Cursor { at, seq }| Place { at, seq });
        let asked = Step { limit: wanted.min(share), before, filter: source.filter };
        let [lines, last] = array(self.look(stream.part, source.op, &asked).await?)?;
        for line in items(lines)? {
            stream.lines.push_back((source.line)(line)?);
        }
        match last {
            Value::Array(_) => stream.before = Some(place(last)?),
            _ => stream.is_over = true,
        }
        Ok(())
    }

    /// The deliveries of one receipt: no more than that has.
    async fn list_of(
        &self,
        receipt: &str,
        filter: &DeliveriesForm<'_>,
        page: &PageRequest,
    ) -> Result<Page<DeliverySummary>, StoreError> {
        let (limit, before) = (page.lines(), page.after()?);
        let mut parts: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for part in self.desk.parts.all() {
            for one in items(self.look(part, "deliveries_of", &Id { id: receipt.to_owned() }).await?)? {
                let [id, part] = array(one)?;
                parts.entry(read(part)?).or_default().push(text(id)?);
            }
            if !parts.is_empty() {
                break;
            }
        }
        let mut found = Vec::new();
        for (part, ids) in parts {
            for ids in ids.chunks(AMONG) {
                for line in items(self.look(part, "among", &Among { ids, filter }).await?)? {
                    found.push(delivery_line(line)?);
                }
            }
        }
        found.retain(|(place, _)| before.is_none_or(|before| *place < before));
        found.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
        Ok(cut(found, limit))
    }
}

fn cut<T>(mut found: Vec<Placed<T>>, limit: usize) -> Page<T> {
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|(place, _)| place.text());
    Page { items: found.into_iter().map(|(_, line)| line).collect(), next }
}

fn place(value: Value) -> Result<Cursor, StoreError> {
    let [at, seq] = array(value)?;
    Ok(Cursor { at: read(at)?, seq: parse(&text(seq)?)? })
}

fn receipt_line(value: Value) -> Result<Placed<ReceiptSummary>, StoreError> {
    let [id, row] = array(value)?;
    let row = Row::new(row)?;
    Ok((Cursor { at: row.get("at")?, seq: row.get("n")? }, lines::receipt(id, &row)?))
}

fn delivery_line(value: Value) -> Result<Placed<DeliverySummary>, StoreError> {
    let (row, summary) = lines::delivery(value)?;
    Ok((Cursor { at: row.get("created")?, seq: row.get("n")? }, summary))
}
