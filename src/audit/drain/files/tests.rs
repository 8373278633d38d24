#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use chrono::Utc;
use uuid::Uuid;

use super::*;
use crate::audit::Journal;
use crate::audit::entry::{Entry, EntryKind};
use crate::audit::settings::Settings;
use crate::ids::{CallId, RequestId};
use crate::orders::{ActionOutcome, ActionRequest, OrderAction};

fn settings(folder: &Path) -> Settings {
    Settings { journal: folder.to_owned(), free_space_floor_bytes: 0, ..Settings::default() }
}

fn flip(folder: &Path, number: u64, at: u64) {
    let path = segments::path(folder, number);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[usize::try_from(at).unwrap()] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
}

#[tokio::test]
async fn damage_in_the_newest_acknowledged_batch_leaves_its_other_frames_to_be_copied() {
    use EntryKind::{CallClosed, CallOpened, Intent, Outcome};
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    let call = CallId(Uuid::from_u128(1));
    let action =
        OrderAction::Cancel { order_id: Uuid::from_u128(8), reason: "changed their mind".to_owned() };
    let request = ActionRequest { id: RequestId(1), action, key: Some(Uuid::from_u128(2)), evidence: None };
    journal.open_call(call, None, Utc::now()).await.unwrap();
    journal.append(call, Entry::intent(&request, 1)).await.unwrap();
    journal.close_call(call).await.unwrap();
    // The closing waited for it: both are one batch.
    let cancelled = ActionOutcome::Cancelled { order_id: Uuid::from_u128(8) };
    journal.append(call, Entry::outcome(&request, &cancelled, 2)).await.unwrap();
    let end = *journal.shared().durable.borrow();
    let read = || {
        let (placed, next) = read(folder.path(), Position::default(), end).unwrap();
        let kinds: Vec<_> = placed.records.iter().map(|(record, _)| record.entry.kind).collect();
        (kinds, next, placed.records)
    };
    let (kinds, next, records) = read();
    assert_eq!((kinds, next), (vec![CallOpened, Intent, Outcome, CallClosed], end));
    flip(folder.path(), 1, records[1].1.offset + 40);
    let (kinds, next, _) = read();
    assert_eq!((kinds, next), (vec![CallOpened, Intent, CallClosed], end));
    journal.shutdown().await.unwrap();
}

const DAY: Duration = Duration::from_secs(86_400);

/// A journal of three whole segments, all drained, and a fourth that holds nothing but its header.
async fn three_segments(folder: &Path) -> Journal {
    let (journal, _) = Journal::open(&settings(folder)).unwrap();
    let call = CallId(Uuid::from_u128(1));
    journal.open_call(call, None, Utc::now()).await.unwrap();
    for _ in 0..18 {
        let body = serde_json::json!("x".repeat(1_000_000));
        journal.append(call, Entry::new(EntryKind::Read, body, 0)).await.unwrap();
    }
    journal.close_call(call).await.unwrap();
    journal.shutdown().await.unwrap();
    let (journal, _) = Journal::open(&settings(folder)).unwrap();
    assert_eq!(segments::list(folder).unwrap(), [1, 2, 3, 4]);
    journal
}

fn confirmed(folder: &Path, number: u64, ago: Duration) {
    let file = File::open(segments::path(folder, number)).unwrap();
    file.set_modified(SystemTime::now() - ago).unwrap();
}

fn clearing() -> Clearing {
    Clearing { settle: Duration::ZERO, ..Clearing::new(7 * DAY) }
}

#[tokio::test]
async fn old_segments_go_after_the_grace_by_any_clock_but_neither_a_damaged_nor_the_newest_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    let journal = three_segments(folder.path()).await;
    let shared = journal.shared();
    let drained = *shared.durable.borrow();
    let old = |clearing: &Clearing| clearing.old(shared, drained).unwrap();
    // Written a month ago, and PostgreSQL was away until now.
    (1..=3).for_each(|number| confirmed(folder.path(), number, 30 * DAY));
    confirm(folder.path(), Position::default(), Position { segment: 3, offset: 0 }).unwrap();
    assert_eq!(old(&clearing()), [0; 0]);
    confirmed(folder.path(), 1, 8 * DAY);
    assert_eq!(old(&clearing()), [1]);
    assert_eq!(clearing().old(shared, Position { segment: 1, offset: 9 }).unwrap(), [0; 0], "not drained");
    confirmed(folder.path(), 2, 8 * DAY);
    assert_eq!(old(&clearing()), [1, 2], "the third says which journal this is");
    // The clock was set ahead after this run began, or it was wrong from the beginning.
    let set_ahead = Clearing { began: (SystemTime::now() - 30 * DAY, Instant::now()), ..clearing() };
    assert_eq!(old(&set_ahead), [0; 0]);
    assert_eq!(old(&Clearing::new(7 * DAY)), [0; 0]);
    // What cannot be copied any more is all that is left of it.
    flip(folder.path(), 2, 4_000_000);
    confirmed(folder.path(), 2, 8 * DAY);
    assert_eq!(old(&clearing()), [1]);
    journal.shutdown().await.unwrap();
}
