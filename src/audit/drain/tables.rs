//! The drain's tables: whether they are as this program writes them, and whether the months stand that it writes to.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, Datelike as _, Utc};
use sqlx::postgres::PgPool;

use super::DrainError;
use crate::audit::chain::Record;
use crate::audit::entry::EntryKind;
use crate::audit::journal::Position;

/// Makes or updates the tables where that is needed and this role may.
pub(super) async fn bring_up_to_date(pool: &PgPool) -> Result<(), DrainError> {
    let made: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('audit.migrations')::text").fetch_one(pool).await?;
    let found: Option<i64> = match made {
        None => None,
        Some(_) => {
            let version = sqlx::query_scalar("SELECT max(version) FROM audit.migrations WHERE success");
            version.fetch_one(pool).await.map_err(|source| behind(None, source.into()))?
        }
    };
    if found.is_none_or(|found| found < crate::audit::tables_version()) {
        crate::audit::migrate(pool).await.map_err(|source| behind(found, source))?;
    }
    Ok(())
}

fn behind(found: Option<i64>, source: sqlx::migrate::MigrateError) -> DrainError {
    DrainError::Tables { expected: crate::audit::tables_version(), found: found.unwrap_or(0), source }
}

/// The months that were seen to stand since the last failure: a retention may have dropped one then.
#[derive(Debug, Default)]
pub(super) struct Months {
    known: BTreeSet<(i32, u32)>,
    looked_at: Option<Instant>,
}

impl Months {
    /// Sees to it that these records' months stand, and daily that those ahead do.
    pub(super) async fn prepare(
        &mut self,
        pool: &PgPool,
        records: &[(Record, Position)],
    ) -> Result<(), DrainError> {
        let mut needed = BTreeSet::new();
        for (record, _) in records {
            needed.insert(record.at);
            if record.entry.kind == EntryKind::CallOpened {
                let started_at = record.entry.body.get("started_at").cloned().unwrap_or_default();
                needed.extend(serde_json::from_value::<DateTime<Utc>>(started_at).ok());
            }
        }
        needed.retain(|at| !self.known.contains(&month(*at)));
        if needed.is_empty() && self.looked_at.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        let needed: Vec<_> = needed.into_iter().collect();
        let made: i32 = sqlx::query_scalar("SELECT audit.make_partitions($1, $2)")
            .bind(MONTHS_AHEAD)
            .bind(&needed)
            .fetch_one(pool)
            .await?;
        if made > 0 {
            tracing::info!("{made} partitions of the audit's tables were made");
        }
        self.known.extend(needed.into_iter().map(month));
        self.looked_at = Some(Instant::now());
        Ok(())
    }
}

fn month(at: DateTime<Utc>) -> (i32, u32) {
    (at.year(), at.month())
}

/// Months that stand ahead of time. A server that was off longer makes them when it starts.
const MONTHS_AHEAD: i32 = 2;
const LOOK_EVERY: Duration = Duration::from_secs(86_400);
