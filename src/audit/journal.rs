//! The journal: the one way into the audit.
//!
//! [`Journal`] is a handle that any task of any runtime may hold. One writer thread owns the files and the chains; it
//! takes whatever waits in a bounded queue, writes it as one batch, syncs once and then tells everybody who waits.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use super::chain::Digest;
use super::entry::Entry;
use super::heads::file::HeadsFile;
use super::heads::keeper::{Keeper, Pace};
use super::open_intent::OpenIntent;
use super::seal::SealKey;
use super::settings::Settings;
use super::storage::{Disk, Storage};
use super::subjects::{Keys, Subjects};
use crate::ids::{CallId, PhoneNumber, RequestId};

mod appender;
mod closed;
mod command;
mod heads;
mod opening;
pub(crate) mod recovery;
pub(crate) mod segments;
mod space;
mod writer;

use command::{Command, wait};

/// A handle on the journal; cheap to clone.
#[derive(Clone)]
pub struct Journal {
    commands: SyncSender<Command>,
    shared: Arc<Shared>,
}

/// Tells the time of day. In earnest the system's clock, which may be set; a test's own where it is.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// What is shared between the handles, the writer and the drain.
pub(crate) struct Shared {
    clock: Clock,
    pub(crate) folder: PathBuf,
    pub(crate) id: Uuid,
    pub(crate) node: String,
    /// Where the synced records end.
    pub(crate) durable: watch::Sender<Position>,
    /// Where the records end that PostgreSQL has confirmed; none until it was asked.
    pub(crate) drained: watch::Sender<Option<Position>>,
    /// Where the whole notes of the file `heads` end.
    pub(crate) heads: watch::Sender<u64>,
    /// Where the records ended when this run began.
    began: Position,
    /// The first segment that an unfinished call stands in.
    oldest_needed: AtomicU64,
    mode: AtomicU8,
    open: Mutex<BTreeMap<(CallId, RequestId), OpenIntent>>,
}

/// A place in the journal: everything before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// From 1; 0 before anything was written.
    pub segment: u64,
    /// Bytes from the segment's beginning.
    pub offset: u64,
}

/// An entry is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its place in its call.
    pub seq: u32,
    /// Its hash.
    pub hash: Digest,
}

/// What an earlier run left.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Intents whose outcome nobody knows, oldest first: to be given to the reconciler.
    pub open_intents: Vec<OpenIntent>,
    /// Calls that the earlier run did not close. Those without an open intent are being closed now, the others when
    /// their last intent is settled.
    pub interrupted_calls: usize,
    /// Bytes of a never acknowledged last batch, cut off.
    pub torn_bytes: u64,
    /// What is not as it was written, each as a sentence; `audit verify` tells the rest.
    pub damage: Vec<String>,
}

/// Why intents are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOnly {
    /// Two segments in a row could not be written or synced; until a restart.
    DiskFailed,
    /// Less free space than the floor; until there is more.
    SpaceLow,
    /// More waits for PostgreSQL than the bound; until it has caught up.
    Backlog,
}

/// Why something could not be journaled. *No audit, no action*: whoever meets one does not act.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    #[error("the journal {} is held by another process: one process writes one journal", .folder.display())]
    Locked { folder: PathBuf },
    #[error("{doing} {} failed: {cause}", .path.display())]
    Io { path: PathBuf, doing: &'static str, cause: Arc<io::Error> },
    #[error(
        "the journal {} was made by the node {found:?} and this is {expected:?}: give each node its own folder",
        .folder.display()
    )]
    OtherNode { folder: PathBuf, expected: String, found: String },
    #[error(
        "expected frames of version {} in {}, found another one at byte {at}, whole: a newer version of this program \
         wrote it; start that one again, this one has changed nothing", super::frame::VERSION, .path.display()
    )]
    Newer { path: PathBuf, at: u64 },
    #[error("the journal refuses intents: {0}")]
    ReadOnly(ReadOnly),
    #[error("the journal's queue is full ({} commands wait for the disk)", QUEUE)]
    QueueFull,
    #[error("the disk did not take an entry within {} s", APPEND_DEADLINE.as_secs())]
    Stalled,
    #[error("expected an opened call, found {0}, which is not open")]
    NotOpen(CallId),
    #[error("call {0} was opened before")]
    OpenedBefore(CallId),
    #[error("an earlier call had the id {0}; the dialplan should make one per call with ${{UUID()}}")]
    UsedBefore(CallId),
    #[error("the entry is larger than {} bytes", super::frame::PAYLOAD_MAX_BYTES)]
    TooLarge,
    #[error("the entry could not be sealed: {0}")]
    Seal(#[from] super::seal::SealError),
    #[error("the journal has been shut down")]
    Stopped,
}

impl Journal {
    /// Opens the journal's folder, or makes it, and takes hold of it. Reads what an earlier run left and starts the
    /// writer thread. Blocks on the disk: some 10 ms for each full segment that is still kept.
    ///
    /// # Errors
    /// The folder is held by another process, belongs to another node or a newer version, or cannot be read or written.
    pub fn open(settings: &Settings) -> Result<(Self, Recovered), JournalError> {
        Self::open_on(settings, Box::new(Disk::new(&settings.journal)))
    }

    /// [`Self::open`] on another storage for new segments.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on(
        settings: &Settings,
        storage: Box<dyn Storage>,
    ) -> Result<(Self, Recovered), JournalError> {
        Self::open_with(settings, storage, Arc::new(Utc::now))
    }

    /// [`Self::open_on`] with another clock. What it says stands in the entries and tells the age of what an earlier
    /// run left; nothing is ordered by it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        settings: &Settings,
        storage: Box<dyn Storage>,
        clock: Clock,
    ) -> Result<(Self, Recovered), JournalError> {
        let lock = segments::take(&settings.journal)?;
        let key_path = settings.key_path();
        let key = SealKey::load_or_make(&key_path)
            .map_err(|source| JournalError::io(&key_path, "reading the sealing key", source))?;
        let subjects = Subjects::open(&settings.journal)
            .map_err(|source| JournalError::io(&settings.journal, "reading the persons' keys in", source))?;
        let keys = Keys { node: key, subjects };
        let state = recovery::recover(settings, &keys)?;
        let head_key = settings.signing_key_path();
        let pace = Pace {
            every: Duration::from_secs(u64::from(settings.head_every_s)),
            entries: settings.head_every_entries,
        };
        let appended = state.heads.standing.clone();
        let keeper = Keeper::new(state.journal, &settings.node, &head_key, pace, state.heads, Instant::now())
            .map_err(|source| JournalError::io(&head_key, "reading the signing key", source))?;
        let heads_file = HeadsFile::open(&settings.journal, state.notes)
            .map_err(|source| JournalError::io(&settings.journal, "writing the file of heads in", source))?;
        let mut recovered = state.report;
        let shared = Arc::new(Shared {
            clock,
            folder: settings.journal.clone(),
            id: state.journal,
            node: settings.node.clone(),
            durable: watch::Sender::new(state.end),
            drained: watch::Sender::new(None),
            heads: watch::Sender::new(heads_file.length()),
            began: state.end,
            oldest_needed: AtomicU64::new(0),
            mode: AtomicU8::new(WRITABLE),
            open: Mutex::new(state.open.into_iter().map(|open| ((open.call, open.id), open)).collect()),
        });
        let (commands, queue) = std::sync::mpsc::sync_channel(QUEUE);
        let start = writer::Start {
            lock,
            segments: appender::Appender {
                storage,
                journal: state.journal,
                node: settings.node.clone(),
                next_number: state.next_number,
                previous: state.previous,
                current: None,
                heads: appended,
            },
            keys,
            calls: state.calls,
            closed: state.closed,
            next_ordinal: state.next_ordinal,
            keeper,
            heads_file,
        };
        writer::start(settings, start, &shared, queue)?;
        let journal = Self { commands, shared };
        recovered.open_intents = journal.open_intents();
        journal.send(Command::CloseInterrupted)?;
        Ok((journal, recovered))
    }

    /// Opens a call's chain; the caller's number is written masked, and what the call seals is sealed under the key of
    /// this caller. Without a number the caller is a person for this call alone. Resolves when it is on the disk.
    ///
    /// # Errors
    /// The call was opened before, an earlier one with its id is remembered, or it could not be written.
    pub async fn open_call(
        &self,
        call: CallId,
        caller: Option<&PhoneNumber>,
        started_at: DateTime<Utc>,
    ) -> Result<(), JournalError> {
        self.open_chain(call, caller.cloned(), started_at, false).await
    }

    /// Opens the chain of an administrative act ([`super::office`]); its first entry says `"office": true`.
    pub(crate) async fn open_act(&self, act: CallId, started_at: DateTime<Utc>) -> Result<(), JournalError> {
        self.open_chain(act, None, started_at, true).await
    }

    async fn open_chain(
        &self,
        call: CallId,
        caller: Option<PhoneNumber>,
        started_at: DateTime<Utc>,
        office: bool,
    ) -> Result<(), JournalError> {
        let (ack, answer) = oneshot::channel();
        self.send(Command::Open { call, caller, started_at, office, ack })?;
        wait(answer).await.map(|_| ())
    }

    /// Appends an entry; resolves when it is on the disk. Dropped before that, an intent is withdrawn: either it was
    /// never written, or an outcome `withdrawn` follows it.
    ///
    /// # Errors
    /// The call is not open, the journal is read-only and this is an intent, or it could not be written. In each case
    /// the entry does not count.
    pub async fn append(&self, call: CallId, entry: Entry) -> Result<Receipt, JournalError> {
        let (ack, answer) = oneshot::channel();
        self.send(Command::Append { call, entry: Box::new(entry), ack: Some(ack) })?;
        wait(answer).await
    }

    /// Queues an entry and does not wait for it: for failed attempts, whose loss in a crash loses nothing.
    ///
    /// # Errors
    /// The queue is full or the journal has been shut down.
    pub fn note(&self, call: CallId, entry: Entry) -> Result<(), JournalError> {
        self.send(Command::Append { call, entry: Box::new(entry), ack: None })
    }

    /// Closes a call's chain with the count of its entries. While an intent of the call is open, the closing waits
    /// for it to be settled (and this returns at once).
    ///
    /// # Errors
    /// The call is not open, or the closing could not be written.
    pub async fn close_call(&self, call: CallId) -> Result<(), JournalError> {
        let (ack, answer) = oneshot::channel();
        self.send(Command::Close { call, ack })?;
        wait(answer).await.map(|_| ())
    }

    /// Whether intents are refused now. Reads may still be journaled and spoken.
    pub fn is_read_only(&self) -> bool {
        self.read_only().is_some()
    }

    /// Why intents are refused now.
    pub fn read_only(&self) -> Option<ReadOnly> {
        self.shared.read_only()
    }

    /// Intents without a known outcome, oldest first: those of requests under way among them.
    pub fn open_intents(&self) -> Vec<OpenIntent> {
        let open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut intents: Vec<_> = open.values().cloned().collect();
        intents.sort_by_key(|intent| (intent.at, intent.call, intent.id));
        intents
    }

    /// Whether this intent's outcome is not known.
    pub fn is_open(&self, call: CallId, id: RequestId) -> bool {
        self.shared.open.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&(call, id))
    }

    /// Whoever acted on this intent is done and could not write what came of it: from now on it counts as asked, so
    /// that the reconciler finds out. Only this run needs to know; the next one looks after every open intent.
    pub fn leave_open(&self, call: CallId, id: RequestId) {
        let mut open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(intent) = open.get_mut(&(call, id)) {
            intent.asked = true;
        }
    }

    /// Waits until PostgreSQL has everything that is on the disk now. False when that takes longer, for instance
    /// because no [`super::drain::Drain`] is running.
    pub async fn flush_to_database(&self, within: Duration) -> bool {
        let end = *self.shared.durable.borrow();
        let mut drained = self.shared.drained.subscribe();
        let arrived = drained.wait_for(|drained| drained.is_some_and(|drained| drained >= end));
        matches!(tokio::time::timeout(within, arrived).await, Ok(Ok(_)))
    }

    /// Signs heads over everything that was appended before, on the disk when this resolves.
    ///
    /// # Errors
    /// The disk did not take them.
    pub async fn head_now(&self) -> Result<(), JournalError> {
        let (ack, answer) = oneshot::channel();
        self.send(Command::Head { ack })?;
        wait(answer).await.map(|_| ())
    }

    /// Writes what is queued and a last head and stops the writer. Entries after it are refused with [`JournalError::Stopped`].
    ///
    /// # Errors
    /// [`JournalError::Stalled`] when the disk does not come to an end.
    pub async fn shutdown(&self) -> Result<(), JournalError> {
        let (ack, answer) = oneshot::channel();
        match self.send(Command::Stop { ack }) {
            Err(JournalError::Stopped) => return Ok(()),
            other => other?,
        }
        match wait(answer).await {
            Err(JournalError::Stopped) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// The time of day by the journal's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.now()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn send(&self, command: Command) -> Result<(), JournalError> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => JournalError::QueueFull,
            TrySendError::Disconnected(_) => JournalError::Stopped,
        })
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("shared", &self.shared).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("folder", &self.folder).field("id", &self.id).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    pub(crate) fn read_only(&self) -> Option<ReadOnly> {
        match self.mode.load(Ordering::Acquire) {
            DISK_FAILED => Some(ReadOnly::DiskFailed),
            SPACE_LOW => Some(ReadOnly::SpaceLow),
            BACKLOG => Some(ReadOnly::Backlog),
            _ => None,
        }
    }

    /// Segments before it are needed by no unfinished call.
    pub(crate) fn oldest_needed_segment(&self) -> u64 {
        self.oldest_needed.load(Ordering::Acquire)
    }

    /// Bytes on the disk that PostgreSQL has not confirmed. What an earlier run left counts once PostgreSQL was asked.
    fn backlog_bytes(&self) -> Result<u64, JournalError> {
        let end = *self.durable.borrow();
        let from = self.drained.borrow().unwrap_or(self.began);
        if from.segment == end.segment {
            return Ok(end.offset.saturating_sub(from.offset));
        }
        let mut bytes = 0;
        for number in segments::list(&self.folder)? {
            if number >= from.segment && number < end.segment {
                let path = segments::path(&self.folder, number);
                let metadata = std::fs::metadata(&path)
                    .map_err(|source| JournalError::io(path, "looking at the segment", source))?;
                bytes += metadata.len();
            }
        }
        Ok((bytes + end.offset).saturating_sub(from.offset))
    }

    fn set_read_only(&self, reason: Option<ReadOnly>) {
        let mode = match reason {
            None => WRITABLE,
            Some(ReadOnly::DiskFailed) => DISK_FAILED,
            Some(ReadOnly::SpaceLow) => SPACE_LOW,
            Some(ReadOnly::Backlog) => BACKLOG,
        };
        if self.mode.swap(mode, Ordering::AcqRel) != mode {
            metrics::gauge!("audit_journal_read_only").set(f64::from(u8::from(reason.is_some())));
            match reason {
                Some(reason) => {
                    tracing::error!(journal.read_only = %reason, "the journal refuses intents: {reason}");
                }
                None => tracing::info!("the journal takes intents again"),
            }
        }
    }
}

impl JournalError {
    pub(crate) fn io(path: impl Into<PathBuf>, doing: &'static str, cause: io::Error) -> Self {
        Self::Io { path: path.into(), doing, cause: Arc::new(cause) }
    }
}

impl std::fmt::Display for ReadOnly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::DiskFailed => "two segments in a row could not be written",
            Self::SpaceLow => "less space is free than audit.free_space_floor_bytes",
            Self::Backlog => "more waits for PostgreSQL than audit.backlog_max_bytes",
        })
    }
}

/// Size of a segment: some eight thousand entries. Chosen: small enough to be read whole, large enough to be rare.
pub(crate) const SEGMENT_BYTES: u64 = 8 << 20;
/// Commands that may wait for the disk: more than a hundred calls can have under way.
const QUEUE: usize = 4096;
/// Longest wait for the disk. Chosen: a caller hears nothing meanwhile; a healthy disk answers within 25 ms.
const APPEND_DEADLINE: Duration = Duration::from_secs(5);

const WRITABLE: u8 = 0;
const DISK_FAILED: u8 = 1;
const SPACE_LOW: u8 = 2;
const BACKLOG: u8 = 3;

#[cfg(test)]
mod tests;
