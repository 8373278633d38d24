//! What a store says with a no.

use serde_json::Value;

use super::{clip, tidy};
use crate::orders::client::exchange::StoreResponse;
use crate::orders::{ProblemCode, Rejection};

// Chosen: what the log needs of a problem's detail.
const MAX_DETAIL: usize = 500;

/// A problem document (RFC 9457), or whatever else came with a 4xx.
#[derive(Debug)]
pub(in crate::orders::client) struct Problem {
    pub(in crate::orders::client) rejection: Rejection,
    /// A request with the same key is being carried out.
    pub(in crate::orders::client) in_progress: bool,
    /// A JSON object, as the store's own are; a proxy's page is none.
    pub(in crate::orders::client) is_document: bool,
    /// It gives a reason of its own, whether this client knows it or not.
    has_reason: bool,
    /// The reason is one that this client knows.
    is_known: bool,
}

impl Problem {
    pub(in crate::orders::client) fn read(response: &StoreResponse) -> Self {
        let document: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let text = |field: &str| document.get(field).and_then(Value::as_str);
        let name = text("code")
            .or_else(|| text("type").and_then(|uri| uri.rsplit('/').next()))
            .unwrap_or("")
            .replace('_', "-");
        let told = serde_json::from_value(Value::from(name.as_str())).unwrap_or(ProblemCode::Other);
        let code = match (told, response.status) {
            (ProblemCode::Other, 404) => ProblemCode::NotFound,
            (ProblemCode::Other, 412) => ProblemCode::VersionMismatch,
            (code, _) => code,
        };
        let detail = text("detail").or_else(|| text("title")).or_else(|| text("error")).unwrap_or("");
        Self {
            in_progress: name == "request-in-progress",
            is_document: document.is_object(),
            has_reason: !name.is_empty(),
            is_known: told != ProblemCode::Other,
            rejection: Rejection {
                code,
                detail: clip(&format!("{} {name}: {detail}", response.status), MAX_DETAIL),
                order_number: text("order_number").map(tidy),
            },
        }
    }

    /// Whether it was decided and stored under the request's key, so that it speaks for an earlier attempt too. Others
    /// (a malformed request, a key that another request has, a proxy's limit) are turned away first and say nothing of it.
    pub(in crate::orders::client) fn is_decided(&self, response: &StoreResponse) -> bool {
        match response.status {
            _ if response.replayed => true,
            409 | 410 | 412 => self.has_reason,
            404 | 422 | 429 => self.is_known,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_known_by_its_code_or_its_type() {
        let read = |status, body: &str| {
            Problem::read(&StoreResponse { status, body: body.to_owned().into(), ..StoreResponse::default() })
        };
        let problem = read(409, r#"{"code":"already-confirmed","order_number":"ORD-1","detail":"it is"}"#);
        assert_eq!(problem.rejection.code, ProblemCode::AlreadyConfirmed);
        assert_eq!(problem.rejection.order_number.as_deref(), Some("ORD-1"));
        assert_eq!(read(409, r#"{"type":"/problems/out-of-stock"}"#).rejection.code, ProblemCode::OutOfStock);
        assert_eq!(read(409, r#"{"code":"price_changed"}"#).rejection.code, ProblemCode::PriceChanged);
        assert_eq!(read(404, "<html>").rejection.code, ProblemCode::NotFound);
        assert_eq!(read(422, r#"{"code":"new-code"}"#).rejection.code, ProblemCode::Other);
        assert!(read(409, r#"{"code":"request-in-progress"}"#).in_progress);
    }
}
