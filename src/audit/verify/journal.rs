//! The journal's files.

use std::collections::BTreeMap;
use std::path::Path;

use super::chains::{Chains, Reason};
use super::{Finding, Place, Report, redaction};
use crate::audit::chain::Digest;
use crate::audit::frame::{Header, Payload, Tail};
use crate::audit::journal::{JournalError, Position, recovery, segments};
use crate::ids::CallId;

/// What the database should hold of this journal.
#[derive(Default)]
pub(super) struct Copied {
    pub(super) journal: Option<uuid::Uuid>,
    /// Each record's hash and the place behind it.
    pub(super) records: BTreeMap<(CallId, u32), (Digest, Position)>,
    pub(super) end: Position,
}

pub(super) fn check(folder: &Path, key: Option<&Path>, report: &mut Report) -> Result<Copied, JournalError> {
    let live = segments::is_held(folder);
    let numbers = segments::list(folder)
        .map_err(|source| JournalError::io(folder, "listing the journal's folder", source))?;
    let extents = recovery::extents(folder, &numbers)?;
    let opener = redaction::opener(folder, key, report)?;
    if live {
        report.notes.push("a server is writing the journal: its last batch may be missing here".to_owned());
    }
    let mut chains = Chains::new(Place::Journal);
    chains.may_begin_late = numbers.first().is_some_and(|first| *first > 1);
    let mut copied = Copied::default();
    let mut before: Option<Header> = None;
    for (index, number) in numbers.iter().enumerate() {
        let last = index + 1 == numbers.len();
        let counted = extents.get(number).copied();
        let segment = recovery::read_segment(folder, *number, counted)?;
        let mut wrong = |reason, detail: String| {
            let detail = format!("segment {number}: {detail}");
            report.found(Finding { place: Place::Journal, call: None, seq: None, reason, detail });
        };
        match segment.scan.tail {
            Tail::Clean => {}
            Tail::Torn { .. } if last && live => {}
            Tail::Torn { at } if last => wrong(
                Reason::TornTail,
                format!("expected a frame or zeros at byte {at}; after a crash the next start cuts this off"),
            ),
            Tail::Torn { at } | Tail::Damaged { at } => {
                wrong(Reason::FrameDamaged, format!("expected a whole frame at byte {at}"));
            }
        }
        if let Some(counted) = counted.filter(|counted| *counted != segment.bytes) {
            wrong(
                Reason::FrameDamaged,
                format!("expected {counted} bytes of frames, found {}", segment.bytes),
            );
        }
        match segment.scan.frames.first().map(|found| &found.payload) {
            Some(Payload::Segment(header)) => {
                if let Some(problem) = misplaced(header, *number, before.as_ref()) {
                    wrong(Reason::SegmentWrong, problem);
                }
                copied.journal = Some(header.journal);
                before = Some(header.clone());
            }
            // A server that is just making it.
            None if last && live => {}
            _ => wrong(Reason::SegmentWrong, "expected a header at its beginning".to_owned()),
        }
        for found in &segment.scan.frames {
            let Payload::Record(record) = &found.payload else { continue };
            chains.follow(record, report);
            redaction::record(opener.as_ref(), record, report);
            let behind = Position { segment: *number, offset: found.end };
            copied.records.insert((record.call, record.seq), (record.hash, behind));
        }
        copied.end = Position { segment: *number, offset: segment.bytes };
    }
    let (calls, entries, open) = chains.finish(report);
    report.journal_calls = Some(calls);
    report.journal_entries = Some(entries);
    report.open_calls = open;
    Ok(copied)
}

/// What is wrong with a header in its place.
fn misplaced(header: &Header, number: u64, before: Option<&Header>) -> Option<String> {
    if header.segment != number {
        return Some(format!("expected its header to say {number}, found {}", header.segment));
    }
    let before = before?;
    if header.journal != before.journal || header.node != before.node {
        return Some("expected the journal and node of the segment before it, found others".to_owned());
    }
    match header.previous {
        Some(previous) if previous.segment == before.segment => None,
        Some(previous) => Some(format!(
            "expected segment {} before it, found {}: one is missing",
            previous.segment, before.segment
        )),
        None => Some("expected to be the first, found another before it".to_owned()),
    }
}
