//! Rendered URLs: what may come out, and what of them is fixed beforehand.

use http::Uri;

/// The scheme and authority that stand literally before the first expression of a template.
/// `None`: they, or a part of them, come from the event.
pub fn origin(template: &str) -> Option<Uri> {
    let fixed =
        ["{{", "{%", "{#"].iter().filter_map(|mark| template.find(mark)).min().unwrap_or(template.len());
    let literal = template.get(..fixed)?;
    let (scheme, rest) = literal.split_once("://")?;
    let end = rest.find(['/', '?'])?;
    format!("{scheme}://{}/", rest.get(..end)?).parse().ok()
}

/// Scheme and authority of a URL, in a form that can be compared.
pub fn origin_of(url: &Uri) -> (String, String) {
    let lower = |text: Option<&str>| text.unwrap_or_default().to_ascii_lowercase();
    (lower(url.scheme_str()), lower(url.authority().map(|authority| authority.as_str())))
}

pub(super) fn checked(template: &str, rendered: &str) -> Result<String, String> {
    let url: Uri = rendered.trim().parse().map_err(|_| "gave no URL".to_owned())?;
    if let Some(fixed) = origin(template)
        && origin_of(&fixed) != origin_of(&url)
    {
        return Err("left the host that it begins with".to_owned());
    }
    Ok(url.to_string())
}
