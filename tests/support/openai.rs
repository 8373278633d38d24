//! An OpenAI-compatible server that follows a script: chat completions, transcriptions and speech.
//!
//! Each endpoint gives its scripted replies one after the other, then its last one again. A reply is bytes, pauses and
//! a broken connection, so that a test decides where a stream is torn.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

/// What comes over the connection.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Bytes(Vec<u8>),
    Pause(Duration),
    /// The connection is closed in the middle.
    Break,
}

/// One answer to one request.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    kind: &'static str,
    /// Before the head of the answer is sent.
    delay: Duration,
    parts: Vec<Part>,
}

/// The server; it ends with the test's runtime.
#[derive(Clone, Debug)]
pub(crate) struct ScriptedOpenAi {
    /// The base address, to which `/chat/completions` is added.
    pub(crate) url: String,
    script: Arc<Script>,
}

#[derive(Debug, Default)]
struct Script {
    chat: Mutex<VecDeque<Reply>>,
    transcriptions: Mutex<VecDeque<Reply>>,
    speech: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<Request>>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: &'static str,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Bytes,
}

impl Request {
    /// Its JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl ScriptedOpenAi {
    /// Listens on loopback.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let script = Arc::<Script>::default();
        let router = Router::new()
            .route("/v1/chat/completions", post(chat))
            .route("/v1/audio/transcriptions", post(transcriptions))
            .route("/v1/audio/speech", post(speech))
            .with_state(Arc::clone(&script));
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, script }
    }

    /// The next answer of the language model.
    pub(crate) fn chat(&self, reply: Reply) -> &Self {
        self.script.chat.lock().unwrap().push_back(reply);
        self
    }

    /// The next answer of the recogniser.
    pub(crate) fn transcription(&self, reply: Reply) -> &Self {
        self.script.transcriptions.lock().unwrap().push_back(reply);
        self
    }

    /// The next answer of the voice.
    pub(crate) fn speech(&self, reply: Reply) -> &Self {
        self.script.speech.lock().unwrap().push_back(reply);
        self
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.script.requests.lock().unwrap().clone()
    }
}

impl Reply {
    /// Server-sent events, one part each, and `[DONE]`.
    pub(crate) fn events(events: &[Value]) -> Self {
        let mut parts: Vec<Part> =
            events.iter().map(|event| Part::Bytes(format!("data: {event}\n\n").into_bytes())).collect();
        parts.push(Part::Bytes(b"data: [DONE]\n\n".to_vec()));
        Self { status: 200, kind: "text/event-stream", delay: Duration::ZERO, parts }
    }

    /// Words, one event each.
    pub(crate) fn words(words: &[&str]) -> Self {
        let mut events: Vec<Value> = words.iter().map(|word| delta(json!({"content": word}))).collect();
        events.push(finish("stop"));
        Self::events(&events)
    }

    /// Words and tool calls (name, arguments), each call whole in one event.
    pub(crate) fn calls(words: &[&str], calls: &[(&str, &str)]) -> Self {
        let mut events: Vec<Value> = words.iter().map(|word| delta(json!({"content": word}))).collect();
        for (n, (name, arguments)) in calls.iter().enumerate() {
            events.push(delta(json!({"tool_calls": [{
                "index": n, "id": format!("call_{n}"), "type": "function",
                "function": {"name": name, "arguments": arguments},
            }]})));
        }
        events.push(finish("tool_calls"));
        Self::events(&events)
    }

    /// An error as OpenAI words it.
    pub(crate) fn error(status: u16) -> Self {
        let body = json!({"error": {"message": "scripted", "type": "x", "param": null, "code": null}});
        Self { status, ..Self::body("application/json", body.to_string().into_bytes()) }
    }

    /// Anything.
    pub(crate) fn body(kind: &'static str, body: Vec<u8>) -> Self {
        Self { status: 200, kind, delay: Duration::ZERO, parts: vec![Part::Bytes(body)] }
    }

    /// All bytes joined and torn into pieces of so many, also within a character.
    #[must_use]
    pub(crate) fn torn(mut self, bytes: usize) -> Self {
        let all: Vec<u8> = self
            .parts
            .iter()
            .flat_map(|part| if let Part::Bytes(bytes) = part { bytes.clone() } else { Vec::new() })
            .collect();
        self.parts = all.chunks(bytes).map(|piece| Part::Bytes(piece.to_vec())).collect();
        self
    }

    /// Only the first parts, then the connection breaks.
    #[must_use]
    pub(crate) fn breaking_after(mut self, parts: usize) -> Self {
        self.parts.truncate(parts);
        self.parts.push(Part::Break);
        self
    }

    /// Only the first parts, then the answer ends as if it were whole.
    #[must_use]
    pub(crate) fn ending_after(mut self, parts: usize) -> Self {
        self.parts.truncate(parts);
        self
    }

    /// Nothing happens for a while after so many parts.
    #[must_use]
    pub(crate) fn pausing_after(mut self, parts: usize, pause: Duration) -> Self {
        self.parts.insert(parts, Part::Pause(pause));
        self
    }

    /// The answer's head comes late.
    #[must_use]
    pub(crate) fn delayed(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// An event with a piece of the first choice.
pub(crate) fn delta(delta: Value) -> Value {
    json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
        "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

/// The last event.
pub(crate) fn finish(reason: &str) -> Value {
    json!({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
        "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

async fn chat(State(script): State<Arc<Script>>, headers: HeaderMap, body: Bytes) -> Response {
    answer(&script, "/chat/completions", &script.chat, &headers, body).await
}

async fn transcriptions(State(script): State<Arc<Script>>, headers: HeaderMap, body: Bytes) -> Response {
    answer(&script, "/audio/transcriptions", &script.transcriptions, &headers, body).await
}

async fn speech(State(script): State<Arc<Script>>, headers: HeaderMap, body: Bytes) -> Response {
    answer(&script, "/audio/speech", &script.speech, &headers, body).await
}

async fn answer(
    script: &Script,
    path: &'static str,
    replies: &Mutex<VecDeque<Reply>>,
    headers: &HeaderMap,
    body: Bytes,
) -> Response {
    let authorization = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
    script.requests.lock().unwrap().push(Request { path, authorization, body });
    let reply = {
        let mut replies = replies.lock().unwrap();
        if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }
    };
    let Reply { status, kind, delay, parts } = reply.unwrap_or_else(|| Reply::error(500));
    tokio::time::sleep(delay).await;
    let stream = futures_util::stream::unfold(parts.into_iter(), |mut parts| async move {
        loop {
            match parts.next()? {
                Part::Bytes(bytes) => {
                    // Each part goes out alone, as a slow model's would.
                    tokio::task::yield_now().await;
                    return Some((Ok(Bytes::from(bytes)), parts));
                }
                Part::Pause(pause) => tokio::time::sleep(pause).await,
                Part::Break => {
                    // What was written before is sent first: a pause in the body is what flushes it.
                    tokio::task::yield_now().await;
                    return Some((Err(std::io::Error::other("scripted break")), parts));
                }
            }
        }
    });
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header(header::CONTENT_TYPE, kind)
        .body(Body::from_stream(stream))
        .unwrap()
}
