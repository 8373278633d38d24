//! The tape: a record of every input of a call, from which the call can be repeated, and of what came of it.
//!
//! One folder per call: `inputs.jsonl` (every input of the core with its time), `heard.wav` (the caller at 16 kHz, in
//! the order of the inputs), `outputs.jsonl` (what the core did; sound as digests), `played.wav` (what the caller
//! heard) and `call.json`, written last: a folder without it is a call that was cut off. `orderline replay` feeds the
//! inputs to a fresh core and compares.
//!
//! Each file is enciphered as it is written ([`cipher`]): it has `.sealed` behind its name, and sound stands in it as bare
//! samples (`heard.pcm`, `played.pcm`); `key.json` is the tape's key, sealed. A plain tape, such as the samples, is made of
//! an enciphered one by `orderline replay --decrypt`.
//!
//! Nothing is on the disk before the caller has heard that they are recorded: until the core says so
//! ([`Note::RecordingTold`]) the tape is kept in memory. A caller who says no ([`Note::RecordingRefused`]) goes on
//! without a tape, and what there was of it is deleted.
//!
//! Recording never waits on the disk: a thread of its own writes, and a tape whose queue is full ends, marked
//! incomplete.
//!
//! [`Note::RecordingTold`]: crate::conversation::event::Note::RecordingTold
//! [`Note::RecordingRefused`]: crate::conversation::event::Note::RecordingRefused

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::audio::Rate;
use crate::call::observer::Summary;
use crate::conversation::{CallTime, Input, Output};
use crate::ids::CallId;
use crate::language::Language;
use crate::telemetry::figures;

pub mod cipher;
pub mod folder;
pub mod format;
pub mod key;
pub mod replay;
mod sink;

use format::{OutputLines, input_line};
use key::HouseKey;
use sink::{Files, put_samples};

/// `[tape]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The folder in which each call gets a folder of its own. Not set: nothing is recorded. A tape holds the caller's
    /// voice and number, enciphered.
    pub dir: Option<PathBuf>,
    /// The file with the key of the tapes, 32 bytes; made for its owner alone when it is not there. Not set: `tape.key`
    /// in `dir`, where it keeps a lost file from being read, but not a lost folder. Without it no tape can be read again.
    pub key_file: Option<PathBuf>,
    /// What a caller is told before anything is written, in Russian. Empty: the dialplan tells it, before it connects the
    /// agent.
    pub notice_ru: String,
    /// The same in English.
    pub notice_en: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dir: None,
            key_file: None,
            notice_ru: "Разговор записывается. Если вы против, нажмите решётку.".into(),
            notice_en: "This call is recorded. If you do not want that, press the pound key.".into(),
        }
    }
}

impl Settings {
    /// What is wrong with these values.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(dir) = self.dir.as_ref().filter(|dir| dir.exists() && !dir.is_dir()) {
            problems.push(format!("tape.dir: expected a folder, found a file: {}", dir.display()));
        }
        if let Some(key) = self.key_file.as_ref().filter(|key| key.is_dir()) {
            problems.push(format!("tape.key_file: expected a file, found a folder: {}", key.display()));
        }
        problems
    }

    /// Where the key is when tapes are in this folder.
    pub fn key_path(&self, dir: &Path) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| dir.join(KEY_NAME))
    }

    /// Where calls are to be recorded, if they are, with these settings of the core.
    ///
    /// # Errors
    /// The folder cannot be made, or the key neither read nor made.
    pub fn open(&self, core: serde_json::Value) -> io::Result<Option<Tapes>> {
        let Some(dir) = self.dir.clone() else { return Ok(None) };
        sink::make_private(&dir)?;
        let key = self.key_path(&dir);
        let key = HouseKey::load_or_make(&key)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", key.display())))?;
        let notices = [self.notice_ru.clone(), self.notice_en.clone()];
        Ok(Some(Tapes { dir, core, key: Arc::new(key), notices }))
    }
}

/// The key's file where no other is named.
pub const KEY_NAME: &str = "tape.key";

/// `call.json`: what is true of the whole call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The version of these files' form: 1.
    pub format: u32,
    /// Which call.
    pub call: CallId,
    /// The rate of the wire and of `played.wav`, in hertz.
    pub wire_hz: u32,
    /// The settings that the core was made with.
    pub core: serde_json::Value,
    /// Whether every input is on the tape.
    pub complete: bool,
    /// SHA-256 of `outputs.jsonl`, in hex.
    pub outputs_sha256: String,
    /// How the call went.
    pub summary: Summary,
}

/// Where calls are recorded.
#[derive(Clone, Debug)]
pub struct Tapes {
    /// The folder of folders.
    pub dir: PathBuf,
    /// The settings that cores are made with, kept with each tape so that it can be repeated years later.
    pub core: serde_json::Value,
    /// The key that seals each tape's own.
    pub key: Arc<HouseKey>,
    /// What callers are told, in Russian and in English; empty where somebody else tells them.
    pub notices: [String; 2],
}

impl Tapes {
    /// What a caller is told in this language.
    pub(crate) fn notice(&self, language: Language) -> String {
        let [russian, english] = &self.notices;
        match language {
            Language::Russian => russian.clone(),
            Language::English => english.clone(),
        }
    }
}

/// Entries that may wait for the disk: about ten seconds of a call.
const QUEUE: usize = 4096;
/// Entries kept until the caller has been told: the longest handshake's frames and a minute of the call, heard and played.
const EARLY: usize = 16_384;

#[derive(Debug)]
enum Entry {
    Input(CallTime, Input),
    Output(CallTime, Output),
    End(Box<Summary>),
}

/// The recording of one call.
pub(crate) struct Recorder {
    at: CallTime,
    early: Vec<Entry>,
    sink: Option<SyncSender<Entry>>,
    /// What begins to write once the caller has been told.
    begin: Option<Begin>,
    lost: bool,
    /// What became of the tape on the disk, also where nothing more goes onto it.
    fate: Arc<Fate>,
    /// Where a tape is deleted whose writing has ended.
    place: Option<(Handle, TaskTracker)>,
}

type Begin = Box<dyn FnOnce(Receiver<Entry>, Arc<Fate>) + Send>;

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("lost", &self.lost).finish_non_exhaustive()
    }
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self {
            at: CallTime::default(),
            early: Vec::new(),
            sink: None,
            begin: None,
            lost: false,
            fate: Arc::default(),
            place: None,
        }
    }

    /// It is known which call this is. The tape is written from the moment on when the caller has been told.
    pub(crate) fn open(
        &mut self,
        tapes: &Tapes,
        call: CallId,
        wire: Rate,
        services: &Handle,
        tasks: &TaskTracker,
    ) {
        let (tapes, services, tasks) = (tapes.clone(), services.clone(), tasks.clone());
        self.place = Some((services.clone(), tasks.clone()));
        self.begin = Some(Box::new(move |entries, fate| {
            let write = move || {
                if let Err(error) = write(&tapes, call, wire, &entries, &fate) {
                    tracing::warn!(%error, call.id = %call, dir = %tapes.dir.display(), "the tape could not be written");
                }
            };
            tasks.spawn_blocking_on(write, &services);
        }));
    }

    /// The caller has been told that they are recorded.
    pub(crate) fn told(&mut self) {
        let Some(begin) = self.begin.take().filter(|_| !self.lost) else { return };
        let early = std::mem::take(&mut self.early);
        let (sink, entries) = sync_channel(QUEUE + early.len());
        begin(entries, Arc::clone(&self.fate));
        self.sink = Some(sink);
        for entry in early {
            self.put(entry);
        }
    }

    /// The caller does not want it: nothing of the call stays on a tape, whatever has become of its writing.
    pub(crate) fn refused(&mut self) {
        let left = self.fate.refuse();
        if let (Some(dir), Some((services, tasks))) = (left, &self.place) {
            let delete = move || {
                if let Err(error) = remove(&dir) {
                    tracing::error!(%error, dir = %dir.display(), "a refused tape could not be deleted");
                }
            };
            tasks.spawn_blocking_on(delete, services);
        }
        *self = Self { lost: true, ..Self::new() };
    }

    pub(crate) fn input(&mut self, at: CallTime, input: &Input) {
        self.at = at;
        if !self.lost {
            self.put(Entry::Input(at, input.clone()));
        }
    }

    /// What the core did about the last input.
    pub(crate) fn output(&mut self, output: &Output) {
        if !self.lost {
            self.put(Entry::Output(self.at, output.clone()));
        }
    }

    pub(crate) fn finish(mut self, summary: &Summary) {
        self.put(Entry::End(Box::new(summary.clone())));
    }

    fn put(&mut self, entry: Entry) {
        match &self.sink {
            _ if self.lost => {}
            None if self.early.len() < EARLY => self.early.push(entry),
            None => {
                self.lost = true;
                self.early = Vec::new();
            }
            Some(sink) => {
                if sink.try_send(entry).is_err() {
                    self.lost = true;
                    self.sink = None;
                    metrics::counter!(figures::TAPES_LOST_TOTAL).increment(1);
                    tracing::warn!("the disk is slower than the call, or full: its tape ends here");
                }
            }
        }
    }
}

/// Writes a tape until the call ends or nothing more comes; where the caller refuses meanwhile, it is deleted.
fn write(tapes: &Tapes, call: CallId, wire: Rate, entries: &Receiver<Entry>, fate: &Fate) -> io::Result<()> {
    let dir = folder(&tapes.dir, call)?;
    let written = write_files(tapes, &dir, call, wire, entries, fate);
    if fate.leave(&dir) {
        return remove(&dir);
    }
    written
}

fn write_files(
    tapes: &Tapes,
    dir: &Path,
    call: CallId,
    wire: Rate,
    entries: &Receiver<Entry>,
    fate: &Fate,
) -> io::Result<()> {
    let files = Files::of(dir, &tapes.key, call)?;
    let mut inputs = files.file("inputs.jsonl")?;
    let mut outputs = Hashed { inner: files.file("outputs.jsonl")?, hash: Sha256::new() };
    let mut heard = files.file("heard.pcm")?;
    let mut played = files.file("played.pcm")?;
    let mut lines = OutputLines::default();
    let mut end = None;
    for entry in entries {
        if fate.is_refused() {
            return Ok(());
        }
        match entry {
            Entry::Input(at, input) => {
                if let Input::Heard { frame, .. } = &input {
                    put_samples(&mut heard, &frame.0)?;
                }
                serde_json::to_writer(&mut inputs, &input_line(at, input))?;
                inputs.write_all(b"\n")?;
            }
            Entry::Output(at, output) => {
                if let Output::Play { frame } = &output {
                    // Silence from before the wire's rate was known has another length.
                    if frame.0.len() == wire.frame_samples() {
                        put_samples(&mut played, &frame.0)?;
                    } else {
                        put_samples(&mut played, &vec![0; wire.frame_samples()])?;
                    }
                }
                lines.push(at, &output, |line| writeln!(outputs, "{line}"))?;
            }
            Entry::End(summary) => {
                end = Some(*summary);
                break;
            }
        }
    }
    lines.finish(|line| writeln!(outputs, "{line}"))?;
    inputs.finish()?;
    heard.finish()?;
    played.finish()?;
    let Hashed { inner, hash } = outputs;
    inner.finish()?;
    let label = Label {
        format: 1,
        call,
        wire_hz: wire.0,
        core: tapes.core.clone(),
        complete: end.is_some(),
        outputs_sha256: format::hex(&hash.finalize()),
        summary: end.unwrap_or_default(),
    };
    let mut file = files.file("call.json")?;
    serde_json::to_writer_pretty(&mut file, &label)?;
    file.finish()
}

/// Deletes a tape; somebody else may have done so.
fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// What becomes of a tape on the disk, between the call and the thread that writes: a queue that is full and a disk
/// that is too must not stand between a caller's no and the deletion.
#[derive(Debug, Default)]
struct Fate(Mutex<Stand>);

#[derive(Debug, Default)]
struct Stand {
    refused: bool,
    /// The folder that the writing left behind, whole or not.
    left: Option<PathBuf>,
}

impl Fate {
    /// The caller said no. Returns the folder that nobody else will delete, if there is one.
    fn refuse(&self) -> Option<PathBuf> {
        let mut stand = self.stand();
        stand.refused = true;
        stand.left.take()
    }

    /// The writing has ended. True when the folder is to be deleted.
    fn leave(&self, dir: &Path) -> bool {
        let mut stand = self.stand();
        if !stand.refused {
            stand.left = Some(dir.to_owned());
        }
        stand.refused
    }

    fn is_refused(&self) -> bool {
        self.stand().refused
    }

    fn stand(&self) -> MutexGuard<'_, Stand> {
        // Each change is one assignment, so a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fresh folder of this call's, readable by its owner alone.
fn folder(dir: &Path, call: CallId) -> io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    sink::make_private(dir)?;
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700);
    let mut n = 1;
    loop {
        let name = if n == 1 { call.to_string() } else { format!("{call}-{n}") };
        let path = dir.join(name);
        match builder.create(&path) {
            Ok(()) => return Ok(path),
            // An earlier call had this UUID.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && n < 1000 => n += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Writes through, and remembers the digest.
struct Hashed<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests;
