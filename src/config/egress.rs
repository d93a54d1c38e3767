//! The section `egress:`: which addresses deliveries may reach, by which proxy, and how many leave
//! at once.

use super::context::Context;
use super::{Egress, proxy};
use crate::units::{self, NETWORK};
use crate::yaml::Reader;

impl Default for Egress {
    fn default() -> Self {
        Self { allow: Vec::new(), deny: Vec::new(), in_flight: 256, proxy: None }
    }
}

/// Reads the section; what is missing or wrong takes its default.
pub(super) fn read(mut reader: Reader<'_>, cx: &mut Context<'_>) -> Egress {
    let r = &mut reader;
    let egress = Egress {
        allow: cx.values(r, "allow", NETWORK, units::network).unwrap_or_default(),
        deny: cx.values(r, "deny", NETWORK, units::network).unwrap_or_default(),
        in_flight: cx.count(r, "in_flight", 1..=65_536).unwrap_or(Egress::default().in_flight),
        proxy: proxy::read(r, None, cx),
    };
    reader.finish(cx.problems);
    egress
}
