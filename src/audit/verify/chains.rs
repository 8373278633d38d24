//! Follows the chains of many calls, wherever their records come from.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use uuid::Uuid;

use super::anchors::Anchors;
use super::{Finding, Place, Report};
use crate::audit::chain::{Digest, Genesis, Record};
use crate::audit::entry::EntryKind;
use crate::audit::heads::Leaf;
use crate::ids::{CallId, RequestId};

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
    /// An intent has two outcomes.
    OutcomeTwice,
    /// A head is missing.
    HeadMissing,
    /// What stands in a head's place is none.
    HeadUnreadable,
    /// A head does not follow from its leaves and the one before it.
    HeadMismatch,
    /// A head is not signed by the key that it names.
    HeadSignature,
    /// Heads are signed by a key that nobody vouched for.
    HeadKey,
    /// A call's entries are not those that a head was signed over.
    NotAsSigned,
    /// Two places hold different heads under one number.
    HeadDiffers,
    /// A head stands outside and is newer than everything here: an old state was put back.
    OldState,
    /// The export is not as it was written.
    ExportDamaged,
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
    ordinal: Option<u64>,
    /// Intents with a known outcome.
    settled: HashSet<RequestId>,
}

/// The chains of all calls of one place.
pub(super) struct Chains {
    place: Place,
    /// The first entries may be gone with an old, drained segment.
    pub(super) may_begin_late: bool,
    /// Journals of which that is so.
    pub(super) late: HashSet<Uuid>,
    /// What retentions gave up.
    pub(super) anchors: Anchors,
    calls: HashMap<CallId, Chain>,
    ordinals: HashMap<Uuid, BTreeMap<u64, CallId>>,
    entries: u64,
    /// Calls of which something was told: what heads say of them follows from that.
    told: HashSet<CallId>,
}

impl Chains {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            may_begin_late: false,
            late: HashSet::new(),
            anchors: Anchors::default(),
            calls: HashMap::new(),
            ordinals: HashMap::new(),
            entries: 0,
            told: HashSet::new(),
        }
    }

    pub(super) fn follow(&mut self, record: &Record, report: &mut Report) {
        self.entries += 1;
        let place = self.place;
        let told = &mut self.told;
        let mut found = |reason, detail: String| {
            told.insert(record.call);
            report.found(Finding { place, call: Some(record.call), seq: Some(record.seq), reason, detail });
        };
        let expected = record.expected_hash();
        if expected != record.hash {
            found(Reason::HashMismatch, format!("expected the hash {expected}, found {}", record.hash));
        }
        let Some(chain) = self.calls.get_mut(&record.call) else {
            let mut ordinal = None;
            if record.seq == 0 && record.entry.kind == EntryKind::CallOpened {
                match opening(record) {
                    Some(genesis) if genesis.hash() == record.prev => {
                        ordinal = Some(genesis.ordinal);
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
            } else if !self.may_begin_late && self.late.is_empty() && !self.anchors.begins(record) {
                found(Reason::NotOpened, format!("expected call_opened, found {}", record.entry.kind.name()));
            }
            self.calls.insert(
                record.call,
                Chain {
                    next_seq: record.seq.saturating_add(1),
                    last: record.hash,
                    closed: record.entry.kind == EntryKind::CallClosed,
                    broken: false,
                    ordinal,
                    settled: HashSet::new(),
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
        let ends = matches!(record.entry.kind, EntryKind::Outcome | EntryKind::Reconciled)
            && !record.entry.is_unknown();
        if let Some(request) = record.entry.request.filter(|_| ends)
            && !chain.settled.insert(request)
        {
            found(Reason::OutcomeTwice, format!("the intent {request} has an outcome already"));
        }
        if record.entry.kind == EntryKind::CallClosed {
            chain.settled = HashSet::new();
            chain.closed = true;
            let count = record.entry.body.get("entries").and_then(serde_json::Value::as_u64);
            let expected = u64::from(record.seq) + 1;
            if count != Some(expected) && !chain.broken {
                found(Reason::CountMismatch, format!("expected {expected} entries, found {count:?}"));
            }
        }
        chain.next_seq = record.seq.saturating_add(1);
        chain.last = record.hash;
    }

    /// How many entries were followed.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// Compares a call's chain, as far as it was followed, with what a head says of it.
    pub(super) fn agree(&mut self, head: u64, leaf: &Leaf, report: &mut Report) {
        let Some(chain) = self.calls.get(&leaf.call) else {
            return self.not_as_signed(head, leaf, "found no entry", report);
        };
        if chain.next_seq != leaf.count {
            let found = format!("found {} by then", chain.next_seq);
            self.not_as_signed(head, leaf, &found, report);
        } else if chain.last != leaf.last {
            let found = format!("found another one as the last, {}", chain.last);
            self.not_as_signed(head, leaf, &found, report);
        } else if chain.ordinal.is_some_and(|ordinal| ordinal != leaf.ordinal) {
            let found = format!("found it as call {:?}", chain.ordinal);
            self.not_as_signed(head, leaf, &found, report);
        }
    }

    /// A head covers entries that were not met at all.
    pub(super) fn missing(&mut self, journal: Uuid, head: u64, leaf: &Leaf, report: &mut Report) {
        if self.anchors.excuse(journal, leaf) {
            return;
        }
        match self.calls.get(&leaf.call).map(|chain| chain.next_seq) {
            Some(count) => self.not_as_signed(head, leaf, &format!("found {count}"), report),
            None => {
                // The gap that it leaves is no news then.
                self.ordinals.entry(journal).or_default().entry(leaf.ordinal).or_insert(leaf.call);
                self.not_as_signed(head, leaf, "found none of them", report);
            }
        }
    }

    fn not_as_signed(&mut self, head: u64, leaf: &Leaf, found: &str, report: &mut Report) {
        if !self.told.insert(leaf.call) {
            return;
        }
        let Leaf { call, ordinal, count, last } = leaf;
        let detail =
            format!("head {head} was signed over {count} entries of call {ordinal} up to {last}, {found}");
        report.found(Finding {
            place: self.place,
            call: Some(*call),
            seq: Some(count.saturating_sub(1)),
            reason: Reason::NotAsSigned,
            detail,
        });
    }

    /// Tells of journals that nobody has signed for: a node's first head comes within a minute, so it may be a new one,
    /// but what stands there is vouched for by nobody.
    pub(super) fn unsigned(&self, signed: impl Fn(Uuid) -> bool, report: &mut Report) {
        for (journal, ordinals) in self.ordinals.iter().filter(|(journal, _)| !signed(**journal)) {
            let chains = ordinals.values().filter_map(|call| self.calls.get(call));
            let entries: u64 = chains.map(|chain| u64::from(chain.next_seq)).sum();
            let calls = ordinals.len();
            if report.notes.len() < super::FINDINGS_MAX {
                report.notes.push(format!(
                    "{entries} entries of {calls} calls are of journal {journal}, which has no signed head: anybody can have \
                     written them"
                ));
            }
        }
    }

    /// What shows only when everything was read: missing calls. Returns calls, entries and calls not closed.
    pub(super) fn finish(self, report: &mut Report) -> (u64, u64, u64) {
        for (journal, ordinals) in &self.ordinals {
            let late = self.may_begin_late || self.late.contains(journal);
            let mut next = if late { ordinals.keys().next().copied().unwrap_or(1) } else { 1 };
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
