//! Checks the journal, the database, and the one against the other.
//!
//! What it finds: a changed, missing, added or moved entry; a call whose end was cut off (its last entry carries the
//! count) or that is missing (ordinals have no gap); a database that differs from the journal it was filled from. What
//! it cannot find without heads signed and kept elsewhere: a whole history made anew by somebody who owns both.

use std::path::PathBuf;

use serde::Serialize;
use sqlx::postgres::PgPool;

use crate::ids::CallId;

mod anchors;
mod chains;
mod database;
mod journal;
mod redaction;

pub use chains::Reason;

/// What was checked and found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Calls in each place that was checked.
    pub journal_calls: Option<u64>,
    pub database_calls: Option<u64>,
    /// Entries in each place that was checked.
    pub journal_entries: Option<u64>,
    pub database_entries: Option<u64>,
    /// Calls that are not closed: under way, or interrupted and not yet recovered.
    pub open_calls: u64,
    /// How many entries' sealed values were opened and compared with their commitment.
    pub sealed_checked: u64,
    /// The same of PostgreSQL's copies of them.
    pub database_sealed_checked: u64,
    /// How many entries' values were erased, each by an act that names its person.
    pub redacted: u64,
    /// What is wrong, the first found first; at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub findings_left_out: u64,
    /// What could not be checked and why, and what is worth knowing.
    pub notes: Vec<String>,
    #[serde(skip)]
    values: redaction::Values,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub place: Place,
    pub call: Option<CallId>,
    pub seq: Option<u32>,
    pub reason: Reason,
    /// Expected and found.
    pub detail: String,
}

/// Where something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Journal,
    Database,
}

/// What to check.
#[derive(Debug, Default)]
pub struct Sources {
    /// The journal's folder.
    pub journal: Option<PathBuf>,
    /// The file with the sealing key; the sealed values are checked when it is there.
    pub key: Option<PathBuf>,
    pub database: Option<PgPool>,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("expected a journal or a database to check, found neither")]
    Nothing,
    #[error("expected the audit's tables (audit.calls, audit.entries), found none in this database")]
    NoTables,
    #[error("the journal could not be read: {0}")]
    Journal(#[from] super::journal::JournalError),
    #[error("the database could not be read: {0}")]
    Database(#[from] sqlx::Error),
}

/// Checks everything that is named.
///
/// # Errors
/// A source that cannot be read; what is in it is no error but a finding.
pub async fn verify(sources: Sources) -> Result<Report, VerifyError> {
    let mut report = Report::default();
    report.values.key.clone_from(&sources.key);
    let copied = match sources.journal {
        Some(folder) => {
            let checking = tokio::task::spawn_blocking(move || {
                report.values.read_office(&folder)?;
                journal::check(&folder, sources.key.as_deref(), &mut report).map(|copied| (report, copied))
            });
            let (checked, copied) = match checking.await {
                Ok(result) => result?,
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            };
            report = checked;
            Some(copied)
        }
        None if sources.database.is_none() => return Err(VerifyError::Nothing),
        None => None,
    };
    if let Some(pool) = sources.database {
        database::check(&pool, copied, &mut report).await?;
    }
    redaction::settle(&mut report);
    Ok(report)
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }

    fn found(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.findings_left_out += 1;
        }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let places = [
            ("journal", self.journal_calls, self.journal_entries),
            ("database", self.database_calls, self.database_entries),
        ];
        for (place, calls, entries) in places {
            if let (Some(calls), Some(entries)) = (calls, entries) {
                writeln!(f, "{place}: {calls} calls, {entries} entries")?;
            }
        }
        if self.open_calls > 0 {
            writeln!(f, "{} calls are not closed", self.open_calls)?;
        }
        if self.redacted > 0 {
            writeln!(f, "{} redacted", self.redacted)?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        for finding in &self.findings {
            writeln!(f, "BAD {finding}")?;
        }
        if self.findings_left_out > 0 {
            writeln!(f, "and {} more", self.findings_left_out)?;
        }
        match self.findings.len() as u64 + self.findings_left_out {
            0 => f.write_str("good: every chain is whole"),
            1 => f.write_str("bad: 1 finding"),
            n => write!(f, "bad: {n} findings"),
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = match self.place {
            Place::Journal => "journal",
            Place::Database => "database",
        };
        f.write_str(place)?;
        if let Some(call) = self.call {
            write!(f, " call {call}")?;
        }
        if let Some(seq) = self.seq {
            write!(f, " seq {seq}")?;
        }
        write!(f, ": {}: {}", self.reason.name(), self.detail)
    }
}

/// More would not be read by anybody.
pub const FINDINGS_MAX: usize = 100;
