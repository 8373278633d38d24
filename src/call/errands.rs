//! What a session does for its core beside the line: questions to engines, order actions, milestones.

use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::call::desk::Consent;
use crate::call::observer::{CallEvent, Happening};
use crate::call::session::{MAX_ACTING, Session};
use crate::call::tape::Recorder;
use crate::conversation::event::{Engine, Note};
use crate::conversation::{Input, Output};
use crate::engines::Full;
use crate::ids::RequestId;
use crate::orders::{ActionOutcome, ActionRequest, ToolName};
use crate::telemetry::figures;

impl<R, W, P> Session<'_, R, W, P>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
    P: Send,
{
    /// Puts a question to an engine. An engine without room is told to the core, never waited for.
    pub(super) fn ask(&mut self, output: Output) {
        // Whatever a port spawns belongs on the services' runtime, never on the thread that carries the frames.
        let _services = self.calls.services.enter();
        let inbox = self.inbox.clone();
        let (engine, id, taken) = match output {
            Output::Recognize { job } => {
                let id = RequestId(job.turn.0.into());
                let cancel = self.requests.recognize(job.turn, job.revision);
                (Engine::Hearing, id, self.calls.hearing.recognize(job, cancel, inbox))
            }
            Output::Complete { request } => {
                let id = request.id;
                let cancel = self.requests.begin(id);
                (Engine::Thinking, id, self.calls.thinking.complete(*request, cancel, inbox))
            }
            Output::Synthesize { request } => {
                let id = request.id;
                let cancel = self.requests.begin(id);
                (Engine::Speaking, id, self.calls.speaking.synthesize(request, cancel, inbox))
            }
            _ => return,
        };
        if let Err(Full) = taken {
            if engine != Engine::Hearing {
                self.requests.refused(id);
            }
            self.lagged(engine, id);
        }
    }

    fn lagged(&mut self, engine: Engine, id: RequestId) {
        self.summary.lagged += 1;
        let label = match engine {
            Engine::Hearing => "hearing",
            Engine::Thinking => "thinking",
            Engine::Speaking => "speaking",
            Engine::Desk => "desk",
        };
        metrics::counter!(figures::LAGGED_TOTAL, "engine" => label).increment(1);
        tracing::warn!(engine = label, "no room for a request; the conversation goes on without its answer");
        self.feedback.push_back(Input::Lagged { engine, id });
    }

    /// Carries out an order action in a task that outlives the call.
    pub(super) fn act(&mut self, request: ActionRequest) {
        let Some(call) = self.known.call else { return };
        let id = request.id;
        if self.acting >= MAX_ACTING {
            return self.lagged(Engine::Desk, id);
        }
        self.acting += 1;
        self.summary.actions += 1;
        let name = request.action.name();
        let work = self.calls.desk.carry_out(call, self.started, request);
        let inbox = self.inbox.clone();
        let span = tracing::Span::current();
        let task = async move {
            // A panicking client must not leave the conversation waiting: nobody knows whether it happened.
            let outcome = AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
                tracing::error!(action = name, "the order action's task panicked");
                ActionOutcome::Unknown
            });
            // A call that gave up waiting needs no answer; the journal has it.
            let _ = inbox.send(Input::Settled { id, outcome }).await;
        };
        self.calls.tasks.spawn_on(tracing::Instrument::instrument(task, span), &self.calls.services);
    }

    /// A milestone: to the log, the figures and whoever watches.
    pub(super) fn note(&mut self, note: Note) {
        match &note {
            Note::Understood { decode_ms, .. } => {
                self.summary.turns += 1;
                metrics::histogram!(figures::DECODE_SECONDS).record(f64::from(*decode_ms) / 1000.0);
            }
            Note::Answering { turn, after_last_sound_ms } => {
                metrics::histogram!(figures::TURN_LATENCY_SECONDS)
                    .record(f64::from(*after_last_sound_ms) / 1000.0);
                tracing::debug!(turn.id = %turn, answered.ms = after_last_sound_ms, "answering");
            }
            Note::Called { tool, .. } => {
                // As a model wrote it: what is no tool's name is no label.
                let tool = ToolName::from_str(tool).map_or("unknown", ToolName::as_str);
                metrics::counter!(figures::TOOL_CALLS_TOTAL, "tool" => tool).increment(1);
            }
            Note::FellBack { from, to, why } => {
                metrics::counter!(figures::FALLBACKS_TOTAL, "from" => from.clone()).increment(1);
                tracing::warn!(from, to, why, "fell back");
            }
            Note::RecordingTold => {
                self.tape.iter_mut().for_each(Recorder::told);
                self.consented(Consent::Told);
            }
            Note::RecordingRefused => {
                self.tape.iter_mut().for_each(Recorder::refused);
                self.consented(Consent::Refused);
            }
            Note::CardHeard { .. } => {
                self.tape.iter_mut().for_each(Recorder::refused);
                self.consented(Consent::CardHeard);
            }
            Note::Said { cut: true, .. } => metrics::counter!(figures::BARGE_INS_TOTAL).increment(1),
            _ => {}
        }
        // What was said is the customers' own: it is in the audit and on the console, not in the log.
        tracing::trace!(note = note_name(&note), "milestone");
        self.tell(Happening::Noted { note });
    }

    /// What the caller knows of the recording is in the audit, where there is one to know of.
    fn consented(&self, consent: Consent) {
        if let (Some(call), Some(_)) = (self.known.call, &self.tape) {
            let writing = self.calls.desk.consented(call, self.started, consent);
            self.calls.tasks.spawn_on(writing, &self.calls.services);
        }
    }

    pub(super) fn tell(&self, what: Happening) {
        if let Some(call) = self.known.call {
            self.calls.observer.tell(CallEvent { call, at_ms: self.now().as_ms(), what });
        }
    }
}

fn note_name(note: &Note) -> &'static str {
    match note {
        Note::TurnBegan { .. } => "turn_began",
        Note::TurnEnded { .. } => "turn_ended",
        Note::Understood { .. } => "understood",
        Note::Nothing { .. } => "nothing",
        Note::Called { .. } => "called",
        Note::Gave { .. } => "gave",
        Note::Answering { .. } => "answering",
        Note::Saying { .. } => "saying",
        Note::Said { .. } => "said",
        Note::ReadBack { .. } => "read_back",
        Note::Agreed { .. } => "agreed",
        Note::FellBack { .. } => "fell_back",
        Note::Switched { .. } => "switched",
        Note::RecordingTold => "recording_told",
        Note::RecordingRefused => "recording_refused",
        Note::CardHeard { .. } => "card_heard",
    }
}
