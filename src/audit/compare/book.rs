//! The audit's side of the comparison: what is known of each idempotency key. Nothing else of an entry is kept, so that
//! years of them can be gone through.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::CompareError;
use crate::audit::chain::Record;
use crate::audit::entry::EntryKind;
use crate::audit::{database, office, show};
use crate::ids::{CallId, RequestId};

/// What the audit knows.
#[derive(Debug, Default)]
pub struct Book {
    keys: BTreeMap<Uuid, Known>,
    given_up: Option<DateTime<Utc>>,
}

/// What the audit knows of a key: the same action may have been asked for more than once under it.
#[derive(Debug)]
pub(super) struct Known {
    /// The earliest intent. None where only later entries are kept.
    pub(super) intent: Option<Intent>,
    latest: DateTime<Utc>,
    requests: BTreeMap<(CallId, RequestId), Verdict>,
    /// What a person said.
    resolved: Option<Verdict>,
    /// The orders that the store changed under it.
    pub(super) changed: BTreeSet<Uuid>,
}

#[derive(Debug)]
pub(super) struct Intent {
    pub(super) at: DateTime<Utc>,
    pub(super) call: CallId,
    pub(super) order_id: Option<Uuid>,
    pub(super) cancels: bool,
}

/// What the audit says became of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Undecided,
    NotDone,
    Done,
}

/// The kinds of entries that say something of an action or of what was given up.
const KINDS: [EntryKind; 6] = [
    EntryKind::Intent,
    EntryKind::Outcome,
    EntryKind::Reconciled,
    EntryKind::NeedsOperator,
    EntryKind::Resolved,
    EntryKind::Retention,
];

impl Book {
    /// Takes what PostgreSQL has.
    ///
    /// # Errors
    /// The database does not answer, or a row is impossible.
    pub async fn read_database(&mut self, pool: &PgPool) -> Result<(), CompareError> {
        Ok(database::each_of(pool, &KINDS, |record| self.take(&record)).await?)
    }

    /// Takes what a journal and its office have. Blocks on the disk.
    ///
    /// # Errors
    /// A folder or a segment cannot be read.
    pub fn read_journal(&mut self, folder: &Path) -> Result<(), CompareError> {
        show::each(folder, |record| self.take(&record))?;
        let office = office::folder(folder);
        if office.is_dir() {
            show::each(&office, |record| self.take(&record))?;
        }
        Ok(())
    }

    /// Takes one entry, in any order but that of a call; what was taken before changes nothing.
    pub fn take(&mut self, record: &Record) {
        let entry = &record.entry;
        if entry.kind == EntryKind::Retention {
            let before = entry.body.get("before").cloned();
            let before = before.and_then(|before| serde_json::from_value(before).ok());
            self.given_up = self.given_up.max(before);
        }
        let Some(key) = entry.idem_key else { return };
        let said = verdict(record);
        if said.is_none() && entry.kind != EntryKind::Intent {
            return;
        }
        let known = self.keys.entry(key).or_insert_with(|| Known {
            intent: None,
            latest: record.at,
            requests: BTreeMap::new(),
            resolved: None,
            changed: BTreeSet::new(),
        });
        known.latest = known.latest.max(record.at);
        match (entry.kind, entry.request, said) {
            (EntryKind::Intent, Some(request), _) => {
                if known.intent.as_ref().is_none_or(|intent| record.at < intent.at) {
                    known.intent = Some(Intent {
                        at: record.at,
                        call: record.call,
                        order_id: entry.order_id,
                        cancels: entry.action.as_deref() == Some("cancel_order"),
                    });
                }
                known.requests.entry((record.call, request)).or_insert(Verdict::Undecided);
            }
            (EntryKind::Resolved, _, said) => known.resolved = said,
            (_, Some(request), Some(said)) if said != Verdict::Undecided => {
                known.requests.insert((record.call, request), said);
            }
            _ => {}
        }
    }

    /// Where what a retention left begins.
    pub fn given_up(&self) -> Option<DateTime<Utc>> {
        self.given_up
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (&Uuid, &Known)> {
        self.keys.iter()
    }

    pub(super) fn get_mut(&mut self, key: &Uuid) -> Option<&mut Known> {
        self.keys.get_mut(key)
    }
}

impl Known {
    pub(super) fn verdict(&self) -> Verdict {
        let any = |verdict| self.requests.values().any(|known| *known == verdict);
        match self.resolved {
            _ if any(Verdict::Done) => Verdict::Done,
            Some(resolved) => resolved,
            None if any(Verdict::Undecided) => Verdict::Undecided,
            None => Verdict::NotDone,
        }
    }

    /// Whether anything was written of it since then.
    pub(super) fn is_since(&self, since: Option<DateTime<Utc>>) -> bool {
        since.is_none_or(|since| self.latest >= since)
    }
}

/// What an entry says became of its intent; none when it says nothing of that.
fn verdict(record: &Record) -> Option<Verdict> {
    let entry = &record.entry;
    let said = |name: &str| entry.body.get(name).and_then(Value::as_str);
    Some(match entry.kind {
        EntryKind::Outcome | EntryKind::Reconciled => match said("outcome")? {
            "drafted" | "lines_changed" | "delivery_set" | "confirmed" | "cancelled" => Verdict::Done,
            "rejected" | "unavailable" | "withdrawn" => Verdict::NotDone,
            // Nobody knows; or the order was looked up, and its state says nothing of this very request.
            _ => Verdict::Undecided,
        },
        EntryKind::Resolved => match said("as")? {
            "placed" => Verdict::Done,
            "not_placed" => Verdict::NotDone,
            "resent" => match entry.body.get("answer")?.get("outcome")?.as_str()? {
                "rejected" => Verdict::NotDone,
                "unknown" | "unavailable" => Verdict::Undecided,
                _ => Verdict::Done,
            },
            _ => Verdict::Undecided,
        },
        EntryKind::NeedsOperator => Verdict::Undecided,
        _ => return None,
    })
}
