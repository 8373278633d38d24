//! HTTP around all five systems: who asks, how often, how long, how much; and which system answers a path.
//!
//! Each system is a router of its own and stands twice: at the paths of its requirement, and again under a prefix of its
//! own (`/store`, `/lightbulb`, `/crm`, `/market`), where no other system's path can be meant. A few paths belong to the
//! Store API and to the marketplace both; there the credential decides ([`Shared`]), because neither the path nor the
//! method nor the body can: a confirmation has no body in the one and none that must be in the other.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Query, Request, State};
use axum::http::{Extensions, HeaderName, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use serde::Serialize;
use tower::{Service as TowerService, ServiceExt};
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::OpenApi;
use uuid::Uuid;

use super::App;
use super::auth::{self, Credential, Role};
use super::documents;
use super::idempotency::{self, Answer};
use super::limits;
use super::problem::{Code, Fault, Problem};
use super::settings::{Service, System};
use super::{api, crm, lightbulb, market};

/// The largest body.
const MAX_BODY_BYTES: usize = 1 << 20;
/// The name of the request's id, in both directions.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A system's routes.
pub(crate) struct Face {
    pub(crate) system: System,
    /// Paths that no other system has.
    pub(crate) own: Router<App>,
    /// Paths that another system has too; the paths themselves, and what this system does there.
    pub(crate) shared: Vec<&'static str>,
    pub(crate) contested: Router<App>,
    /// The system's OpenAPI document, its paths as its requirement has them.
    pub(crate) document: OpenApi,
}

impl Face {
    fn whole(&self) -> Router<App> {
        self.own.clone().merge(self.contested.clone())
    }
}

/// All routes of these systems, as far as the settings let them run here.
pub(crate) fn router(app: App, systems: &[System]) -> Router {
    let runs = |service: Service| app.settings.services.contains(&service);
    let mut faces = Vec::new();
    for system in systems {
        match system {
            System::Store if runs(Service::Store) => faces.push(api::face()),
            System::Lightbulb if runs(Service::Lightbulb) => faces.push(lightbulb::face()),
            System::Crm if runs(Service::Crm) => faces.push(crm::face(&app)),
            System::Market if Service::MARKET.into_iter().any(runs) => {
                faces.push(market::face(&app.settings.services));
            }
            _ => {}
        }
    }
    let store = faces.iter().find(|face| face.system == System::Store);
    let market = faces.iter().find(|face| face.system == System::Market);
    let mut routes = Router::new();
    for face in &faces {
        let whole = face.whole().merge(documents::pages(face.system, &face.document));
        routes = routes.merge(face.own.clone()).nest(&format!("/{}", face.system.name()), whole);
    }
    routes = routes.merge(documents::index(faces.iter().map(|face| (face.system, &face.document))));
    match (store, market) {
        (Some(store), Some(market)) => {
            let paths: BTreeSet<&str> = store.shared.iter().chain(&market.shared).copied().collect();
            for path in paths {
                let of = |face: &Face| {
                    let routes = face.contested.clone().method_not_allowed_fallback(no_such_method);
                    let routes = routes.layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
                    face.shared.contains(&path).then(|| routes.with_state(app.clone()))
                };
                let shared = Shared { store: of(store), market: of(market) };
                routes = routes.route_service(path, shared);
            }
        }
        (Some(face), None) | (None, Some(face)) => routes = routes.merge(face.contested.clone()),
        (None, None) => {}
    }
    routes
        .fallback(|| async { Problem::new(Code::NotFound, "expected a path of this store") })
        .method_not_allowed_fallback(no_such_method)
        .layer(middleware::from_fn_with_state(app.clone(), limits::within))
        .layer(middleware::from_fn_with_state(app.clone(), auth::identify))
        // Asked by supervisors, which have no token.
        .route("/health", get(|| async { axum::Json(serde_json::json!({"status": "up"})) }))
        .route("/ready", get(ready))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(app.clone(), framed))
        .layer(cors(&app.settings.cors_origins))
        .with_state(app)
}

async fn no_such_method() -> Problem {
    Problem::new(Code::MethodNotAllowed, "expected another method for this path")
}

/// Other origins' pages may ask only where the settings name them.
fn cors(origins: &[String]) -> CorsLayer {
    let allowed: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    if allowed.is_empty() {
        return CorsLayer::new();
    }
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(allowed))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            HeaderName::from_static(idempotency::HEADER),
        ])
        .expose_headers([header::ETAG, header::LOCATION, header::RETRY_AFTER, REQUEST_ID])
}

/// A path of two systems. A buyer's own sign-in, and nobody at all, mean the marketplace; everybody else, whose view is
/// the fuller one, the Store API; a token that is not good means neither. Where only one of the two runs, it is meant.
#[derive(Clone)]
struct Shared {
    store: Option<Router>,
    market: Option<Router>,
}

impl TowerService<Request> for Shared {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let outer = std::mem::take(request.extensions_mut());
        let of_the_shop = match outer.get::<Credential>().unwrap_or(&Credential::None) {
            Credential::Good(principal) => !principal.only_buys(),
            Credential::None => false,
            // Of a token that is not good nobody knows whose it was. The marketplace shows its products to strangers too:
            // a programme of the shop whose token has run out must not take them for the Store API's.
            bad @ Credential::Bad(_) => {
                let refusal = bad.principal().err().map(IntoResponse::into_response).unwrap_or_default();
                return Box::pin(std::future::ready(Ok(refusal)));
            }
        };
        // The inner router finds the parts of the path itself and would add them to those that the outer one found.
        keep::<Credential>(&outer, &mut request);
        keep::<RequestName>(&outer, &mut request);
        keep::<ConnectInfo<SocketAddr>>(&outer, &mut request);
        let (first, second) =
            if of_the_shop { (&self.store, &self.market) } else { (&self.market, &self.store) };
        let router = first.as_ref().or(second.as_ref()).cloned().unwrap_or_default();
        Box::pin(router.oneshot(request))
    }
}

fn keep<T: Clone + Send + Sync + 'static>(outer: &Extensions, request: &mut Request) {
    if let Some(value) = outer.get::<T>() {
        request.extensions_mut().insert(value.clone());
    }
}

/// A layer that lets only these roles pass.
pub(crate) async fn only(roles: &'static [Role], request: Request, next: Next) -> Result<Response, Problem> {
    request.extensions().get::<Credential>().unwrap_or(&Credential::None).principal()?.must_be(roles)?;
    Ok(next.run(request).await)
}

/// The id of a request, as its caller gave it or as the store made it.
#[derive(Clone, Debug)]
pub(crate) struct RequestName(pub(crate) String);

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
    // What the router found out beside the refusal (RFC 9110, section 15.5.6) is not in the problem.
    let allow = response.headers_mut().remove(header::ALLOW);
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.into_document(&instance, &name);
    } else if refused_in_plain_words(&response) {
        let problem =
            Problem::new(Code::BadRequest, "the request cannot be read").with_status(response.status());
        response = problem.into_document(&instance, &name);
    }
    if let Some(methods) = allow {
        response.headers_mut().insert(header::ALLOW, methods);
    }
    if let Ok(value) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    tracing::debug!(%method, path = instance, status = response.status().as_u16(), request.id = name, "answered");
    response
}

/// Whether a request was refused before any handler saw it, such as for a path that is no UTF-8: the refusal of the
/// framework is a text.
fn refused_in_plain_words(response: &Response) -> bool {
    let media = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    response.status().is_client_error() && media.is_some_and(|media| media.starts_with("text/plain"))
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

/// `GET /ready`: whether the database answers.
async fn ready(State(app): State<App>) -> Result<Response, Fault> {
    sqlx::query("select 1").execute(&app.pool).await?;
    json(&serde_json::json!({"status": "ready"}))
}

/// A question in an address.
pub(crate) type Asked<T> = Result<Query<T>, QueryRejection>;

/// The question, or what is wrong with it.
pub(crate) fn asked<T>(query: Asked<T>) -> Result<T, Problem> {
    query.map(|Query(query)| query).map_err(|rejection| Problem::new(Code::Invalid, rejection.body_text()))
}

/// JSON written straight to text: amounts keep their two decimals.
pub(crate) fn json(value: &impl Serialize) -> Result<Response, Fault> {
    let body =
        serde_json::to_vec(value).map_err(|error| Fault::Database(sqlx::Error::Encode(error.into())))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
}

/// How many of a list are wanted: 1 to 100.
pub(crate) fn limit(asked: Option<i64>, default: i64) -> Result<i64, Problem> {
    let limit = asked.unwrap_or(default);
    let wrong = || Problem::new(Code::Invalid, format!("limit: expected 1 to 100, found {limit}"));
    (1..=100).contains(&limit).then_some(limit).ok_or_else(wrong)
}

/// The id in a path. What is no UUID is no order and no product.
pub(crate) fn path_id(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::new(Code::NotFound, format!("expected a UUID, found {text:?}")))
}
