//! Which calls are over: a call's id is good for one chain.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use crate::ids::CallId;

/// The ids of the calls that were closed last, each as 64 bits of a keyed hash: whoever chooses ids can aim at no other's.
/// A call that is taken for an old one, one in some ten million million, orders nothing and is passed to a person.
pub(super) struct Closed {
    hasher: RandomState,
    known: HashSet<u64>,
    /// In the order of their closing.
    order: VecDeque<u64>,
    most: usize,
}

impl Closed {
    fn of_at_most(most: usize) -> Self {
        Self { hasher: RandomState::new(), known: HashSet::new(), order: VecDeque::new(), most }
    }

    /// A call was closed. The oldest is forgotten when there are too many.
    pub(super) fn note(&mut self, call: CallId) {
        let call = self.hasher.hash_one(call.0);
        if !self.known.insert(call) {
            return;
        }
        self.order.push_back(call);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Whether this call was closed.
    pub(super) fn has(&self, call: CallId) -> bool {
        self.known.contains(&self.hasher.hash_one(call.0))
    }
}

impl Default for Closed {
    fn default() -> Self {
        Self::of_at_most(MOST)
    }
}

/// Ids that are kept, in 25 MB at most. Chosen: ten days of a hundred calls at once, more than a segment is kept.
const MOST: usize = 1 << 19;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops where it fails")]
    use chrono::Utc;
    use uuid::Uuid;

    use super::*;
    use crate::audit::verify::{Sources, verify};
    use crate::audit::{Journal, JournalError, Settings, show};

    fn call(n: u128) -> CallId {
        CallId(Uuid::from_u128(n))
    }

    #[test]
    fn the_last_closed_calls_are_known_and_the_oldest_is_forgotten() {
        let mut closed = Closed::of_at_most(3);
        for n in [1, 2, 2, 3] {
            closed.note(call(n));
        }
        assert!((1..=3).all(|n| closed.has(call(n))));
        closed.note(call(4));
        assert!(!closed.has(call(1)) && (2..=4).all(|n| closed.has(call(n))));
        assert_eq!((closed.known.len(), closed.order.len()), (3, 3));
    }

    #[tokio::test]
    async fn a_call_id_is_good_for_one_chain_over_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            Settings { journal: folder.path().to_owned(), free_space_floor_bytes: 0, ..Settings::default() };
        let (journal, _) = Journal::open(&settings).unwrap();
        let refused = async |journal: &Journal, n| {
            matches!(journal.open_call(call(n), None, Utc::now()).await, Err(JournalError::UsedBefore(_)))
        };
        journal.open_call(call(1), None, Utc::now()).await.unwrap();
        journal.open_call(call(2), None, Utc::now()).await.unwrap();
        journal.close_call(call(1)).await.unwrap();
        assert!(refused(&journal, 1).await);
        // The second is left open and closed by the next start.
        journal.shutdown().await.unwrap();
        for _ in 0..2 {
            let (journal, _) = Journal::open(&settings).unwrap();
            assert!(refused(&journal, 1).await && refused(&journal, 2).await);
            journal.shutdown().await.unwrap();
        }
        assert_eq!(show::from_journal(folder.path(), None).unwrap().len(), 4);
        let sources = Sources {
            journal: Some(folder.path().to_owned()),
            key: Some(settings.key_path()),
            ..Sources::default()
        };
        let report = verify(sources).await.unwrap();
        assert!(report.is_good(), "{report}");
    }
}
