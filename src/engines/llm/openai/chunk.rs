//! A streamed completion put together again, chunk by chunk.
//!
//! Servers differ: ids come late or never, an index is missing or always 0, a call comes whole in one chunk or in single
//! characters, arguments come as an object instead of a text, a thinking model thinks aloud between tags. All of these end
//! in the same pieces.

use serde::Deserialize;
use serde_json::Value;

use super::unthink::Unthink;
use crate::telemetry::impersonal;

/// Tool calls of one answer, and bytes of one call's arguments; beyond them the answer is refused. Chosen: nothing
/// sensible comes near.
const MOST_CALLS: usize = 16;
const MOST_BYTES: usize = 64 * 1024;

/// One chunk, as little of it as is needed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chunk {
    choices: Vec<Choice>,
    /// Some servers report what went wrong inside the stream.
    error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Choice {
    index: Option<u32>,
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<CallDelta>>,
}

masked!(Delta);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CallDelta {
    index: Option<u32>,
    id: Option<String>,
    function: Option<FunctionDelta>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FunctionDelta {
    name: Option<String>,
    arguments: Option<Value>,
}

masked!(FunctionDelta);

/// A tool call, whole.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Call {
    /// As the server named it; may be empty.
    pub(super) id: String,
    pub(super) tool: String,
    pub(super) arguments: String,
}

masked!(Call);

/// Why an answer is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum StreamFault {
    /// The server said so inside the stream.
    #[error("the server reported within its answer: {0}")]
    Reported(String),
    /// More than anybody asked for.
    #[error("expected at most {MOST_CALLS} tool calls and {MOST_BYTES} bytes of arguments, found more")]
    TooMuch,
    /// It ended without a finish reason.
    #[error("expected a finish reason, found the end of the stream")]
    BrokenOff,
    /// It ended properly and said nothing.
    #[error("expected words or a tool call, found an empty answer")]
    Empty,
    /// The server withheld it.
    #[error("the server withheld the answer by its content filter")]
    Filtered,
}

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Answer {
    words: Unthink,
    calls: Vec<(Option<u32>, Call)>,
    finish: Option<String>,
    /// Words or a part of a call have come.
    begun: bool,
}

impl Answer {
    /// Takes a chunk and gives the words to say now.
    pub(super) fn push(&mut self, chunk: Chunk) -> Result<String, StreamFault> {
        if let Some(error) = chunk.error.filter(|e| !e.is_null()) {
            let text =
                error.get("message").and_then(Value::as_str).map_or_else(|| error.to_string(), str::to_owned);
            return Err(StreamFault::Reported(impersonal(&text, 300)));
        }
        let mut words = String::new();
        for choice in chunk.choices.into_iter().filter(|choice| choice.index.unwrap_or(0) == 0) {
            for text in [choice.delta.content, choice.delta.refusal].into_iter().flatten() {
                words.push_str(&self.words.push(&text));
            }
            for call in choice.delta.tool_calls.into_iter().flatten() {
                self.call(call)?;
            }
            if choice.finish_reason.is_some() {
                self.finish = choice.finish_reason;
            }
        }
        self.begun |= !words.is_empty();
        Ok(words)
    }

    /// Whether anything has come that is worth waiting for the rest.
    pub(super) fn begun(&self) -> bool {
        self.begun
    }

    /// The stream has ended: the rest of the words, and the calls.
    pub(super) fn finish(mut self) -> Result<(String, Vec<Call>), StreamFault> {
        let rest = self.words.finish();
        match self.finish.as_deref() {
            None => return Err(StreamFault::BrokenOff),
            Some("content_filter") if !self.begun => return Err(StreamFault::Filtered),
            Some(_) => {}
        }
        let calls: Vec<Call> =
            self.calls.into_iter().map(|(_, call)| call).filter(|call| !call.tool.is_empty()).collect();
        if !self.begun && rest.is_empty() && calls.is_empty() {
            return Err(StreamFault::Empty);
        }
        Ok((rest, calls))
    }

    fn call(&mut self, delta: CallDelta) -> Result<(), StreamFault> {
        let id = delta.id.unwrap_or_default();
        let function = delta.function.unwrap_or_default();
        let name = function.name.unwrap_or_default();
        let arguments = match function.arguments {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(whole) => whole.to_string(),
        };
        let at = match self.place(delta.index, &id, &name) {
            Some(at) => at,
            None if self.calls.len() >= MOST_CALLS => return Err(StreamFault::TooMuch),
            None => {
                self.calls.push((delta.index, Call::default()));
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[at].1;
        if call.arguments.len() + arguments.len() > MOST_BYTES || call.tool.len() + name.len() > 256 {
            return Err(StreamFault::TooMuch);
        }
        if call.id.is_empty() {
            call.id = id;
        }
        // A name is repeated by some servers and torn by none that were seen; a torn one is put together.
        if call.tool != name {
            call.tool.push_str(&name);
        }
        call.arguments.push_str(&arguments);
        self.begun = true;
        Ok(())
    }

    /// Which call a fragment belongs to; none for a new one.
    fn place(&self, index: Option<u32>, id: &str, name: &str) -> Option<usize> {
        let at = match index {
            Some(index) => self.calls.iter().rposition(|(of, _)| *of == Some(index))?,
            None => self.calls.len().checked_sub(1)?,
        };
        let call = &self.calls[at].1;
        let other_id = !id.is_empty() && !call.id.is_empty() && id != call.id;
        // A second call under an index that is always 0: it brings a name while the first is whole already.
        let whole = || serde_json::from_str::<serde::de::IgnoredAny>(&call.arguments).is_ok();
        let next_call =
            !name.is_empty() && !call.arguments.is_empty() && (id.is_empty() || id != call.id) && whole();
        (!other_id && !next_call).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn answer(deltas: &[Value]) -> Result<(String, Vec<Call>), StreamFault> {
        let mut answer = Answer::default();
        let mut words = String::new();
        for delta in deltas {
            let chunk = json!({"choices": [{"delta": delta}]});
            words.push_str(&answer.push(serde_json::from_value(chunk).unwrap())?);
        }
        let end = json!({"choices": [{"delta": {}, "finish_reason": "stop"}]});
        words.push_str(&answer.push(serde_json::from_value(end).unwrap())?);
        let (rest, calls) = answer.finish()?;
        Ok((words + &rest, calls))
    }

    fn calls(deltas: &[Value]) -> Vec<(String, String, String)> {
        answer(deltas).unwrap().1.into_iter().map(|c| (c.id, c.tool, c.arguments)).collect()
    }

    fn call(id: &str, tool: &str, arguments: &str) -> (String, String, String) {
        (id.into(), tool.into(), arguments.into())
    }

    #[test]
    fn fragments_of_two_calls_come_together_by_index() {
        let deltas = [
            json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "find_products", "arguments": ""}}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"que"}}]}),
            json!({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "get_order_status"}}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": "ry\":\"x\"}"}}, {"index": 1, "function": {"arguments": "{}"}}]}),
        ];
        assert_eq!(
            calls(&deltas),
            [call("a", "find_products", "{\"query\":\"x\"}"), call("b", "get_order_status", "{}")]
        );
    }

    #[test]
    fn an_id_may_come_late_or_never_and_a_name_again_and_again() {
        let deltas = [
            json!({"tool_calls": [{"index": 0, "function": {"name": "find_products", "arguments": "{"}}]}),
            json!({"tool_calls": [{"index": 0, "id": "late", "function": {"name": "find_products", "arguments": "}"}}]}),
        ];
        assert_eq!(calls(&deltas), [call("late", "find_products", "{}")]);
    }

    #[test]
    fn whole_calls_under_one_index_are_two_calls() {
        let whole = |id: Option<&str>, arguments: Value| json!({"tool_calls": [{"index": 0, "id": id, "function": {"name": "find_products", "arguments": arguments}}]});
        for id in [None, Some("")] {
            let deltas = [whole(id, json!("{\"query\":\"a\"}")), whole(id, json!({"query": "b"}))];
            assert_eq!(calls(&deltas).len(), 2, "{id:?}");
        }
        let named = [whole(Some("a"), json!({})), whole(Some("b"), json!({}))];
        assert_eq!(calls(&named), [call("a", "find_products", "{}"), call("b", "find_products", "{}")]);
    }

    #[test]
    fn without_any_index_fragments_go_to_the_last_call() {
        let deltas = [
            json!({"tool_calls": [{"id": "a", "function": {"name": "find_products", "arguments": "{\"query\""}}]}),
            json!({"tool_calls": [{"function": {"arguments": ":\"x\"}"}}]}),
        ];
        assert_eq!(calls(&deltas), [call("a", "find_products", "{\"query\":\"x\"}")]);
    }

    #[test]
    fn thinking_aloud_is_not_spoken() {
        let deltas = [
            json!({"content": "<th"}),
            json!({"content": "ink>hmm"}),
            json!({"content": "</think>\n\nHello."}),
        ];
        assert_eq!(answer(&deltas).unwrap().0, "Hello.");
    }

    #[test]
    fn an_answer_of_nothing_an_unfinished_one_and_a_reported_error_are_faults() {
        assert_eq!(answer(&[json!({})]), Err(StreamFault::Empty));
        assert_eq!(answer(&[json!({"content": "<think>only that"})]), Err(StreamFault::Empty));
        assert_eq!(Answer::default().finish(), Err(StreamFault::BrokenOff));
        let chunk = serde_json::from_value(json!({"error": {"message": "overloaded"}})).unwrap();
        assert_eq!(Answer::default().push(chunk), Err(StreamFault::Reported("overloaded".into())));
    }

    #[test]
    fn endless_arguments_and_endless_calls_are_refused() {
        let long = json!({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "x".repeat(MOST_BYTES)}}]});
        assert_eq!(answer(&[long.clone(), long]), Err(StreamFault::TooMuch));
        let many: Vec<Value> = (0..20)
            .map(|n| json!({"tool_calls": [{"index": n, "function": {"name": "f", "arguments": "{}"}}]}))
            .collect();
        assert_eq!(answer(&many), Err(StreamFault::TooMuch));
    }
}
