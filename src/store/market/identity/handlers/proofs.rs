//! The handlers of codes and passwords.

use axum::extract::State;
use axum::http::StatusCode;

use super::signed_in;
use crate::store::App;
use crate::store::auth::{Credential, Principal};
use crate::store::documents::answers::{Asked, NotAllowed};
use crate::store::idempotency::Answer;
use crate::store::market::identity::Refused;
use crate::store::market::identity::dto::{
    EmailCode, EmailOnly, PasswordChange, PhoneCode, PhoneOnly, ResetConfirm, ResetRequest,
};
use crate::store::market::identity::rules::Login;
use crate::store::market::identity::service::{Stranger, codes, passwords};
use crate::store::mutation::Mutation;
use crate::store::problem::{Code, Fault, Problem, ProblemDocument};

/// Whoever asks, if it is a user.
fn asker(credential: &Credential) -> Option<uuid::Uuid> {
    match credential {
        Credential::Good(principal) => signed_in(principal).ok(),
        _ => None,
    }
}

/// Sends a code to an e-mail address, at most one a minute and ten a day.
///
/// The answer is the same whether there is an account or not. A signed-in user without an address may name one.
#[utoipa::path(post, path = "/api/v1/auth/verify/email/send", tag = "identity", request_body = EmailOnly, responses(
    (status = 202, description = "If there is such an account, a code is on its way."),
    Refused,
))]
pub(in super::super) async fn send_email(
    State(app): State<App>,
    stranger: Stranger,
    credential: Credential,
    request: Mutation,
) -> Result<StatusCode, Fault> {
    let body: EmailOnly = request.body()?;
    codes::send(&app, &stranger, asker(&credential), &Login::email(&body.email)?).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Sends a code to a telephone number, at most one a minute and ten a day.
///
/// The answer is the same whether there is an account or not. A signed-in user without a number may name one.
#[utoipa::path(post, path = "/api/v1/auth/verify/phone/send", tag = "identity", request_body = PhoneOnly, responses(
    (status = 202, description = "If there is such an account, a code is on its way."),
    Refused,
))]
pub(in super::super) async fn send_phone(
    State(app): State<App>,
    stranger: Stranger,
    credential: Credential,
    request: Mutation,
) -> Result<StatusCode, Fault> {
    let body: PhoneOnly = request.body()?;
    codes::send(&app, &stranger, asker(&credential), &Login::phone(&body.phone)?).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Shows the code that came to an e-mail address. Good for ten minutes and five tries.
#[utoipa::path(post, path = "/api/v1/auth/verify/email/confirm", tag = "identity", request_body = EmailCode, responses(
    (status = 204, description = "The address is proven."),
    (status = 409, description = "Another account has the address meanwhile.", body = ProblemDocument,
        content_type = "application/problem+json"),
    Refused,
))]
pub(in super::super) async fn confirm_email(
    State(app): State<App>,
    stranger: Stranger,
    credential: Credential,
    request: Mutation,
) -> Result<Answer, Fault> {
    let body: EmailCode = request.body()?;
    codes::confirm(&app, &stranger, asker(&credential), &Login::email(&body.email)?, &body.code).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// Shows the code that came to a telephone number. What was ordered with the number by telephone is the user's then.
#[utoipa::path(post, path = "/api/v1/auth/verify/phone/confirm", tag = "identity", request_body = PhoneCode, responses(
    (status = 204, description = "The number is proven."),
    (status = 409, description = "Another account has the number meanwhile.", body = ProblemDocument,
        content_type = "application/problem+json"),
    Refused,
))]
pub(in super::super) async fn confirm_phone(
    State(app): State<App>,
    stranger: Stranger,
    credential: Credential,
    request: Mutation,
) -> Result<Answer, Fault> {
    let body: PhoneCode = request.body()?;
    codes::confirm(&app, &stranger, asker(&credential), &Login::phone(&body.phone)?, &body.code).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// A new password for the current one. Every sign-in ends.
#[utoipa::path(post, path = "/api/v1/auth/password/change", tag = "identity", security(("bearer" = [])),
    request_body = PasswordChange, responses(
    (status = 204, description = "Changed; sign in anew."),
    Asked,
    NotAllowed,
    Refused,
))]
pub(in super::super) async fn change_password(
    State(app): State<App>,
    stranger: Stranger,
    principal: Principal,
    request: Mutation,
) -> Result<Answer, Fault> {
    let user = signed_in(&principal)?;
    let body: PasswordChange = request.body()?;
    passwords::change(&app, &stranger, user, body.current_password, body.new_password).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// Sends a token for a new password to the address or the number, whichever is given.
///
/// The answer is the same whether there is an account or not.
#[utoipa::path(post, path = "/api/v1/auth/password/reset/request", tag = "identity", request_body = ResetRequest,
    responses((status = 202, description = "If there is such an account, a token is on its way."), Refused))]
pub(in super::super) async fn request_reset(
    State(app): State<App>,
    stranger: Stranger,
    request: Mutation,
) -> Result<StatusCode, Fault> {
    let body: ResetRequest = request.body()?;
    let login = match (&body.email, &body.phone) {
        (Some(email), None) => Login::email(email)?,
        (None, Some(phone)) => Login::phone(phone)?,
        _ => return Err(Problem::new(Code::Invalid, "expected either email or phone").into()),
    };
    passwords::request_reset(&app, &stranger, &login).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Shows the token, which is good for an hour and once, with the new password. Every sign-in ends.
#[utoipa::path(post, path = "/api/v1/auth/password/reset/confirm", tag = "identity", request_body = ResetConfirm,
    responses((status = 204, description = "Changed; sign in anew."), Refused))]
pub(in super::super) async fn confirm_reset(
    State(app): State<App>,
    stranger: Stranger,
    request: Mutation,
) -> Result<Answer, Fault> {
    let body: ResetConfirm = request.body()?;
    passwords::confirm_reset(&app, &stranger, &body.reset_token, body.new_password).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}
