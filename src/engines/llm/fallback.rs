//! A thinker that is taken over by another when it fails, within the same request.
//!
//! The first thinker's words are passed on clause by clause, which is how they are spoken anyway: half a clause that was
//! cut off is never said. Its tool calls are passed on once its answer is whole. When it fails, the second one answers the
//! same request; what was already said stays said, and if that was a question, it is left to be answered.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::breaker::Breaker;
use crate::conversation::Input;
use crate::conversation::event::{Completion, EngineFault, Thought};
use crate::engines::port::{Unwanted, deliver};
use crate::engines::{Full, Inbox, Thinking};
use crate::language::ClauseSplitter;
use crate::telemetry::figures::FALLBACKS_TOTAL;

/// Pieces of the first thinker that may be under way. Chosen: a second of a fast model's words.
const PIECES: usize = 32;

/// Two thinkers behind one port.
#[derive(Debug)]
pub struct Fallback {
    primary: Arc<dyn Thinking>,
    secondary: Arc<dyn Thinking>,
    /// What they are called in notes and figures.
    names: (&'static str, &'static str),
    breaker: Arc<Breaker>,
    runtime: Handle,
}

impl Fallback {
    /// `names` are the primary's and the secondary's.
    pub fn new(
        primary: Arc<dyn Thinking>,
        secondary: Arc<dyn Thinking>,
        names: (&'static str, &'static str),
        runtime: Handle,
    ) -> Self {
        Self { primary, secondary, names, breaker: Arc::default(), runtime }
    }
}

impl Thinking for Fallback {
    fn complete(&self, request: Completion, cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        if request.briefing.fell_back {
            return self.secondary.complete(request, cancel, inbox);
        }
        let takeover =
            Takeover { secondary: Arc::clone(&self.secondary), names: self.names, request, cancel, inbox };
        if !self.breaker.admits() {
            return takeover.at_once("it failed several times and is given a rest");
        }
        let (pieces, heard) = mpsc::channel(PIECES);
        let asked = self.primary.complete(takeover.request.clone(), takeover.cancel.clone(), pieces);
        if asked.is_err() {
            self.breaker.failed();
            return takeover.at_once("its queue is full");
        }
        let breaker = Arc::clone(&self.breaker);
        self.runtime.spawn(async move {
            // Unwanted: the core abandoned the request, so that nobody waits for a last piece.
            let _ = takeover.follow(heard, &breaker).await;
        });
        Ok(())
    }
}

/// One request on its way through both.
struct Takeover {
    secondary: Arc<dyn Thinking>,
    names: (&'static str, &'static str),
    request: Completion,
    cancel: CancellationToken,
    inbox: Inbox,
}

impl Takeover {
    /// Without having asked the primary.
    fn at_once(self, why: &str) -> Result<(), Full> {
        // Room in the inbox is not waited for here: the note is for the log, the answer for the caller.
        let _ = self.inbox.try_send(Input::Completed { id: self.request.id, piece: self.note(why) });
        self.secondary.complete(self.request, self.cancel, self.inbox)
    }

    async fn follow(self, mut heard: mpsc::Receiver<Input>, breaker: &Breaker) -> Result<(), Unwanted> {
        let mut clauses = ClauseSplitter::new();
        let mut said = String::new();
        let mut calls = Vec::new();
        let fault = loop {
            let piece = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(Unwanted),
                piece = heard.recv() => piece,
            };
            match piece {
                Some(Input::Completed { piece: Thought::Delta { text }, .. }) => {
                    for clause in clauses.push(&text) {
                        self.say(clause, &mut said).await?;
                    }
                }
                Some(Input::Completed { piece: Thought::Done, .. }) => {
                    breaker.answered();
                    for clause in clauses.finish() {
                        self.say(clause, &mut said).await?;
                    }
                    for call in calls {
                        self.pass(call).await?;
                    }
                    return self.pass(Thought::Done).await;
                }
                Some(Input::Completed { piece: Thought::Failed { fault }, .. }) => break fault,
                Some(Input::Completed { piece, .. }) => calls.push(piece),
                // No thinker sends anything else.
                Some(_) => {}
                None => break EngineFault::Broken { detail: "it went away without a word".into() },
            }
        };
        breaker.failed();
        let why = match &fault {
            EngineFault::TimedOut => "it did not answer in time".to_owned(),
            EngineFault::Broken { detail } => detail.clone(),
        };
        self.pass(self.note(&why)).await?;
        if said.trim_end().ends_with('?') {
            return self.pass(Thought::Done).await;
        }
        let (id, cancel, inbox) = (self.request.id, self.cancel.clone(), self.inbox.clone());
        if self.secondary.complete(self.request, self.cancel, self.inbox).is_err() {
            let piece = Thought::Failed { fault };
            return deliver(&inbox, &cancel, Input::Completed { id, piece }).await;
        }
        Ok(())
    }

    async fn say(&self, clause: String, said: &mut String) -> Result<(), Unwanted> {
        said.push_str(&clause);
        // The line break tells the core's own splitter that the clause has ended; after a space it would wait for the word
        // that follows, and so for the whole next clause.
        self.pass(Thought::Delta { text: clause + "\n" }).await
    }

    async fn pass(&self, piece: Thought) -> Result<(), Unwanted> {
        deliver(&self.inbox, &self.cancel, Input::Completed { id: self.request.id, piece }).await
    }

    fn note(&self, why: &str) -> Thought {
        let (from, to) = self.names;
        metrics::counter!(FALLBACKS_TOTAL, "from" => from).increment(1);
        tracing::warn!(request.id = self.request.id.0, from, to, why, "another engine thinks on");
        Thought::FellBack { from: from.into(), to: to.into(), why: why.into() }
    }
}

#[cfg(test)]
#[path = "fallback/tests.rs"]
mod tests;
