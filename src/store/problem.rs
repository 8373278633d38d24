//! What the store says when it does not do what was asked: RFC 9457 problem documents with a stable `code`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

/// The stable reasons. The text of each is part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    BadRequest,
    Unauthorized,
    WrongCredentials,
    WrongSignature,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    BodyTooLarge,
    UnsupportedMediaType,
    Invalid,
    KeyMissing,
    KeyMalformed,
    KeyReused,
    InProgress,
    VersionMismatch,
    OutOfStock,
    UnknownProduct,
    DeliveryMissing,
    AddressMissing,
    PickupPointMissing,
    PickupPointUnknown,
    CityNotServed,
    PriceChanged,
    Expired,
    AlreadyConfirmed,
    InvalidTransition,
    TooManyOrders,
    PaymentUnavailable,
    ReservationMissing,
    ReservationExists,
    PaymentMissing,
    AmountMismatch,
    RefundTooLarge,
    PanNotAccepted,
    AlreadyAssigned,
    NotEnoughMaterial,
    UnknownMaterial,
    AlreadyTaken,
    WrongProof,
    UnknownTemplate,
    TooManyRequests,
    NotConfigured,
    Unavailable,
    Internal,
}

impl Code {
    fn facts(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadRequest => ("bad-request", S::BAD_REQUEST, "The request cannot be read"),
            Self::Unauthorized => ("unauthorized", S::UNAUTHORIZED, "A valid token is needed"),
            Self::WrongCredentials => {
                ("wrong-credentials", S::UNAUTHORIZED, "Name and password do not belong together")
            }
            Self::WrongSignature => ("wrong-signature", S::UNAUTHORIZED, "A valid signature is needed"),
            Self::Forbidden => ("forbidden", S::FORBIDDEN, "The token's role does not allow this"),
            Self::NotFound => ("not-found", S::NOT_FOUND, "There is no such thing"),
            Self::MethodNotAllowed => {
                ("method-not-allowed", S::METHOD_NOT_ALLOWED, "This cannot be done here")
            }
            Self::BodyTooLarge => ("body-too-large", S::PAYLOAD_TOO_LARGE, "The request is too large"),
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", S::UNSUPPORTED_MEDIA_TYPE, "The request is not JSON")
            }
            Self::Invalid => ("invalid-request", S::UNPROCESSABLE_ENTITY, "The request is not valid"),
            Self::KeyMissing => ("idempotency-key-missing", S::BAD_REQUEST, "An Idempotency-Key is needed"),
            Self::KeyMalformed => {
                ("idempotency-key-malformed", S::BAD_REQUEST, "The Idempotency-Key cannot be read")
            }
            Self::KeyReused => (
                "idempotency-key-reused",
                S::UNPROCESSABLE_ENTITY,
                "The Idempotency-Key belongs to another request",
            ),
            Self::InProgress => ("request-in-progress", S::CONFLICT, "The same request is still running"),
            Self::VersionMismatch => {
                ("version-mismatch", S::PRECONDITION_FAILED, "The order has changed meanwhile")
            }
            Self::OutOfStock => ("out-of-stock", S::CONFLICT, "There is not enough in stock"),
            Self::UnknownProduct => ("unknown-product", S::UNPROCESSABLE_ENTITY, "There is no such product"),
            Self::DeliveryMissing => ("delivery-missing", S::CONFLICT, "The order has no delivery yet"),
            Self::AddressMissing => ("address-missing", S::UNPROCESSABLE_ENTITY, "Delivery needs an address"),
            Self::PickupPointMissing => {
                ("pickup-point-missing", S::UNPROCESSABLE_ENTITY, "Pick-up needs a pick-up point")
            }
            Self::PickupPointUnknown => {
                ("pickup-point-unknown", S::UNPROCESSABLE_ENTITY, "There is no such pick-up point")
            }
            Self::CityNotServed => {
                ("city-not-served", S::UNPROCESSABLE_ENTITY, "Nothing is delivered to this city")
            }
            Self::PriceChanged => ("price-changed", S::CONFLICT, "A price has changed since the draft"),
            Self::Expired => ("expired", S::CONFLICT, "The draft has expired"),
            Self::AlreadyConfirmed => ("already-confirmed", S::CONFLICT, "The order is confirmed already"),
            Self::InvalidTransition => {
                ("invalid-transition", S::CONFLICT, "The order's state does not allow this")
            }
            Self::TooManyOrders => {
                ("too-many-orders", S::CONFLICT, "This telephone number has too many unpaid orders")
            }
            Self::PaymentUnavailable => (
                "payment-method-unavailable",
                S::UNPROCESSABLE_ENTITY,
                "The shop does not take this payment method",
            ),
            Self::ReservationMissing => ("reservation-missing", S::CONFLICT, "The order is not reserved"),
            Self::ReservationExists => ("reservation-exists", S::CONFLICT, "The order is reserved already"),
            Self::PaymentMissing => ("payment-missing", S::CONFLICT, "The order is not paid"),
            Self::AmountMismatch => {
                ("amount-mismatch", S::UNPROCESSABLE_ENTITY, "The amount is not what the order comes to")
            }
            Self::RefundTooLarge => ("refund-too-large", S::CONFLICT, "More would go back than was paid"),
            Self::PanNotAccepted => {
                ("pan-not-accepted", S::UNPROCESSABLE_ENTITY, "A card's token is needed, never its number")
            }
            Self::AlreadyAssigned => ("already-assigned", S::CONFLICT, "Somebody has taken the order"),
            Self::NotEnoughMaterial => ("not-enough-material", S::CONFLICT, "There is not enough material"),
            Self::UnknownMaterial => {
                ("unknown-material", S::UNPROCESSABLE_ENTITY, "There is no such material")
            }
            Self::AlreadyTaken => ("already-taken", S::CONFLICT, "This belongs to another account"),
            Self::WrongProof => ("wrong-code", S::UNPROCESSABLE_ENTITY, "The code or token is not good"),
            Self::UnknownTemplate => {
                ("unknown-template", S::UNPROCESSABLE_ENTITY, "There is no such template")
            }
            Self::TooManyRequests => {
                ("too-many-requests", S::TOO_MANY_REQUESTS, "Too many requests, try again later")
            }
            Self::NotConfigured => {
                ("not-configured", S::SERVICE_UNAVAILABLE, "The store has not been told how to do this")
            }
            Self::Unavailable => {
                ("unavailable", S::SERVICE_UNAVAILABLE, "The store cannot answer now, try again")
            }
            Self::Internal => ("internal", S::INTERNAL_SERVER_ERROR, "The store failed"),
        }
    }
}

/// One part of a problem: where in the request, and why.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Part {
    /// A JSON Pointer (RFC 6901) into the request, or into the order's `items`.
    pub(crate) pointer: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Facts for a program: product, requested, available.
    #[serde(flatten)]
    pub(crate) facts: Map<String, Value>,
}

/// A problem document as the OpenAPI documents describe it; [`Problem::body`] writes it.
#[derive(Debug, utoipa::ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "only its shape is used, for the documents")]
pub(crate) struct ProblemDocument {
    /// `/problems/` and the code.
    r#type: String,
    title: String,
    status: u16,
    /// What was expected and what was found.
    detail: String,
    /// The path of the request.
    instance: String,
    /// Stable, for programmes.
    code: String,
    /// The parts of the request that are wrong; may be absent.
    errors: Option<Vec<ProblemPart>>,
    request_id: String,
}

/// One wrong part of a request.
#[derive(Debug, utoipa::ToSchema)]
#[expect(dead_code, reason = "only its shape is used, for the documents")]
struct ProblemPart {
    /// A JSON Pointer (RFC 6901) into the request.
    pointer: String,
    code: String,
    message: String,
}

/// A problem before it knows which request it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    /// Another status than the code's own.
    status: Option<StatusCode>,
    detail: String,
    parts: Vec<Part>,
    more: Map<String, Value>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, status: None, detail: detail.into(), parts: Vec::new(), more: Map::new() }
    }

    pub(crate) fn with_parts(mut self, parts: Vec<Part>) -> Self {
        self.parts = parts;
        self
    }

    /// Adds a member, such as the number of an order that is confirmed already.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// Answers with another status than the code's own, where a system documents other ones.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// Says after how many seconds another attempt makes sense (`Retry-After`).
    pub(crate) fn after(self, seconds: u64) -> Self {
        self.with(RETRY_AFTER_S, seconds)
    }

    /// One field of the request is wrong.
    pub(crate) fn field(pointer: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let part = Part {
            pointer: pointer.to_owned(),
            code: "invalid",
            message: message.clone(),
            ..Part::default()
        };
        Self::new(Code::Invalid, format!("{pointer}: {message}")).with_parts(vec![part])
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status.unwrap_or(self.code.facts().1)
    }

    /// The document.
    pub(crate) fn body(&self, instance: &str, request_id: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Document<'a> {
            r#type: String,
            title: &'static str,
            status: u16,
            detail: &'a str,
            instance: &'a str,
            code: &'static str,
            #[serde(skip_serializing_if = "<[Part]>::is_empty")]
            errors: &'a [Part],
            request_id: &'a str,
            #[serde(flatten)]
            more: &'a Map<String, Value>,
        }
        let (code, _, title) = self.code.facts();
        let document = Document {
            r#type: format!("/problems/{code}"),
            title,
            status: self.status().as_u16(),
            detail: &self.detail,
            instance,
            code,
            errors: &self.parts,
            request_id,
            more: &self.more,
        };
        serde_json::to_vec(&document).expect("texts, numbers and maps with text keys always serialise")
    }

    pub(crate) fn into_document(self, instance: &str, request_id: &str) -> Response {
        let mut response = (self.status(), self.body(instance, request_id)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        let retry_after = self.more.get(RETRY_AFTER_S).and_then(Value::as_u64);
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        match self.code {
            Code::InProgress | Code::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Code::Unauthorized | Code::WrongCredentials | Code::WrongSignature => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}

/// The member that says when another attempt makes sense.
const RETRY_AFTER_S: &str = "retry_after_s";

/// The media type of a problem document (RFC 9457, section 3).
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// What stops an effect: a definite no, or the database.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Decided by the shop's rules; kept under the request's key.
    No(Problem),
    /// The database did not do its part; everything is rolled back and a retry executes.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::No(problem)
    }
}

impl Fault {
    /// The problem to answer with; the database's own words go to the log only.
    pub(crate) fn into_problem(self) -> Problem {
        match self {
            Self::No(problem) => problem,
            // A NUL in an address; in a body it is found before.
            Self::Database(sqlx::Error::Database(error)) if has_nul(error.code().as_deref()) => {
                Problem::new(Code::Invalid, "expected text without a NUL character")
            }
            Self::Database(error) if is_passing(&error) => {
                tracing::warn!(%error, "the database is not available");
                Problem::new(Code::Unavailable, "the store's database is not available or too busy")
            }
            Self::Database(error) => {
                tracing::error!(%error, "a statement failed");
                Problem::new(Code::Internal, "the store failed; nothing was changed")
            }
        }
    }
}

/// Whether the database refused a character that it cannot keep (PostgreSQL 15, appendix A: class 22).
fn has_nul(code: Option<&str>) -> bool {
    matches!(code, Some("22021" | "22P05"))
}

/// Whether the same statement may well succeed a moment later.
fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // PostgreSQL 15, appendix A: connection exceptions, resources, rollbacks, operator intervention (shutdown,
        // cancel), lock timeout.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class)) || code == "55P03"
        }),
        _ => false,
    }
}
