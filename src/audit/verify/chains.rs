//! Follows the chains of many calls, wherever their records come from.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use uuid::Uuid;

use super::anchors::Anchors;
use super::{Finding, Place, Report};
use crate::audit::chain::{Digest, Genesis, Record};
use crate::audit::entry::EntryKind;
use crate::ids::CallId;

/// What is wrong with an entry, a call or a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A frame of the journal is not what was written.
    FrameDamaged,
    /// The journal ends in something that is no frame, and no server runs that could be writing it.
    TornTail,
    /// A segment is missing, out of order, or of another journal.
    SegmentWrong,
    /// An entry is not what its hash says.
    HashMismatch,
    /// An entry does not follow the one before it.
    ChainBroken,
    /// Entries are missing in the middle.
    Gap,
    /// A call that does not begin with its opening.
    NotOpened,
    /// A call's h0 is not what its row and its opening say.
    GenesisMismatch,
    /// The count in the closing is another one.
    CountMismatch,
    /// Something stands behind the closing.
    AfterClose,
    /// A call is missing.
    OrdinalGap,
    /// Two calls have one ordinal.
    OrdinalTwice,
    /// The sealed value is not what the entry commits to, or cannot be opened and no erasure names its person.
    SealedMismatch,
    /// An erasure names a person whose key is still there.
    NotErased,
    /// The journal has it, PostgreSQL confirmed it, and it is not there.
    MissingInDatabase,
    /// The database has it, and the journal that it came from does not.
    MissingInJournal,
    /// Journal and database hold different entries in one place.
    Differs,
    /// A row that nobody can have written.
    RowUnreadable,
    /// The drain met another record in its place.
    Conflict,
}

impl Reason {
    /// As in the JSON report.
    pub fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// Where one call's chain stands.
struct Chain {
    next_seq: u32,
    last: Digest,
    closed: bool,
    /// Its end was reported; what follows from it is not.
    broken: bool,
}

/// The chains of all calls of one place.
pub(super) struct Chains {
    place: Place,
    /// The first entries may be gone with an old, drained segment.
    pub(super) may_begin_late: bool,
    /// What retentions gave up.
    pub(super) anchors: Anchors,
    calls: HashMap<CallId, Chain>,
    ordinals: HashMap<Uuid, BTreeMap<u64, CallId>>,
    entries: u64,
}

impl Chains {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            may_begin_late: false,
            anchors: Anchors::default(),
            calls: HashMap::new(),
            ordinals: HashMap::new(),
            entries: 0,
        }
    }

    pub(super) fn follow(&mut self, record: &Record, report: &mut Report) {
        self.entries += 1;
        let place = self.place;
        let mut found = |reason, detail: String| {
            report.found(Finding { place, call: Some(record.call), seq: Some(record.seq), reason, detail });
        };
        if record.expected_hash() != record.hash {
            let expected = record.expected_hash();
            found(Reason::HashMismatch, format!("expected the hash {expected}, found {}", record.hash));
        }
        let Some(chain) = self.calls.get_mut(&record.call) else {
            if record.seq == 0 && record.entry.kind == EntryKind::CallOpened {
                match opening(record) {
                    Some(genesis) if genesis.hash() == record.prev => {
                        let ordinals = self.ordinals.entry(genesis.journal).or_default();
                        if let Some(other) = ordinals.insert(genesis.ordinal, record.call) {
                            let detail = format!("call {other} has the ordinal {} too", genesis.ordinal);
                            found(Reason::OrdinalTwice, detail);
                        }
                    }
                    Some(_) => found(
                        Reason::GenesisMismatch,
                        "expected the hash of what the call began with, found another".to_owned(),
                    ),
                    None => found(
                        Reason::GenesisMismatch,
                        "expected journal, node, ordinal and started_at, found something else".to_owned(),
                    ),
                }
            } else if !self.may_begin_late && !self.anchors.begins(record) {
                found(Reason::NotOpened, format!("expected call_opened, found {}", record.entry.kind.name()));
            }
            self.calls.insert(
                record.call,
                Chain {
                    next_seq: record.seq.saturating_add(1),
                    last: record.hash,
                    closed: record.entry.kind == EntryKind::CallClosed,
                    broken: false,
                },
            );
            return;
        };
        if chain.closed {
            found(Reason::AfterClose, format!("expected nothing, found {}", record.entry.kind.name()));
        } else if record.seq != chain.next_seq {
            if !self.anchors.begins(record) {
                found(Reason::Gap, format!("expected seq {}, found {}", chain.next_seq, record.seq));
                chain.broken = true;
            }
        } else if record.prev != chain.last {
            let detail = format!("expected to follow {}, found {}", chain.last, record.prev);
            found(Reason::ChainBroken, detail);
        }
        if record.entry.kind == EntryKind::CallClosed {
            chain.closed = true;
            let count = record.entry.body.get("entries").and_then(serde_json::Value::as_u64);
            if count != Some(u64::from(record.seq) + 1) && !chain.broken {
                found(Reason::CountMismatch, format!("expected {} entries, found {count:?}", record.seq + 1));
            }
        }
        chain.next_seq = record.seq.saturating_add(1);
        chain.last = record.hash;
    }

    /// What shows only when everything was read: missing calls. Returns calls, entries and calls not closed.
    pub(super) fn finish(self, report: &mut Report) -> (u64, u64, u64) {
        for (journal, ordinals) in &self.ordinals {
            let mut next = if self.may_begin_late { ordinals.keys().next().copied().unwrap_or(1) } else { 1 };
            for (ordinal, call) in ordinals {
                next = self.anchors.expected(*journal, next, *ordinal);
                if *ordinal != next {
                    report.found(Finding {
                        place: self.place,
                        call: Some(*call),
                        seq: None,
                        reason: Reason::OrdinalGap,
                        detail: format!(
                            "expected call {next} of journal {journal} before it, found call {ordinal}"
                        ),
                    });
                }
                next = ordinal.saturating_add(1);
            }
        }
        for (journal, first) in self.anchors.missing(&self.ordinals) {
            let detail = format!("expected call {first} of journal {journal}, which a retention kept");
            let (place, reason) = (self.place, Reason::OrdinalGap);
            report.found(Finding { place, call: None, seq: None, reason, detail });
        }
        let open = self.calls.values().filter(|chain| !chain.closed).count() as u64;
        (self.calls.len() as u64, self.entries, open)
    }
}

/// What a call's h0 is made of, as its first entry says.
pub(super) fn opening(record: &Record) -> Option<Genesis> {
    let body = &record.entry.body;
    Some(Genesis {
        journal: serde_json::from_value(body.get("journal")?.clone()).ok()?,
        node: body.get("node")?.as_str()?.to_owned(),
        call: record.call,
        ordinal: body.get("ordinal")?.as_u64()?,
        started_at: serde_json::from_value(body.get("started_at")?.clone()).ok()?,
    })
}
