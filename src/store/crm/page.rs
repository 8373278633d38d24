//! The pool as a page for managers: what waits, who has taken what, and a button to take an order.
//!
//! The server renders it whole, and everything on it is a link or a form, so that it works without scripts; with them it
//! looks again by itself whenever the pool changes ([`super::live`]). A manager signs in with a token, which a cookie
//! keeps ([`session`]). Taking is the very same effect as `POST /api/order-management/assign`.

use std::net::SocketAddr;

use axum::extract::rejection::FormRejection;
use axum::extract::{ConnectInfo, Form, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use chrono::Utc;
use maud::Markup;
use serde::Deserialize;

use super::assign::{Assign, OrderRef, OrderType};
use super::live;
use super::pool::{self, Entry, PoolQuestion, today};
use crate::store::App;
use crate::store::auth;
use crate::store::http::RequestName;
use crate::store::limits::network;
use crate::store::mutation::Effect;
use crate::store::problem::{Code, Fault, Problem};
use crate::store::text::Tongue;
use crate::store::transition::Context;

use session::{Session, SignedIn};
use words::Words;

mod session;
mod view;
mod words;

/// Where it is, and under which path the cookie is sent.
const PLACE: &str = "/crm/pool";

/// The page's own routes.
pub(super) fn routes(_: &App) -> Router<App> {
    Router::new()
        .route("/crm/pool", get(pool_page))
        .route("/crm/pool/sign-in", get(sign_in_page).post(sign_in))
        .route("/crm/pool/sign-out", post(sign_out))
        .route("/crm/pool/take", post(take))
        .route("/crm/pool/events", get(events))
}

/// What stands in the page's address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Address {
    /// A language to change to.
    lang: Option<String>,
    /// Only orders from here.
    source: Option<String>,
    /// The order that was last to be taken, such as `website-12`; the page says what has become of it.
    about: Option<String>,
}

/// `GET /crm/pool`.
async fn pool_page(
    State(app): State<App>,
    headers: HeaderMap,
    address: Result<Query<Address>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let tongue = words::tongue(&headers);
    let address = address.map(|Query(address)| address).unwrap_or_default();
    if let Some(language) = address.lang.as_deref() {
        return session::speak(language, PLACE);
    }
    let shown = async {
        let Some(session) = session::read(&app, &headers).await? else { return Ok(to_sign_in()) };
        let source = address.source.filter(|source| pool::SOURCES.contains(&source.as_str()));
        let lists = pool::read(&app, &PoolQuestion { source: source.clone(), limit: None }).await?;
        let about = match address.about.as_deref().and_then(named) {
            Some((kind, number)) => pool::entry_of(&app, kind.name(), number).await?,
            None => None,
        };
        let page = view::Page {
            words: Words::of(tongue),
            tongue,
            session: &session,
            lists: &lists,
            source: source.as_deref(),
            about: about.as_ref(),
            settings: &app.settings,
            now: Utc::now(),
        };
        Ok(html(StatusCode::OK, |nonce| page.whole(nonce)))
    };
    shown.await.unwrap_or_else(|fault| sorry(tongue, fault))
}

/// `website-12`.
fn named(text: &str) -> Option<(OrderType, i64)> {
    let (kind, number) = text.split_once('-')?;
    Some((OrderType::named(kind)?, number.parse().ok().filter(|number| *number > 0)?))
}

/// The name of an order in forms and addresses.
fn name(entry: &Entry) -> String {
    format!("{}-{}", entry.order_type, entry.order_id)
}

fn to_sign_in() -> Response {
    Redirect::to("/crm/pool/sign-in").into_response()
}

/// `GET /crm/pool/sign-in`.
async fn sign_in_page(
    headers: HeaderMap,
    address: Result<Query<Address>, axum::extract::rejection::QueryRejection>,
) -> Response {
    if let Some(language) = address.ok().and_then(|Query(address)| address.lang) {
        return session::speak(&language, "/crm/pool/sign-in");
    }
    let words = Words::of(words::tongue(&headers));
    html(StatusCode::OK, |nonce| view::sign_in(words, None, nonce))
}

#[derive(Deserialize)]
struct SignIn {
    token: String,
}

/// `POST /crm/pool/sign-in`: a manager's token becomes a cookie.
async fn sign_in(
    State(app): State<App>,
    from: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    form: Result<Form<SignIn>, FormRejection>,
) -> Response {
    let tongue = words::tongue(&headers);
    let words = Words::of(tongue);
    let signed_in = async {
        session::must_be_own_page(&headers)?;
        app.limits.guesses.count(&network(from.map(|Extension(ConnectInfo(address))| address.ip())))?;
        let token = form.map(|Form(form)| form.token.trim().to_owned()).unwrap_or_default();
        Ok(session::sign_in(&app, &token).await?.map(|_| session::keep(&headers, &token)))
    };
    match signed_in.await {
        Ok(SignedIn::As(cookie)) => ([(header::SET_COOKIE, cookie)], Redirect::to(PLACE)).into_response(),
        Ok(SignedIn::NotStaff) => {
            html(StatusCode::FORBIDDEN, |nonce| view::sign_in(words, Some(words.not_staff), nonce))
        }
        Ok(SignedIn::Unknown) => {
            html(StatusCode::UNAUTHORIZED, |nonce| view::sign_in(words, Some(words.wrong_token), nonce))
        }
        Err(fault) => sorry(tongue, fault),
    }
}

/// What every form of the page brings along.
#[derive(Deserialize)]
struct Pressed {
    /// Proof that the form is this page's own.
    form: String,
    #[serde(default)]
    order: String,
}

/// `POST /crm/pool/sign-out`.
async fn sign_out(
    State(app): State<App>,
    headers: HeaderMap,
    form: Result<Form<Pressed>, FormRejection>,
) -> Response {
    match pressed(&app, &headers, form).await {
        Ok(_) => {
            let cookie = session::forget(&headers);
            ([(header::SET_COOKIE, cookie)], to_sign_in()).into_response()
        }
        Err(fault) => sorry(words::tongue(&headers), fault),
    }
}

/// Who pressed a button of the page, and which.
async fn pressed(
    app: &App,
    headers: &HeaderMap,
    form: Result<Form<Pressed>, FormRejection>,
) -> Result<Option<(Session, String)>, Fault> {
    session::must_be_own_page(headers)?;
    let Some(session) = session::read(app, headers).await? else { return Ok(None) };
    let Form(form) = form.map_err(|rejection| Problem::new(Code::BadRequest, rejection.body_text()))?;
    session.must_have_made(&form.form)?;
    Ok(Some((session, form.order)))
}

/// `POST /crm/pool/take`: the button. Whoever comes second is told who was first.
async fn take(
    State(app): State<App>,
    request: Option<Extension<RequestName>>,
    headers: HeaderMap,
    form: Result<Form<Pressed>, FormRejection>,
) -> Response {
    let taken = async {
        let Some((session, order)) = pressed(&app, &headers, form).await? else { return Ok(to_sign_in()) };
        let Some((kind, number)) = named(&order) else { return Ok(Redirect::to(PLACE).into_response()) };
        let wanted = Assign {
            order_id: OrderRef::Number(number),
            order_type: kind,
            user_id: session.user,
            user_name: session.name.clone(),
            date: today(&app.settings),
        };
        let request_id = request.map_or_else(String::new, |Extension(name)| name.0);
        match carry_out(&app, &session, &request_id, wanted.checked()?).await {
            // The page itself says what became of it, from the truth of the moment at which it is looked at.
            Ok(())
            | Err(Fault::No(Problem {
                code: Code::AlreadyAssigned | Code::InvalidTransition | Code::NotFound,
                ..
            })) => {
                let address = format!("{PLACE}?about={}-{number}", kind.name());
                Ok(Redirect::to(&address).into_response())
            }
            Err(fault) => Err(fault),
        }
    };
    taken.await.unwrap_or_else(|fault| sorry(words::tongue(&headers), fault))
}

/// The effect of the API's request, in a transaction of its own: a form has no key, and pressing the button again
/// changes nothing.
async fn carry_out(app: &App, session: &Session, request_id: &str, wanted: Assign) -> Result<(), Fault> {
    let context = Context {
        settings: &app.settings,
        now: Utc::now(),
        actor: &session.principal.subject,
        key: None,
        request_id,
        expected_version: None,
    };
    let mut transaction = app.pool.begin().await?;
    wanted.carry_out(&mut transaction, &context).await?;
    transaction.commit().await?;
    app.wake();
    Ok(())
}

/// `GET /crm/pool/events`.
async fn events(State(app): State<App>, headers: HeaderMap) -> Result<Response, Fault> {
    let session = session::read(&app, &headers).await?;
    session.ok_or_else(|| Problem::new(Code::Unauthorized, "expected a manager who has signed in"))?;
    Ok(live::events(&app.pool_pulse)?)
}

/// A page with the headers that keep foreign scripts, frames and caches out.
fn html(status: StatusCode, page: impl FnOnce(&str) -> Markup) -> Response {
    let nonce = auth::secret();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = (status, Html(page(&nonce).into_string())).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let fixed: [(HeaderName, &str); 5] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "Accept-Language, Cookie"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: forms would then come without an Origin to look at.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The page for whatever does not go as it should.
fn sorry(tongue: Tongue, fault: Fault) -> Response {
    let words = Words::of(tongue);
    let status = fault.into_problem().status();
    html(status, |nonce| view::sorry(words, status, nonce))
}
