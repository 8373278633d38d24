//! Personal values: whether each opens to what its entry commits to, or was erased by an act that names its person.
//!
//! A value without a key is no finding by itself, since the right to be forgotten is carried out so; without an erasure
//! that names its person it is one. The person's name stands in the hashed body of the call's opening, so nobody can
//! make a value pass for an erased one by naming another person.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use serde_json::Value;
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::acts::{self, Act};
use super::chains::Reason;
use super::heads::Trust;
use super::{Finding, Place, Report};
use crate::audit::chain::{Digest, Record};
use crate::audit::database::Moment;
use crate::audit::entry::EntryKind;
use crate::audit::journal::JournalError;
use crate::audit::retain::NEWEST;
use crate::audit::seal::{SealError, SealKey, SealedBox, SubjectId, SubjectKey, WrappedKey};
use crate::audit::subjects::{self, Subjects};
use crate::ids::CallId;

/// What is gathered until every place was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// The file with the node's key.
    pub(super) key: Option<PathBuf>,
    /// Retentions and erasures, wherever they were met.
    pub(super) acts: Vec<Act>,
    /// The node's own journals, as far as they are known.
    pub(super) own: HashSet<Uuid>,
    /// Who was erased, and when last.
    erased: HashMap<SubjectId, DateTime<Utc>>,
    /// Whom each call's opening names.
    people: HashMap<CallId, SubjectId>,
    /// Values that do not open, by whose they are.
    unread: Vec<Unread>,
    /// Keys that PostgreSQL holds, by when they were made.
    kept: Vec<(SubjectId, DateTime<Utc>)>,
    /// When the journal's old entries were written: PostgreSQL may have given them up.
    old: HashMap<(CallId, u32), DateTime<Utc>>,
}

#[derive(Clone, Debug)]
struct Unread {
    place: Place,
    call: CallId,
    seq: u32,
    subject: Option<SubjectId>,
    why: String,
}

/// The keys to a journal folder's values.
pub(super) struct Opener {
    node: SealKey,
    /// None in a folder that an earlier version wrote.
    subjects: Option<Subjects>,
    opened: Opened,
}

/// Persons' keys that were unwrapped already: the values of a call follow each other.
#[derive(Default)]
struct Opened(RefCell<HashMap<SubjectId, SubjectKey>>);

impl Opened {
    /// Opens a value under its person's key, which is unwrapped when it is met for the first time.
    fn value(
        &self,
        subject: SubjectId,
        key: impl FnOnce() -> Result<SubjectKey, SealError>,
        open: impl FnOnce(&SubjectKey) -> Result<Value, SealError>,
    ) -> Result<Value, SealError> {
        let mut known = self.0.borrow_mut();
        if known.len() >= KEYS_KEPT {
            known.clear();
        }
        match known.entry(subject) {
            Entry::Occupied(known) => open(known.get()),
            Entry::Vacant(place) => open(place.insert(key()?)),
        }
    }
}

impl Opener {
    /// What is sealed in a record; none when nothing is.
    fn value(&self, record: &Record) -> Option<Result<Value, SealError>> {
        let (Some(subject), Some(subjects)) = (record.subject, &self.subjects) else {
            return subjects::value(&self.node, self.subjects.as_ref(), record);
        };
        let (sealed, commit) = (record.sealed.as_ref()?, record.pii_commit?);
        let key = || match subjects.of_subject(subject) {
            Ok(Some(slot)) => slot.open(&self.node),
            Ok(None) => Err(SealError::NoKey(subject)),
            Err(_) => Err(SealError::Cipher("the file of the persons' keys cannot be read")),
        };
        Some(self.opened.value(subject, key, |key| key.open(record.call, record.seq, sealed, commit)))
    }
}

/// The keys of a journal's folder. None, and a note, when the node's key is not here.
pub(super) fn opener(
    folder: &Path,
    key: Option<&Path>,
    report: &mut Report,
) -> Result<Option<Opener>, JournalError> {
    let Some(path) = key.filter(|path| path.exists()) else {
        report.notes.push("the sealed values were not checked: their key is not here".to_owned());
        return Ok(None);
    };
    let node =
        SealKey::load(path).map_err(|source| JournalError::io(path, "reading the sealing key", source))?;
    let subjects = Subjects::look(folder)
        .map_err(|source| JournalError::io(folder, "reading the persons' keys in", source))?;
    Ok(Some(Opener { node, subjects, opened: Opened::default() }))
}

impl Values {
    /// When an entry of the journal was written, if that is so long ago that a retention may have given it up.
    pub(super) fn written(&self, call: CallId, seq: u32) -> Option<DateTime<Utc>> {
        self.old.get(&(call, seq)).copied()
    }

    fn erasure(&mut self, at: DateTime<Utc>, body: &Value) {
        for subject in body.get("subjects").and_then(Value::as_array).into_iter().flatten() {
            if let Ok(subject) = serde_json::from_value(subject.clone()) {
                let latest = self.erased.entry(subject).or_insert(at);
                *latest = at.max(*latest);
            }
        }
    }
}

/// One record of a journal.
pub(super) fn record(opener: Option<&Opener>, record: &Record, report: &mut Report) {
    let values = &mut report.values;
    if record.at < Utc::now() - NEWEST {
        values.old.insert((record.call, record.seq), record.at);
    }
    if record.entry.kind == EntryKind::CallOpened
        && let Some(subject) = record.entry.body.get("subject")
        && let Ok(subject) = serde_json::from_value(subject.clone())
    {
        values.people.insert(record.call, subject);
    }
    if record.pii_commit.is_none() {
        return;
    }
    let named = values.people.get(&record.call).copied();
    let mut unread = |subject, why: String| {
        values.unread.push(Unread {
            place: Place::Journal,
            call: record.call,
            seq: record.seq,
            subject,
            why,
        });
    };
    match record.subject {
        Some(subject) if named.is_some_and(|named| named != subject) => {
            unread(None, "expected a value of the call's person, found another person's".to_owned());
            return;
        }
        None if named.is_some() => {
            unread(named, "expected a sealed value, found none".to_owned());
            return;
        }
        _ => {}
    }
    let Some(opener) = opener else { return };
    match opener.value(record) {
        Some(Ok(_)) => report.sealed_checked += 1,
        Some(Err(error)) => unread(
            // What does not hold what was committed to was not erased.
            record.subject.filter(|_| error != SealError::OtherValue),
            error.to_string(),
        ),
        None => unread(named, "expected a sealed value, found none".to_owned()),
    }
}

/// PostgreSQL's values against its entries, in the transaction that reads everything. The node's key is that of these
/// journals; the values of others in the same database are another node's to open.
pub(super) async fn database(
    connection: &mut PgConnection,
    checked: &[Uuid],
    report: &mut Report,
) -> Result<(), sqlx::Error> {
    let key = report.values.key.as_deref().filter(|path| path.exists());
    let node = key.and_then(|path| SealKey::load(path).ok());
    let mut keys =
        sqlx::query("SELECT subject_id, created_at FROM audit.subject_keys").fetch(&mut *connection);
    while let Some(row) = keys.try_next().await? {
        let subject = SubjectId(row.try_get("subject_id")?);
        match row.try_get::<Moment, _>("created_at") {
            Ok(made) => report.values.kept.push((subject, made.0)),
            Err(error) => {
                let detail = format!("audit.subject_keys.created_at of {}: {error}", subject.0);
                report.found(unreadable(None, None, detail));
            }
        }
    }
    drop(keys);
    let own: HashSet<Uuid> = report.values.own.iter().chain(checked).copied().collect();
    let journals: Vec<Uuid> = own.into_iter().collect();
    let mut foreign = HashSet::new();
    if node.is_some() && !journals.is_empty() {
        let calls: Vec<Uuid> =
            sqlx::query_scalar("SELECT call_id FROM audit.calls WHERE journal <> ALL ($1)")
                .bind(&journals)
                .fetch_all(&mut *connection)
                .await?;
        foreign.extend(calls.into_iter().map(CallId));
    }
    if !foreign.is_empty() {
        let note = format!("the sealed values of {} calls of other journals were not opened", foreign.len());
        report.notes.push(note);
    }
    // Without the key there is nothing to open: only what is wrong by itself is asked for.
    let opened = Opened::default();
    let mut rows = sqlx::query(VALUES).bind(node.is_some()).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let call = CallId(row.try_get("call_id")?);
        let node = node.as_ref().filter(|_| !foreign.contains(&call));
        value(&row, node.map(|node| (node, &opened)), report)?;
    }
    Ok(())
}

fn value(row: &PgRow, node: Option<(&SealKey, &Opened)>, report: &mut Report) -> Result<(), sqlx::Error> {
    let call = CallId(row.try_get("call_id")?);
    let seq = u32::try_from(row.try_get::<i32, _>("seq")?).unwrap_or_default();
    let named = match row.try_get::<Option<String>, _>("named")?.map(|named| named.parse()) {
        None => None,
        Some(Ok(named)) => Some(SubjectId(named)),
        Some(Err(_)) => {
            let detail = "expected the call's opening to name its person by a UUID, found no UUID".to_owned();
            report.found(unreadable(Some(call), Some(seq), detail));
            return Ok(());
        }
    };
    let found: Option<SubjectId> = row.try_get::<Option<Uuid>, _>("subject_id")?.map(SubjectId);
    let mut unread = |subject, why: &str| {
        let place = Place::Database;
        report.values.unread.push(Unread { place, call, seq, subject, why: why.to_owned() });
    };
    let subject = match (named, found) {
        (Some(named), Some(found)) if named != found => {
            unread(None, "expected a value of the call's person, found another person's");
            return Ok(());
        }
        (Some(_), None) => {
            unread(named, "expected its sealed value in audit.pii, found none");
            return Ok(());
        }
        // Of before persons had keys, or the opening was given up with its month.
        (None, None) => return Ok(()),
        (_, Some(found)) => found,
    };
    let commit = row.try_get::<Vec<u8>, _>("pii_commit")?;
    let (Ok(commit), bytes) = (Digest::try_from(&commit[..]), row.try_get::<Vec<u8>, _>("box")?) else {
        // Told as a row that cannot be read.
        return Ok(());
    };
    let wrapped = row.try_get::<Option<Vec<u8>>, _>("wrapped_key")?;
    let Some(wrapped) = wrapped.and_then(|bytes| bytes.try_into().ok().map(WrappedKey)) else {
        unread(Some(subject), "expected its person's key in audit.subject_keys, found none");
        return Ok(());
    };
    let Some((node, opened)) = node else { return Ok(()) };
    let opened = opened.value(
        subject,
        || node.unwrap_key(subject, &wrapped),
        |key| key.open(call, seq, &SealedBox::of(&bytes), commit),
    );
    match opened {
        Ok(_) => report.database_sealed_checked += 1,
        Err(error) => {
            unread(Some(subject).filter(|_| error != SealError::OtherValue), &error.to_string());
        }
    }
    Ok(())
}

fn unreadable(call: Option<CallId>, seq: Option<u32>, detail: String) -> Finding {
    Finding { place: Place::Database, call, seq, reason: Reason::RowUnreadable, detail }
}

/// Judges what did not open, when every place was read.
pub(super) fn settle(trust: &Trust, report: &mut Report) {
    let mut values = std::mem::take(&mut report.values);
    for act in std::mem::take(&mut values.acts).iter().filter(|act| act.kind == EntryKind::Erasure) {
        if trust.covers(act) {
            values.erasure(act.at, &act.body);
        } else {
            acts::disbelieve(act, report);
        }
    }
    let mut redacted = HashSet::new();
    for unread in values.unread {
        if unread.subject.is_some_and(|subject| values.erased.contains_key(&subject)) {
            // The same value in the journal and in PostgreSQL is one.
            redacted.insert((unread.call, unread.seq));
            continue;
        }
        report.found(Finding {
            place: unread.place,
            call: Some(unread.call),
            seq: Some(unread.seq),
            reason: Reason::SealedMismatch,
            detail: unread.why,
        });
    }
    report.redacted = redacted.len() as u64;
    for (subject, made) in values.kept {
        if values.erased.get(&subject).is_some_and(|erased| made < *erased) {
            report.found(Finding {
                place: Place::Database,
                call: None,
                seq: None,
                reason: Reason::NotErased,
                detail: format!(
                    "expected no key of the erased person {0}, found one: repeat `orderline audit erase {0}`",
                    subject.0
                ),
            });
        }
    }
}

/// Every entry that commits to a value, with what is left of the value; unless `$1`, those only that name another person
/// than their call's opening, or lack their value or its key.
const VALUES: &str = "
    SELECT e.call_id, e.seq, e.pii_commit, o.body ->> 'subject' AS named, p.subject_id, p.box, k.wrapped_key
      FROM audit.entries e
      LEFT JOIN audit.entries o ON o.call_id = e.call_id AND o.seq = 0 AND o.kind = 'call_opened'
      LEFT JOIN audit.pii p ON p.call_id = e.call_id AND p.seq = e.seq
      LEFT JOIN audit.subject_keys k ON k.subject_id = p.subject_id
     WHERE e.pii_commit IS NOT NULL
       AND ($1 OR o.body ->> 'subject' IS DISTINCT FROM p.subject_id::text OR k.wrapped_key IS NULL)
     ORDER BY e.call_id, e.seq";

/// Keys that are kept unwrapped, some hundred bytes each.
const KEYS_KEPT: usize = 10_000;
