//! Follows the heads of one journal, wherever they come from.

use std::collections::{BTreeMap, HashMap, HashSet};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::acts::Act;
use super::chains::{Chains, Reason};
use super::{Finding, Place, Report};
use crate::audit::chain::Digest;
use crate::audit::heads::merkle::Range;
use crate::audit::heads::note::{Checkpoint, Note, VerifierKey};
use crate::audit::heads::{Head, Leaf, Standing};
use crate::ids::CallId;

/// Where the heads of one journal stand.
pub(super) struct HeadChain {
    place: Place,
    journal: Uuid,
    standing: Standing,
    /// Before it, heads are not here.
    first: u64,
    /// How many entries of each call are covered; only kept from the first head on.
    covered: Option<HashMap<CallId, u32>>,
    /// Who may sign the next head.
    accepted: Vec<[u8; 32]>,
    /// Every key that signed, or that one of them vouched for.
    seen: Vec<[u8; 32]>,
    /// Whether a head was signed by a key that none before had named.
    broken: bool,
    /// The hash of each whole note.
    pub(super) notes: BTreeMap<u64, Digest>,
}

/// Who signed the heads of one journal in one place.
#[derive(Clone, Debug)]
pub(super) struct Signers {
    place: Place,
    journal: Uuid,
    keys: Vec<[u8; 32]>,
    /// Each key was vouched for by the one before it; otherwise the break was told of.
    linked: bool,
}

/// Behind whose heads somebody trusted stands.
pub(super) struct Trust(HashSet<(Place, Uuid)>);

impl Trust {
    /// By the heads that were read up to now. Without keys, whoever signed is trusted.
    pub(super) fn of(keys: Option<&[VerifierKey]>, report: &Report) -> Self {
        let signers = &report.signers;
        let strangers = keys.map_or_else(Vec::new, |keys| strangers(keys, signers));
        let of = |signers: &Signers| (signers.place, signers.journal);
        let mut trusted: HashSet<_> =
            signers.iter().filter(|signers| !signers.keys.is_empty()).map(of).collect();
        for doubtful in strangers.into_iter().chain(signers.iter().filter(|signers| !signers.linked)) {
            trusted.remove(&of(doubtful));
        }
        Self(trusted)
    }

    /// Whether an act is under a head of such a journal.
    pub(super) fn covers(&self, act: &Act) -> bool {
        act.journal.is_some_and(|journal| self.0.contains(&(act.place, journal)))
    }
}

/// The journal that a server's key is named after.
pub(super) fn journal_of(key: &VerifierKey) -> Option<Uuid> {
    key.name().rsplit('/').next()?.parse().ok()
}

/// Looks for somebody trusted behind all heads. With the node's own journals given, the keys are the node's own: what
/// the database or an export holds of other journals is other nodes', and theirs to judge.
pub(super) fn judge(trusted: &[VerifierKey], own: Option<&HashSet<Uuid>>, report: &mut Report) {
    let signers = std::mem::take(&mut report.signers);
    let mut told = HashSet::new();
    // An export without anything of this node's may be all invented.
    let is_here = |place| {
        let mut of_place = signers.iter().filter(|signers| signers.place == place);
        place != Place::Export
            || of_place.any(|signers| own.is_some_and(|own| own.contains(&signers.journal)))
    };
    for Signers { place, journal, .. } in
        strangers(trusted, &signers).into_iter().filter(|signers| signers.linked)
    {
        let foreign = own.is_some_and(|own| !own.is_empty() && !own.contains(journal));
        if foreign && *place != Place::Journal && is_here(*place) {
            let note = format!(
                "the heads of journal {journal} are not under this node's key and were only checked for consistency; --public-key FILE names all nodes' keys"
            );
            if !report.notes.contains(&note) {
                report.notes.push(note);
            }
        } else if told.insert((*place, *journal)) {
            let detail = format!("nobody whose key was given stands behind the heads of journal {journal}");
            report.found(Finding { place: *place, call: None, seq: None, reason: Reason::HeadKey, detail });
        }
    }
}

/// Those behind whom nobody trusted stands. Whoever signed a change to or from a trusted key is trusted, too, also for
/// another journal under the same key.
fn strangers<'a>(trusted: &[VerifierKey], signers: &'a [Signers]) -> Vec<&'a Signers> {
    let mut trusted: HashSet<[u8; 32]> = trusted.iter().map(VerifierKey::public).collect();
    let mut left: Vec<&Signers> = signers.iter().filter(|signers| !signers.keys.is_empty()).collect();
    loop {
        let before = left.len();
        left.retain(|signers| {
            let known = signers.keys.iter().any(|key| trusted.contains(key));
            if known && signers.linked {
                trusted.extend(&signers.keys);
            }
            !known
        });
        if left.len() == before {
            return left;
        }
    }
}

/// What two copies of a note are compared by.
pub(super) fn note_hash(note: &str) -> Digest {
    Digest::from(<[u8; 32]>::from(Sha256::digest(note.as_bytes())))
}

impl HeadChain {
    /// From the first head on.
    pub(super) fn new(place: Place, journal: Uuid) -> Self {
        Self {
            place,
            journal,
            standing: Standing::default(),
            first: 1,
            covered: Some(HashMap::new()),
            accepted: Vec::new(),
            seen: Vec::new(),
            broken: false,
            notes: BTreeMap::new(),
        }
    }

    /// From behind a head on, whose work is trusted.
    pub(super) fn after(place: Place, journal: Uuid, standing: Standing) -> Self {
        let covered = (standing.n == 0).then(HashMap::new);
        let accepted: Vec<_> = standing.key.iter().map(VerifierKey::public).collect();
        let (first, seen) = (standing.n.saturating_add(1), accepted.clone());
        Self { first, covered, accepted, seen, standing, ..Self::new(place, journal) }
    }

    /// Whose they are.
    pub(super) fn journal(&self) -> Uuid {
        self.journal
    }

    /// Where they stand now.
    pub(super) fn last(&self) -> u64 {
        self.standing.n
    }

    /// The number of the first that is here or would be.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Follows a head: at most one finding for it.
    pub(super) fn follow(&mut self, head: &Head, report: &mut Report) {
        self.notes.insert(head.n, note_hash(&head.note));
        let mut problem = None;
        let mut tree = self.standing.tree.clone();
        head.leaves.iter().for_each(|leaf| tree.push(leaf.hash(self.journal)));
        let entries = self.cover(&head.leaves);
        let expected = self.standing.n.saturating_add(1);
        let in_order = head.n == expected;
        if !in_order {
            problem = Some((Reason::HeadMissing, format!("expected head {expected}, found {}", head.n)));
        }
        let read = Note::parse(&head.note)
            .and_then(|note| Checkpoint::parse(&note.text).map(|checkpoint| (note, checkpoint)));
        let (note, checkpoint) = match read {
            Ok(read) => read,
            Err(error) => {
                let wrong = (Reason::HeadUnreadable, format!("head {}: {error}", head.n));
                self.found(problem.unwrap_or(wrong), report);
                // Goes on from what it should have been.
                self.standing = Standing {
                    n: head.n.max(self.standing.n),
                    tree,
                    entries: self.standing.entries.saturating_add(entries.unwrap_or_default()),
                    prev: None,
                    key: self.standing.key.take(),
                };
                return;
            }
        };
        if problem.is_none() {
            problem = self
                .mismatch(head, &checkpoint, &tree, entries)
                .map(|detail| (Reason::HeadMismatch, format!("head {}: {detail}", head.n)));
        }
        let signed = self
            .signed(&note, &checkpoint)
            .map(|(reason, detail)| (reason, format!("head {}: {detail}", head.n)));
        let wrong = problem.or(signed);
        // What follows a wrong head is not held against the one behind it.
        let prev = wrong.is_none().then(|| note.hash());
        if let Some(problem) = wrong {
            self.found(problem, report);
        }
        if !in_order {
            // What was between is not known.
            self.covered = None;
        }
        self.standing = Standing {
            n: head.n.max(self.standing.n),
            // Goes on from what it says itself, so that one wrong head is one finding.
            tree: Range::new(checkpoint.size, head.frontier.clone())
                .filter(|range| range.root() == checkpoint.root)
                .unwrap_or(tree),
            entries: checkpoint.entries,
            prev,
            key: Some(checkpoint.next_key.unwrap_or(checkpoint.key)),
        };
    }

    /// Follows a head of which only the note is here. Returns the hash of its text.
    pub(super) fn follow_note(&mut self, whole: &str, report: &mut Report) -> Option<(u64, Digest)> {
        let expected = self.standing.n.saturating_add(1);
        let read = Note::parse(whole)
            .and_then(|note| Checkpoint::parse(&note.text).map(|checkpoint| (note, checkpoint)));
        let (note, says) = match read {
            Ok(read) => read,
            Err(error) => {
                self.found((Reason::HeadUnreadable, format!("note {expected}: {error}")), report);
                self.standing =
                    Standing { n: expected, key: self.standing.key.take(), ..Standing::default() };
                return None;
            }
        };
        self.notes.insert(says.n, note_hash(whole));
        let mut problem = None;
        if says.n != expected {
            problem = Some((Reason::HeadMissing, format!("expected note {expected}, found {}", says.n)));
        } else if self.standing.prev.is_some() && says.prev != self.standing.prev {
            let detail = format!("note {}: it does not follow the note before it", says.n);
            problem = Some((Reason::HeadMismatch, detail));
        } else if !says.origin.ends_with(&format!("/{}", self.journal)) {
            problem = Some((Reason::HeadMismatch, format!("note {}: it is of another journal", says.n)));
        }
        let signed =
            self.signed(&note, &says).map(|(reason, detail)| (reason, format!("note {}: {detail}", says.n)));
        if let Some(problem) = problem.or(signed) {
            self.found(problem, report);
        }
        let hash = note.hash();
        self.standing = Standing {
            n: says.n.max(self.standing.n),
            prev: Some(hash),
            key: Some(says.next_key.unwrap_or(says.key)),
            ..Standing::default()
        };
        Some((says.n, hash))
    }

    /// What is newer than the last head, as a note; none when it is not known.
    pub(super) fn uncovered(&self, entries: u64) -> Option<String> {
        let covered = self.covered.as_ref().map(|_| self.standing.entries)?;
        let newer = entries.checked_sub(covered).filter(|newer| *newer > 0)?;
        Some(format!("{newer} entries are newer than the last head of journal {}", self.journal))
    }

    /// Keeps who signed, to be judged when everything was read.
    pub(super) fn finish(&self, report: &mut Report) {
        report.signers.push(Signers {
            place: self.place,
            journal: self.journal,
            keys: self.seen.clone(),
            linked: !self.broken,
        });
    }

    fn found(&self, (reason, detail): (Reason, String), report: &mut Report) {
        report.found(Finding { place: self.place, call: None, seq: None, reason, detail });
    }

    /// Counts what the leaves newly cover; none when that is not known.
    fn cover(&mut self, leaves: &[Leaf]) -> Option<u64> {
        let covered = self.covered.as_mut()?;
        let mut entries = 0;
        for leaf in leaves {
            let before = covered.insert(leaf.call, leaf.count).unwrap_or_default();
            entries += u64::from(leaf.count.saturating_sub(before));
        }
        Some(entries)
    }

    /// What of a head is not as it follows from the one before and from its leaves.
    fn mismatch(&self, head: &Head, says: &Checkpoint, tree: &Range, entries: Option<u64>) -> Option<String> {
        let total = entries.map(|entries| self.standing.entries.saturating_add(entries));
        let checks = [
            (says.n == head.n, "its note has another number"),
            (says.origin.ends_with(&format!("/{}", self.journal)), "its note is of another journal"),
            (says.size == head.size && says.root == head.root, "its note has another size or root"),
            (
                self.standing.n == 0 || self.standing.prev.is_none() || says.prev == self.standing.prev,
                "it does not follow the head before it",
            ),
            (self.standing.n > 0 || says.prev.is_none(), "it follows a head, and is the first"),
            (
                tree.size() == head.size && tree.root() == head.root,
                "size and root are not those of the leaves",
            ),
            (tree.frontier() == head.frontier, "the frontier is not that of the leaves"),
            (
                total.is_none_or(|total| total == says.entries),
                "the count of entries is not that of the leaves",
            ),
        ];
        checks.into_iter().find(|(good, _)| !good).map(|(_, problem)| problem.to_owned())
    }

    /// What is wrong with who signed.
    fn signed(&mut self, note: &Note, says: &Checkpoint) -> Option<(Reason, String)> {
        let key = says.key.public();
        let mut problem = None;
        if self.accepted.is_empty() {
            self.accepted.push(key);
            self.seen.push(key);
        } else if !self.accepted.contains(&key) {
            self.broken = true;
            self.accepted.push(key);
            problem = Some((Reason::HeadKey, format!("no head before it named the key {}", says.key)));
        }
        if !note.signed_by(&says.key) {
            problem.get_or_insert((Reason::HeadSignature, format!("expected a signature by {}", says.key)));
        }
        if let Some(next) = &says.next_key {
            if note.signed_by(next) {
                if problem.is_none() {
                    self.accepted.clear();
                    self.seen.push(next.public());
                }
                self.accepted.push(next.public());
            } else {
                problem
                    .get_or_insert((Reason::HeadSignature, format!("expected a signature by {next}, too")));
            }
        }
        problem
    }
}

/// What heads say of the calls' chains, for a place whose entries are read after its heads.
#[derive(Default)]
pub(super) struct Anchors {
    calls: HashMap<CallId, Vec<Anchor>>,
}

struct Anchor {
    journal: Uuid,
    head: u64,
    leaf: Leaf,
}

impl Anchors {
    pub(super) fn add(&mut self, journal: Uuid, head: &Head) {
        for leaf in &head.leaves {
            let anchor = Anchor { journal, head: head.n, leaf: leaf.clone() };
            self.calls.entry(leaf.call).or_default().push(anchor);
        }
    }

    /// What the heads say of a call, as far as it was not met.
    pub(super) fn of(&self, call: CallId) -> impl Iterator<Item = (Uuid, &Leaf)> {
        self.calls.get(&call).into_iter().flatten().map(|anchor| (anchor.journal, &anchor.leaf))
    }

    /// Compares an entry that was just followed with what the heads say of it.
    pub(super) fn meet(&mut self, call: CallId, seq: u32, chains: &mut Chains, report: &mut Report) {
        let Some(anchors) = self.calls.get_mut(&call) else { return };
        anchors.retain(|anchor| {
            let met = anchor.leaf.count == seq.saturating_add(1);
            if met {
                chains.agree(anchor.head, &anchor.leaf, report);
            }
            !met
        });
        if anchors.is_empty() {
            self.calls.remove(&call);
        }
    }

    /// What no entry was met for: cut off, or a whole call gone.
    pub(super) fn finish(self, chains: &mut Chains, report: &mut Report) {
        let mut left: Vec<_> =
            self.calls.into_values().filter_map(|anchors| anchors.into_iter().next_back()).collect();
        left.sort_by_key(|anchor| (anchor.journal, anchor.leaf.ordinal));
        for anchor in left {
            chains.missing(anchor.journal, anchor.head, &anchor.leaf, report);
        }
    }
}
