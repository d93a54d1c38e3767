//! From whatever went wrong on the way to one line: the server, the fault, the remedy. Never sees a
//! password.

use std::error::Error;
use std::fmt::Display;
use std::path::Path;

use redis::{ErrorKind, RedisError};
use rustls::AlertDescription;

use super::address::Address;
use super::way::CONNECT;
use crate::outbound::classify::{Failure, one_line};
use crate::outbound::party::Party;

/// No connection came about.
pub(super) fn unreached(address: &Address, error: &(dyn Error + 'static)) -> String {
    let failure = Failure::of_error_with(Party::State, error, CONNECT);
    format!("{address}: {}; {}", failure.error, failure.remedy)
}

pub(super) fn slow(address: &Address) -> String {
    format!("{address}: no connection within {CONNECT:?}; check address, port and firewalls, and its load")
}

pub(super) fn no_handshake(address: &Address) -> String {
    format!(
        "{address}: could not agree on TLS: the other side says nothing; check that this port speaks TLS; if it \
         does not, the state begins with redis://"
    )
}

pub(super) fn unresolved(address: &Address, error: &impl Display) -> String {
    let text = one_line(&error.to_string());
    format!("{address}: the name cannot be resolved: {text}; mend the host in `state`, or the resolver")
}

pub(super) fn no_socket(path: &Path, error: &impl Display) -> String {
    let text = one_line(&error.to_string());
    let path = path.display();
    format!("{path}: could not connect: {text}; start the server with `unixsocket {path}`, readable for us")
}

/// The server answered, and that was no.
pub(super) fn refused(address: &Address, error: &RedisError) -> String {
    let (code, detail) = (error.code().unwrap_or_default(), error.detail().unwrap_or_default());
    let said = one_line(&format!("{code} {detail}"));
    if let Some(line) = of_code(code).or_else(|| of_detail(detail)) {
        return format!("{address}: {line}");
    }
    match code {
        "NOPERM" => format!(
            "{address}: the user may not do all that is needed: {}; see the ACL rules in docs/redis.md",
            one_line(detail)
        ),
        "" => format!(
            "{address}: {}; check that this is a Redis server, and `rediss://` against `redis://`",
            one_line(&error.to_string())
        ),
        _ => format!("{address}: the server answered `{}`; look into its log", said.trim_end()),
    }
}

fn of_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "WRONGPASS" => {
            "user or password is wrong, or the user is off; mend them in `state`, or the server's ACL"
        }
        "NOAUTH" => "the server wants a password; give `password` (and `user`) in `state`",
        "DENIED" => "the server is in protected mode; give it a password, or bind it to this network",
        "LOADING" => "the server is still loading its data; it serves when it is done",
        "MASTERDOWN" => "this is a replica that has lost its master; wait for the failover, or end it",
        "READONLY" => "this is a read-only replica; `state` must lead to the master",
        "CLUSTERDOWN" => "the cluster is down; see CLUSTER INFO, and bring its nodes back",
        "TRYAGAIN" => "a slot of the state is being moved to another node; it serves when that is done",
        "OOM" => "the server's memory is full (maxmemory); give it more, or shorten `retention`",
        "MISCONF" => "the server cannot save to its disk, so it takes no writes; see its log and its disk",
        "NOREPLICAS" => "the server has too few replicas to take writes (min-replicas-to-write)",
        "BUSY" => "the server is busy with a script of somebody else; see its log, or SCRIPT KILL",
        "CROSSSLOT" => "the keys lie in several slots; the prefix must not hold braces",
        _ => return None,
    })
}

/// What servers say with the code `ERR`.
fn of_detail(detail: &str) -> Option<&'static str> {
    let told = [
        (
            "without any password configured",
            "`state` gives a password, and the server has none; remove it, or set `requirepass` there",
        ),
        ("DB index is out of range", "there is no such database; take one that is below its `databases`"),
        (
            "SELECT is not allowed in cluster mode",
            "this is a node of a cluster, which has the database 0 only; remove the database from `state`",
        ),
        ("max number of clients reached", "the server has no connection left; raise its `maxclients`"),
        ("unknown command", "the server lacks a command that is needed; Redis 7.0 or Valkey has them all"),
    ];
    told.into_iter().find(|(said, _)| detail.contains(said)).map(|(_, line)| line)
}

/// The first question to a server was not answered.
pub(super) fn unusable(address: &Address, error: &RedisError) -> String {
    match error.kind() {
        ErrorKind::Io if error.to_string().contains(ALERT) => unreached(address, &alert(error)),
        ErrorKind::Io if error.is_timeout() => slow(address),
        ErrorKind::Io => format!(
            "{address}: the server ended the connection; check that this is a Redis server, `rediss://` against \
             `redis://`, and its log"
        ),
        _ => refused(address, error),
    }
}

const ALERT: &str = "fatal alert";

/// TLS 1.3 tells only after the handshake what is wrong with our certificate, and the way up to here
/// leaves nothing of it but the words.
fn alert(error: &RedisError) -> rustls::Error {
    use AlertDescription::{CertificateRequired, DecryptError, HandshakeFailure, UnknownCA};
    let said = error.to_string();
    let named = [CertificateRequired, DecryptError, UnknownCA].into_iter();
    let mut found = named.filter(|alert| said.contains(&format!("{alert:?}")));
    rustls::Error::AlertReceived(found.next().unwrap_or(HandshakeFailure))
}

/// A call was sent, and no answer came.
pub(super) fn lost(address: &Address) -> String {
    format!("{address}: the connection was lost during the call, so its fate is unknown")
}

/// A call was sent, and the server is silent.
pub(super) fn silent(address: &Address) -> String {
    format!("{address}: no answer in time, so the call's fate is unknown; see how loaded the server is")
}

/// It said nothing when it was looked at.
pub(super) fn dumb(address: &Address) -> String {
    format!("{address}: the server does not answer; see its log, and how loaded it is")
}

/// The server went away after it had served.
pub(super) fn gone(address: &Address) -> String {
    format!("{address}: the connection was lost; it is made again as soon as the server is back")
}

/// The partition's slot is on its way to another node.
pub(super) fn moving(address: &Address) -> String {
    format!("{address}: a slot of the state is being moved to another node; it serves when that is done")
}

pub(super) const CLOSED: &str = "it is closed";
