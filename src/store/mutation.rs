//! A request that changes something, and how any of them is carried out: one transaction with its key, its answer and its
//! messages.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use chrono::Utc;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Deserializer, Map, Value};
use serde_path_to_error::{Path, Segment};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::App;
use super::auth::Principal;
use super::http::RequestName;
use super::idempotency::{self, Answer};
use super::problem::{Code, Fault, PROBLEM_JSON, Part, Problem};
use super::transition::Context;

/// A request that changes something, read but not yet understood.
pub(crate) struct Mutation {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) request_id: String,
    pub(crate) key: Option<String>,
    pub(crate) expected_version: Option<i32>,
    /// The body as it came.
    pub(crate) raw: Bytes,
    /// The body as JSON; an empty object when there was none.
    body: Value,
}

masked!(Mutation);

impl Mutation {
    /// The body as a type.
    ///
    /// # Errors
    /// `invalid-request` with what was expected, and a pointer to where.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if let Some(pointer) = nul(&self.body) {
            return Err(Problem::field(&pointer, "expected no NUL character"));
        }
        // A list would be read as the fields in their order: `[]` for a body in which nothing must be.
        if !self.body.is_object() && !self.body.is_null() {
            let part = Part { code: "invalid", message: "expected an object".to_owned(), ..Part::default() };
            return Err(Problem::new(Code::Invalid, "the body: expected an object").with_parts(vec![part]));
        }
        let raw: &[u8] = if self.raw.is_empty() { b"{}" } else { &self.raw };
        let mut reader = Deserializer::from_slice(raw);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let pointer = pointer(error.path());
            let message = error.into_inner().to_string();
            // Line and column are of no use to a reader of JSON Pointers.
            let message = message.split(" at line ").next().unwrap_or_default();
            let message: String = message.chars().take(MAX_MESSAGE_CHARS).collect();
            let at = if pointer.is_empty() { "the body" } else { &pointer };
            Problem::new(Code::Invalid, format!("{at}: {message}")).with_parts(vec![Part {
                pointer,
                code: "invalid",
                message,
                ..Part::default()
            }])
        })
    }

    /// Refuses a request without a key.
    pub(crate) fn must_have_key(&self) -> Result<(), Problem> {
        let missing = || Problem::new(Code::KeyMissing, "expected an Idempotency-Key header");
        self.key.as_ref().map(drop).ok_or_else(missing)
    }

    /// Carries an effect out for `principal`, or gives the answer that its key already has.
    ///
    /// Kept under the key are the answers of the shop's rules, good and bad; what only the moment brought about (a lock,
    /// a database that is away) is rolled back whole and may be tried again.
    pub(crate) async fn carry_out(
        &self,
        app: &App,
        principal: &Principal,
        effect: impl Effect,
    ) -> Result<Answer, Fault> {
        let context = Context {
            settings: &app.settings,
            now: Utc::now(),
            actor: &principal.subject,
            key: self.key.as_deref(),
            request_id: &self.request_id,
            expected_version: self.expected_version,
        };
        let owner = principal.subject.as_str();
        let fingerprint = idempotency::fingerprint(&self.method, &self.path, &self.body);
        let mut transaction = app.pool.begin().await?;
        if let Some(key) = context.key {
            match idempotency::take(&mut transaction, owner, key, &fingerprint, context.now).await {
                Ok(None) => {}
                // Rolled back now, not some time after the answer: whoever asks again at once would find the key held.
                Ok(Some(answer)) => {
                    transaction.rollback().await?;
                    return Ok(answer);
                }
                Err(fault) => {
                    transaction.rollback().await?;
                    return Err(fault);
                }
            }
        }
        let mut savepoint = transaction.begin().await?;
        let answer = match effect.carry_out(&mut savepoint, &context).await {
            Ok(answer) => {
                savepoint.commit().await?;
                answer
            }
            Err(Fault::No(problem)) => {
                savepoint.rollback().await?;
                self.refusal(&problem)
            }
            Err(fault) => return Err(fault),
        };
        // A version that did not match is about a header, which the fingerprint does not cover.
        if let Some(key) = context.key.filter(|_| answer.status != StatusCode::PRECONDITION_FAILED) {
            let days = app.settings.key_ttl_days;
            idempotency::keep(&mut transaction, owner, key, &fingerprint, &answer, context.now, days).await?;
        }
        transaction.commit().await?;
        app.wake();
        Ok(answer)
    }

    fn refusal(&self, problem: &Problem) -> Answer {
        Answer {
            status: problem.status(),
            headers: vec![(header::CONTENT_TYPE.to_string(), PROBLEM_JSON.to_owned())],
            body: problem.body(&self.path, &self.request_id),
            order_id: None,
            replayed: false,
        }
    }
}

/// A message may repeat what was found, and that may be as large as the body.
const MAX_MESSAGE_CHARS: usize = 300;

/// What a request does, inside its transaction. Whatever it wrote is undone when it ends in a fault.
pub(crate) trait Effect: Send {
    fn carry_out(
        self,
        conn: &mut PgConnection,
        context: &Context<'_>,
    ) -> impl Future<Output = Result<Answer, Fault>> + Send;
}

impl Answer {
    /// An answer in JSON, written straight to text: amounts keep their two decimals.
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Fault> {
        let body = serde_json::to_vec(body).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let headers = vec![(header::CONTENT_TYPE.to_string(), "application/json".to_owned())];
        Ok(Self { status, headers, body, order_id: None, replayed: false })
    }

    /// An answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), order_id: None, replayed: false }
    }

    /// Names the order and its version (`ETag`).
    pub(crate) fn of_order(mut self, id: Uuid, version: i32) -> Self {
        self.order_id = Some(id);
        self.headers.push((header::ETAG.to_string(), format!("\"{version}\"")));
        self
    }

    /// Says where the new thing is.
    pub(crate) fn at(mut self, location: String) -> Self {
        self.headers.push((header::LOCATION.to_string(), location));
        self
    }
}

/// A JSON Pointer to a text with the one character that PostgreSQL cannot keep; a field's name counts as its value.
fn nul(body: &Value) -> Option<String> {
    let below = |step: &str, value: &Value| nul(value).map(|rest| format!("/{step}{rest}"));
    match body {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(entries) => {
            entries.iter().enumerate().find_map(|(n, entry)| below(&n.to_string(), entry))
        }
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let step = escaped(name);
            if name.contains('\0') { Some(format!("/{step}")) } else { below(&step, value) }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// A field's name as a step of a JSON Pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A JSON Pointer (RFC 6901) to where reading stopped.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&escaped(key));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
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
        let raw = Bytes::from_request(request, app).await.map_err(|rejection| {
            let code = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
                _ => Code::BadRequest,
            };
            Problem::new(code, rejection.body_text())
        })?;
        let body: Value = match (raw.is_empty(), media.as_deref()) {
            (true, _) => Value::Object(Map::new()),
            (false, Some("application/json")) => serde_json::from_slice(&raw)
                .map_err(|error| Problem::new(Code::BadRequest, format!("expected JSON: {error}")))?,
            (false, found) => {
                let found = found.unwrap_or("none");
                let detail = format!("Content-Type: expected application/json, found {found}");
                return Err(Problem::new(Code::UnsupportedMediaType, detail));
            }
        };
        Ok(Self { method, path, request_id, key, expected_version, raw, body })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_nul_is_found_wherever_it_stands() {
        assert_eq!(nul(&json!({"a": [1, {"b/c": "x\0"}]})).as_deref(), Some("/a/1/b~1c"));
        assert_eq!(nul(&json!({"a\0": 1})).as_deref(), Some("/a\0"));
        assert_eq!(nul(&json!("\0")).as_deref(), Some(""));
        assert_eq!(nul(&json!({"a": ["x", null, 1.5, true]})), None);
    }
}
