//! The doctor's word on schemes that send the secret itself.

use http::HeaderMap;

use super::Finding;
use super::tries::KeyForm;
use crate::secret::Secret;
use crate::signature::token::{TOKEN_HEADER, given, same};
use crate::signature::{Refusal, Scheme};

/// The secret that stands in the header, or what is wrong with it; `None`: there is no such header.
pub(super) fn explain(headers: &HeaderMap, secrets: &[(String, Secret)]) -> Option<Result<Finding, String>> {
    let given = match given(TOKEN_HEADER, headers) {
        Ok(given) => given,
        Err(Refusal::MissingHeader(_)) => return None,
        Err(refusal) => return Some(Err(refusal.to_string())),
    };
    let found = secrets.iter().find_map(|(label, secret)| {
        let forms = [(KeyForm::Text, secret.expose()), (KeyForm::Trimmed, secret.expose().trim())];
        let (form, _) = forms.into_iter().find(|(_, text)| same(given, text.as_bytes()))?;
        Some(finding(label, form))
    });
    let count = secrets.len();
    let header = TOKEN_HEADER.to_ascii_lowercase();
    Some(found.ok_or_else(|| {
        format!("the token in {header} is none of the {count} secrets: the sender has another one")
    }))
}

fn finding(label: &str, form: KeyForm) -> Finding {
    let accepted = || format!("nothing to change: the scheme {} accepts it", Scheme::Gitlab.name());
    Finding {
        header: TOKEN_HEADER.to_ascii_lowercase(),
        scheme: Some(Scheme::Gitlab.name()),
        hash: None,
        over: "",
        text: "",
        key: form.phrase(),
        secret: label.to_owned(),
        remedy: form.remedy().map_or_else(accepted, str::to_owned),
    }
}
