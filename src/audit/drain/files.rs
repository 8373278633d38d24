//! The drain's side of the segment files: reading on from a watermark, deleting what is old and safe.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crate::audit::chain::Record;
use crate::audit::frame::{self, Acknowledged, Payload, Scan, Tail};
use crate::audit::heads::Head;
use crate::audit::journal::{JournalError, Position, Shared, recovery, segments};

/// What a segment holds, each with the place behind it.
#[derive(Default)]
pub(super) struct Placed {
    pub(super) records: Vec<(Record, Position)>,
    pub(super) heads: Vec<(Head, Position)>,
}

/// The records and heads of one segment from a place on, and the place to read on from.
pub(super) fn read(folder: &Path, from: Position, end: Position) -> Result<(Placed, Position), JournalError> {
    let numbers = segments::list(folder)?;
    // The watermark's own segment, or when that is done or gone the next one.
    let Some(number) = numbers.iter().copied().find(|number| *number >= from.segment) else {
        return Ok((Placed::default(), end));
    };
    let offset = if number == from.segment { from.offset } else { 0 };
    let next = numbers.iter().copied().find(|next| *next > number);
    let counted = match next {
        _ if number == end.segment => Some(end.offset),
        Some(next) => recovery::extents(folder, &[next])?.get(&number).copied(),
        None => None,
    };
    let path = segments::path(folder, number);
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|mut file| {
            file.seek(SeekFrom::Start(offset))?;
            let most = counted.map_or(u64::MAX, |counted| counted.saturating_sub(offset));
            file.take(most).read_to_end(&mut bytes)
        })
        .map_err(|source| JournalError::io(&path, "reading the segment", source))?;
    let acknowledged = if counted.is_some() { Acknowledged::All } else { Acknowledged::Unknown };
    let scan = frame::scan_from(&bytes, offset, acknowledged);
    if let Some(at) = damage(&scan, counted) {
        metrics::counter!("audit_drain_damage_total").increment(1);
        tracing::error!(
            journal.segment = number,
            "the journal is damaged at byte {at}: what is there cannot be copied"
        );
    }
    let mut placed = Placed::default();
    for found in scan.frames {
        let behind = Position { segment: number, offset: found.end };
        match found.payload {
            Payload::Record(record) => placed.records.push((*record, behind)),
            Payload::Head(head) => placed.heads.push((*head, behind)),
            Payload::Segment(_) => {}
        }
    }
    let behind = match next {
        _ if number == end.segment => end,
        Some(next) => Position { segment: next, offset: 0 },
        None => end,
    };
    Ok((placed, behind))
}

/// Where something of a drained segment is not as it was written. All that counts of it was acknowledged.
fn damage(scan: &Scan, counted: Option<u64>) -> Option<u64> {
    match scan.tail {
        Tail::Damaged { at } | Tail::Torn { at } => Some(at),
        Tail::Clean => counted.is_some_and(|counted| scan.end < counted).then_some(scan.end),
    }
}

/// What a journal has before a place.
pub(super) enum Before {
    Nothing,
    /// The last one.
    Record(Box<Record>),
    /// No frame ends there.
    NoSuchPlace,
}

/// The record before a watermark, by which PostgreSQL can tell whether it was this journal that it copied.
pub(super) fn before(folder: &Path, place: Position, end: Position) -> Result<Before, JournalError> {
    if place > end {
        return Ok(Before::NoSuchPlace);
    }
    let numbers = segments::list(folder)?;
    let extents = recovery::extents(folder, &numbers)?;
    // Segments that are gone were drained.
    for number in numbers.into_iter().rev().filter(|number| *number <= place.segment) {
        let counted = if number == end.segment { Some(end.offset) } else { extents.get(&number).copied() };
        let segment = recovery::read_segment(folder, number, counted)?;
        let mut frames = segment.scan.frames;
        if number == place.segment {
            let ends = [0, segment.bytes, counted.unwrap_or_default()];
            if !ends.contains(&place.offset) && frames.iter().all(|found| found.end != place.offset) {
                return Ok(Before::NoSuchPlace);
            }
            frames.retain(|found| found.end <= place.offset);
        }
        let last = frames.into_iter().rev().find_map(|found| match found.payload {
            Payload::Record(record) => Some(record),
            Payload::Segment(_) | Payload::Head(_) => None,
        });
        if let Some(record) = last {
            return Ok(Before::Record(record));
        }
    }
    Ok(Before::Nothing)
}

/// PostgreSQL is about to confirm these segments whole: their grace begins now, and as the time stands with the file
/// every run knows of it.
pub(super) fn confirm(folder: &Path, from: Position, next: Position) -> Result<(), JournalError> {
    let numbers = segments::list(folder)?;
    for number in numbers.into_iter().filter(|number| (from.segment..next.segment).contains(number)) {
        let touched =
            File::open(segments::path(folder, number)).and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(error) = touched {
            // Then it counts from the last write, which is no reason to stop copying.
            tracing::warn!(journal.segment = number, "the time of a segment could not be set: {error}");
        }
    }
    Ok(())
}

/// Tells which segments may go.
pub(super) struct Clearing {
    /// How long a segment is kept after PostgreSQL has confirmed all of it.
    grace: Duration,
    /// When this run began, by both clocks.
    began: (SystemTime, Instant),
    /// How long a run lets everything be. A wrong clock that a machine starts with is put right by then.
    settle: Duration,
    /// The damaged segment that was told of, until the next run; 0 for none.
    told: AtomicU64,
}

impl Clearing {
    pub(super) fn new(grace: Duration) -> Self {
        let began = (SystemTime::now(), Instant::now());
        Self { grace, began, settle: SETTLE, told: AtomicU64::new(0) }
    }

    /// The oldest segments, as far as PostgreSQL has them whole and for longer than the grace, nothing unfinished stands
    /// in them and they are as they were written.
    pub(super) fn old(&self, shared: &Shared, drained: Position) -> Result<Vec<u64>, JournalError> {
        let Some(now) = self.now() else { return Ok(Vec::new()) };
        let folder = &shared.folder;
        let current = shared.durable.borrow().segment;
        let needed = shared.oldest_needed_segment().min(drained.segment);
        let mut numbers = segments::list(folder)?;
        numbers.retain(|number| *number <= current);
        let mut old = Vec::new();
        // The one before the current one stays: it says which journal this is and how many calls it had, should the
        // current one still be empty and be lost.
        for window in numbers.windows(3) {
            let [number, next, _] = *window else { break };
            let told = self.told.load(Ordering::Acquire) == number;
            if told || number >= needed || age(folder, number, now)? < self.grace {
                break;
            }
            let counted = recovery::extents(folder, &[next])?.get(&number).copied();
            if let Some(at) = damage(&recovery::read_segment(folder, number, counted)?.scan, counted) {
                self.told.store(number, Ordering::Release);
                tracing::error!(
                    journal.segment = number,
                    "an old segment is damaged at byte {at}: it and those after it stay until it is moved away"
                );
                break;
            }
            old.push(number);
        }
        Ok(old)
    }

    /// The time of day, however far the clock was set ahead since this run began; none while nothing is to go.
    fn now(&self) -> Option<SystemTime> {
        let (wall, monotonic) = self.began;
        let run = monotonic.elapsed();
        (run >= self.settle).then(|| SystemTime::now().min(wall.checked_add(run).unwrap_or(wall)))
    }
}

/// How long ago a segment was confirmed.
fn age(folder: &Path, number: u64, now: SystemTime) -> Result<Duration, JournalError> {
    let path = segments::path(folder, number);
    let confirmed = std::fs::metadata(&path)
        .and_then(|metadata| metadata.modified())
        .map_err(|source| JournalError::io(&path, "looking at the segment", source))?;
    // A clock set back makes the age negative: then it stays.
    Ok(now.duration_since(confirmed).unwrap_or_default())
}

/// Deletes old segments.
pub(super) fn delete(folder: &Path, old: &[u64]) -> Result<(), JournalError> {
    for number in old {
        let path = segments::path(folder, *number);
        std::fs::remove_file(&path)
            .map_err(|source| JournalError::io(&path, "deleting the old segment", source))?;
        tracing::info!(journal.segment = number, "an old segment that PostgreSQL has was deleted");
    }
    Ok(())
}

/// Chosen: time synchronisation takes minutes, and an hour more is nothing to a grace of days.
const SETTLE: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests;
