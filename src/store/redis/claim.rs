//! One round of claiming: in the partitions that may have something, until there are enough.
//!
//! Each partition gives the oldest due that it has. What is taken is in the order of all; what is left
//! behind, where there is more than was asked for, may be older in one partition than what was taken
//! in another.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Redis;
use super::desk::{Ask, Desk};
use super::leased::{self, Claimed, Given};
use crate::model::Timestamp;
use crate::store::draft::span;
use crate::store::{self, Claim, StoreError};

#[derive(Serialize)]
struct ClaimForm<'a> {
    to: &'a str,
    limit: usize,
    retries: usize,
    /// The one place of a limit of one: 1 for a fresh delivery, 0 for a retry.
    toss: u8,
    lease: i64,
}

/// What a round has led to so far.
#[derive(Debug)]
struct Round<'a> {
    desk: &'a Desk,
    claim: &'a Claim,
    /// How many may still be taken, and how many of them may be retries.
    limit: usize,
    retries: usize,
    given: Vec<Given>,
    failing_since: Option<Timestamp>,
    /// By partition: when the next one is due there, and when the first of the leases ends that were
    /// given before this round.
    asked: BTreeMap<u32, (Option<Timestamp>, Option<Timestamp>)>,
    /// Some were not asked, as there was enough.
    is_cut_short: bool,
}

impl Redis {
    /// Claims in the partitions that may have something.
    pub(super) async fn claim_round(&self, claim: &Claim) -> Result<store::Claimed, StoreError> {
        let (rounds, to) = (&self.desk.rounds, claim.destination.as_str());
        let mut parts = rounds.begin(to, claim.now);
        let elsewhere = rounds.next_due(to, claim.now);
        if parts.is_empty() {
            parts.push(0);
        }
        let turn = fastrand::usize(..parts.len());
        parts.rotate_left(turn);
        let mut round = Round::new(&self.desk, claim);
        // Where the fresh ones are is not known before: retries of one partition leave them half of all.
        let share = if parts.len() > 1 { (claim.limit / 2).max(1) } else { claim.limit };
        if round.pass(&parts, share).await? && round.limit > 0 && parts.len() > 1 {
            let more = round.left_behind();
            round.pass(&more, claim.limit).await?;
        }
        Ok(round.end(elsewhere))
    }
}

impl<'a> Round<'a> {
    fn new(desk: &'a Desk, claim: &'a Claim) -> Self {
        Self {
            desk,
            claim,
            limit: claim.limit,
            retries: claim.retries,
            given: Vec::new(),
            failing_since: None,
            asked: BTreeMap::new(),
            is_cut_short: false,
        }
    }

    /// Asks these partitions, for so many retries in all; whether it came through. What was leased
    /// before a failure is kept.
    async fn pass(&mut self, parts: &[u32], mut share: usize) -> Result<bool, StoreError> {
        let (rounds, to) = (&self.desk.rounds, self.claim.destination.as_str());
        for (index, part) in parts.iter().enumerate() {
            if self.limit == 0 && self.claim.limit > 0 {
                rounds.mark(to, *part);
                self.is_cut_short = true;
                continue;
            }
            match self.ask(*part, share).await {
                Ok(retries) => share = share.saturating_sub(retries),
                Err(why) => {
                    parts[index..].iter().for_each(|part| rounds.mark(to, *part));
                    self.is_cut_short = true;
                    return if self.given.is_empty() { Err(why) } else { Ok(false) };
                }
            }
        }
        Ok(true)
    }

    /// Asks one; how many retries it gave.
    async fn ask(&mut self, part: u32, share: usize) -> Result<usize, StoreError> {
        let Claim { destination: to, now, .. } = self.claim;
        let (limit, retries) = (self.limit, self.retries.min(share));
        // An odd place goes to a fresh one, unless it is the only one.
        let toss = u8::from(self.claim.limit > 1 || fastrand::bool());
        let lease = span(self.claim.lease).max(1);
        let asked = ClaimForm { to, limit, retries, toss, lease };
        let answer = self.desk.ask(Ask::new(part, "claim", *now, &asked)).await?;
        let Claimed { given, next_due, ends, failing_since } = leased::claimed(answer, to)?;
        let own_end = if given.is_empty() { None } else { now.checked_add(self.claim.lease).ok() };
        self.desk.rounds.learn(to, part, [next_due, ends, own_end].into_iter().flatten().min());
        let retries = given.iter().filter(|one| one.leased.tries > 0).count();
        self.limit = limit.saturating_sub(given.len());
        self.retries = self.retries.saturating_sub(retries);
        self.failing_since = [self.failing_since, failing_since].into_iter().flatten().min();
        self.given.extend(given);
        self.asked.entry(part).or_insert((None, ends)).0 = next_due;
        Ok(retries)
    }

    /// The partitions that have more that is due.
    fn left_behind(&self) -> Vec<u32> {
        let due = |next_due: Option<Timestamp>| next_due.is_some_and(|at| at <= self.claim.now);
        self.asked.iter().filter(|(_, (next_due, _))| due(*next_due)).map(|(part, _)| *part).collect()
    }

    fn end(mut self, elsewhere: Option<Timestamp>) -> store::Claimed {
        self.given.sort_by_key(|one| one.order);
        let unasked = self.is_cut_short.then_some(self.claim.now);
        let asked = self.asked.values().flat_map(|(next_due, ends)| [*next_due, *ends]).flatten();
        store::Claimed {
            next_due: asked.chain(elsewhere).chain(unasked).min(),
            failing_since: self.failing_since,
            leased: self.given.into_iter().map(|one| one.leased).collect(),
        }
    }
}
