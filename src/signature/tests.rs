//! Vectors, captured requests and properties of the whole room.

mod asymmetric;
mod corpus;
mod doctor;
mod expiry;
mod schemes;
mod variants;
mod vectors;

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Refusal, Scheme, Verifier};
use crate::model::{Proof, Timestamp};
use crate::secret::Secret;

fn headers<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    headers
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn verifier(scheme: Scheme, secrets: &[&str]) -> Verifier {
    Verifier {
        scheme,
        secrets: secrets.iter().map(|&text| Secret::new(text)).collect(),
        tolerance: Some(Duration::from_secs(300)),
        variants: Vec::new(),
    }
}

fn raw(scheme: &str, secret: usize) -> Result<Proof, Refusal> {
    let proof = Proof { scheme: scheme.to_owned(), variant: Some("raw".to_owned()), secret: Some(secret) };
    Ok(proof)
}
