//! Giving up the oldest months: their partitions are dropped whole, once the [office](super::office) has written down
//! what goes and where what stays begins.
//!
//! The entry comes first and says what will be dropped; `audit verify` takes the months it names as well when they are
//! still there, so a command that was cut off is simply repeated. What is dropped beyond it, or without it, is found.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Datelike as _, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgPool};
use uuid::Uuid;

use super::chain::{Digest, DigestError};
use super::entry::{Entry, EntryKind};
use super::erase;
use super::office::{Office, OfficeError};
use super::settings::Settings;
use crate::ids::CallId;

/// What a retention gives up, and where what it keeps begins: the public body of its entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What was written before is given up: the first instant of a month, in UTC.
    pub before: DateTime<Utc>,
    /// How many calls began before it, and how many entries were written before it.
    pub calls: u64,
    pub entries: u64,
    pub journals: Vec<JournalKept>,
    /// Where the calls that reach over the boundary go on: some dozens at most.
    pub cut: Vec<Cut>,
    /// How many recordings of these calls go with them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub recordings: usize,
}

fn is_zero(recordings: &usize) -> bool {
    *recordings == 0
}

/// Where a journal's calls begin after a retention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalKept {
    pub journal: Uuid,
    /// The lowest ordinal whose opening is kept, or the next one when none is.
    pub first: u64,
    /// How many openings are kept.
    pub kept: u64,
    /// Higher ordinals that go all the same: the clock was set back over the boundary.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_gone: Vec<u64>,
}

/// A call that the boundary goes through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    pub call: CallId,
    /// The first kept entry behind one that goes, and the hash that it follows. None when only the call's row is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<(u32, Digest)>,
}

/// Why the months were not given up.
#[derive(Debug, thiserror::Error)]
pub enum RetainError {
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
    #[error("a stored hash: {0}")]
    Hash(#[from] DigestError),
    #[error("expected a month that began at least {} days ago, found {month}", NEWEST.num_days())]
    TooNew { month: DateTime<Utc> },
    #[error(
        "the role {role} does not own the audit's tables: name the URL of the role that does (--database-url). Nothing \
         was dropped"
    )]
    NotOwner { role: String },
    #[error("the retention could not be written into the audit, so nothing was dropped: {0}")]
    Unwritten(#[from] OfficeError),
    #[error("PostgreSQL did not take the retention's entry, so nothing was dropped")]
    NotCopied,
    #[error("{} could not be read or deleted: {source}. No month was dropped: repeat the command", .path.display())]
    Recording { path: PathBuf, source: io::Error },
    #[error(
        "expected {expected} entries to drop, found {found}: more was copied meanwhile. Repeat the command"
    )]
    Changed { expected: u64, found: u64 },
}

/// The first instant of the month of `day`: what is before it can be given up.
///
/// # Errors
/// [`RetainError::TooNew`]: the journal may hold what is newer, and a server may be about to copy it.
pub fn boundary(day: NaiveDate, now: DateTime<Utc>) -> Result<DateTime<Utc>, RetainError> {
    let first = day.with_day(1).unwrap_or(day).and_time(NaiveTime::MIN).and_utc();
    if first > now - NEWEST { Err(RetainError::TooNew { month: first }) } else { Ok(first) }
}

/// The day that so many months are kept from.
pub fn kept_from(now: DateTime<Utc>, months: u32) -> NaiveDate {
    let today = now.date_naive();
    today.checked_sub_months(Months::new(months)).unwrap_or(today)
}

/// What would be given up. None when nothing is that old.
///
/// # Errors
/// The database does not answer, or this role does not own the tables.
pub async fn plan(pool: &PgPool, before: DateTime<Utc>) -> Result<Option<Plan>, RetainError> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *transaction)
        .await?;
    let (role, owns): (String, Option<bool>) = sqlx::query_as(
        "SELECT current_user::text, bool_and(pg_has_role(relowner, 'USAGE'))
           FROM pg_class WHERE oid IN (to_regclass('audit.calls'), to_regclass('audit.entries'), to_regclass('audit.pii'))",
    )
    .fetch_one(&mut *transaction)
    .await?;
    if owns != Some(true) {
        return Err(RetainError::NotOwner { role });
    }
    if partitions(&mut transaction, before).await?.is_empty() {
        return Ok(None);
    }
    let (calls, entries) = old(&mut transaction, before).await?;
    let mut journals = Vec::new();
    for row in sqlx::query(JOURNALS).bind(before).fetch_all(&mut *transaction).await? {
        let number =
            |column| row.try_get::<i64, _>(column).map(|number| u64::try_from(number).unwrap_or_default());
        let also_gone: Vec<i64> = row.try_get("also_gone")?;
        journals.push(JournalKept {
            journal: row.try_get("journal")?,
            first: number("first")?,
            kept: number("kept")?,
            also_gone: also_gone.into_iter().filter_map(|ordinal| u64::try_from(ordinal).ok()).collect(),
        });
    }
    let mut cut = Vec::new();
    for row in sqlx::query(CUT).bind(before).fetch_all(&mut *transaction).await? {
        let seq: Option<i32> = row.try_get("seq")?;
        let prev: Vec<u8> = row.try_get("prev")?;
        let from = match seq.map(u32::try_from) {
            Some(Ok(seq)) => Some((seq, Digest::try_from(&prev[..])?)),
            _ => None,
        };
        cut.push(Cut { call: CallId(row.try_get("call_id")?), from });
    }
    Ok(Some(Plan { before, calls, entries, journals, cut, recordings: 0 }))
}

/// The recordings of the calls whose openings go. Nothing says any more then of whom they are, and no erasure finds
/// them.
///
/// # Errors
/// The folder cannot be read, or the database does not answer.
pub async fn recordings(
    pool: &PgPool,
    before: DateTime<Utc>,
    tapes: &Path,
) -> Result<Vec<PathBuf>, RetainError> {
    let failed = |source| RetainError::Recording { path: tapes.to_owned(), source };
    let found = erase::tapes_in(tapes).map_err(failed)?;
    let calls: Vec<Uuid> = found.iter().map(|(call, _)| call.0).collect();
    let going: Vec<Uuid> = sqlx::query_scalar(
        "SELECT call_id FROM audit.entries
          WHERE kind = 'call_opened' AND seq = 0 AND at < $1 AND call_id = ANY($2)",
    )
    .bind(before)
    .bind(&calls)
    .fetch_all(pool)
    .await?;
    let going: BTreeSet<CallId> = going.into_iter().map(CallId).collect();
    Ok(found.into_iter().filter(|(call, _)| going.contains(call)).map(|(_, folder)| folder).collect())
}

/// Writes the plan into the audit, deletes these recordings and drops what the plan names. Returns how many partitions
/// that were.
///
/// # Errors
/// See [`RetainError`]; either no month was dropped, or all of them.
pub async fn carry_out(
    settings: &Settings,
    pool: &PgPool,
    plan: &Plan,
    recordings: &[PathBuf],
) -> Result<usize, RetainError> {
    let office = Office::open(settings).await?;
    let written = Plan { recordings: recordings.len(), ..plan.clone() };
    let body = serde_json::to_value(written).unwrap_or_default();
    office.record(vec![Entry::new(EntryKind::Retention, body, 0)]).await?;
    if !office.finish().await? {
        return Err(RetainError::NotCopied);
    }
    // Before the months, by which they are found again when the command is cut off here.
    erase::delete_tapes(recordings).map_err(|(path, source)| RetainError::Recording { path, source })?;
    drop_months(pool, plan).await
}

/// The second half: what the entry names goes, in one transaction.
async fn drop_months(pool: &PgPool, plan: &Plan) -> Result<usize, RetainError> {
    let mut transaction = pool.begin().await?;
    // Whoever reads everything is waited for, but not for ever.
    sqlx::query("SET LOCAL lock_timeout = '60s'").execute(&mut *transaction).await?;
    let names = partitions(&mut transaction, plan.before).await?;
    let locks: String =
        names.iter().map(|name| format!("LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE; ")).collect();
    // Quoted by PostgreSQL itself.
    sqlx::raw_sql(sqlx::AssertSqlSafe(locks)).execute(&mut *transaction).await?;
    let (_, found) = old(&mut transaction, plan.before).await?;
    if found != plan.entries {
        return Err(RetainError::Changed { expected: plan.entries, found });
    }
    for name in &names {
        let statement = format!("DROP TABLE {name}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    }
    sqlx::query("DELETE FROM audit.pii WHERE at < $1").bind(plan.before).execute(&mut *transaction).await?;
    // A person who calls again brings their key with them.
    sqlx::query(
        "DELETE FROM audit.subject_keys k
          WHERE k.created_at < $1 AND NOT EXISTS (SELECT FROM audit.pii p WHERE p.subject_id = k.subject_id)",
    )
    .bind(plan.before)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(names.len())
}

/// The partitions that end at the boundary or before it, as quoted names.
async fn partitions(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT format('%I.%I', n.nspname, c.relname)
           FROM pg_inherits i
           JOIN pg_class c ON c.oid = i.inhrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE i.inhparent IN ('audit.calls'::regclass, 'audit.entries'::regclass)
            AND substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''([^'']+)''\\)')::timestamptz <= $1
          ORDER BY 1",
    )
    .bind(before)
    .fetch_all(connection)
    .await
}

/// How many calls and entries are before the boundary.
async fn old(connection: &mut PgConnection, before: DateTime<Utc>) -> Result<(u64, u64), sqlx::Error> {
    let (calls, entries): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM audit.calls WHERE started_at < $1),
                (SELECT count(*) FROM audit.entries WHERE at < $1)",
    )
    .bind(before)
    .fetch_one(connection)
    .await?;
    Ok((u64::try_from(calls).unwrap_or_default(), u64::try_from(entries).unwrap_or_default()))
}

const JOURNALS: &str = "
    WITH openings AS (
        SELECT (body ->> 'journal')::uuid AS journal, (body ->> 'ordinal')::bigint AS ordinal, at >= $1 AS kept
          FROM audit.entries WHERE seq = 0 AND kind = 'call_opened'),
    firsts AS (
        SELECT journal, coalesce(min(ordinal) FILTER (WHERE kept), max(ordinal) + 1) AS first,
               count(*) FILTER (WHERE kept) AS kept
          FROM openings GROUP BY journal)
    SELECT f.journal, f.first, f.kept,
           array(SELECT o.ordinal FROM openings o
                  WHERE o.journal = f.journal AND NOT o.kept AND o.ordinal > f.first ORDER BY 1) AS also_gone
      FROM firsts f ORDER BY 1";

/// Kept entries behind one that goes; kept openings whose row goes; kept rows whose opening goes.
const CUT: &str = "
    SELECT e.call_id, e.seq, e.prev
      FROM audit.entries e JOIN audit.entries o ON o.call_id = e.call_id AND o.seq = e.seq - 1
     WHERE e.at >= $1 AND o.at < $1
     UNION ALL
    SELECT e.call_id, e.seq, e.prev
      FROM audit.entries e JOIN audit.calls c ON c.call_id = e.call_id
     WHERE e.seq = 0 AND e.at >= $1 AND c.started_at < $1
     UNION ALL
    SELECT c.call_id, NULL, c.genesis
      FROM audit.calls c JOIN audit.entries e ON e.call_id = c.call_id AND e.seq = 0
     WHERE c.started_at >= $1 AND e.at < $1
     ORDER BY 1, 2";

/// What is newer may still lie in the journal's last segment, which `audit verify` compares with the database.
pub(crate) const NEWEST: TimeDelta = TimeDelta::days(28);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::*;

    #[test]
    fn only_whole_months_that_are_long_over_are_given_up() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let now = "2026-11-25T12:00:00Z".parse().unwrap();
        assert_eq!(boundary(day("2026-10-19"), now).unwrap().to_rfc3339(), "2026-10-01T00:00:00+00:00");
        assert!(boundary(day("2026-11-02"), now).is_err(), "the month began 24 days ago");
        assert!(boundary(day("2027-01-01"), now).is_err());
        assert_eq!(kept_from(now, 36), day("2023-11-25"));
    }
}
