//! The tape: a record of every input of a call, from which the call can be repeated, and of what came of it.
//!
//! One folder per call: `inputs.jsonl` (every input of the core with its time), `heard.wav` (the caller at 16 kHz, in
//! the order of the inputs), `outputs.jsonl` (what the core did; sound as digests), `played.wav` (what the caller
//! heard) and `call.json`, written last: a folder without it is a call that was cut off. `orderline replay` feeds the
//! inputs to a fresh core and compares.
//!
//! Recording never waits on the disk: a thread of its own writes, and a tape whose queue is full ends, marked
//! incomplete.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::audio::Rate;
use crate::call::observer::Summary;
use crate::conversation::{CallTime, Input, Output};
use crate::ids::CallId;
use crate::telemetry::figures;

pub mod format;
pub mod replay;

use format::{OutputLines, input_line};

/// `[tape]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The folder in which each call gets a folder of its own. Not set: nothing is recorded. A tape holds the caller's
    /// voice and number: keep it as you keep customers' data.
    pub dir: Option<PathBuf>,
}

impl Settings {
    /// What is wrong with these values.
    pub fn problems(&self) -> Vec<String> {
        match &self.dir {
            Some(dir) if dir.exists() && !dir.is_dir() => {
                vec![format!("tape.dir: expected a folder, found a file: {}", dir.display())]
            }
            _ => Vec::new(),
        }
    }
}

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
}

/// Entries that may wait for the disk: about ten seconds of a call.
const QUEUE: usize = 4096;
/// Inputs kept until it is known which call this is: the longest handshake's frames.
const EARLY: usize = 8192;

#[derive(Debug)]
enum Entry {
    Input(CallTime, Input),
    Output(CallTime, Output),
    End(Box<Summary>),
}

/// The recording of one call.
#[derive(Debug)]
pub(crate) struct Recorder {
    at: CallTime,
    early: Vec<Entry>,
    sink: Option<SyncSender<Entry>>,
    lost: bool,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { at: CallTime::default(), early: Vec::new(), sink: None, lost: false }
    }

    /// It is known which call this is: from here on the tape is written.
    pub(crate) fn open(
        &mut self,
        tapes: &Tapes,
        call: CallId,
        wire: Rate,
        services: &Handle,
        tasks: &TaskTracker,
    ) {
        let (sink, entries) = sync_channel(QUEUE);
        let tapes = tapes.clone();
        tasks.spawn_blocking_on(
            move || {
                if let Err(error) = write(&tapes, call, wire, &entries) {
                    tracing::warn!(%error, call.id = %call, dir = %tapes.dir.display(), "the tape could not be written");
                }
            },
            services,
        );
        self.sink = Some(sink);
        for entry in std::mem::take(&mut self.early) {
            self.put(entry);
        }
    }

    pub(crate) fn input(&mut self, at: CallTime, input: &Input) {
        self.at = at;
        self.put(Entry::Input(at, input.clone()));
    }

    /// What the core did about the last input.
    pub(crate) fn output(&mut self, output: &Output) {
        self.put(Entry::Output(self.at, output.clone()));
    }

    pub(crate) fn finish(mut self, summary: &Summary) {
        self.put(Entry::End(Box::new(summary.clone())));
    }

    fn put(&mut self, entry: Entry) {
        match &self.sink {
            _ if self.lost => {}
            None if self.early.len() < EARLY => self.early.push(entry),
            None => self.lost = true,
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

fn write(tapes: &Tapes, call: CallId, wire: Rate, entries: &Receiver<Entry>) -> io::Result<()> {
    let dir = folder(&tapes.dir, call)?;
    let mut inputs = BufWriter::new(fs::File::create(dir.join("inputs.jsonl"))?);
    let mut outputs =
        Hashed { inner: BufWriter::new(fs::File::create(dir.join("outputs.jsonl"))?), hash: Sha256::new() };
    let mut heard = wav(&dir.join("heard.wav"), Rate::HZ_16000)?;
    let mut played = wav(&dir.join("played.wav"), wire)?;
    let mut lines = OutputLines::default();
    let mut end = None;
    for entry in entries {
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
    inputs.flush()?;
    outputs.flush()?;
    heard.finalize().map_err(io::Error::other)?;
    played.finalize().map_err(io::Error::other)?;
    let label = Label {
        format: 1,
        call,
        wire_hz: wire.0,
        core: tapes.core.clone(),
        complete: end.is_some(),
        outputs_sha256: format::hex(&outputs.hash.finalize()),
        summary: end.unwrap_or_default(),
    };
    fs::write(dir.join("call.json"), serde_json::to_vec_pretty(&label)?)
}

/// A fresh folder of this call's, readable by its owner alone.
fn folder(dir: &Path, call: CallId) -> io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700).recursive(true).create(dir)?;
    builder.recursive(false);
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

type Wav = hound::WavWriter<BufWriter<fs::File>>;

fn wav(path: &Path, rate: Rate) -> io::Result<Wav> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate.0,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    hound::WavWriter::create(path, spec).map_err(io::Error::other)
}

fn put_samples(wav: &mut Wav, samples: &[i16]) -> io::Result<()> {
    let count = u32::try_from(samples.len()).map_err(io::Error::other)?;
    let mut writer = wav.get_i16_writer(count);
    for sample in samples {
        writer.write_sample(*sample);
    }
    writer.flush().map_err(io::Error::other)
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
