//! Idempotency-Key: a request that arrives again gets the first answer again, byte for byte.
//!
//! The key's row is written in the transaction of the effect and of the outbox, so that a store killed at any point leaves
//! neither an effect without its answer nor a key that is "in progress" for ever: rollback removes everything.

use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::problem::{Code, Fault, Problem};

/// The header.
pub(crate) const HEADER: &str = "idempotency-key";
/// The header of an answer that is given again.
pub(crate) const REPLAYED: &str = "idempotent-replayed";

/// The key of a request: 1 to 255 visible ASCII characters. The quoted form of the IETF draft
/// (draft-ietf-httpapi-idempotency-key-header-06) and the bare form are the same key.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let malformed = || {
        Problem::new(
            Code::KeyMalformed,
            "Idempotency-Key: expected one key of 1 to 255 visible ASCII characters",
        )
    };
    let text = value.to_str().map_err(|_| malformed())?.trim();
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let fits = (1..=255).contains(&bare.len()) && bare.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    if fits && values.next().is_none() { Ok(Some(bare.to_owned())) } else { Err(malformed()) }
}

/// SHA-256 over method, path and the body in canonical JSON (RFC 8785): a client that writes its body anew still matches.
pub(crate) fn fingerprint(method: &str, path: &str, body: &Value) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [method, path] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    // Canonical form exists for every value that JSON text gave; should it ever not, the plain form is stable enough.
    let canonical = serde_json_canonicalizer::to_vec(body).unwrap_or_else(|_| body.to_string().into_bytes());
    hash.update(canonical);
    hash.finalize().into()
}

/// An answer as it goes out and as it is kept.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Name and value of the headers that belong to the answer: content type, Location, ETag.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) order_id: Option<Uuid>,
    pub(crate) replayed: bool,
}

masked!(Answer);

#[derive(FromRow)]
struct Kept {
    fingerprint: Vec<u8>,
    status: i16,
    headers: Json<Vec<(String, String)>>,
    body: Vec<u8>,
    order_id: Option<Uuid>,
    expires_at: DateTime<Utc>,
}

/// Takes the key for this transaction and gives the answer kept under it, if there is one.
///
/// # Errors
/// `request-in-progress` when another transaction holds it, `idempotency-key-reused` when the kept answer belongs to
/// another request.
pub(crate) async fn take(
    conn: &mut PgConnection,
    principal: &str,
    key: &str,
    fingerprint: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Answer>, Fault> {
    let free: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("idempotency:{principal}:{key}"))
        .fetch_one(&mut *conn)
        .await?;
    if !free {
        let detail = "a request with this Idempotency-Key is being carried out";
        return Err(Problem::new(Code::InProgress, detail).into());
    }
    let kept: Option<Kept> = sqlx::query_as(
        "select fingerprint, status, headers, body, order_id, expires_at from orders.idempotency_keys \
         where principal = $1 and key = $2",
    )
    .bind(principal)
    .bind(key)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(kept) = kept else { return Ok(None) };
    if kept.expires_at <= now {
        sqlx::query("delete from orders.idempotency_keys where principal = $1 and key = $2")
            .bind(principal)
            .bind(key)
            .execute(conn)
            .await?;
        return Ok(None);
    }
    if kept.fingerprint != fingerprint {
        let detail = "this Idempotency-Key was used for another method, path or body";
        return Err(Problem::new(Code::KeyReused, detail).into());
    }
    let status = u16::try_from(kept.status).ok().and_then(|code| StatusCode::from_u16(code).ok());
    Ok(Some(Answer {
        status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        headers: kept.headers.0,
        body: kept.body,
        order_id: kept.order_id,
        replayed: true,
    }))
}

/// Keeps an answer under its key, in the transaction of its effect.
pub(crate) async fn keep(
    conn: &mut PgConnection,
    principal: &str,
    key: &str,
    fingerprint: &[u8],
    answer: &Answer,
    now: DateTime<Utc>,
    ttl_days: u32,
) -> Result<(), Fault> {
    sqlx::query(
        "insert into orders.idempotency_keys \
         (principal, key, fingerprint, status, headers, body, order_id, created_at, expires_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(principal)
    .bind(key)
    .bind(fingerprint)
    .bind(i16::try_from(answer.status.as_u16()).unwrap_or(i16::MAX))
    .bind(Json(&answer.headers))
    .bind(&answer.body)
    .bind(answer.order_id)
    .bind(now)
    .bind(now + TimeDelta::days(i64::from(ttl_days)))
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_quoted_and_a_bare_key_are_the_same() {
        assert_eq!(key(&headers(&["abc-1"])).unwrap().as_deref(), Some("abc-1"));
        assert_eq!(key(&headers(&["\"abc-1\""])).unwrap().as_deref(), Some("abc-1"));
        assert_eq!(key(&headers(&[])).unwrap(), None);
    }

    #[test]
    fn a_key_that_is_empty_long_spaced_or_doubled_is_malformed() {
        let long = "k".repeat(256);
        for bad in [&[""][..], &["\"\""], &["a b"], &[&long], &["a", "b"], &["a\"b"]] {
            assert_eq!(key(&headers(bad)).unwrap_err().code, Code::KeyMalformed, "{bad:?}");
        }
    }

    #[test]
    fn a_body_written_anew_has_the_same_fingerprint() {
        let one: Value = serde_json::from_str(r#"{"a":1,"b":[{"x":"é","y":2}]}"#).unwrap();
        let two: Value =
            serde_json::from_str("{ \"b\": [{\"y\": 2.0, \"x\": \"\\u00e9\"}],\n\"a\": 1e0 }").unwrap();
        assert_eq!(fingerprint("POST", "/a", &one), fingerprint("POST", "/a", &two));
        assert_ne!(fingerprint("POST", "/a", &one), fingerprint("PATCH", "/a", &one));
        assert_ne!(fingerprint("POST", "/a", &one), fingerprint("POST", "/b", &one));
        assert_ne!(fingerprint("POST", "/a", &one), fingerprint("POST", "/a", &json!({"a": 2})));
    }
}
