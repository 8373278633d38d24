//! Checks the journal, the database, and the one against the other.
//!
//! What it finds: a changed, missing, added or moved entry; a call whose end was cut off (its last entry carries the
//! count) or that is missing (ordinals have no gap); a database that differs from the journal it was filled from; a
//! history that is not the one that heads were signed over. What it cannot find without heads kept elsewhere
//! ([`Sources::heads`]): an old state of everything, put back whole. Nothing covers what is newer than the last head;
//! the report says how much that is.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::Serialize;
use sqlx::postgres::PgPool;
use uuid::Uuid;

use super::heads::note::VerifierKey;
use super::{office, subjects};
use crate::ids::CallId;

mod acts;
mod anchors;
mod chains;
mod database;
mod export;
mod heads;
mod heads_file;
mod journal;
mod redaction;
mod since;
mod stored_heads;

pub use chains::Reason;
pub use since::Since;

use heads_file::Known;

/// What was checked and found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Calls in each place that was checked.
    pub journal_calls: Option<u64>,
    pub database_calls: Option<u64>,
    /// Entries in each place that was checked.
    pub journal_entries: Option<u64>,
    pub database_entries: Option<u64>,
    pub export_calls: Option<u64>,
    pub export_entries: Option<u64>,
    /// Heads in each place that was checked.
    pub journal_heads: Option<u64>,
    pub database_heads: Option<u64>,
    pub export_heads: Option<u64>,
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
    /// Who signed which heads.
    #[serde(skip)]
    signers: Vec<heads::Signers>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Journal,
    Database,
    Export,
    /// The copy of heads that was kept elsewhere.
    Outside,
}

/// What to check.
#[derive(Debug, Default)]
pub struct Sources {
    /// The journal's folder.
    pub journal: Option<PathBuf>,
    /// The file with the sealing key; the sealed values are checked when it is there.
    pub key: Option<PathBuf>,
    pub database: Option<PgPool>,
    /// A file that `orderline audit export` wrote.
    pub export: Option<PathBuf>,
    /// The keys of which one has to stand behind the heads. None: heads are only checked for consistency.
    pub public_keys: Option<Vec<VerifierKey>>,
    /// The node's own journal's folder, where the keys are the node's own and nobody else's: heads of other journals
    /// under other keys are then a note, and other nodes' values are not opened. None: every journal has to be under
    /// `public_keys`.
    pub own: Option<PathBuf>,
    /// Whether somebody named `public_keys`, so that all heads have to be under them.
    pub strict: bool,
    /// Heads that were kept elsewhere, to be found in each place.
    pub heads: Option<PathBuf>,
    /// The head whose work is trusted: only what it does not cover is looked at again.
    pub since: Option<Since>,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("expected a journal, a database or an export to check, found none of them")]
    Nothing,
    #[error("expected the audit's tables (audit.calls, audit.entries), found none in this database")]
    NoTables,
    #[error("expected a journal in {}, found no segment", .folder.display())]
    Empty { folder: PathBuf },
    #[error("the journal could not be read: {0}")]
    Journal(#[from] super::journal::JournalError),
    #[error("the database could not be read: {0}")]
    Database(#[from] sqlx::Error),
    #[error("{} could not be read: {cause}", .path.display())]
    File { path: PathBuf, cause: std::io::Error },
    #[error("expected a head of a journal that is here (a file with its whole note), found none for --since")]
    Since,
}

/// Checks everything that is named.
///
/// # Errors
/// A source that cannot be read; what is in it is no error but a finding.
pub async fn verify(sources: Sources) -> Result<Report, VerifyError> {
    let mut report = Report::default();
    report.values.key.clone_from(&sources.key);
    if sources.journal.is_none() && sources.database.is_none() && sources.export.is_none() {
        return Err(VerifyError::Nothing);
    }
    if sources.public_keys.is_none() {
        report.notes.push("heads were only checked for consistency: no public key is here".to_owned());
    }
    let copy = match sources.heads.clone() {
        Some(path) => Some(
            blocking(move || {
                heads_file::Copy::read(&path).map_err(|cause| VerifyError::File { path, cause })
            })
            .await?,
        ),
        None => None,
    };
    let snapshot = match &sources.database {
        Some(pool) => Some(database::snapshot(pool).await?),
        None => None,
    };
    let sources = std::sync::Arc::new(sources);
    let (mut report, copied, mut known) = blocking({
        let sources = std::sync::Arc::clone(&sources);
        move || files(&sources, report)
    })
    .await?;
    if let Some(snapshot) = snapshot {
        known.extend(database::check(snapshot, copied, &sources, &mut report).await?);
    }
    blocking(move || {
        let trust = heads::Trust::of(sources.public_keys.as_deref(), &report);
        let ours = report.values.own.clone();
        redaction::settle(&trust, &mut report);
        if let Some(copy) = copy {
            let checked = [
                sources.journal.is_some().then_some(Place::Journal),
                sources.database.is_some().then_some(Place::Database),
                sources.export.is_some().then_some(Place::Export),
            ];
            let checked: Vec<_> = checked.into_iter().flatten().collect();
            heads_file::outside(&copy, (&checked, &known), &mut report);
        }
        if let Some(trusted) = &sources.public_keys {
            let own = sources.own.as_ref().filter(|_| !sources.strict);
            heads::judge(trusted, own.map(|_| &ours), &mut report);
        }
        if let Some(since) = &sources.since {
            since.confirm(&known, &mut report)?;
        }
        Ok(report)
    })
    .await
}

/// Checks the journal, that of the administrative acts in its folder `operator`, and the export.
fn files(
    sources: &Sources,
    mut report: Report,
) -> Result<(Report, Vec<journal::Copied>, Vec<Known>), VerifyError> {
    let (mut copied, mut known) = (Vec::new(), Vec::new());
    if let Some(folder) = &sources.own {
        let folders = office::journals(folder);
        let mut own: HashSet<Uuid> = folders.iter().filter_map(|folder| journal::id(folder)).collect();
        // The key that the server made is named after its journal.
        let keys = sources.public_keys.iter().flatten().filter(|_| !sources.strict);
        own.extend(keys.filter_map(heads::journal_of));
        report.values.own = own;
    }
    if let Some(folder) = &sources.journal {
        let compared = sources.database.is_some();
        let office = office::folder(folder);
        let since = |main| sources.since.as_ref().and_then(|since| since.in_folder(folder, main));
        let mut folders = vec![(folder.clone(), since(true))];
        if office.is_dir() {
            folders.push((office.clone(), None));
        }
        for (folder, since) in folders {
            let how = journal::How { key: sources.key.as_deref(), since, compared };
            let before = report.total();
            let journal = journal::check(&folder, how, &mut report)?;
            if journal.journal.is_none() && report.total() == before && !journal.live {
                // Where no server has run, the office may be alone; where one has, there are keys of persons.
                if !office.is_dir() || folder.join(subjects::FILE).exists() {
                    return Err(VerifyError::Empty { folder });
                }
                report.notes.push(format!("{} holds no journal yet", folder.display()));
            }
            if let Some(id) = journal.journal {
                let notes = journal.notes.iter().map(|(n, (note, _))| (*n, *note)).collect();
                known.push(Known { place: Place::Journal, journal: id, notes, from: 0, upto: None });
            }
            copied.push(journal);
        }
    }
    if let Some(path) = &sources.export {
        let found = export::check(path, sources, &mut report)
            .map_err(|cause| VerifyError::File { path: path.clone(), cause })?;
        known.extend(found);
    }
    Ok((report, copied, known))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VerifyError> + Send + 'static,
) -> Result<T, VerifyError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }

    /// Everything that was found, told or left out.
    fn total(&self) -> u64 {
        self.findings.len() as u64 + self.findings_left_out
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
            ("journal", self.journal_calls, self.journal_entries, self.journal_heads),
            ("database", self.database_calls, self.database_entries, self.database_heads),
            ("export", self.export_calls, self.export_entries, self.export_heads),
        ];
        for (place, calls, entries, heads) in places {
            if let (Some(calls), Some(entries)) = (calls, entries) {
                let heads = heads.unwrap_or_default();
                writeln!(f, "{place}: {calls} calls, {entries} entries, {heads} heads")?;
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
        match self.total() {
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
            Place::Export => "export",
            Place::Outside => "outside",
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
