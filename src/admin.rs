//! The operator's side: JSON API, metrics, probes. Reads and steers the store; never delivers.
//!
//! The console will be mounted at `/`; what it shows comes from the same API.

mod api;
mod auth;
mod destinations;
mod explain;
mod steer;
pub(crate) mod view;

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tower::util::BoxCloneSyncService;
use tower::{ServiceBuilder, ServiceExt};

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::model::Standing;
use crate::reply::Rejection;
use crate::rules::{self, Rules};
use crate::store::{Store, StoreError};

/// What the API needs from outside.
#[derive(Clone)]
pub struct Shared {
    pub rules: rules::Watch,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    /// Loads the config again and swaps the rules; the text lists every problem.
    pub reload: Arc<dyn Fn() -> Result<Arc<Rules>, String> + Send + Sync>,
    /// How a destination fares in this process; `None`: nothing is sent there.
    pub standing: Arc<LookUp>,
    /// Whether a webhook sent now would be accepted.
    pub ready: Arc<dyn Fn() -> Answering + Send + Sync>,
    /// Runs a request through the rules without storing or sending anything.
    pub dry_run: Arc<dyn Fn(Try) -> Trying + Send + Sync>,
}

/// A dry run in the making.
pub type Trying = Pin<Box<dyn Future<Output = Result<crate::model::Json, String>> + Send>>;

/// How the destination of a name fares.
pub type LookUp = dyn Fn(&str) -> Option<Standing> + Send + Sync;

/// An answer in the making.
pub type Answering = Pin<Box<dyn Future<Output = Response<Full<Bytes>>> + Send>>;

/// A request for a dry run.
#[derive(Debug, Clone)]
pub struct Try {
    pub source: String,
    pub method: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// Sign it as the source's sender would, with the source's own secret.
    pub sign: bool,
    /// Make the lookups: they only read.
    pub ask: bool,
    /// What lookups shall have found, by name; nobody is asked for these.
    pub lookups: HashMap<String, Arc<crate::model::Json>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("admin::Shared").finish_non_exhaustive()
    }
}

/// The service of the admin address.
pub type Service = BoxCloneSyncService<Request<Incoming>, Response<Full<Bytes>>, Infallible>;

/// Bodies sent to the API are filters and dry runs.
const MAX_BODY: usize = 8 * 1024 * 1024;
/// Ends an exposition.
const END: &str = "# EOF\n";
/// Answers are pages of at most 500 lines, or one receipt.
const MAX_ANSWER: usize = 256 * 1024 * 1024;

/// Every path of the admin address.
pub fn service(shared: Shared) -> Service {
    let guarded = Router::new()
        .route("/api/v1/receipts", get(api::receipts))
        .route("/api/v1/receipts/{id}", get(api::receipt))
        .route("/api/v1/receipts/{id}/replay", post(steer::replay))
        .route("/api/v1/deliveries", get(api::deliveries))
        .route("/api/v1/deliveries/retry", post(steer::retry_many))
        .route("/api/v1/deliveries/{id}", get(api::delivery))
        .route("/api/v1/deliveries/{id}/retry", post(steer::retry))
        .route("/api/v1/deliveries/{id}/cancel", post(steer::cancel))
        .route("/api/v1/sources", get(api::sources))
        .route("/api/v1/routes", get(api::routes))
        .route("/api/v1/destinations", get(destinations::list))
        .route("/api/v1/destinations/{name}/pause", post(destinations::pause))
        .route("/api/v1/destinations/{name}/resume", post(destinations::resume))
        .route("/api/v1/stats", get(api::stats))
        .route("/api/v1/try", post(steer::dry_run))
        .route("/api/v1/reload", post(steer::reload))
        .route("/metrics", get(metrics))
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY))
        .layer(axum::middleware::from_fn_with_state(shared.clone(), auth::check));
    let router = Router::new()
        .route("/livez", get(|| async { axum::Json(serde_json::json!({"status": "ok"})) }))
        .route("/readyz", get(ready))
        .merge(guarded)
        .fallback(|| async { Problem(Rejection::new(StatusCode::NOT_FOUND, "not_found", "no such path")) })
        .method_not_allowed_fallback(|| async {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Problem(Rejection::new(status, "method_not_allowed", "this path is asked with another method"))
        })
        .with_state(shared);
    let whole = ServiceBuilder::new()
        .map_request(|request: Request<Incoming>| request.map(axum::body::Body::new))
        .service(router)
        .and_then(
            |response: axum::response::Response| async move { Ok::<_, Infallible>(gather(response).await) },
        );
    Service::new(whole)
}

/// Answers are made in memory already; the listener wants them whole.
async fn gather(response: axum::response::Response) -> Response<Full<Bytes>> {
    let (parts, body) = response.into_parts();
    match axum::body::to_bytes(body, MAX_ANSWER).await {
        Ok(bytes) => Response::from_parts(parts, Full::new(bytes)),
        Err(error) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            tracing::error!(%error, "an answer of the admin API could not be written");
            Rejection::new(status, "internal", "the answer is too large; ask for a smaller page").response()
        }
    }
}

async fn ready(State(shared): State<Shared>) -> axum::response::Response {
    (shared.ready)().await.map(axum::body::Body::new)
}

async fn metrics(State(shared): State<Shared>) -> Result<axum::response::Response, Problem> {
    let mut text = shared.metrics.render();
    if let Some(body) = text.strip_suffix(END) {
        text.truncate(body.len());
    }
    view::gauges(&mut text, &shared.store.ledger().await?, &shared.store.pending().await?);
    destinations::gauges(&shared, &mut text).await?;
    text.push_str(END);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let mut response = axum::response::Response::new(axum::body::Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    Ok(response)
}

/// A refusal as the API answers it.
#[derive(Debug)]
pub struct Problem(pub Rejection);

impl Problem {
    /// The request makes no sense.
    fn bad(detail: impl Into<String>) -> Self {
        Self(Rejection::new(StatusCode::BAD_REQUEST, "bad_request", detail))
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let (status, code) = match &error {
            StoreError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "state_unavailable"),
            StoreError::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            StoreError::Conflict(_) | StoreError::LeaseLost(_) => (StatusCode::CONFLICT, "conflict"),
        };
        Self(Rejection::new(status, code, error.to_string()))
    }
}

impl axum::response::IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        self.0.response().map(axum::body::Body::new)
    }
}
