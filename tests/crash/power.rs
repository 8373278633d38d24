//! The current fails. A process that is killed leaves its unsynced writes to the kernel; a machine without current does
//! not. So the disk is simulated: what was synced stays, of the rest any part may be there, in any order of its blocks.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use chrono::Utc;
use orderline::audit::storage::{Segment, Storage};
use orderline::audit::verify::{self, Sources};
use orderline::audit::{Digest, Entry, EntryKind, Journal, JournalError, Record, Settings, show};
use orderline::ids::{CallId, PhoneNumber, RequestId};
use orderline::orders::{ActionOutcome, ActionRequest, DraftLine, OrderAction};
use serde_json::json;
use uuid::Uuid;

use crate::kills::{Random, seed};
use crate::shop::RUNTIME;

/// Histories, and how often each moment of one is tried with other blocks.
const HISTORIES: u64 = 12;
const TRIES: u64 = 4;
/// What a disk writes whole or not at all.
const BLOCK: usize = 512;

/// What the journal asked of the disk, in order.
#[derive(Clone)]
enum Deed {
    Create(String),
    Write(String, u64, Vec<u8>),
    /// Whether it succeeded.
    Sync(String, bool),
    Cut(String, u64, bool),
}

type Deeds = Arc<Mutex<Vec<Deed>>>;

/// A disk of which only the deeds are kept. Every so many syncs fail, and what was cut after that stays.
struct Simulated {
    deeds: Deeds,
    fails: Arc<Mutex<Random>>,
    one_in: u64,
}

struct SimulatedSegment {
    name: String,
    deeds: Deeds,
    fails: Arc<Mutex<Random>>,
    one_in: u64,
    failed: bool,
}

impl Storage for Simulated {
    fn create(&mut self, name: &str, _: u64) -> io::Result<Box<dyn Segment>> {
        self.deeds.lock().unwrap().push(Deed::Create(name.to_owned()));
        Ok(Box::new(SimulatedSegment {
            name: name.to_owned(),
            deeds: self.deeds.clone(),
            fails: self.fails.clone(),
            one_in: self.one_in,
            failed: false,
        }))
    }

    fn free_bytes(&mut self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

impl Segment for SimulatedSegment {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        assert!(!self.failed, "a segment whose sync failed is never written again");
        self.deeds.lock().unwrap().push(Deed::Write(self.name.clone(), offset, bytes.to_vec()));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        assert!(!self.failed, "a second sync of a failed segment would lie");
        let mut deeds = self.deeds.lock().unwrap();
        // Not the first, with which the journal is opened.
        self.failed =
            deeds.len() > 3 && self.one_in > 0 && self.fails.lock().unwrap().below(self.one_in) == 0;
        deeds.push(Deed::Sync(self.name.clone(), !self.failed));
        if self.failed { Err(io::Error::other("injected")) } else { Ok(()) }
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.deeds.lock().unwrap().push(Deed::Cut(self.name.clone(), bytes, !self.failed));
        if self.failed { Err(io::Error::other("injected")) } else { Ok(()) }
    }
}

/// An entry that the journal said is on the disk, and how many deeds were done then.
struct Acknowledged {
    call: CallId,
    seq: u32,
    /// Not told for a call's opening.
    hash: Option<Digest>,
    after: usize,
}

fn settings(folder: &Path) -> Settings {
    Settings { journal: folder.to_owned(), free_space_floor_bytes: 0, ..Settings::default() }
}

fn draft(call: CallId, id: u64) -> ActionRequest {
    let lines = vec![DraftLine { product_id: Uuid::from_u128(3), quantity: 4 }];
    let phone = PhoneNumber::try_from("+375291234567".to_owned()).unwrap();
    let key = Some(Uuid::new_v5(&call.0, &id.to_be_bytes()));
    ActionRequest {
        id: RequestId(id),
        action: OrderAction::CreateDraft { lines, phone, name: None },
        key,
        evidence: None,
    }
}

fn done() -> ActionOutcome {
    ActionOutcome::Cancelled { order_id: Uuid::from_u128(8) }
}

/// Calls side by side, so that batches hold entries of several; every acknowledgement is kept.
async fn history(journal: &Journal, deeds: &Deeds) -> Vec<Acknowledged> {
    let calls = (0..4u128).map(|n| {
        let (journal, deeds) = (journal.clone(), deeds.clone());
        async move {
            let call = CallId(Uuid::from_u128(n + 1));
            let mut kept = Vec::new();
            let mut keep = |seq, hash| {
                kept.push(Acknowledged { call, seq, hash, after: deeds.lock().unwrap().len() });
            };
            let begun: Result<(), JournalError> = async {
                journal.open_call(call, None, Utc::now()).await?;
                keep(0, None);
                for id in 1..=2 {
                    let request = draft(call, id);
                    let receipt = journal.append(call, Entry::intent(&request, id * 10)).await?;
                    keep(receipt.seq, Some(receipt.hash));
                    journal.note(call, Entry::attempt(&request, 1, "no answer", id * 10 + 1))?;
                    let outcome = if n == 3 && id == 2 { ActionOutcome::Unknown } else { done() };
                    let receipt =
                        journal.append(call, Entry::outcome(&request, &outcome, id * 10 + 2)).await?;
                    keep(receipt.seq, Some(receipt.hash));
                }
                let read = Entry::new(EntryKind::Read, json!({ "disclosed": "x".repeat(700) }), 50);
                let receipt = journal.append(call, read).await?;
                keep(receipt.seq, Some(receipt.hash));
                journal.close_call(call).await
            }
            .await;
            assert!(
                matches!(begun, Ok(()) | Err(JournalError::Io { .. } | JournalError::ReadOnly(_))),
                "only a failing disk ends it: {begun:?}"
            );
            kept
        }
    });
    futures_util::future::join_all(calls).await.into_iter().flatten().collect()
}

/// A segment at a moment: what is certain, and what was written and not synced.
#[derive(Clone, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<(u64, Vec<u8>)>,
}

impl File {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.durable.len() < end {
            self.durable.resize(end, 0);
        }
        self.durable[offset..end].copy_from_slice(bytes);
    }

    /// The blocks of what is pending, each kept or not.
    fn lose(mut self, random: &mut Random) -> Vec<u8> {
        // Nothing, everything, a beginning, or any blocks.
        let way = random.below(4);
        for (offset, bytes) in std::mem::take(&mut self.pending) {
            let offset = usize::try_from(offset).unwrap();
            let kept = match way {
                0 => 0,
                2 => usize::try_from(random.below(bytes.len() as u64 + 1)).unwrap(),
                _ => bytes.len(),
            };
            let mut at = 0;
            while at < kept {
                // Blocks of the file, not of the write.
                let end = (at + BLOCK - (offset + at) % BLOCK).min(kept);
                if way != 3 || random.below(2) == 0 {
                    self.write(offset + at, &bytes[at..end]);
                }
                at = end;
            }
        }
        self.durable
    }
}

/// What is on the disk when the current fails after so many deeds.
fn after(deeds: &[Deed], random: &mut Random) -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    for (index, deed) in deeds.iter().enumerate() {
        let last = index + 1 == deeds.len();
        match deed {
            // Its name is durable when it was made; the current may fail just before.
            Deed::Create(_) if last && random.below(2) == 0 => {}
            Deed::Create(name) => drop(files.insert(name.clone(), File::default())),
            Deed::Write(name, offset, bytes) => {
                files.get_mut(name).unwrap().pending.push((*offset, bytes.clone()));
            }
            Deed::Sync(name, true) if !last => {
                let file = files.get_mut(name).unwrap();
                for (offset, bytes) in std::mem::take(&mut file.pending) {
                    file.write(usize::try_from(offset).unwrap(), &bytes);
                }
            }
            // The current failed while it was syncing, or nobody knows what is there.
            Deed::Sync(..) | Deed::Cut(_, _, false) => {}
            Deed::Cut(name, bytes, true) => {
                let file = files.get_mut(name).unwrap();
                if !last || random.below(2) == 0 {
                    file.pending.clear();
                    file.durable.truncate(usize::try_from(*bytes).unwrap());
                }
            }
        }
    }
    files.into_iter().map(|(name, file)| (name, file.lose(random))).collect()
}

/// A folder for a start after the failure: quick, because its own syncs prove nothing here.
struct Scratch(std::path::PathBuf);

struct ScratchSegment(std::fs::File);

impl Storage for Scratch {
    fn create(&mut self, name: &str, _: u64) -> io::Result<Box<dyn Segment>> {
        Ok(Box::new(ScratchSegment(std::fs::File::create_new(self.0.join(name))?)))
    }

    fn free_bytes(&mut self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

impl Segment for ScratchSegment {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.0, bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }
}

/// Starts on a folder as it was left, settles what is open, ends, and gives all records. Panics where the recovery, the
/// chains, or the one terminal outcome of each intent are not as they must be.
async fn start_again(folder: &Path, moment: &str) -> Vec<Record> {
    let (journal, recovered) =
        Journal::open_on(&settings(folder), Box::new(Scratch(folder.to_owned()))).expect(moment);
    assert!(recovered.damage.is_empty(), "{moment}: {:?}", recovered.damage);
    for intent in &recovered.open_intents {
        assert!(intent.request().is_some(), "{moment}: the request can be sent again");
        journal.append(intent.call, Entry::reconciled(intent, &done(), "resent")).await.expect(moment);
    }
    journal.shutdown().await.expect(moment);
    let sources = Sources {
        journal: Some(folder.to_owned()),
        key: Some(folder.join("seal.key")),
        ..Sources::default()
    };
    let report = verify::verify(sources).await.expect(moment);
    assert!(report.is_good(), "{moment}: {report}");
    assert_eq!(report.open_calls, 0, "{moment}");
    let records = show::from_journal(folder, None).expect(moment);
    for intent in records.iter().filter(|record| record.entry.kind == EntryKind::Intent) {
        let terminal = records.iter().filter(|record| {
            record.call == intent.call
                && record.entry.request == intent.entry.request
                && match record.entry.kind {
                    EntryKind::Outcome => record.entry.body["outcome"] != "unknown",
                    EntryKind::Reconciled | EntryKind::NeedsOperator => true,
                    _ => false,
                }
        });
        assert_eq!(terminal.count(), 1, "{moment}: {intent:?}");
    }
    records
}

#[test]
fn when_the_current_fails_at_any_write_or_sync_nothing_acknowledged_is_missing() {
    RUNTIME.block_on(async {
        let seed = seed();
        println!("PROOF_SEED={seed}");
        let mut random = Random(seed);
        let (mut moments, mut acknowledged) = (0, 0);
        for history_number in 0..HISTORIES {
            let deeds = Deeds::default();
            let folder = tempfile::tempdir().unwrap();
            let storage = Simulated {
                deeds: deeds.clone(),
                fails: Arc::new(Mutex::new(Random(random.below(u64::MAX) | 1))),
                // Every other history has a disk that fails, too.
                one_in: if history_number % 2 == 0 { 0 } else { 6 },
            };
            let (journal, _) = Journal::open_on(&settings(folder.path()), Box::new(storage)).unwrap();
            let kept = history(&journal, &deeds).await;
            journal.shutdown().await.unwrap();
            let deeds = deeds.lock().unwrap().clone();
            for cut in 1..=deeds.len() {
                for _ in 0..TRIES {
                    let moment = format!("history {history_number}, deed {cut} of {}, seed {seed}", deeds.len());
                    let left = tempfile::tempdir().unwrap();
                    std::fs::copy(folder.path().join("seal.key"), left.path().join("seal.key")).unwrap();
                    for (name, mut bytes) in after(&deeds[..cut], &mut random) {
                        // A segment is made of zeros.
                        bytes.resize(bytes.len() + BLOCK, 0);
                        std::fs::write(left.path().join(name), bytes).unwrap();
                    }
                    let records = start_again(left.path(), &moment).await;
                    for entry in kept.iter().filter(|entry| entry.after < cut) {
                        let found = records.iter().find(|record| record.call == entry.call && record.seq == entry.seq);
                        let found = found.unwrap_or_else(|| panic!("{moment}: {} {} is lost", entry.call, entry.seq));
                        assert!(entry.hash.is_none_or(|hash| hash == found.hash), "{moment}");
                        acknowledged += 1;
                    }
                    moments += 1;
                }
            }
        }
        println!("the current failed at {moments} moments; {acknowledged} acknowledged entries were looked for, all are there");
    });
}

#[test]
fn a_journal_cut_at_every_byte_of_its_last_two_frames_is_settled_and_verifies() {
    RUNTIME.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) =
            Journal::open_on(&settings(folder.path()), Box::new(Scratch(folder.path().to_owned()))).unwrap();
        let call = CallId(Uuid::from_u128(1));
        journal.open_call(call, None, Utc::now()).await.unwrap();
        let name = folder.path().join("segment-000000000001.journal");
        let length = || usize::try_from(std::fs::metadata(&name).unwrap().len()).unwrap();
        let opened = length();
        journal.append(call, Entry::intent(&draft(call, 1), 10)).await.unwrap();
        let intent = length();
        journal.append(call, Entry::outcome(&draft(call, 1), &done(), 20)).await.unwrap();
        let outcome = length();
        journal.shutdown().await.unwrap();
        let bytes = std::fs::read(&name).unwrap();
        for cut in opened..=outcome {
            let left = tempfile::tempdir().unwrap();
            std::fs::copy(folder.path().join("seal.key"), left.path().join("seal.key")).unwrap();
            std::fs::write(left.path().join(name.file_name().unwrap()), &bytes[..cut]).unwrap();
            let records = start_again(left.path(), &format!("cut at {cut}")).await;
            let intents = records.iter().filter(|record| record.entry.kind == EntryKind::Intent).count();
            assert_eq!(intents, usize::from(cut >= intent), "cut at {cut}");
        }
        println!("cut at {} bytes, settled and verified each time", outcome - opened + 1);
    });
}
