//! Retention: deletes what is over and old, in steps that let other changes between them.

use serde::Serialize;

use super::Redis;
use super::answer::{maybe, read};
use super::desk::Nothing;
use crate::model::Timestamp;
use crate::store::draft::{micros, span};
use crate::store::kept::USED_FOR;
use crate::store::{Keep, StoreError};

/// How many receipts one step deletes at most: some milliseconds of the server's time.
const RECEIPTS: u64 = 200;
/// How many notes on lanes one step forgets at most.
const NOTES: u64 = 2000;

#[derive(Serialize)]
struct Purge {
    done: i64,
    lost: i64,
    limit: u64,
}

#[derive(Serialize)]
struct ForgetNewest {
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<i64>,
    limit: u64,
}

#[derive(Serialize)]
struct ForgetWords {
    used_for: i64,
    limit: u64,
}

impl Redis {
    /// How many receipts went.
    pub(super) async fn delete_old(&self, keep: Keep, now: Timestamp) -> Result<u64, StoreError> {
        let ended = |kept| micros(now).saturating_sub(span(kept));
        let asked = Purge { done: ended(keep.delivered), lost: ended(keep.dead), limit: RECEIPTS };
        let mut gone = 0;
        for part in self.desk.parts.all() {
            gone += self.in_steps(part, "purge", now, &asked, RECEIPTS).await?;
        }
        let unused = ForgetWords { used_for: USED_FOR, limit: NOTES };
        for part in self.desk.parts.all() {
            self.in_steps(part, "forget_words", now, &unused, NOTES).await?;
        }
        self.forget_newest(now).await?;
        Ok(gone)
    }

    /// What got through is compared with older events, which may be in any partition.
    async fn forget_newest(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut oldest = None;
        for part in self.desk.parts.all() {
            let here: Option<i64> = maybe(self.look(part, "oldest", &Nothing {}).await?)?;
            oldest = [oldest, here].into_iter().flatten().min();
        }
        let asked = ForgetNewest { oldest, limit: NOTES };
        for part in self.desk.parts.all() {
            self.in_steps(part, "forget_newest", now, &asked, NOTES).await?;
        }
        Ok(())
    }

    /// Repeats an operation that tells how much it did, until that is less than it may do.
    async fn in_steps<T: Serialize + Sync>(
        &self,
        part: u32,
        op: &'static str,
        now: Timestamp,
        asked: &T,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let mut all = 0;
        loop {
            let done: u64 = read(self.ask(part, op, now, asked).await?)?;
            all += done;
            if done < limit {
                return Ok(all);
            }
        }
    }
}
