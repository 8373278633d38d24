//! One call's session: the only `select!` over the line, the engines' answers, settled actions and the core's deadline.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::Span;

use crate::call::Core;
use crate::call::arrivals::{Vouching, vouched};
use crate::call::core::Hears;
use crate::call::driver::Calls;
use crate::call::faults::{NoCall, Peer};
use crate::call::flood::Flood;
use crate::call::line::Line;
use crate::call::listen::Listener;
use crate::call::observer::Summary;
use crate::call::pace::{self, GLANCES, LOOKS};
use crate::call::registry::Place;
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

/// What survives a panic of the session.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) call: Option<CallId>,
    pub(crate) peer: Peer,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The UUID is awaited.
    Handshake,
    /// Whether ARI knows the UUID is awaited.
    Vouching,
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
    pub(super) half_open: &'a mut Option<P>,
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
    pub(super) flood: Flood,
    /// ARI's word on a call that was not announced, while it is awaited.
    pub(super) vouching: Option<Vouching>,
    /// The call's, entered where something may be logged: entering it for every frame would cost as much as the frame.
    pub(super) span: Span,
    /// How late the latest frame of this second was, and when the second is over.
    latest: Duration,
    latest_until: Instant,
    /// When what is happening began: the time of everything that it leads to.
    pub(super) clock: Instant,
    /// When to look again whether the server goes away and whether the peer reads.
    look_at: Instant,
    /// It has been looked, and it is time to see whether there are answers.
    looked: bool,
    hears: Hears,
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
/// One lateness in so long goes to the figures, the worst: each frame's own would cost more than it tells.
const LATEST_OF: Duration = Duration::from_secs(1);

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
        half_open: &'a mut Option<P>,
        span: Span,
    ) -> Self {
        let started = Instant::now();
        let (inbox, answers) = mpsc::channel(INBOX);
        let core = (calls.new_core)();
        let hears = core.hears();
        Self {
            calls,
            line,
            known,
            half_open,
            started,
            stage: Stage::Handshake,
            stage_until: started + Duration::from_millis(calls.settings.handshake_ms),
            listener: Listener::new(hears, span.clone()),
            core,
            span,
            latest: Duration::ZERO,
            latest_until: started + LATEST_OF,
            clock: started,
            look_at: started,
            looked: false,
            hears,
            deadline: None,
            feedback: VecDeque::new(),
            inbox,
            answers,
            requests: Requests::default(),
            acting: 0,
            flood: Flood::new(started),
            vouching: None,
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
        // The schedule starts at accept: two silent seconds can end a call, and nothing is known yet.
        self.give(Input::Woken);
        // One timer for whatever comes next: each costs an entry in the runtime's wheel and a look at every wake.
        let mut timer = pin!(sleep_until(self.wakes_at()));
        loop {
            if let Some(refused) = self.refused.take() {
                return End::Refused(refused);
            }
            if self.stage == Stage::Settling && self.acting == 0 {
                return End::Over(self.sum_up());
            }
            let wakes_at = self.wakes_at();
            if timer.is_elapsed() || timer.deadline() != wakes_at {
                timer.as_mut().reset(wakes_at);
            }
            let (read, answers) = (!self.reads_at_ticks(), self.awaits_answers());
            tokio::select! {
                biased;
                () = &mut timer => {
                    self.clock = Instant::now();
                    if let Some(end) = self.woken(self.clock) {
                        return end;
                    }
                }
                Some(input) = self.answers.recv(), if answers => {
                    self.clock = Instant::now();
                    self.received(input);
                }
                caller = vouched(&mut self.vouching), if self.vouching.is_some() => {
                    self.clock = Instant::now();
                    self.vouched(caller);
                }
                arrival = self.line.arrival(read), if self.stage != Stage::Settling => {
                    self.clock = Instant::now();
                    self.look(self.clock);
                    self.arrived(arrival);
                }
            }
        }
    }

    pub(super) fn now(&self) -> CallTime {
        let since = self.clock.saturating_duration_since(self.started);
        CallTime(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    /// On a thread with many calls, a call in its talk is looked at once in 20 ms, when its frame is due, and not a second
    /// time when the caller's comes.
    fn reads_at_ticks(&self) -> bool {
        // An echo is clocked by what comes.
        self.hears == Hears::Judged && self.stage == Stage::Talking && pace::is_crowded()
    }

    /// Whether somebody may have an answer for the core. One that hears the wire asks nothing, so that now and then will do.
    fn awaits_answers(&mut self) -> bool {
        self.hears == Hears::Judged || self.stage != Stage::Talking || std::mem::take(&mut self.looked)
    }

    // === Time

    /// The core's deadline as the driver's clock knows it.
    fn due(&self) -> Option<Instant> {
        self.deadline.map(|at| self.started + Duration::from_micros(at.0))
    }

    fn wakes_at(&self) -> Instant {
        let held = self.line.releases_at();
        [self.due(), held].into_iter().flatten().fold(self.stage_until, Instant::min)
    }

    /// Every live call comes here ten times a second, as its frames come and go: that is how it learns that the server goes
    /// away, without each call being on the server's list of those to tell; and whether its peer reads.
    fn look(&mut self, now: Instant) {
        if now < self.look_at || self.stage >= Stage::Goodbye {
            return;
        }
        self.look_at = now + LOOKS;
        self.looked = true;
        if self.calls.stopping.is_cancelled() {
            self.stop();
        } else if !self.told_draining && self.calls.draining.is_cancelled() {
            self.drain();
        }
        if self.line.stuck() > self.calls.settings.stuck_frames {
            let span = self.span.clone();
            let _call = span.enter();
            if let Some(more) = self.known.peer.at_fault("stuck") {
                tracing::warn!(frames = self.line.stuck(), more, "the peer does not read; the leg ends");
            }
            self.gone(HangupCause::Reset);
        }
    }

    /// It is time for something.
    fn woken(&mut self, now: Instant) -> Option<End> {
        self.look(now);
        self.line.release_due(now);
        for _ in 0..GLANCES {
            let arrival = if self.reads_at_ticks() { self.line.glance() } else { None };
            let Some(arrival) = arrival else { break };
            self.arrived(arrival);
        }
        if let Some(due) = self.due().filter(|due| *due <= now) {
            self.wake(due, now);
        }
        if self.stage_until > now {
            return None;
        }
        let span = self.span.clone();
        let _call = span.enter();
        if self.stage == Stage::Settling {
            tracing::warn!(
                actions = self.acting,
                "order actions are still under way; they go on without the call"
            );
            return Some(End::Over(self.sum_up()));
        }
        self.stage_over();
        None
    }

    fn wake(&mut self, due: Instant, now: Instant) {
        self.latest = self.latest.max(now.saturating_duration_since(due));
        if now >= self.latest_until {
            metrics::histogram!(figures::WAKE_LATE_SECONDS).record(self.latest.as_secs_f64());
            self.latest = Duration::ZERO;
            self.latest_until = now + LATEST_OF;
        }
        self.give(Input::Woken);
    }

    pub(super) fn stage_over(&mut self) {
        match self.stage {
            Stage::Handshake => self.refused = Some(NoCall::NoUuid(self.calls.settings.handshake_ms)),
            Stage::Vouching => self.refused = Some(NoCall::NoAnswer(self.calls.settings.handshake_ms)),
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
        let span = self.span.clone();
        let _call = span.enter();
        self.told_draining = true;
        match self.stage {
            Stage::Handshake | Stage::Vouching => self.refused = Some(NoCall::Draining),
            _ => self.give(Input::Draining),
        }
    }

    /// The server goes now. The caller is not lost: the dialplan goes on to a person.
    fn stop(&mut self) {
        if self.stage < Stage::Rate {
            self.refused = Some(NoCall::Draining);
            return;
        }
        self.cut();
    }

    // === The end of the leg

    /// The peer's side is over.
    pub(super) fn gone(&mut self, cause: HangupCause) {
        match self.stage {
            Stage::Handshake | Stage::Vouching => {
                self.refused = Some(NoCall::Left);
                return;
            }
            // Before it was answered there was nobody to tell, but it was a call.
            Stage::Rate => {
                self.answer(self.line.rate());
                // A core that leaves at once has heard of the leg's end already.
                if self.stage >= Stage::Goodbye {
                    return self.settle();
                }
            }
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
    pub(super) fn cut(&mut self) {
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
        let span = self.span.clone();
        let _call = span.enter();
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
        if let Output::Play { frame } = output {
            if talking {
                self.line.play(frame, self.clock);
            }
            return;
        }
        let span = self.span.clone();
        let _call = span.enter();
        match output {
            Output::Act { request } => self.act(request),
            Output::Note { note } => self.note(note),
            Output::Abandon { id } => self.requests.abandon(id),
            Output::Idle { .. } => {}
            // With the leg gone there is nobody to speak or listen to.
            _ if !talking => {}
            Output::Play { .. } => {}
            Output::Recognize { .. } | Output::Complete { .. } | Output::Synthesize { .. } => {
                self.ask(output)
            }
            Output::Leave { how } => self.leave(how),
        }
    }
}
