//! PostgreSQL's copy, by itself and against the journal.

use std::collections::{HashMap, HashSet};

use futures_util::TryStreamExt as _;
use sqlx::Row as _;
use sqlx::postgres::PgPool;
use uuid::Uuid;

use super::chains::{Chains, Reason, opening};
use super::journal::Copied;
use super::{Finding, Place, Report, VerifyError, anchors, redaction};
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

pub(super) async fn check(
    pool: &PgPool,
    copied: Option<Copied>,
    report: &mut Report,
) -> Result<(), VerifyError> {
    // One snapshot of all tables, whatever is being written meanwhile.
    let mut transaction = pool.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *transaction)
        .await?;

    let known: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('audit.entries')::text").fetch_one(&mut *transaction).await?;
    if known.is_none() {
        return Err(VerifyError::NoTables);
    }

    let mut calls = HashMap::new();
    let mut rows = sqlx::query(
        "SELECT call_id, journal, node, ordinal, caller_masked, started_at, genesis FROM audit.calls ORDER BY 2, 4",
    )
    .fetch(&mut *transaction);
    while let Some(row) = rows.try_next().await? {
        match database::genesis(&row) {
            Ok((genesis, caller, hash)) => {
                if genesis.hash() != hash {
                    let detail = "expected the hash of the call's row, found another".to_owned();
                    report.found(finding(Some(genesis.call), None, Reason::GenesisMismatch, detail));
                }
                calls.insert(genesis.call, CallRow { genesis, caller, hash, met: false });
            }
            Err(error) => report.found(unreadable(row.try_get("call_id").ok(), &error)),
        }
    }
    drop(rows);

    let mut copied = copied.unwrap_or_default();
    let watermark = match copied.journal {
        Some(journal) => {
            let row: Option<(i64, i64)> =
                sqlx::query_as("SELECT segment, byte_offset FROM audit.drained WHERE journal = $1")
                    .bind(journal)
                    .fetch_optional(&mut *transaction)
                    .await?;
            let (segment, offset) = row.unwrap_or_default();
            Position {
                segment: u64::try_from(segment).unwrap_or_default(),
                offset: u64::try_from(offset).unwrap_or_default(),
            }
        }
        None => Position::default(),
    };
    if watermark > copied.end {
        let detail = format!("PostgreSQL has the journal up to {watermark:?}, it ends at {:?}", copied.end);
        report.found(finding(None, None, Reason::MissingInJournal, detail));
    }
    let in_journal: HashSet<CallId> =
        copied.records.keys().filter(|(_, seq)| *seq == 0).map(|(call, _)| *call).collect();

    let mut chains = Chains::new(Place::Database);
    chains.anchors = anchors::load(&mut transaction).await?;
    let mut rows = sqlx::query(database::ENTRIES).bind(None::<Uuid>).fetch(&mut *transaction);
    while let Some(row) = rows.try_next().await? {
        let record = match database::record(&row) {
            Ok(record) => record,
            Err(error) => {
                report.found(unreadable(row.try_get("call_id").ok(), &error));
                continue;
            }
        };
        chains.follow(&record, report);
        if !chains.anchors.cuts(record.call) || calls.contains_key(&record.call) {
            against_row(&record, &mut calls, report);
        }
        match copied.records.remove(&(record.call, record.seq)) {
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

    let mut undrained = 0;
    for ((call, seq), (_, behind)) in copied.records {
        if behind > watermark {
            undrained += 1;
            continue;
        }
        if report.values.written(call, seq).is_some_and(|at| chains.anchors.is_given_up(at)) {
            continue;
        }
        let detail = "PostgreSQL confirmed this entry of the journal and does not have it".to_owned();
        report.found(finding(Some(call), Some(seq), Reason::MissingInDatabase, detail));
    }
    if undrained > 0 {
        report.notes.push(format!("{undrained} entries are not copied to PostgreSQL yet"));
    }
    for row in calls.values().filter(|row| !row.met && !chains.anchors.cuts(row.genesis.call)) {
        let detail = "expected call_opened, found no entry".to_owned();
        report.found(finding(Some(row.genesis.call), None, Reason::NotOpened, detail));
    }
    let conflicts: Vec<(Uuid, i32)> =
        sqlx::query_as("SELECT call_id, seq FROM audit.conflicts ORDER BY found_at LIMIT 1000")
            .fetch_all(&mut *transaction)
            .await?;
    for (call, seq) in conflicts {
        let detail = "the journal had another record for this place: see audit.conflicts".to_owned();
        report.found(finding(Some(CallId(call)), u32::try_from(seq).ok(), Reason::Conflict, detail));
    }
    redaction::database(&mut transaction, report).await?;
    let (calls, entries, open) = chains.finish(report);
    report.database_calls = Some(calls);
    report.database_entries = Some(entries);
    report.open_calls = report.open_calls.max(open);
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
