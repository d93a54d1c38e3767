//! The bearer token of the admin address, and the check that keeps browsers of other sites out.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Problem, Shared};
use crate::reply::Rejection;
use crate::serve::Peer;

/// With a token configured every request must bear it. Without one the address is loopback only,
/// and then a page of another site must not reach it through the operator's browser.
pub async fn check(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let token = shared.rules.borrow().config.admin.token.clone();
    let refusal = match token {
        Some(token) => (!bears(&request, token.expose())).then(unauthorized),
        None => (!is_local(&request)).then(foreign),
    };
    match refusal {
        Some(rejection) => Problem(rejection).into_response(),
        None => next.run(request).await,
    }
}

fn bears(request: &Request, token: &str) -> bool {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    given.is_some_and(|(_, given)| Sha256::digest(given.trim()).ct_eq(&Sha256::digest(token)).into())
}

/// A browser sends `Origin` along, and the name it resolved as `Host`. The peer counts because a
/// reload may take the token away from an address that was bound while there was one.
fn is_local(request: &Request) -> bool {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip().to_canonical());
    if peer.is_some_and(|peer| !peer.is_loopback()) {
        return false;
    }
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let local = name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let origin = request.headers().get(header::ORIGIN).and_then(|value| value.to_str().ok());
    local && origin.is_none_or(|origin| origin.split_once("://").is_some_and(|(_, from)| from == host))
}

fn unauthorized() -> Rejection {
    Rejection::new(StatusCode::UNAUTHORIZED, "unauthorized", "send `Authorization: Bearer <admin.token>`")
}

fn foreign() -> Rejection {
    let detail = "without admin.token the admin API answers only on loopback names and to no other site";
    Rejection::new(StatusCode::FORBIDDEN, "forbidden", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_by(peer: &str, host: &str) -> bool {
        let mut request =
            Request::builder().header(header::HOST, host).body(axum::body::Body::empty()).unwrap();
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        is_local(&request)
    }

    #[test]
    fn without_a_token_a_stranger_who_says_localhost_stays_outside() {
        assert!(asked_by("127.0.0.1:5000", "localhost:8081"));
        assert!(asked_by("[::ffff:127.0.0.1]:5000", "127.0.0.1:8081"));
        assert!(!asked_by("127.0.0.1:5000", "evil.example:8081"));
        assert!(!asked_by("192.0.2.9:5000", "localhost:8081"));
    }
}
