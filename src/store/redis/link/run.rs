//! One run of a script at one server.

use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, cmd};

use super::Call;
use super::address::Address;
use super::fault;
use super::live::Live;
use super::slots::Slots;

/// A call, ready to be sent to whoever has its partition.
#[derive(Debug)]
pub(super) struct Run<'a> {
    key: &'a str,
    call: Call,
}

/// Why a run did not end with an answer.
#[derive(Debug)]
pub(super) enum Failed {
    Unavailable(String),
    /// Nothing was done: its keys are there now.
    Moved(Address),
}

impl Failed {
    /// For servers that are no cluster.
    pub(super) fn line(self) -> String {
        match self {
            Self::Unavailable(line) => line,
            Self::Moved(to) => format!("the keys of the state are at {to}: this is a cluster"),
        }
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(slots: &'a Slots, call: Call) -> Result<Self, String> {
        let key = slots
            .key(call.partition)
            .ok_or_else(|| format!("there is no partition {} of {}", call.partition, slots.all().len()))?;
        Ok(Self { key, call })
    }

    pub(super) fn partition(&self) -> u32 {
        self.call.partition
    }

    /// Runs it there. A server that does not know the script has not run it, and gets its text.
    pub(super) async fn at(&self, live: &Live) -> Result<Value, Failed> {
        let answer = match live.ask(&self.command("EVALSHA", &self.call.script.sha)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                live.ask(&self.command("EVAL", &self.call.script.text)).await
            }
            answer => answer,
        };
        let answer = judged(live, answer)?;
        if self.call.writes
            && let Some(disk) = &live.disk
        {
            disk.written(self.key).await.map_err(Failed::Unavailable)?;
        }
        Ok(answer)
    }

    fn command(&self, verb: &str, script: &str) -> Cmd {
        let mut command = cmd(verb);
        command.arg(script).arg(1).arg(self.key);
        for argument in &self.call.arguments {
            command.arg(argument.as_slice());
        }
        command
    }
}

fn judged(live: &Live, answer: RedisResult<Value>) -> Result<Value, Failed> {
    answer.map_err(|error| match error.kind() {
        ErrorKind::Server(ServerErrorKind::Moved) => moved(&error, live),
        // Following it would be wrong: a part of the keys is there already and a part still here,
        // and a script would take what it does not find for what never was.
        ErrorKind::Server(ServerErrorKind::Ask) => Failed::Unavailable(fault::moving(&live.address)),
        _ => Failed::Unavailable(live.told(&error)),
    })
}

fn moved(error: &RedisError, live: &Live) -> Failed {
    let to = error.redirect_node().and_then(|(to, _)| Address::beside(&live.address, to));
    to.map_or_else(|| Failed::Unavailable(fault::refused(&live.address, error)), Failed::Moved)
}
