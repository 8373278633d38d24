//! The Store API over HTTP: who may ask, how long, how much, and which handler answers.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::App;
use super::command::Mutation;
use super::idempotency::{self, Answer};
use super::problem::{Code, Fault, Problem};
use super::{reads, writes};

/// The largest body.
const MAX_BODY_BYTES: usize = 1 << 20;
/// The name of the request's id, in both directions.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// All routes: the Store API at its own paths and again under `/store`, where no other system's path can be meant.
pub(crate) fn router(app: App) -> Router {
    let api = Router::new()
        .route("/api/v1/orders/search", get(reads::search))
        .route("/api/v1/orders/{id}", get(reads::order))
        .route("/api/v1/orders", post(writes::create))
        .route("/api/v1/orders/{id}/delivery", patch(writes::set_delivery))
        .route("/api/v1/orders/{id}/confirm", post(writes::confirm))
        .route("/api/v1/orders/{id}/cancel", post(writes::cancel))
        .route("/api/v1/delivery/calculate", get(reads::calculate))
        .route("/api/v1/pickup-points", get(reads::pickup_points))
        .route("/api/v1/products", get(reads::products))
        .route("/api/v1/products/{id}", get(reads::product));
    Router::new()
        .merge(api.clone())
        .nest("/store", api)
        .fallback(|| async { Problem::new(Code::NotFound, "expected a path of the Store API") })
        .method_not_allowed_fallback(|| async {
            Problem::new(Code::MethodNotAllowed, "expected another method for this path")
        })
        .layer(middleware::from_fn_with_state(app.clone(), only_with_token))
        // Asked by supervisors, which have no token.
        .route("/health", get(|| async { axum::Json(serde_json::json!({"status": "up"})) }))
        .route("/ready", get(reads::ready))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(app.clone(), framed))
        .with_state(app)
}

/// The id of a request, as its caller gave it or as the store made it.
#[derive(Clone, Debug)]
struct RequestName(String);

/// Gives each request its id and its time limit, and each problem its request.
async fn framed(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let name = match given {
        Some(name) if (1..=128).contains(&name.len()) => name.to_owned(),
        _ => Uuid::now_v7().to_string(),
    };
    let instance = request.uri().path().to_owned();
    let method = request.method().clone();
    request.extensions_mut().insert(RequestName(name.clone()));
    let limit = Duration::from_millis(app.settings.request_timeout_ms);
    // A request that is cut here has been rolled back, or its commit is under way and its key gives the answer later.
    let answered = tokio::time::timeout(limit, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| {
        let detail = format!("the store did not answer within {} ms", limit.as_millis());
        Problem::new(Code::Unavailable, detail).into_response()
    });
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.into_document(&instance, &name);
    }
    if let Ok(value) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    tracing::debug!(%method, path = instance, status = response.status().as_u16(), request.id = name, "answered");
    response
}

async fn only_with_token(State(app): State<App>, request: Request, next: Next) -> Response {
    match authorized(request.headers(), &app) {
        true => next.run(request).await,
        false => Problem::new(Code::Unauthorized, "expected Authorization: Bearer with the store's token")
            .into_response(),
    }
}

/// Compares digests, so that neither the length nor the first wrong byte of a guess shows in the time it takes.
fn authorized(headers: &HeaderMap, app: &App) -> bool {
    let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let Some((scheme, token)) = value.split_once(' ') else { return false };
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    let given = digest(token.trim());
    let is = |secret: &SecretString| {
        let expected = secret.expose_secret();
        bool::from(digest(expected).ct_eq(&given)) && !expected.is_empty()
    };
    let settings = &app.settings;
    let (now, before) = (is(&settings.token), settings.previous_token.as_ref().is_some_and(is));
    scheme.eq_ignore_ascii_case("bearer") && (now | before)
}

impl IntoResponse for Problem {
    /// Only the status; [`framed`] writes the document, which names the request.
    fn into_response(self) -> Response {
        let mut response = (self.status(), Body::empty()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        self.into_problem().into_response()
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        let headers = response.headers_mut();
        // `Vec<u8>` brings a content type of its own.
        headers.remove(header::CONTENT_TYPE);
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
        if self.replayed {
            let name = HeaderName::from_static(idempotency::REPLAYED);
            headers.insert(name, HeaderValue::from_static("true"));
        }
        response
    }
}

impl FromRequest<App> for Mutation {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let method = request.method().to_string();
        let path = request.uri().path().to_owned();
        let request_id = request.extensions().get::<RequestName>().map_or_else(String::new, |n| n.0.clone());
        let key = idempotency::key(request.headers())?;
        let expected_version = if_match(request.headers())?;
        let media = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media =
            media.map(|media| media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| {
            let code = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
                _ => Code::BadRequest,
            };
            Problem::new(code, rejection.body_text())
        })?;
        let body: Value = match (bytes.is_empty(), media.as_deref()) {
            (true, _) => Value::Object(serde_json::Map::new()),
            (false, Some("application/json")) => serde_json::from_slice(&bytes)
                .map_err(|error| Problem::new(Code::BadRequest, format!("expected JSON: {error}")))?,
            (false, found) => {
                let found = found.unwrap_or("none");
                let detail = format!("Content-Type: expected application/json, found {found}");
                return Err(Problem::new(Code::UnsupportedMediaType, detail));
            }
        };
        Ok(Self { method, path, request_id, key, expected_version, body })
    }
}

/// The version in `If-Match: "7"`; none without the header or with `*`.
fn if_match(headers: &HeaderMap) -> Result<Option<i32>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    match value.to_str().map(str::trim) {
        Ok("*") => Ok(None),
        Ok(tag) => {
            let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let version = version.and_then(|version| version.parse().ok());
            // A tag that the store never gave matches nothing (RFC 9110, section 13.1.1).
            Ok(Some(version.unwrap_or(-1)))
        }
        Err(_) => Err(Problem::new(Code::BadRequest, "If-Match: expected an entity tag")),
    }
}

/// The id in a path. What is no UUID is no order and no product.
pub(crate) fn path_id(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::new(Code::NotFound, format!("expected a UUID, found {text:?}")))
}
