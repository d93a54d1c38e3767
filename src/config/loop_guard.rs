//! The section `loop_guard:`: how changes that go round in circles are stopped.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::context::Context;
use super::{Ingress, LoopGuard, State, name};
use crate::yaml::Reader;

/// Where Linux keeps the machine's name.
const HOSTNAME: &str = "/proc/sys/kernel/hostname";

impl Default for LoopGuard {
    fn default() -> Self {
        Self { name: "crossconnect".to_owned(), max_hops: 8 }
    }
}

/// Reads the section. A gateway without a name gets one that another gateway does not have.
pub(super) fn read(
    section: Option<Reader<'_>>,
    ingress: &Ingress,
    state: &State,
    env: &dyn Fn(&str) -> Option<String>,
    cx: &mut Context<'_>,
) -> LoopGuard {
    let usual = || LoopGuard { name: own_name(&host(env), ingress, state), ..LoopGuard::default() };
    let Some(mut reader) = section else { return usual() };
    let r = &mut reader;
    let named = cx.text(r, "name").filter(|(at, text)| name::check("gateway", *at, text, cx));
    let max_hops = cx.count(r, "max_hops", 1..=100).and_then(|hops| u32::try_from(hops).ok());
    reader.finish(cx.problems);
    let usual = usual();
    LoopGuard {
        name: named.map_or(usual.name, |(_, name)| name),
        max_hops: max_hops.unwrap_or(usual.max_hops),
    }
}

/// The same at every start and for gateways that share their state; different for others that differ in
/// machine, address or state.
fn own_name(host: &str, ingress: &Ingress, state: &State) -> String {
    let told = match state {
        State::Sqlite(path) => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            [host.as_bytes(), ingress.listen.to_string().as_bytes(), bytes(&path)].join(&0)
        }
        // Gateways that share their work are one to everybody else.
        State::Redis(redis) => redis.place().into_bytes(),
    };
    format!("gw-{}", &hex::encode(Sha256::digest(told))[..10])
}

/// Tells this gateway from others that share its state, and is the same at each of its starts.
pub(super) fn instance(ingress: &Ingress, env: &dyn Fn(&str) -> Option<String>) -> String {
    let address = format!("{}@{}", host(env), ingress.listen);
    // Any port: several may say that on one machine.
    if ingress.listen.port() == 0 { format!("{address}-{:08x}", fastrand::u32(..)) } else { address }
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

fn host(env: &dyn Fn(&str) -> Option<String>) -> String {
    let told = std::fs::read_to_string(HOSTNAME).ok();
    let told = told.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    told.or_else(|| env("HOSTNAME")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_that_differ_in_machine_address_or_state_have_other_names() {
        let name = |host: &str, port: u16, state: &str| {
            let ingress = Ingress { listen: ([127, 0, 0, 1], port).into(), ..Ingress::default() };
            own_name(host, &ingress, &State::Sqlite(state.into()))
        };
        let one = name("a", 8080, "/x");
        assert_eq!((one.len(), one.starts_with("gw-")), (13, true));
        assert_eq!(one, name("a", 8080, "/x"));
        for other in [name("b", 8080, "/x"), name("a", 8081, "/x"), name("a", 8080, "/y")] {
            assert_ne!(one, other);
        }
    }
}
