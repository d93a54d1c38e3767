//! The section `admin:`: where operators and the console come in.

use std::net::SocketAddr;

use super::Admin;
use super::context::Context;
use crate::secret::Secret;
use crate::units::{self, LISTEN};
use crate::yaml::{At, Reader};

impl Default for Admin {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8081)), token: None }
    }
}

/// Reads the section. Without a token the admin side may not be reachable from outside.
pub(super) fn read(mut reader: Reader<'_>, cx: &mut Context<'_>) -> Admin {
    let r = &mut reader;
    let default = Admin::default();
    let listen = cx.value(r, "listen", LISTEN, units::listen);
    let token = cx.value(r, "token", "a text", |text| Ok(text.to_owned()));
    // A token whose variable is not set is reported as that, not as a missing token.
    let unknown = r.entries().iter().find(|(key, _)| key.name == "token");
    let unknown = unknown.is_some_and(|(_, node)| cx.expansion.is_broken(node.at));
    let token = token.filter(|token| !token.is_empty()).map(Secret::new);
    if let Some(listen) = listen.filter(|listen| !listen.ip().is_loopback() && token.is_none() && !unknown) {
        open_to_the_network(listen, place(&reader), cx);
    }
    reader.finish(cx.problems);
    Admin { listen: listen.unwrap_or(default.listen), token }
}

fn open_to_the_network(listen: SocketAddr, at: At, cx: &mut Context<'_>) {
    let message = format!("the admin side would be open to everybody on {listen}: `admin.token` is not set");
    cx.problem(at, message, "set `admin.token`, or listen on 127.0.0.1");
}

fn place(reader: &Reader<'_>) -> At {
    let listen = reader.entries().iter().find(|(key, _)| key.name == "listen");
    listen.map_or(reader.at, |(_, node)| node.at)
}
