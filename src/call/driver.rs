//! Carries calls: gives each its task's work, survives its panics, and says how it went.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::call::desk::Closed;
use crate::call::faults::Peer;
use crate::call::identify::Nobody;
use crate::call::line::Line;
use crate::call::observer::{CallEvent, Happening, Summary};
use crate::call::session::{End, Known, Session};
use crate::call::tape::Tapes;
use crate::call::{Desk, Identify, NewCore, Observer, Quota, Registry, Settings};
use crate::engines::plain::{self, Chime};
use crate::engines::{Hearing, Speaking, Thinking};
use crate::language::Language;
use crate::telemetry::figures;

/// What all calls share.
pub struct Calls {
    /// `[call]`.
    pub settings: Settings,
    /// The language to greet in where nothing chooses one.
    pub language: Language,
    /// Whether the caller's first words may switch it.
    pub detect_language: bool,
    /// Makes each call's core.
    pub new_core: NewCore,
    /// Speech to text.
    pub hearing: Arc<dyn Hearing>,
    /// What to say and do.
    pub thinking: Arc<dyn Thinking>,
    /// Text to speech.
    pub speaking: Arc<dyn Speaking>,
    /// Where order actions go.
    pub desk: Arc<dyn Desk>,
    /// Who can be asked who calls.
    pub identify: Arc<dyn Identify>,
    /// Which calls are announced, live and over.
    pub registry: Arc<Registry>,
    /// How often each number has called.
    pub quota: Quota,
    /// Where events are told.
    pub observer: Observer,
    /// Where calls are recorded, if they are.
    pub tapes: Option<Tapes>,
    /// The runtime of the engines' clients, the desk and everything else that is not the 20 ms path.
    pub services: Handle,
    /// Tasks that outlive their calls; the server waits for them when it stops.
    pub tasks: TaskTracker,
    /// The server is going away: finish soon.
    pub draining: CancellationToken,
    /// The server goes now: end the legs.
    pub stopping: CancellationToken,
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Calls {
    /// Calls with these cores, and nothing behind them: no ear for words, no shop, no ARI, and a chime for a voice. What is
    /// there is named over it. Everything that is not the 20 ms path runs on this runtime.
    pub fn plain(new_core: NewCore, services: Handle) -> Self {
        Self {
            settings: Settings::default(),
            language: Language::English,
            detect_language: false,
            new_core,
            hearing: Arc::new(plain::Nobody),
            thinking: Arc::new(plain::Nobody),
            speaking: Arc::new(Chime::new(services.clone())),
            desk: Arc::new(Closed),
            identify: Arc::new(Nobody),
            registry: Registry::new(),
            quota: Quota::default(),
            observer: Observer::new(),
            tapes: None,
            services,
            tasks: TaskTracker::new(),
            draining: CancellationToken::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// Carries one call from accept to its last settled action. Never fails: how it went is told to the observer, the
    /// log and the metrics. `half_open` is dropped as soon as the connection is a call, or is over.
    pub async fn carry<R, W, P>(self: Arc<Self>, reader: R, writer: W, peer: Peer, half_open: P)
    where
        R: AsyncRead + Unpin + Send,
        W: AsyncWrite + Unpin + Send,
        P: Send,
    {
        let empty = tracing::field::Empty;
        let span = tracing::info_span!("call", call.id = empty, peer = empty);
        if let Peer(Some(address)) = peer {
            span.record("peer", tracing::field::display(address));
        }
        let rate =
            audiosocket::SampleRate::from_hz(self.settings.rate.0).unwrap_or(audiosocket::SampleRate::Hz8000);
        let mut line = Line::new(reader, writer, rate);
        let mut known = Known { call: None, peer };
        let mut half_open = Some(half_open);
        let in_session = span.clone();
        let session =
            async { Session::new(&self, &mut line, &mut known, &mut half_open, in_session).run().await };
        let end = AssertUnwindSafe(session).catch_unwind().await;
        // The session enters the span itself, where it has something to log. The permit is held to the very end.
        self.end(end, line, known).instrument(span).await;
    }

    async fn end<R, W>(&self, end: std::thread::Result<End>, mut line: Line<R, W>, known: Known)
    where
        R: AsyncRead + Unpin + Send,
        W: AsyncWrite + Unpin + Send,
    {
        match end {
            Ok(End::Over(summary)) => {
                self.over(&known, summary).await;
            }
            Ok(End::Refused(why)) => {
                if let Some(more) = known.peer.refused(why.label()) {
                    tracing::warn!(%why, more, "call refused");
                }
                // It counts as half-open until it is gone: else whoever is refused quickly could take every place of a
                // call with farewells.
                line.goodbye().await;
            }
            Err(_) => {
                // The panic's message and place are already on stderr; this line says which call it cost.
                metrics::counter!(figures::CALLS_PANICKED_TOTAL).increment(1);
                tracing::error!("the call's task panicked; the caller goes on in the dialplan");
                line.goodbye().await;
                self.over(&known, Summary::default()).await;
            }
        }
    }

    async fn over(&self, known: &Known, summary: Summary) {
        let Some(call) = known.call else { return };
        let cause = summary.cause.map_or("none", cause_label);
        metrics::counter!(figures::CALLS_TOTAL, "cause" => cause).increment(1);
        metrics::histogram!(figures::CALL_SECONDS)
            .record(Duration::from_millis(summary.duration_ms).as_secs_f64());
        tracing::info!(
            call.cause = cause,
            call.duration_ms = summary.duration_ms,
            call.turns = summary.turns,
            call.actions = summary.actions,
            frames.played = summary.frames_played,
            frames.heard = summary.frames_heard,
            frames.dropped = summary.frames_dropped,
            schedule.moves = summary.schedule_moves,
            messages.odd = summary.odd_messages,
            engines.lagged = summary.lagged,
            "call over"
        );
        // In a task of its own: a chain that stays open keeps every later segment on the disk.
        let closing = self.desk.ended(call, &summary).instrument(tracing::Span::current());
        if timeout(CLOSING, self.tasks.spawn_on(closing, &self.services)).await.is_err() {
            tracing::warn!("the journal did not close the call in time; the closing goes on by itself");
        }
        let at_ms = summary.duration_ms;
        self.observer.tell(CallEvent { call, at_ms, what: Happening::Ended { summary } });
    }
}

/// How long closing a call's books may take before the call's task lets go (chosen; an fsync takes some ms).
const CLOSING: Duration = Duration::from_secs(5);

fn cause_label(cause: crate::conversation::event::HangupCause) -> &'static str {
    use crate::conversation::event::HangupCause as C;
    match cause {
        C::Caller => "caller",
        C::Reset => "reset",
        C::Protocol => "protocol",
        C::Agent => "agent",
    }
}
