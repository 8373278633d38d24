//! One call's session: the only `select!` over the line, the engines' answers, settled actions and the core's deadline.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::call::Core;
use crate::call::driver::Calls;
use crate::call::line::Line;
use crate::call::listen::Listener;
use crate::call::observer::Summary;
use crate::call::registry::{Place, Refusal};
use crate::call::requests::Requests;
use crate::call::tape::Recorder;
use crate::conversation::event::{HangupCause, Identity, Leave};
use crate::conversation::{CallTime, Input, Output};
use crate::engines::Inbox;
use crate::ids::CallId;
use crate::telemetry::figures;

/// How a session ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It was a call.
    Over(Summary),
    /// It never became one.
    Refused(NoCall),
}

/// Why a connection never became a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoCall {
    #[error("expected the call's UUID within {0} ms, found none")]
    NoUuid(u64),
    #[error("the peer left before it said the call's UUID")]
    Left,
    #[error("{0}")]
    Garbage(audiosocket::DecodeError),
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("the server is going away")]
    Draining,
}

impl NoCall {
    /// For the metric.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::NoUuid(_) => "no_uuid",
            Self::Left => "left",
            Self::Garbage(_) => "garbage",
            Self::Refused(Refusal::Duplicate) => "duplicate",
            Self::Refused(Refusal::Used) => "used",
            Self::Refused(Refusal::NotAnnounced) => "not_announced",
            Self::Draining => "draining",
        }
    }
}

/// What survives a panic of the session.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) call: Option<CallId>,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The UUID is awaited.
    Handshake,
    /// The caller's first frame is awaited, for its rate.
    Rate,
    /// The core leads.
    Talking,
    /// Our hangup message is out; the peer's close is awaited.
    Goodbye,
    /// The leg is gone; order actions are awaited.
    Settling,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Session<'a, R, W, P> {
    pub(super) calls: &'a Arc<Calls>,
    pub(super) line: &'a mut Line<R, W>,
    pub(super) known: &'a mut Known,
    pub(super) half_open: Option<P>,
    pub(super) started: Instant,
    pub(super) stage: Stage,
    /// When the stage has lasted long enough.
    pub(super) stage_until: Instant,
    pub(super) core: Box<dyn Core>,
    /// What the core sleeps on.
    pub(super) deadline: Option<CallTime>,
    /// Inputs that arose while the core was polled.
    pub(super) feedback: VecDeque<Input>,
    pub(super) inbox: Inbox,
    pub(super) answers: mpsc::Receiver<Input>,
    pub(super) requests: Requests,
    pub(super) acting: usize,
    pub(super) listener: Listener,
    pub(super) heard_us: u64,
    pub(super) place: Option<Place>,
    pub(super) caller: Option<Identity>,
    pub(super) tape: Option<Recorder>,
    pub(super) told_draining: bool,
    pub(super) summary: Summary,
    pub(super) refused: Option<NoCall>,
}

/// Engine answers and settled actions that may wait for the session: two seconds of speech in pieces of 10 ms.
const INBOX: usize = 256;
/// Order actions of one call under way at once; the core asks for one or two.
pub(super) const MAX_ACTING: usize = 8;
/// How long after the leg's end actions are awaited. They go on in their own tasks anyway.
const SETTLING: Duration = Duration::from_secs(60);
impl<'a, R, W, P> Session<'a, R, W, P>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
    P: Send,
{
    pub(crate) fn new(
        calls: &'a Arc<Calls>,
        line: &'a mut Line<R, W>,
        known: &'a mut Known,
        half_open: P,
    ) -> Self {
        let started = Instant::now();
        let (inbox, answers) = mpsc::channel(INBOX);
        Self {
            calls,
            line,
            known,
            half_open: Some(half_open),
            started,
            stage: Stage::Handshake,
            stage_until: started + Duration::from_millis(calls.settings.handshake_ms),
            core: (calls.new_core)(),
            deadline: None,
            feedback: VecDeque::new(),
            inbox,
            answers,
            requests: Requests::default(),
            acting: 0,
            listener: Listener::new(),
            heard_us: 0,
            place: None,
            caller: None,
            tape: calls.tapes.as_ref().map(|_| Recorder::new()),
            told_draining: false,
            summary: Summary::default(),
            refused: None,
        }
    }

    /// Runs to the last settled action.
    pub(crate) async fn run(mut self) -> End {
        let calls = self.calls.clone();
        // The schedule starts at accept: two silent seconds can end a call, and nothing is known yet.
        self.give(Input::Woken);
        loop {
            if let Some(refused) = self.refused.take() {
                return End::Refused(refused);
            }
            if self.stage == Stage::Settling && self.acting == 0 {
                return End::Over(self.sum_up());
            }
            let live = self.stage < Stage::Goodbye;
            let wake_at = self.deadline.map(|at| self.started + Duration::from_micros(at.0));
            tokio::select! {
                biased;
                () = calls.stopping.cancelled(), if live => self.stop(),
                () = sleep_until(wake_at.unwrap_or(self.stage_until)), if wake_at.is_some() => self.wake(wake_at),
                () = sleep_until(self.stage_until) => {
                    if self.stage == Stage::Settling {
                        tracing::warn!(actions = self.acting, "order actions are still under way; they go on without the call");
                        return End::Over(self.sum_up());
                    }
                    self.stage_over();
                }
                Some(input) = self.answers.recv() => self.received(input),
                arrival = self.line.arrival(), if self.stage != Stage::Settling => self.arrived(arrival),
                () = calls.draining.cancelled(), if !self.told_draining && live => self.drain(),
            }
        }
    }

    pub(super) fn now(&self) -> CallTime {
        CallTime(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    // === Time

    fn wake(&mut self, due: Option<Instant>) {
        if let Some(due) = due {
            metrics::histogram!(figures::WAKE_LATE_SECONDS).record(due.elapsed().as_secs_f64());
        }
        self.give(Input::Woken);
        if self.line.stuck() > self.calls.settings.stuck_frames {
            tracing::warn!(frames = self.line.stuck(), "the peer does not read; the leg ends");
            metrics::counter!(figures::STUCK_PEERS_TOTAL).increment(1);
            self.gone(HangupCause::Reset);
        }
    }

    fn stage_over(&mut self) {
        match self.stage {
            Stage::Handshake => self.refused = Some(NoCall::NoUuid(self.calls.settings.handshake_ms)),
            Stage::Rate => self.answer(self.line.rate()),
            Stage::Talking => {
                tracing::warn!(
                    minutes = self.calls.settings.max_minutes,
                    "the call is longer than any may be; it ends"
                );
                self.cut();
            }
            Stage::Goodbye => self.settle(),
            Stage::Settling => {}
        }
    }

    fn drain(&mut self) {
        self.told_draining = true;
        match self.stage {
            Stage::Handshake => self.refused = Some(NoCall::Draining),
            _ => self.give(Input::Draining),
        }
    }

    /// The server goes now. The caller is not lost: the dialplan goes on to a person.
    fn stop(&mut self) {
        if self.stage == Stage::Handshake {
            self.refused = Some(NoCall::Draining);
            return;
        }
        self.cut();
    }

    // === The end of the leg

    /// The peer's side is over.
    pub(super) fn gone(&mut self, cause: HangupCause) {
        match self.stage {
            Stage::Handshake => {
                self.refused = Some(NoCall::Left);
                return;
            }
            // Before it was answered there was nobody to tell, but it was a call.
            Stage::Rate => self.answer(self.line.rate()),
            Stage::Goodbye => return self.settle(),
            Stage::Settling => return,
            Stage::Talking => {}
        }
        self.summary.cause.get_or_insert(cause);
        self.summary.duration_ms = self.now().as_ms();
        self.line.hang_up();
        if cause == HangupCause::Protocol {
            // Closing with its bytes unread would reset the connection, and a reset can cost the caller the call.
            self.requests.abandon_all();
            self.stage = Stage::Goodbye;
            self.stage_until = Instant::now() + Line::<R, W>::GOODBYE;
        } else {
            self.settle();
        }
        self.give(Input::HungUp { cause });
    }

    /// We leave without the core's word. What the dialplan hears is that nothing is known, so a person takes over.
    fn cut(&mut self) {
        self.part();
        self.drain_core();
    }

    /// The core leaves.
    fn leave(&mut self, how: Leave) {
        if let Some(place) = &mut self.place {
            place.leaving(&how);
        }
        self.summary.left = Some(how);
        self.part();
    }

    /// We leave: the hangup message goes out, and the peer's close is awaited.
    fn part(&mut self) {
        if self.stage >= Stage::Goodbye {
            return;
        }
        self.summary.cause.get_or_insert(HangupCause::Agent);
        self.summary.duration_ms = self.now().as_ms();
        self.line.hang_up();
        self.requests.abandon_all();
        self.stage = Stage::Goodbye;
        self.stage_until = Instant::now() + Line::<R, W>::GOODBYE;
        self.feedback.push_back(Input::HungUp { cause: HangupCause::Agent });
    }

    fn settle(&mut self) {
        self.line.close();
        self.requests.abandon_all();
        self.stage = Stage::Settling;
        self.stage_until = Instant::now() + SETTLING;
    }

    fn sum_up(&mut self) -> Summary {
        self.summary.frames_played = self.line.frames_played;
        self.summary.frames_dropped = self.line.frames_dropped;
        self.summary.schedule_moves = self.line.schedule_moves();
        if let Some(tape) = self.tape.take() {
            tape.finish(&self.summary);
        }
        self.summary.clone()
    }

    // === The core

    fn received(&mut self, input: Input) {
        self.requests.answered(&input);
        match input {
            Input::Identified { caller } if self.stage < Stage::Goodbye => self.identified(caller),
            Input::Settled { .. } => {
                self.acting = self.acting.saturating_sub(1);
                self.give(input);
            }
            input if self.stage == Stage::Talking => self.give(input),
            // An engine's late word after the leg's end.
            _ => {}
        }
    }

    pub(super) fn give(&mut self, input: Input) {
        self.hand(input);
        self.drain_core();
    }

    fn hand(&mut self, input: Input) {
        let at = self.now();
        if let Some(tape) = &mut self.tape {
            tape.input(at, &input);
        }
        self.core.handle(at, input);
    }

    /// Polls the core until it has nothing more to do, and again for what arose meanwhile.
    fn drain_core(&mut self) {
        loop {
            loop {
                match self.core.poll() {
                    Output::Idle { until } => {
                        self.deadline = until;
                        break;
                    }
                    output => self.perform(output),
                }
            }
            match self.feedback.pop_front() {
                Some(input) => self.hand(input),
                None => return,
            }
        }
    }

    fn perform(&mut self, output: Output) {
        if let Some(tape) = &mut self.tape {
            tape.output(&output);
        }
        let talking = self.stage < Stage::Goodbye;
        match output {
            Output::Act { request } => self.act(request),
            Output::Note { note } => self.note(note),
            Output::Abandon { id } => self.requests.abandon(id),
            Output::Idle { .. } => {}
            // With the leg gone there is nobody to speak or listen to.
            _ if !talking => {}
            Output::Play { frame } => self.line.play(frame),
            Output::Recognize { .. } | Output::Complete { .. } | Output::Synthesize { .. } => {
                self.ask(output)
            }
            Output::Leave { how } => self.leave(how),
        }
    }
}
