//! Retention: where the database's chains may begin, by the entries that gave up the months before.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::Report;
use super::acts::{self, Act};
use super::heads::Trust;
use crate::audit::chain::{Digest, Record};
use crate::audit::entry::EntryKind;
use crate::audit::heads::Leaf;
use crate::audit::retain::Plan;
use crate::ids::CallId;

/// What all retentions together gave up. Their months may still be there: the entry comes before the dropping.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    before: Option<DateTime<Utc>>,
    cuts: HashMap<CallId, HashSet<(u32, Digest)>>,
    /// By journal: the first ordinal that was kept, and how many were.
    kept: HashMap<Uuid, (u64, u64)>,
    also_gone: HashSet<(Uuid, u64)>,
}

impl Anchors {
    /// Takes what an act excuses, if it is a retention that a trusted head covers; of one that is not, a note.
    pub(super) fn believe(&mut self, act: &Act, trust: &Trust, report: &mut Report) {
        if act.kind != EntryKind::Retention {
            return;
        }
        if !trust.covers(act) {
            return acts::disbelieve(act, report);
        }
        // One that cannot be read excuses nothing.
        if let Ok(plan) = serde_json::from_value(act.body.clone()) {
            self.add(plan);
        }
    }

    fn add(&mut self, plan: Plan) {
        self.before = self.before.max(Some(plan.before));
        for cut in plan.cut {
            self.cuts.entry(cut.call).or_default().extend(cut.from);
        }
        for journal in plan.journals {
            let latest = self.kept.entry(journal.journal).or_default();
            *latest = (*latest).max((journal.first, journal.kept));
            self.also_gone.extend(journal.also_gone.into_iter().map(|ordinal| (journal.journal, ordinal)));
        }
    }

    /// Whether an entry may stand without the one before it.
    pub(super) fn begins(&self, record: &Record) -> bool {
        self.is_given_up(record.at)
            || self.cuts.get(&record.call).is_some_and(|cuts| cuts.contains(&(record.seq, record.prev)))
    }

    /// Whether an entry of that time may be missing.
    pub(super) fn is_given_up(&self, at: DateTime<Utc>) -> bool {
        self.before.is_some_and(|before| at < before)
    }

    /// Whether a boundary goes through the call, so that its row or its opening may be missing.
    pub(super) fn cuts(&self, call: CallId) -> bool {
        self.cuts.contains_key(&call)
    }

    /// Whether what a head was signed over may be missing: the call was given up whole, or that part of it.
    pub(super) fn excuse(&self, journal: Uuid, leaf: &Leaf) -> bool {
        if let Some(cuts) = self.cuts.get(&leaf.call) {
            return cuts.iter().any(|(first_kept, _)| leaf.count <= *first_kept);
        }
        let first = self.kept.get(&journal).map_or(0, |(first, _)| *first);
        leaf.ordinal < first || self.also_gone.contains(&(journal, leaf.ordinal))
    }

    /// The next ordinal that must be there: `next`, or a later one up to `found`.
    pub(super) fn expected(&self, journal: Uuid, next: u64, found: u64) -> u64 {
        let first = self.kept.get(&journal).map_or(0, |(first, _)| *first);
        let mut next = next.max(first.min(found));
        while next < found && self.also_gone.contains(&(journal, next)) {
            next += 1;
        }
        next
    }

    /// Journals of which calls were kept and none is there, with the first that was kept.
    pub(super) fn missing(&self, found: &HashMap<Uuid, BTreeMap<u64, CallId>>) -> Vec<(Uuid, u64)> {
        let is_there =
            |journal, first| found.get(journal).is_some_and(|calls| calls.range(first..).next().is_some());
        let missing =
            self.kept.iter().filter(|(journal, (first, kept))| *kept > 0 && !is_there(*journal, *first));
        missing.map(|(journal, (first, _))| (*journal, *first)).collect()
    }
}
