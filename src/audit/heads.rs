//! Signed heads: what makes a history that was made anew as a whole show.
//!
//! Every call's chain holds by itself, but whoever owns the journal and the database could write all of it again. So
//! the journal's writer regularly signs a *head*: one RFC 6962 Merkle tree for the whole journal, to which each head
//! adds a leaf for every call that was touched since the one before: "call (ordinal) had `count` entries, the last
//! with this hash". The design's sketch has a tree for each head; one tree for the journal gives a head the meaning
//! of a transparency log's checkpoint (a size and a root), so that any two heads can be compared and outside witnesses
//! can be used. A head is a C2SP signed note ([`note`]) that names the one before it by its hash.
//!
//! Heads stand in the journal as frames of their own, in the file `heads` beside the segments (which outlives them),
//! in PostgreSQL, and, by [`sinks`], outside: there is where an old state put back whole is found by.
//!
//! A leaf's data is the concatenation, each preceded by its length as eight bytes, of `orderline/leaf/v1`, the
//! journal's and the call's UUID, the ordinal (8 bytes), the count (4 bytes) and the last entry's hash.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::chain::Digest;
use crate::ids::CallId;

pub(crate) mod file;
pub(crate) mod keeper;
pub mod keys;
pub mod merkle;
pub mod note;
pub mod sinks;

use note::VerifierKey;

/// What a head says of one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    pub call: CallId,
    /// The n-th call of the journal.
    pub ordinal: u64,
    /// How many entries it had.
    pub count: u32,
    /// The hash of the last of them.
    pub last: Digest,
}

/// A head as the journal's frame holds it: the signed note and what it was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// From 1, without a gap.
    pub n: u64,
    /// Leaves of the whole tree, these among them.
    pub size: u64,
    pub root: Digest,
    /// The roots of the perfect trees that the whole one consists of, the largest first: a reader who begins here
    /// needs nothing before.
    pub frontier: Vec<Digest>,
    /// What this head added, by ordinal.
    pub leaves: Vec<Leaf>,
    /// The signed note, whole.
    pub note: String,
}

/// Where the heads stand: what the next one is made from. Every segment begins with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// The last head's number; 0 before the first.
    pub(crate) n: u64,
    pub(crate) tree: merkle::Range,
    /// Entries that the heads cover.
    pub(crate) entries: u64,
    /// The hash of the last head's text.
    pub(crate) prev: Option<Digest>,
    /// Who has to sign the next head.
    pub(crate) key: Option<VerifierKey>,
}

impl Leaf {
    /// The hash under which it stands in the tree.
    pub fn hash(&self, journal: Uuid) -> Digest {
        merkle::leaf_of_parts(&[
            b"orderline/leaf/v1",
            journal.as_bytes(),
            self.call.0.as_bytes(),
            &self.ordinal.to_be_bytes(),
            &self.count.to_be_bytes(),
            self.last.as_bytes(),
        ])
    }
}

impl Standing {
    /// Where the heads stand after this one. None when its note cannot be read.
    pub(crate) fn after(head: &Head) -> Option<Self> {
        let note = note::Note::parse(&head.note).ok()?;
        let checkpoint = note::Checkpoint::parse(&note.text).ok()?;
        Some(Self {
            n: head.n,
            tree: merkle::Range::new(head.size, head.frontier.clone())?,
            entries: checkpoint.entries,
            prev: Some(note.hash()),
            key: Some(checkpoint.next_key.unwrap_or(checkpoint.key)),
        })
    }
}

/// The origin line and the key's name of a journal: `orderline.audit/<node>/<journal>`. What a name of a key must not
/// hold (space, `+`) becomes `_`.
pub fn origin(node: &str, journal: Uuid) -> String {
    let plain =
        |c: char| if c.is_whitespace() || c.is_control() || matches!(c, '+' | '/' | '\\') { '_' } else { c };
    format!("orderline.audit/{}/{journal}", node.chars().map(plain).collect::<String>())
}
