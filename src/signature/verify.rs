//! Proving what came in, and signing what leaves.

use http::HeaderMap;

use super::envelope::Envelope;
use super::key::ProvingKey;
use super::recipe::{ID, Message, Recipe, TIMESTAMP};
use super::{Refusal, Scheme, Signer, Verifier, token, variant};
use crate::model::{Proof, Timestamp};

/// A key and the place of its secret in the list.
type Key<'a> = (usize, ProvingKey<'a>);

impl Signer {
    /// The headers to add: `webhook-id` and `webhook-timestamp` with every scheme, and the
    /// signature's own, of which `github` has two. `timestamp` is in Unix seconds.
    ///
    /// Standard Webhooks messages carry a signature of every secret, the others one of the first.
    /// Where the secret itself is sent ([`Scheme::token_header`]), its header is not to be shown.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Vec<(String, String)> {
        let timestamp = timestamp.to_string();
        let mut headers = vec![(ID.to_owned(), id.to_owned()), (TIMESTAMP.to_owned(), timestamp.clone())];
        let message = Message { id, timestamp: &timestamp, body };
        let recipes = self.scheme.recipe().into_iter().chain(self.scheme.twin());
        headers.extend(recipes.filter_map(|recipe| self.signature(&recipe, &message)));
        let token = self.scheme.token_header().zip(self.secrets.first());
        headers.extend(token.map(|(header, secret)| (header.to_owned(), secret.expose().to_owned())));
        headers
    }

    /// One header with its signatures; `None`: there is no secret that signs.
    fn signature(&self, recipe: &Recipe<'_>, message: &Message<'_>) -> Option<(String, String)> {
        let takes_many = matches!(self.scheme, Scheme::StandardWebhooks | Scheme::StandardWebhooksEd25519);
        let many = if takes_many { self.secrets.len() } else { 1 };
        let written = |secret| Some(recipe.written(&self.scheme.tag(secret, recipe, message)?));
        let signatures: Vec<String> = self.secrets.iter().take(many).filter_map(written).collect();
        (!signatures.is_empty()).then(|| (recipe.header.to_owned(), signatures.join(" ")))
    }
}

impl Verifier {
    /// Signs as a sender does whom this verifier accepts: with the same scheme and secrets.
    pub fn signer(&self) -> Signer {
        Signer { scheme: self.scheme.clone(), secrets: self.secrets.clone() }
    }

    /// Checks the raw bytes, then the variants. All compares are constant-time.
    ///
    /// A verifier without a scheme ([`Scheme::None`]) or without a secret accepts nothing: a
    /// source that is open, or proved otherwise, has no verifier.
    ///
    /// # Errors
    /// The first reason found; the sender must not learn which.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Proof, Refusal> {
        if let Some(header) = self.scheme.token_header() {
            let secret = token::matching(header, &self.secrets, headers)?;
            let scheme = self.scheme.name().to_owned();
            return Ok(Proof { scheme, variant: None, secret: Some(secret) });
        }
        let recipe = self.scheme.recipe().ok_or(Refusal::Mismatch)?;
        let envelope = Envelope::read(&recipe, headers)?;
        self.check_age(&envelope, now)?;
        let keys = self.keys();
        if let Some(secret) = matching(&recipe, &keys, &envelope, body) {
            return Ok(self.proof("raw", secret));
        }
        for (name, text) in variant::texts(body, &self.variants) {
            if let Some(secret) = matching(&recipe, &keys, &envelope, text.as_bytes()) {
                return Ok(self.proof(name, secret));
            }
        }
        Err(Refusal::Mismatch)
    }

    fn check_age(&self, envelope: &Envelope<'_>, now: Timestamp) -> Result<(), Refusal> {
        let (Some(seconds), Some(tolerance)) = (envelope.seconds, self.tolerance) else { return Ok(()) };
        let off_by = now.as_second() - seconds;
        match off_by.unsigned_abs() > tolerance.as_secs() {
            true => Err(Refusal::Stale { off_by, tolerance: tolerance.as_secs() }),
            false => Ok(()),
        }
    }

    fn keys(&self) -> Vec<Key<'_>> {
        let secrets = self.secrets.iter().enumerate();
        secrets
            .flat_map(|(place, secret)| {
                self.scheme.proving_keys(secret).into_iter().map(move |key| (place, key))
            })
            .collect()
    }

    fn proof(&self, variant: &str, secret: usize) -> Proof {
        Proof {
            scheme: self.scheme.name().to_owned(),
            variant: Some(variant.to_owned()),
            secret: Some(secret),
        }
    }
}

/// The first secret that made one of the signatures. Every one is asked, whatever was found.
fn matching(recipe: &Recipe<'_>, keys: &[Key<'_>], envelope: &Envelope<'_>, text: &[u8]) -> Option<usize> {
    let message = envelope.message(text);
    keys.iter().fold(None, |found, (place, key)| {
        let proves = key.proves(recipe, &message, &envelope.tags);
        found.or(proves.then_some(*place))
    })
}
