//! What is likely to be a credential. Better one too many: a placeholder costs a look at the
//! CMDB, a secret that slips through is lost.

use crate::secret;

/// Words before a credential in a header.
const SCHEMES: [&str; 12] = [
    "apikey",
    "api-key",
    "basic",
    "bearer",
    "digest",
    "genie",
    "geniekey",
    "key",
    "negotiate",
    "splunk",
    "ssws",
    "token",
];

/// Parts of names of fields that hold credentials wherever they stand. `key` alone is none: half
/// of all APIs have fields of that name.
const STRONG: [&str; 21] = [
    "token",
    "secret",
    "passw",
    "passphrase",
    "passwd",
    "pwd",
    "credential",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "access-key",
    "privatekey",
    "private_key",
    "shared_key",
    "auth_key",
    "authkey",
    "authorization",
    "bearer",
    "x-auth",
];

/// Names of query parameters that hold credentials in well-known services.
const PARAMETERS: [&str; 7] = ["sig", "code", "pass", "pwd", "sid", "jwt", "hash"];

/// Hosts whose paths are secrets, with what they are below.
const SECRET_PATHS: [&str; 9] = [
    "hooks.slack.com",
    "discord.com",
    "discordapp.com",
    "webhook.office.com",
    "outlook.office.com",
    "outlook.office365.com",
    "hooks.zapier.com",
    "hook.integromat.com",
    "maker.ifttt.com",
];

/// A value without word breaks that is longer than this, with letters and digits, was not thought
/// up by a person.
const RANDOM: usize = 20;

/// Whether the value of a header is a credential.
pub(super) fn is_header(name: &str, value: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let named = secret::sounds_secret(name)
        || ["passw", "pwd", "session", "bearer", "jwt"].iter().any(|word| lower.contains(word));
    !value.trim().is_empty() && (named || scheme(value).is_some() || looks_random(value))
}

/// Whether a field of this name holds a credential in any document.
pub(super) fn is_field(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    STRONG.iter().any(|word| lower.contains(word)) || ["auth", "pass"].contains(&lower.as_str())
}

/// Whether a query parameter holds a credential.
pub(super) fn is_parameter(name: &str, value: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    secret::sounds_secret(&lower)
        || lower.contains("pwd")
        || PARAMETERS.contains(&lower.as_str())
        || looks_random(value)
}

/// Whether the path of every URL of this host is a secret.
pub(super) fn has_secret_path(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    SECRET_PATHS.iter().any(|known| {
        host.strip_suffix(known).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

/// The word before the credential, with the space behind it: `Bearer `.
pub(super) fn scheme(value: &str) -> Option<&str> {
    let value = value.trim_start();
    let (word, rest) = value.split_once(' ')?;
    let known = SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
    (known && !rest.trim().is_empty()).then(|| value.get(..=word.len()).unwrap_or_default())
}

/// Whether any run of letters and digits in a text looks like chance. UUIDs do not: they are ids
/// more often than secrets.
pub(super) fn looks_random(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_random)
}

fn is_random(run: &str) -> bool {
    let has = |test: fn(&u8) -> bool| run.bytes().any(|byte| test(&byte));
    run.len() >= RANDOM && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_name_by_scheme_or_by_looks() {
        for (name, value) in [
            ("Authorization", "x"),
            ("X-Api-Key", "hunter2"),
            ("X-Gitlab-Token", "t"),
            ("X-Custom", "Bearer abc"),
            ("X-Custom", "xoxb-0123456789ab-AbCdEfGhIjKlMnOpQr01"),
            ("Cookie", "a=b"),
        ] {
            assert!(is_header(name, value), "{name}: {value}");
        }
        for (name, value) in [
            ("X-Origin", "netbox"),
            ("Accept", "application/json"),
            ("Authorization", ""),
            ("X-Id", "05c732a7-58f6-4c8e-9b1d-0123456789ab"),
            ("X-Note", "basic"),
        ] {
            assert!(!is_header(name, value), "{name}: {value}");
        }
    }

    #[test]
    fn the_word_before_a_credential_is_kept() {
        assert_eq!(scheme("Bearer abc"), Some("Bearer "));
        assert_eq!(scheme("token  abc"), Some("token "));
        assert_eq!(scheme("abc"), None);
        assert_eq!(scheme("über abc"), None);
    }

    #[test]
    fn fields_called_key_are_no_secrets_but_keys_to_something_are() {
        assert!(is_field("api_key") && is_field("PASSWORD") && is_field("auth"));
        assert!(!is_field("key") && !is_field("dedup_key") && !is_field("author"));
        assert!(is_parameter("sig", "x") && is_parameter("api-key", "x") && !is_parameter("state", "up"));
        assert!(has_secret_path("acme.webhook.office.com") && !has_secret_path("nodiscord.com"));
    }
}
