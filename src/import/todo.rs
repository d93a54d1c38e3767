//! What is left to do for a person, in the order in which to do it.

use ipnet::IpNet;

use super::draft::{Destination, Draft};

/// `1 webhook`, `3 webhooks`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The whole list.
pub(super) fn list(draft: &Draft) -> Vec<String> {
    let mut list = vec![proof(draft)];
    list.push(draft.sender.clone());
    list.extend(draft.variables.list.iter().map(|(name, what)| format!("set {name}: {what}")));
    list.extend(off(draft));
    list.extend(hosts(draft));
    list.extend(loopback(draft));
    list.extend(authorities(draft));
    list.extend(draft.notes.iter().cloned());
    list.push("run `crossconnect check`, then `crossconnect try` with a recorded body".to_owned());
    list.push(format!(
        "switch the imported webhooks off in {} once the gateway delivers, or tools get everything twice",
        if draft.adapter == "nautobot" { "Nautobot" } else { draft.system.title() }
    ));
    list
}

fn proof(draft: &Draft) -> String {
    let variable = &draft.proof.variable;
    format!(
        "set {variable} to a new random text, such as of `openssl rand -hex 32`; until then a random one keeps everybody out"
    )
}

fn off(draft: &Draft) -> impl Iterator<Item = String> {
    draft.destinations.iter().filter_map(|to| {
        let why = to.off.as_ref()?;
        Some(format!("{} is commented out, with its routes ({}): {why}", to.name, to.about))
    })
}

/// Names may resolve to addresses that the gateway does not reach by itself.
fn hosts(draft: &Draft) -> Option<String> {
    let mut hosts: Vec<&str> =
        draft.destinations.iter().filter(|to| to.off.is_none()).filter_map(|to| to.host.as_deref()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let plural = if hosts.len() == 1 { "this name resolves" } else { "any of these names resolve" };
    (!hosts.is_empty()).then(|| {
        format!("if {plural} to private addresses, add their networks to egress.allow: {}", hosts.join(", "))
    })
}

/// What was the CMDB's own machine is now the gateway's.
fn loopback(draft: &Draft) -> impl Iterator<Item = String> {
    let is_loopback = |network: IpNet| network.addr().is_loopback();
    let local =
        draft.destinations.iter().filter(move |to| to.off.is_none() && to.allow.is_some_and(is_loopback));
    local.map(|to| {
        format!("{} sends to its own machine, which is now the gateway's: does the tool run there?", to.name)
    })
}

fn authorities(draft: &Draft) -> impl Iterator<Item = String> {
    let of = |to: &Destination| {
        let file = super::record::shown_name(to.ca.as_ref()?);
        Some(format!(
            "{}: copy the certificates of {file} beside the config, and take the comment from `ca:`",
            to.name
        ))
    };
    draft.destinations.iter().filter_map(of)
}
