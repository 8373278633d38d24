//! Puts batches into segment files, and goes on in a new one when a segment is full or fails.

use std::io;

use uuid::Uuid;

use super::{Position, SEGMENT_BYTES, segments};
use crate::audit::crash;
use crate::audit::frame::{self, Extent, Header, Payload};
use crate::audit::heads::Standing;
use crate::audit::storage::{Segment, Storage};

/// The end of the journal.
pub(super) struct Appender {
    pub(super) storage: Box<dyn Storage>,
    pub(super) journal: Uuid,
    pub(super) node: String,
    /// The number that the next segment gets.
    pub(super) next_number: u64,
    /// The segment before the current one.
    pub(super) previous: Option<Extent>,
    pub(super) current: Option<Current>,
    /// Where the heads stand.
    pub(super) heads: Standing,
}

/// A segment that is being written.
pub(super) struct Current {
    file: Box<dyn Segment>,
    number: u64,
    /// What is synced ends here.
    offset: u64,
}

impl Appender {
    /// One batch on the disk: in this segment, or when that is full or fails in a new one, once. Returns where it ends.
    pub(super) fn append(&mut self, payloads: &[Vec<u8>], next_ordinal: u64) -> io::Result<Position> {
        if let Some(written) = self.append_to_current(payloads) {
            match written {
                Ok(end) => return Ok(end),
                Err(error) => {
                    metrics::counter!("audit_journal_disk_errors_total").increment(1);
                    tracing::error!("a journal segment failed and is dead, going on in a new one: {error}");
                }
            }
        }
        self.leave();
        self.append_to_new(payloads, next_ordinal).inspect_err(|error| {
            metrics::counter!("audit_journal_disk_errors_total").increment(1);
            tracing::error!("a new journal segment failed: {error}");
        })
    }

    /// Leaves the current segment for good: what is behind its synced end does not count.
    pub(super) fn leave(&mut self) {
        if let Some(mut current) = self.current.take() {
            self.previous = Some(Extent { segment: current.number, bytes: current.offset });
            // Saves the space of the zeros. After a failure the next header says the same; should that never be
            // written, this may still help.
            let _ = current.file.cut(current.offset);
        }
    }

    /// The current segment, 0 when there is none.
    pub(super) fn number(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| current.number)
    }

    /// Bytes free where the segments lie.
    pub(super) fn free_bytes(&mut self) -> io::Result<u64> {
        self.storage.free_bytes()
    }

    /// None when the batch does not fit any more, or there is no segment.
    fn append_to_current(&mut self, payloads: &[Vec<u8>]) -> Option<io::Result<Position>> {
        let current = self.current.as_mut()?;
        let mut bytes = Vec::new();
        let start = u32::try_from(current.offset).ok()?;
        payloads.iter().for_each(|json| frame::push(json, start, &mut bytes));
        let end = current.offset + bytes.len() as u64;
        if end > SEGMENT_BYTES {
            return None;
        }
        let written = current.file.write_at(&bytes, current.offset).and_then(|()| {
            crash::point("cp1");
            current.file.sync()
        });
        Some(written.map(|()| {
            current.offset = end;
            Position { segment: current.number, offset: end }
        }))
    }

    fn append_to_new(&mut self, payloads: &[Vec<u8>], next_ordinal: u64) -> io::Result<Position> {
        let number = self.next_number;
        let header = Payload::Segment(Box::new(Header {
            version: frame::VERSION,
            journal: self.journal,
            node: self.node.clone(),
            segment: number,
            next_ordinal,
            previous: self.previous,
            heads: Some(self.heads.clone()),
        }));
        let header = header.to_json().ok_or_else(|| io::Error::other("the header is too large"))?;
        let mut bytes = Vec::new();
        frame::push(&header, 0, &mut bytes);
        payloads.iter().for_each(|json| frame::push(json, 0, &mut bytes));
        let mut file = self.storage.create(&segments::name(number), SEGMENT_BYTES)?;
        self.next_number += 1;
        crash::point("cp7");
        if let Err(error) = file.write_at(&bytes, 0).and_then(|()| file.sync()) {
            // An empty segment is removed by the next start.
            let _ = file.cut(0);
            return Err(error);
        }
        let offset = bytes.len() as u64;
        self.current = Some(Current { file, number, offset });
        Ok(Position { segment: number, offset })
    }
}
