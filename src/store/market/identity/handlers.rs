//! The handlers of accounts and sign-ins: each reads its body, asks the service and writes its answer.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use uuid::Uuid;

use super::Refused;
use super::dto::{
    LoginEmail, LoginPhone, Profile, ProfileChange, RefreshToken, RegisterEmail, RegisterPhone, Registered,
    Tokens,
};
use super::rules::Login;
use super::service::{self, Stranger};
use super::storage::User;
use crate::store::App;
use crate::store::auth::Principal;
use crate::store::documents::answers::{Asked, NotAllowed};
use crate::store::idempotency::Answer;
use crate::store::limits;
use crate::store::mutation::Mutation;
use crate::store::problem::{Code, Fault, Problem, ProblemDocument};

pub(super) mod proofs;

impl FromRequestParts<App> for Stranger {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let wanted = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        // The first one named is the one wanted most, as every browser writes it (RFC 9110, section 12.5.4).
        let language = match wanted.and_then(|wanted| wanted.trim_start().get(..2)) {
            Some("ru") => Some("ru"),
            Some("en") => Some("en"),
            _ => None,
        };
        Ok(Self { network: limits::network(address), language })
    }
}

/// The user who signed in; a token of the shop's is nobody's account.
///
/// # Errors
/// `forbidden`.
pub(super) fn signed_in(principal: &Principal) -> Result<Uuid, Problem> {
    let user = principal.user.filter(|_| principal.signed_in);
    user.ok_or_else(|| {
        Problem::new(Code::Forbidden, "expected a user's own sign-in, found a token of the shop's")
    })
}

/// An answer with tokens in it, which no cache may keep (RFC 6749, section 5.1).
fn secret_answer(status: StatusCode, body: &impl serde::Serialize) -> Result<Answer, Fault> {
    let mut answer = Answer::json(status, body)?;
    answer.headers.push((header::CACHE_CONTROL.to_string(), "no-store".to_owned()));
    Ok(answer)
}

fn registered((user, tokens): (User, Tokens)) -> Result<Answer, Fault> {
    secret_answer(StatusCode::CREATED, &Registered { user: user.into(), tokens })
}

/// Opens an account by e-mail address.
#[utoipa::path(post, path = "/api/v1/auth/register/email", tag = "identity", request_body = RegisterEmail, responses(
    (status = 201, description = "The account is open and its owner signed in.", body = Registered),
    (status = 409, description = "The address has an account.", body = ProblemDocument,
        content_type = "application/problem+json"),
    Refused,
))]
pub(super) async fn register_email(
    State(app): State<App>,
    stranger: Stranger,
    request: Mutation,
) -> Result<Answer, Fault> {
    let body: RegisterEmail = request.body()?;
    let login = Login::email(&body.email)?;
    registered(
        service::register(&app, &stranger, login, (&body.first_name, &body.last_name), body.password).await?,
    )
}

/// Opens an account by telephone number.
#[utoipa::path(post, path = "/api/v1/auth/register/phone", tag = "identity", request_body = RegisterPhone, responses(
    (status = 201, description = "The account is open and its owner signed in.", body = Registered),
    (status = 409, description = "The number has an account.", body = ProblemDocument,
        content_type = "application/problem+json"),
    Refused,
))]
pub(super) async fn register_phone(
    State(app): State<App>,
    stranger: Stranger,
    request: Mutation,
) -> Result<Answer, Fault> {
    let body: RegisterPhone = request.body()?;
    let login = Login::phone(&body.phone)?;
    registered(
        service::register(&app, &stranger, login, (&body.first_name, &body.last_name), body.password).await?,
    )
}

/// Signs in by e-mail address.
#[utoipa::path(post, path = "/api/v1/auth/login/email", tag = "identity", request_body = LoginEmail, responses(
    (status = 200, description = "Signed in.", body = Tokens),
    (status = 401, description = "No account, or another password.", body = ProblemDocument,
        content_type = "application/problem+json"),
    Refused,
))]
pub(super) async fn login_email(
    State(app): State<App>,
    stranger: Stranger,
    request: Mutation,
) -> Result<Answer, Fault> {
    let body: LoginEmail = request.body()?;
    let tokens = service::sign_in(&app, &stranger, Login::email(&body.email)?, body.password).await?;
    secret_answer(StatusCode::OK, &tokens)
}

/// Signs in by telephone number.
#[utoipa::path(post, path = "/api/v1/auth/login/phone", tag = "identity", request_body = LoginPhone, responses(
    (status = 200, description = "Signed in.", body = Tokens),
    (status = 401, description = "No account, or another password.", body = ProblemDocument,
        content_type = "application/problem+json"),
    Refused,
))]
pub(super) async fn login_phone(
    State(app): State<App>,
    stranger: Stranger,
    request: Mutation,
) -> Result<Answer, Fault> {
    let body: LoginPhone = request.body()?;
    let tokens = service::sign_in(&app, &stranger, Login::phone(&body.phone)?, body.password).await?;
    secret_answer(StatusCode::OK, &tokens)
}

/// Exchanges a refresh token for a new pair. One that is shown twice ends its sign-in.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "identity", request_body = RefreshToken, responses(
    (status = 200, description = "A new pair.", body = Tokens),
    (status = 401, description = "Unknown, used, ended or expired.", body = ProblemDocument,
        content_type = "application/problem+json"),
    Refused,
))]
pub(super) async fn refresh(State(app): State<App>, request: Mutation) -> Result<Answer, Fault> {
    let body: RefreshToken = request.body()?;
    secret_answer(StatusCode::OK, &service::refresh(&app, &body.refresh_token).await?)
}

/// Ends a sign-in. Access tokens that it gave end by themselves.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "identity", request_body = RefreshToken, responses(
    (status = 204, description = "Signed out, now or before."),
    Refused,
))]
pub(super) async fn logout(State(app): State<App>, request: Mutation) -> Result<Answer, Fault> {
    let body: RefreshToken = request.body()?;
    service::sign_out(&app, &body.refresh_token).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// One's own profile.
#[utoipa::path(get, path = "/api/v1/users/me", tag = "identity", security(("bearer" = [])), responses(
    (status = 200, description = "The profile.", body = Profile),
    Asked,
    NotAllowed,
))]
pub(super) async fn me(State(app): State<App>, principal: Principal) -> Result<Answer, Fault> {
    let user = service::profile(&app, signed_in(&principal)?).await?;
    Answer::json(StatusCode::OK, &Profile::from(user))
}

/// Other names for oneself.
#[utoipa::path(patch, path = "/api/v1/users/me", tag = "identity", security(("bearer" = [])),
    request_body = ProfileChange, responses(
    (status = 200, description = "The profile as it is now.", body = Profile),
    Asked,
    NotAllowed,
    Refused,
))]
pub(super) async fn rename(
    State(app): State<App>,
    principal: Principal,
    request: Mutation,
) -> Result<Answer, Fault> {
    let user = signed_in(&principal)?;
    let body: ProfileChange = request.body()?;
    if body.id.is_some_and(|id| id != user) {
        return Err(Problem::field("/id", "expected one's own id; nobody changes another's profile").into());
    }
    let user = service::rename(&app, user, body.first_name.as_deref(), body.last_name.as_deref()).await?;
    Answer::json(StatusCode::OK, &Profile::from(user))
}
