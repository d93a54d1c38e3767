//! The one Lua script, put together from its files.

use std::sync::LazyLock;

use sha1::{Digest, Sha1};

/// A script, and by what servers know it.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) text: String,
    /// SHA-1 of the text, in hex.
    pub(super) sha: String,
}

/// Each file may use what those before it define.
const FILES: [&str; 15] = [
    include_str!("lua/base.lua"),
    include_str!("lua/state.lua"),
    include_str!("lua/loan.lua"),
    include_str!("lua/receipt.lua"),
    include_str!("lua/condition.lua"),
    include_str!("lua/lane.lua"),
    include_str!("lua/delivery.lua"),
    include_str!("lua/claim.lua"),
    include_str!("lua/purge.lua"),
    include_str!("lua/outcome.lua"),
    include_str!("lua/gather.lua"),
    include_str!("lua/batch.lua"),
    include_str!("lua/show.lua"),
    include_str!("lua/list.lua"),
    include_str!("lua/main.lua"),
];

/// What all operations run.
pub(super) static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    let text = FILES.concat();
    let sha = hex::encode(Sha1::digest(text.as_bytes()));
    Script { text, sha }
});
