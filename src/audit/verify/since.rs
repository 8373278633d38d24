//! A head whose work is trusted: what it covers was checked before, and is not looked at again.

use std::path::Path;

use sqlx::PgConnection;
use uuid::Uuid;

use super::chains::Reason;
use super::heads::note_hash;
use super::heads_file::Known;
use super::{Finding, Report, VerifyError};
use crate::audit::chain::Digest;
use crate::audit::heads::note::{Checkpoint, Note, NoteError};

/// A head by its number, or better by its whole note, which is compared with what is there.
#[derive(Clone, Debug)]
pub struct Since {
    n: u64,
    note: Option<(Uuid, Digest)>,
}

impl Since {
    /// The head of this number, of the journal of the calls.
    pub fn number(n: u64) -> Self {
        Self { n, note: None }
    }

    /// The head of this note.
    ///
    /// # Errors
    /// It is no signed head.
    pub fn note(whole: &str) -> Result<Self, NoteError> {
        let checkpoint = Checkpoint::parse(&Note::parse(whole)?.text)?;
        let journal = checkpoint.origin.rsplit('/').next().and_then(|id| id.parse().ok());
        let journal = journal.ok_or(NoteError::Checkpoint)?;
        Ok(Self { n: checkpoint.n, note: Some((journal, note_hash(whole))) })
    }

    /// The number that counts in a journal's folder; only the journal of the calls is long enough to be worth it.
    pub(super) fn in_folder(&self, _folder: &Path, main: bool) -> Option<u64> {
        main.then_some(self.n)
    }

    /// The number that counts for one journal of several.
    pub(super) fn of(&self, journal: Uuid, main: Option<Uuid>) -> Option<u64> {
        let of = self.note.map(|(of, _)| of).or(main);
        of.is_none_or(|of| of == journal).then_some(self.n)
    }

    /// Which journal is meant in the database: the note's, the folder's, or the only one.
    pub(super) async fn in_database(
        &self,
        connection: &mut PgConnection,
        main: Option<Uuid>,
    ) -> Result<(Uuid, u64), VerifyError> {
        if let Some(journal) = self.note.map(|(journal, _)| journal).or(main) {
            return Ok((journal, self.n));
        }
        let journals: Vec<Uuid> = sqlx::query_scalar("SELECT DISTINCT journal FROM audit.heads LIMIT 2")
            .fetch_all(connection)
            .await?;
        match journals.as_slice() {
            [journal] => Ok((*journal, self.n)),
            _ => Err(VerifyError::Since),
        }
    }

    /// Compares the note with what each place holds.
    pub(super) fn confirm(&self, known: &[Known], report: &mut Report) -> Result<(), VerifyError> {
        let Some((journal, note)) = self.note else {
            let here = known.iter().any(|known| known.notes.contains_key(&self.n));
            return if here { Ok(()) } else { Err(VerifyError::Since) };
        };
        let mut places =
            known.iter().filter(|known| known.journal == journal && known.from <= self.n).peekable();
        if places.peek().is_none() {
            return Err(VerifyError::Since);
        }
        for known in places {
            let n = self.n;
            let (reason, detail) = match known.notes.get(&n) {
                Some(here) if *here == note => continue,
                Some(_) => (Reason::HeadDiffers, format!("head {n} is another one than the trusted")),
                None => (Reason::HeadMissing, format!("the trusted head {n} is not here")),
            };
            report.found(Finding { place: known.place, call: None, seq: None, reason, detail });
        }
        Ok(())
    }
}
