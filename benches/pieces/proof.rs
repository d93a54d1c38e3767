//! Signatures, as they are proved and made.

use crossconnect::model::Timestamp;
use crossconnect::secret::Secret;
use crossconnect::signature::{Custom, Encoding, Hash, KeyPair, Scheme, Signer, Verifier};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::captured::body;
use super::piece::Piece;

const ID: &str = "msg_01912345";
const WHSEC: &str = "whsec_YmVuY2gtb3V0Ym91bmQta2V5LTMyLWJ5dGVzLWxvbmc=";
const SEED: [u8; 32] = [7; 32];

fn schemes() -> [Scheme; 7] {
    let custom = Custom {
        hash: Hash::Sha256,
        encoding: Encoding::Hex,
        header: "x-signature".to_owned(),
        prefix: "sha256=".to_owned(),
        over: "{timestamp}.{body}".to_owned(),
    };
    [
        Scheme::StandardWebhooks,
        Scheme::StandardWebhooksEd25519,
        Scheme::Netbox,
        Scheme::Infrahub,
        Scheme::Github,
        Scheme::Gitlab,
        Scheme::Custom(custom),
    ]
}

pub fn verify() -> impl Iterator<Item = Piece> {
    schemes().into_iter().map(|scheme| {
        Piece::same(format!("verify {}", scheme.name()), move || {
            let (body, headers) = (body(), headers(&scheme));
            let secrets = vec![proving(&scheme)];
            let verifier =
                Verifier { scheme: scheme.clone(), secrets, tolerance: None, variants: Vec::new() };
            move || verifier.verify(&headers, &body, Timestamp::UNIX_EPOCH).unwrap()
        })
    })
}

pub fn sign() -> impl Iterator<Item = Piece> {
    schemes().into_iter().map(|scheme| {
        Piece::same(format!("sign {}", scheme.name()), move || {
            let (body, signer) = (body(), signer(&scheme));
            move || signer.sign(ID, 1_800_000_000, &body)
        })
    })
}

fn signer(scheme: &Scheme) -> Signer {
    let secret = match scheme {
        Scheme::StandardWebhooks => Secret::new(WHSEC),
        Scheme::StandardWebhooksEd25519 => KeyPair::from_seed(SEED).secret,
        _ => Secret::new("netbox-s3cret-of-some-length"),
    };
    Signer { scheme: scheme.clone(), secrets: vec![secret] }
}

/// What the other side has.
fn proving(scheme: &Scheme) -> Secret {
    match scheme {
        Scheme::StandardWebhooksEd25519 => Secret::new(KeyPair::from_seed(SEED).public),
        other => signer(other).secrets.remove(0),
    }
}

fn headers(scheme: &Scheme) -> HeaderMap {
    let signed = signer(scheme).sign(ID, 1_800_000_000, &body());
    let header = |(name, value): (String, String)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(&value).unwrap())
    };
    signed.into_iter().map(header).collect()
}
