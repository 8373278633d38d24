//! The writer's heads: made between two batches, in a batch of their own, so that no caller waits for more than one.

use std::time::{Duration, Instant};

use super::command::Answer;
use super::writer::{NOBODYS, Writer};
use super::{JournalError, ReadOnly};
use crate::audit::crash;
use crate::audit::frame::Payload;

impl Writer {
    /// How long until the next head is due.
    pub(super) fn until_head(&self) -> Duration {
        if self.disk_failed() {
            return Duration::MAX;
        }
        self.with.keeper.due_in(Instant::now()).unwrap_or(Duration::MAX)
    }

    /// Makes a head when it is due, and at the end as many as everything takes.
    pub(super) fn head_if_due(&mut self, ending: bool) {
        if self.until_head().is_zero() {
            self.make_head();
        }
        while ending && self.with.keeper.is_behind() && self.make_head() {}
    }

    /// One head: its frame is on the disk before anything else knows of it. False when the disk did not take it.
    fn make_head(&mut self) -> bool {
        if self.disk_failed() {
            return false;
        }
        let made = self.with.keeper.make(self.shared.now());
        crash::point("cp8");
        let payload = Payload::Head(Box::new(made.head.clone()));
        let Some(json) = payload.to_json() else {
            tracing::error!("a head is too large to be written");
            return false;
        };
        if let Err(error) = self.persist(&[json]) {
            tracing::error!("a head was not written: {error}");
            return false;
        }
        let note = made.head.note.clone();
        self.with.keeper.made(made, Instant::now());
        self.with.segments.heads.clone_from(self.with.keeper.standing());
        self.with.heads_file.add(note);
        self.shared.heads.send_replace(self.with.heads_file.length());
        metrics::counter!("audit_heads_total").increment(1);
        true
    }

    /// What somebody who waits for a head is told.
    pub(super) fn covered(&self) -> Answer {
        if self.with.keeper.is_behind() {
            Err(JournalError::ReadOnly(ReadOnly::DiskFailed))
        } else {
            Ok(NOBODYS)
        }
    }

    pub(super) fn disk_failed(&self) -> bool {
        self.shared.read_only() == Some(ReadOnly::DiskFailed)
    }
}
