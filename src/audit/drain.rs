//! The drain: copies the journal to PostgreSQL.
//!
//! It reads the segment files from a watermark that PostgreSQL itself keeps, moved in the transaction that copies. So
//! an outage, a restart and a database set back to a backup are all the same to it: it goes on from where the
//! database stands, and a record that is there already is left alone. A record whose place another one holds is an
//! alarm: it goes to `audit.conflicts`, is counted in `audit_drain_conflicts_total` and logged as an error.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use backon::BackoffBuilder as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio_util::sync::CancellationToken;

use super::chain::Record;
use super::crash;
use super::entry::EntryKind;
use super::journal::{Journal, Position, Shared};
use super::settings::Settings;

mod files;

/// A running drain.
#[derive(Debug)]
pub struct Drain {
    task: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
}

/// Why the copying stopped; it is taken up again after a pause.
#[derive(Debug, thiserror::Error)]
pub enum DrainError {
    #[error("PostgreSQL did not take the audit: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the audit's tables could not be made: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("PostgreSQL did not answer within {} s", PATIENCE.as_secs())]
    Silent,
    #[error("the journal could not be read: {0}")]
    Journal(#[from] super::journal::JournalError),
    #[error("audit.database_url is no PostgreSQL URL")]
    Url,
}

impl Drain {
    /// Starts copying on the current runtime. None when the settings name no database. PostgreSQL may be down.
    ///
    /// # Errors
    /// [`DrainError::Url`] when the URL cannot be read.
    pub fn spawn(journal: &Journal, settings: &Settings) -> Result<Option<Self>, DrainError> {
        let Some(url) = &settings.database_url else { return Ok(None) };
        let pool = lazy_pool(url)?;
        let stop = CancellationToken::new();
        let copying = Copying {
            shared: Arc::clone(journal.shared()),
            pool,
            grace: Duration::from_secs(u64::from(settings.grace_days) * 86_400),
            stop: stop.clone(),
        };
        Ok(Some(Self { task: tokio::spawn(copying.run()), stop }))
    }

    /// Stops copying; what was not copied is when the next one starts. To copy the rest first, see
    /// [`Journal::flush_to_database`].
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!("the audit's drain ended badly: {error}");
        }
    }
}

/// A pool that connects when it is first used.
pub(crate) fn lazy_pool(url: &secrecy::SecretString) -> Result<PgPool, DrainError> {
    let options = PgConnectOptions::from_str(url.expose_secret()).map_err(|_| DrainError::Url)?;
    Ok(PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options.application_name("orderline-audit")))
}

struct Copying {
    shared: Arc<Shared>,
    pool: PgPool,
    grace: Duration,
    stop: CancellationToken,
}

impl Copying {
    async fn run(self) {
        let mut pauses = pauses();
        let mut failing = false;
        loop {
            let mut connected = false;
            let result = tokio::select! {
                result = self.copy(&mut connected) => result,
                () = self.stop.cancelled() => break,
            };
            if connected {
                pauses = self::pauses();
                failing = false;
            }
            let Err(error) = result;
            metrics::gauge!("audit_drain_up").set(0.0);
            if !std::mem::replace(&mut failing, true) {
                tracing::warn!("the audit stays in the journal until PostgreSQL is back: {error}");
            } else {
                tracing::debug!("still not copied: {error}");
            }
            let pause = pauses.next().unwrap_or(PAUSE_MAX);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => break,
            }
        }
        self.pool.close().await;
    }

    /// Copies until something fails.
    async fn copy(&self, connected: &mut bool) -> Result<std::convert::Infallible, DrainError> {
        let mut position = patient(self.watermark()).await?;
        *connected = true;
        tracing::info!(
            drain.segment = position.segment,
            drain.offset = position.offset,
            "the audit is copied"
        );
        let mut durable = self.shared.durable.subscribe();
        loop {
            let end = *durable.borrow_and_update();
            while position < end {
                let shared = Arc::clone(&self.shared);
                let (records, next) = blocking(move || files::read(&shared.folder, position, end)).await?;
                for chunk in records.chunks(BATCH) {
                    // The last chunk also moves over what holds no record: headers, the ends of segments.
                    let upto = chunk.last().map_or(next, |last| last.1);
                    patient(self.insert(chunk, upto)).await?;
                    crash::point("cp6");
                    self.shared.drained.send_replace(Some(upto));
                }
                patient(self.insert(&[], next)).await?;
                position = next;
                self.shared.drained.send_replace(Some(position));
            }
            self.shared.drained.send_replace(Some(position));
            metrics::gauge!("audit_drain_up").set(1.0);
            let (shared, grace) = (Arc::clone(&self.shared), self.grace);
            blocking(move || files::delete_old(&shared, position, grace)).await?;
            // Woken at least hourly, for the old segments.
            let _ = tokio::time::timeout(Duration::from_secs(3600), durable.changed()).await;
            tokio::time::sleep(GATHER).await;
        }
    }

    async fn watermark(&self) -> Result<Position, DrainError> {
        let known: Option<String> =
            sqlx::query_scalar("SELECT to_regclass('audit.entries')::text").fetch_one(&self.pool).await?;
        if known.is_none() {
            super::migrate(&self.pool).await?;
        }
        let row: Option<(i64, i64)> =
            sqlx::query_as("SELECT segment, byte_offset FROM audit.drained WHERE journal = $1")
                .bind(self.shared.id)
                .fetch_optional(&self.pool)
                .await?;
        let (segment, offset) = row.unwrap_or_default();
        Ok(Position {
            segment: u64::try_from(segment).unwrap_or_default(),
            offset: u64::try_from(offset).unwrap_or_default(),
        })
    }

    /// One transaction: records and watermark.
    async fn insert(&self, records: &[(Record, Position)], upto: Position) -> Result<(), DrainError> {
        let entries: Vec<Value> = records.iter().map(|(record, _)| row(record)).collect();
        let calls: Vec<Value> = records
            .iter()
            .filter(|(record, _)| record.entry.kind == EntryKind::CallOpened)
            .map(|(record, _)| call_row(record))
            .collect();
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SET LOCAL synchronous_commit = on").execute(&mut *transaction).await?;
        let mut conflicts = 0;
        if !calls.is_empty() {
            let inserted = sqlx::query(INSERT_CALLS)
                .bind(Value::Array(calls.clone()))
                .execute(&mut *transaction)
                .await?
                .rows_affected();
            if inserted < calls.len() as u64 {
                conflicts += sqlx::query(FIND_CALL_CONFLICTS)
                    .bind(Value::Array(calls))
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
                    .bind(self.shared.id)
                    .execute(&mut *transaction)
                    .await?
                    .rows_affected();
            }
        }
        sqlx::query(MOVE_WATERMARK)
            .bind(self.shared.id)
            .bind(&self.shared.node)
            .bind(i64::try_from(upto.segment).unwrap_or(i64::MAX))
            .bind(i64::try_from(upto.offset).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        metrics::counter!("audit_drain_entries_total").increment(records.len() as u64);
        if conflicts > 0 {
            metrics::counter!("audit_drain_conflicts_total").increment(conflicts);
            tracing::error!(
                drain.conflicts = conflicts,
                "PostgreSQL holds other audit records where the journal's belong: see audit.conflicts"
            );
        }
        if let Some((last, _)) = records.last() {
            let lag = chrono::Utc::now().signed_duration_since(last.at).to_std().unwrap_or_default();
            metrics::gauge!("audit_drain_lag_seconds").set(lag.as_secs_f64());
        }
        Ok(())
    }
}

/// An entry's row, by column names.
fn row(record: &Record) -> Value {
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
fn call_row(record: &Record) -> Value {
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

/// Nothing here waits for PostgreSQL for ever.
async fn patient<T>(work: impl Future<Output = Result<T, DrainError>>) -> Result<T, DrainError> {
    tokio::time::timeout(PATIENCE, work).await.map_err(|_| DrainError::Silent)?
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, super::journal::JournalError> + Send + 'static,
) -> Result<T, DrainError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    backon::ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(PAUSE_MAX)
        .without_max_times()
        .build()
}

const INSERT_CALLS: &str = "
    INSERT INTO audit.calls (call_id, journal, node, ordinal, caller_masked, started_at, genesis)
    SELECT call_id, journal, node, ordinal, caller_masked, started_at, decode(genesis, 'hex')
      FROM jsonb_to_recordset($1) AS x(call_id uuid, journal uuid, node text, ordinal bigint, caller_masked text,
                                       started_at timestamptz, genesis text)
    ON CONFLICT DO NOTHING";

/// A call whose row, or whose ordinal, another call holds; kept under seq -1.
const FIND_CALL_CONFLICTS: &str = "
    INSERT INTO audit.conflicts (journal, call_id, seq, hash, record)
    SELECT x.journal, x.call_id, -1, decode(x.genesis, 'hex'), to_jsonb(x)
      FROM jsonb_to_recordset($1) AS x(call_id uuid, journal uuid, node text, ordinal bigint, caller_masked text,
                                       started_at timestamptz, genesis text)
     WHERE NOT EXISTS (SELECT 1 FROM audit.calls c
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
    ON CONFLICT DO NOTHING";

const FIND_ENTRY_CONFLICTS: &str = "
    INSERT INTO audit.conflicts (journal, call_id, seq, hash, record)
    SELECT $2, e.call_id, e.seq, decode(x ->> 'hash', 'hex'), x
      FROM jsonb_array_elements($1) AS x
      JOIN audit.entries e ON e.call_id = (x ->> 'call_id')::uuid AND e.seq = (x ->> 'seq')::integer
     WHERE e.hash <> decode(x ->> 'hash', 'hex')
    ON CONFLICT DO NOTHING";

const MOVE_WATERMARK: &str = "
    INSERT INTO audit.drained (journal, node, segment, byte_offset) VALUES ($1, $2, $3, $4)
    ON CONFLICT (journal) DO UPDATE
       SET node = excluded.node, segment = excluded.segment, byte_offset = excluded.byte_offset, updated_at = now()";

/// Records of one transaction. Chosen: some 300 KiB.
const BATCH: usize = 500;
/// How long records gather after the first one. Chosen: well under the 100 ms that a copy may lag.
const GATHER: Duration = Duration::from_millis(20);
/// Longest wait for one step of PostgreSQL. Chosen: a vacuum or a checkpoint is over by then.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest pause between attempts. Chosen: 60 s of outage are copied within 5 s of its end.
const PAUSE_MAX: Duration = Duration::from_secs(2);
