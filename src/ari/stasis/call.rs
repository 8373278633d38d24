//! One caller in our application, as a state machine without I/O: inputs are what Asterisk and the agents say, outputs
//! are [`Command`]s, one at a time. Whatever happens in whatever order, everything that was made is taken away, and a
//! caller who is still there goes to the agent, to a person, or back into the dialplan: never into silence.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::command::{Command, Variables};
use super::settings::{Format, Settings, Transfer, Way, is_wideband};
use super::{Names, Next};
use crate::ari::ChannelId;
use crate::conversation::event::Identity;
use crate::ids::CallId;

mod leaving;

/// How long the way from `Stasis()` to the agent's leg in the bridge may take (chosen: measured 25 ms; Asterisk itself
/// gives a connection two seconds).
const OPENING: Duration = Duration::from_secs(6);
/// The function by which a channel ends at a time; in the dialplan that leads to extension `T` (main/pbx.c).
const WATCHDOG: &str = "TIMEOUT(absolute)";
/// How much longer than Asterisk's own ringing a person is waited for before we end it.
const RING_GRACE: Duration = Duration::from_secs(5);

/// Something that happened.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// The last command succeeded; with a text where it asked for one.
    Done(Option<String>),
    /// The last command failed.
    Failed(Fault),
    /// Our leg to the listener has entered the application.
    MediaStarted(ChannelId),
    /// It is gone, and this is what the agent said about it.
    MediaEnded(ChannelId, Next),
    /// The person has answered.
    PersonStarted(ChannelId),
    /// The person's channel is gone: not answered, busy, refused, or hung up after talking.
    PersonEnded(ChannelId),
    /// The caller's channel has left the application, however.
    CallerLeft,
    /// The server goes away.
    Stopping,
    /// Time has passed.
    Woken,
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The channel does not exist, or is not in the application any more.
    Gone,
    /// Anything else, for the log.
    Other(String),
}

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The agent's leg is being set up, for the first time or again.
    Opening,
    /// It is being put into the bridge.
    Joining,
    /// The agent and the caller talk.
    Talking,
    /// A person is being rung.
    Ringing,
    /// A person and the caller talk.
    Connected,
    /// What is left is taken away.
    Closing,
}

/// How a call ended, for the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The caller hung up, or was taken elsewhere.
    Caller,
    /// The agent did.
    Agent,
    /// Given to a person by the dialplan, as the agent wished.
    Transferred,
    /// Talked with a person until one of the two hung up.
    Connected,
    /// Given back to the dialplan because something failed.
    Released,
}

impl End {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Agent => "agent",
            Self::Transferred => "transferred",
            Self::Connected => "connected",
            Self::Released => "released",
        }
    }
}

/// One caller.
pub(super) struct Call {
    names: Names,
    settings: Settings,
    transfer: Transfer,
    /// Where Asterisk finds the listener.
    host: String,
    caller: ChannelId,
    /// The caller channel's name, for the dialplan's hangup handler.
    caller_name: String,
    identity: Identity,
    new_uuid: Box<dyn FnMut() -> Uuid + Send>,
    /// The agent's leg; another one each time the agent takes the call back.
    leg: CallId,
    /// How many legs there were.
    legs: u32,
    /// How many people were rung.
    people: u32,
    format: &'static str,
    stage: Stage,
    until: Option<Instant>,
    watch_at: Option<Instant>,
    waiting: VecDeque<Command>,
    under_way: Option<Command>,
    /// What exists in Asterisk because of us, or may.
    bridge: bool,
    media: Option<ChannelId>,
    person: Option<ChannelId>,
    is_waiting_tone_on: bool,
    end: Option<End>,
    /// Told once, for the log.
    pub(super) why: Option<String>,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("leg", &self.leg).field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// What a call is made of.
pub(super) struct Opening {
    pub(super) names: Names,
    pub(super) settings: Settings,
    pub(super) transfer: Transfer,
    pub(super) host: String,
    pub(super) caller: ChannelId,
    pub(super) caller_name: String,
    /// Whether the caller's channel is answered already.
    pub(super) is_up: bool,
    pub(super) identity: Identity,
    /// The earlier call that comes back, where the dialplan says so.
    pub(super) back: Option<CallId>,
    /// Whether Asterisk labels 16 kHz as such.
    pub(super) wideband: bool,
    pub(super) new_uuid: Box<dyn FnMut() -> Uuid + Send>,
}

impl Call {
    /// A caller has entered the application.
    pub(super) fn new(opening: Opening, now: Instant) -> Self {
        let (is_up, back, wideband) = (opening.is_up, opening.back, opening.wideband);
        let mut call = Self::bare(opening, Stage::Opening);
        call.format = match call.settings.format {
            Format::Slin16 => "slin16",
            Format::Auto | Format::Slin => "slin",
        };
        call.until = Some(now + OPENING);
        if !is_up {
            call.push(Command::Answer { channel: call.caller.clone() });
        }
        // Turned off here, it is off: the dialplan may have set it.
        if call.settings.watchdog_s > 0 {
            call.watch(now)
        } else {
            call.unwatch()
        }
        call.bridge = true;
        call.push(Command::CreateBridge { bridge: call.names.bridge() });
        call.push(Command::Join { bridge: call.names.bridge(), channel: call.caller.clone() });
        if call.settings.format == Format::Auto && wideband {
            call.push(Command::AskCodec { channel: call.caller.clone() });
        }
        call.open_leg(back);
        call
    }

    /// A caller and a person whom an earlier process has joined: they talk on, and are tidied up after.
    pub(super) fn adopted(opening: Opening, person: ChannelId) -> Self {
        let mut call = Self::bare(opening, Stage::Connected);
        call.bridge = true;
        call.person = Some(person);
        call
    }

    fn bare(mut opening: Opening, stage: Stage) -> Self {
        let leg = CallId((opening.new_uuid)());
        Self {
            names: opening.names,
            settings: opening.settings,
            transfer: opening.transfer,
            host: opening.host,
            caller: opening.caller,
            caller_name: opening.caller_name,
            identity: opening.identity,
            new_uuid: opening.new_uuid,
            leg,
            legs: 0,
            people: 0,
            format: "slin",
            stage,
            until: None,
            watch_at: None,
            waiting: VecDeque::new(),
            under_way: None,
            bridge: false,
            media: None,
            person: None,
            is_waiting_tone_on: false,
            end: None,
            why: None,
        }
    }

    /// The agent's leg that is or was last.
    pub(super) fn leg(&self) -> CallId {
        self.leg
    }

    /// Where it stands.
    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// What must have happened while no events came, by the channels of our application that exist now and whether each
    /// is answered; `next` is what the agent said about the present leg.
    pub(super) fn missed(&self, there: &HashMap<ChannelId, bool>, next: Next) -> Vec<Input> {
        if !there.contains_key(&self.caller) {
            return vec![Input::CallerLeft];
        }
        let mut missed = Vec::new();
        if let Some(media) = &self.media {
            match (self.stage, there.contains_key(media)) {
                (Stage::Opening, true) => missed.push(Input::MediaStarted(media.clone())),
                (Stage::Talking, false) => missed.push(Input::MediaEnded(media.clone(), next)),
                // What is only being asked for need not be there yet; its deadline takes care of it.
                _ => {}
            }
        }
        if let Some(person) = &self.person {
            match (self.stage, there.get(person)) {
                (Stage::Ringing, Some(true)) => missed.push(Input::PersonStarted(person.clone())),
                (Stage::Connected, None) => missed.push(Input::PersonEnded(person.clone())),
                _ => {}
            }
        }
        missed
    }

    /// When to be woken.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.until, self.watch_at].into_iter().flatten().min()
    }

    /// How it ended, once nothing is left to do.
    pub(super) fn end(&self) -> Option<End> {
        self.end
            .filter(|_| self.stage == Stage::Closing && self.waiting.is_empty() && self.under_way.is_none())
    }

    /// The next command, if none is under way.
    pub(super) fn poll(&mut self) -> Option<Command> {
        if self.under_way.is_some() {
            return None;
        }
        self.under_way = self.waiting.pop_front();
        self.under_way.clone()
    }

    /// Takes in what happened.
    pub(super) fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Done(text) => self.done(text, now),
            Input::Failed(fault) => self.failed(fault, now),
            Input::MediaStarted(channel) => self.media_started(&channel),
            Input::MediaEnded(channel, next) => self.media_ended(&channel, next, now),
            Input::PersonStarted(channel) => self.person_started(&channel),
            Input::PersonEnded(channel) => self.person_ended(&channel, now),
            Input::CallerLeft => self.close(End::Caller),
            Input::Stopping => self.stopping(),
            Input::Woken => self.woken(now),
        }
    }

    // === Commands

    fn push(&mut self, command: Command) {
        self.waiting.push_back(command);
    }

    fn set(&mut self, channel: &ChannelId, name: &str, value: impl Into<String>) {
        self.push(Command::Set { channel: channel.clone(), name: name.to_owned(), value: value.into() });
    }

    fn done(&mut self, text: Option<String>, now: Instant) {
        match self.under_way.take() {
            // The command that opens the leg waits behind this one, with the narrow format.
            Some(Command::AskCodec { .. }) if text.as_deref().is_some_and(is_wideband) => {
                self.format = "slin16";
                for command in &mut self.waiting {
                    if let Command::OpenMedia { format, .. } = command {
                        *format = self.format;
                    }
                }
            }
            Some(Command::Join { channel, .. })
                if self.stage == Stage::Joining && Some(&channel) == self.media.as_ref() =>
            {
                self.stage = Stage::Talking;
                self.until = None;
                self.watch_at = self.watch_every().map(|every| now + every);
            }
            _ => {}
        }
    }

    fn failed(&mut self, fault: Fault, now: Instant) {
        let Some(command) = self.under_way.take() else { return };
        if self.stage == Stage::Closing {
            // What cannot be taken away any more is gone already, or will be told to the log by who tried.
            return;
        }
        // The codec's 404 may also say that there is no such variable.
        let of_caller = match &command {
            Command::Answer { channel }
            | Command::Set { channel, .. }
            | Command::Ring { channel, .. }
            | Command::Music { channel, .. }
            | Command::Join { channel, .. } => *channel == self.caller,
            _ => false,
        };
        if fault == Fault::Gone && of_caller {
            return self.close(End::Caller);
        }
        match command {
            // Without it the caller is served all the same.
            Command::AskCodec { .. } | Command::Ring { .. } | Command::Music { .. } => {}
            // The watchdog's time: the next one may succeed.
            Command::Set { name, .. } if name == WATCHDOG => {}
            Command::HangUp { .. } | Command::DestroyBridge { .. } | Command::Continue { .. } => {}
            Command::Originate { channel, .. } => {
                if Some(&channel) == self.person.as_ref() {
                    self.take_back(now);
                }
            }
            command => {
                let fault = match fault {
                    Fault::Gone => "Asterisk knows no such thing".to_owned(),
                    Fault::Other(why) => why,
                };
                self.release(match &command {
                    Command::OpenMedia { host, .. } => format!(
                        "expected Asterisk to reach the AudioSocket listener at {host} (ari.stasis.media_host): {fault}"
                    ),
                    Command::CreateBridge { .. } => {
                        format!("expected Asterisk to make a bridge (is res_ari_bridges.so loaded?): {fault}")
                    }
                    command => format!("{}: {fault}", command.label()),
                });
            }
        }
    }

    // === The agent's leg

    /// Asks for a leg to the listener under the current UUID.
    fn open_leg(&mut self, back: Option<CallId>) {
        let call = self.leg;
        self.push(Command::Announce { call, caller: self.identity.clone(), back });
        self.set(&self.caller.clone(), "CALL_UUID", call.to_string());
        let media = self.names.media(self.legs);
        self.legs += 1;
        let variables = self.handler("s");
        self.push(Command::OpenMedia {
            channel: media.clone(),
            call,
            host: self.host.clone(),
            format: self.format,
            variables,
        });
        self.media = Some(media);
    }

    /// The variable that makes Asterisk fetch the caller back when the other channel ends and we are dead: a hangup
    /// handler runs on any channel, in the dialplan, without us (main/channel.c: `ast_hangup`).
    fn handler(&self, extension: &str) -> Variables {
        if self.settings.gone.is_empty() {
            return Vec::new();
        }
        let handler = format!("{},{extension},1({},{})", self.settings.gone, self.caller_name, self.leg);
        vec![("CHANNEL(hangup_handler_push)".to_owned(), handler)]
    }

    fn media_started(&mut self, channel: &ChannelId) {
        if self.stage != Stage::Opening || Some(channel) != self.media.as_ref() {
            return;
        }
        self.stage = Stage::Joining;
        self.waiting_tone(false);
        self.push(Command::Join { bridge: self.names.bridge(), channel: channel.clone() });
    }

    fn media_ended(&mut self, channel: &ChannelId, next: Next, now: Instant) {
        let live = matches!(self.stage, Stage::Opening | Stage::Joining | Stage::Talking);
        if !live || Some(channel) != self.media.as_ref() {
            return;
        }
        self.media = None;
        // A step for the leg that is gone would only fail.
        self.waiting.retain(|command| !matches!(command, Command::Join { channel: of, .. } if of == channel));
        match next {
            // The core has let a telephone's jitter buffer run empty before it left.
            Next::HangUp => self.part(End::Agent),
            Next::Transfer(card) => match self.transfer.way {
                Way::Dialplan => self.hand_over(&card),
                Way::Bridge => self.ring(&card, now),
            },
            Next::Unknown => self.release("the agent's leg ended without a word".to_owned()),
        }
    }

    // === The watchdog

    fn watch_every(&self) -> Option<Duration> {
        // Every third: two requests may be lost.
        (self.settings.watchdog_s > 0).then(|| Duration::from_secs(self.settings.watchdog_s) / 3)
    }

    /// Gives Asterisk so many seconds more before it fetches the caller back by itself.
    fn watch(&mut self, now: Instant) {
        let Some(every) = self.watch_every() else { return };
        self.watch_at = Some(now + every);
        let is_set = |command: &Command| matches!(command, Command::Set { name, .. } if name == WATCHDOG);
        if !self.waiting.iter().any(is_set) {
            self.set(&self.caller.clone(), WATCHDOG, self.settings.watchdog_s.to_string());
        }
    }

    /// From here on the caller does not depend on us.
    fn unwatch(&mut self) {
        self.watch_at = None;
        self.set(&self.caller.clone(), WATCHDOG, "0");
    }

    fn woken(&mut self, now: Instant) {
        if self.watch_at.is_some_and(|at| at <= now) && self.stage != Stage::Closing {
            self.watch(now);
        }
        if self.until.is_none_or(|until| until > now) {
            return;
        }
        self.until = None;
        match self.stage {
            Stage::Opening | Stage::Joining => {
                self.release("the agent's leg was not set up in time".to_owned())
            }
            Stage::Ringing => self.take_back(now),
            Stage::Talking | Stage::Connected | Stage::Closing => {}
        }
    }
}

#[cfg(test)]
mod tests;
