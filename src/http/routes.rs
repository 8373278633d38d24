//! The routes.

use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::{Stream, stream};
use secrecy::ExposeSecret;
use serde_json::json;
use subtle::ConstantTimeEq;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use uuid::Uuid;

use crate::call::Happening;
use crate::call::registry::{NoReturn, TooManyAnnounced};
use crate::conversation::event::Identity;
use crate::http::Console;
use crate::ids::{CallId, PresentedNumber};
use crate::language::Language;

/// A registration is some 100 bytes.
const MAX_BODY_BYTES: usize = 8 * 1024;
/// A client may take so long with its request, and we with our answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// Who may watch at once.
const MAX_WATCHERS: usize = 64;

/// All routes.
pub fn router(console: Console) -> Router {
    let watchers = Arc::new(Semaphore::new(MAX_WATCHERS));
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .route("/calls", get(live).post(announce))
        .route("/calls/{call}/next", get(next))
        .route("/calls/{call}/handover", get(handover))
        .layer(from_fn_with_state(console.clone(), token))
        .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, DEADLINE));
    let watched = Router::new()
        .route("/calls/{call}/events", get(move |state, path| events(state, path, watchers.clone())))
        .layer(from_fn_with_state(console.clone(), token));
    Router::new()
        .route("/health", get(async || "ok\n"))
        .route("/ready", get(ready))
        .merge(guarded)
        .merge(watched)
        .with_state(console)
}

/// Asks for the token. The comparison takes the same time wherever a wrong one differs.
async fn token(
    State(console): State<Console>,
    RawQuery(query): RawQuery,
    request: Request,
    next: Next,
) -> Response {
    let Some(expected) = &console.token else { return next.run(request).await };
    let bearer = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(str::to_owned);
    let found = bearer.or_else(|| field(&query.unwrap_or_default(), "token")).unwrap_or_default();
    if found.as_bytes().ct_eq(expected.expose_secret().as_bytes()).into() {
        next.run(request).await
    } else {
        (StatusCode::UNAUTHORIZED, "expected the shared token of http.token\n").into_response()
    }
}

async fn ready(State(console): State<Console>) -> Response {
    let ready = console.readiness.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "parts": console.readiness.parts() }))).into_response()
}

async fn metrics(State(console): State<Console>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (console.metrics)())
        .into_response()
}

async fn live(State(console): State<Console>) -> Response {
    Json(json!({ "calls": console.registry.live() })).into_response()
}

async fn announce(State(console): State<Console>, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let query = query.unwrap_or_default();
    let form = String::from_utf8_lossy(&body);
    let given = |name: &str| {
        field(&query, name).or_else(|| field(&form, name)).filter(|value| !value.trim().is_empty())
    };
    let refuse = |why: String| (StatusCode::BAD_REQUEST, why).into_response();
    let Some(uuid) = given("uuid") else {
        return refuse("expected uuid=…, the UUID of the AudioSocket leg; found none\n".to_owned());
    };
    let Ok(uuid) = Uuid::from_str(uuid.trim()) else {
        return refuse("expected a UUID such as ${UUID()} makes in uuid=…\n".to_owned());
    };
    let language = given("lang").and_then(|text| {
        let language = language(&text);
        if language.is_none() {
            tracing::warn!(lang = text, "expected lang=ru or lang=en; the call is announced without");
        }
        language
    });
    let caller = Identity {
        number: PresentedNumber::read(&given("from").unwrap_or_default(), &console.regions),
        dialled: given("exten"),
        language,
    };
    let full = |why: TooManyAnnounced| (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response();
    let Some(earlier) = given("returns") else {
        return console.registry.announce(CallId(uuid), caller).map_or_else(full, |()| "ok".into_response());
    };
    let Ok(earlier) = Uuid::from_str(earlier.trim()) else {
        return refuse("expected the earlier leg's UUID in returns=…\n".to_owned());
    };
    match console.registry.announce_return(CallId(uuid), CallId(earlier), caller) {
        Ok(()) => "ok".into_response(),
        Err(NoReturn::Full(why)) => full(why),
        Err(why @ NoReturn::SameUuid) => refuse(format!("{why}\n")),
        Err(why @ NoReturn::Enough(_)) => (StatusCode::CONFLICT, format!("{why}\n")).into_response(),
    }
}

/// `ru`, `ru_RU` and `ru-RU` alike, as Asterisk writes languages.
fn language(text: &str) -> Option<Language> {
    match text.trim().to_ascii_lowercase().split(['_', '-']).next() {
        Some("ru") => Some(Language::Russian),
        Some("en") => Some(Language::English),
        _ => None,
    }
}

async fn next(State(console): State<Console>, Path(call): Path<String>) -> Response {
    match Uuid::from_str(&call) {
        // No line end: the dialplan compares the whole answer.
        Ok(uuid) => console.registry.next(CallId(uuid)).word().into_response(),
        Err(_) => (StatusCode::BAD_REQUEST, "unknown").into_response(),
    }
}

/// Five fields whatever is known, and no line end: the dialplan takes the answer apart with CUT().
async fn handover(State(console): State<Console>, Path(call): Path<String>) -> Response {
    match Uuid::from_str(&call) {
        Ok(uuid) => console.registry.card(CallId(uuid)).line().into_response(),
        Err(_) => (StatusCode::BAD_REQUEST, "expected a call's UUID\n").into_response(),
    }
}

async fn events(
    State(console): State<Console>,
    Path(call): Path<String>,
    watchers: Arc<Semaphore>,
) -> Response {
    let Ok(uuid) = Uuid::from_str(&call) else {
        return (StatusCode::BAD_REQUEST, "expected a call's UUID\n").into_response();
    };
    let Ok(permit) = watchers.try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "as many watch as may\n").into_response();
    };
    Sse::new(watch(&console, CallId(uuid), permit)).keep_alive(KeepAlive::default()).into_response()
}

fn watch(
    console: &Console,
    call: CallId,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    let start = Some((console.observer.listen(), permit));
    stream::unfold(start, move |state| async move {
        let (mut listener, permit) = state?;
        loop {
            match listener.recv().await {
                Ok(event) if event.call == call => {
                    let over = matches!(event.what, Happening::Ended { .. });
                    // These types have no map with keys that are no text, so they always become JSON.
                    let told = Event::default().json_data(&*event).unwrap_or_default();
                    return Some((Ok(told), (!over).then_some((listener, permit))));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => {
                    let told = Event::default().comment(format!("{missed} events were missed"));
                    return Some((Ok(told), Some((listener, permit))));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    })
}

/// A field of a query or a form.
fn field(text: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(text.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::body::{Body, to_bytes};
    use secrecy::SecretString;
    use tower::ServiceExt;

    use super::*;
    use crate::call::{CallEvent, Observer, Registry, Summary};
    use crate::conversation::event::{Handover, Leave};
    use crate::http::{PartState, Readiness};
    use crate::ids::Region;

    const CALL: &str = "550e8400-e29b-41d4-a716-446655440000";

    fn console(token: Option<&str>) -> Console {
        Console {
            registry: Registry::new(),
            observer: Observer::new(),
            readiness: Readiness::default(),
            metrics: Arc::new(|| "figures 1\n".to_owned()),
            token: token.map(|token| SecretString::from(token.to_owned())),
            regions: Region::DEFAULTS.into(),
        }
    }

    async fn ask(console: &Console, method: &str, path: &str, body: &str) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
        let answer = router(console.clone()).oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn announced(console: &Console) -> Option<Identity> {
        console.registry.begin(CallId(CALL.parse().unwrap())).unwrap().1
    }

    #[tokio::test]
    async fn a_dialplan_announces_a_call_in_the_query() {
        let console = console(None);
        let path = format!("/calls?uuid={CALL}&from=%2B375291234567&exten=100&lang=ru&token=");
        assert_eq!(ask(&console, "POST", &path, "").await, (StatusCode::OK, "ok".to_owned()));
        let caller = announced(&console).unwrap();
        assert_eq!(caller.number.number().unwrap().e164(), "+375291234567");
        assert_eq!((caller.dialled.as_deref(), caller.language), (Some("100"), Some(Language::Russian)));
    }

    #[tokio::test]
    async fn a_form_announces_as_well_and_an_unknown_language_is_left_out() {
        let console = console(None);
        let body = format!("uuid={CALL}&from=anonymous&exten=&lang=tlh");
        assert_eq!(ask(&console, "POST", "/calls", &body).await.0, StatusCode::OK);
        let withheld = Identity { number: PresentedNumber::Withheld, dialled: None, language: None };
        assert_eq!(announced(&console), Some(withheld));
    }

    #[tokio::test]
    async fn what_is_no_uuid_is_told_so() {
        for path in ["/calls", "/calls?uuid=", "/calls?uuid=1"] {
            let (status, why) = ask(&console(None), "POST", path, "").await;
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert!(why.contains("expected"), "{why}");
        }
    }

    #[tokio::test]
    async fn the_token_is_asked_for_everywhere_but_health_and_readiness() {
        let console = console(Some("0123456789abcdef"));
        for path in [
            "/metrics",
            "/calls",
            "/calls/x/next",
            "/calls/x/handover",
            "/calls/x/events",
            "/metrics?token=wrong",
        ] {
            assert_eq!(ask(&console, "GET", path, "").await.0, StatusCode::UNAUTHORIZED, "{path}");
        }
        assert_eq!(ask(&console, "GET", "/health", "").await.0, StatusCode::OK);
        let (status, figures) = ask(&console, "GET", "/metrics?token=0123456789abcdef", "").await;
        assert_eq!((status, figures.as_str()), (StatusCode::OK, "figures 1\n"));
    }

    #[tokio::test]
    async fn readiness_tells_each_part_and_only_a_part_that_is_down_counts() {
        let console = console(None);
        assert_eq!(ask(&console, "GET", "/ready", "").await.0, StatusCode::SERVICE_UNAVAILABLE);
        console.readiness.set("hearing", PartState::Up);
        console.readiness.set("store", PartState::Degraded { why: "no answer".to_owned() });
        let (status, body) = ask(&console, "GET", "/ready", "").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("no answer"), "{body}");
        console.readiness.set("server", PartState::Down { why: "draining".to_owned() });
        assert_eq!(ask(&console, "GET", "/ready", "").await.0, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn the_dialplan_learns_what_comes_next() {
        let console = console(None);
        let path = format!("/calls/{CALL}/next");
        assert_eq!(ask(&console, "GET", &path, "").await, (StatusCode::OK, "unknown".to_owned()));
        let body = ask(&console, "GET", "/calls", "").await.1;
        assert_eq!(body, r#"{"calls":[]}"#);
    }

    #[tokio::test]
    async fn the_dialplan_reads_what_a_person_should_know_in_five_fields() {
        let console = console(None);
        let path = format!("/calls/{CALL}/handover");
        let nothing = (StatusCode::OK, "operator||||".to_owned());
        assert_eq!(ask(&console, "GET", &path, "").await, nothing, "a target even for a call nobody knows");
        assert_eq!(ask(&console, "GET", "/calls/x/handover", "").await.0, StatusCode::BAD_REQUEST);
        announce_and_transfer(&console, CALL).await;
        let (_, line) = ask(&console, "GET", &path, "").await;
        assert_eq!(line, "operator|+375291234567|ORD-7|ru|Просит оператора. Заказ ORD-7 не оформлен");
        let next = ask(&console, "GET", &format!("/calls/{CALL}/next"), "").await;
        assert_eq!(next, (StatusCode::OK, "operator".to_owned()));
    }

    /// A call that was announced and has left to a person.
    async fn announce_and_transfer(console: &Console, call: &str) {
        let path = format!("/calls?uuid={call}&from=%2B375291234567&exten=100&lang=ru&returns=");
        assert_eq!(ask(console, "POST", &path, "").await.0, StatusCode::OK);
        let (mut place, caller) = console.registry.begin(CallId(call.parse().unwrap())).unwrap();
        assert!(!place.is_return());
        place.identified(&caller.unwrap());
        let handover = Handover {
            summary: "Просит оператора; \"Заказ\" ORD-7 не $оформлен".to_owned(),
            order: Some("ORD-7".to_owned()),
            language: Language::Russian,
        };
        place.leaving(&Leave::Transfer { handover });
    }

    #[tokio::test]
    async fn a_dialplan_announces_a_call_that_comes_back_a_bounded_number_of_times() {
        let console = console(None);
        announce_and_transfer(&console, CALL).await;
        let path =
            |leg: u128, returns: &str| format!("/calls?uuid={}&returns={returns}", Uuid::from_u128(leg));
        for (leg, returns) in [(1, CALL.to_owned()), (2, Uuid::from_u128(1).to_string())] {
            assert_eq!(
                ask(&console, "POST", &path(leg, &returns), "").await,
                (StatusCode::OK, "ok".to_owned())
            );
            let (place, caller) = console.registry.begin(CallId(Uuid::from_u128(leg))).unwrap();
            assert!(place.is_return());
            assert_eq!(caller.as_ref().unwrap().number.number().unwrap().e164(), "+375291234567");
            place.identified(&caller.unwrap());
        }
        let (status, why) = ask(&console, "POST", &path(3, &Uuid::from_u128(2).to_string()), "").await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(why.contains("2 times") && why.contains("transfer.returns"), "{why}");
        let (status, why) = ask(&console, "POST", &path(4, "yes"), "").await;
        assert!(status == StatusCode::BAD_REQUEST && why.contains("expected"), "{why}");
        let (status, why) = ask(&console, "POST", &path(5, &Uuid::from_u128(5).to_string()), "").await;
        assert!(status == StatusCode::BAD_REQUEST && why.contains("expected a new UUID"), "{why}");
    }

    #[tokio::test]
    async fn events_of_one_call_are_streamed_to_its_end() {
        let console = console(None);
        let call = CallId(CALL.parse().unwrap());
        let request = Request::builder().uri(format!("/calls/{CALL}/events")).body(Body::empty()).unwrap();
        let answer = router(console.clone()).oneshot(request).await.unwrap();
        let other = CallId(Uuid::from_u128(7));
        let ended = || Happening::Ended { summary: Summary::default() };
        console.observer.tell(CallEvent { call: other, at_ms: 1, what: ended() });
        console.observer.tell(CallEvent { call, at_ms: 2, what: Happening::Began { rate_hz: 8000 } });
        console.observer.tell(CallEvent { call, at_ms: 3, what: ended() });
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let told: Vec<_> = body.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(told.len(), 2, "{body}");
        assert!(told[0].contains(r#""event":"began""#) && told[1].contains(r#""event":"ended""#), "{body}");
    }
}
