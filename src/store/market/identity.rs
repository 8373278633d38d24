//! IdentityApi: accounts, sign-ins, passwords and the proof that an address or number is its owner's.
//!
//! Three layers, as its requirement wants: [`handlers`] speak HTTP, [`service`] holds the rules, [`storage`] the tables.
//! Beside them stand the [`hasher`] of passwords and the [`rules`] of what may be a name or a password.
//!
//! Nothing here is kept under an Idempotency-Key: the answers hold tokens, which the store itself must not know.

use axum::Router;
use axum::routing::{get, post};
use utoipa::{IntoResponses, OpenApi};

use super::Part;
use crate::store::problem::ProblemDocument;

mod dto;
mod handlers;
mod hasher;
mod rules;
mod service;
mod storage;

use handlers::proofs;
pub(crate) use hasher::{Argon2id, Passwords};
pub(crate) use storage::forget;

/// The routes.
pub(crate) fn part() -> Part {
    let own = Router::new()
        .route("/api/v1/auth/register/email", post(handlers::register_email))
        .route("/api/v1/auth/register/phone", post(handlers::register_phone))
        .route("/api/v1/auth/login/email", post(handlers::login_email))
        .route("/api/v1/auth/login/phone", post(handlers::login_phone))
        .route("/api/v1/auth/refresh", post(handlers::refresh))
        .route("/api/v1/auth/logout", post(handlers::logout))
        .route("/api/v1/auth/verify/email/send", post(proofs::send_email))
        .route("/api/v1/auth/verify/email/confirm", post(proofs::confirm_email))
        .route("/api/v1/auth/verify/phone/send", post(proofs::send_phone))
        .route("/api/v1/auth/verify/phone/confirm", post(proofs::confirm_phone))
        .route("/api/v1/auth/password/change", post(proofs::change_password))
        .route("/api/v1/auth/password/reset/request", post(proofs::request_reset))
        .route("/api/v1/auth/password/reset/confirm", post(proofs::confirm_reset))
        .route("/api/v1/users/me", get(handlers::me).patch(handlers::rename));
    Part { own, shared: Vec::new(), contested: Router::new(), document: Document::openapi() }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "identity"),
    paths(
        handlers::register_email,
        handlers::register_phone,
        handlers::login_email,
        handlers::login_phone,
        handlers::refresh,
        handlers::logout,
        proofs::send_email,
        proofs::confirm_email,
        proofs::send_phone,
        proofs::confirm_phone,
        proofs::change_password,
        proofs::request_reset,
        proofs::confirm_reset,
        handlers::me,
        handlers::rename,
    )
)]
struct Document;

/// The refusals of every request with a body, for the documents.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its shape is used, for the documents")]
pub(super) enum Refused {
    /// No JSON, or a header that cannot be read.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(ProblemDocument),
    /// More than 1 MiB.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemDocument),
    /// Another media type than JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(ProblemDocument),
    /// A field is missing, unknown or wrong; `errors` says which.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(ProblemDocument),
    /// Too many attempts; `Retry-After` says when to come again.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(ProblemDocument),
    /// The store is too busy, its database is away, or it has not been told how to do this.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemDocument),
}
