//! Through which gateways and routes a change came, as headers carry it from gateway to gateway.

use serde::{Deserialize, Serialize};

/// Where a change has been before. Both headers go out with every delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// How many gateways passed it on (`crossconnect-hops`).
    pub hops: u32,
    /// `gateway/route`, oldest first (`crossconnect-lineage`, separated by commas); the oldest are
    /// left out where there are many.
    pub passed: Vec<String>,
}

impl Lineage {
    /// The header that counts.
    pub const HOPS: &'static str = "crossconnect-hops";
    /// The header that names.
    pub const PASSED: &'static str = "crossconnect-lineage";
}
