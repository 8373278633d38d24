//! What the drain writes: records, personal values, keys and the watermark, in one transaction.
//!
//! No key of a partitioned table can keep two records out of one place, so each statement looks for itself, and what
//! it leaves out is looked at again: the same record is nothing, another one is a conflict.

use serde_json::{Value, json};
use sqlx::PgConnection;
use sqlx::postgres::PgPool;
use uuid::Uuid;

use super::{DrainError, heads};
use crate::audit::chain::Record;
use crate::audit::entry::EntryKind;
use crate::audit::heads::Head;
use crate::audit::journal::Position;
use crate::audit::seal::{SealedBox, SubjectId};
use crate::audit::subjects::Slot;

/// Held shared by a transaction that copies personal values, and alone by an erasure: what begins after the erasure
/// finds no key in the file, what began before it is deleted by it.
pub(crate) const ERASING: i64 = 0x6f72_6465_726c_6e65;

/// How a journal is told apart.
#[derive(Clone, Copy)]
pub(super) struct From<'a> {
    pub(super) journal: Uuid,
    pub(super) node: &'a str,
}

/// One transaction: records, heads, values and watermark. Returns how many conflicts were met. `slots` reads the persons'
/// slots from the file, and is asked once no erasure can come between.
///
/// # Errors
/// [`DrainError::SetBack`] when the watermark is not where it `stands`: then nothing was written.
pub(super) async fn insert<F>(
    pool: &PgPool,
    from: From<'_>,
    (records, covering): (&[(Record, Position)], &[&Head]),
    (stands, upto): (Option<Position>, Position),
    slots: impl FnOnce(Vec<SubjectId>) -> F,
) -> Result<u64, DrainError>
where
    F: Future<Output = Result<Vec<Slot>, DrainError>>,
{
    let records = || records.iter().map(|(record, _)| record);
    let entries: Vec<Value> = records().map(entry).collect();
    let calls: Vec<Value> =
        records().filter(|record| record.entry.kind == EntryKind::CallOpened).map(call).collect();
    let values: Vec<(SubjectId, &Record, &SealedBox)> =
        records().filter_map(|record| Some((record.subject?, record, record.sealed.as_ref()?))).collect();
    let mut transaction = pool.begin().await?;
    sqlx::query("SET LOCAL synchronous_commit = on").execute(&mut *transaction).await?;
    let mut conflicts = 0;
    if !calls.is_empty() {
        let count = calls.len() as u64;
        let calls = Value::Array(calls);
        let inserted =
            sqlx::query(INSERT_CALLS).bind(&calls).execute(&mut *transaction).await?.rows_affected();
        if inserted < count {
            conflicts += sqlx::query(FIND_CALL_CONFLICTS)
                .bind(&calls)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
        }
    }
    if !entries.is_empty() {
        let count = entries.len() as u64;
        let entries = Value::Array(entries);
        let inserted =
            sqlx::query(INSERT_ENTRIES).bind(&entries).execute(&mut *transaction).await?.rows_affected();
        if inserted < count {
            conflicts += sqlx::query(FIND_ENTRY_CONFLICTS)
                .bind(&entries)
                .bind(from.journal)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
        }
    }
    if !values.is_empty() {
        sqlx::query("SELECT pg_advisory_xact_lock_shared($1)")
            .bind(ERASING)
            .execute(&mut *transaction)
            .await?;
        let mut subjects: Vec<_> = values.iter().map(|(subject, ..)| *subject).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let slots = slots(subjects).await?;
        // Whose key is gone leaves nothing here.
        let values = values
            .iter()
            .filter(|(subject, ..)| slots.iter().any(|slot| slot.subject == *subject))
            .filter_map(|(subject, record, sealed)| value(*subject, record, sealed))
            .collect();
        let keys = slots.iter().filter_map(key).collect();
        sqlx::query(INSERT_KEYS).bind(Value::Array(keys)).execute(&mut *transaction).await?;
        sqlx::query(INSERT_VALUES).bind(Value::Array(values)).execute(&mut *transaction).await?;
    }
    conflicts += heads::insert(&mut transaction, from.journal, covering).await?;
    move_watermark(&mut transaction, from, stands, upto).await?;
    transaction.commit().await?;
    Ok(conflicts)
}

/// How far PostgreSQL has this journal; none before anything was copied.
pub(super) async fn watermark(pool: &PgPool, journal: Uuid) -> Result<Option<Position>, sqlx::Error> {
    let row: Option<(i64, i64)> = sqlx::query_as(WATERMARK).bind(journal).fetch_optional(pool).await?;
    Ok(row.map(|(segment, offset)| Position {
        segment: u64::try_from(segment).unwrap_or_default(),
        offset: u64::try_from(offset).unwrap_or_default(),
    }))
}

/// Whether PostgreSQL has this record, or keeps it as a conflict.
pub(super) async fn has(pool: &PgPool, record: &Record) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(HAS)
        .bind(record.call.0)
        .bind(i64::from(record.seq))
        .bind(record.hash.as_bytes())
        .fetch_one(pool)
        .await
}

/// Moves the watermark on from where it was left, and from nowhere else: a database that was set back meanwhile lacks
/// what lies between.
async fn move_watermark(
    connection: &mut PgConnection,
    from: From<'_>,
    stands: Option<Position>,
    upto: Position,
) -> Result<(), DrainError> {
    let number = |number| i64::try_from(number).unwrap_or(i64::MAX);
    let moving = sqlx::query(if stands.is_some() { MOVE_WATERMARK } else { SET_WATERMARK })
        .bind(from.journal)
        .bind(from.node)
        .bind(number(upto.segment))
        .bind(number(upto.offset));
    let moving = match stands {
        Some(stands) => moving.bind(number(stands.segment)).bind(number(stands.offset)),
        None => moving,
    };
    if moving.execute(connection).await?.rows_affected() == 0 {
        return Err(DrainError::SetBack { expected: stands.unwrap_or_default() });
    }
    Ok(())
}

/// An entry's row, by column names.
fn entry(record: &Record) -> Value {
    let entry = &record.entry;
    json!({
        "call_id": record.call,
        "seq": record.seq,
        "at": record.at,
        "kind": entry.kind,
        "action": entry.action,
        "request": entry.request,
        "order_id": entry.order_id,
        "order_number": entry.order_number,
        "idem_key": entry.idem_key,
        "http_status": entry.http_status,
        "problem": entry.problem,
        "body": entry.body,
        "offset_ms": entry.offset_ms,
        "pii_commit": record.pii_commit,
        "prev": record.prev,
        "hash": record.hash,
    })
}

/// A call's row, from its first entry.
fn call(record: &Record) -> Value {
    let body = &record.entry.body;
    json!({
        "call_id": record.call,
        "journal": body["journal"],
        "node": body["node"],
        "ordinal": body["ordinal"],
        "caller_masked": body["caller"],
        "started_at": body["started_at"],
        "genesis": record.prev,
    })
}

fn value(subject: SubjectId, record: &Record, sealed: &SealedBox) -> Option<Value> {
    Some(json!({
        "call_id": record.call,
        "seq": record.seq,
        "at": record.at,
        "subject_id": subject,
        "box": hex(&sealed.bytes()?),
    }))
}

fn key(slot: &Slot) -> Option<Value> {
    let wrapped = hex(&slot.key?.0);
    Some(json!({ "subject_id": slot.subject, "wrapped_key": wrapped, "created_at": slot.made_at }))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

const INSERT_CALLS: &str = "
    INSERT INTO audit.calls (call_id, journal, node, ordinal, caller_masked, started_at, genesis)
    SELECT call_id, journal, node, ordinal, caller_masked, started_at, decode(genesis, 'hex')
      FROM jsonb_to_recordset($1) AS x(call_id uuid, journal uuid, node text, ordinal bigint, caller_masked text,
                                       started_at timestamptz, genesis text)
     WHERE NOT EXISTS (SELECT FROM audit.calls c WHERE c.call_id = x.call_id)
       AND NOT EXISTS (SELECT FROM audit.calls c WHERE c.journal = x.journal AND c.ordinal = x.ordinal)
    ON CONFLICT DO NOTHING";

/// A call whose row, or whose ordinal, another call holds; kept under seq -1.
const FIND_CALL_CONFLICTS: &str = "
    INSERT INTO audit.conflicts (journal, call_id, seq, hash, record)
    SELECT x.journal, x.call_id, -1, decode(x.genesis, 'hex'), to_jsonb(x)
      FROM jsonb_to_recordset($1) AS x(call_id uuid, journal uuid, node text, ordinal bigint, caller_masked text,
                                       started_at timestamptz, genesis text)
     WHERE NOT EXISTS (SELECT FROM audit.calls c
                        WHERE c.call_id = x.call_id AND c.genesis = decode(x.genesis, 'hex'))
    ON CONFLICT DO NOTHING";

const INSERT_ENTRIES: &str = "
    INSERT INTO audit.entries (call_id, seq, at, kind, action, request, order_id, order_number, idem_key,
                               http_status, problem, body, offset_ms, pii_commit, prev, hash)
    SELECT call_id, seq, at, kind, action, request, order_id, order_number, idem_key,
           http_status, problem, body, offset_ms, decode(pii_commit, 'hex'), decode(prev, 'hex'), decode(hash, 'hex')
      FROM jsonb_to_recordset($1) AS x(call_id uuid, seq integer, at timestamptz, kind text, action text,
                                       request bigint, order_id uuid, order_number text, idem_key uuid,
                                       http_status integer, problem text, body jsonb, offset_ms bigint,
                                       pii_commit text, prev text, hash text)
     WHERE NOT EXISTS (SELECT FROM audit.entries e WHERE e.call_id = x.call_id AND e.seq = x.seq)
    ON CONFLICT DO NOTHING";

const FIND_ENTRY_CONFLICTS: &str = "
    INSERT INTO audit.conflicts (journal, call_id, seq, hash, record)
    SELECT DISTINCT $2::uuid, e.call_id, e.seq, decode(x ->> 'hash', 'hex'), x
      FROM jsonb_array_elements($1) AS x
      JOIN audit.entries e ON e.call_id = (x ->> 'call_id')::uuid AND e.seq = (x ->> 'seq')::integer
     WHERE e.hash <> decode(x ->> 'hash', 'hex')
    ON CONFLICT DO NOTHING";

const INSERT_KEYS: &str = "
    INSERT INTO audit.subject_keys (subject_id, wrapped_key, created_at)
    SELECT subject_id, decode(wrapped_key, 'hex'), created_at
      FROM jsonb_to_recordset($1) AS x(subject_id uuid, wrapped_key text, created_at timestamptz)
    ON CONFLICT DO NOTHING";

const INSERT_VALUES: &str = "
    INSERT INTO audit.pii (call_id, seq, at, subject_id, box)
    SELECT call_id, seq, at, subject_id, decode(box, 'hex')
      FROM jsonb_to_recordset($1) AS x(call_id uuid, seq integer, at timestamptz, subject_id uuid, box text)
    ON CONFLICT DO NOTHING";

const WATERMARK: &str = "SELECT segment, byte_offset FROM audit.drained WHERE journal = $1";

const HAS: &str = "
    SELECT EXISTS (SELECT FROM audit.entries WHERE call_id = $1 AND seq = $2 AND hash = $3)
        OR EXISTS (SELECT FROM audit.conflicts WHERE call_id = $1 AND seq = $2 AND hash = $3)";

const SET_WATERMARK: &str = "
    INSERT INTO audit.drained (journal, node, segment, byte_offset) VALUES ($1, $2, $3, $4)
    ON CONFLICT (journal) DO NOTHING";

const MOVE_WATERMARK: &str = "
    UPDATE audit.drained SET node = $2, segment = $3, byte_offset = $4, updated_at = now()
     WHERE journal = $1 AND segment = $5 AND byte_offset = $6";
