//! What a token endpoint says: a token, or why there is none.
//!
//! Of what it says about a failure only the error's name is told: descriptions may quote what was
//! sent.

use std::time::Duration;

use http::header::LOCATION;
use serde_json::Value;

use super::LARGEST;
use crate::config::OAuth2;
use crate::model::FailureClass;
use crate::outbound::classify::Failure;
use crate::outbound::client::Answer;
use crate::outbound::party::Party;

/// Where the answer does not say how long a token lasts.
const USUAL: Duration = Duration::from_secs(5 * 60);
/// However long it is said to last.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A token and how long it lasts.
pub(super) struct Granted {
    pub token: String,
    pub lasts: Duration,
}

pub(super) fn read(answer: &Answer, client: &OAuth2) -> Result<Granted, Failure> {
    match answer.status {
        200..=299 => granted(answer),
        400 | 401 => Err(refused(answer, client)),
        status => Err(of_status(answer, status)),
    }
}

fn of_status(answer: &Answer, status: u16) -> Failure {
    // Path and query of a redirect may repeat what was sent.
    let location = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok());
    let url = location.and_then(|to| to.parse::<http::Uri>().ok());
    let host = url.as_ref().and_then(|url| url.host());
    Failure::of_status_with(Party::Tokens, status, host).unwrap_or_else(|| no_token("answered without one"))
}

fn granted(answer: &Answer) -> Result<Granted, Failure> {
    if !answer.whole {
        return Err(no_token(match answer.body.len() >= LARGEST {
            true => "answered with more than 64 KiB",
            false => "broke off its answer",
        }));
    }
    let said: Value = serde_json::from_slice(&answer.body).map_err(|_| no_token("answered with no JSON"))?;
    let kind = said.get("token_type").and_then(Value::as_str);
    if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(no_token("gives out tokens that are no bearer tokens"));
    }
    match said.get("access_token").and_then(Value::as_str).filter(|token| is_token(token)) {
        Some(token) => Ok(Granted { token: token.to_owned(), lasts: lasts(&said) }),
        None => Err(no_token("answered without an access_token")),
    }
}

/// One word of visible ASCII.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// In seconds; some endpoints write them as text.
fn lasts(said: &Value) -> Duration {
    let seconds = match said.get("expires_in") {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    match seconds {
        Some(seconds) if seconds.is_finite() => {
            Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST).min(LONGEST)
        }
        _ => USUAL,
    }
}

fn refused(answer: &Answer, client: &OAuth2) -> Failure {
    let said: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let code = said.as_ref().and_then(|said| said.get("error")).and_then(Value::as_str);
    let code = code.filter(|code| is_name(code) && *code != client.client_secret.expose());
    let remedy = match code {
        Some("invalid_scope") => "mend auth.oauth2.scope, or let the client have this scope",
        Some("unauthorized_client" | "unsupported_grant_type") => {
            "allow the client the grant client_credentials at the token endpoint"
        }
        Some("invalid_target") => "mend auth.oauth2.audience",
        Some("invalid_request") if client.in_body => {
            "check auth.oauth2, and whether the endpoint wants `credentials: header`"
        }
        Some("invalid_request") => "check auth.oauth2, and whether the endpoint wants `credentials: body`",
        _ => {
            "check auth.oauth2's client_id and client_secret, and how the endpoint wants them (`credentials`)"
        }
    };
    let code = code.map(|code| format!(": {code}")).unwrap_or_default();
    let text = format!("the token endpoint answered {}{code}", answer.status);
    Failure::new(FailureClass::Config, text, remedy)
}

/// The names of errors are words like `invalid_client`.
fn is_name(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn no_token(what: &str) -> Failure {
    let remedy = "check auth.oauth2.token_url: it is the token endpoint of an OAuth 2.0 server";
    Failure::new(FailureClass::Config, format!("the token endpoint {what}"), remedy)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::secret::Secret;

    fn client() -> OAuth2 {
        OAuth2 {
            token_url: "https://sso.example/token".parse().unwrap(),
            client_id: "gateway".to_owned(),
            client_secret: Secret::new("hunter_two"),
            scope: None,
            audience: None,
            in_body: false,
        }
    }

    fn said(status: u16, body: &str) -> Result<Granted, Failure> {
        let answer = Answer { status, headers: HeaderMap::new(), body: body.into(), whole: true };
        read(&answer, &client())
    }

    #[test]
    fn how_long_a_token_lasts_is_read_however_it_is_written() {
        for (expires, seconds) in [
            (r#", "expires_in": 3600"#, 3600.0),
            (r#", "expires_in": "60""#, 60.0),
            (r#", "expires_in": 1.5"#, 1.5),
            (r#", "expires_in": 0"#, 0.0),
            (r#", "expires_in": -5"#, 0.0),
            (r#", "expires_in": 1e300"#, 86_400.0),
            (r#", "expires_in": 99999999999999999999999999"#, 86_400.0),
            (r#", "expires_in": "NaN""#, 300.0),
            (r#", "expires_in": null"#, 300.0),
            ("", 300.0),
        ] {
            let granted = said(200, &format!(r#"{{"access_token": "t", "token_type": "bearer"{expires}}}"#));
            assert_eq!(granted.unwrap_or_else(|f| panic!("{f}")).lasts.as_secs_f64(), seconds, "{expires}");
        }
    }

    #[test]
    fn what_is_no_token_is_told_without_what_was_sent() {
        let long = "x".repeat(100);
        for (status, body, class, error) in [
            (200, "<html>", FailureClass::Config, "the token endpoint answered with no JSON"),
            (200, "{}", FailureClass::Config, "the token endpoint answered without an access_token"),
            (
                200,
                r#"{"access_token": "a b"}"#,
                FailureClass::Config,
                "the token endpoint answered without an access_token",
            ),
            (
                200,
                r#"{"access_token": "a", "token_type": "mac"}"#,
                FailureClass::Config,
                "the token endpoint gives out tokens that are no bearer tokens",
            ),
            (
                401,
                r#"{"error": "invalid_client"}"#,
                FailureClass::Config,
                "the token endpoint answered 401: invalid_client",
            ),
            (
                400,
                r#"{"error": "invalid_scope", "error_description": "hunter_two"}"#,
                FailureClass::Config,
                "the token endpoint answered 400: invalid_scope",
            ),
            (400, r#"{"error": "hunter_two"}"#, FailureClass::Config, "the token endpoint answered 400"),
            (
                400,
                &format!(r#"{{"error": "{long}"}}"#),
                FailureClass::Config,
                "the token endpoint answered 400",
            ),
            (403, "{}", FailureClass::Http4xx, "the token endpoint answered 403"),
            (503, "{}", FailureClass::Http5xx, "the token endpoint answered 503"),
        ] {
            let failure = said(status, body).err().unwrap();
            assert_eq!((failure.class, failure.error.as_str()), (class, error), "{body}");
            assert!(!failure.remedy.is_empty());
        }
    }
}
