//! The offline ear: whisper.cpp on threads of its own.
//!
//! A bounded queue stands before a fixed pool of threads, each with a `WhisperState` that it reuses. A job whose token is
//! cancelled before its turn is dropped unrun; one that is cancelled while it runs is aborted within a layer of the
//! network. The last revision of a turn goes before those that a later one may still replace.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use whisper_rs::{WhisperContext, WhisperContextParameters};

use super::model::{self, ModelError, ModelProblem};
use crate::conversation::Input;
use crate::conversation::event::{EngineFault, Recognition};
use crate::engines::port::deliver;
use crate::engines::{EngineError, Full, Hearing, Inbox, Ranges};

mod decode;
mod queue;

pub use decode::Decoder;
use queue::Queue;

/// `[hearing.whisper]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// A Whisper model in ggml format, multilingual. Default: the small model of the samples, which understands the sample
    /// callers and little else; put an ordinary one in its place (`ggml-small-q5_1.bin` and the like).
    pub model: PathBuf,
    /// Utterances decoded at once, 0 to 64; each holds a decoding state in memory. Default 0: half of the cores.
    pub workers: usize,
    /// Threads of one decoding, 1 to 64. Default 1. More answers sooner while few talk; workers times this should stay
    /// under the number of cores: whisper.cpp's threads wait for each other spinning, and two of them on two busy cores
    /// were measured fourteen times slower than one.
    pub threads: usize,
    /// Utterances that may wait, 1 to 4096; one more is refused and the call hears of it. Default 64.
    pub waiting: usize,
    /// How long an utterance may take from being taken to its text, in milliseconds, 100 to 60000. Default 8000.
    pub deadline_ms: u64,
    /// Encoder positions (20 ms each) that are computed at least, 0 to 1500. Less is faster. Default 0: as little as the
    /// sound needs, but 512 for ordinary models of 1500 positions, which invent words when they are given less.
    pub least_audio_ctx: u32,
    /// Whether the words likely to be said now (products, cities) are given to the model. Ordinary models spell names
    /// better for it; the sample model was not trained with it. Default false.
    pub hints: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: "samples/stt-demo/ggml-tires-q5_0.bin".into(),
            workers: 0,
            threads: 1,
            waiting: 64,
            deadline_ms: 8000,
            least_audio_ctx: 0,
            hints: false,
        }
    }
}

impl Settings {
    /// What is wrong with these settings, one sentence each; `at` names the section.
    pub fn problems(&self, at: &str) -> Vec<String> {
        let mut problems = Ranges::new(at);
        problems.within("workers", self.workers as u64, 0, 64);
        problems.within("threads", self.threads as u64, 1, 64);
        problems.within("waiting", self.waiting as u64, 1, 4096);
        problems.within("deadline_ms", self.deadline_ms, 100, 60_000);
        problems.within("least_audio_ctx", self.least_audio_ctx.into(), 0, 1500);
        problems.into()
    }

    fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        if self.workers > 0 { self.workers } else { (cores() / 2).max(1) }
    }
}

/// A loaded model.
#[derive(Debug)]
pub struct Model {
    context: WhisperContext,
    n_audio_ctx: u32,
}

impl Model {
    /// Checks and loads a file. Blocks for as long as reading it takes.
    ///
    /// # Errors
    /// [`ModelError`]
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        // whisper.cpp's own lines go to tracing, under the targets whisper_rs::*.
        whisper_rs::install_logging_hooks();
        let header = model::check(path)?;
        model::multilingual(path, header)?;
        let refused = |why: String| ModelError { path: path.to_owned(), problem: ModelProblem::Refused(why) };
        let context = WhisperContext::new_with_params(path, WhisperContextParameters::default())
            .map_err(|error| refused(error.to_string()))?;
        Ok(Self { context, n_audio_ctx: header.n_audio_ctx })
    }
}

/// The engine.
#[derive(Debug)]
pub struct Whisper {
    queue: Arc<Queue<Job>>,
}

#[derive(Debug)]
struct Job {
    recognition: Recognition,
    cancel: CancellationToken,
    inbox: Inbox,
    deadline: Instant,
}

impl Whisper {
    /// Loads the model and starts the threads. Blocks while the model is read.
    ///
    /// # Errors
    /// [`EngineError::Model`] and [`EngineError::Thread`].
    pub fn start(settings: &Settings, runtime: Handle) -> Result<Self, EngineError> {
        let model = Arc::new(Model::load(&settings.model)?);
        let whisper = Self { queue: Arc::new(Queue::new(settings.waiting, settings.deadline_ms)) };
        for n in 0..settings.workers() {
            let mut decoder = Decoder::new(Arc::clone(&model), settings)?;
            let (queue, runtime) = (Arc::clone(&whisper.queue), runtime.clone());
            std::thread::Builder::new()
                .name(format!("whisper-{n}"))
                .spawn(move || work(&queue, &mut decoder, &runtime))
                .map_err(EngineError::Thread)?;
        }
        Ok(whisper)
    }
}

impl Hearing for Whisper {
    fn recognize(
        &self,
        recognition: Recognition,
        cancel: CancellationToken,
        inbox: Inbox,
    ) -> Result<(), Full> {
        let deadline = Instant::now() + Duration::from_millis(self.queue.deadline_ms);
        self.queue.push(Job { recognition, cancel, inbox, deadline })
    }
}

impl Drop for Whisper {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl queue::Ranked for Job {
    fn dropped(&self) -> bool {
        self.cancel.is_cancelled() || self.inbox.is_closed()
    }

    fn first(&self) -> bool {
        self.recognition.last
    }
}

/// One thread's life.
fn work(queue: &Queue<Job>, decoder: &mut Decoder, runtime: &Handle) {
    while let Some(job) = queue.pop() {
        let Job { recognition, cancel, inbox, deadline } = job;
        let result = if Instant::now() >= deadline {
            Err(EngineFault::TimedOut)
        } else {
            // A panic here is a bug; it must not take the thread, and with it the hearing of all calls, away.
            let decoding = || decoder.decode(&recognition, &cancel, Some(deadline));
            let decoded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(decoding));
            match decoded.unwrap_or_else(|_| Err(EngineFault::Broken { detail: "whisper: a panic".into() })) {
                Err(_) if cancel.is_cancelled() => continue,
                result => result,
            }
        };
        answer(
            Input::Transcribed { turn: recognition.turn, revision: recognition.revision, result },
            cancel,
            inbox,
            runtime,
        );
    }
}

/// Hands the text over; where the inbox is full, a task waits for room so that this thread need not.
fn answer(input: Input, cancel: CancellationToken, inbox: Inbox, runtime: &Handle) {
    use tokio::sync::mpsc::error::TrySendError;
    if cancel.is_cancelled() {
        return;
    }
    if let Err(TrySendError::Full(input)) = inbox.try_send(input) {
        runtime.spawn(async move {
            // Unwanted: the call has gone on without it.
            let _ = deliver(&inbox, &cancel, input).await;
        });
    }
}

#[cfg(test)]
mod tests;
