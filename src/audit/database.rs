//! Reading the audit back from PostgreSQL.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use sqlx::Row as _;
use sqlx::postgres::{PgPool, PgRow, PgTypeInfo, PgValueRef};
use uuid::Uuid;

use super::chain::{Digest, Genesis, Record};
use super::entry::{Entry, EntryKind};
use super::heads::Head;
use super::heads::note::{Checkpoint, Note};
use crate::ids::{CallId, RequestId};

/// A stored row that cannot be what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{table}.{column}: {found}")]
pub struct RowError {
    pub table: &'static str,
    pub column: &'static str,
    pub found: String,
}

/// A stored instant, decoded so that nothing that PostgreSQL can hold (`infinity`, the year 294276) is a panic.
pub(crate) struct Moment(pub(crate) DateTime<Utc>);

impl sqlx::Type<sqlx::Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        <DateTime<Utc> as sqlx::Type<sqlx::Postgres>>::type_info()
    }
}

impl<'r> sqlx::Decode<'r, sqlx::Postgres> for Moment {
    fn decode(value: PgValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        // Microseconds since 2000, as all that is not asked for as text comes.
        let micros = <i64 as sqlx::Decode<sqlx::Postgres>>::decode(value)?;
        let at = micros.checked_add(YEAR_2000_MICROS).and_then(DateTime::from_timestamp_micros);
        at.map(Self).ok_or_else(|| "expected an instant of the calendar, found infinity or beyond".into())
    }
}

/// The columns of `audit.entries`, for [`record`].
pub(crate) const ENTRIES: &str = "
    SELECT call_id, seq, at, kind, action, request, order_id, order_number, idem_key, http_status, problem, body,
           offset_ms, pii_commit, prev, hash
      FROM audit.entries
     WHERE $1::uuid IS NULL OR call_id = $1
     ORDER BY call_id, seq";

/// The columns of [`ENTRIES`], of the kinds `$1`.
const ENTRIES_OF_KINDS: &str = "
    SELECT call_id, seq, at, kind, action, request, order_id, order_number, idem_key, http_status, problem, body,
           offset_ms, pii_commit, prev, hash
      FROM audit.entries
     WHERE kind = ANY($1)
     ORDER BY call_id, seq";

/// The entries of one call by place, or of all calls; empty when the database has none.
///
/// # Errors
/// The database does not answer, or a row is impossible.
pub async fn records(pool: &PgPool, call: Option<CallId>) -> Result<Vec<Record>, sqlx::Error> {
    let rows = sqlx::query(ENTRIES).bind(call.map(|call| call.0)).fetch_all(pool).await?;
    rows.iter().map(|row| record(row).map_err(|error| sqlx::Error::Decode(Box::new(error)))).collect()
}

/// The entries of some kinds, of all calls, in the order of their calls.
///
/// # Errors
/// The database does not answer, or a row is impossible.
pub async fn records_of(pool: &PgPool, kinds: &[EntryKind]) -> Result<Vec<Record>, sqlx::Error> {
    let mut records = Vec::new();
    each_of(pool, kinds, |record| records.push(record)).await?;
    Ok(records)
}

/// The same, one at a time.
pub(super) async fn each_of(
    pool: &PgPool,
    kinds: &[EntryKind],
    mut take: impl FnMut(Record),
) -> Result<(), sqlx::Error> {
    let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    let mut rows = sqlx::query(ENTRIES_OF_KINDS).bind(kinds).fetch(pool);
    while let Some(row) = rows.try_next().await? {
        take(record(&row).map_err(|error| sqlx::Error::Decode(Box::new(error)))?);
    }
    Ok(())
}

/// One row of [`ENTRIES`].
pub(crate) fn record(row: &PgRow) -> Result<Record, RowError> {
    let columns = Columns { row, table: "audit.entries" };
    let kind: String = columns.read("kind")?;
    let entry = Entry {
        kind: EntryKind::named(&kind).ok_or_else(|| columns.wrong("kind", format!("{kind:?}")))?,
        action: columns.read("action")?,
        request: columns.number::<u64>("request")?.map(RequestId),
        order_id: columns.read("order_id")?,
        order_number: columns.read("order_number")?,
        idem_key: columns.read("idem_key")?,
        http_status: columns.small("http_status")?,
        problem: columns.read("problem")?,
        body: columns.read("body")?,
        offset_ms: columns.required("offset_ms")?,
        private: None,
    };
    let seq: i32 = columns.read("seq")?;
    Ok(Record {
        call: CallId(columns.read("call_id")?),
        seq: u32::try_from(seq).map_err(|_| columns.wrong("seq", seq.to_string()))?,
        at: columns.instant("at")?,
        entry,
        pii_commit: match columns.read::<Option<Vec<u8>>>("pii_commit")? {
            Some(bytes) => Some(columns.digest("pii_commit", &bytes)?),
            None => None,
        },
        sealed: None,
        subject: None,
        prev: columns.hash("prev")?,
        hash: columns.hash("hash")?,
    })
}

/// The columns of `audit.heads`, for [`head`], in the order in which they were made.
pub(crate) const HEADS: &str = "
    SELECT journal, n, size, root, frontier, leaves, at, key_id, note
      FROM audit.heads
     WHERE $1::uuid IS NULL OR journal = $1
     ORDER BY journal, n";

/// One row of [`HEADS`]: whose head it is, the head, and whether the columns that only repeat its note do so.
pub(crate) fn head(row: &PgRow) -> Result<(Uuid, Head, bool), RowError> {
    let columns = Columns { row, table: "audit.heads" };
    let list = |column| columns.read::<serde_json::Value>(column);
    let head = Head {
        n: columns.required("n")?,
        size: columns.required("size")?,
        root: columns.hash("root")?,
        frontier: serde_json::from_value(list("frontier")?)
            .map_err(|error| columns.wrong("frontier", error.to_string()))?,
        leaves: serde_json::from_value(list("leaves")?)
            .map_err(|error| columns.wrong("leaves", error.to_string()))?,
        note: columns.read("note")?,
    };
    let (at, id): (_, Vec<u8>) = (columns.instant("at")?, columns.read("key_id")?);
    let note = Note::parse(&head.note).and_then(|note| Checkpoint::parse(&note.text));
    // What is no note is told of elsewhere.
    let same = note.map_or(true, |says| says.at == at && says.key.id().as_slice() == id);
    Ok((columns.read("journal")?, head, same))
}

/// The first head that covers an entry: its number and time.
///
/// # Errors
/// The database does not answer, or has no heads.
pub async fn head_over(
    pool: &PgPool,
    call: CallId,
    seq: u32,
) -> Result<Option<(u64, DateTime<Utc>)>, sqlx::Error> {
    let head: Option<(i64, Moment)> = sqlx::query_as(
        "SELECT n, at
           FROM audit.heads
          WHERE leaves @> jsonb_build_array(jsonb_build_object('call', $1::text))
            AND EXISTS (SELECT 1 FROM jsonb_array_elements(leaves) AS leaf
                         WHERE leaf ->> 'call' = $1::text AND (leaf ->> 'count')::bigint > $2)
          ORDER BY at
          LIMIT 1",
    )
    .bind(call.0.to_string())
    .bind(i64::from(seq))
    .fetch_optional(pool)
    .await?;
    Ok(head.map(|(n, at)| (n.cast_unsigned(), at.0)))
}

/// A row of `audit.calls`: its genesis, the masked caller and the stored h0.
pub(crate) fn genesis(row: &PgRow) -> Result<(Genesis, Option<String>, Digest), RowError> {
    let columns = Columns { row, table: "audit.calls" };
    let genesis = Genesis {
        journal: columns.read("journal")?,
        node: columns.read("node")?,
        call: CallId(columns.read::<Uuid>("call_id")?),
        ordinal: columns.required("ordinal")?,
        started_at: columns.instant("started_at")?,
    };
    Ok((genesis, columns.read("caller_masked")?, columns.hash("genesis")?))
}

struct Columns<'a> {
    row: &'a PgRow,
    table: &'static str,
}

impl<'a> Columns<'a> {
    fn read<T>(&self, column: &'static str) -> Result<T, RowError>
    where
        T: sqlx::Decode<'a, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        self.row.try_get(column).map_err(|error| self.wrong(column, error.to_string()))
    }

    fn instant(&self, column: &'static str) -> Result<DateTime<Utc>, RowError> {
        self.read::<Moment>(column).map(|moment| moment.0)
    }

    fn number<T: TryFrom<i64>>(&self, column: &'static str) -> Result<Option<T>, RowError> {
        let Some(number) = self.read::<Option<i64>>(column)? else { return Ok(None) };
        T::try_from(number).map(Some).map_err(|_| self.wrong(column, number.to_string()))
    }

    fn required<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, RowError> {
        self.number(column)?.ok_or_else(|| self.wrong(column, "null".to_owned()))
    }

    fn small(&self, column: &'static str) -> Result<Option<u16>, RowError> {
        let Some(number) = self.read::<Option<i32>>(column)? else { return Ok(None) };
        u16::try_from(number).map(Some).map_err(|_| self.wrong(column, number.to_string()))
    }

    fn hash(&self, column: &'static str) -> Result<Digest, RowError> {
        let bytes: Vec<u8> = self.read(column)?;
        self.digest(column, &bytes)
    }

    fn digest(&self, column: &'static str, bytes: &[u8]) -> Result<Digest, RowError> {
        Digest::try_from(bytes).map_err(|error| self.wrong(column, error.to_string()))
    }

    fn wrong(&self, column: &'static str, found: String) -> RowError {
        RowError { table: self.table, column, found }
    }
}

/// PostgreSQL counts from 2000-01-01T00:00:00Z, and this is that.
const YEAR_2000_MICROS: i64 = 946_684_800_000_000;
