//! The drain: copies the journal to PostgreSQL.
//!
//! It reads the segment files from a watermark that PostgreSQL itself keeps, moved in the transaction that copies. So
//! an outage, a restart and a database set back to a backup are all the same to it: it goes on from where the
//! database stands, and a record that is there already is left alone. The watermark is moved from where this run left it
//! and from nowhere else, so a database that is set back under a running drain is met with the next step. A record whose place another one holds is an
//! alarm: it goes to `audit.conflicts`, is counted in `audit_drain_conflicts_total` and logged as an error.

use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::BackoffBuilder as _;
use secrecy::ExposeSecret as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio_util::sync::CancellationToken;

use super::chain::Record;
use super::crash;
use super::heads::Head;
use super::journal::{Journal, JournalError, Position, Shared};
use super::seal::SubjectId;
use super::settings::Settings;
use super::subjects::{Slot, Subjects};

mod files;
mod heads;
pub(crate) mod rows;
mod tables;

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
    #[error(
        "the audit's tables are of version {found} and this program writes version {expected}; this role could not \
         bring them up to date ({source}): run `orderline migrate --audit` as the role that owns them"
    )]
    Tables { expected: i64, found: i64, source: sqlx::migrate::MigrateError },
    #[error("PostgreSQL did not answer within {} s", PATIENCE.as_secs())]
    Silent,
    #[error(
        "expected PostgreSQL's copy to reach to segment {}, byte {}, where this run left it, found it elsewhere: it was \
         set back, or another server copies this journal, too", .expected.segment, .expected.offset
    )]
    SetBack { expected: Position },
    #[error("the journal could not be read: {0}")]
    Journal(#[from] JournalError),
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
            clearing: Arc::new(files::Clearing::new(Duration::from_secs(
                u64::from(settings.grace_days) * 86_400,
            ))),
            stop: stop.clone(),
            subjects: Arc::default(),
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
    clearing: Arc<files::Clearing>,
    stop: CancellationToken,
    /// The file of the persons' keys, once it was needed.
    subjects: Arc<Mutex<Option<Subjects>>>,
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
        // A connection that PostgreSQL does not answer on is left to the process's end.
        let _ = tokio::time::timeout(FAREWELL, self.pool.close()).await;
    }

    /// Copies until something fails.
    async fn copy(&self, connected: &mut bool) -> Result<std::convert::Infallible, DrainError> {
        // Where PostgreSQL's copy stands; each step looks whether it still does.
        let mut stands = patient(self.watermark()).await?;
        let mut position = self.begin(stands).await?;
        let mut months = tables::Months::default();
        *connected = true;
        tracing::info!(
            drain.segment = position.segment,
            drain.offset = position.offset,
            "the audit is copied"
        );
        self.shared.drained.send_replace(Some(position));
        let mut durable = self.shared.durable.subscribe();
        loop {
            patient(months.prepare(&self.pool, &[])).await?;
            let end = *durable.borrow_and_update();
            while position < end {
                let shared = Arc::clone(&self.shared);
                let (placed, next) = blocking(move || files::read(&shared.folder, position, end)).await?;
                let (records, mut heads) = (placed.records, placed.heads.as_slice());
                for chunk in records.chunks(BATCH) {
                    // The last chunk also moves over what holds no record: headers, the ends of segments.
                    let upto = chunk.last().map_or(next, |last| last.1);
                    patient(months.prepare(&self.pool, chunk)).await?;
                    let covered = heads.partition_point(|(_, behind)| *behind <= upto);
                    let (due, later) = heads.split_at(covered);
                    heads = later;
                    patient(self.insert(chunk, due, (stands, upto))).await?;
                    stands = Some(upto);
                    crash::point("cp6");
                    self.shared.drained.send_replace(Some(upto));
                }
                if next.segment > position.segment {
                    let shared = Arc::clone(&self.shared);
                    blocking(move || files::confirm(&shared.folder, position, next)).await?;
                }
                patient(self.insert(&[], heads, (stands, next))).await?;
                stands = Some(next);
                position = next;
                self.shared.drained.send_replace(Some(position));
            }
            self.shared.drained.send_replace(Some(position));
            metrics::gauge!("audit_drain_up").set(1.0);
            let (shared, clearing) = (Arc::clone(&self.shared), Arc::clone(&self.clearing));
            let old = blocking(move || clearing.old(&shared, position)).await?;
            if !old.is_empty() {
                patient(self.expect(stands)).await?;
                let shared = Arc::clone(&self.shared);
                blocking(move || files::delete(&shared.folder, &old)).await?;
            }
            // Woken at least hourly, for the old segments and for a database that was set back.
            if tokio::time::timeout(LOOK_EVERY, durable.changed()).await.is_err() {
                patient(self.expect(stands)).await?;
            }
            tokio::time::sleep(GATHER).await;
        }
    }

    /// The persons' slots as the file holds them now.
    async fn slots(&self, subjects: Vec<SubjectId>) -> Result<Vec<Slot>, DrainError> {
        let (shared, known) = (Arc::clone(&self.shared), Arc::clone(&self.subjects));
        blocking(move || {
            let failed = |source| JournalError::io(&shared.folder, "reading the persons' keys in", source);
            // Each change under this lock is whole, so a panic elsewhere leaves it so.
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            let file = match known.take() {
                Some(file) => known.insert(file),
                None => match Subjects::look(&shared.folder).map_err(failed)? {
                    Some(file) => known.insert(file),
                    None => return Ok(Vec::new()),
                },
            };
            file.read_on().map_err(failed)?;
            let slots = subjects.into_iter().map(|subject| file.of_subject(subject).map_err(failed));
            slots.filter_map(Result::transpose).collect()
        })
        .await
    }

    /// Where PostgreSQL's copy stands, once its tables do.
    async fn watermark(&self) -> Result<Option<Position>, DrainError> {
        tables::bring_up_to_date(&self.pool).await?;
        Ok(rows::watermark(&self.pool, self.shared.id).await?)
    }

    /// Where to begin: at the watermark, if it stands in the journal as it is. A machine that was set back to a snapshot
    /// has less, and perhaps something else, than PostgreSQL saw; then all of it is copied once more, and a record whose
    /// place another one holds is a conflict.
    async fn begin(&self, stands: Option<Position>) -> Result<Position, DrainError> {
        let Some(stands) = stands else { return Ok(Position::default()) };
        let (shared, end) = (Arc::clone(&self.shared), *self.shared.durable.borrow());
        let fits = match blocking(move || files::before(&shared.folder, stands, end)).await? {
            files::Before::Nothing => true,
            files::Before::Record(record) => {
                patient(async { Ok(rows::has(&self.pool, &record).await?) }).await?
            }
            files::Before::NoSuchPlace => false,
        };
        if fits {
            return Ok(stands);
        }
        metrics::counter!("audit_drain_misfits_total").increment(1);
        tracing::error!(
            drain.segment = stands.segment,
            drain.offset = stands.offset,
            "PostgreSQL has seen another journal than this one, which was perhaps set back: all of it is copied again"
        );
        Ok(Position::default())
    }

    /// Whether the copy still reaches to where this run left it.
    async fn expect(&self, stands: Option<Position>) -> Result<(), DrainError> {
        if rows::watermark(&self.pool, self.shared.id).await? == stands {
            return Ok(());
        }
        Err(DrainError::SetBack { expected: stands.unwrap_or_default() })
    }

    /// One transaction: records, personal values, heads and watermark.
    async fn insert(
        &self,
        records: &[(Record, Position)],
        heads: &[(Head, Position)],
        (stands, upto): (Option<Position>, Position),
    ) -> Result<(), DrainError> {
        let from = rows::From { journal: self.shared.id, node: &self.shared.node };
        let heads: Vec<&Head> = heads.iter().map(|(head, _)| head).collect();
        let moves = (stands, upto);
        let slots = |subjects| self.slots(subjects);
        let conflicts = rows::insert(&self.pool, from, (records, &heads), moves, slots).await?;
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

/// Nothing here waits for PostgreSQL for ever.
async fn patient<T>(work: impl Future<Output = Result<T, DrainError>>) -> Result<T, DrainError> {
    tokio::time::timeout(PATIENCE, work).await.map_err(|_| DrainError::Silent)?
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
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

/// Records of one transaction. Chosen: some 300 KiB.
const BATCH: usize = 500;
/// How long records gather after the first one. Chosen: well under the 100 ms that a copy may lag.
const GATHER: Duration = Duration::from_millis(20);
/// How often a drain that has nothing to copy looks around.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// Longest wait for one step of PostgreSQL. Chosen: a vacuum or a checkpoint is over by then.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the connections may take to part.
const FAREWELL: Duration = Duration::from_secs(2);
/// Longest pause between attempts. Chosen: 60 s of outage are copied within 5 s of its end.
const PAUSE_MAX: Duration = Duration::from_secs(1);
