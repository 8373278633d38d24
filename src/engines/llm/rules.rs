//! The built-in thinker: it takes orders and tells where they are by rules alone, in Russian and English, with no network
//! and no model. It answers at once, and takes over in the middle of a call when a model fails.
//!
//! It has no memory. Each time it reads the call's history and facts (`State`), hears what the caller last said
//! (`Heard`), and decides on one sentence or one tool call ([`decide`]): whatever is wanted is collected
//! from all that the caller has said, in whatever order, and the one next thing that is missing is asked for. What a shop
//! sells it learns from the shop ([`Lexicon`]) and from what was found.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::CancellationToken;

use crate::conversation::Input;
use crate::conversation::event::{Completion, Thought};
use crate::engines::{Full, Inbox, Thinking};
use crate::orders::ToolName;

mod address;
mod figures;
mod heard;
mod intent;
mod lexicon;
mod phrases;
mod places;
mod plan;
mod reply;
mod state;
mod vocabulary;
mod wish;

pub use lexicon::Lexicon;
use state::State;

/// What the rules say and do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// To be said, numbers already in words.
    pub say: Option<String>,
    /// A tool to be called, with its arguments.
    pub call: Option<(ToolName, serde_json::Value)>,
}

impl Decision {
    fn say(text: impl Into<String>) -> Self {
        Self { say: Some(text.into()), call: None }
    }

    fn call(tool: ToolName, arguments: serde_json::Value) -> Self {
        Self { say: None, call: Some((tool, arguments)) }
    }

    /// With this said before all else.
    fn after(mut self, before: &str) -> Self {
        if !before.is_empty() {
            self.say = Some(match self.say.take() {
                Some(say) => format!("{before} {say}"),
                None => before.to_owned(),
            });
        }
        self
    }
}

/// What to say or do next. The same request always gives the same answer.
pub fn decide(request: &Completion, lexicon: &Lexicon) -> Decision {
    let state = State::of(request, lexicon);
    let mut decision = reply::decide(state);
    if let Some(say) = &mut decision.say {
        *say = crate::language::spoken(say, request.language);
    }
    decision
}

/// The rules as an engine.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    lexicon: Arc<Lexicon>,
}

impl Rules {
    /// Rules that know the shop's words. An empty lexicon works: words are then known from what was found.
    pub fn new(lexicon: Arc<Lexicon>) -> Self {
        Self { lexicon }
    }

    /// The whole answer at once, in the pieces that an engine gives it in; the last is [`Thought::Done`].
    pub fn think(&self, request: &Completion) -> Vec<Thought> {
        let decision = decide(request, &self.lexicon);
        let mut pieces: Vec<Thought> = Vec::with_capacity(3);
        pieces.extend(decision.say.map(|text| Thought::Delta { text }));
        pieces.extend(decision.call.map(|(tool, arguments)| Thought::ToolCall {
            call_ref: format!("rules-{}", request.id),
            tool: tool.as_str().to_owned(),
            arguments: arguments.to_string(),
        }));
        pieces.push(Thought::Done);
        pieces
    }
}

impl Thinking for Rules {
    fn complete(&self, request: Completion, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        let pieces = self.think(&request);
        let id = request.id;
        let mut pieces = pieces.into_iter().map(move |piece| Input::Completed { id, piece });
        // The inbox has room as a rule; where it has none, the rest waits for it in a task of its own.
        while let Some(input) = pieces.next() {
            match inbox.try_send(input) {
                Ok(()) => {}
                Err(TrySendError::Closed(_)) => return Ok(()),
                Err(TrySendError::Full(input)) => {
                    let runtime = Handle::try_current().map_err(|_| Full)?;
                    runtime.spawn(async move {
                        let rest = std::iter::once(input).chain(pieces);
                        let deliver = async {
                            for input in rest {
                                if inbox.send(input).await.is_err() {
                                    return;
                                }
                            }
                        };
                        tokio::select! {
                            () = cancel.cancelled() => {}
                            () = deliver => {}
                        }
                    });
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
