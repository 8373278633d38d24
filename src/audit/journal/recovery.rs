//! What an earlier run left: where every unfinished call stands, and what was torn.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use uuid::Uuid;

use super::closed::Closed;
use super::writer::CallState;
use super::{JournalError, Position, Recovered, segments};
use crate::audit::chain::Record;
use crate::audit::entry::EntryKind;
use crate::audit::frame::{self, Acknowledged, Extent, Payload, Scan, Tail};
use crate::audit::heads::{Head, Standing, keeper};
use crate::audit::open_intent::OpenIntent;
use crate::audit::seal::SubjectId;
use crate::audit::settings::Settings;
use crate::audit::subjects::Keys;
use crate::ids::{CallId, RequestId};

/// Everything that the writer starts from.
pub(super) struct State {
    pub(super) journal: Uuid,
    /// Calls that were not closed.
    pub(super) calls: HashMap<CallId, CallState>,
    /// Calls that were closed.
    pub(super) closed: Closed,
    pub(super) open: Vec<OpenIntent>,
    pub(super) next_ordinal: u64,
    /// The number of the next segment.
    pub(super) next_number: u64,
    /// The newest segment that holds records.
    pub(super) previous: Option<Extent>,
    /// Where the records end.
    pub(super) end: Position,
    /// Where the heads stand and what they do not cover.
    pub(super) heads: keeper::Left,
    /// The notes of the heads that the segments hold, by number.
    pub(super) notes: Vec<(u64, String)>,
    pub(super) report: Recovered,
}

/// A segment as it was read: which of its bytes count, and what they hold.
pub(crate) struct ReadSegment {
    pub(crate) number: u64,
    pub(crate) scan: Scan,
    /// How many bytes count.
    pub(crate) bytes: u64,
}

/// Reads one segment. `counted` is what the next segment's header says of it.
pub(crate) fn read_segment(
    folder: &Path,
    number: u64,
    counted: Option<u64>,
) -> Result<ReadSegment, JournalError> {
    let path = segments::path(folder, number);
    let bytes =
        std::fs::read(&path).map_err(|source| JournalError::io(&path, "reading the segment", source))?;
    // What lies behind was written and never acknowledged, and its writer went on in the next segment.
    let counts = counted.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(bytes.len());
    let acknowledged = if counted.is_some() { Acknowledged::All } else { Acknowledged::Unknown };
    let scan = frame::scan(bytes.get(..counts).unwrap_or(&bytes), acknowledged);
    let end = scan.end;
    Ok(ReadSegment { number, scan, bytes: end })
}

/// What each segment's successor says of it: the bytes that count.
pub(crate) fn extents(folder: &Path, numbers: &[u64]) -> Result<BTreeMap<u64, u64>, JournalError> {
    Ok(extents_of(&headers(folder, numbers)?))
}

/// [`extents`], from headers that were read already.
pub(crate) fn extents_of(headers: &[frame::Header]) -> BTreeMap<u64, u64> {
    headers
        .iter()
        .filter_map(|header| header.previous)
        .map(|previous| (previous.segment, previous.bytes))
        .collect()
}

/// The good headers of these segments.
pub(crate) fn headers(folder: &Path, numbers: &[u64]) -> Result<Vec<frame::Header>, JournalError> {
    numbers.iter().filter_map(|number| read_header(folder, *number).transpose()).collect()
}

/// A segment's header, if it has a good one.
fn read_header(folder: &Path, number: u64) -> Result<Option<frame::Header>, JournalError> {
    use std::io::Read as _;
    let path = segments::path(folder, number);
    let mut bytes = Vec::new();
    std::fs::File::open(&path)
        // A header is some 600 bytes: names are at most 64 characters, the heads' tree has at most 64 roots.
        .and_then(|file| file.take(16 << 10).read_to_end(&mut bytes))
        .map_err(|source| JournalError::io(&path, "reading the segment's header", source))?;
    Ok(match frame::first(&bytes) {
        Some(Payload::Segment(header)) => Some(*header),
        _ => None,
    })
}

/// Reads the whole folder, cuts a torn tail and drops an empty last segment.
pub(super) fn recover(settings: &Settings, keys: &Keys) -> Result<State, JournalError> {
    let folder = &settings.journal;
    let mut numbers = segments::list(folder)?;
    drop_unborn(folder, &mut numbers)?;
    let extents = extents(folder, &numbers)?;
    let mut state = State {
        journal: Uuid::now_v7(),
        calls: HashMap::new(),
        closed: Closed::default(),
        open: Vec::new(),
        next_ordinal: 1,
        next_number: 1,
        previous: None,
        end: Position::default(),
        heads: keeper::Left::default(),
        notes: Vec::new(),
        report: Recovered::default(),
    };
    let mut open = BTreeMap::new();
    for (index, number) in numbers.iter().enumerate() {
        let last = index + 1 == numbers.len();
        let counted = extents.get(number).copied();
        let segment = read_segment(folder, *number, counted)?;
        let path = segments::path(folder, *number);
        if let Some(at) = segment.scan.strange {
            return Err(JournalError::Newer { path, at });
        }
        state.read(settings, keys, &mut open, &segment)?;
        match segment.scan.tail {
            Tail::Torn { at } if last => {
                let length = std::fs::metadata(&path)
                    .map_err(|source| JournalError::io(&path, "measuring the segment", source))?
                    .len();
                state.report.torn_bytes += length.saturating_sub(at);
            }
            Tail::Torn { at } | Tail::Damaged { at } => state
                .report
                .damage
                .push(format!("segment {number}: expected a whole frame at byte {at}, found something else")),
            Tail::Clean if counted.is_some_and(|counted| segment.bytes < counted) => {
                state.report.damage.push(format!(
                    "segment {number}: expected {} bytes of frames, found {}",
                    counted.unwrap_or_default(),
                    segment.bytes
                ));
            }
            Tail::Clean => {}
        }
        if !last {
            state.advance(&segment);
            continue;
        }
        let holds_records =
            segment.scan.frames.iter().any(|found| !matches!(found.payload, Payload::Segment(_)));
        if holds_records || matches!(segment.scan.tail, Tail::Damaged { .. }) {
            // Everything after the last good frame is zeros or torn; a damaged segment is left as it is.
            if !matches!(segment.scan.tail, Tail::Damaged { .. }) {
                cut(&path, segment.bytes)?;
            }
            state.advance(&segment);
            state.next_number = number + 1;
        } else {
            // It would only pile up: one for every restart without a call.
            std::fs::remove_file(&path)
                .map_err(|source| JournalError::io(&path, "removing the empty segment", source))?;
            state.next_number = *number;
        }
    }
    if let (Some(first), Some(last)) = (numbers.first(), numbers.last())
        && last - first + 1 != numbers.len() as u64
    {
        state.report.damage.push(format!("expected segments {first} to {last}, found {}", numbers.len()));
    }
    for damage in &state.report.damage {
        tracing::error!(journal.folder = %folder.display(), "the journal is damaged: {damage}");
    }
    state.report.interrupted_calls = state.calls.len();
    state.open = open.into_values().collect();
    Ok(state)
}

impl State {
    fn read(
        &mut self,
        settings: &Settings,
        keys: &Keys,
        open: &mut BTreeMap<(CallId, RequestId), OpenIntent>,
        segment: &ReadSegment,
    ) -> Result<(), JournalError> {
        for found in &segment.scan.frames {
            match &found.payload {
                Payload::Segment(header) => {
                    if header.node != settings.node {
                        return Err(JournalError::OtherNode {
                            folder: settings.journal.clone(),
                            expected: settings.node.clone(),
                            found: header.node.clone(),
                        });
                    }
                    self.journal = header.journal;
                    self.next_ordinal = self.next_ordinal.max(header.next_ordinal);
                    if let Some(heads) = header.heads.as_ref().filter(|heads| heads.n > self.heads.standing.n)
                    {
                        self.heads.standing.clone_from(heads);
                    }
                }
                Payload::Head(head) => self.take_head(head, segment.number),
                Payload::Record(record) => self.take(keys, open, record, segment.number),
            }
        }
        Ok(())
    }

    fn take_head(&mut self, head: &Head, segment: u64) {
        self.notes.push((head.n, head.note.clone()));
        match Standing::after(head) {
            Some(standing) if head.n > self.heads.standing.n => {
                self.heads.standing = standing;
                for leaf in &head.leaves {
                    self.heads.touched.remove(&leaf.ordinal);
                }
            }
            Some(_) => {}
            None => {
                let damage = format!("segment {segment}: expected head {} to be a signed note", head.n);
                self.report.damage.push(damage);
            }
        }
    }

    /// No head covers this record yet.
    fn touch(&mut self, ordinal: Option<u64>, record: &Record, first_segment: u64) {
        // Unknown where the opening is damaged: no head can place the call then.
        let Some(ordinal) = ordinal else { return };
        let count = record.seq.saturating_add(1);
        let touched =
            keeper::Touched { call: record.call, count, last: record.hash, fresh: 1, first_segment };
        keeper::touch(&mut self.heads.touched, ordinal, touched);
    }

    fn take(
        &mut self,
        keys: &Keys,
        open: &mut BTreeMap<(CallId, RequestId), OpenIntent>,
        record: &Record,
        segment: u64,
    ) {
        let mut ordinal = None;
        match record.entry.kind {
            EntryKind::CallOpened => {
                ordinal = record.entry.body.get("ordinal").and_then(serde_json::Value::as_u64);
                if let Some(ordinal) = ordinal {
                    self.next_ordinal = self.next_ordinal.max(ordinal.saturating_add(1));
                }
            }
            EntryKind::CallClosed => {
                self.closed.note(record.call);
                if let Some(call) = self.calls.remove(&record.call) {
                    self.touch(call.ordinal, record, call.first_segment);
                }
                return;
            }
            _ => {}
        }
        let call = self.calls.entry(record.call).or_insert_with(|| CallState {
            next_seq: 0,
            last: record.prev,
            open: BTreeSet::new(),
            closing: false,
            first_segment: segment,
            opened: None,
            ordinal,
            last_ms: 0,
            subject: SubjectId(record.call.0),
            key: None,
        });
        if let Some(subject) = record.subject.or_else(|| subject_of(record)) {
            call.subject = subject;
        }
        let (ordinal, first_segment) = (call.ordinal, call.first_segment);
        call.next_seq = record.seq.saturating_add(1);
        call.last = record.hash;
        call.last_ms = record.entry.offset_ms;
        if let Some(id) = record.entry.request {
            if record.entry.kind == EntryKind::Intent {
                if let Some(intent) = OpenIntent::recovered(record, keys) {
                    call.open.insert(id);
                    open.insert((record.call, id), intent);
                }
            } else if record.entry.settles() {
                call.open.remove(&id);
                open.remove(&(record.call, id));
            } else if record.entry.kind == EntryKind::Outcome
                && let Some(intent) = open.get_mut(&(record.call, id))
            {
                intent.asked = true;
            }
        }
        self.touch(ordinal, record, first_segment);
    }

    fn advance(&mut self, segment: &ReadSegment) {
        self.previous = Some(Extent { segment: segment.number, bytes: segment.bytes });
        self.end = Position { segment: segment.number, offset: segment.bytes };
    }
}

/// Removes newest segments in which nothing was ever acknowledged: the machine stopped while one was made. The segment
/// before them is then the last, whose tail may be torn: perhaps they were made because it failed.
fn drop_unborn(folder: &Path, numbers: &mut Vec<u64>) -> Result<(), JournalError> {
    while let Some(number) = numbers.last().copied() {
        let scan = read_segment(folder, number, None)?.scan;
        if !scan.frames.is_empty() || matches!(scan.tail, Tail::Damaged { .. }) {
            break;
        }
        let path = segments::path(folder, number);
        std::fs::remove_file(&path)
            .map_err(|source| JournalError::io(&path, "removing the empty segment", source))?;
        numbers.pop();
    }
    Ok(())
}

/// Whom a call's opening names.
fn subject_of(record: &Record) -> Option<SubjectId> {
    serde_json::from_value(record.entry.body.get("subject")?.clone()).ok()
}

fn cut(path: &Path, bytes: u64) -> Result<(), JournalError> {
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| {
            file.set_len(bytes)?;
            file.sync_all()
        })
        .map_err(|source| JournalError::io(path, "cutting the segment's tail", source))
}
