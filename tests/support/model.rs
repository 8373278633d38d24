//! A language model that answers by a script, well or badly, behind an OpenAI-compatible address.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Json, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::{Stream, StreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// What the model is asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Turns of the caller so far.
    pub(crate) turn: usize,
    /// Results of tools since the caller's last words.
    pub(crate) results: Vec<Value>,
}

impl Asked {
    fn new(body: &Value) -> Self {
        let messages = body["messages"].as_array().cloned().unwrap_or_default();
        let caller = |message: &Value| match message["content"].as_str() {
            Some(text) if message["role"] == "user" => {
                text.lines().filter(|l| !l.starts_with("[desk]")).count()
            }
            _ => 0,
        };
        let last = messages.iter().rposition(|message| message["role"] == "user").unwrap_or(0);
        let result = |message: &Value| serde_json::from_str(message["content"].as_str().unwrap_or("")).ok();
        Self {
            turn: messages.iter().map(caller).sum(),
            results: messages[last..].iter().filter(|m| m["role"] == "tool").filter_map(result).collect(),
        }
    }

    /// The results' errors, by their codes.
    pub(crate) fn errors(&self) -> Vec<&str> {
        self.results.iter().filter_map(|result| result["error"].as_str()).collect()
    }
}

/// What the model answers.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    wait: Duration,
    deltas: Vec<Value>,
    /// After so many of them the rest comes only when this is told.
    held: Option<(usize, Arc<Notify>)>,
    end: End,
}

#[derive(Clone, Copy, Debug)]
enum End {
    /// As the protocol wants it.
    Proper,
    /// The connection breaks.
    Broken,
    /// Nothing more comes, and the connection stays.
    Stalled,
}

impl Reply {
    fn new(deltas: Vec<Value>) -> Self {
        Self { status: StatusCode::OK, wait: Duration::ZERO, deltas, held: None, end: End::Proper }
    }

    /// Says this, word by word.
    pub(crate) fn say(text: &str) -> Self {
        Self::new(text.split_inclusive(' ').map(|word| json!({"content": word})).collect())
    }

    /// Calls a tool; the arguments come a character at a time.
    pub(crate) fn call(tool: &str, arguments: &str) -> Self {
        Self::new(Vec::new()).and_call(tool, arguments)
    }

    /// Calls one more tool in the same answer.
    pub(crate) fn and_call(mut self, tool: &str, arguments: &str) -> Self {
        let index = self.deltas.iter().filter(|delta| !delta["tool_calls"][0]["id"].is_null()).count();
        let head = json!({"index": index, "id": format!("call{index:05}"), "type": "function",
            "function": {"name": tool, "arguments": ""}});
        self.deltas.push(json!({"tool_calls": [head]}));
        for piece in arguments.chars() {
            let piece = json!({"index": index, "function": {"arguments": piece}});
            self.deltas.push(json!({"tool_calls": [piece]}));
        }
        self
    }

    /// An error instead of an answer.
    pub(crate) fn refuse(status: u16) -> Self {
        Self { status: StatusCode::from_u16(status).unwrap(), ..Self::new(Vec::new()) }
    }

    /// Begins only so long after it was asked.
    pub(crate) fn after(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// Breaks off after so many pieces.
    pub(crate) fn broken_after(mut self, pieces: usize) -> Self {
        self.deltas.truncate(pieces);
        Self { end: End::Broken, ..self }
    }

    /// Says nothing more after so many pieces.
    pub(crate) fn stalled_after(self, pieces: usize) -> Self {
        Self { end: End::Stalled, ..self.broken_after(pieces) }
    }

    /// Goes on after so many pieces only when it is told to.
    pub(crate) fn held_after(self, pieces: usize, until: Arc<Notify>) -> Self {
        Self { held: Some((pieces, until)), ..self }
    }

    async fn into_response(self) -> Response {
        tokio::time::sleep(self.wait).await;
        if self.status != StatusCode::OK {
            let error = json!({"error": {"message": "no answer today", "type": "server_error"}});
            return (self.status, Json(error)).into_response();
        }
        let reason = if self.deltas.iter().any(|delta| delta.get("tool_calls").is_some()) {
            "tool_calls"
        } else {
            "stop"
        };
        let chunk = |delta: &Value, reason: Option<&str>| {
            let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
            let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "scripted",
                "choices": [choice]});
            format!("data: {chunk}\n\n")
        };
        let chunks: Vec<String> = self.deltas.iter().map(|delta| chunk(delta, None)).collect();
        let (at_once, until) =
            self.held.map_or((chunks.len(), None), |(pieces, until)| (pieces, Some(until)));
        let (first, later) = chunks.split_at(at_once);
        let end = match self.end {
            End::Proper => chunk(&json!({}), Some(reason)) + "data: [DONE]\n\n",
            End::Broken | End::Stalled => String::new(),
        };
        let body = torn(first.concat())
            .chain(stream::once(async move {
                if let Some(until) = until {
                    until.notified().await;
                }
                Ok(Bytes::new())
            }))
            .chain(torn(later.concat() + &end))
            .chain(stream::once(async move {
                match self.end {
                    End::Proper => Ok(Bytes::new()),
                    End::Broken => Err(io::ErrorKind::ConnectionReset.into()),
                    End::Stalled => std::future::pending().await,
                }
            }));
        ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(body)).into_response()
    }
}

/// Pieces that end anywhere: within a line, within a character.
fn torn(text: String) -> impl Stream<Item = io::Result<Bytes>> {
    let pieces: Vec<_> = text.as_bytes().chunks(61).map(Bytes::copy_from_slice).collect();
    stream::iter(pieces).then(async |piece| {
        tokio::task::yield_now().await;
        Ok(piece)
    })
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

pub(crate) const FIND: &str = r#"{"query": "нокиан зимняя 205 55 16"}"#;
pub(crate) const DRAFT: &str = r#"{"items": [{"product_ref": 1, "quantity": 4}]}"#;
pub(crate) const DELIVER: &str =
    r#"{"delivery_type": "delivery", "city": "Москва", "address": "улица Ленина, дом 5"}"#;
pub(crate) const CONFIRM: &str = r#"{"payment_method": "card_on_delivery"}"#;

/// Four at 8990, in kopecks.
const GOODS: i64 = 4 * 8990 * 100;
/// With 390 for the delivery.
pub(crate) const TOTAL: i64 = GOODS + 390 * 100;

/// A model in a hurry: it brings an order to its read-back in one turn of the caller.
pub(crate) fn order(asked: &Asked) -> Reply {
    match asked.results.len() {
        0 => Reply::call("find_products", FIND),
        1 => Reply::call("create_order_draft", DRAFT),
        2 => Reply::call("update_order_delivery", DELIVER),
        _ => Reply::call("confirm_order", CONFIRM),
    }
}

type Kept = Arc<Mutex<Vec<Asked>>>;

/// A running model.
pub(crate) struct Model {
    /// The address to configure.
    pub(crate) url: String,
    asked: Kept,
}

impl Model {
    pub(crate) async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Script> = Arc::new(script);
        let router =
            Router::new().route("/v1/chat/completions", post(answer)).with_state((script, asked.clone()));
        // Ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, asked }
    }

    /// All it was asked.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(State((script, kept)): State<(Arc<Script>, Kept)>, Json(body): Json<Value>) -> Response {
    let asked = Asked::new(&body);
    let reply = script(&asked);
    kept.lock().unwrap().push(asked);
    reply.into_response().await
}
