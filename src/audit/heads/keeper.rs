//! The writer's side: which calls the next head covers, when it is due, and its making.
//!
//! Nothing here changes before the disk has what it stands for: entries are counted when their batch is synced
//! ([`Keeper::touch`]), a head when its own frame is ([`Keeper::made`]). So a batch that fails leaves the heads where
//! they were.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::keys::Keys;
use super::note::{Checkpoint, Note};
use super::{Head, Leaf, Standing, origin};
use crate::audit::chain::{Digest, whole_micros};
use crate::ids::CallId;

/// A call that was written to since the last head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Touched {
    pub(crate) call: CallId,
    /// Its entries now.
    pub(crate) count: u32,
    pub(crate) last: Digest,
    /// How many of them no head covers.
    pub(crate) fresh: u32,
    /// The segment that its first record may stand in.
    pub(crate) first_segment: u64,
}

/// By the calls' ordinals.
pub(crate) type TouchedCalls = BTreeMap<u64, Touched>;

/// When heads are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) every: Duration,
    pub(crate) entries: u32,
}

/// What the next head is made from.
#[derive(Debug)]
pub(crate) struct Keeper {
    journal: Uuid,
    name: String,
    keys: Keys,
    pace: Pace,
    standing: Standing,
    touched: TouchedCalls,
    /// Entries that no head covers.
    fresh: u64,
    /// When the first of them was written; before the first of this run, when it began.
    since: Option<Instant>,
    /// The expected key is nowhere: told once.
    key_lost: bool,
}

/// A head that is not on the disk yet.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) head: Head,
    standing: Standing,
}

/// Where an earlier run's heads stand and what they do not cover.
#[derive(Debug, Default)]
pub(crate) struct Left {
    pub(crate) standing: Standing,
    pub(crate) touched: TouchedCalls,
}

impl Keeper {
    pub(crate) fn new(
        journal: Uuid,
        node: &str,
        key: &Path,
        pace: Pace,
        left: Left,
        now: Instant,
    ) -> std::io::Result<Self> {
        let name = origin(node, journal);
        let keys = Keys::load_or_make(key, &name)?;
        let fresh = left.touched.values().map(|touched| u64::from(touched.fresh)).sum();
        let since = (fresh > 0).then_some(now);
        let Left { standing, touched } = left;
        Ok(Self { journal, name, keys, pace, standing, touched, fresh, since, key_lost: false })
    }

    /// An entry is on the disk.
    pub(crate) fn touch(&mut self, ordinal: u64, entry: Touched, now: Instant) {
        self.fresh += u64::from(entry.fresh);
        self.since.get_or_insert(now);
        touch(&mut self.touched, ordinal, entry);
    }

    /// How long until a head is due; none while nothing was touched.
    pub(crate) fn due_in(&self, now: Instant) -> Option<Duration> {
        if self.changes_key() || self.fresh >= u64::from(self.pace.entries) {
            return Some(Duration::ZERO);
        }
        self.since.map(|since| (since + self.pace.every).saturating_duration_since(now))
    }

    /// Whether anything is not covered by a head.
    pub(crate) fn is_behind(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Looks whether the key file is another one now.
    pub(crate) fn refresh_key(&mut self) {
        self.keys.refresh(&self.name);
    }

    /// The oldest segment from which the touched calls could be found again.
    pub(crate) fn oldest_needed_segment(&self) -> Option<u64> {
        self.touched.values().map(|touched| touched.first_segment).min()
    }

    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The next head, over the touched calls with the lowest ordinals, up to [`LEAVES_MAX`].
    pub(crate) fn make(&mut self, at: DateTime<Utc>) -> Made {
        let leaves: Vec<Leaf> = self
            .touched
            .iter()
            .take(LEAVES_MAX)
            .map(|(ordinal, touched)| Leaf {
                call: touched.call,
                ordinal: *ordinal,
                count: touched.count,
                last: touched.last,
            })
            .collect();
        let fresh: u64 = self.touched.values().take(LEAVES_MAX).map(|touched| u64::from(touched.fresh)).sum();
        let mut tree = self.standing.tree.clone();
        leaves.iter().for_each(|leaf| tree.push(leaf.hash(self.journal)));
        let current = self.keys.current();
        let key = current.key(&self.name);
        let old = match &self.standing.key {
            Some(expected) if expected.public() != key.public() => {
                let old = self.keys.old(expected.public());
                if old.is_none() && !std::mem::replace(&mut self.key_lost, true) {
                    tracing::error!(
                        "the key that has to sign the next head is lost: heads go on under {key}, and audit verify \
                         tells of the break"
                    );
                }
                old
            }
            _ => None,
        };
        let n = self.standing.n + 1;
        let entries = self.standing.entries + fresh;
        let mut checkpoint = Checkpoint {
            origin: self.name.clone(),
            size: tree.size(),
            root: tree.root(),
            n,
            at: whole_micros(at),
            entries,
            key: key.clone(),
            prev: self.standing.prev,
            next_key: None,
        };
        let note = match &old {
            Some(old) => {
                checkpoint.key = old.key(&self.name);
                checkpoint.next_key = Some(key.clone());
                Note::sign(checkpoint.to_string(), &self.name, &[old, current])
            }
            None => Note::sign(checkpoint.to_string(), &self.name, &[current]),
        };
        let head = Head {
            n,
            size: tree.size(),
            root: tree.root(),
            frontier: tree.frontier().to_vec(),
            leaves,
            note: note.to_string(),
        };
        let standing = Standing { n, tree, entries, prev: Some(note.hash()), key: Some(key) };
        Made { head, standing }
    }

    /// A head is on the disk.
    pub(crate) fn made(&mut self, made: Made, now: Instant) {
        for leaf in &made.head.leaves {
            self.touched.remove(&leaf.ordinal);
        }
        self.standing = made.standing;
        self.fresh = self.touched.values().map(|touched| u64::from(touched.fresh)).sum();
        // More than one head takes: the rest is due by the same rule, from now on.
        self.since = self.is_behind().then_some(now);
        metrics::gauge!("audit_heads_last").set(self.standing.n as f64);
    }

    /// Another key than the last head announced is in the file, and the announced one is still there to say so.
    fn changes_key(&self) -> bool {
        let expected = self.standing.key.as_ref().map(super::VerifierKey::public);
        expected.is_some_and(|expected| {
            expected != self.keys.current().public() && self.keys.old(expected).is_some()
        })
    }
}

/// Counts an entry into its call.
pub(crate) fn touch(touched: &mut TouchedCalls, ordinal: u64, entry: Touched) {
    match touched.get_mut(&ordinal) {
        Some(known) => {
            known.count = entry.count;
            known.last = entry.last;
            known.fresh = known.fresh.saturating_add(entry.fresh);
        }
        None => {
            touched.insert(ordinal, entry);
        }
    }
}

/// Leaves of one head. Some 190 bytes each in the frame: well under [`crate::audit::frame::PAYLOAD_MAX_BYTES`].
pub(crate) const LEAVES_MAX: usize = 2000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use super::*;

    fn keeper(folder: &Path, left: Left) -> Keeper {
        let pace = Pace { every: Duration::from_secs(60), entries: 3 };
        let key = folder.join("head.key");
        Keeper::new(Uuid::from_u128(1), "n", &key, pace, left, Instant::now()).unwrap()
    }

    fn entry(n: u128, count: u32) -> Touched {
        let last = Digest::from([u8::try_from(count).unwrap(); 32]);
        Touched { call: CallId(Uuid::from_u128(n)), count, last, fresh: 1, first_segment: 1 }
    }

    #[test]
    fn a_head_is_due_a_while_after_the_first_entry_or_at_once_after_many() {
        let folder = tempfile::tempdir().unwrap();
        let mut keeper = keeper(folder.path(), Left::default());
        let began = Instant::now();
        assert_eq!(keeper.due_in(began), None, "nothing was touched");
        keeper.touch(1, entry(1, 1), began);
        assert_eq!(keeper.due_in(began), Some(Duration::from_secs(60)));
        let later = began + Duration::from_secs(50);
        keeper.touch(1, entry(1, 2), later);
        assert_eq!(keeper.due_in(later), Some(Duration::from_secs(10)), "from the first one");
        assert_eq!(keeper.due_in(later + Duration::from_secs(60)), Some(Duration::ZERO));
        keeper.touch(2, entry(2, 1), later);
        assert_eq!(keeper.due_in(later), Some(Duration::ZERO), "three entries");
        let made = keeper.make(Utc::now());
        assert_eq!(made.head.leaves.iter().map(|leaf| leaf.count).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(keeper.standing().n, 0, "it is not on the disk yet");
        keeper.made(made, later);
        assert_eq!(keeper.due_in(later), None);
        assert_eq!((keeper.standing().n, keeper.standing().entries), (1, 3));
    }

    #[test]
    fn more_calls_than_a_head_takes_are_left_to_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut left = Left::default();
        for n in 0..LEAVES_MAX as u64 + 1 {
            touch(&mut left.touched, n + 1, entry(u128::from(n), 1));
        }
        let mut keeper = keeper(folder.path(), left);
        let made = keeper.make(Utc::now());
        assert_eq!(made.head.leaves.len(), LEAVES_MAX);
        keeper.made(made, Instant::now());
        assert!(keeper.is_behind());
        let made = keeper.make(Utc::now());
        assert_eq!((made.head.leaves.len(), made.head.size), (1, LEAVES_MAX as u64 + 1));
    }

    #[test]
    fn a_key_that_was_changed_is_named_once_by_a_head_signed_by_both() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("head.key");
        let mut keeper = keeper(folder.path(), Left::default());
        let now = Instant::now();
        keeper.touch(1, entry(1, 1), now);
        let first = keeper.make(Utc::now());
        let signed = Note::parse(&first.head.note).unwrap();
        keeper.made(first, now);
        super::super::keys::rotate(&path).unwrap();
        keeper.refresh_key();
        assert_eq!(keeper.due_in(now), Some(Duration::ZERO), "without any entry");
        let both = keeper.make(Utc::now());
        let note = Note::parse(&both.head.note).unwrap();
        let checkpoint = Checkpoint::parse(&note.text).unwrap();
        let next = checkpoint.next_key.unwrap();
        assert!(
            signed.signed_by(&checkpoint.key) && note.signed_by(&checkpoint.key) && note.signed_by(&next)
        );
        keeper.made(both, now);
        assert_eq!(keeper.due_in(now), None);
        keeper.touch(1, entry(1, 2), now);
        let third = Note::parse(&keeper.make(Utc::now()).head.note).unwrap();
        assert!(third.signed_by(&next) && !third.signed_by(&checkpoint.key));
        assert_eq!(super::super::keys::read_public(&super::super::keys::public_path(&path)).unwrap(), [next]);
    }
}
