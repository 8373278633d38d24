//! Heads on their way to PostgreSQL, in the transaction of the records that they cover.

use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::audit::heads::Head;
use crate::audit::heads::note::{Checkpoint, Note};

/// Inserts heads; one that is there already is left alone. Returns how many are there with another note: an alarm,
/// kept in `audit.conflicts` under the journal's id and seq -2.
pub(super) async fn insert(
    connection: &mut PgConnection,
    journal: Uuid,
    heads: &[&Head],
) -> Result<u64, sqlx::Error> {
    if heads.is_empty() {
        return Ok(0);
    }
    let rows: Vec<Value> = heads.iter().filter_map(|head| row(head)).collect();
    let count = rows.len() as u64;
    let rows = Value::Array(rows);
    let inserted =
        sqlx::query(INSERT).bind(journal).bind(&rows).execute(&mut *connection).await?.rows_affected();
    if inserted == count {
        return Ok(0);
    }
    Ok(sqlx::query(FIND_CONFLICTS).bind(journal).bind(&rows).execute(&mut *connection).await?.rows_affected())
}

/// A head's row, by column names. None for what is no signed note: the recovery has told of it.
fn row(head: &Head) -> Option<Value> {
    let note = Note::parse(&head.note).ok()?;
    let checkpoint = Checkpoint::parse(&note.text).ok()?;
    Some(json!({
        "n": head.n,
        "size": head.size,
        "root": head.root,
        "frontier": head.frontier,
        "leaves": head.leaves,
        "at": checkpoint.at,
        "key_id": format!("{:08x}", u32::from_be_bytes(checkpoint.key.id())),
        "note": head.note,
    }))
}

const INSERT: &str = "
    INSERT INTO audit.heads (journal, n, size, root, frontier, leaves, at, key_id, note)
    SELECT $1, n, size, decode(root, 'hex'), frontier, leaves, at, decode(key_id, 'hex'), note
      FROM jsonb_to_recordset($2) AS x(n bigint, size bigint, root text, frontier jsonb, leaves jsonb,
                                       at timestamptz, key_id text, note text)
    ON CONFLICT DO NOTHING";

const FIND_CONFLICTS: &str = "
    INSERT INTO audit.conflicts (journal, call_id, seq, hash, record)
    SELECT $1, $1, -2, sha256(convert_to(x ->> 'note', 'UTF8')), x
      FROM jsonb_array_elements($2) AS x
      JOIN audit.heads h ON h.journal = $1 AND h.n = (x ->> 'n')::bigint
     WHERE h.note <> x ->> 'note'
    ON CONFLICT DO NOTHING";
