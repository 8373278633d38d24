//! The offline voice: espeak-ng, one short-lived process per clause.
//!
//! The text goes in on stdin and never through a shell; the WAV comes out on stdout while it is made, is brought to the
//! wire rate and leaves as soon as it fills a frame. A request that is cancelled or late kills its process.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::cache::{Cache, SharedCache};
use super::pcm::Pcm;
use crate::conversation::Input;
use crate::conversation::event::{EngineFault, Speech, Synthesis};
use crate::engines::port::{Gate, Running, Ticket, Unwanted, deliver};
use crate::engines::{EngineError, Full, Inbox, Ranges, Speaking};
use crate::language::Language;
use crate::telemetry::figures::SYNTHESIS_FIRST_SECONDS;

/// `[speaking.espeak]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The program: a name looked up in PATH, or a path. Default `espeak-ng`.
    pub program: String,
    /// Its voice for Russian (`espeak-ng --voices` lists them; `ru+f3` is a variant). Default `ru`.
    pub voice_ru: String,
    /// Its voice for English. Default `en-us`.
    pub voice_en: String,
    /// Speed in words a minute, 80 to 400. Default 165: a little under espeak-ng's own 175, for a telephone's narrow band.
    pub words_per_minute: u32,
    /// Pitch, 0 to 99. Default 50, espeak-ng's own.
    pub pitch: u32,
    /// Loudness, 1 to 200. Default 100, espeak-ng's own; above it the voice clips.
    pub amplitude: u32,
    /// Clauses made at once, 1 to 64. Default 4: each takes some 10 ms of a core.
    pub concurrent: usize,
    /// Clauses that may wait behind them, 0 to 4096; one more is refused and the call hears of it. Default 256.
    pub waiting: usize,
    /// How long a clause may take from being taken to its last sample, in milliseconds, 100 to 60000. Default 5000.
    pub deadline_ms: u64,
    /// Sound kept for phrases said before, in KiB, 0 to 1048576; 0 keeps none. Default 16384: some 17 minutes at 8 kHz.
    pub cache_kib: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            program: "espeak-ng".into(),
            voice_ru: "ru".into(),
            voice_en: "en-us".into(),
            words_per_minute: 165,
            pitch: 50,
            amplitude: 100,
            concurrent: 4,
            waiting: 256,
            deadline_ms: 5000,
            cache_kib: 16 * 1024,
        }
    }
}

impl Settings {
    /// What is wrong with these settings, one sentence each; `at` names the section.
    pub fn problems(&self, at: &str) -> Vec<String> {
        let mut problems = Ranges::new(at);
        problems.within("words_per_minute", self.words_per_minute.into(), 80, 400);
        problems.within("pitch", self.pitch.into(), 0, 99);
        problems.within("amplitude", self.amplitude.into(), 1, 200);
        problems.within("concurrent", self.concurrent as u64, 1, 64);
        problems.within("waiting", self.waiting as u64, 0, 4096);
        problems.within("deadline_ms", self.deadline_ms, 100, 60_000);
        problems.within("cache_kib", self.cache_kib as u64, 0, 1 << 20);
        problems.filled("program", &self.program);
        for (key, voice) in [("voice_ru", &self.voice_ru), ("voice_en", &self.voice_en)] {
            problems.filled(key, voice);
            if voice.starts_with('-') || voice.contains(['/', '\\', '\0']) {
                problems.add(
                    key,
                    &format!("expected a voice's name as `espeak-ng --voices` lists it, found {voice:?}"),
                );
            }
        }
        problems.into()
    }

    fn voice(&self, language: Language) -> &str {
        match language {
            Language::Russian => &self.voice_ru,
            Language::English => &self.voice_en,
        }
    }
}

/// The engine.
#[derive(Debug)]
pub struct Espeak {
    shared: Arc<Shared>,
    runtime: Handle,
    gate: Gate,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    cache: SharedCache,
}

impl Espeak {
    /// Tries both voices once, so that a missing program or voice is found before the first call.
    ///
    /// # Errors
    /// [`EngineError::Program`] and [`EngineError::Voice`].
    pub async fn start(settings: Settings, runtime: Handle) -> Result<Self, EngineError> {
        let cache = SharedCache::new(Cache::of_kib(settings.cache_kib));
        let espeak = Self {
            gate: Gate::new(settings.concurrent, settings.waiting),
            shared: Arc::new(Shared { settings, cache }),
            runtime,
        };
        for (language, word) in [(Language::Russian, "да"), (Language::English, "yes")] {
            espeak.shared.try_voice(language, word).await?;
        }
        Ok(espeak)
    }
}

impl Speaking for Espeak {
    fn synthesize(&self, request: Synthesis, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        let ticket = self.gate.enter()?;
        let shared = Arc::clone(&self.shared);
        self.runtime.spawn(async move {
            // Unwanted is the one way to stop that needs no answer.
            let _ = shared.say(request, ticket, &cancel, &inbox).await;
        });
        Ok(())
    }
}

impl Shared {
    async fn say(
        &self,
        request: Synthesis,
        ticket: Ticket,
        cancel: &CancellationToken,
        inbox: &Inbox,
    ) -> Result<(), Unwanted> {
        let id = request.id;
        let answer = async |piece| deliver(inbox, cancel, Input::Synthesized { id, piece }).await;
        let cached = self.cache.get(&request);
        if let Some(samples) = cached {
            answer(Speech::Chunk { samples }).await?;
            return answer(Speech::Done).await;
        }
        let began = Instant::now();
        let deadline = began + Duration::from_millis(self.settings.deadline_ms);
        let _running: Running = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(Unwanted),
            running = timeout_at(deadline, ticket.turn()) => match running {
                Ok(running) => running,
                Err(_) => return answer(Speech::Failed { fault: EngineFault::TimedOut }).await,
            },
        };
        let mut all = Vec::new();
        let mut process = match Process::start(&self.settings, request.language, &request.text) {
            Ok(process) => process,
            Err(error) => return answer(Speech::Failed { fault: broken(&error.to_string()) }).await,
        };
        let mut pcm: Option<Pcm> = None;
        loop {
            // Cancelling drops the process, and dropping it kills it.
            let read = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(Unwanted),
                read = timeout_at(deadline, process.read()) => read,
            };
            let (rate_hz, bytes) = match read {
                Err(_) => return answer(Speech::Failed { fault: EngineFault::TimedOut }).await,
                Ok(Err(fault)) => return answer(Speech::Failed { fault: broken(&fault) }).await,
                Ok(Ok(None)) => break,
                Ok(Ok(Some(sound))) => sound,
            };
            if pcm.is_none() {
                match Pcm::new(rate_hz, request.rate) {
                    Ok(made) => pcm = Some(made),
                    Err(rates) => {
                        return answer(Speech::Failed { fault: broken(&rates.to_string()) }).await;
                    }
                }
            }
            let Some(pcm) = &mut pcm else { continue };
            for samples in pcm.push(bytes) {
                if all.is_empty() {
                    metrics::histogram!(SYNTHESIS_FIRST_SECONDS, "engine" => "espeak")
                        .record(began.elapsed());
                }
                all.extend_from_slice(&samples);
                answer(Speech::Chunk { samples }).await?;
            }
        }
        if let Some(samples) = pcm.and_then(Pcm::finish) {
            all.extend_from_slice(&samples);
            answer(Speech::Chunk { samples }).await?;
        }
        self.cache.put(&request, all);
        answer(Speech::Done).await
    }

    async fn try_voice(&self, language: Language, word: &str) -> Result<(), EngineError> {
        let settings = &self.settings;
        let failed = |found: String| EngineError::Voice {
            program: settings.program.clone(),
            voice: settings.voice(language).to_owned(),
            found,
        };
        let mut process = Process::start(settings, language, word).map_err(|error| EngineError::Program {
            program: settings.program.clone(),
            package: "espeak-ng",
            setting: "speaking.espeak.program",
            error,
        })?;
        let deadline = Instant::now() + Duration::from_millis(settings.deadline_ms);
        match timeout_at(deadline, process.read()).await {
            Ok(Ok(Some(_))) => Ok(()),
            Ok(Ok(None)) => Err(failed("a WAV header and no sound".into())),
            Ok(Err(found)) => Err(failed(found)),
            Err(_) => Err(failed(format!("nothing within {} ms", settings.deadline_ms))),
        }
    }
}

fn broken(detail: &str) -> EngineFault {
    EngineFault::Broken { detail: format!("espeak-ng: {detail}") }
}

/// One running espeak-ng.
struct Process {
    child: Child,
    stdout: tokio::process::ChildStdout,
    buffer: Vec<u8>,
    /// Known once the header has been read.
    rate_hz: u32,
}

/// Read at once: 93 ms at 22,050 Hz, and a pipe's own atomic size.
const READ_BYTES: usize = 4096;

impl Process {
    fn start(settings: &Settings, language: Language, text: &str) -> std::io::Result<Self> {
        let mut child = Command::new(&settings.program)
            .args(["--stdin", "--stdout", "-z", "-b", "1"])
            .args(["-v", settings.voice(language)])
            .args(["-s", &settings.words_per_minute.to_string()])
            .args(["-p", &settings.pitch.to_string()])
            .args(["-a", &settings.amplitude.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("no pipe to the process"));
        };
        let text = spoken(text);
        // A clause is smaller than a pipe's buffer, so this ends at once; a program that never reads holds only this
        // task, until its deadline kills it.
        tokio::spawn(async move {
            // A process that went away is noticed at its stdout.
            let _ = stdin.write_all(text.as_bytes()).await;
        });
        Ok(Self { child, stdout, buffer: vec![0; READ_BYTES], rate_hz: 0 })
    }

    /// More samples as bytes and their rate; none when all have come.
    async fn read(&mut self) -> Result<Option<(u32, &[u8])>, String> {
        if self.rate_hz == 0 {
            self.rate_hz = self.header().await?;
        }
        let read = self.stdout.read(&mut self.buffer).await.map_err(|e| e.to_string())?;
        if read > 0 {
            return Ok(Some((self.rate_hz, &self.buffer[..read])));
        }
        let status = self.child.wait().await.map_err(|e| e.to_string())?;
        if status.success() { Ok(None) } else { Err(format!("it ended with {status}")) }
    }

    /// The rate that the WAV header names. espeak-ng writes 44 bytes whose sizes are not to be believed: it does not
    /// know them yet.
    async fn header(&mut self) -> Result<u32, String> {
        let mut header = [0; 44];
        if let Err(error) = self.stdout.read_exact(&mut header).await {
            return match self.child.wait().await {
                Ok(status) => Err(format!("expected sound, found {status} without any")),
                Err(_) => Err(error.to_string()),
            };
        }
        wav_rate(&header).ok_or_else(|| "expected a WAV header of 16-bit mono".into())
    }
}

/// Whether this is a canonical header of 16-bit mono, and of which rate.
fn wav_rate(header: &[u8; 44]) -> Option<u32> {
    let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let rate = u32::from(number(24)) | u32::from(number(26)) << 16;
    let canonical = &header[..4] == b"RIFF" && &header[8..16] == b"WAVEfmt " && &header[36..40] == b"data";
    let pcm = number(20) == 1 && number(22) == 1 && number(34) == 16;
    (canonical && pcm && (4000..=192_000).contains(&rate)).then_some(rate)
}

/// The text without what espeak-ng would take for commands: `[[` opens phoneme notation, and a control character ends or
/// alters a clause.
fn spoken(text: &str) -> String {
    let mut spoken: String =
        text.chars().map(|c| if c.is_control() || matches!(c, '[' | ']') { ' ' } else { c }).collect();
    spoken.push('\n');
    spoken
}

#[cfg(test)]
#[path = "espeak/tests.rs"]
mod tests;
