//! The journal's files.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::acts::Acts;
use super::chains::{Chains, Reason};
use super::heads::HeadChain;
use super::{Finding, Place, Report, heads_file, redaction};
use crate::audit::chain::Digest;
use crate::audit::frame::{Header, Payload, Tail};
use crate::audit::heads::Standing;
use crate::audit::journal::{JournalError, Position, recovery, segments};
use crate::ids::CallId;

/// How a journal is to be checked.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    /// The file with the sealing key.
    pub(super) key: Option<&'a Path>,
    /// The head whose work is trusted.
    pub(super) since: Option<u64>,
    /// Whether records are compared with a database afterwards.
    pub(super) compared: bool,
}

/// What the database should hold of this journal.
#[derive(Default)]
pub(super) struct Copied {
    pub(super) journal: Option<uuid::Uuid>,
    /// Each record's hash and the place behind it.
    pub(super) records: HashMap<(CallId, u32), (Digest, Position)>,
    /// Each head's note, and the place behind it where its frame is here.
    pub(super) notes: BTreeMap<u64, (Digest, Option<Position>)>,
    pub(super) end: Position,
    /// Whether a server is writing it.
    pub(super) live: bool,
}

pub(super) fn check(folder: &Path, how: How<'_>, report: &mut Report) -> Result<Copied, JournalError> {
    let live = segments::is_held(folder);
    let notes = heads_file::read(folder)?;
    let numbers = segments::list(folder)?;
    let headers = recovery::headers(folder, &numbers)?;
    let extents = recovery::extents_of(&headers);
    let opener = redaction::opener(folder, how.key, report)?;
    if live {
        report.notes.push("a server is writing the journal: its last batch may be missing here".to_owned());
    }
    let from = how.since.and_then(|since| begin_at(&headers, since)).unwrap_or_default();
    let mut chains = Chains::new(Place::Journal);
    let mut acts = Acts::new(Place::Journal);
    let mut copied = Copied { live, ..Copied::default() };
    let mut before: Option<Header> = None;
    let mut heads: Option<HeadChain> = None;
    let mut base = Standing::default();
    for (index, number) in numbers.iter().enumerate().filter(|(_, number)| **number >= from) {
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
                if let Some(problem) = misplaced(header, *number, before.as_ref(), heads.as_ref()) {
                    wrong(Reason::SegmentWrong, problem);
                }
                if before.is_none() {
                    // The first entries may be gone with an old, drained segment.
                    chains.may_begin_late = *number > 1;
                    base = header.heads.clone().unwrap_or_default();
                    heads = Some(HeadChain::after(Place::Journal, header.journal, base.clone()));
                }
                copied.journal = Some(header.journal);
                before = Some(Header::clone(header));
            }
            // A server that is just making it.
            None if last && live => {}
            _ => wrong(Reason::SegmentWrong, "expected a header at its beginning".to_owned()),
        }
        for found in &segment.scan.frames {
            let behind = Position { segment: *number, offset: found.end };
            match &found.payload {
                Payload::Segment(_) => {}
                Payload::Record(record) => {
                    chains.follow(record, report);
                    acts.meet(record);
                    redaction::record(opener.as_ref(), record, report);
                    // What the trusted head covers is not looked for in the database either.
                    let covered =
                        how.since.is_some_and(|since| heads.as_ref().is_some_and(|h| h.last() < since));
                    if how.compared && !covered {
                        copied.records.insert((record.call, record.seq), (record.hash, behind));
                    }
                }
                Payload::Head(head) => {
                    let Some(heads) = &mut heads else { continue };
                    let before = report.total();
                    heads.follow(head, report);
                    let good = report.total() == before;
                    for leaf in &head.leaves {
                        chains.agree(head.n, leaf, report);
                        if good {
                            acts.sign(heads.journal(), leaf);
                        }
                    }
                    copied.notes.insert(head.n, (super::heads::note_hash(&head.note), Some(behind)));
                }
            }
        }
        copied.end = Position { segment: *number, offset: segment.bytes };
    }
    if let Some(heads) = &heads {
        heads.finish(report);
        report.notes.extend(heads.uncovered(chains.entries()));
        *report.journal_heads.get_or_insert(0) += heads.last();
        let file = heads_file::Against { bytes: &notes, heads, base: &base, live };
        for (n, note) in heads_file::check(&file, report) {
            copied.notes.entry(n).or_insert((note, None));
        }
    }
    if copied.journal.is_none() && !live && !notes.is_empty() {
        let detail = "expected the segments that its file of heads was written with, found none".to_owned();
        let (place, reason) = (Place::Journal, Reason::SegmentWrong);
        report.found(Finding { place, call: None, seq: None, reason, detail });
    }
    report.values.acts.extend(acts.finish());
    let (calls, entries, open) = chains.finish(report);
    let add = |count: &mut Option<u64>, more| *count = Some(count.unwrap_or_default() + more);
    add(&mut report.journal_calls, calls);
    add(&mut report.journal_entries, entries);
    report.open_calls += open;
    Ok(copied)
}

/// Whose folder it is; none when nothing there says so.
pub(super) fn id(folder: &Path) -> Option<uuid::Uuid> {
    let numbers = segments::list(folder).ok()?;
    recovery::headers(folder, &numbers).ok()?.last().map(|header| header.journal)
}

/// The newest segment that began before this head was made.
fn begin_at(headers: &[Header], since: u64) -> Option<u64> {
    let before = |header: &&Header| header.heads.as_ref().is_some_and(|heads| heads.n < since);
    headers.iter().rev().find(before).map(|header| header.segment)
}

/// What is wrong with a header in its place.
fn misplaced(
    header: &Header,
    number: u64,
    before: Option<&Header>,
    heads: Option<&HeadChain>,
) -> Option<String> {
    if header.segment != number {
        return Some(format!("expected its header to say {number}, found {}", header.segment));
    }
    let before = before?;
    if header.journal != before.journal || header.node != before.node {
        return Some("expected the journal and node of the segment before it, found others".to_owned());
    }
    let standing = header.heads.as_ref().map_or(0, |heads| heads.n);
    if let Some(heads) = heads.filter(|heads| header.heads.is_some() && heads.last() != standing) {
        return Some(format!("expected its header to say head {}, found {standing}", heads.last()));
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
