//! Erasing a person: their keys are overwritten, and with them every value that was sealed under them is unreadable,
//! wherever it was copied to. The chains and their hashes stay as they are.
//!
//! The act is audited twice by the [office]: before anything is erased, with the person's random name, and
//! when all is done. One that was cut off is repeated: a slot keeps what it is found by until the end. It works beside a
//! running server. Each server has keys of its own: a person who called two is erased on both.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sqlx::postgres::PgPool;
use uuid::Uuid;

use super::drain::rows::ERASING;
use super::entry::{Entry, EntryKind, scrubbed};
use super::journal::JournalError;
use super::office::{self, Office, OfficeError};
use super::seal::{SealKey, SubjectId, Tag};
use super::settings::Settings;
use super::show;
use super::subjects::{Slot, Subjects};
use crate::ids::{CallId, PhoneNumber, Region};

/// Who is to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever calls from this number.
    Number(PhoneNumber),
    /// The person of this call.
    CallerOf(CallId),
    /// By the random name.
    Subject(SubjectId),
}

/// What is kept of a person.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The person's names: one, and one for each time that a person decided about an action of theirs.
    pub subjects: BTreeSet<SubjectId>,
    pub calls: BTreeSet<CallId>,
    /// Keys in the journal's folder and the office's.
    pub keys: usize,
    /// Sealed values and keys in PostgreSQL.
    pub database_values: u64,
    pub database_keys: u64,
    /// The calls' recordings.
    pub recordings: Vec<PathBuf>,
    /// Of a number: persons of this node whose values and keys are in PostgreSQL while no slot here says of which number
    /// they are. The one who is asked for may be among them.
    pub untold: u64,
}

/// Where a person's values are kept.
#[derive(Clone, Debug)]
pub struct Places {
    /// The journal's folder and keys, and the office's database.
    pub settings: Settings,
    /// None: the erasure leaves the database alone.
    pub pool: Option<PgPool>,
    /// The folder of the recordings.
    pub tapes: Option<PathBuf>,
}

/// Why a person is not erased, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    #[error("expected a telephone number, call:UUID or the UUID of a person, found {0}")]
    Who(String),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the erasure could not be written into the audit, so nothing was erased: {0}")]
    Unwritten(OfficeError),
    #[error("all is erased, but its end could not be written into the audit ({0}): repeat the command")]
    Unfinished(OfficeError),
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
    #[error(
        "the role {role} may not delete from audit.pii and audit.subject_keys: name the URL of the role that owns the \
         audit's tables (--database-url). Nothing was erased"
    )]
    NotAllowed { role: String },
    #[error("{} could not be erased: {source}. Repeat the command", .path.display())]
    Recording { path: PathBuf, source: io::Error },
    #[error("reading the folders was cut off")]
    Interrupted,
}

impl Who {
    /// Reads a number in any spelling that these countries' plans know, `call:UUID`, or the UUID of a person.
    ///
    /// # Errors
    /// [`EraseError::Who`], without the digits.
    pub fn parse(text: &str, regions: &[Region]) -> Result<Self, EraseError> {
        let text = text.trim();
        if let Some(call) = text.strip_prefix("call:") {
            let call = call.parse().map_err(|_| EraseError::Who("call: and no UUID".to_owned()))?;
            return Ok(Self::CallerOf(CallId(call)));
        }
        // A UUID of 32 digits is no telephone number, and the other way round.
        if let Ok(subject) = Uuid::parse_str(text) {
            return Ok(Self::Subject(SubjectId(subject)));
        }
        PhoneNumber::parse(text, regions).map(Self::Number).map_err(|error| EraseError::Who(error.found))
    }
}

impl Kept {
    /// Whether there is nothing to erase, as far as can be told ([`Self::untold`]).
    pub fn is_nothing(&self) -> bool {
        self.keys == 0 && self.database_values == 0 && self.database_keys == 0 && self.recordings.is_empty()
    }

    fn entry(&self, phase: &str, by: Option<&str>) -> Entry {
        let body = json!({
            "phase": phase,
            "by": by.map(scrubbed),
            "subjects": self.subjects,
            "calls": self.calls.len(),
            "keys": self.keys,
            "database_values": self.database_values,
            "database_keys": self.database_keys,
            "recordings": self.recordings.len(),
        });
        Entry::new(EntryKind::Erasure, body, 0)
    }
}

/// What is kept of a person now.
///
/// # Errors
/// A place that cannot be read.
pub async fn find(places: &Places, who: Who) -> Result<Kept, EraseError> {
    let (settings, tapes) = (places.settings.clone(), places.tapes.clone());
    let reading =
        tokio::task::spawn_blocking(move || read_folders(&settings, &who).map(|found| (found, who)));
    let (mut found, who) = reading.await.map_err(|_| EraseError::Interrupted)??;
    if let Some(pool) = &places.pool {
        read_database(pool, &who, &mut found).await?;
        if matches!(who, Who::Number(_)) {
            found.kept.untold = untold(pool, &places.settings.node, &found.slots).await?;
        }
    }
    let mut kept = found.kept;
    if let Some(tapes) = tapes {
        kept.recordings = recordings(&tapes, &kept.calls)
            .map_err(|source| EraseError::Recording { path: tapes.clone(), source })?;
    }
    Ok(kept)
}

/// Erases what was found, with an entry before and one after.
///
/// # Errors
/// See [`EraseError`]; what was erased stays so, and the command is repeated.
pub async fn erase(places: &Places, kept: &Kept, by: Option<&str>) -> Result<(), EraseError> {
    if let Some(pool) = &places.pool {
        may_delete(pool).await?;
    }
    let office = Office::open(&places.settings).await.map_err(EraseError::Unwritten)?;
    office.record(vec![kept.entry("begun", by)]).await.map_err(EraseError::Unwritten)?;
    overwrite(places, kept, false).await?;
    let mut done = kept.clone();
    if let Some(pool) = &places.pool {
        (done.database_values, done.database_keys) = delete(pool, &kept.subjects).await?;
    }
    delete_tapes(&kept.recordings).map_err(|(path, source)| EraseError::Recording { path, source })?;
    overwrite(places, kept, true).await?;
    office.record(vec![done.entry("done", by)]).await.map_err(EraseError::Unfinished)?;
    if !office.finish().await.map_err(EraseError::Unfinished)? {
        tracing::warn!(
            "PostgreSQL has not taken the erasure's entries yet; the next act of the office copies them too"
        );
    }
    Ok(())
}

/// What was found, and what leads on to more.
#[derive(Default)]
struct Found {
    kept: Kept,
    /// The keys of the person's actions: what a person decided about them, or sent again, carries them too.
    actions: BTreeSet<Uuid>,
    /// Everybody whose number can be told here.
    slots: Vec<SubjectId>,
}

fn read_folders(settings: &Settings, who: &Who) -> Result<Found, EraseError> {
    let mut found = Found::default();
    let folders = office::journals(&settings.journal);
    let mut slots = Vec::new();
    for folder in &folders {
        slots.extend(slots_of(folder)?);
    }
    found.slots = slots.iter().map(|slot| slot.subject).collect();
    match who {
        Who::Subject(subject) => drop(found.kept.subjects.insert(*subject)),
        Who::Number(number) => {
            let tag = node_key(settings)?.person(number);
            found.kept.subjects.extend(tagged(&slots, tag));
        }
        Who::CallerOf(call) => {
            found.kept.subjects.insert(SubjectId(call.0));
            for folder in &folders {
                for record in show::from_journal(folder, Some(*call))? {
                    found.kept.subjects.extend(subject_in(&record.entry.body));
                }
            }
        }
    }
    let Some((main, office)) = folders.split_first() else { return Ok(found) };
    let Found { kept, actions, .. } = &mut found;
    show::each(main, |record| {
        if subject_in(&record.entry.body).is_some_and(|named| kept.subjects.contains(&named)) {
            kept.calls.insert(record.call);
        }
        if kept.calls.contains(&record.call) {
            actions.extend(record.entry.idem_key);
        }
    })?;
    for folder in office {
        show::each(folder, |record| {
            let of_call =
                record.entry.body.get("of_call").cloned().and_then(|call| serde_json::from_value(call).ok());
            if of_call.is_some_and(|call| kept.calls.contains(&call))
                || record.entry.idem_key.is_some_and(|key| actions.contains(&key))
            {
                kept.subjects.insert(SubjectId(record.call.0));
            }
        })?;
    }
    kept.keys = slots.iter().filter(|slot| kept.subjects.contains(&slot.subject)).count();
    Ok(found)
}

async fn read_database(pool: &PgPool, who: &Who, found: &mut Found) -> Result<(), sqlx::Error> {
    let made: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('audit.subject_keys')::text").fetch_one(pool).await?;
    if made.is_none() {
        return Ok(());
    }
    let kept = &mut found.kept;
    if let Who::CallerOf(call) = who {
        let named: Vec<Option<String>> = sqlx::query_scalar(
            "SELECT body ->> 'subject' FROM audit.entries WHERE call_id = $1 AND kind = 'call_opened'",
        )
        .bind(call.0)
        .fetch_all(pool)
        .await?;
        let named = named.into_iter().flatten().filter_map(|subject| subject.parse().ok());
        kept.subjects.extend(named.map(SubjectId));
    }
    let names: Vec<String> = kept.subjects.iter().map(|subject| subject.0.to_string()).collect();
    let calls: Vec<Uuid> = sqlx::query_scalar(
        "SELECT call_id FROM audit.entries WHERE kind = 'call_opened' AND body ->> 'subject' = ANY($1)",
    )
    .bind(&names)
    .fetch_all(pool)
    .await?;
    kept.calls.extend(calls.into_iter().map(CallId));
    let calls: Vec<Uuid> = kept.calls.iter().map(|call| call.0).collect();
    let actions: Vec<Uuid> = found.actions.iter().copied().collect();
    let acts: Vec<Uuid> = sqlx::query_scalar(
        "WITH actions AS (
             SELECT unnest($2) AS key UNION
             SELECT idem_key FROM audit.entries WHERE call_id = ANY($1) AND idem_key IS NOT NULL)
         SELECT call_id FROM audit.entries WHERE idem_key IN (SELECT key FROM actions) AND call_id <> ALL($1)
          UNION
         SELECT call_id FROM audit.entries WHERE kind = 'resolved' AND body ->> 'of_call' = ANY($3)",
    )
    .bind(&calls)
    .bind(&actions)
    .bind(calls.iter().map(Uuid::to_string).collect::<Vec<_>>())
    .fetch_all(pool)
    .await?;
    kept.subjects.extend(acts.into_iter().map(SubjectId));
    let subjects: Vec<Uuid> = kept.subjects.iter().map(|subject| subject.0).collect();
    let (values, keys): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM audit.pii WHERE subject_id = ANY($1)),
                (SELECT count(*) FROM audit.subject_keys WHERE subject_id = ANY($1))",
    )
    .bind(&subjects)
    .fetch_one(pool)
    .await?;
    kept.database_values = u64::try_from(values).unwrap_or_default();
    kept.database_keys = u64::try_from(keys).unwrap_or_default();
    Ok(())
}

/// How many persons of this node have values and a key in PostgreSQL and no slot here: what tied them to their numbers
/// went with an earlier disk, or is on another server of this name.
async fn untold(pool: &PgPool, node: &str, slots: &[SubjectId]) -> Result<u64, sqlx::Error> {
    let made: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('audit.subject_keys')::text").fetch_one(pool).await?;
    if made.is_none() {
        return Ok(0);
    }
    let slots: Vec<Uuid> = slots.iter().map(|subject| subject.0).collect();
    let untold: i64 = sqlx::query_scalar(
        "SELECT count(*)
           FROM audit.subject_keys k LEFT JOIN unnest($2::uuid[]) AS slot (subject_id) USING (subject_id)
          WHERE slot.subject_id IS NULL
            AND EXISTS (SELECT FROM audit.pii p JOIN audit.calls c USING (call_id)
                         WHERE p.subject_id = k.subject_id AND c.node = $1)",
    )
    .bind(node)
    .bind(&slots)
    .fetch_one(pool)
    .await?;
    Ok(u64::try_from(untold).unwrap_or_default())
}

/// Before anything is erased: a half-done erasure helps nobody.
async fn may_delete(pool: &PgPool) -> Result<(), EraseError> {
    let (role, may): (String, Option<bool>) = sqlx::query_as(
        "SELECT current_user::text, has_table_privilege(to_regclass('audit.pii'), 'DELETE')
                                AND has_table_privilege(to_regclass('audit.subject_keys'), 'DELETE')",
    )
    .fetch_one(pool)
    .await?;
    if may == Some(false) { Err(EraseError::NotAllowed { role }) } else { Ok(()) }
}

/// Deletes values and keys once no transaction of a drain is under way that has read the keys before.
async fn delete(pool: &PgPool, subjects: &BTreeSet<SubjectId>) -> Result<(u64, u64), sqlx::Error> {
    let subjects: Vec<Uuid> = subjects.iter().map(|subject| subject.0).collect();
    let mut transaction = pool.begin().await?;
    let made: Option<String> = sqlx::query_scalar("SELECT to_regclass('audit.subject_keys')::text")
        .fetch_one(&mut *transaction)
        .await?;
    if made.is_none() {
        return Ok((0, 0));
    }
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(ERASING).execute(&mut *transaction).await?;
    let mut gone = [0; 2];
    let statements = [
        "DELETE FROM audit.pii WHERE subject_id = ANY($1)",
        "DELETE FROM audit.subject_keys WHERE subject_id = ANY($1)",
    ];
    for (gone, statement) in gone.iter_mut().zip(statements) {
        *gone = sqlx::query(statement).bind(&subjects).execute(&mut *transaction).await?.rows_affected();
    }
    transaction.commit().await?;
    let [values, keys] = gone;
    Ok((values, keys))
}

/// The persons' slots, overwritten on the disk.
async fn overwrite(places: &Places, kept: &Kept, whole: bool) -> Result<(), EraseError> {
    let (settings, subjects) = (places.settings.clone(), kept.subjects.clone());
    let writing = tokio::task::spawn_blocking(move || {
        for folder in [settings.journal.clone(), settings.of_office().journal] {
            // Read anew: the person may have called meanwhile.
            let slots = slots_of(&folder)?;
            let mut slots = slots.iter().filter(|slot| subjects.contains(&slot.subject)).peekable();
            if slots.peek().is_none() {
                continue;
            }
            let failed = |source| JournalError::io(&folder, "erasing the person's key in", source);
            let mut file = Subjects::open(&folder).map_err(failed)?;
            slots.try_for_each(|slot| file.erase(slot, whole)).map_err(failed)?;
        }
        Ok(())
    });
    writing.await.map_err(|_| EraseError::Interrupted)?
}

fn slots_of(folder: &Path) -> Result<Vec<Slot>, JournalError> {
    let failed = |source| JournalError::io(folder, "reading the persons' keys in", source);
    match Subjects::look(folder).map_err(failed)? {
        Some(file) => file.all().map_err(failed),
        None => Ok(Vec::new()),
    }
}

fn node_key(settings: &Settings) -> Result<SealKey, JournalError> {
    let path = settings.key_path();
    SealKey::load(&path).map_err(|source| JournalError::io(&path, "reading the sealing key", source))
}

fn tagged(slots: &[Slot], tag: Tag) -> impl Iterator<Item = SubjectId> {
    slots.iter().filter(move |slot| slot.tag == tag).map(|slot| slot.subject)
}

/// Whom an opening names.
fn subject_in(body: &Value) -> Option<SubjectId> {
    serde_json::from_value(body.get("subject")?.clone()).ok()
}

/// The calls' folders.
fn recordings(tapes: &Path, calls: &BTreeSet<CallId>) -> io::Result<Vec<PathBuf>> {
    let tapes = tapes_in(tapes)?.into_iter();
    Ok(tapes.filter(|(call, _)| calls.contains(call)).map(|(_, folder)| folder).collect())
}

/// Every tape with its call, by its folder's name; a UUID that came twice has several, `UUID`, `UUID-2` and so on.
pub(super) fn tapes_in(tapes: &Path) -> io::Result<Vec<(CallId, PathBuf)>> {
    let listing = match std::fs::read_dir(tapes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry?;
        let name = entry.file_name();
        // 36 characters are a UUID with its hyphens.
        let call = name.to_str().and_then(|name| Uuid::parse_str(name.get(..36)?).ok());
        if let Some(call) = call {
            found.push((CallId(call), entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// Deletes tapes; one that is gone already is no error.
pub(super) fn delete_tapes(tapes: &[PathBuf]) -> Result<(), (PathBuf, io::Error)> {
    for path in tapes {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err((path.clone(), error)),
            _ => {}
        }
    }
    Ok(())
}
