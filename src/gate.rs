//! What a request must prove before anybody looks into its body.
//!
//! Pure: headers, token, address, bytes and an instant in; a proof, or the reason why not, out.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::model::{Proof, Timestamp};
use crate::secret::Secret;
use crate::signature::{Refusal, Verifier};

/// The proofs a source asks for. All the parts that are set must hold; `open` alone asks nothing.
#[derive(Debug)]
pub struct Gate {
    pub signature: Option<Verifier>,
    /// The last segment of the path.
    pub token: Option<Secret>,
    pub addresses: Vec<IpNet>,
    pub open: bool,
}

/// Why a request proved nothing; for the log and the metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    #[error("the address {0} is not among allow_addresses")]
    Address(String),
    #[error("the path token is missing")]
    MissingToken,
    #[error("the path token is wrong")]
    WrongToken,
    #[error("the source asks for no proof and is not open")]
    NothingAsked,
    #[error(transparent)]
    Signature(#[from] Refusal),
}

impl Unproved {
    /// The label in metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::MissingToken => "missing_token",
            Self::WrongToken => "wrong_token",
            Self::NothingAsked => "nothing_asked",
            Self::Signature(refusal) => refusal.code(),
        }
    }
}

impl Gate {
    /// Checks every proof that is asked for.
    pub fn prove(
        &self,
        headers: &HeaderMap,
        token: Option<&str>,
        client: Option<IpAddr>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Proof, Unproved> {
        let mut proof = Proof { scheme: "open".to_owned(), variant: None, secret: None };
        if !self.addresses.is_empty() {
            let allowed = client.is_some_and(|client| self.addresses.iter().any(|net| net.contains(&client)));
            if !allowed {
                return Err(Unproved::Address(
                    client.map_or_else(|| "unknown".to_owned(), |ip| ip.to_string()),
                ));
            }
            proof.scheme = "address".to_owned();
        }
        if let Some(wanted) = &self.token {
            let token = token.ok_or(Unproved::MissingToken)?;
            if !same(token, wanted.expose()) {
                return Err(Unproved::WrongToken);
            }
            proof.scheme = "token".to_owned();
        }
        match &self.signature {
            Some(verifier) => Ok(verifier.verify(headers, body, now)?),
            // Configs like that are refused; should one get through, the door stays shut.
            None if proof.scheme == "open" && !self.open => Err(Unproved::NothingAsked),
            None => Ok(proof),
        }
    }
}

/// Equal, in a time that tells neither where the texts differ nor how long the secret is.
fn same(given: &str, wanted: &str) -> bool {
    Sha256::digest(given).ct_eq(&Sha256::digest(wanted)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_that_asks_for_nothing_is_shut_unless_it_is_open() {
        let prove = |open| {
            let gate = Gate { signature: None, token: None, addresses: Vec::new(), open };
            gate.prove(&HeaderMap::new(), None, None, b"{}", Timestamp::UNIX_EPOCH).map(|proof| proof.scheme)
        };
        assert_eq!(prove(false), Err(Unproved::NothingAsked));
        assert_eq!(prove(true).as_deref(), Ok("open"));
    }
}
