#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::AtomicUsize;

use serde_json::json;

use super::*;
use crate::audit::chain::Record;
use crate::audit::entry::EntryKind;
use crate::audit::frame::{self, Acknowledged, Payload, Tail};
use crate::audit::storage::Segment;
use crate::ids::Pii;
use crate::orders::{ActionOutcome, ActionRequest, DraftLine, OrderAction};

fn settings(folder: &Path) -> Settings {
    Settings { journal: folder.to_owned(), free_space_floor_bytes: 0, ..Settings::default() }
}

fn call(n: u128) -> CallId {
    CallId(Uuid::from_u128(n))
}

fn draft(id: u64) -> ActionRequest {
    let action = OrderAction::CreateDraft {
        lines: vec![DraftLine { product_id: Uuid::from_u128(3), quantity: 4 }],
        phone: PhoneNumber::try_from("+375291234567".to_owned()).unwrap(),
        name: Some(Pii::new("Ольга".to_owned())),
    };
    ActionRequest { id: RequestId(id), action, key: Some(Uuid::from_u128(u128::from(id))), evidence: None }
}

fn done() -> ActionOutcome {
    ActionOutcome::Cancelled { order_id: Uuid::from_u128(8) }
}

/// All records of a folder as its files hold them.
fn records(folder: &Path) -> Vec<Record> {
    let numbers = segments::list(folder).unwrap();
    let extents = recovery::extents(folder, &numbers).unwrap();
    let mut records = Vec::new();
    for number in numbers {
        let segment = recovery::read_segment(folder, number, extents.get(&number).copied()).unwrap();
        records.extend(segment.scan.frames.into_iter().filter_map(|found| match found.payload {
            Payload::Record(record) => Some(*record),
            Payload::Segment(_) | Payload::Head(_) => None,
        }));
    }
    records
}

fn kinds(folder: &Path) -> Vec<EntryKind> {
    records(folder).iter().map(|record| record.entry.kind).collect()
}

#[tokio::test]
async fn a_call_is_a_chain_from_its_opening_to_its_counted_close() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, recovered) = Journal::open(&settings(folder.path())).unwrap();
    assert!(recovered.open_intents.is_empty());
    let phone = PhoneNumber::try_from("+375291234567".to_owned()).unwrap();
    journal.open_call(call(1), Some(&phone), Utc::now()).await.unwrap();
    let request = draft(1);
    journal.append(call(1), Entry::intent(&request, 10)).await.unwrap();
    journal.note(call(1), Entry::attempt(&request, 1, "no answer within 2 s", 20)).unwrap();
    let receipt = journal.append(call(1), Entry::outcome(&request, &done(), 30)).await.unwrap();
    assert_eq!(receipt.seq, 3);
    journal.close_call(call(1)).await.unwrap();
    journal.shutdown().await.unwrap();

    let records = records(folder.path());
    let mut last = records[0].prev;
    for (seq, record) in records.iter().enumerate() {
        assert_eq!(record.seq as usize, seq);
        assert_eq!(record.prev, last);
        assert_eq!(record.hash, record.expected_hash());
        last = record.hash;
    }
    assert_eq!(records[0].entry.body["caller"], json!("+375***4567"));
    assert_eq!(records.last().unwrap().entry.body["entries"], json!(5));
}

#[tokio::test]
async fn no_personal_value_stands_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    journal.append(call(1), Entry::intent(&draft(1), 10)).await.unwrap();
    journal.shutdown().await.unwrap();
    for number in segments::list(folder.path()).unwrap() {
        let bytes = std::fs::read(segments::path(folder.path(), number)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("create_order_draft"));
        assert!(!text.contains("291234567") && !text.contains("Ольга"), "{text}");
    }
}

#[tokio::test]
async fn an_intent_without_an_outcome_is_found_again_with_its_whole_request() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    journal.open_call(call(2), None, Utc::now()).await.unwrap();
    journal.append(call(1), Entry::intent(&draft(1), 10)).await.unwrap();
    journal.append(call(1), Entry::intent(&draft(2), 10)).await.unwrap();
    journal.append(call(1), Entry::outcome(&draft(1), &done(), 20)).await.unwrap();
    journal.append(call(1), Entry::outcome(&draft(2), &ActionOutcome::Unknown, 20)).await.unwrap();
    assert_eq!(journal.open_intents().len(), 1, "live, too");
    journal.shutdown().await.unwrap();

    let (journal, recovered) = Journal::open(&settings(folder.path())).unwrap();
    assert_eq!(recovered.interrupted_calls, 2);
    assert_eq!(recovered.open_intents.len(), 1);
    let intent = &recovered.open_intents[0];
    assert_eq!(intent.request(), Some(draft(2)));
    assert!(intent.asked);
    // Call 2 has nothing open and is closed now; call 1 when its intent is settled.
    journal.append(call(1), Entry::reconciled(intent, &done(), "resent")).await.unwrap();
    journal.shutdown().await.unwrap();
    let closed: Vec<_> = records(folder.path())
        .into_iter()
        .filter(|record| record.entry.kind == EntryKind::CallClosed)
        .map(|record| (record.call, record.entry.body["interrupted"].clone()))
        .collect();
    assert_eq!(closed, [(call(2), json!(true)), (call(1), json!(true))]);
    let (_, recovered) = Journal::open(&settings(folder.path())).unwrap();
    assert_eq!((recovered.interrupted_calls, recovered.open_intents.len()), (0, 0));
}

#[tokio::test]
async fn what_is_found_out_of_an_earlier_runs_call_brings_no_erased_caller_back() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    journal.append(call(1), Entry::intent(&draft(1), 10)).await.unwrap();
    journal.shutdown().await.unwrap();

    let (journal, recovered) = Journal::open(&settings(folder.path())).unwrap();
    let mut eraser = Subjects::open(folder.path()).unwrap();
    let slot = eraser.all().unwrap().remove(0);
    eraser.erase(&slot, true).unwrap();
    journal.append(call(1), Entry::intent(&draft(2), 10)).await.unwrap();
    journal.append(call(1), Entry::reconciled(&recovered.open_intents[0], &done(), "resent")).await.unwrap();
    journal.shutdown().await.unwrap();
    assert!(eraser.all().unwrap().is_empty(), "no new key");
    let sealed = records(folder.path()).iter().filter(|record| record.sealed.is_some()).count();
    assert_eq!(sealed, 1, "what was sealed before, under a key that is gone");
}

#[tokio::test]
async fn a_lost_sealing_key_leaves_the_intent_to_an_operator() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    journal.append(call(1), Entry::intent(&draft(1), 10)).await.unwrap();
    journal.shutdown().await.unwrap();
    std::fs::remove_file(folder.path().join("seal.key")).unwrap();
    let (_, recovered) = Journal::open(&settings(folder.path())).unwrap();
    assert_eq!(recovered.open_intents.len(), 1);
    assert_eq!(recovered.open_intents[0].request(), None);
}

#[tokio::test]
async fn call_ordinals_have_no_gap_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    for run in 0..3 {
        let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
        for n in 0..2 {
            journal.open_call(call(run * 2 + n + 1), None, Utc::now()).await.unwrap();
        }
        journal.shutdown().await.unwrap();
    }
    let ordinals: Vec<_> = records(folder.path())
        .iter()
        .filter(|record| record.entry.kind == EntryKind::CallOpened)
        .map(|record| record.entry.body["ordinal"].as_u64().unwrap())
        .collect();
    assert_eq!(ordinals, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn restarts_without_a_call_leave_no_files_behind() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..4 {
        let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
        journal.shutdown().await.unwrap();
    }
    assert_eq!(segments::list(folder.path()).unwrap().len(), 1);
}

#[tokio::test]
async fn a_journal_cut_at_every_byte_of_its_last_two_frames_opens_with_what_was_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    journal.append(call(1), Entry::intent(&draft(1), 10)).await.unwrap();
    journal.append(call(1), Entry::outcome(&draft(1), &done(), 20)).await.unwrap();
    journal.shutdown().await.unwrap();
    let path = segments::path(folder.path(), 1);
    let bytes = std::fs::read(&path).unwrap();
    let frames = frame::scan(&bytes, Acknowledged::Unknown).frames;
    let [.., opened, intent, outcome, head] = frames.as_slice() else { panic!("three records and a head") };
    assert_eq!(head.end as usize, bytes.len(), "shutdown cut the zeros");

    let cut_folder = tempfile::tempdir().unwrap();
    let node = SealKey::load_or_make(&folder.path().join("seal.key")).unwrap();
    let keys = Keys { node, subjects: Subjects::open(folder.path()).unwrap() };
    for cut in opened.end..=outcome.end {
        // A cut as a crash leaves it: half with the preallocated zeros behind, half without.
        let mut torn = bytes[..cut as usize].to_vec();
        if cut % 2 == 0 {
            torn.resize(torn.len() + 100, 0);
        }
        std::fs::write(segments::path(cut_folder.path(), 1), &torn).unwrap();
        let state = recovery::recover(&settings(cut_folder.path()), &keys).unwrap();
        let (open, whole) = match cut {
            _ if cut == outcome.end => (0, outcome.end),
            _ if cut >= intent.end => (1, intent.end),
            _ => (0, opened.end),
        };
        assert_eq!(state.open.len(), open, "cut at {cut}");
        assert_eq!(state.report.damage, Vec::<String>::new(), "cut at {cut}");
        let kept = std::fs::metadata(segments::path(cut_folder.path(), 1)).unwrap().len();
        assert_eq!(kept, whole, "cut at {cut}");
        assert_eq!(state.report.torn_bytes > 0, cut != whole, "cut at {cut}");
    }
}

#[tokio::test]
async fn damage_in_what_was_safe_is_told_and_nothing_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    journal.append(call(1), Entry::intent(&draft(1), 10)).await.unwrap();
    journal.append(call(1), Entry::outcome(&draft(1), &done(), 20)).await.unwrap();
    journal.shutdown().await.unwrap();
    let path = segments::path(folder.path(), 1);
    let mut bytes = std::fs::read(&path).unwrap();
    let intent = frame::scan(&bytes, Acknowledged::Unknown).frames[1].end as usize;
    bytes[intent + 40] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let (journal, recovered) = Journal::open(&settings(folder.path())).unwrap();
    assert_eq!(recovered.damage.len(), 1, "{recovered:?}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    journal.open_call(call(2), None, Utc::now()).await.unwrap();
    journal.shutdown().await.unwrap();
    assert!(matches!(frame::scan(&bytes, Acknowledged::Unknown).tail, Tail::Damaged { .. }));
}

#[tokio::test]
async fn what_a_newer_version_wrote_is_refused_and_not_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    journal.shutdown().await.unwrap();
    let path = segments::path(folder.path(), 1);
    let mut bytes = std::fs::read(&path).unwrap();
    let whole = bytes.len();
    frame::push(br#"{"frame":"novelty"}"#, u32::try_from(whole).unwrap(), &mut bytes);
    std::fs::write(&path, &bytes).unwrap();
    let error = Journal::open(&settings(folder.path())).unwrap_err();
    assert!(matches!(error, JournalError::Newer { at, .. } if at == whole as u64), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn a_second_handle_on_the_folder_is_refused_and_another_node_too() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    let error = Journal::open(&settings(folder.path())).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    assert!(segments::is_held(folder.path()));
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    journal.shutdown().await.unwrap();
    assert!(!segments::is_held(folder.path()));
    let other = Settings { node: "other".to_owned(), ..settings(folder.path()) };
    let error = Journal::open(&other).unwrap_err();
    assert!(matches!(error, JournalError::OtherNode { .. }), "{error}");
}

#[tokio::test]
async fn misuse_is_answered_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    let entry = || Entry::new(EntryKind::Read, json!({}), 0);
    assert!(matches!(journal.append(call(1), entry()).await, Err(JournalError::NotOpen(_))));
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    let again = journal.open_call(call(1), None, Utc::now()).await;
    assert!(matches!(again, Err(JournalError::OpenedBefore(_))));
    let long = Entry::new(EntryKind::Read, json!("x".repeat(2 << 20)), 0);
    assert!(matches!(journal.append(call(1), long).await, Err(JournalError::TooLarge)));
    assert_eq!(journal.append(call(1), entry()).await.unwrap().seq, 1, "what was refused left no gap");
    journal.close_call(call(1)).await.unwrap();
    assert!(matches!(journal.close_call(call(1)).await, Err(JournalError::NotOpen(_))));
    journal.shutdown().await.unwrap();
    assert!(matches!(journal.append(call(1), entry()).await, Err(JournalError::Stopped)));
    journal.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_full_segment_is_followed_by_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    for _ in 0..18 {
        let entry = Entry::new(EntryKind::Read, json!("x".repeat(1_000_000)), 0);
        journal.append(call(1), entry).await.unwrap();
    }
    journal.close_call(call(1)).await.unwrap();
    journal.shutdown().await.unwrap();
    assert_eq!(segments::list(folder.path()).unwrap(), [1, 2, 3]);
    let records = records(folder.path());
    assert_eq!(records.len(), 20);
    assert!(records.windows(2).all(|pair| pair[1].prev == pair[0].hash));
    for number in 1..=3 {
        let length = std::fs::metadata(segments::path(folder.path(), number)).unwrap().len();
        assert!(length <= SEGMENT_BYTES, "segment {number}: {length}");
    }
}

/// A disk that fails on command, counts its syncs and can hold one back.
struct Faulty {
    disk: Disk,
    script: Arc<Script>,
}

#[derive(Default)]
struct Script {
    /// What the next syncs do; true fails. Empty: all good.
    syncs: Mutex<VecDeque<bool>>,
    free_bytes: AtomicU64,
    count: AtomicUsize,
    /// Syncs wait while somebody holds it.
    gate: Mutex<()>,
}

struct FaultySegment(Box<dyn Segment>, Arc<Script>);

impl Storage for Faulty {
    fn create(&mut self, name: &str, bytes: u64) -> io::Result<Box<dyn Segment>> {
        let segment = self.disk.create(name, bytes)?;
        Ok(Box::new(FaultySegment(segment, Arc::clone(&self.script))))
    }

    fn free_bytes(&mut self) -> io::Result<u64> {
        Ok(self.script.free_bytes.load(Ordering::Acquire))
    }
}

impl Segment for FaultySegment {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.1.count.fetch_add(1, Ordering::AcqRel);
        let _open = self.1.gate.lock().unwrap();
        if self.1.syncs.lock().unwrap().pop_front().unwrap_or(false) {
            return Err(io::Error::other("injected"));
        }
        self.0.sync()
    }

    fn cut(&mut self, _: u64) -> io::Result<()> {
        // A disk that fails to sync fails to cut: only the next header tells what counts.
        Err(io::Error::other("injected"))
    }
}

fn faulty(folder: &Path, settings: &Settings) -> (Journal, Arc<Script>) {
    let script = Arc::new(Script { free_bytes: AtomicU64::new(1 << 40), ..Script::default() });
    let storage = Faulty { disk: Disk::new(folder), script: Arc::clone(&script) };
    let (journal, _) = Journal::open_on(settings, Box::new(storage)).unwrap();
    (journal, script)
}

#[tokio::test]
async fn a_failed_sync_kills_the_segment_and_the_entry_is_safe_in_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, script) = faulty(folder.path(), &settings(folder.path()));
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    script.syncs.lock().unwrap().push_back(true);
    journal.append(call(1), Entry::intent(&draft(1), 1)).await.unwrap();
    assert!(!journal.is_read_only());
    journal.append(call(1), Entry::outcome(&draft(1), &done(), 2)).await.unwrap();
    journal.close_call(call(1)).await.unwrap();
    journal.shutdown().await.unwrap();
    assert_eq!(segments::list(folder.path()).unwrap(), [1, 2]);
    use EntryKind::{CallClosed, CallOpened, Intent, Outcome};
    assert_eq!(
        kinds(folder.path()),
        [CallOpened, Intent, Outcome, CallClosed],
        "the dead tail does not count"
    );
    let (_, recovered) = Journal::open(&settings(folder.path())).unwrap();
    assert_eq!((recovered.interrupted_calls, recovered.damage.len()), (0, 0));
}

#[tokio::test]
async fn two_failed_syncs_in_a_row_make_the_journal_read_only_and_nothing_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, script) = faulty(folder.path(), &settings(folder.path()));
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    script.syncs.lock().unwrap().extend([true, true]);
    let error = journal.append(call(1), Entry::intent(&draft(1), 1)).await.unwrap_err();
    assert!(matches!(error, JournalError::Io { .. }), "{error}");
    assert_eq!(journal.read_only(), Some(ReadOnly::DiskFailed));
    assert!(journal.open_intents().is_empty());
    let error = journal.append(call(1), Entry::intent(&draft(2), 1)).await.unwrap_err();
    assert!(matches!(error, JournalError::ReadOnly(ReadOnly::DiskFailed)), "{error}");
}

#[tokio::test]
async fn too_little_space_refuses_intents_and_still_takes_outcomes() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { free_space_floor_bytes: 1000, ..settings(folder.path()) };
    let (journal, script) = faulty(folder.path(), &settings);
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    journal.append(call(1), Entry::intent(&draft(1), 1)).await.unwrap();
    journal.shutdown().await.unwrap();
    script.free_bytes.store(999, Ordering::Release);
    let storage = Faulty { disk: Disk::new(folder.path()), script };
    let (journal, recovered) = Journal::open_on(&settings, Box::new(storage)).unwrap();
    assert_eq!(journal.read_only(), Some(ReadOnly::SpaceLow));
    let error = journal.append(call(1), Entry::intent(&draft(2), 1)).await.unwrap_err();
    assert!(matches!(error, JournalError::ReadOnly(ReadOnly::SpaceLow)), "{error}");
    journal
        .append(call(1), Entry::reconciled(&recovered.open_intents[0], &done(), "resent"))
        .await
        .expect("an action under way is written to its end");
}

#[tokio::test]
async fn entries_that_wait_together_share_one_sync() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, script) = faulty(folder.path(), &settings(folder.path()));
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    let before = script.count.load(Ordering::Acquire);
    let mut waiting = Vec::new();
    {
        let _closed = script.gate.lock().unwrap();
        for n in 0..50 {
            let (ack, answer) = oneshot::channel();
            let entry = Box::new(Entry::new(EntryKind::Read, json!(n), 0));
            journal.send(Command::Append { call: call(1), entry, ack: Some(ack) }).unwrap();
            waiting.push(answer);
        }
    }
    for answer in waiting {
        answer.await.unwrap().unwrap();
    }
    let syncs = script.count.load(Ordering::Acquire) - before;
    // One for what the writer had taken before the gate stopped it, one for all the rest.
    assert!(syncs <= 2, "{syncs} syncs for 50 entries");
}

#[tokio::test]
async fn an_intent_that_nobody_waits_for_is_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, script) = faulty(folder.path(), &settings(folder.path()));
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    {
        let _closed = script.gate.lock().unwrap();
        let before = script.count.load(Ordering::Acquire);
        let (ack, answer) = oneshot::channel();
        let entry = Box::new(Entry::intent(&draft(1), 1));
        journal.send(Command::Append { call: call(1), entry, ack: Some(ack) }).unwrap();
        // It is being synced: too late for not being written at all.
        while script.count.load(Ordering::Acquire) == before {
            std::thread::yield_now();
        }
        drop(answer);
    }
    journal.close_call(call(1)).await.unwrap();
    journal.shutdown().await.unwrap();
    use EntryKind::{CallClosed, CallOpened, Intent, Outcome};
    assert_eq!(kinds(folder.path()), [CallOpened, Intent, Outcome, CallClosed]);
    assert_eq!(records(folder.path())[2].entry.body["outcome"], json!("withdrawn"));
}

#[tokio::test]
async fn a_call_is_closed_when_its_last_intent_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(&settings(folder.path())).unwrap();
    journal.open_call(call(1), None, Utc::now()).await.unwrap();
    journal.append(call(1), Entry::intent(&draft(1), 1)).await.unwrap();
    journal.close_call(call(1)).await.unwrap();
    journal.append(call(1), Entry::outcome(&draft(1), &done(), 2)).await.unwrap();
    journal.shutdown().await.unwrap();
    use EntryKind::{CallClosed, CallOpened, Intent, Outcome};
    assert_eq!(kinds(folder.path()), [CallOpened, Intent, Outcome, CallClosed]);
}
