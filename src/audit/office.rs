//! Administrative acts: what a person does about orders and about the audit itself, audited like a call.
//!
//! The journal of the calls belongs to the running server alone. So the commands of the command line write a journal of
//! their own, in the folder `operator` of the server's: its own lock, id and ordinals, the same keys. Each act is a chain
//! of its own. It is copied to the same tables, and `audit verify` checks it with the other one.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::Utc;
use uuid::Uuid;

use super::drain::{Drain, DrainError};
use super::entry::{Entry, EntryKind};
use super::journal::{Journal, JournalError};
use super::settings::Settings;
use crate::ids::CallId;

/// The office's journal, held by this process.
#[derive(Debug)]
pub struct Office {
    journal: Journal,
    drain: Option<Drain>,
}

/// Why an act could not be written. It must not be done then.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    #[error("the office's journal: {0}")]
    Journal(#[from] JournalError),
    #[error("the office's copy: {0}")]
    Drain(#[from] DrainError),
    #[error("opening the office's journal was cut off")]
    Interrupted,
}

impl Settings {
    /// The settings of the office's journal: in a folder within this one, with the same keys.
    pub fn of_office(&self) -> Self {
        Self {
            journal: folder(&self.journal),
            key_file: Some(self.key_path()),
            signing_key_file: Some(self.signing_key_path()),
            ..self.clone()
        }
    }
}

impl Office {
    /// Takes hold of the office's journal. Another command's hold is waited for, ten seconds at most.
    ///
    /// # Errors
    /// It is held longer, or cannot be read or written.
    pub async fn open(settings: &Settings) -> Result<Self, OfficeError> {
        let settings = settings.of_office();
        let began = Instant::now();
        let (journal, recovered) = loop {
            let own = settings.clone();
            let opening = tokio::task::spawn_blocking(move || Journal::open(&own));
            match opening.await.map_err(|_| OfficeError::Interrupted)? {
                Err(JournalError::Locked { .. }) if began.elapsed() < PATIENCE => {
                    tokio::time::sleep(AGAIN).await;
                }
                other => break other?,
            }
        };
        // A command that was killed between its question to the store and the answer: back to the queue.
        for intent in &recovered.open_intents {
            let entry = Entry::needs_operator(intent, "the operator's command was cut off");
            journal.append(intent.call, entry).await?;
        }
        let drain = Drain::spawn(&journal, &settings)?;
        Ok(Self { journal, drain })
    }

    /// Writes one whole act; it is on the disk when this returns.
    ///
    /// # Errors
    /// It could not be written.
    pub async fn record(&self, entries: Vec<Entry>) -> Result<CallId, OfficeError> {
        // What excuses a gap is believed under a signed head only: it stands before anything is destroyed.
        let excuses =
            entries.iter().any(|entry| matches!(entry.kind, EntryKind::Retention | EntryKind::Erasure));
        let act = self.begin().await?;
        for entry in entries {
            self.journal.append(act, entry).await?;
        }
        self.end(act).await?;
        if excuses {
            self.journal.head_now().await?;
        }
        Ok(act)
    }

    /// Begins an act of several steps, to be written to [`Self::journal`] and ended with [`Self::end`].
    ///
    /// # Errors
    /// It could not be written.
    pub async fn begin(&self) -> Result<CallId, OfficeError> {
        let act = CallId(Uuid::now_v7());
        self.journal.open_act(act, Utc::now()).await?;
        Ok(act)
    }

    /// Ends an act.
    ///
    /// # Errors
    /// It could not be written.
    pub async fn end(&self, act: CallId) -> Result<(), OfficeError> {
        Ok(self.journal.close_call(act).await?)
    }

    /// The journal of the acts.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Copies what was written to PostgreSQL, if there is one, and lets go. False when PostgreSQL did not take it: the
    /// next act copies it too.
    ///
    /// # Errors
    /// The journal did not come to an end.
    pub async fn finish(self) -> Result<bool, OfficeError> {
        let mut copied = true;
        // Before the copying, so that PostgreSQL gets it, too.
        self.journal.head_now().await?;
        if let Some(drain) = self.drain {
            copied = self.journal.flush_to_database(COPYING).await;
            drain.stop().await;
        }
        self.journal.shutdown().await?;
        Ok(copied)
    }
}

/// The office's folder within the journal's.
pub fn folder(journal: &Path) -> PathBuf {
    journal.join("operator")
}

/// The journal's folder and its office's, those that are there.
pub fn journals(journal: &Path) -> Vec<PathBuf> {
    let both = [journal.to_owned(), folder(journal)];
    both.into_iter().filter(|folder| folder.is_dir()).collect()
}

/// How long another command may hold the office. Chosen: an act takes milliseconds, one with a question to the store
/// some seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a held office is tried.
const AGAIN: Duration = Duration::from_millis(50);
/// How long PostgreSQL may take for an act's few entries.
const COPYING: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::*;
    use crate::audit::show;
    use crate::audit::verify::{Sources, verify};
    use serde_json::json;

    fn act() -> Vec<Entry> {
        vec![Entry::new(EntryKind::Resolved, json!({ "as": "placed" }), 0)]
    }

    #[tokio::test]
    async fn an_act_is_written_beside_a_running_server_and_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            Settings { journal: folder.path().to_owned(), free_space_floor_bytes: 0, ..Settings::default() };
        let (server, _) = Journal::open(&settings).unwrap();
        let office = Office::open(&settings).await.unwrap();
        let act = office.record(act()).await.unwrap();
        assert!(office.finish().await.unwrap());
        let records = show::from_journal(&settings.of_office().journal, Some(act)).unwrap();
        let kinds: Vec<_> = records.iter().map(|record| record.entry.kind.name()).collect();
        assert_eq!(kinds, ["call_opened", "resolved", "call_closed"]);
        assert_eq!(records[0].entry.body["office"], true);
        let sources = Sources {
            journal: Some(settings.of_office().journal),
            key: Some(settings.key_path()),
            ..Sources::default()
        };
        let report = verify(sources).await.unwrap();
        assert!(report.is_good(), "{report}");
        server.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn two_commands_at_once_come_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            Settings { journal: folder.path().to_owned(), free_space_floor_bytes: 0, ..Settings::default() };
        let first = Office::open(&settings).await.unwrap();
        let (second, _) = tokio::join!(Office::open(&settings), async {
            tokio::time::sleep(AGAIN).await;
            first.finish().await.unwrap()
        });
        second.unwrap().record(act()).await.unwrap();
    }
}
