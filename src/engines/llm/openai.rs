//! A language model behind any OpenAI-compatible server, streaming, with tools.
//!
//! An answer is awaited for so long and no longer: the first word or piece of a tool call within `first_token_ms`, every
//! next one within `stall_ms`, the whole within `deadline_ms`. What fails at once, before anything was said, is tried once
//! more if the first deadline leaves time for it. After that the engine reports a failure, and
//! [`Fallback`](super::fallback::Fallback) has the rules take over.

use std::sync::Arc;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use futures_util::StreamExt;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Shop;
use crate::conversation::Input;
use crate::conversation::event::{Completion, EngineFault, Thought};
use crate::engines::endpoint::{self, Trouble};
use crate::engines::port::{Gate, Ticket, Unwanted, deliver};
use crate::engines::{EngineError, Full, Inbox, Ranges, Thinking};
use crate::orders::tools;
use crate::telemetry::figures::COMPLETION_FIRST_SECONDS;

mod chunk;
mod messages;
mod prompt;
mod unthink;

use chunk::{Answer, Call, Chunk};

/// `[thinking.openai]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The server's address before `/chat/completions`. Default: OpenAI's own, `https://api.openai.com/v1`. For llama.cpp,
    /// vLLM and Ollama their own, such as `http://127.0.0.1:8000/v1`.
    pub url: String,
    /// The key, where the server wants one. Better given as `ORDERLINE__THINKING__OPENAI__API_KEY`.
    pub api_key: Option<SecretString>,
    /// The model's name as the server knows it. Default `gpt-4o-mini`.
    pub model: String,
    /// How long the first word may take, in milliseconds, 200 to 30000. Default 1500; after it the built-in rules answer.
    pub first_token_ms: u64,
    /// How long any next piece may take, in milliseconds, 200 to 30000. Default 3000.
    pub stall_ms: u64,
    /// How long an answer may take in all, in milliseconds, 1000 to 120000. Default 15000.
    pub deadline_ms: u64,
    /// The longest answer in tokens, 16 to 8192. Default 512: two sentences and a tool call take some hundred.
    pub max_completion_tokens: u32,
    /// How freely the model chooses its words, 0 to 2. Default: not sent, since some models refuse it.
    pub temperature: Option<f64>,
    /// More fields for every request, as the server understands them: `{ reasoning_effort = "low" }`. Default none.
    pub extra: Map<String, Value>,
    /// Answers at once, 1 to 1024. Default 64.
    pub concurrent: usize,
    /// Requests that may wait behind them, 0 to 4096; one more is refused and the call hears of it. Default 64.
    pub waiting: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: endpoint::OPENAI.into(),
            api_key: None,
            model: "gpt-4o-mini".into(),
            first_token_ms: 1500,
            stall_ms: 3000,
            deadline_ms: 15_000,
            max_completion_tokens: 512,
            temperature: None,
            extra: Map::new(),
            concurrent: 64,
            waiting: 64,
        }
    }
}

impl Settings {
    /// What is wrong with these settings, one sentence each; `at` names the section.
    pub fn problems(&self, at: &str) -> Vec<String> {
        let mut problems = Ranges::new(at);
        endpoint::problems(&mut problems, &self.url, self.api_key.as_ref(), &self.model);
        problems.within("first_token_ms", self.first_token_ms, 200, 30_000);
        problems.within("stall_ms", self.stall_ms, 200, 30_000);
        problems.within("deadline_ms", self.deadline_ms, 1000, 120_000);
        problems.within("max_completion_tokens", self.max_completion_tokens.into(), 16, 8192);
        problems.within("concurrent", self.concurrent as u64, 1, 1024);
        problems.within("waiting", self.waiting as u64, 0, 4096);
        if self.temperature.is_some_and(|t| !(0.0..=2.0).contains(&t)) {
            problems.add("temperature", &format!("expected 0 to 2, found {:?}", self.temperature));
        }
        for key in ["model", "messages", "tools", "stream"] {
            if self.extra.contains_key(key) {
                problems.add(
                    "extra",
                    &format!("expected fields that Orderline does not send itself, found {key:?}"),
                );
            }
        }
        problems.into()
    }
}

/// How long to wait before the one retry. Chosen: a restarting or rate-limiting server rarely needs less.
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
    shop: Shop,
    client: Client<OpenAIConfig>,
}

impl OpenAi {
    /// An engine that talks to the server from this runtime. The server is first spoken to when a caller has spoken.
    ///
    /// # Errors
    /// [`EngineError::Http`]
    pub fn new(settings: Settings, shop: Shop, runtime: Handle) -> Result<Self, EngineError> {
        let client = endpoint::client(&settings.url, settings.api_key.as_ref())?;
        let gate = Gate::new(settings.concurrent, settings.waiting);
        Ok(Self { shared: Arc::new(Shared { settings, shop, client }), runtime, gate })
    }
}

impl Thinking for OpenAi {
    fn complete(&self, request: Completion, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        let ticket = self.gate.enter()?;
        let shared = Arc::clone(&self.shared);
        self.runtime.spawn(async move {
            let piece = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                piece = shared.think(&request, ticket, &cancel, &inbox) => piece,
            };
            if let Ok(piece) = piece {
                // Unwanted: nobody is left to tell.
                let _ = deliver(&inbox, &cancel, Input::Completed { id: request.id, piece }).await;
            }
        });
        Ok(())
    }
}

/// Why an attempt gave no whole answer.
enum Cut {
    Unwanted(Unwanted),
    Trouble(Trouble),
}

impl From<Unwanted> for Cut {
    fn from(unwanted: Unwanted) -> Self {
        Self::Unwanted(unwanted)
    }
}

impl<T: Into<Trouble>> From<T> for Cut {
    fn from(trouble: T) -> Self {
        Self::Trouble(trouble.into())
    }
}

impl From<chunk::StreamFault> for Trouble {
    fn from(fault: chunk::StreamFault) -> Self {
        Self::broken(fault.to_string(), true)
    }
}

/// What the attempts at one answer share.
struct Asked<'a> {
    request: &'a Completion,
    cancel: &'a CancellationToken,
    inbox: &'a Inbox,
    body: Value,
    began: Instant,
    first_by: Instant,
    whole_by: Instant,
    /// Something was passed on, so that beginning anew would say it twice.
    spoken: bool,
}

impl Shared {
    /// Passes on what comes and gives the last piece.
    async fn think(
        &self,
        request: &Completion,
        ticket: Ticket,
        cancel: &CancellationToken,
        inbox: &Inbox,
    ) -> Result<Thought, Unwanted> {
        let began = Instant::now();
        let mut asked = Asked {
            body: self.body(request),
            request,
            cancel,
            inbox,
            began,
            first_by: began + Duration::from_millis(self.settings.first_token_ms),
            whole_by: began + Duration::from_millis(self.settings.deadline_ms),
            spoken: false,
        };
        let Ok(_running) = timeout_at(asked.first_by, ticket.turn()).await else {
            return Ok(Thought::Failed { fault: EngineFault::TimedOut });
        };
        let mut retried = false;
        loop {
            let trouble = match self.attempt(&mut asked).await {
                Ok(()) => return Ok(Thought::Done),
                Err(Cut::Unwanted(unwanted)) => return Err(unwanted),
                Err(Cut::Trouble(trouble)) => trouble,
            };
            if retried || asked.spoken || !trouble.again || Instant::now() + PAUSE >= asked.first_by {
                tracing::warn!(request.id = request.id.0, fault = ?trouble.fault, "the language model gave no whole answer");
                return Ok(Thought::Failed { fault: trouble.fault });
            }
            tracing::info!(request.id = request.id.0, fault = ?trouble.fault, "the language model is asked again");
            retried = true;
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn attempt(&self, asked: &mut Asked<'_>) -> Result<(), Cut> {
        let chat = self.client.chat();
        let opening = chat.create_stream_byot::<_, Chunk>(&asked.body);
        let mut stream = timeout_at(asked.first_by, opening).await.map_err(|_| Trouble::timed_out())??;
        let mut answer = Answer::default();
        loop {
            let by = if answer.begun() {
                (Instant::now() + Duration::from_millis(self.settings.stall_ms)).min(asked.whole_by)
            } else {
                asked.first_by
            };
            let Some(chunk) = timeout_at(by, stream.next()).await.map_err(|_| Trouble::timed_out())? else {
                break;
            };
            let waited = !answer.begun();
            let text = answer.push(chunk?).map_err(Trouble::from)?;
            if waited && answer.begun() {
                metrics::histogram!(COMPLETION_FIRST_SECONDS, "engine" => "openai")
                    .record(asked.began.elapsed());
            }
            asked.say(text).await?;
        }
        let (rest, calls) = answer.finish().map_err(Trouble::from)?;
        asked.say(rest).await?;
        for (n, call) in calls.into_iter().enumerate() {
            asked.call(n, call).await?;
        }
        Ok(())
    }

    fn body(&self, request: &Completion) -> Value {
        let settings = &self.settings;
        let system = prompt::system(&request.briefing, request.language, &self.shop);
        let mut body = json!({
            "model": settings.model,
            "messages": messages::messages(system, &request.history),
            "stream": true,
            "max_completion_tokens": settings.max_completion_tokens,
        });
        if !request.tools.is_empty() {
            let tools = request.tools.iter().map(
                |&tool| json!({"type": "function", "function": tools::definition(tool, request.language)}),
            );
            body["tools"] = tools.collect();
        }
        if let Some(temperature) = settings.temperature {
            body["temperature"] = temperature.into();
        }
        for (key, value) in &settings.extra {
            body[key] = value.clone();
        }
        body
    }
}

impl Asked<'_> {
    async fn say(&mut self, text: String) -> Result<(), Unwanted> {
        if text.is_empty() {
            return Ok(());
        }
        self.pass(Thought::Delta { text }).await
    }

    async fn call(&mut self, n: usize, call: Call) -> Result<(), Unwanted> {
        // Nine letters and digits, as some servers want ids.
        let call_ref =
            if call.id.is_empty() { format!("c{:06}{n:02}", self.request.id.0 % 1_000_000) } else { call.id };
        self.pass(Thought::ToolCall { call_ref, tool: call.tool, arguments: call.arguments }).await
    }

    async fn pass(&mut self, piece: Thought) -> Result<(), Unwanted> {
        self.spoken = true;
        deliver(self.inbox, self.cancel, Input::Completed { id: self.request.id, piece }).await
    }
}
