//! Acts that excuse what is not there: retentions and erasures, believed only under a signed head.
//!
//! Whoever owns the database can write an act that follows every rule of a chain, in a journal that they invented. What
//! they cannot make is a head over it under a trusted key: the office makes one behind each act.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::heads::Anchors;
use super::{Place, Report};
use crate::audit::chain::{Digest, Record};
use crate::audit::database;
use crate::audit::entry::EntryKind;
use crate::audit::heads::Leaf;
use crate::ids::CallId;

/// A retention or an erasure.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) kind: EntryKind,
    pub(super) at: DateTime<Utc>,
    pub(super) body: Value,
    /// Where it was met.
    pub(super) place: Place,
    /// The journal whose head covers it; none when no head does.
    pub(super) journal: Option<Uuid>,
}

/// The acts of one place.
pub(super) struct Acts {
    place: Place,
    /// Calls that hold an act.
    calls: HashSet<CallId>,
    /// Their entries from the act on: each one's hash, and the hash before it.
    before: HashMap<Digest, Digest>,
    /// Acts that no head was met for, by their hash.
    unsigned: HashMap<Digest, Act>,
    /// Acts that a head covers.
    signed: Vec<Act>,
}

impl Acts {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            calls: HashSet::new(),
            before: HashMap::new(),
            unsigned: HashMap::new(),
            signed: Vec::new(),
        }
    }

    /// Keeps what ties an act to the heads behind it. Entries of a call come in their order.
    pub(super) fn meet(&mut self, record: &Record) {
        let kind = record.entry.kind;
        let is_act = matches!(kind, EntryKind::Retention | EntryKind::Erasure);
        if !is_act && !self.holds(record.call) || record.expected_hash() != record.hash {
            return;
        }
        self.calls.insert(record.call);
        self.before.insert(record.hash, record.prev);
        if is_act {
            let (at, body) = (record.at, record.entry.body.clone());
            self.unsigned.insert(record.hash, Act { kind, at, body, place: self.place, journal: None });
        }
    }

    /// Whether a call holds an act.
    pub(super) fn holds(&self, call: CallId) -> bool {
        self.calls.contains(&call)
    }

    /// What a good head of the journal says of a call: it covers what its last hash follows from.
    pub(super) fn sign(&mut self, journal: Uuid, leaf: &Leaf) {
        if !self.holds(leaf.call) {
            return;
        }
        let mut hash = leaf.last;
        while let Some(before) = self.before.get(&hash) {
            if let Some(act) = self.unsigned.remove(&hash) {
                self.signed.push(Act { journal: Some(journal), ..act });
            }
            hash = *before;
        }
    }

    /// The acts that a head covers and that were not taken before.
    pub(super) fn take_signed(&mut self) -> Vec<Act> {
        std::mem::take(&mut self.signed)
    }

    /// All acts, to be judged when everything was read.
    pub(super) fn finish(mut self) -> impl Iterator<Item = Act> {
        std::mem::take(&mut self.signed).into_iter().chain(self.unsigned.into_values())
    }
}

/// The acts in the database's own entries, under the heads of it that were found good.
pub(super) async fn load(connection: &mut PgConnection, heads: &Anchors) -> Result<Acts, sqlx::Error> {
    let mut acts = Acts::new(Place::Database);
    let of_acts = format!(
        "SELECT e.* FROM ({}) AS e
          WHERE e.call_id IN (SELECT call_id FROM audit.entries WHERE kind IN ('retention', 'erasure'))
          ORDER BY e.call_id, e.seq",
        database::ENTRIES
    );
    let mut rows = sqlx::query(sqlx::AssertSqlSafe(of_acts)).bind(None::<Uuid>).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        // One that cannot be read excuses nothing, and is told of with all entries.
        let Ok(record) = database::record(&row) else { continue };
        acts.meet(&record);
        for (journal, leaf) in heads.of(record.call).filter(|(_, leaf)| leaf.last == record.hash) {
            acts.sign(journal, leaf);
        }
    }
    Ok(acts)
}

/// Tells that an act excuses nothing, once for all places.
pub(super) fn disbelieve(act: &Act, report: &mut Report) {
    let why = match act.journal {
        None => "no signed head covers it".to_owned(),
        Some(journal) => format!("no trusted key stands behind the heads of its journal {journal}"),
    };
    let note = format!("the {} of {} excuses nothing: {why}", act.kind.name(), act.at.to_rfc3339());
    if !report.notes.contains(&note) && report.notes.len() < super::FINDINGS_MAX {
        report.notes.push(note);
    }
}
