//! What is written about one step of an order action.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::open_intent::OpenIntent;
use crate::ids::{Pii, RequestId};
use crate::orders::{ActionOutcome, ActionRequest, Evidence};

mod public;

pub(crate) use public::{outcome as public_outcome, scrubbed};

/// One entry of a call. Its constructors mask: whatever identifies a person goes to the sealed part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub kind: EntryKind,
    /// [`crate::orders::OrderAction::name`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Ties attempts and outcomes to their intent, within the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idem_key: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The store's problem code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The public part: ids, codes, amounts, masked numbers.
    pub body: Value,
    /// Milliseconds since the call was accepted, by the monotonic clock: a stepped wall clock shows against it.
    pub offset_ms: u64,
    /// What is sealed: never serialised with the entry.
    #[serde(skip)]
    pub(crate) private: Option<Pii<Value>>,
}

/// What an entry tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The first of every call; written by the journal.
    CallOpened,
    /// A change of an order is about to be asked for.
    Intent,
    /// One try over HTTP that did not give an answer.
    Attempt,
    /// What came of an intent.
    Outcome,
    /// What a read disclosed.
    Read,
    /// The caller agreed to an order as it was read back.
    Confirmation,
    /// What an intent of unknown outcome turned out to have done.
    Reconciled,
    /// Nobody but a person can find out.
    NeedsOperator,
    /// The caller was told of a recording, or refused it.
    Consent,
    /// What a person found out about an intent of the operator's queue; stands in a chain of the office.
    Resolved,
    /// A person's values were made unreadable; stands in a chain of the office.
    Erasure,
    /// The oldest months were given up; stands in a chain of the office.
    Retention,
    /// The last of every call, with the count of its entries; written by the journal.
    CallClosed,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::CallOpened,
        Self::Intent,
        Self::Attempt,
        Self::Outcome,
        Self::Read,
        Self::Confirmation,
        Self::Reconciled,
        Self::NeedsOperator,
        Self::Consent,
        Self::Resolved,
        Self::Erasure,
        Self::Retention,
        Self::CallClosed,
    ];

    /// Its name in the journal, the database and the tables that people read.
    pub fn name(self) -> &'static str {
        match self {
            Self::CallOpened => "call_opened",
            Self::Intent => "intent",
            Self::Attempt => "attempt",
            Self::Outcome => "outcome",
            Self::Read => "read",
            Self::Confirmation => "confirmation",
            Self::Reconciled => "reconciled",
            Self::NeedsOperator => "needs_operator",
            Self::Consent => "consent",
            Self::Resolved => "resolved",
            Self::Erasure => "erasure",
            Self::Retention => "retention",
            Self::CallClosed => "call_closed",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Entry {
    /// An entry with a public body and nothing else. The body must hold nothing that identifies a person.
    pub fn new(kind: EntryKind, body: Value, offset_ms: u64) -> Self {
        Self {
            kind,
            action: None,
            request: None,
            order_id: None,
            order_number: None,
            idem_key: None,
            http_status: None,
            problem: None,
            body: if body.is_null() { json!({}) } else { storable(body) },
            // The database's widest integer.
            offset_ms: offset_ms.min(i64::MAX as u64),
            private: None,
        }
    }

    /// A change is about to be asked for: to be appended before its request leaves.
    pub fn intent(request: &ActionRequest, offset_ms: u64) -> Self {
        let mut body = Map::new();
        body.insert("arguments".to_owned(), public::arguments(&request.action));
        if let Some(evidence) = &request.evidence {
            body.insert("evidence".to_owned(), public::evidence(evidence));
        }
        let mut entry = Self::about(EntryKind::Intent, request, Value::Object(body), offset_ms);
        entry.private = sealed(request);
        entry
    }

    /// A try that gave no answer. `found` is what came instead, without personal values; `number` counts from 1.
    pub fn attempt(request: &ActionRequest, number: u32, found: &str, offset_ms: u64) -> Self {
        let body = json!({ "number": number, "found": scrubbed(found) });
        Self::about(EntryKind::Attempt, request, body, offset_ms)
    }

    /// What came of an intent: to be appended before it is spoken. [`ActionOutcome::Unknown`] leaves the intent open.
    pub fn outcome(request: &ActionRequest, outcome: &ActionOutcome, offset_ms: u64) -> Self {
        Self::with_outcome(EntryKind::Outcome, request, outcome, public::outcome(outcome), offset_ms)
    }

    /// What a read disclosed: to be appended before it is spoken.
    pub fn read(request: &ActionRequest, outcome: &ActionOutcome, offset_ms: u64) -> Self {
        let body = json!({
            "arguments": public::arguments(&request.action),
            "disclosed": public::outcome(outcome),
        });
        Self::with_outcome(EntryKind::Read, request, outcome, body, offset_ms)
    }

    /// The caller agreed to the order as it was read back.
    pub fn confirmation(order_id: Uuid, evidence: &Evidence, offset_ms: u64) -> Self {
        let mut entry = Self::new(EntryKind::Confirmation, public::evidence(evidence), offset_ms);
        entry.order_id = Some(order_id);
        entry.private = sealed(evidence);
        entry
    }

    /// What an open intent turned out to have done; `how` tells how it was found out (`resent`, `found`).
    pub fn reconciled(intent: &OpenIntent, outcome: &ActionOutcome, how: &str) -> Self {
        let mut body = public::outcome(outcome);
        if let Value::Object(body) = &mut body {
            body.insert("how".to_owned(), json!(how));
        }
        let mut entry = Self::settling(EntryKind::Reconciled, intent, body);
        public::columns(&mut entry, outcome);
        entry.private = sealed(outcome);
        entry
    }

    /// Nobody but a person can find out what became of an intent.
    pub fn needs_operator(intent: &OpenIntent, why: &str) -> Self {
        Self::settling(EntryKind::NeedsOperator, intent, json!({ "why": scrubbed(why) }))
    }

    /// As [`Self::needs_operator`], for a request that is at hand.
    pub fn needs_operator_of(request: &ActionRequest, why: &str) -> Self {
        Self::about(EntryKind::NeedsOperator, request, json!({ "why": scrubbed(why) }), 0)
    }

    /// The HTTP status that the answer came with.
    pub fn with_http_status(mut self, status: u16) -> Self {
        self.http_status = Some(status);
        self
    }

    /// Whether it ends its intent.
    pub(crate) fn settles(&self) -> bool {
        match self.kind {
            EntryKind::Outcome => !self.is_unknown(),
            EntryKind::Reconciled | EntryKind::NeedsOperator => true,
            _ => false,
        }
    }

    /// Whether it says that nobody knows.
    pub(crate) fn is_unknown(&self) -> bool {
        self.body.get("outcome").and_then(Value::as_str) == Some("unknown")
    }

    /// The end of an intent whose append nobody waited for any more: its request never left.
    pub(crate) fn withdrawn(intent: &Entry) -> Self {
        Self {
            kind: EntryKind::Outcome,
            body: json!({ "outcome": "withdrawn", "why": "nobody waited for the intent to be written" }),
            private: None,
            ..intent.clone()
        }
    }

    fn with_outcome(
        kind: EntryKind,
        request: &ActionRequest,
        outcome: &ActionOutcome,
        body: Value,
        offset_ms: u64,
    ) -> Self {
        let mut entry = Self::about(kind, request, body, offset_ms);
        public::columns(&mut entry, outcome);
        entry.private = sealed(outcome);
        entry
    }

    fn about(kind: EntryKind, request: &ActionRequest, body: Value, offset_ms: u64) -> Self {
        let mut entry = Self::new(kind, body, offset_ms);
        entry.action = Some(request.action.name().to_owned());
        entry.request = Some(request.id);
        entry.idem_key = request.key;
        entry.order_id = public::order_id(&request.action);
        entry
    }

    fn settling(kind: EntryKind, intent: &OpenIntent, body: Value) -> Self {
        let mut entry = Self::new(kind, body, intent.offset_ms);
        entry.action.clone_from(&intent.action);
        entry.request = Some(intent.id);
        entry.idem_key = intent.key;
        entry.order_id = intent.order_id;
        entry
    }
}

/// The whole value for the sealed part. The nouns' own serialisation cannot fail: they are plain data with text keys.
fn sealed<T: Serialize>(value: &T) -> Option<Pii<Value>> {
    serde_json::to_value(value).ok().map(|value| Pii::new(storable(value)))
}

/// PostgreSQL's jsonb has no U+0000: what is hashed must survive the journey there.
fn storable(value: Value) -> Value {
    match value {
        Value::String(text) if text.contains('\0') => Value::String(text.replace('\0', "\u{fffd}")),
        Value::Array(items) => Value::Array(items.into_iter().map(storable).collect()),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| (name.replace('\0', "\u{fffd}"), storable(value)))
                .collect(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests;
