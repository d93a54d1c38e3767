//! What stands beside the URL of a state.

use super::{DURABILITY, MEMORY, PARTITIONS, PREFIX, durability, max_memory, partitions, prefix};
use crate::config::context::Context;
use crate::config::{Durability, MaxMemory, Tls, tls};
use crate::units::{self, SIZE};
use crate::yaml::{At, Reader};

/// The keys beside `url`, with their places.
#[derive(Debug, Default)]
pub(in crate::config::state) struct Keys {
    /// All that are there, for those who must not give any.
    pub(super) given: Vec<(At, String)>,
    pub(super) path: String,
    pub(super) user: Option<(At, String)>,
    pub(super) password: Option<(At, String)>,
    pub(super) prefix: Option<(At, String)>,
    pub(super) partitions: Option<(At, u32)>,
    pub(super) durability: Option<(At, Durability)>,
    pub(super) compress_above: Option<(At, usize)>,
    pub(super) max_memory: Option<(At, MaxMemory)>,
    pub(super) sentinel: Option<At>,
    pub(super) sentinel_user: Option<(At, String)>,
    pub(super) sentinel_password: Option<(At, String)>,
    pub(super) tls: Option<(At, Tls)>,
}

impl Keys {
    pub fn read(r: &mut Reader<'_>, cx: &mut Context<'_>) -> Self {
        let entries = r.entries();
        let at = |key: &str| entries.iter().find(|(entry, _)| entry.name == key).map(|(entry, _)| entry.at);
        let given = entries.iter().filter(|(key, _)| key.name != "url");
        let given = given.map(|(key, _)| (key.at, r.path_of(&key.name))).collect();
        let mut keys = Self {
            given,
            path: r.path.clone(),
            user: cx.text(r, "user"),
            password: cx.text(r, "password"),
            prefix: at("prefix").zip(cx.value(r, "prefix", PREFIX, prefix)),
            partitions: at("partitions").zip(cx.value(r, "partitions", PARTITIONS, partitions)),
            durability: at("durability").zip(cx.value(r, "durability", DURABILITY, durability)),
            compress_above: at("compress_above").zip(cx.value(r, "compress_above", SIZE, units::size)),
            max_memory: at("max_memory").zip(cx.value(r, "max_memory", MEMORY, max_memory)),
            sentinel: at("sentinel"),
            ..Self::default()
        };
        if let Some(mut reader) = r.section("sentinel", cx.problems) {
            keys.sentinel_user = cx.text(&mut reader, "user");
            keys.sentinel_password = cx.text(&mut reader, "password");
            reader.finish(cx.problems);
        }
        keys.tls = at("tls").zip(r.section("tls", cx.problems).map(|section| tls::read(section, cx).tls));
        keys
    }

    /// A state that is a file has none of them.
    pub fn needless(&self, cx: &mut Context<'_>) {
        for (at, path) in &self.given {
            let message = format!("`{path}` counts for a state in Redis only");
            cx.problem(*at, message, "remove the key, or write a `url` that begins with `redis://`");
        }
    }
}
