//! The writer thread: the only one that touches the segments and the chains.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::sync::oneshot;

use super::appender::Appender;
use super::closed::Closed;
use super::command::{Answer, Command};
use super::opening::{accepted_at, opening};
use super::{JournalError, ReadOnly, Receipt, Shared};
use crate::audit::chain::{Digest, Genesis, Record, whole_micros};
use crate::audit::entry::{Entry, EntryKind};
use crate::audit::frame::Payload;
use crate::audit::heads::file::HeadsFile;
use crate::audit::heads::keeper::{Keeper, Touched};
use crate::audit::open_intent::OpenIntent;
use crate::audit::seal::{SubjectId, SubjectKey};
use crate::audit::settings::Settings;
use crate::audit::subjects::Keys;
use crate::ids::{CallId, PhoneNumber, RequestId};

/// Where an unfinished call's chain stands.
#[derive(Clone, Debug)]
pub(super) struct CallState {
    pub(super) next_seq: u32,
    pub(super) last: Digest,
    pub(super) open: BTreeSet<RequestId>,
    /// To be closed when the last of `open` is settled.
    pub(super) closing: bool,
    /// The segment that its first record may stand in.
    pub(super) first_segment: u64,
    /// When the call was accepted, if this run opened it; none when an earlier run left it.
    pub(super) opened: Option<Instant>,
    /// Which call of the journal it is; none when an earlier run's opening of it cannot be read.
    pub(super) ordinal: Option<u64>,
    /// The offset of its last entry, in milliseconds.
    pub(super) last_ms: u64,
    /// Whose values the call's are.
    pub(super) subject: SubjectId,
    /// Their key: taken when the call is opened, or with the first value to be sealed.
    pub(super) key: Option<Arc<SubjectKey>>,
}

/// What a writer starts with.
pub(super) struct Start {
    /// The folder's lock: released when the thread ends.
    pub(super) lock: std::fs::File,
    pub(super) segments: Appender,
    pub(super) keys: Keys,
    pub(super) calls: HashMap<CallId, CallState>,
    pub(super) closed: Closed,
    pub(super) next_ordinal: u64,
    pub(super) keeper: Keeper,
    pub(super) heads_file: HeadsFile,
}

/// Everything that shares one write and one sync.
#[derive(Default)]
struct Batch {
    /// Payloads, ready to be framed.
    payloads: Vec<Vec<u8>>,
    bytes: usize,
    answers: Vec<Waiting>,
    changes: Vec<Change>,
    /// The calls as they were before, for the case that nothing gets written.
    before: HashMap<CallId, Option<CallState>>,
    ordinal_before: Option<u64>,
    /// What the next head is to cover, once it is written.
    touched: Vec<(u64, Touched)>,
}

/// Somebody who waits for the batch.
struct Waiting {
    ack: oneshot::Sender<Answer>,
    answer: Answer,
    /// The intent that is to be withdrawn when nobody waits any more.
    intent: Option<(CallId, Box<Entry>)>,
}

/// What a batch changes in the list of open intents.
enum Change {
    Opened(Box<OpenIntent>),
    Asked(CallId, RequestId),
    Settled(CallId, RequestId),
}

pub(super) struct Writer {
    pub(super) with: Start,
    pub(super) shared: Arc<Shared>,
    pub(super) free_space_floor_bytes: u64,
    /// None without a database.
    pub(super) backlog_max_bytes: Option<u64>,
    pub(super) looked_at: Instant,
}

/// Makes the first segment and starts the thread.
pub(super) fn start(
    settings: &Settings,
    with: Start,
    shared: &Arc<Shared>,
    queue: Receiver<Command>,
) -> Result<(), JournalError> {
    let mut writer = Writer {
        with,
        shared: Arc::clone(shared),
        free_space_floor_bytes: settings.free_space_floor_bytes,
        backlog_max_bytes: settings.database_url.is_some().then_some(settings.backlog_max_bytes),
        looked_at: Instant::now(),
    };
    writer.persist(&[]).map_err(|source| {
        JournalError::io(&settings.journal, "making a segment in the journal's folder", source)
    })?;
    writer.look_around();
    std::thread::Builder::new()
        .name("audit-journal".to_owned())
        .spawn(move || writer.run(&queue))
        .map(drop)
        .map_err(|source| JournalError::io(&settings.journal, "starting the writer thread for", source))
}

impl Writer {
    fn run(mut self, queue: &Receiver<Command>) {
        let mut stopping = None;
        while stopping.is_none() {
            let first = match queue.recv_timeout(self.until_head().min(LOOK_EVERY)) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if self.looked_at.elapsed() >= LOOK_EVERY {
                self.look_around();
            }
            let mut batch = Batch::default();
            let mut heads = Vec::new();
            let mut next = first;
            while let Some(command) = next {
                match command {
                    Command::Stop { ack } => {
                        stopping = Some(ack);
                        break;
                    }
                    Command::Head { ack } => heads.push(ack),
                    command => self.take(command, &mut batch),
                }
                let full = batch.answers.len() >= BATCH_COMMANDS || batch.bytes >= BATCH_BYTES;
                next = if full { None } else { queue.try_recv().ok() };
            }
            let withdrawn = self.commit(batch);
            if !withdrawn.is_empty() {
                let mut batch = Batch::default();
                for (call, intent) in withdrawn {
                    self.append(call, Entry::withdrawn(&intent), None, &mut batch);
                }
                self.commit(batch);
            }
            self.head_if_due(stopping.is_some() || !heads.is_empty());
            for ack in heads {
                let _ = ack.send(self.covered());
            }
        }
        self.with.segments.leave();
        drop(self.with.lock);
        if let Some(ack) = stopping {
            let _ = ack.send(Ok(NOBODYS));
        }
    }

    fn take(&mut self, command: Command, batch: &mut Batch) {
        match command {
            Command::Open { call, caller, started_at, office, ack } => {
                let answer = self.open(call, caller, started_at, office, batch);
                batch.answers.push(Waiting { ack, answer, intent: None });
            }
            Command::Append { call, entry, ack } => self.append(call, *entry, ack, batch),
            Command::Close { call, ack } => {
                let answer = match self.with.calls.get_mut(&call) {
                    None => Err(JournalError::NotOpen(call)),
                    Some(state) if !state.open.is_empty() => {
                        state.closing = true;
                        Ok(Receipt { seq: state.next_seq, hash: state.last })
                    }
                    Some(_) => self.close(call, batch),
                };
                batch.answers.push(Waiting { ack, answer, intent: None });
            }
            Command::CloseInterrupted => {
                let interrupted: Vec<_> = self
                    .with
                    .calls
                    .iter_mut()
                    .filter(|(_, state)| state.opened.is_none())
                    .filter_map(|(call, state)| {
                        state.closing = true;
                        state.open.is_empty().then_some(*call)
                    })
                    .collect();
                for call in interrupted {
                    if let Err(error) = self.close(call, batch) {
                        tracing::error!(call.id = %call, "closing an interrupted call failed: {error}");
                    }
                }
            }
            Command::Head { .. } | Command::Stop { .. } => unreachable!("the loop takes them out"),
        }
    }

    fn open(
        &mut self,
        call: CallId,
        caller: Option<PhoneNumber>,
        started_at: DateTime<Utc>,
        office: bool,
        batch: &mut Batch,
    ) -> Answer {
        if self.shared.read_only() == Some(ReadOnly::DiskFailed) {
            return Err(JournalError::ReadOnly(ReadOnly::DiskFailed));
        }
        match self.with.calls.get(&call) {
            None if !self.with.closed.has(call) => {}
            Some(state) if state.opened.is_some() => return Err(JournalError::OpenedBefore(call)),
            // A second chain under its id would be taken for a forged part of the first, and nobody could mend it.
            _ => return Err(JournalError::UsedBefore(call)),
        }
        let (subject, key) = match &caller {
            None => (SubjectId(call.0), None),
            Some(number) => {
                let (subject, key) =
                    self.with.keys.of_person(number).map_err(|error| no_keys(&self.with.keys, error))?;
                (subject, Some(Arc::new(key)))
            }
        };
        let started_at = whole_micros(started_at);
        let genesis = Genesis {
            journal: self.shared.id,
            node: self.shared.node.clone(),
            call,
            ordinal: self.with.next_ordinal,
            started_at,
        };
        let last = genesis.hash();
        let state = CallState {
            next_seq: 0,
            last,
            open: BTreeSet::new(),
            closing: false,
            first_segment: self.with.segments.number(),
            opened: Some(accepted_at(started_at, self.shared.now())),
            last_ms: 0,
            subject,
            key,
            ordinal: Some(genesis.ordinal),
        };
        batch.before.entry(call).or_insert(None);
        batch.ordinal_before.get_or_insert(self.with.next_ordinal);
        self.with.calls.insert(call, state);
        self.with.next_ordinal += 1;
        let body = opening(&genesis, caller.as_ref(), subject, office);
        self.write(call, Entry::new(EntryKind::CallOpened, body, 0), batch)
    }

    fn append(
        &mut self,
        call: CallId,
        entry: Entry,
        ack: Option<oneshot::Sender<Answer>>,
        batch: &mut Batch,
    ) {
        // Nobody waits any more: it was never written, so nothing happened.
        if ack.as_ref().is_some_and(oneshot::Sender::is_closed) {
            return;
        }
        let is_intent = entry.kind == EntryKind::Intent;
        let answer = match self.shared.read_only() {
            Some(reason) if is_intent || reason == ReadOnly::DiskFailed => {
                Err(JournalError::ReadOnly(reason))
            }
            _ if !self.with.calls.contains_key(&call) => Err(JournalError::NotOpen(call)),
            _ => {
                let intent = is_intent.then(|| Box::new(entry.clone()));
                let answer = self.write(call, entry, batch);
                if let Some(ack) = ack {
                    let intent = intent.map(|intent| (call, intent));
                    batch.answers.push(Waiting { ack, answer, intent });
                } else if let Err(error) = answer {
                    tracing::warn!(call.id = %call, "an entry was not journaled: {error}");
                }
                return;
            }
        };
        match ack {
            Some(ack) => batch.answers.push(Waiting { ack, answer, intent: None }),
            None => tracing::warn!(call.id = %call, "an entry was not journaled: {answer:?}"),
        }
    }

    /// Puts an entry of an open call into the batch, and the call's closing after it when it was the last to wait for.
    fn write(&mut self, call: CallId, mut entry: Entry, batch: &mut Batch) -> Answer {
        let state = self.with.calls.get_mut(&call).ok_or(JournalError::NotOpen(call))?;
        batch.before.entry(call).or_insert_with(|| Some(state.clone()));
        // What is found out afterwards carries its intent's offset: within a call the offset never goes back.
        entry.offset_ms = entry.offset_ms.max(state.last_ms);
        let private = entry.private.clone();
        if private.is_some() && state.key.is_none() {
            let key = match state.opened {
                Some(_) => self.with.keys.of_call(call, state.subject),
                // Its intent was sealed, so there was a key: where it is gone, the person was erased and stays so.
                None => self.with.keys.kept(state.subject),
            };
            let key = key.map_err(|error| no_keys(&self.with.keys, error))?;
            state.key = key.map(Arc::new);
        }
        // Revealed to be sealed. Of a person who was erased nothing more is kept.
        let sealed = match (&private, &state.key) {
            (Some(value), Some(key)) => {
                Some(key.seal(state.subject, call, state.next_seq, value.reveal())?)
            }
            _ => None,
        };
        let record = Record::new(call, state.next_seq, self.shared.now(), state.last, entry, sealed);
        let receipt = Receipt { seq: record.seq, hash: record.hash };
        let payload = Payload::Record(Box::new(record));
        let json = payload.to_json().ok_or(JournalError::TooLarge)?;
        let Payload::Record(record) = payload else { unreachable!("made two lines above") };
        state.next_seq += 1;
        state.last = receipt.hash;
        if let Some(ordinal) = state.ordinal {
            let (count, first_segment) = (state.next_seq, state.first_segment);
            batch
                .touched
                .push((ordinal, Touched { call, count, last: receipt.hash, fresh: 1, first_segment }));
        }
        state.last_ms = record.entry.offset_ms;
        batch.bytes += json.len();
        batch.payloads.push(json);
        let entry = &record.entry;
        if let Some(id) = entry.request {
            if entry.kind == EntryKind::Intent {
                if let Some(intent) = OpenIntent::written(&record, private) {
                    state.open.insert(id);
                    batch.changes.push(Change::Opened(Box::new(intent)));
                }
            } else if entry.settles() {
                state.open.remove(&id);
                batch.changes.push(Change::Settled(call, id));
            } else if entry.kind == EntryKind::Outcome {
                batch.changes.push(Change::Asked(call, id));
            }
        }
        if state.closing && state.open.is_empty() && entry.kind != EntryKind::CallClosed {
            self.close(call, batch)?;
        }
        Ok(receipt)
    }

    fn close(&mut self, call: CallId, batch: &mut Batch) -> Answer {
        let state = self.with.calls.get(&call).ok_or(JournalError::NotOpen(call))?;
        let body = json!({ "entries": state.next_seq + 1, "interrupted": state.opened.is_none() });
        let offset = state.opened.map_or(Duration::ZERO, |opened| opened.elapsed());
        let offset_ms = u64::try_from(offset.as_millis()).unwrap_or(u64::MAX);
        let answer = self.write(call, Entry::new(EntryKind::CallClosed, body, offset_ms), batch)?;
        self.with.calls.remove(&call);
        self.with.closed.note(call);
        Ok(answer)
    }

    /// Writes and syncs a batch and tells everybody. Returns the intents that nobody waits for any more.
    fn commit(&mut self, mut batch: Batch) -> Vec<(CallId, Box<Entry>)> {
        if !batch.payloads.is_empty() {
            match self.persist(&batch.payloads) {
                Ok(()) => {
                    let entries = batch.payloads.len() as u64;
                    metrics::counter!("audit_journal_entries_total").increment(entries);
                    self.apply(std::mem::take(&mut batch.changes));
                    let now = Instant::now();
                    for (ordinal, touched) in batch.touched {
                        self.with.keeper.touch(ordinal, touched, now);
                    }
                }
                Err(error) => {
                    let error = Arc::new(error);
                    for (call, before) in batch.before {
                        match before {
                            Some(state) => self.with.calls.insert(call, state),
                            None => self.with.calls.remove(&call),
                        };
                    }
                    self.with.next_ordinal = batch.ordinal_before.unwrap_or(self.with.next_ordinal);
                    for waiting in &mut batch.answers {
                        if waiting.answer.is_ok() {
                            waiting.answer = Err(JournalError::Io {
                                path: self.shared.folder.clone(),
                                doing: "writing to the journal",
                                cause: Arc::clone(&error),
                            });
                        }
                    }
                }
            }
        }
        let mut withdrawn = Vec::new();
        for waiting in batch.answers {
            let written = waiting.answer.is_ok();
            if waiting.ack.send(waiting.answer).is_err() && written {
                withdrawn.extend(waiting.intent);
            }
        }
        withdrawn
    }

    pub(super) fn persist(&mut self, payloads: &[Vec<u8>]) -> io::Result<()> {
        if self.disk_failed() {
            // Not even a call's closing: behind a segment of which nobody knows anything it would look like damage.
            return Err(io::Error::other("the disk failed before"));
        }
        let began = Instant::now();
        // A new person's key is on the disk before anything that is sealed under it.
        let keys = self.with.keys.subjects.sync();
        match keys.and_then(|()| self.with.segments.append(payloads, self.with.next_ordinal)) {
            Ok(end) => {
                self.shared.durable.send_replace(end);
                metrics::histogram!("audit_journal_sync_seconds").record(began.elapsed());
                Ok(())
            }
            Err(error) => {
                self.shared.set_read_only(Some(ReadOnly::DiskFailed));
                Err(error)
            }
        }
    }

    fn apply(&self, changes: Vec<Change>) {
        let mut open = self.shared.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for change in changes {
            match change {
                Change::Opened(intent) => {
                    open.insert((intent.call, intent.id), *intent);
                }
                Change::Asked(call, id) => {
                    if let Some(intent) = open.get_mut(&(call, id)) {
                        intent.asked = true;
                    }
                }
                Change::Settled(call, id) => {
                    open.remove(&(call, id));
                }
            }
        }
    }
}

fn no_keys(keys: &Keys, error: io::Error) -> JournalError {
    JournalError::io(keys.subjects.path(), "using the persons' keys in", error)
}

/// A receipt that nobody reads.
pub(super) const NOBODYS: Receipt = Receipt { seq: 0, hash: Digest::ZERO };
/// How often free space and backlog are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most commands of one sync. Chosen: a hundred calls with two each.
const BATCH_COMMANDS: usize = 256;
/// Bytes after which a batch takes no more.
const BATCH_BYTES: usize = 1 << 20;
