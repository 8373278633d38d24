//! What many operations answer alike, and the headers that many of them read, for their documents.

use utoipa::{IntoParams, IntoResponses};

use crate::store::problem::ProblemDocument;

/// What anybody may hear who asks with a token.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "only its shape is used, for the documents")]
pub(crate) enum Asked {
    /// No token, or none that is good: `unauthorized`.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(ProblemDocument),
    /// Too many requests: `too-many-requests`, with `Retry-After`.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(ProblemDocument),
    /// The store cannot answer now: `unavailable`, with `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemDocument),
}

/// What is no request at all.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "only its shape is used, for the documents")]
pub(crate) enum Unreadable {
    /// The request cannot be read: `bad-request`.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(ProblemDocument),
}

/// Where not every role may go.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "only its shape is used, for the documents")]
pub(crate) enum NotAllowed {
    /// The token's role does not allow this: `forbidden`.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemDocument),
}

/// Where something is looked for.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "only its shape is used, for the documents")]
pub(crate) enum Missing {
    /// There is no such thing, or none for this caller: `not-found`.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemDocument),
}

/// Where the request has parts.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "only its shape is used, for the documents")]
pub(crate) enum Wrong {
    /// A part of the request is wrong, and `errors` names it: `invalid-request` and its kin.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(ProblemDocument),
}

/// Where a request changes something.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "only its shape is used, for the documents")]
pub(crate) enum Changed {
    /// The request cannot be read (`bad-request`), or its Idempotency-Key (`idempotency-key-missing`, `-malformed`).
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(ProblemDocument),
    /// The order has changed since the version of `If-Match`: `version-mismatch`.
    #[response(status = 412, content_type = "application/problem+json")]
    VersionMismatch(ProblemDocument),
    /// The request is larger than 1 MiB: `body-too-large`.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemDocument),
    /// The request is not JSON: `unsupported-media-type`.
    #[response(status = 415, content_type = "application/problem+json")]
    NotJson(ProblemDocument),
}

/// Where the state of things may be in the way.
#[derive(Debug, IntoResponses)]
#[expect(dead_code, reason = "only its shape is used, for the documents")]
pub(crate) enum Conflict {
    /// The state of things does not allow it (`out-of-stock`, `invalid-transition` and others), or the same request is
    /// still running (`request-in-progress`).
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(ProblemDocument),
}

/// The headers of a request that changes something.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its shape is used, for the documents")]
pub(crate) struct ChangeHeaders {
    /// A name for this request, best a UUID: sent again, it brings the first answer again and changes nothing.
    #[param(rename = "Idempotency-Key", nullable = false, pattern = "^[!#-~]{1,255}$")]
    key: Option<String>,
    /// The `ETag` of the version that the caller has seen; another version is refused.
    #[param(rename = "If-Match", nullable = false, pattern = r#"^(\*|"[0-9]{1,9}")$"#)]
    version: Option<String>,
}

/// The headers of a request that makes something that must not be made twice.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its shape is used, for the documents")]
pub(crate) struct KeyedHeaders {
    /// A name for this request, best a UUID: sent again, it brings the first answer again and changes nothing.
    #[param(rename = "Idempotency-Key", pattern = "^[!#-~]{1,255}$")]
    key: String,
    /// The `ETag` of the version that the caller has seen; another version is refused.
    #[param(rename = "If-Match", nullable = false, pattern = r#"^(\*|"[0-9]{1,9}")$"#)]
    version: Option<String>,
}
