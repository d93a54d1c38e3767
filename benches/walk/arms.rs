//! One round of an arm: its server started, loaded, measured and ended.

use super::bare::Bare;
use super::rig::event::{Signed, webhooks};
use super::rig::gateway::{Gateway, Setup};
use super::rig::round::{Arm, Round, measure};
use super::rig::sink;

/// As many webhooks, each about another object.
pub fn unlike(count: usize) -> Vec<Signed> {
    webhooks(count, count)
}

pub async fn bare(webhooks: Vec<Signed>) -> Round {
    let sink = sink::start(0, webhooks.len()).await;
    let bare = Bare::start(sink.port).await;
    measure(&[(&bare.server, bare.port)], &sink, webhooks).await
}

pub async fn gateway(mut setup: Setup, webhooks: Vec<Signed>) -> Round {
    let sink = sink::start(0, webhooks.len()).await;
    setup.sink = sink.port;
    let gateway = Gateway::start(&setup).await;
    measure(&[(&gateway.server, gateway.port)], &sink, webhooks).await
}

/// The medians of two arms.
pub fn both(ours: &Arm, theirs: &Arm, field: fn(&Round) -> f64) -> (f64, f64) {
    (ours.median(field), theirs.median(field))
}
