//! An intent whose outcome nobody knows.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::chain::Record;
use super::entry::EntryKind;
use super::journal::JournalError;
use super::office;
use super::seal::SealKey;
use super::settings::Settings;
use super::show;
use super::subjects::{self, Keys, Subjects};
use crate::ids::{CallId, Pii, RequestId};
use crate::orders::ActionRequest;

/// An intent in the journal without an outcome, or with an unknown one.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenIntent {
    pub call: CallId,
    pub id: RequestId,
    /// When it was written, by the wall clock.
    pub at: DateTime<Utc>,
    /// Milliseconds since the call was accepted.
    pub offset_ms: u64,
    pub action: Option<String>,
    pub key: Option<Uuid>,
    pub order_id: Option<Uuid>,
    /// Whether an outcome `unknown` stands in the journal: the request certainly left.
    pub asked: bool,
    private: Option<Pii<Value>>,
    /// When this run wrote it; none when an earlier one did.
    since: Option<Instant>,
}

impl OpenIntent {
    /// The request as it was, to be sent again under the same key. None when the sealed part cannot be read (the
    /// person was erased, the sealing key is another, or the record is damaged): then only an operator can find out.
    pub fn request(&self) -> Option<ActionRequest> {
        // Revealed to be sent to the store once more, as it was the first time.
        let value = self.private.as_ref()?.reveal().clone();
        serde_json::from_value(value).ok()
    }

    /// The intent of a call and request in the journal's folder, or in its [office]'s, settled or not. None
    /// when it is not there (any more). Blocks on the disk.
    ///
    /// # Errors
    /// The folder, a segment or the sealing key cannot be read.
    pub fn find(settings: &Settings, call: CallId, request: RequestId) -> Result<Option<Self>, JournalError> {
        let key_path = settings.key_path();
        let key = SealKey::load_or_make(&key_path)
            .map_err(|source| JournalError::io(&key_path, "reading the sealing key", source))?;
        for folder in office::journals(&settings.journal) {
            let found = show::sealed_records(&folder, call)?.into_iter().find(|record| {
                record.entry.kind == EntryKind::Intent && record.entry.request == Some(request)
            });
            if let Some(record) = found {
                let subjects = Subjects::look(&folder)
                    .map_err(|source| JournalError::io(&folder, "reading the persons' keys in", source))?;
                let private = subjects::value(&key, subjects.as_ref(), &record).and_then(Result::ok);
                return Ok(Self::written(&record, private.map(Pii::new)));
            }
        }
        Ok(None)
    }

    /// How long ago it was written: by the monotonic clock if this run wrote it, so that a clock that is set changes
    /// nothing; else by the time of day, and then a clock that was set back makes it too young or even negative.
    pub(super) fn age(&self, now: DateTime<Utc>) -> TimeDelta {
        match self.since {
            Some(since) => TimeDelta::from_std(since.elapsed()).unwrap_or(TimeDelta::MAX),
            None => now.signed_duration_since(self.at),
        }
    }

    /// From an intent that is just being written.
    pub(super) fn written(record: &Record, private: Option<Pii<Value>>) -> Option<Self> {
        Some(Self {
            call: record.call,
            id: record.entry.request?,
            at: record.at,
            offset_ms: record.entry.offset_ms,
            action: record.entry.action.clone(),
            key: record.entry.idem_key,
            order_id: record.entry.order_id,
            asked: false,
            private,
            since: Some(Instant::now()),
        })
    }

    /// From an intent that an earlier run wrote.
    pub(super) fn recovered(record: &Record, keys: &Keys) -> Option<Self> {
        let private = keys.value(record).and_then(Result::ok);
        Self::written(record, private.map(Pii::new)).map(|intent| Self { since: None, ..intent })
    }
}
