//! Runs operations, rings what it made claimable, and carries its messages to other partitions.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Not;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::Value;
use serde::Serialize;

use super::Settings;
use super::answer::{array, bytes, damaged, items, maybe, read, text};
use super::link::{Call, Link};
use super::part::Parts;
use super::reloads::Reloads;
use super::rounds::Rounds;
use super::script;
use crate::model::{OWN_SOURCE, Timestamp};
use crate::store::Errand;
use crate::store::StoreError;
use crate::store::bells::{Bells, Rung};
use crate::store::draft::json;

/// How many messages are carried at once.
const CARRIED: usize = 64;
/// As what the rounds know batches; no destination has such a name.
pub(super) const BATCHES: &str = "e:batches";

/// In whose time leases and due times are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// The server's: gateways whose clocks differ agree on it.
    Server,
    /// That of who calls, for tests that move a clock by hand.
    Caller,
}

/// What every operation needs besides what it is asked.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) link: Link,
    pub(super) parts: Parts,
    pub(super) bells: Bells,
    pub(super) rounds: Rounds,
    pub(super) reloads: Reloads,
    pub(super) time: Time,
    /// Under which name this gateway leases.
    pub(super) me: String,
    /// Messages were left on the way.
    pub(super) owes: AtomicBool,
}

/// One operation.
#[derive(Debug)]
pub(super) struct Ask<'a, T> {
    pub(super) part: u32,
    pub(super) op: &'static str,
    pub(super) now: Timestamp,
    pub(super) asked: &'a T,
    pub(super) blobs: Vec<Vec<u8>>,
    /// How many numbers it takes.
    pub(super) numbers: usize,
    writes: bool,
}

#[derive(Serialize)]
struct Context<'a, T> {
    part: u32,
    parts: u32,
    now: i64,
    /// The clock that leases run by is that of the caller, who moves it by hand.
    #[serde(skip_serializing_if = "Not::not")]
    by_hand: bool,
    me: &'a str,
    bell: &'a str,
    own: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    numbers: Option<usize>,
    /// The first of them, where they were drawn before.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<i64>,
    #[serde(flatten)]
    asked: &'a T,
}

/// A change of another partition, on its way.
#[derive(Debug)]
struct Message {
    to: u32,
    number: i64,
    packed: Vec<u8>,
}

#[derive(Serialize)]
pub(super) struct Nothing {}

#[derive(Serialize)]
struct Receive {
    from: u32,
    oldest: bool,
}

#[derive(Serialize)]
struct Trim {
    to: u32,
    upto: i64,
}

#[derive(Serialize)]
struct Left {
    to: u32,
    limit: usize,
}

impl<'a, T: Serialize> Ask<'a, T> {
    pub(super) fn new(part: u32, op: &'static str, now: Timestamp, asked: &'a T) -> Self {
        Self { part, op, now, asked, blobs: Vec::new(), numbers: 0, writes: true }
    }

    /// One that changes nothing.
    pub(super) fn look(part: u32, op: &'static str, now: Timestamp, asked: &'a T) -> Self {
        Self { writes: false, ..Self::new(part, op, now, asked) }
    }

    pub(super) fn with(self, blobs: Vec<Vec<u8>>, numbers: usize) -> Self {
        Self { blobs, numbers, ..self }
    }
}

impl Desk {
    pub(super) fn new(link: Link, parts: Parts, settings: Settings) -> Self {
        let Settings { gateway, time } = settings;
        Self {
            link,
            parts,
            bells: Bells::default(),
            rounds: Rounds::new(parts.0),
            reloads: Reloads::default(),
            time,
            me: gateway,
            owes: AtomicBool::new(false),
        }
    }

    /// Runs an operation. When it answers, its messages have arrived, or somebody will see to it.
    pub(super) async fn ask<T: Serialize + Sync>(&self, ask: Ask<'_, T>) -> Result<Value, StoreError> {
        self.ask_and_carry(ask).await.map(|(answer, _)| answer)
    }

    /// As [`Desk::ask`], for callers to whom it matters; also whether its messages have arrived.
    pub(super) async fn ask_and_carry<T: Serialize + Sync>(
        &self,
        ask: Ask<'_, T>,
    ) -> Result<(Value, Result<(), StoreError>), StoreError> {
        let (part, now) = (ask.part, ask.now);
        let (answer, messages) = self.run(ask).await?;
        let carried = self.carry(part, messages, now).await;
        Ok((answer, carried))
    }

    /// The same operation in every partition.
    pub(super) async fn ask_all<T: Serialize + Sync>(
        &self,
        op: &'static str,
        now: Timestamp,
        asked: &T,
    ) -> Result<Vec<Value>, StoreError> {
        let mut answers = Vec::new();
        for part in self.parts.all() {
            answers.push(self.ask(Ask::new(part, op, now, asked)).await?);
        }
        Ok(answers)
    }

    async fn run<T: Serialize + Sync>(&self, ask: Ask<'_, T>) -> Result<(Value, Vec<Message>), StoreError> {
        let numbers = (ask.numbers > 0).then_some(ask.numbers);
        let number = match numbers {
            Some(count) if self.parts.0 > 1 => Some(self.draw(count, ask.now).await?),
            _ => None,
        };
        let context = self.context(ask.part, ask.now, numbers, number, ask.asked);
        let mut arguments = vec![ask.op.as_bytes().to_vec(), json(&context)?.into_bytes()];
        arguments.extend(ask.blobs);
        let answer = self.call(ask.op, ask.part, arguments, ask.writes).await?;
        let [status, answer, rung, carried] = array(answer)?;
        match text(status)?.as_str() {
            "ok" => {
                self.ring(ask.part, items(rung)?)?;
                Ok((answer, messages(carried)?))
            }
            "lost" => Err(StoreError::LeaseLost(text(answer)?)),
            "missing" => Err(StoreError::NotFound(text(answer)?)),
            "conflict" => Err(StoreError::Conflict(text(answer)?)),
            other => Err(damaged(format_args!("the answer {other:?}"))),
        }
    }

    async fn call(
        &self,
        op: &str,
        partition: u32,
        arguments: Vec<Vec<u8>>,
        writes: bool,
    ) -> Result<Value, StoreError> {
        let unknown = || StoreError::Unavailable(format!("there is no operation {op}"));
        let script = script::of(op).ok_or_else(unknown)?;
        self.link.run(Call { script, partition, arguments, writes }).await
    }

    fn context<'a, T>(
        &'a self,
        part: u32,
        now: Timestamp,
        numbers: Option<usize>,
        number: Option<i64>,
        asked: &'a T,
    ) -> Context<'a, T> {
        Context {
            part,
            parts: self.parts.0,
            now: now.as_microsecond(),
            by_hand: self.time == Time::Caller,
            me: &self.me,
            bell: self.link.channel(),
            own: OWN_SOURCE,
            numbers,
            number,
            asked,
        }
    }

    async fn draw(&self, count: usize, now: Timestamp) -> Result<i64, StoreError> {
        let context = self.context(0, now, Some(count), None, &Nothing {});
        let arguments = vec![b"number".to_vec(), json(&context)?.into_bytes()];
        let answer = self.call("number", 0, arguments, true).await?;
        let [_, answer, _, _] = array(answer)?;
        read(answer)
    }

    fn ring(&self, part: u32, bells: Vec<Value>) -> Result<(), StoreError> {
        let mut rung = Rung::default();
        for bell in bells {
            self.note(&mut rung, part, &text(bell)?);
        }
        self.bells.ring(rung);
        Ok(())
    }

    /// What a bell says: `d:<destination>`, `e:<errand>`, `later:<errand>`, which wakes nobody, or
    /// `r:<number of a call to reload>`.
    fn note(&self, rung: &mut Rung, part: u32, bell: &str) {
        match bell.split_once(':') {
            Some(("d", destination)) => {
                self.rounds.mark(destination, part);
                rung.destination(destination);
            }
            Some(("r", number)) => number.parse().into_iter().for_each(|number| self.reloads.learn(number)),
            Some(("e", "batches")) => {
                self.rounds.mark(BATCHES, part);
                rung.errand(Errand::Batches);
            }
            Some(("later", "batches")) => self.rounds.mark(BATCHES, part),
            Some(("e", "deferred")) => rung.errand(Errand::Deferred),
            Some(("e", "notices")) => rung.errand(Errand::Notices),
            _ => {}
        }
    }

    /// Takes in what another process published: its name, the partition, and bells.
    pub(super) fn hear(&self, published: &[u8]) {
        let Ok(published) = std::str::from_utf8(published) else { return };
        let mut lines = published.split('\n');
        let (Some(who), Some(part)) = (lines.next(), lines.next().and_then(|part| part.parse().ok())) else {
            return;
        };
        if who == self.me {
            return;
        }
        let mut rung = Rung::default();
        lines.for_each(|bell| self.note(&mut rung, part, bell));
        self.bells.ring(rung);
    }

    /// Carries messages on, and those that they cause. What cannot be carried stays where it is.
    async fn carry(&self, from: u32, messages: Vec<Message>, now: Timestamp) -> Result<(), StoreError> {
        let mut carried = Ok(());
        let mut work = VecDeque::from([(from, messages)]);
        while let Some((from, messages)) = work.pop_front() {
            for (to, group) in by_target(messages) {
                match self.hand_over(from, to, group, now).await {
                    Ok(caused) => work.extend(caused.into_iter().map(|caused| (to, caused))),
                    Err(why) => {
                        tracing::warn!(from, to, %why, "a change of the state could not be carried on yet");
                        self.owes.store(true, Ordering::Release);
                        carried = carried.and(Err(why));
                    }
                }
            }
        }
        carried
    }

    /// Brings messages of one partition to another, or with none at hand those that were left; what
    /// these cause there.
    async fn hand_over(
        &self,
        from: u32,
        to: u32,
        messages: Vec<Message>,
        now: Timestamp,
    ) -> Result<Vec<Vec<Message>>, StoreError> {
        if !messages.is_empty()
            && let Some(caused) = self.receive(from, to, messages, false, now).await?
        {
            return Ok(vec![caused]);
        }
        // Others are still on their way, or were left: all of them in their order.
        let mut caused = Vec::new();
        loop {
            let left = Left { to, limit: CARRIED };
            let (left, _) = self.run(Ask::new(from, "left", now, &left)).await?;
            let messages = self::messages(left)?;
            let is_last = messages.len() < CARRIED;
            if messages.is_empty() {
                return Ok(caused);
            }
            caused.extend(self.receive(from, to, messages, true, now).await?);
            if is_last {
                return Ok(caused);
            }
        }
    }

    /// `None`: messages before these are missing.
    async fn receive(
        &self,
        from: u32,
        to: u32,
        messages: Vec<Message>,
        oldest: bool,
        now: Timestamp,
    ) -> Result<Option<Vec<Message>>, StoreError> {
        let Some(upto) = messages.last().map(|last| last.number) else { return Ok(Some(Vec::new())) };
        let asked = Receive { from, oldest };
        let blobs = messages.into_iter().map(|message| message.packed).collect();
        let (answer, caused) = self.run(Ask::new(to, "receive", now, &asked).with(blobs, 0)).await?;
        if maybe::<String>(answer)?.as_deref() == Some("gap") {
            return Ok(None);
        }
        self.run(Ask::new(from, "trim", now, &Trim { to, upto })).await?;
        Ok(Some(caused))
    }

    /// Carries whatever anybody left on the way.
    pub(super) async fn sweep(&self, now: Timestamp) -> Result<(), StoreError> {
        if self.parts.0 <= 1 {
            return Ok(());
        }
        self.owes.store(false, Ordering::Release);
        for from in self.parts.all() {
            self.sweep_from(from, now).await?;
        }
        Ok(())
    }

    /// The same for what one partition has sent.
    pub(super) async fn sweep_from(&self, from: u32, now: Timestamp) -> Result<(), StoreError> {
        if self.parts.0 <= 1 {
            return Ok(());
        }
        let (owed, _) = self.run(Ask::new(from, "owed", now, &Nothing {})).await?;
        for to in items(owed)? {
            let to = read(to)?;
            for caused in self.hand_over(from, to, Vec::new(), now).await? {
                // Others will see to it.
                let _ = self.carry(to, caused, now).await;
            }
        }
        Ok(())
    }
}

fn messages(carried: Value) -> Result<Vec<Message>, StoreError> {
    let message = |value| {
        let [to, number, packed] = array(value)?;
        Ok(Message { to: read(to)?, number: read(number)?, packed: bytes(packed)? })
    };
    items(carried)?.into_iter().map(message).collect()
}

/// In the order in which they were sent.
fn by_target(messages: Vec<Message>) -> BTreeMap<u32, Vec<Message>> {
    let mut groups: BTreeMap<u32, Vec<Message>> = BTreeMap::new();
    for message in messages {
        groups.entry(message.to).or_default().push(message);
    }
    groups
}
