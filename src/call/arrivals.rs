//! What comes off the line, and what it means for the session.

use std::time::Duration;

use audiosocket::{Audio, Message, SampleRate};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::audio::Rate;
use crate::call::identify;
use crate::call::line::Arrival;
use crate::call::observer::Happening;
use crate::call::registry::language_for;
use crate::call::session::{NoCall, Session, Stage};
use crate::conversation::Input;
use crate::conversation::event::{Answer, HangupCause, Identity};
use crate::ids::CallId;
use crate::telemetry::figures;

/// How long anybody may take to say who calls; ARI's own deadline is far shorter.
const IDENTIFYING: Duration = Duration::from_secs(6);
/// Sound that may be ahead of the clock before it is dropped, and before the call is ended. Asterisk sends bursts after
/// a hole, never more than real time (measured).
const AHEAD_DROP_US: u64 = 5_000_000;
const AHEAD_END_US: u64 = 60_000_000;
const CREDIT_US: u64 = 1_000_000;

impl<R, W, P> Session<'_, R, W, P>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
    P: Send,
{
    pub(super) fn arrived(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Bytes if self.stage == Stage::Goodbye => self.line.discard(),
            Arrival::Bytes => self.read(),
            Arrival::Closed(rest) => {
                if let Err(torn) = rest {
                    self.summary.odd_messages += 1;
                    tracing::debug!(%torn, "the peer closed within a message");
                }
                self.gone(HangupCause::Caller);
            }
            Arrival::Broken(error) => {
                tracing::debug!(%error, "the connection broke; for the caller that is a hang-up");
                self.gone(HangupCause::Reset);
            }
        }
    }

    fn read(&mut self) {
        // Ends when the buffer holds no whole message, or the leg is over.
        while self.stage < Stage::Goodbye && self.refused.is_none() {
            match self.line.message() {
                Ok(Some(message)) => self.understood(message),
                Ok(None) => return,
                Err(error) if self.stage == Stage::Handshake => {
                    self.refused = Some(NoCall::Garbage(error));
                }
                Err(error) => {
                    tracing::warn!(%error, "the peer sent what is no AudioSocket; the leg ends");
                    self.gone(HangupCause::Protocol);
                }
            }
        }
    }

    fn understood(&mut self, message: Message) {
        match message {
            Message::Audio(audio) => self.heard(&audio),
            Message::Id(uuid) => self.named(CallId(uuid)),
            Message::Dtmf(digit) if self.stage == Stage::Talking => {
                self.give(Input::Keyed { digit: digit.as_char() });
            }
            Message::Dtmf(_) => self.odd("a key before the call was answered"),
            Message::Hangup => self.gone(HangupCause::Caller),
            Message::Error(code) => {
                metrics::counter!(figures::PEER_ERRORS_TOTAL).increment(1);
                tracing::warn!(%code, "the peer reports an error");
            }
            Message::Unknown(unknown) => {
                tracing::debug!(kind = unknown.kind(), "a message of an unknown kind is passed over");
                self.odd("unknown kind");
            }
            Message::Malformed(malformed) => {
                tracing::debug!(fault = %malformed.fault(), "a message with an impossible payload");
                self.odd("malformed");
                if let Some(message) = malformed.salvage() {
                    self.understood(message);
                }
            }
        }
    }

    fn odd(&mut self, what: &'static str) {
        self.summary.odd_messages += 1;
        metrics::counter!(figures::ODD_MESSAGES_TOTAL, "what" => what).increment(1);
    }

    /// The peer said which call this is.
    fn named(&mut self, call: CallId) {
        if self.stage != Stage::Handshake {
            self.odd("second UUID");
            return;
        }
        if self.calls.draining.is_cancelled() {
            self.refused = Some(NoCall::Draining);
            return;
        }
        tracing::Span::current().record("call.id", tracing::field::display(call));
        let (place, announced) =
            match self.calls.registry.begin(call, self.calls.settings.registration_required) {
                Ok(taken) => taken,
                Err(refusal) => {
                    self.refused = Some(refusal.into());
                    return;
                }
            };
        self.known.call = Some(call);
        self.place = Some(place);
        self.half_open = None;
        self.stage = Stage::Rate;
        self.stage_until = Instant::now() + Duration::from_millis(self.calls.settings.rate_wait_ms);
        self.calls.desk.began(call);
        match announced {
            Some(caller) => self.identified(caller),
            None => {
                let asked = identify::ask(self.calls.identify.caller_of(call), IDENTIFYING);
                let inbox = self.inbox.clone();
                let over = self.requests.over();
                self.calls.services.spawn(async move {
                    // A call that is over needs no name.
                    if let Some(caller) = over.run_until_cancelled(asked).await {
                        let _ = inbox.send(Input::Identified { caller }).await;
                    }
                });
            }
        }
    }

    pub(super) fn identified(&mut self, mut caller: Identity) {
        caller.language = language_for(&caller, &self.calls.settings.dialled);
        if let (Some(place), Some(call)) = (&self.place, self.known.call) {
            place.identified(&caller);
            self.calls.desk.identified(call, &caller);
            self.tell(Happening::Identified { caller: caller.clone() });
        }
        if self.stage == Stage::Talking {
            self.give(Input::Identified { caller });
        } else {
            self.caller = Some(caller);
        }
    }

    /// The core meets the call, at the rate that is spoken on the wire.
    pub(super) fn answer(&mut self, rate: SampleRate) {
        let Some(call) = self.known.call else { return };
        if rate != self.line.rate() {
            tracing::info!(
                configured_hz = self.line.rate().hz(),
                wire_hz = rate.hz(),
                "answering in the caller's rate"
            );
            metrics::counter!(figures::RATE_SWITCHES_TOTAL).increment(1);
            self.line.set_rate(rate);
        }
        self.stage = Stage::Talking;
        self.stage_until = self.started + Duration::from_secs(self.calls.settings.max_minutes * 60);
        let language = self.caller.as_ref().and_then(|caller| caller.language);
        let answer = Answer {
            call,
            rate: Rate(rate.hz()),
            language: language.unwrap_or(self.calls.language),
            detect_language: self.calls.detect_language && language.is_none(),
            today: chrono::Local::now().date_naive(),
            seed: uuid::Uuid::new_v4().as_u64_pair().0,
        };
        if let (Some(tape), Some(tapes)) = (&mut self.tape, &self.calls.tapes) {
            tape.open(tapes, call, Rate(rate.hz()), &self.calls.services, &self.calls.tasks);
        }
        self.tell(Happening::Began { rate_hz: rate.hz() });
        self.give(Input::Answered { caller: answer });
        if let Some(caller) = self.caller.take() {
            self.give(Input::Identified { caller });
        }
    }

    fn heard(&mut self, audio: &Audio) {
        match self.stage {
            Stage::Handshake => return self.odd("sound before the UUID"),
            Stage::Rate => self.answer(audio.rate()),
            _ => {}
        }
        if self.stage != Stage::Talking {
            return;
        }
        // A hole is no credit for a flood: at most a second of it may be made up for.
        let now_us = self.now().0;
        self.heard_us = self.heard_us.max(now_us.saturating_sub(CREDIT_US)) + audio.duration_us();
        let ahead_us = self.heard_us.saturating_sub(now_us);
        if ahead_us > AHEAD_END_US {
            tracing::warn!(ahead_us, "the peer sends sound faster than time; the leg ends");
            return self.gone(HangupCause::Protocol);
        }
        if ahead_us > AHEAD_DROP_US {
            metrics::counter!(figures::FLOODED_MESSAGES_TOTAL).increment(1);
            return;
        }
        let mut frames = Vec::new();
        self.listener.hear(audio, |frame, activity| frames.push(Input::Heard { frame, activity }));
        for heard in frames {
            self.summary.frames_heard += 1;
            self.give(heard);
        }
    }
}
