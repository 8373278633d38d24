//! From a batch to the disk: one write, one `fdatasync`; a segment that failed is never believed again.

use super::*;

impl Writer {
    /// One batch on the disk: in this segment, or when that fails in a new one, once.
    pub(super) fn persist(&mut self, payloads: &[Vec<u8>]) -> io::Result<()> {
        let began = Instant::now();
        let result = match self.write_to_current(payloads) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                metrics::counter!("audit_journal_disk_errors_total").increment(1);
                tracing::error!("a journal segment failed and is dead, going on in a new one: {error}");
                self.bury();
                self.write_to_new_segment(payloads)
            }
            None => self.write_to_new_segment(payloads),
        };
        match &result {
            Ok(()) => {
                metrics::counter!("audit_journal_entries_total").increment(payloads.len() as u64);
                metrics::histogram!("audit_journal_sync_seconds").record(began.elapsed());
            }
            Err(error) => {
                metrics::counter!("audit_journal_disk_errors_total").increment(1);
                tracing::error!("a second journal segment failed: {error}");
                self.shared.set_read_only(Some(ReadOnly::DiskFailed));
            }
        }
        result
    }

    /// None when the batch does not fit any more, or there is no segment.
    fn write_to_current(&mut self, payloads: &[Vec<u8>]) -> Option<io::Result<()>> {
        let current = self.current.as_mut()?;
        let mut bytes = Vec::new();
        let start = u32::try_from(current.offset).ok()?;
        payloads.iter().for_each(|json| frame::push(json, start, &mut bytes));
        let end = current.offset + bytes.len() as u64;
        if end > SEGMENT_BYTES {
            self.bury();
            return None;
        }
        let written = current.file.write_at(&bytes, current.offset).and_then(|()| current.file.sync());
        if written.is_ok() {
            current.offset = end;
            self.synced();
        }
        Some(written)
    }

    /// Leaves the current segment for good; what is behind its synced end does not count.
    fn bury(&mut self) {
        if let Some(mut current) = self.current.take() {
            self.with.previous = Some(Extent { segment: current.number, bytes: current.offset });
            // The next header says the same; should that never be written, this may still help.
            let _ = current.file.cut(current.offset);
        }
    }

    pub(super) fn write_to_new_segment(&mut self, payloads: &[Vec<u8>]) -> io::Result<()> {
        let number = self.next_number;
        let header = Payload::Segment(Header {
            version: 1,
            journal: self.shared.id,
            node: self.shared.node.clone(),
            segment: number,
            next_ordinal: self.with.next_ordinal,
            previous: self.with.previous,
        });
        let header = header.to_json().ok_or_else(|| io::Error::other("the header is too large"))?;
        let mut bytes = Vec::new();
        frame::push(&header, 0, &mut bytes);
        payloads.iter().for_each(|json| frame::push(json, 0, &mut bytes));
        let mut file = self.with.storage.create(&segments::name(number), SEGMENT_BYTES)?;
        self.next_number += 1;
        if let Err(error) = file.write_at(&bytes, 0).and_then(|()| file.sync()) {
            // An empty segment is removed by the next start.
            let _ = file.cut(0);
            return Err(error);
        }
        self.current = Some(Current { file, number, offset: bytes.len() as u64 });
        self.synced();
        Ok(())
    }
}
