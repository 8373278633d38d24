//! The operator's queue: intents of which only a person can find out what became.
//!
//! One row for each idempotency key: what is asked twice under a key is one action. A row leaves the queue with a
//! `resolved` entry of that key, which stands in a chain of the office (`office.rs`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

use super::chain::Record;
use super::entry::{Entry, EntryKind};
use super::journal::JournalError;
use super::{database, office, show};
use crate::ids::{CallId, Pii, RequestId};
use crate::orders::ActionOutcome;

/// An action that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    pub call: CallId,
    pub request: RequestId,
    /// Since when.
    pub at: DateTime<Utc>,
    pub action: Option<String>,
    pub order_id: Option<Uuid>,
    /// None for an intent that has no key; it is told apart by its call and request then.
    pub key: Option<Uuid>,
    /// Why the reconciler did not decide.
    pub why: String,
}

/// What a person found out, or had done.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// It had been carried out.
    Placed,
    /// It had not been carried out, and will not be.
    NotPlaced,
    /// It was sent again under its own key, and this is the store's answer.
    Resent(Box<ActionOutcome>),
    /// The order was cancelled instead.
    Cancelled,
}

impl Resolution {
    /// As it is written into the audit.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::NotPlaced => "not_placed",
            Self::Resent(_) => "resent",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Entry {
    /// A person's decision about an action of the queue. `by` is who decided, as the shop names its people; the note,
    /// being somebody's own words, is sealed.
    pub fn resolved(waiting: &Waiting, resolution: &Resolution, by: &str, note: Option<&str>) -> Self {
        let mut body = json!({
            "as": resolution.name(),
            "by": super::entry::scrubbed(by),
            "of_call": waiting.call,
            "of_request": waiting.request,
            "note_given": note.is_some(),
        });
        if let Resolution::Resent(outcome) = resolution {
            body["answer"] = super::entry::public_outcome(outcome);
        }
        let mut entry = Self::new(EntryKind::Resolved, body, 0);
        entry.action.clone_from(&waiting.action);
        entry.order_id = waiting.order_id;
        entry.idem_key = waiting.key;
        entry.private = note.map(|note| Pii::new(Value::String(note.to_owned())));
        entry
    }
}

/// What waits, oldest first, among these records in whatever order.
pub fn waiting<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Waiting> {
    let mut rows: BTreeMap<Place, Waiting> = BTreeMap::new();
    let mut resolved = BTreeSet::new();
    for record in records {
        let entry = &record.entry;
        match entry.kind {
            EntryKind::NeedsOperator => {
                let Some(request) = entry.request else { continue };
                let row = Waiting {
                    call: record.call,
                    request,
                    at: record.at,
                    action: entry.action.clone(),
                    order_id: entry.order_id,
                    key: entry.idem_key,
                    why: entry.body.get("why").and_then(Value::as_str).unwrap_or_default().to_owned(),
                };
                let place = Place::of(row.key, row.call, row.request);
                match rows.get(&place) {
                    // The caller's own intent, not a later attempt of the office to send it again.
                    Some(earlier) if earlier.at <= row.at => {}
                    _ => drop(rows.insert(place, row)),
                }
            }
            EntryKind::Resolved => {
                let of = |name| entry.body.get(name).cloned().unwrap_or_default();
                let call = serde_json::from_value(of("of_call"));
                let request = serde_json::from_value(of("of_request"));
                if let (Ok(call), Ok(request)) = (call, request) {
                    resolved.insert(Place::of(entry.idem_key, call, request));
                }
            }
            _ => {}
        }
    }
    let mut rows: Vec<_> =
        rows.into_iter().filter(|(place, _)| !resolved.contains(place)).map(|(_, row)| row).collect();
    rows.sort_by_key(|row| (row.at, row.call, row.request));
    rows
}

/// What waits by the database and the journal together: either may know of something that the other does not yet, or
/// not any more. Blocks on the disk for the journal's part.
///
/// # Errors
/// A source that is named and cannot be read.
pub async fn read(journal: Option<&Path>, pool: Option<&PgPool>) -> Result<Vec<Waiting>, QueueError> {
    let mut records = Vec::new();
    if let Some(folder) = journal {
        for folder in office::journals(folder) {
            records.extend(show::from_journal(&folder, None)?);
        }
    }
    if let Some(pool) = pool {
        records.extend(database::records_of(pool, &[EntryKind::NeedsOperator, EntryKind::Resolved]).await?);
    }
    Ok(waiting(&records))
}

/// Why the queue cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("the journal could not be read: {0}")]
    Journal(#[from] JournalError),
    #[error("the database could not be read: {0}")]
    Database(#[from] sqlx::Error),
}

/// What is one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Key(Uuid),
    Request(CallId, RequestId),
}

impl Place {
    fn of(key: Option<Uuid>, call: CallId, request: RequestId) -> Self {
        key.map_or(Self::Request(call, request), Self::Key)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::*;
    use crate::audit::Digest;

    fn record(call: u128, second: i64, mut entry: Entry, key: Option<u128>) -> Record {
        entry.idem_key = key.map(Uuid::from_u128);
        let at = DateTime::from_timestamp(second, 0).unwrap();
        Record::new(CallId(Uuid::from_u128(call)), 1, at, Digest::from([0; 32]), entry, None)
    }

    fn needs(request: u64) -> Entry {
        let mut entry = Entry::new(EntryKind::NeedsOperator, json!({ "why": "older than a day" }), 0);
        entry.request = Some(RequestId(request));
        entry
    }

    #[test]
    fn an_action_waits_once_for_each_key_and_leaves_with_its_resolution() {
        let first = record(1, 10, needs(1), Some(7));
        let keyless = record(2, 5, needs(4), None);
        // The office sent it again, and was cut off.
        let again = record(9, 20, needs(1), Some(7));
        let rows = waiting([&again, &first, &keyless]);
        let places: Vec<_> = rows.iter().map(|row| (row.call.0.as_u128(), row.request.0)).collect();
        assert_eq!(places, [(2, 4), (1, 1)], "oldest first, the caller's own intent");
        let of = |row: &Waiting, key| {
            record(10, 30, Entry::resolved(row, &Resolution::NotPlaced, "olga", Some("rang her")), key)
        };
        let (keyed, other) = (of(&rows[1], Some(7)), of(&rows[0], None));
        assert_eq!(waiting([&first, &again, &keyless, &keyed]), [rows[0].clone()]);
        assert!(waiting([&first, &again, &keyless, &keyed, &other]).is_empty());
        let text = serde_json::to_string(&keyed.entry).unwrap();
        assert!(!text.contains("rang her"), "a note is sealed: {text}");
    }
}
