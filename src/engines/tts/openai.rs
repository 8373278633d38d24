//! A voice behind any OpenAI-compatible speech endpoint.
//!
//! The answer is raw 16-bit sound or a WAV, taken as it comes: the first frame leaves when the server has sent that much.
//! (The HTTP client is used directly: async-openai gathers the whole sound before it gives any.)

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::cache::{Cache, SharedCache};
use super::head::Head;
use super::pcm::Pcm;
use crate::conversation::Input;
use crate::conversation::event::{EngineFault, Speech, Synthesis};
use crate::engines::endpoint::{self, Trouble};
use crate::engines::port::{Gate, Ticket, Unwanted, deliver};
use crate::engines::{EngineError, Full, Inbox, Ranges, Speaking};
use crate::language::Language;
use crate::telemetry::figures::SYNTHESIS_FIRST_SECONDS;

/// `[speaking.openai]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The server's address before `/audio/speech`. Default: OpenAI's own, `https://api.openai.com/v1`.
    pub url: String,
    /// The key, where the server wants one. Better given as `ORDERLINE__SPEAKING__OPENAI__API_KEY`.
    pub api_key: Option<SecretString>,
    /// The model's name as the server knows it. Default `gpt-4o-mini-tts`.
    pub model: String,
    /// Its voice for Russian. Default `alloy`.
    pub voice_ru: String,
    /// Its voice for English. Default `alloy`.
    pub voice_en: String,
    /// What is asked for: `pcm` (default, 16-bit raw) or `wav`. A WAV is understood in either case.
    pub format: Format,
    /// Samples a second of raw sound, 8000 to 48000. Default 24000, OpenAI's; a WAV says its own.
    pub pcm_hz: u32,
    /// More fields for every request, as the server understands them: `{ speed = 1.1 }`. Default none.
    pub extra: Map<String, Value>,
    /// How long the first sound may take, in milliseconds, 200 to 30000. Default 2500.
    pub first_sound_ms: u64,
    /// How long a clause may take in all, in milliseconds, 500 to 120000. Default 20000.
    pub deadline_ms: u64,
    /// Clauses on their way at once, 1 to 1024. Default 32.
    pub concurrent: usize,
    /// Clauses that may wait behind them, 0 to 4096; one more is refused and the call hears of it. Default 128.
    pub waiting: usize,
    /// Sound kept for phrases said before, in KiB, 0 to 1048576; 0 keeps none. Default 16384.
    pub cache_kib: usize,
}

/// What the server is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Raw 16-bit little-endian mono.
    #[default]
    Pcm,
    /// The same with a header.
    Wav,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: endpoint::OPENAI.into(),
            api_key: None,
            model: "gpt-4o-mini-tts".into(),
            voice_ru: "alloy".into(),
            voice_en: "alloy".into(),
            format: Format::Pcm,
            pcm_hz: 24_000,
            extra: Map::new(),
            first_sound_ms: 2500,
            deadline_ms: 20_000,
            concurrent: 32,
            waiting: 128,
            cache_kib: 16 * 1024,
        }
    }
}

impl Settings {
    /// What is wrong with these settings, one sentence each; `at` names the section.
    pub fn problems(&self, at: &str) -> Vec<String> {
        let mut problems = Ranges::new(at);
        endpoint::problems(&mut problems, &self.url, self.api_key.as_ref(), &self.model);
        problems.filled("voice_ru", &self.voice_ru);
        problems.filled("voice_en", &self.voice_en);
        problems.within("pcm_hz", self.pcm_hz.into(), 8000, 48_000);
        problems.within("first_sound_ms", self.first_sound_ms, 200, 30_000);
        problems.within("deadline_ms", self.deadline_ms, 500, 120_000);
        problems.within("concurrent", self.concurrent as u64, 1, 1024);
        problems.within("waiting", self.waiting as u64, 0, 4096);
        problems.within("cache_kib", self.cache_kib as u64, 0, 1 << 20);
        problems.into()
    }
}

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
    http: reqwest::Client,
    cache: SharedCache,
}

impl OpenAi {
    /// An engine that talks to the server from this runtime.
    ///
    /// # Errors
    /// [`EngineError::Http`]
    pub fn new(settings: Settings, runtime: Handle) -> Result<Self, EngineError> {
        let gate = Gate::new(settings.concurrent, settings.waiting);
        let cache = SharedCache::new(Cache::of_kib(settings.cache_kib));
        Ok(Self { shared: Arc::new(Shared { settings, http: endpoint::http()?, cache }), runtime, gate })
    }
}

impl Speaking for OpenAi {
    fn synthesize(&self, request: Synthesis, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        let ticket = self.gate.enter()?;
        let shared = Arc::clone(&self.shared);
        self.runtime.spawn(async move {
            let piece = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                piece = shared.say(&request, ticket, &cancel, &inbox) => piece,
            };
            if let Ok(piece) = piece {
                // Unwanted: nobody is left to tell.
                let _ = deliver(&inbox, &cancel, Input::Synthesized { id: request.id, piece }).await;
            }
        });
        Ok(())
    }
}

/// Why an attempt gave no whole sound.
enum Cut {
    Unwanted(Unwanted),
    Trouble(Trouble),
}

impl From<Unwanted> for Cut {
    fn from(unwanted: Unwanted) -> Self {
        Self::Unwanted(unwanted)
    }
}

impl From<Trouble> for Cut {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// What the attempts at one clause share.
struct Asked<'a> {
    request: &'a Synthesis,
    cancel: &'a CancellationToken,
    inbox: &'a Inbox,
    began: Instant,
    first_by: Instant,
    whole_by: Instant,
    /// All that was passed on.
    sound: Vec<i16>,
}

impl Shared {
    /// Passes the sound on and gives the last piece.
    async fn say(
        &self,
        request: &Synthesis,
        ticket: Ticket,
        cancel: &CancellationToken,
        inbox: &Inbox,
    ) -> Result<Speech, Unwanted> {
        if let Some(samples) = self.cache.get(request) {
            let piece = Speech::Chunk { samples };
            deliver(inbox, cancel, Input::Synthesized { id: request.id, piece }).await?;
            return Ok(Speech::Done);
        }
        let began = Instant::now();
        let first_by = began + Duration::from_millis(self.settings.first_sound_ms);
        let whole_by = began + Duration::from_millis(self.settings.deadline_ms);
        let mut asked = Asked { request, cancel, inbox, began, first_by, whole_by, sound: Vec::new() };
        let Ok(_running) = timeout_at(first_by, ticket.turn()).await else {
            return Ok(Speech::Failed { fault: EngineFault::TimedOut });
        };
        let mut retried = false;
        loop {
            let trouble = match self.attempt(&mut asked).await {
                Ok(()) => {
                    self.cache.put(request, asked.sound);
                    return Ok(Speech::Done);
                }
                Err(Cut::Unwanted(unwanted)) => return Err(unwanted),
                Err(Cut::Trouble(trouble)) => trouble,
            };
            if retried || !asked.sound.is_empty() || !trouble.again || Instant::now() + PAUSE >= first_by {
                tracing::warn!(request.id = request.id.0, fault = ?trouble.fault, "the speech server gave no whole sound");
                return Ok(Speech::Failed { fault: trouble.fault });
            }
            retried = true;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn attempt(&self, asked: &mut Asked<'_>) -> Result<(), Cut> {
        let sent = self.post(asked.request).send();
        let response = timeout_at(asked.first_by, sent).await.map_err(|_| Trouble::timed_out())?;
        let response = sound(response.map_err(|error| http_trouble(&error))?, asked.first_by).await?;
        let mut bytes = response.bytes_stream();
        let mut head = Head::new(self.settings.pcm_hz);
        let mut pcm: Option<Pcm> = None;
        loop {
            let by = if asked.sound.is_empty() { asked.first_by } else { asked.whole_by };
            let Some(part) = timeout_at(by, bytes.next()).await.map_err(|_| Trouble::timed_out())? else {
                break;
            };
            let part = part.map_err(|error| http_trouble(&error))?;
            let body = head.push(&part).map_err(|found| Trouble::broken(found.to_string(), false))?;
            let Some((rate_hz, body)) = body else { continue };
            let pcm = match &mut pcm {
                Some(pcm) => pcm,
                None => pcm.insert(
                    Pcm::new(rate_hz, asked.request.rate)
                        .map_err(|rates| Trouble::broken(rates.to_string(), false))?,
                ),
            };
            for samples in pcm.push(&body) {
                asked.pass(samples).await?;
            }
        }
        if let Some(samples) = pcm.and_then(Pcm::finish) {
            asked.pass(samples).await?;
        }
        if asked.sound.is_empty() && asked.request.text.chars().any(char::is_alphanumeric) {
            return Err(Trouble::broken("expected sound, found an empty answer".into(), true).into());
        }
        Ok(())
    }

    fn post(&self, request: &Synthesis) -> reqwest::RequestBuilder {
        let settings = &self.settings;
        let mut body = json!({
            "model": settings.model,
            "input": request.text,
            "voice": match request.language {
                Language::Russian => &settings.voice_ru,
                Language::English => &settings.voice_en,
            },
            "response_format": match settings.format {
                Format::Pcm => "pcm",
                Format::Wav => "wav",
            },
        });
        for (key, value) in &settings.extra {
            body[key] = value.clone();
        }
        let post = self.http.post(format!("{}/audio/speech", settings.url.trim_end_matches('/'))).json(&body);
        match &settings.api_key {
            Some(key) => post.bearer_auth(key.expose_secret()),
            None => post,
        }
    }
}

impl Asked<'_> {
    async fn pass(&mut self, samples: Arc<[i16]>) -> Result<(), Unwanted> {
        if self.sound.is_empty() {
            metrics::histogram!(SYNTHESIS_FIRST_SECONDS, "engine" => "openai").record(self.began.elapsed());
        }
        self.sound.extend_from_slice(&samples);
        let piece = Speech::Chunk { samples };
        deliver(self.inbox, self.cancel, Input::Synthesized { id: self.request.id, piece }).await
    }
}

/// The response if it is sound.
async fn sound(response: reqwest::Response, by: Instant) -> Result<reqwest::Response, Trouble> {
    let status = response.status();
    if !status.is_success() {
        let again = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
        let first = timeout_at(by, response.bytes_stream().next()).await.ok().flatten().and_then(Result::ok);
        let text = String::from_utf8_lossy(first.as_deref().unwrap_or_default());
        let text: String = text.chars().take(300).collect();
        return Err(Trouble::broken(format!("the server answered {status}: {text}"), again));
    }
    let kind = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let known = [
        "",
        "audio/pcm",
        "audio/l16",
        "audio/wav",
        "audio/x-wav",
        "audio/wave",
        "audio/vnd.wave",
        "audio/raw",
    ];
    if known.contains(&kind.as_str()) || kind == "application/octet-stream" {
        return Ok(response);
    }
    Err(Trouble::broken(format!("expected raw 16-bit sound or a WAV, found {kind}"), false))
}

fn http_trouble(error: &reqwest::Error) -> Trouble {
    Trouble::broken(endpoint::chain(error), !error.is_builder())
}
