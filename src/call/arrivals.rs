//! What comes off the line, and what it means for the session.

use std::time::Duration;

use audiosocket::{Audio, Message, SampleRate};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::audio::Rate;
use crate::call::faults::NoCall;
use crate::call::identify;
use crate::call::line::Arrival;
use crate::call::observer::Happening;
use crate::call::registry::{Place, Refusal, language_for};
use crate::call::session::{Session, Stage};
use crate::conversation::Input;
use crate::conversation::event::{Answer, HangupCause, Identity};
use crate::ids::CallId;
use crate::telemetry::figures;

/// How long anybody may take to say who calls; ARI's own deadline is far shorter.
const IDENTIFYING: Duration = Duration::from_secs(6);
/// Sound that may be ahead of the clock before it is dropped, and before the call is ended. Asterisk sends bursts after
/// a hole, never more than real time (measured); what is heard at once costs the calls on the same thread its decoding.
const AHEAD_DROP_US: u64 = 2_000_000;
const AHEAD_END_US: u64 = 60_000_000;
const CREDIT_US: u64 = 1_000_000;
/// Changes of the sound's rate in one call before it is ended: each makes a new ear. Asterisk never changes it (read from
/// its source: the channel's format is fixed when the socket is opened).
const RATE_CHANGES: u32 = 8;

/// A question to ARI whether it knows a call, and the call's place meanwhile.
#[derive(Debug)]
pub(super) struct Vouching {
    place: Place,
    answer: oneshot::Receiver<Option<Identity>>,
}

/// ARI's word on the call; none where there is no question, or whoever was asked is gone.
pub(super) async fn vouched(vouching: &mut Option<Vouching>) -> Option<Identity> {
    match vouching {
        Some(vouching) => (&mut vouching.answer).await.ok().flatten(),
        None => None,
    }
}

impl<R, W, P> Session<'_, R, W, P>
where
    R: AsyncRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
    P: Send,
{
    pub(super) fn arrived(&mut self, arrival: Arrival) {
        if matches!(arrival, Arrival::Bytes) {
            return if self.stage == Stage::Goodbye { self.line.discard() } else { self.read() };
        }
        let span = self.span.clone();
        let _call = span.enter();
        match arrival {
            Arrival::Bytes => {}
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
            if self.stage == Stage::Talking && self.hear_front() {
                continue;
            }
            match self.line.message() {
                Ok(Some(message)) => {
                    if self.flood.allows(message.payload_bytes(), self.clock) {
                        self.understood(message);
                    } else if self.stage < Stage::Rate {
                        self.refused = Some(NoCall::Flood);
                    } else {
                        self.at_fault("messages", "the peer sends more than any call needs; the leg ends");
                    }
                }
                Ok(None) => return,
                Err(error) if self.stage < Stage::Rate => {
                    self.refused = Some(NoCall::Garbage(error));
                }
                Err(_) => self.at_fault(
                    "garbage",
                    "the peer sent a call id of a length that no UUID has; the leg ends",
                ),
            }
        }
    }

    fn understood(&mut self, message: Message) {
        let span = self.span.clone();
        let _call = span.enter();
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
                let span = self.span.clone();
                let _call = span.enter();
                if let Some(more) = self.known.peer.told("peer_error") {
                    tracing::warn!(%code, more, "the peer reports an error");
                }
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

    /// The leg ends, and no other.
    fn at_fault(&mut self, why: &'static str, what: &'static str) {
        let span = self.span.clone();
        let _call = span.enter();
        if let Some(more) = self.known.peer.at_fault(why) {
            tracing::warn!(why, more, "{what}");
        }
        self.gone(HangupCause::Protocol);
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
        self.span.record("call.id", tracing::field::display(call));
        match self.calls.registry.begin(call) {
            Ok((place, None)) if self.calls.settings.registration_required => self.vouch(call, place),
            Ok((place, announced)) => self.taken(place, announced),
            Err(refusal) => self.refused = Some(refusal.into()),
        }
    }

    /// Nobody announced it: ARI is asked, and until then it is no call.
    fn vouch(&mut self, call: CallId, mut place: Place) {
        // A stranger's UUID was never good, so it is not remembered as used.
        place.on_trial();
        let (tell, answer) = oneshot::channel();
        let asked = self.calls.identify.vouch_for(call);
        let by = Instant::now() + Duration::from_millis(self.calls.settings.handshake_ms);
        self.calls.services.spawn(async move {
            if let Ok(word) = timeout_at(by, asked).await {
                // A peer that has left needs no word.
                let _ = tell.send(word);
            }
        });
        self.vouching = Some(Vouching { place, answer });
        self.stage = Stage::Vouching;
        self.stage_until = by;
    }

    pub(super) fn vouched(&mut self, caller: Option<Identity>) {
        let Some(Vouching { mut place, .. }) = self.vouching.take() else { return };
        // A core that has left meanwhile is not called back.
        if self.stage != Stage::Vouching {
            return;
        }
        match caller {
            Some(caller) => {
                place.passed();
                self.taken(place, Some(caller));
            }
            None if Instant::now() >= self.stage_until => self.stage_over(),
            None => self.refused = Some(Refusal::Stranger.into()),
        }
    }

    /// It is a call.
    fn taken(&mut self, place: Place, caller: Option<Identity>) {
        let call = place.call();
        self.known.call = Some(call);
        place.reachable_at(self.inbox.clone());
        self.place = Some(place);
        *self.half_open = None;
        self.stage = Stage::Rate;
        self.stage_until = Instant::now() + Duration::from_millis(self.calls.settings.rate_wait_ms);
        self.calls.desk.began(call);
        match caller {
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
            let comes_back = self.place.as_ref().is_some_and(Place::is_return);
            let most = self.calls.settings.calls_per_number_per_hour;
            if let Some(number) = caller.number.number().filter(|_| !comes_back)
                && !self.calls.quota.takes(number, most, Instant::now())
            {
                metrics::counter!(figures::CALLS_OVER_QUOTA_TOTAL).increment(1);
                tracing::warn!(
                    most,
                    "one number calls more often in an hour than it may; this call goes to a person"
                );
                return self.cut();
            }
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
        let spoken = language.unwrap_or(self.calls.language);
        let answer = Answer {
            call,
            rate: Rate(rate.hz()),
            language: spoken,
            detect_language: self.calls.detect_language && language.is_none(),
            today: chrono::Local::now().date_naive(),
            accepted_at_s: Some(chrono::Utc::now().timestamp()),
            seed: uuid::Uuid::new_v4().as_u64_pair().0,
            returning: self.place.as_ref().is_some_and(Place::is_return),
            recording: self.calls.tapes.as_ref().map(|tapes| tapes.notice(spoken)),
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
            // It may well be a caller; nobody listens yet.
            Stage::Vouching => return,
            Stage::Rate => self.answer(audio.rate()),
            _ => {}
        }
        if self.stage == Stage::Talking && self.keeps_time(audio.duration_us()) {
            self.listener.hear(self.now(), audio.rate(), audio.payload());
            self.pass_on();
        }
    }

    /// Hears the sound that stands at the front of what has arrived; false where something else does. Fifty times a second,
    /// so it copies nothing and has nothing to log.
    fn hear_front(&mut self) -> bool {
        let Some((rate, payload)) = self.line.front() else { return false };
        let payload_bytes = payload.len();
        if !self.flood.allows(payload_bytes, self.clock) {
            self.at_fault("messages", "the peer sends more than any call needs; the leg ends");
            return true;
        }
        if self.keeps_time(Audio::payload_us(rate, payload_bytes)) {
            let now = self.now();
            // Asked for again, as keeping time may have ended the call.
            if let Some((rate, payload)) = self.line.front() {
                self.listener.hear(now, rate, payload);
            }
        }
        self.line.pass(payload_bytes);
        self.pass_on();
        true
    }

    /// Whether the caller's sound comes no faster than time.
    fn keeps_time(&mut self, duration_us: u64) -> bool {
        // A hole is no credit for a flood: at most a second of it may be made up for.
        let now_us = self.now().0;
        self.heard_us = self.heard_us.max(now_us.saturating_sub(CREDIT_US)) + duration_us;
        let ahead_us = self.heard_us.saturating_sub(now_us);
        if ahead_us > AHEAD_END_US {
            self.at_fault("flood", "the peer sends sound faster than time; the leg ends");
            return false;
        }
        if ahead_us > AHEAD_DROP_US {
            metrics::counter!(figures::FLOODED_MESSAGES_TOTAL).increment(1);
            return false;
        }
        true
    }

    fn pass_on(&mut self) {
        if self.stage == Stage::Talking && self.listener.rate_changes() > RATE_CHANGES {
            self.at_fault("rates", "the caller's sound changes its rate over and over; the leg ends");
        }
        while let Some((frame, activity)) = self.listener.heard.pop_front() {
            self.summary.frames_heard += 1;
            self.give(Input::Heard { frame, activity });
        }
    }
}
