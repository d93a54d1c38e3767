//! The doctor's word on schemes that send the secret itself.

use http::HeaderMap;

use super::tries::{KeyForm, Named};
use super::{Finding, renew};
use crate::signature::token::{TOKEN_HEADER, given, same};
use crate::signature::{Refusal, Scheme};

/// The secret that stands in the header, or what is wrong with it; `None`: there is no such header.
pub(super) fn explain(headers: &HeaderMap, secrets: &[Named<'_>]) -> Option<Result<Finding, String>> {
    let given = match given(TOKEN_HEADER, headers) {
        Ok(given) => given,
        Err(Refusal::MissingHeader(_)) => return None,
        Err(refusal) => return Some(Err(refusal.to_string())),
    };
    let found = secrets.iter().find_map(|named| {
        let text = named.secret.expose();
        let forms = [(KeyForm::Text, text), (KeyForm::Trimmed, text.trim())];
        let (form, _) = forms.into_iter().find(|(_, text)| same(given, text.as_bytes()))?;
        Some(finding(*named, form))
    });
    let count = secrets.len();
    let header = TOKEN_HEADER.to_ascii_lowercase();
    Some(found.ok_or_else(|| {
        format!("the token in {header} is none of the {count} secrets: the sender has another one")
    }))
}

fn finding(named: Named<'_>, form: KeyForm) -> Finding {
    let accepted = || format!("nothing to change: the scheme {} accepts it", Scheme::Gitlab.name());
    Finding {
        header: TOKEN_HEADER.to_ascii_lowercase(),
        scheme: Some(Scheme::Gitlab.name()),
        hash: None,
        over: "",
        text: "",
        key: form.phrase(),
        secret: named.label.to_owned(),
        expired_at: named.expired,
        remedy: named.expired.map(renew).or(form.remedy().map(str::to_owned)).unwrap_or_else(accepted),
    }
}
