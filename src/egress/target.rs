//! Where one delivery goes and what it says, its secrets filled in.
//!
//! The only place that turns the marks of a stored delivery into what they stand for.

use std::borrow::Cow;

use bytes::Bytes;
use http::Uri;

use crate::config::{Destination, Target};
use crate::model::Delivery;
use crate::outbound::classify::Unusable;
use crate::outbound::echo::quoted;
use crate::percent;
use crate::secret::{fill, is_marked, masked};
use crate::template::origin_of;

/// Later deliveries of the object wait behind this one.
const AGAIN: &str = "no further attempt can mend it: cancel it, then replay its receipt";

/// Where a text stands decides how a secret in it is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Url,
    Header,
    Json,
    Form,
    Text,
}

/// The URL of a delivery.
pub(super) fn url(destination: &Destination, delivery: &Delivery) -> Result<Uri, Unusable> {
    let origin = match (&destination.url, &delivery.url) {
        (Target::Fixed(url), _) => return Ok(url.clone()),
        (Target::Template { .. }, None) => {
            let error = "the delivery was made before the destination's URL became a template";
            return Err(Unusable::new(error, AGAIN));
        }
        (Target::Template { origin, .. }, Some(_)) => origin,
    };
    let text = delivery.url.as_deref().unwrap_or_default();
    let url: Uri = filled(destination, delivery, text, Place::Url)?.parse().map_err(|_| {
        Unusable::new("the rendered URL is none", "correct the template and replay the receipt")
    })?;
    if origin.as_ref().is_some_and(|origin| origin_of(origin) != origin_of(&url)) {
        let error = "the delivery was rendered for another host than the destination has now";
        return Err(Unusable::new(error, AGAIN));
    }
    Ok(url)
}

/// The body as it leaves.
pub(super) fn body(destination: &Destination, delivery: &Delivery) -> Result<Bytes, Unusable> {
    let Ok(text) = std::str::from_utf8(&delivery.body) else { return Ok(delivery.body.clone()) };
    if !is_marked(text, delivery.id) {
        return Ok(delivery.body.clone());
    }
    let place = match delivery.content_type.to_ascii_lowercase() {
        kind if kind.contains("json") => Place::Json,
        kind if kind.contains("x-www-form-urlencoded") => Place::Form,
        _ => Place::Text,
    };
    match filled(destination, delivery, text, place)? {
        Cow::Borrowed(_) => Ok(delivery.body.clone()),
        Cow::Owned(filled) => Ok(Bytes::from(filled)),
    }
}

/// A text with the delivery's secrets in it.
pub(super) fn filled<'t>(
    destination: &Destination,
    delivery: &Delivery,
    text: &'t str,
    place: Place,
) -> Result<Cow<'t, str>, Unusable> {
    let value = |name: &str| Some(place.written(destination.secrets.get(name)?.expose()));
    fill(text, delivery.id, value).map_err(|name| {
        let error = format!("the delivery needs the secret `{name}`, which the destination no longer has");
        Unusable::new(error, "add it to the destination's `secrets`")
    })
}

/// Where a delivery goes, as it may be shown.
pub(super) fn shown(destination: &Destination, delivery: &Delivery) -> String {
    let rendered = delivery.url.as_deref().filter(|_| matches!(destination.url, Target::Template { .. }));
    match rendered {
        // Its marks are letters that a URL may hold.
        Some(text) => match text.parse() {
            Ok(url) => masked(&destination.shown(&url), delivery.id).into_owned(),
            Err(_) => destination.shown_target(),
        },
        None => destination.shown_target(),
    }
}

/// A delivery's body, as it may be shown.
pub(super) fn shown_body(delivery: &Delivery) -> Bytes {
    match std::str::from_utf8(&delivery.body).map(|text| masked(text, delivery.id)) {
        Ok(Cow::Owned(masked)) => Bytes::from(masked),
        _ => delivery.body.clone(),
    }
}

impl Place {
    /// A secret as it is written there.
    pub fn written(self, secret: &str) -> String {
        match self {
            Self::Header | Self::Text => secret.to_owned(),
            Self::Url | Self::Form => percent::encode(secret, percent::unreserved),
            Self::Json => quoted(secret),
        }
    }
}
