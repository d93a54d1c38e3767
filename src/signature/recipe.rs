//! Every scheme boiled down to one description: which header, which hash, over what.
//!
//! Knows neither secrets nor a clock.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Custom, Encoding, Hash, Scheme, ed25519};

pub(super) const ID: &str = "webhook-id";
pub(super) const TIMESTAMP: &str = "webhook-timestamp";
/// What GitHub still sends for receivers of its first years.
pub(super) const TWIN: &str = "X-Hub-Signature";

/// What a scheme comes down to.
#[derive(Debug)]
pub(super) struct Recipe<'a> {
    pub algorithm: Algorithm,
    pub encoding: Encoding,
    pub header: &'a str,
    pub prefix: &'a str,
    pub over: Vec<Part<'a>>,
    /// What may stand between several signatures in one header.
    pub separators: &'static [char],
}

/// How a signature is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hmac(Hash),
    Ed25519,
}

impl Algorithm {
    /// Of a signature, in bytes.
    pub fn length(self) -> usize {
        match self {
            Self::Hmac(hash) => hash.length(),
            Self::Ed25519 => ed25519::SIGNATURE,
        }
    }

    /// How many signatures of one header are looked at. Comparing codes costs nothing; an
    /// asymmetric signature is worked out anew, body and all, and anybody may ask for it.
    pub fn most(self) -> usize {
        match self {
            Self::Hmac(_) => 32,
            Self::Ed25519 => 8,
        }
    }
}

/// A piece of the text that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Id,
    Timestamp,
    Body,
}

/// What fills the pieces of one message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    pub id: &'a str,
    pub timestamp: &'a str,
    pub body: &'a [u8],
}

const SIGNED_BY_ID: [Part<'static>; 5] =
    [Part::Id, Part::Text("."), Part::Timestamp, Part::Text("."), Part::Body];

impl Scheme {
    /// `None` for [`Scheme::None`], and where the secret itself is sent.
    pub(super) fn recipe(&self) -> Option<Recipe<'_>> {
        let over_body = |hash, header, prefix| Recipe {
            algorithm: Algorithm::Hmac(hash),
            encoding: Encoding::Hex,
            header,
            prefix,
            over: vec![Part::Body],
            separators: &[],
        };
        let over_all = |algorithm, prefix| Recipe {
            algorithm,
            encoding: Encoding::Base64,
            header: "webhook-signature",
            prefix,
            over: SIGNED_BY_ID.to_vec(),
            separators: &[' '],
        };
        match self {
            Self::StandardWebhooks | Self::Infrahub => Some(over_all(Algorithm::Hmac(Hash::Sha256), "v1,")),
            Self::StandardWebhooksEd25519 => Some(over_all(Algorithm::Ed25519, "v1a,")),
            Self::Netbox => Some(over_body(Hash::Sha512, "X-Hook-Signature", "")),
            Self::Github => Some(over_body(Hash::Sha256, "X-Hub-Signature-256", "sha256=")),
            Self::Custom(custom) => Some(custom.recipe()),
            Self::Gitlab | Self::None => None,
        }
    }

    /// A second signature that is sent beside the first, and never verified.
    pub(super) fn twin(&self) -> Option<Recipe<'_>> {
        let first = self.recipe().filter(|_| *self == Self::Github)?;
        Some(Recipe { algorithm: Algorithm::Hmac(Hash::Sha1), header: TWIN, prefix: "sha1=", ..first })
    }
}

impl Custom {
    fn recipe(&self) -> Recipe<'_> {
        let separators: &[char] = match (self.prefix.contains(','), self.prefix.contains(' ')) {
            (false, false) => &[' ', ','],
            (true, false) => &[' '],
            (false, true) => &[','],
            (true, true) => &[],
        };
        Recipe {
            algorithm: Algorithm::Hmac(self.hash),
            encoding: self.encoding,
            header: &self.header,
            prefix: &self.prefix,
            over: parts(&self.over),
            separators,
        }
    }
}

/// Splits a template; braces around anything but a known name are plain text.
pub(super) fn parts(mut over: &str) -> Vec<Part<'_>> {
    const NAMES: [(&str, Part<'static>); 3] =
        [("{body}", Part::Body), ("{id}", Part::Id), ("{timestamp}", Part::Timestamp)];
    let mut parts = Vec::new();
    while !over.is_empty() {
        let next = NAMES
            .iter()
            .filter_map(|(name, part)| Some((over.find(name)?, *name, *part)))
            .min_by_key(|n| n.0);
        let Some((at, name, part)) = next else {
            parts.push(Part::Text(over));
            break;
        };
        let (text, rest) = over.split_at(at);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        parts.push(part);
        over = rest.strip_prefix(name).unwrap_or_default();
    }
    parts
}

impl Recipe<'_> {
    pub fn needs(&self, part: Part<'_>) -> bool {
        self.over.contains(&part)
    }

    /// What is signed of a message, piece by piece.
    pub fn pieces<'m>(&'m self, message: &Message<'m>) -> impl Iterator<Item = &'m [u8]> {
        let Message { id, timestamp, body } = *message;
        self.over.iter().map(move |part| match part {
            Part::Text(text) => text.as_bytes(),
            Part::Id => id.as_bytes(),
            Part::Timestamp => timestamp.as_bytes(),
            Part::Body => body,
        })
    }

    /// One signature as it stands in the header.
    pub fn written(&self, tag: &[u8]) -> String {
        format!("{}{}", self.prefix, self.encoding.encode(tag))
    }

    /// The code in one entry of the header; `None` for another version's, or a broken one.
    pub fn read(&self, entry: &str) -> Option<Vec<u8>> {
        let tag = self.encoding.decode(entry.trim_matches(' ').strip_prefix(self.prefix)?)?;
        (tag.len() == self.algorithm.length()).then_some(tag)
    }

    /// What an entry looks like, for messages.
    pub fn expected(&self) -> String {
        let (length, encoding) = (self.algorithm.length(), self.encoding.name());
        format!("expected {:?} and {length} bytes in {encoding}", self.prefix)
    }
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
        }
    }

    pub fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::Base64 => STANDARD.encode(bytes),
        }
    }

    /// Strict: hex in either case, base64 with its padding and nothing left over.
    pub fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => hex::decode(text).ok(),
            Self::Base64 => STANDARD.decode(text).ok(),
        }
    }
}
