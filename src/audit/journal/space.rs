//! The writer's look around itself: free space, the backlog, the signing key.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::ReadOnly;
use super::writer::Writer;

impl Writer {
    /// Free space and backlog: both may close the journal to intents, and open it again.
    pub(super) fn look_around(&mut self) {
        self.looked_at = Instant::now();
        if self.shared.read_only() == Some(ReadOnly::DiskFailed) {
            return;
        }
        let current = self.with.segments.number();
        let oldest = self.with.calls.values().map(|call| call.first_segment).min().unwrap_or(current);
        let oldest = self.with.keeper.oldest_needed_segment().map_or(oldest, |needed| needed.min(oldest));
        self.with.keeper.refresh_key();
        self.shared.oldest_needed.store(oldest, Ordering::Release);
        let space_low = match self.with.segments.free_bytes() {
            Ok(free) => free < self.free_space_floor_bytes,
            Err(error) => {
                tracing::warn!("the free space of the journal's disk is not known: {error}");
                false
            }
        };
        let reason = if space_low {
            Some(ReadOnly::SpaceLow)
        } else if self.backlog_max_bytes.is_some_and(|most| self.backlog_bytes() > most) {
            Some(ReadOnly::Backlog)
        } else {
            None
        };
        self.shared.set_read_only(reason);
    }

    fn backlog_bytes(&self) -> u64 {
        let backlog = self.shared.backlog_bytes().unwrap_or_else(|error| {
            tracing::warn!("the journal's backlog is not known: {error}");
            0
        });
        metrics::gauge!("audit_journal_backlog_bytes").set(backlog as f64);
        backlog
    }
}
