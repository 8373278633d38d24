//! The whole audit as lines of JSON, to be read and verified elsewhere.
//!
//! First a line with what it is and whose, then every head, then every entry's public part, from the database the
//! oldest call first, from the journal as it was written; last a line with the count and the hash of all before it.
//! Heads come first so that a reader can hold each entry against them as it comes, and from the database before all
//! other calls the retentions, the newest first: they say what is missing. Neither side holds more than a segment of the
//! journal in memory.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::postgres::PgPool;
use uuid::Uuid;

use super::chain::{Digest, Record};
use super::database;
use super::frame::Payload;
use super::heads::note::VerifierKey;
use super::heads::{Head, Standing};
use super::journal::{JournalError, recovery, segments};

/// One line of an export.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Line {
    Export(Header),
    Head(Box<HeadOf>),
    Entry(Box<Record>),
    End(End),
}

/// The first line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// 1.
    pub(crate) version: u32,
    pub(crate) at: DateTime<Utc>,
    pub(crate) journals: Vec<JournalOf>,
    /// The public keys as this server knows them, for comparison: a reader trusts those that they got elsewhere.
    pub(crate) keys: Vec<VerifierKey>,
}

/// A journal and whose it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JournalOf {
    pub(crate) journal: Uuid,
    pub(crate) node: String,
    /// Where its heads stood when the oldest segment that is left began: what is older is not in here. None when it is
    /// here from its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) begins: Option<Standing>,
}

/// A head and whose it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeadOf {
    pub(crate) journal: Uuid,
    pub(crate) head: Head,
}

/// The last line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct End {
    /// With this one.
    pub(crate) lines: u64,
    /// Over every byte before this line.
    pub(crate) sha256: Digest,
}

/// Why an export came to no end. What was written is none.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("the export could not be written: {0}")]
    Write(#[from] io::Error),
    #[error("the audit's database could not be read: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the journal could not be read: {0}")]
    Journal(#[from] JournalError),
}

/// Writes everything that the database has. Returns how many entries.
///
/// # Errors
/// The database cannot be read, or the lines cannot be written.
pub async fn from_database(
    pool: &PgPool,
    keys: Vec<VerifierKey>,
    out: &mut (dyn Write + Send),
) -> Result<u64, ExportError> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut *transaction)
        .await?;
    let journals: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT journal, min(node) FROM audit.calls GROUP BY journal ORDER BY min(started_at)",
    )
    .fetch_all(&mut *transaction)
    .await?;
    let journals =
        journals.into_iter().map(|(journal, node)| JournalOf { journal, node, begins: None }).collect();
    let mut lines = Lines::begin(out, journals, keys)?;
    let impossible = |error: database::RowError| sqlx::Error::Decode(Box::new(error));
    let mut rows = sqlx::query(database::HEADS).bind(None::<Uuid>).fetch(&mut *transaction);
    while let Some(row) = rows.try_next().await? {
        let (journal, head, _) = database::head(&row).map_err(impossible)?;
        lines.write(&Line::Head(Box::new(HeadOf { journal, head })))?;
    }
    drop(rows);
    let mut entries = 0;
    let oldest_first = format!("SELECT e.* FROM ({}) AS e {OLDEST_FIRST}", database::ENTRIES);
    let mut rows = sqlx::query(sqlx::AssertSqlSafe(oldest_first)).bind(None::<Uuid>).fetch(&mut *transaction);
    while let Some(row) = rows.try_next().await? {
        let record = database::record(&row).map_err(impossible)?;
        lines.write(&Line::Entry(Box::new(record)))?;
        entries += 1;
    }
    lines.end()?;
    Ok(entries)
}

/// Writes everything that the segments of a journal and of its office still have, and every head of theirs. Returns how
/// many entries. Blocks on the disk.
///
/// # Errors
/// A segment cannot be read, or the lines cannot be written.
pub fn from_journal(folder: &Path, keys: Vec<VerifierKey>, out: &mut dyn Write) -> Result<u64, ExportError> {
    let folders = super::office::journals(folder);
    let mut journals = Vec::new();
    for folder in &folders {
        let numbers = segments::list(folder)?;
        let header = recovery::headers(folder, &numbers)?.into_iter().next();
        journals.extend(header.map(|header| JournalOf {
            journal: header.journal,
            node: header.node,
            begins: (header.segment > 1).then(|| header.heads.unwrap_or_default()),
        }));
    }
    let mut lines = Lines::begin(out, journals, keys)?;
    for folder in &folders {
        payloads(folder, |journal, payload| {
            if let Payload::Head(head) = payload {
                lines.write(&Line::Head(Box::new(HeadOf { journal, head: *head })))?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    let mut entries = 0;
    for folder in &folders {
        payloads(folder, |_, payload| {
            if let Payload::Record(record) = payload {
                entries += 1;
                // Of no use without the key, and nobody's business elsewhere.
                lines.write(&Line::Entry(Box::new(Record { sealed: None, ..*record })))?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    lines.end()?;
    Ok(entries)
}

/// Every frame of a folder, one segment at a time, with the journal's id, until `each` breaks off.
pub(super) fn payloads(
    folder: &Path,
    mut each: impl FnMut(Uuid, Payload) -> io::Result<ControlFlow<()>>,
) -> Result<(), ExportError> {
    let numbers = segments::list(folder)?;
    let extents = recovery::extents(folder, &numbers)?;
    let mut journal = Uuid::nil();
    for number in numbers {
        let segment = recovery::read_segment(folder, number, extents.get(&number).copied())?;
        for found in segment.scan.frames {
            if let Payload::Segment(header) = &found.payload {
                journal = header.journal;
            }
            if each(journal, found.payload)?.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The order of a database's export.
const OLDEST_FIRST: &str = "
      LEFT JOIN audit.calls c USING (call_id)
      LEFT JOIN (SELECT DISTINCT call_id, 0 AS first FROM audit.entries WHERE kind = 'retention') r USING (call_id)
     ORDER BY r.first NULLS LAST, CASE WHEN r.first = 0 THEN c.started_at END DESC NULLS LAST,
              c.started_at NULLS LAST, e.call_id, e.seq";

/// Writes lines and keeps count and hash.
struct Lines<'a, W: Write + ?Sized> {
    out: &'a mut W,
    hasher: Sha256,
    lines: u64,
}

impl<'a, W: Write + ?Sized> Lines<'a, W> {
    fn begin(out: &'a mut W, journals: Vec<JournalOf>, keys: Vec<VerifierKey>) -> io::Result<Self> {
        let mut lines = Self { out, hasher: Sha256::new(), lines: 0 };
        lines.write(&Line::Export(Header { version: 1, at: Utc::now(), journals, keys }))?;
        Ok(lines)
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.hasher.update(&bytes);
        self.lines += 1;
        self.out.write_all(&bytes)
    }

    fn end(mut self) -> io::Result<()> {
        let sha256 = Digest::from(<[u8; 32]>::from(std::mem::take(&mut self.hasher).finalize()));
        let lines = self.lines + 1;
        self.write(&Line::End(End { lines, sha256 }))?;
        self.out.flush()
    }
}
