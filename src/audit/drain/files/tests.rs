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
