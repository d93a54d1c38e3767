//! Proving what came in, and signing what leaves.

use http::HeaderMap;

use super::envelope::Envelope;
use super::key::ProvingKey;
use super::recipe::{ID, Message, Recipe, TIMESTAMP};
use super::{Refusal, Scheme, Signer, Verifier, token, variant};
use crate::model::{Proof, Timestamp};
use crate::secret::Secret;

/// A key and the secret it was made of, with its place in the list.
type Key<'a> = (usize, &'a Secret, ProvingKey<'a>);

/// Which secrets were found to be right.
#[derive(Debug, Default)]
pub(super) struct Matches {
    /// The first that holds.
    valid: Option<usize>,
    /// When the first that is over ended.
    expired: Option<Timestamp>,
}

impl Matches {
    pub fn add(&mut self, place: usize, secret: &Secret, now: Timestamp) {
        match secret.expired_at(now) {
            None => self.valid = self.valid.or(Some(place)),
            Some(until) => self.expired = self.expired.or(Some(until)),
        }
    }

    /// The place of the first that holds; else why not.
    pub fn proved(&self) -> Result<usize, Refusal> {
        self.valid.ok_or_else(|| self.refusal())
    }

    fn refusal(&self) -> Refusal {
        self.expired.map_or(Refusal::Mismatch, |until| Refusal::Expired { until })
    }
}

impl Signer {
    /// The headers to add: `webhook-id` and `webhook-timestamp` with every scheme, and the
    /// signature's own, of which `github` has two. `timestamp` is in Unix seconds.
    ///
    /// Standard Webhooks messages carry a signature of every secret, the others one of the first;
    /// those that are over do not count. Without any, there is no signature.
    /// Where the secret itself is sent ([`Scheme::token_header`]), its header is not to be shown.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Vec<(String, String)> {
        let (at, timestamp) = (instant(timestamp), timestamp.to_string());
        let mut headers = vec![(ID.to_owned(), id.to_owned()), (TIMESTAMP.to_owned(), timestamp.clone())];
        let message = Message { id, timestamp: &timestamp, body };
        let recipes = self.scheme.recipe().into_iter().chain(self.scheme.twin());
        let secrets = self.valid(at);
        headers.extend(recipes.filter_map(|recipe| self.signature(&secrets, &recipe, &message)));
        let token = self.scheme.token_header().zip(secrets.first());
        headers.extend(token.map(|(header, secret)| (header.to_owned(), secret.expose().to_owned())));
        headers
    }

    /// One header with its signatures; `None`: there is no secret that signs.
    fn signature(
        &self,
        secrets: &[&Secret],
        recipe: &Recipe<'_>,
        message: &Message<'_>,
    ) -> Option<(String, String)> {
        let takes_many = matches!(self.scheme, Scheme::StandardWebhooks | Scheme::StandardWebhooksEd25519);
        let many = if takes_many { secrets.len() } else { 1 };
        let written = |secret: &Secret| Some(recipe.written(&self.scheme.tag(secret, recipe, message)?));
        let signatures: Vec<String> =
            secrets.iter().take(many).filter_map(|secret| written(secret)).collect();
        (!signatures.is_empty()).then(|| (recipe.header.to_owned(), signatures.join(" ")))
    }

    fn valid(&self, at: Timestamp) -> Vec<&Secret> {
        self.secrets.iter().filter(|secret| secret.expired_at(at).is_none()).collect()
    }

    /// Since when no secret is left, if all are over at `timestamp` (Unix seconds).
    pub fn expired_at(&self, timestamp: i64) -> Option<Timestamp> {
        let at = instant(timestamp);
        let ends: Option<Vec<Timestamp>> = self.secrets.iter().map(|secret| secret.expired_at(at)).collect();
        ends?.into_iter().max()
    }
}

impl Verifier {
    /// Signs as a sender does whom this verifier accepts: with the same scheme and secrets.
    pub fn signer(&self) -> Signer {
        Signer { scheme: self.scheme.clone(), secrets: self.secrets.clone() }
    }

    /// Checks the raw bytes, then the variants. Compares with what a shared secret makes take constant
    /// time.
    ///
    /// A verifier without a scheme ([`Scheme::None`]) or without a secret accepts nothing: a
    /// source that is open, or proved otherwise, has no verifier.
    ///
    /// # Errors
    /// The first reason found; the sender must not learn which.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Proof, Refusal> {
        if let Some(header) = self.scheme.token_header() {
            let secret = token::matching(header, &self.secrets, headers, now)?.proved()?;
            let scheme = self.scheme.name().to_owned();
            return Ok(Proof { scheme, variant: None, secret: Some(secret) });
        }
        let recipe = self.scheme.recipe().ok_or(Refusal::Mismatch)?;
        let envelope = Envelope::read(&recipe, headers)?;
        self.check_age(&envelope, now)?;
        let keys = self.keys();
        let mut found = Matches::default();
        let mut proved = |text: &[u8]| {
            let message = envelope.message(text);
            // Every key is asked, whatever was found.
            for (place, secret, key) in &keys {
                if key.proves(&recipe, &message, &envelope.tags) {
                    found.add(*place, secret, now);
                }
            }
            found.valid
        };
        if let Some(secret) = proved(body) {
            return Ok(self.proof("raw", secret));
        }
        let mut texts = variant::texts(body, &self.variants).into_iter();
        let variant = texts.find_map(|(name, text)| Some(self.proof(name, proved(text.as_bytes())?)));
        variant.ok_or_else(|| found.refusal())
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
        let keys = |(place, secret)| {
            self.scheme.proving_keys(secret).into_iter().map(move |key| (place, secret, key))
        };
        secrets.flat_map(keys).collect()
    }

    fn proof(&self, variant: &str, secret: usize) -> Proof {
        Proof {
            scheme: self.scheme.name().to_owned(),
            variant: Some(variant.to_owned()),
            secret: Some(secret),
        }
    }
}

/// What is beyond all times counts as later than any.
fn instant(timestamp: i64) -> Timestamp {
    Timestamp::from_second(timestamp).unwrap_or(Timestamp::MAX)
}
