//! A recogniser behind any OpenAI-compatible transcription endpoint.
//!
//! An utterance goes out as one WAV made in memory. What fails at once is asked once more while half of the deadline is
//! left; more would come after the caller has begun to wonder.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::types::InputSource;
use async_openai::types::audio::{AudioInput, AudioResponseFormat, CreateTranscriptionRequest};
use secrecy::SecretString;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::conversation::Input;
use crate::conversation::event::{EngineFault, Recognition, Transcript};
use crate::engines::endpoint::{self, Trouble};
use crate::engines::port::{Gate, Ticket, deliver};
use crate::engines::{EngineError, Full, Hearing, Inbox, Ranges};
use crate::language::Language;

/// `[hearing.openai]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The server's address before `/audio/transcriptions`. Default: OpenAI's own, `https://api.openai.com/v1`.
    pub url: String,
    /// The key, where the server wants one. Better given as `ORDERLINE__HEARING__OPENAI__API_KEY`.
    pub api_key: Option<SecretString>,
    /// The model's name as the server knows it. Default `gpt-4o-mini-transcribe`.
    pub model: String,
    /// Whether the words likely to be said now (products, cities) are sent as a prompt. Default true.
    pub hints: bool,
    /// How long an utterance may take from being taken to its text, in milliseconds, 200 to 60000. Default 4000.
    pub deadline_ms: u64,
    /// Utterances on their way at once, 1 to 1024. Default 32.
    pub concurrent: usize,
    /// Utterances that may wait behind them, 0 to 4096; one more is refused and the call hears of it. Default 32.
    pub waiting: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: endpoint::OPENAI.into(),
            api_key: None,
            model: "gpt-4o-mini-transcribe".into(),
            hints: true,
            deadline_ms: 4000,
            concurrent: 32,
            waiting: 32,
        }
    }
}

impl Settings {
    /// What is wrong with these settings, one sentence each; `at` names the section.
    pub fn problems(&self, at: &str) -> Vec<String> {
        let mut problems = Ranges::new(at);
        endpoint::problems(&mut problems, &self.url, self.api_key.as_ref(), &self.model);
        problems.within("deadline_ms", self.deadline_ms, 200, 60_000);
        problems.within("concurrent", self.concurrent as u64, 1, 1024);
        problems.within("waiting", self.waiting as u64, 0, 4096);
        problems.into()
    }
}

/// The longest prompt of hints, in characters. Chosen: hosted models read some 200 tokens of it.
const LONGEST_HINTS: usize = 600;
/// Before the one retry.
const PAUSE: Duration = Duration::from_millis(150);

/// The engine.
#[derive(Debug)]
pub struct OpenAi {
    shared: Arc<Shared>,
    runtime: Handle,
    gate: Gate,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    client: Client<OpenAIConfig>,
}

/// The part of an answer that every server gives.
#[derive(Deserialize)]
struct Answer {
    text: String,
}

masked!(Answer);

impl OpenAi {
    /// An engine that talks to the server from this runtime.
    ///
    /// # Errors
    /// [`EngineError::Http`]
    pub fn new(settings: Settings, runtime: Handle) -> Result<Self, EngineError> {
        let client = endpoint::client(&settings.url, settings.api_key.as_ref())?;
        let gate = Gate::new(settings.concurrent, settings.waiting);
        Ok(Self { shared: Arc::new(Shared { settings, client }), runtime, gate })
    }
}

impl Hearing for OpenAi {
    fn recognize(&self, job: Recognition, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        let ticket = self.gate.enter()?;
        let shared = Arc::clone(&self.shared);
        self.runtime.spawn(async move {
            let result = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                result = shared.hear(&job, ticket) => result,
            };
            let input = Input::Transcribed { turn: job.turn, revision: job.revision, result };
            // Unwanted: the call has gone on without it.
            let _ = deliver(&inbox, &cancel, input).await;
        });
        Ok(())
    }
}

impl Shared {
    async fn hear(&self, job: &Recognition, ticket: Ticket) -> Result<Transcript, EngineFault> {
        let began = Instant::now();
        let deadline = Duration::from_millis(self.settings.deadline_ms);
        let by = began + deadline;
        let _running = timeout_at(by, ticket.turn()).await.map_err(|_| EngineFault::TimedOut)?;
        let request = self.request(job)?;
        let mut retried = false;
        let text = loop {
            let audio = self.client.audio();
            let transcription = audio.transcription();
            let asked = transcription.create_byot::<_, Answer>(request.clone());
            let trouble: Trouble = match timeout_at(by, asked).await {
                Ok(Ok(answer)) => break answer.text,
                Ok(Err(error)) => error.into(),
                Err(_) => Trouble::timed_out(),
            };
            if retried || !trouble.again || began.elapsed() + PAUSE > deadline / 2 {
                tracing::warn!(turn.id = job.turn.0, fault = ?trouble.fault, "the transcription server gave no text");
                return Err(trouble.fault);
            }
            retried = true;
            tokio::time::sleep(PAUSE).await;
        };
        let text = text.trim().to_owned();
        let language = job.language.or_else(|| Language::of(&text)).unwrap_or_default();
        let decode_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        // These servers do not say how sure they are.
        Ok(Transcript { text, language, confidence_permille: 1000, decode_ms })
    }

    fn request(&self, job: &Recognition) -> Result<CreateTranscriptionRequest, EngineFault> {
        let wav =
            wav(&job.samples).map_err(|e| EngineFault::Broken { detail: format!("making a WAV: {e}") })?;
        let prompt: String = job.hints.join(", ").chars().take(LONGEST_HINTS).collect();
        Ok(CreateTranscriptionRequest {
            file: AudioInput {
                source: InputSource::Bytes { filename: "turn.wav".into(), bytes: wav.into() },
            },
            model: self.settings.model.clone(),
            language: job.language.map(|language| language.code().to_owned()),
            prompt: (self.settings.hints && !prompt.is_empty()).then_some(prompt),
            response_format: Some(AudioResponseFormat::Json),
            ..CreateTranscriptionRequest::default()
        })
    }
}

fn wav(samples: &[i16]) -> Result<Vec<u8>, hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: crate::audio::Rate::HZ_16000.0,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::with_capacity(44 + samples.len() * 2));
    let mut writer = hound::WavWriter::new(&mut file, spec)?;
    for &sample in samples {
        writer.write_sample(sample)?;
    }
    writer.finalize()?;
    Ok(file.into_inner())
}
