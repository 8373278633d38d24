//! PostgreSQL's copy, by itself and against the journal.

use std::collections::{HashMap, HashSet};

use futures_util::TryStreamExt as _;
use sqlx::postgres::PgPool;
use sqlx::{PgConnection, Postgres, Row as _, Transaction};
use uuid::Uuid;

use super::acts;
use super::anchors::Anchors;
use super::chains::{Chains, Reason, opening};
use super::heads::Trust;
use super::heads_file::Known;
use super::journal::Copied;
use super::{Finding, Place, Report, Sources, VerifyError, redaction, stored_heads};
use crate::audit::chain::{Digest, Genesis, Record};
use crate::audit::database::{self, RowError};
use crate::audit::journal::Position;
use crate::ids::CallId;

/// A call's row and whether entries of it were met.
struct CallRow {
    genesis: Genesis,
    caller: Option<String>,
    hash: Digest,
    met: bool,
}

/// One snapshot of all tables, whatever is being written meanwhile. Taken before the journal is read: what was copied by
/// then is there for certain.
pub(super) async fn snapshot(pool: &PgPool) -> Result<Transaction<'static, Postgres>, VerifyError> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *transaction)
        .await?;

    let known: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('audit.entries')::text").fetch_one(&mut *transaction).await?;
    if known.is_none() {
        return Err(VerifyError::NoTables);
    }
    Ok(transaction)
}

pub(super) async fn check(
    mut transaction: Transaction<'static, Postgres>,
    mut copied: Vec<Copied>,
    sources: &Sources,
    report: &mut Report,
) -> Result<Vec<Known>, VerifyError> {
    let main = copied.first().and_then(|copied| copied.journal);
    let since = match &sources.since {
        Some(since) => Some(since.in_database(&mut transaction, main).await?),
        None => None,
    };

    let mut calls = call_rows(&mut transaction, report).await?;
    if let Some((journal, n)) = since {
        let covered: Vec<Uuid> = sqlx::query_scalar(COVERED_CALLS)
            .bind(journal)
            .bind(n.cast_signed())
            .fetch_all(&mut *transaction)
            .await?;
        for call in covered {
            if let Some(row) = calls.get_mut(&CallId(call)) {
                row.met = true;
            }
        }
    }
    let mut stored = stored_heads::check(&mut transaction, since, report).await?;
    let mut places: Vec<Known> = Vec::new();
    let mut watermarks = Vec::new();
    for journal in &copied {
        let watermark = watermark(&mut transaction, journal.journal).await?;
        watermarks.push(watermark);
        if watermark > journal.end {
            let detail =
                format!("PostgreSQL has the journal up to {watermark:?}, it ends at {:?}", journal.end);
            report.found(finding(None, None, Reason::MissingInJournal, detail));
        }
        let upto = stored_heads::against_journal(&stored, journal, watermark, report);
        if let Some(id) = journal.journal {
            let notes = stored.chains.get(&id).map(|chain| chain.notes.clone()).unwrap_or_default();
            places.push(Known {
                place: Place::Database,
                journal: id,
                notes,
                from: 0,
                upto: Some(upto.unwrap_or_default()),
            });
        }
    }
    for (journal, chain) in &stored.chains {
        if !places.iter().any(|known| known.journal == *journal) {
            let notes = chain.notes.clone();
            places.push(Known { place: Place::Database, journal: *journal, notes, from: 0, upto: None });
        }
    }
    // With a trusted head, a call's beginning is not read again.
    let whole = |record: &&(CallId, u32)| record.1 == 0 && since.is_none();
    let in_journal: HashSet<CallId> =
        copied.iter().flat_map(|copied| copied.records.keys().filter(whole)).map(|(call, _)| *call).collect();

    let mut chains = Chains::new(Place::Database);
    let trust = Trust::of(sources.public_keys.as_deref(), report);
    for act in acts::load(&mut transaction, &stored.anchors).await?.finish() {
        chains.anchors.believe(&act, &trust, report);
        report.values.acts.push(act);
    }
    chains.may_begin_late = since.is_some();
    let statement = match since {
        Some(_) => format!("{COVERED} SELECT e.* FROM ({}) AS e {NOT_COVERED}", database::ENTRIES),
        None => database::ENTRIES.to_owned(),
    };
    let mut query = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(None::<Uuid>);
    if let Some((journal, n)) = since {
        query = query.bind(journal).bind(n.cast_signed());
    }
    let mut rows = query.fetch(&mut *transaction);
    while let Some(row) = rows.try_next().await? {
        let record = match database::record(&row) {
            Ok(record) => record,
            Err(error) => {
                report.found(unreadable(row.try_get("call_id").ok(), &error));
                continue;
            }
        };
        chains.follow(&record, report);
        stored.anchors.meet(record.call, record.seq, &mut chains, report);
        if !chains.anchors.cuts(record.call) || calls.contains_key(&record.call) {
            against_row(&record, &mut calls, report);
        }
        let place = (record.call, record.seq);
        match copied.iter_mut().find_map(|copied| copied.records.remove(&place)) {
            Some((hash, _)) if hash != record.hash => report.found(finding(
                Some(record.call),
                Some(record.seq),
                Reason::Differs,
                format!("expected the journal's {hash}, found {}", record.hash),
            )),
            Some(_) => {}
            None if in_journal.contains(&record.call) => report.found(finding(
                Some(record.call),
                Some(record.seq),
                Reason::MissingInJournal,
                "expected the journal to have the whole call, found this entry in the database alone"
                    .to_owned(),
            )),
            None => {}
        }
    }
    drop(rows);

    let checked: Vec<Uuid> = copied.iter().filter_map(|copied| copied.journal).collect();
    not_copied(copied, &watermarks, &chains.anchors, report);
    stored.anchors.finish(&mut chains, report);
    chains.unsigned(|journal| stored.chains.contains_key(&journal), report);
    for row in calls.values().filter(|row| !row.met && !chains.anchors.cuts(row.genesis.call)) {
        let detail = "expected call_opened, found no entry".to_owned();
        report.found(finding(Some(row.genesis.call), None, Reason::NotOpened, detail));
    }
    conflicts(&mut transaction, report).await?;
    redaction::database(&mut transaction, &checked, report).await?;
    let (calls, entries, open) = chains.finish(report);
    report.database_calls = Some(calls);
    report.database_entries = Some(entries);
    report.open_calls = report.open_calls.max(open);
    Ok(places)
}

/// The rows of `audit.calls`, each checked by itself.
async fn call_rows(
    connection: &mut PgConnection,
    report: &mut Report,
) -> Result<HashMap<CallId, CallRow>, VerifyError> {
    let mut calls = HashMap::new();
    let mut rows = sqlx::query(
        "SELECT call_id, journal, node, ordinal, caller_masked, started_at, genesis FROM audit.calls ORDER BY 2, 4",
    )
    .fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        match database::genesis(&row) {
            Ok((genesis, caller, hash)) => {
                if genesis.hash() != hash {
                    let detail = "expected the hash of the call's row, found another".to_owned();
                    report.found(finding(Some(genesis.call), None, Reason::GenesisMismatch, detail));
                }
                let call = genesis.call;
                if calls.insert(call, CallRow { genesis, caller, hash, met: false }).is_some() {
                    let detail = "expected one row for the call, found another".to_owned();
                    report.found(finding(Some(call), None, Reason::GenesisMismatch, detail));
                }
            }
            Err(error) => report.found(unreadable(row.try_get("call_id").ok(), &error)),
        }
    }
    Ok(calls)
}

/// Up to where the database has a journal.
async fn watermark(connection: &mut PgConnection, journal: Option<Uuid>) -> Result<Position, VerifyError> {
    let Some(journal) = journal else { return Ok(Position::default()) };
    let row: Option<(i64, i64)> =
        sqlx::query_as("SELECT segment, byte_offset FROM audit.drained WHERE journal = $1")
            .bind(journal)
            .fetch_optional(connection)
            .await?;
    let (segment, offset) = row.unwrap_or_default();
    Ok(Position {
        segment: u64::try_from(segment).unwrap_or_default(),
        offset: u64::try_from(offset).unwrap_or_default(),
    })
}

/// What the journals have and no row was met for.
fn not_copied(copied: Vec<Copied>, watermarks: &[Position], anchors: &Anchors, report: &mut Report) {
    let mut undrained = 0;
    for (journal, watermark) in copied.into_iter().zip(watermarks) {
        let mut left: Vec<_> = journal.records.into_iter().collect();
        left.sort_unstable_by_key(|(place, _)| *place);
        for ((call, seq), (_, behind)) in left {
            if behind > *watermark {
                undrained += 1;
                continue;
            }
            if report.values.written(call, seq).is_some_and(|at| anchors.is_given_up(at)) {
                continue;
            }
            let detail = "PostgreSQL confirmed this entry of the journal and does not have it".to_owned();
            report.found(finding(Some(call), Some(seq), Reason::MissingInDatabase, detail));
        }
    }
    if undrained > 0 {
        report.notes.push(format!("{undrained} entries are not copied to PostgreSQL yet"));
    }
}

/// What the drain found in the place of its records and heads.
async fn conflicts(connection: &mut PgConnection, report: &mut Report) -> Result<(), VerifyError> {
    let conflicts: Vec<(Uuid, i32)> =
        sqlx::query_as("SELECT call_id, seq FROM audit.conflicts ORDER BY found_at LIMIT 1000")
            .fetch_all(connection)
            .await?;
    for (call, seq) in conflicts {
        // Under -2 it is a head, and the id is the journal's.
        let (call, what) = if seq == -2 { (None, "head") } else { (Some(CallId(call)), "record") };
        let detail = format!("the journal had another {what} for this place: see audit.conflicts");
        report.found(finding(call, u32::try_from(seq).ok(), Reason::Conflict, detail));
    }
    Ok(())
}

/// The first entry of a call against the call's own row.
fn against_row(record: &Record, calls: &mut HashMap<CallId, CallRow>, report: &mut Report) {
    if record.seq != 0 {
        return;
    }
    let Some(row) = calls.get_mut(&record.call) else {
        let detail = "expected a row in audit.calls, found none".to_owned();
        report.found(finding(Some(record.call), Some(0), Reason::GenesisMismatch, detail));
        return;
    };
    row.met = true;
    let caller = record.entry.body.get("caller").and_then(serde_json::Value::as_str);
    let same = opening(record).as_ref() == Some(&row.genesis)
        && caller == row.caller.as_deref()
        && record.prev == row.hash;
    if !same {
        let detail = "expected the call's row to say what its first entry says".to_owned();
        report.found(finding(Some(record.call), Some(0), Reason::GenesisMismatch, detail));
    }
}

fn finding(call: Option<CallId>, seq: Option<u32>, reason: Reason, detail: String) -> Finding {
    Finding { place: Place::Database, call, seq, reason, detail }
}

fn unreadable(call: Option<Uuid>, error: &RowError) -> Finding {
    finding(call.map(CallId), None, Reason::RowUnreadable, error.to_string())
}

/// Calls that the journal's heads up to one cover.
const COVERED_CALLS: &str = "
    SELECT DISTINCT c.call_id
      FROM audit.heads h,
           jsonb_array_elements(CASE jsonb_typeof(h.leaves) WHEN 'array' THEN h.leaves ELSE '[]' END) AS leaf
      JOIN audit.calls c ON c.call_id::text = leaf ->> 'call'
     WHERE h.journal = $1 AND h.n <= $2";

/// How many entries of each call they cover. Whatever the leaves are: what is none covers nothing.
const COVERED: &str = "
    WITH covered AS MATERIALIZED (
        SELECT leaf ->> 'call' AS call,
               max(CASE WHEN leaf ->> 'count' ~ '^[0-9]{1,9}$' THEN (leaf ->> 'count')::integer END) AS entries
          FROM audit.heads h,
               jsonb_array_elements(CASE jsonb_typeof(h.leaves) WHEN 'array' THEN h.leaves ELSE '[]' END) AS leaf
         WHERE h.journal = $2 AND h.n <= $3
         GROUP BY 1)";
const NOT_COVERED: &str = "
      LEFT JOIN covered c ON c.call = e.call_id::text
     WHERE c.entries IS NULL OR e.seq >= c.entries
     ORDER BY e.call_id, e.seq";
