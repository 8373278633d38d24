//! How what people say is shown in a log or a panic: its shape and its numbers, never its words.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::{Briefing, Message, Note, Synthesis, Thought, Transcript};

/// Members whose texts are ours: kinds of things, names of tools and engines, numbers of orders.
const OURS: &[&str] =
    &["note", "piece", "role", "tool", "from", "to", "fault", "language", "call_ref", "order_number"];

/// The value as JSON, its texts masked.
fn show(name: &str, value: &impl Serialize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut value = serde_json::to_value(value).unwrap_or_default();
    mask(&mut value);
    write!(f, "{name} {value}")
}

fn mask(value: &mut Value) {
    match value {
        Value::String(text) => *text = format!("<{} characters>", text.chars().count()),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(members) => {
            let ours = |name: &str, value: &Value| OURS.contains(&name) && value.is_string();
            members.iter_mut().filter(|(name, value)| !ours(name, value)).for_each(|(_, value)| mask(value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

macro_rules! shown {
    ($($name:ident),+) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                show(stringify!($name), self, f)
            }
        })+
    };
}

shown!(Transcript, Thought, Message, Briefing, Synthesis, Note);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::event::{EngineFault, Input, Output};
    use crate::ids::{RequestId, TurnId};
    use crate::language::Language;

    #[test]
    fn whatever_is_shown_of_a_call_says_nothing_of_the_caller() {
        let words = || "Анна Петрова, +79161234567, улица Ленина 5".to_owned();
        let (turn, id) = (TurnId(3), RequestId(7));
        let transcript = Transcript {
            text: words(),
            language: Language::Russian,
            confidence_permille: 900,
            decode_ms: 40,
        };
        let briefing = Briefing { customer_name: Some(words()), ..Briefing::default() };
        let call = || ("c1".to_owned(), "create_order_draft".to_owned());
        let shown = [
            format!("{:?}", Input::Transcribed { turn, revision: 1, result: Ok(transcript) }),
            format!("{:?}", Input::Completed { id, piece: Thought::Delta { text: words() } }),
            format!("{:?}", Thought::ToolCall { call_ref: call().0, tool: call().1, arguments: words() }),
            format!("{:?}", Thought::Failed { fault: EngineFault::Broken { detail: words() } }),
            format!("{briefing:?}"),
            format!("{:?}", Message::Caller { text: words() }),
            format!("{:?}", Message::Agent { text: words() }),
            format!("{:?}", Message::Note { text: words() }),
            format!("{:?}", Message::ToolCall { call_ref: call().0, tool: call().1, arguments: words() }),
            format!("{:?}", Message::ToolResult { call_ref: call().0, tool: call().1, content: words() }),
            format!(
                "{:?}",
                Output::Synthesize {
                    request: Synthesis {
                        id,
                        language: Language::Russian,
                        text: words(),
                        rate: crate::audio::Rate::HZ_8000
                    }
                }
            ),
            format!("{:?}", Output::Note { note: Note::Understood { turn, text: words(), decode_ms: 40 } }),
            format!("{:?}", Note::Called { tool: call().1, arguments: words() }),
            format!("{:?}", Note::Gave { tool: call().1, summary: words() }),
            format!("{:?}", Note::Saying { id, text: words() }),
        ];
        for shown in shown {
            for part in ["Анна", "Петрова", "7916", "1234567", "Ленина"] {
                assert!(!shown.contains(part), "{shown}");
            }
        }
        let shown = format!("{:?}", Note::Understood { turn, text: words(), decode_ms: 40 });
        assert!(shown.contains("understood") && shown.contains("40"), "but something it says: {shown}");
    }
}
