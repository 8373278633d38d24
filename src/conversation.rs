//! The core of a call: a pure state machine from what happened to what to do.
//!
//! **One input, then drain.** [`Conversation::handle`] cannot fail and never waits: a bad transcript, an impossible tool
//! call or a dead engine are inputs it has a plan for. After each input, [`Conversation::poll`] is called until it answers
//! [`Output::Idle`]; that deadline is the only thing the driver sleeps on. No socket, task, clock, ambient randomness or
//! floating point lives here (`tests/architecture.rs` checks), so the same inputs give the same outputs, byte for byte.
//!
//! | file | what it decides |
//! | --- | --- |
//! | `endpoint` | the ear: where the caller's turns begin, pause and end |
//! | `playout` | the mouth: what is being said, as frames on an absolute schedule |
//! | `floor` | whose turn it is: patience, barge-in, what a turn's words are |
//! | `asking` | a question about an order: put, put again, answered |
//! | `dialogue` | the mind: what a turn means, what the thinker says to it |
//! | `desk`, `settle`, `twin` | tool calls to order actions, and their outcomes back |
//! | `parting` | how the core leaves, and what a person is told who takes over |
//! | `consent` | what needs the caller's yes |
//! | `discretion` | what must not be kept: refused recordings, cards' numbers |
//! | `phrases`, `facts` | the sentences and facts made by code, never by a model |
//! | `responder` | another core, of ear and mouth alone: it answers whatever is said with one sound |

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{PresentedNumber, RequestId, TurnId};
use crate::language::Language;

mod asking;
pub mod clock;
mod consent;
mod desk;
mod dialogue;
mod discretion;
mod drafting;
mod endpoint;
pub mod event;
mod facts;
mod floor;
mod parting;
mod phrases;
mod playout;
mod responder;
mod settings;
mod settle;
#[cfg(test)]
mod tests;
mod told;
mod twin;

pub use clock::CallTime;
pub use consent::digest as order_digest;
pub use event::{Input, Output};
pub use responder::Responder;
pub use settings::Settings;

use consent::Consent;
use desk::Desk;
use dialogue::Dialogue;
use discretion::Discretion;
use endpoint::Endpointer;
use event::{Answer, Engine, Identity, Message, Note, Speech};
use floor::Turn;
use parting::{Parting, Why};
use playout::{Change, Item, Playout, Stage};

/// One call's core.
pub struct Conversation {
    settings: Arc<Settings>,
    now: CallTime,
    out: VecDeque<Output>,
    timers: BTreeMap<Timer, CallTime>,
    answer: Option<Answer>,
    identity: Option<Identity>,
    language: Language,
    ear: Endpointer,
    mouth: Playout,
    turn: Turn,
    mind: Dialogue,
    desk: Desk,
    consent: Consent,
    discretion: Discretion,
    /// What a barge-in cut, until it is known whether it was more than noise.
    interrupted: Vec<Item>,
    /// Keys pressed and not yet taken as words.
    keys: String,
    leaving: Option<Parting>,
    /// Silent frames played since the last word before leaving.
    lingered: u32,
    left: bool,
    hung_up: bool,
    draining: bool,
    /// The caller has put us on hold.
    held: bool,
    last_id: u64,
    silences: u32,
    /// The caller asked for time: nothing is asked before then.
    moment: Option<CallTime>,
    /// The last two clauses that were heard of the agent, the older first.
    spoken: [String; 2],
    /// Clauses in a row that could not be synthesised.
    unspoken: u32,
    /// The turn whose answer's first frame is still to be played, and when its last sound was.
    unanswered: Option<(TurnId, CallTime)>,
}

masked!(Conversation);

/// Why the core wakes. The doc lines are the timing of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The recogniser has not answered for the turn that ended: 4 s, then the caller is asked again.
    Transcript,
    /// The thinker has given nothing: 12 s, beyond every engine's own deadline, then as if it had failed.
    Completion,
    /// An order action takes long: say so once.
    Filler,
    /// An order action has not settled: 8 s, twice the desk's own deadline, then its outcome is unknown.
    Action,
    /// Digits keyed in are words after 2 s without another.
    Keypad,
    /// Nobody has said anything.
    Silence,
    /// The whole call.
    Maximum,
    /// After a farewell: leave even if its sound never comes, 12 s.
    Leaving,
}

impl Conversation {
    /// A call that has just been accepted, at [`CallTime`] zero.
    pub fn new(settings: Arc<Settings>) -> Self {
        let maximum = Duration::from_millis(u64::from(settings.maximum_call_ms));
        let language = settings.language;
        Self {
            settings,
            now: CallTime::default(),
            out: VecDeque::new(),
            timers: BTreeMap::from([(Timer::Maximum, CallTime::default() + maximum)]),
            answer: None,
            identity: None,
            language,
            ear: Endpointer::new(),
            mouth: Playout::new(),
            turn: Turn::default(),
            mind: Dialogue::default(),
            desk: Desk::default(),
            consent: Consent::default(),
            discretion: Discretion::default(),
            interrupted: Vec::new(),
            keys: String::new(),
            leaving: None,
            lingered: 0,
            left: false,
            hung_up: false,
            draining: false,
            held: false,
            last_id: 0,
            silences: 0,
            moment: None,
            spoken: [const { String::new() }; 2],
            unspoken: 0,
            unanswered: None,
        }
    }

    /// Takes one input. Cannot fail; time never runs backwards (an earlier `at` counts as the latest seen).
    pub fn handle(&mut self, at: CallTime, input: Input) {
        self.now = self.now.max(at);
        match input {
            Input::Answered { caller } => self.answered(caller),
            Input::Identified { caller } => self.identified(caller),
            Input::Heard { frame, activity } => self.heard(&frame, activity),
            Input::Transcribed { turn, revision, result } => {
                self.transcribed(turn, revision, result);
            }
            Input::Completed { id, piece } => self.completed(id, piece),
            Input::Synthesized { id, piece } => self.synthesized(id, piece),
            Input::Settled { id, outcome } => self.settled(id, outcome),
            Input::Keyed { digit } => self.keyed(digit),
            Input::Lagged { engine, id } => self.lagged(engine, id),
            Input::Held { on } => self.hold(on),
            Input::Draining => self.drain(),
            Input::HungUp { .. } => self.hang_up(),
            Input::Woken => {}
        }
        self.run_timers();
        self.ask_again_when_due();
        self.ask_for_sound();
    }

    /// What to do next; [`Output::Idle`] when that is nothing until an input comes or its time is reached.
    pub fn poll(&mut self) -> Output {
        if let Some(output) = self.out.pop_front() {
            return output;
        }
        if !self.hung_up && !self.left {
            let mut changes = Vec::new();
            if let Some(frame) = self.mouth.due(self.now, &mut changes) {
                self.out.push_back(Output::Play { frame });
                self.said(changes);
                self.ask_for_sound();
                self.maybe_leave();
                if let Some(output) = self.out.pop_front() {
                    return output;
                }
            }
        }
        Output::Idle { until: self.wakes_at() }
    }

    /// Whether nothing more will ever come out: the caller has gone and no order action is open.
    pub fn is_over(&self) -> bool {
        (self.hung_up || self.left) && self.out.is_empty() && self.desk.is_settled()
    }

    fn wakes_at(&self) -> Option<CallTime> {
        if self.hung_up || self.left {
            return self.timers.get(&Timer::Action).copied();
        }
        self.timers.values().copied().chain([self.mouth.next_frame()]).chain(self.ear.starves_at()).min()
    }

    fn answered(&mut self, answer: Answer) {
        if self.answer.is_some() {
            return;
        }
        self.mouth.set_rate(answer.rate);
        self.language = answer.language;
        self.mind.begin(&answer);
        let returning = answer.returning;
        let recording = answer.recording.clone();
        self.answer = Some(answer);
        if let Some(notice) = recording {
            self.give_notice(&notice);
        }
        if returning {
            self.mind.history.push(Message::Note {
                text: "the caller was transferred to an operator, and none answered; they are back with you"
                    .to_owned(),
            });
            return self.say_fixed(phrases::Fixed::NobodyFree);
        }
        let greeting = self.settings.greeting(self.language);
        self.mind.remember_agent(&greeting);
        self.say(&greeting);
    }

    fn identified(&mut self, identity: Identity) {
        self.mind.briefing.identified = matches!(identity.number, PresentedNumber::Number(_));
        if let Some(language) = identity.language {
            self.speak_language(language);
        }
        self.identity = Some(identity);
    }

    fn speak_language(&mut self, language: Language) {
        if self.language != language {
            self.language = language;
            self.note(Note::Switched { language });
        }
    }

    fn synthesized(&mut self, id: RequestId, piece: Speech) {
        match piece {
            Speech::Chunk { samples } => {
                if let Some(item) = self.item(id) {
                    item.add(&samples);
                }
                // Not a frame of it while the caller speaks.
                self.yield_floor();
            }
            Speech::Done => match self.item(id) {
                // A clause that must be heard was not.
                Some(item) if item.is_mute() && (item.read_back || item.essential) => {
                    self.unspoken(id, "no sound came");
                }
                Some(item) => {
                    item.stage = Stage::Complete;
                    self.unspoken = 0;
                }
                None => {}
            },
            Speech::Failed { fault } => self.unspoken(id, &format!("{fault:?}")),
        }
    }

    /// A clause that is queued or was cut and may go on.
    fn item(&mut self, id: RequestId) -> Option<&mut Item> {
        match self.interrupted.iter().position(|item| item.id == id) {
            Some(place) => self.interrupted.get_mut(place),
            None => self.mouth.item(id),
        }
    }

    /// A clause could not be synthesised: once more, then without it. A read-back that was not said is no read-back.
    fn unspoken(&mut self, id: RequestId, why: &str) {
        let Some(item) = self.item(id) else { return };
        if item.retry() {
            return;
        }
        let (read_back, essential) = (item.read_back, item.essential);
        let notice = self.notice_unspoken(id);
        self.mouth.remove(id);
        self.interrupted.retain(|item| item.id != id);
        self.note(Note::FellBack { from: "speaking".into(), to: "silence".into(), why: why.to_owned() });
        self.unspoken += 1;
        if read_back && self.consent.void() || essential && !notice || self.unspoken >= UNSPOKEN {
            self.transfer(Why::Trouble);
        } else if self.mouth.is_idle() && !self.timers.contains_key(&Timer::Silence) {
            self.watch_silence();
        }
    }

    fn said(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Started(id) => {
                    self.timers.remove(&Timer::Silence);
                    if let Some((turn, last_sound)) = self.unanswered.take() {
                        let after = self.now.since(last_sound).as_millis();
                        let after_last_sound_ms = u32::try_from(after).unwrap_or(u32::MAX);
                        self.note(Note::Answering { turn, after_last_sound_ms });
                    }
                    self.sounds(id);
                    // An item of a single frame is already gone.
                    if let Some(text) = self.mouth.item(id).map(|item| item.text.clone()) {
                        self.note(Note::Saying { id, text });
                    }
                }
                Change::Resumed(id) => self.sounds(id),
                Change::Finished { id, played_ms, read_back, text: _ } => {
                    self.note(Note::Said { id, played_ms, cut: false });
                    self.notice_played(id);
                    if read_back && self.consent.played(id, self.now) {
                        self.asked_whole();
                    }
                }
            }
        }
        if self.mouth.is_idle() && !self.timers.contains_key(&Timer::Silence) {
            self.watch_silence();
        }
    }

    fn watch_silence(&mut self) {
        let after = self.now + Duration::from_millis(u64::from(self.settings.caller_silence_ms));
        self.timers.insert(Timer::Silence, self.moment.map_or(after, |moment| moment.max(after)));
    }

    fn lagged(&mut self, engine: Engine, id: RequestId) {
        match engine {
            Engine::Hearing => self.unheard(),
            Engine::Thinking => self.thinker_failed(id, "its queue is full"),
            Engine::Speaking => self.unspoken(id, "its queue is full"),
            Engine::Desk => self.settled(
                id,
                crate::orders::ActionOutcome::Unavailable { reason: crate::orders::Unavailable::Store },
            ),
        }
    }

    fn drain(&mut self) {
        self.draining = true;
        if self.leaving.is_none() && !self.desk.is_busy() && self.consent.matter().is_none() {
            self.transfer(Why::Draining);
        }
    }

    fn hang_up(&mut self) {
        if self.hung_up {
            return;
        }
        self.hung_up = true;
        self.consent.void();
        self.abandon_thought();
        self.timers.retain(|timer, _| *timer == Timer::Action);
        self.drop_draft();
    }

    fn run_timers(&mut self) {
        if let Some(change) = self.ear.starve(self.now) {
            self.ear_changed(change);
        }
        while let Some((&timer, _)) = self.timers.iter().find(|(_, due)| **due <= self.now) {
            self.timers.remove(&timer);
            match timer {
                Timer::Transcript => self.transcript_overdue(),
                Timer::Completion => self.thinker_silent(),
                Timer::Filler => self.filler(),
                Timer::Action => self.action_overdue(),
                Timer::Keypad => self.take_keys(),
                Timer::Silence => self.silent(),
                Timer::Maximum => self.transfer(Why::TooLong),
                Timer::Leaving => self.leaving_overdue(),
            }
        }
    }

    /// Whoever has put us on hold is not silent, and has a whole silence's time when they are back.
    fn hold(&mut self, on: bool) {
        self.held = on;
        if !on && self.timers.contains_key(&Timer::Silence) {
            self.watch_silence();
        }
    }

    fn silent(&mut self) {
        if self.leaving.is_some() {
            return;
        }
        if self.held || self.ear.in_turn() || self.mind.is_thinking() || self.desk.is_busy() {
            return self.watch_silence();
        }
        self.silences += 1;
        if self.silences >= 2 {
            self.say_goodbye();
        } else if self.consent.matter().is_some() {
            // Never "are you there?": its yes would be taken for the order's, or the order's for it.
            self.ask_again(None);
        } else {
            self.say_fixed(phrases::Fixed::AreYouThere);
        }
    }

    /// Queues these words, clause by clause.
    fn say(&mut self, text: &str) -> Vec<RequestId> {
        let clauses = crate::language::clauses(text);
        clauses.iter().map(|clause| self.say_clause(clause, false)).collect()
    }

    fn say_fixed(&mut self, which: phrases::Fixed) {
        let text = phrases::fixed(which, self.language);
        self.mind.remember_agent(text);
        self.say(text);
    }

    fn say_clause(&mut self, clause: &str, read_back: bool) -> RequestId {
        let id = self.next_id();
        self.queue_clause(Item::new(id, clause.to_owned(), read_back));
        id
    }

    /// Says what came of an order: no interruption loses it.
    fn say_surely(&mut self, text: &str) {
        for clause in crate::language::clauses(text) {
            let mut item = Item::new(self.next_id(), clause.to_string(), false);
            item.essential = true;
            self.queue_clause(item);
        }
    }

    /// While the caller who cut the agent off still speaks, new words wait with the cut ones.
    fn queue_clause(&mut self, item: Item) {
        if !item.read_back {
            self.consent.suspend();
        }
        if self.turn.holds_floor() && self.ear.in_turn() {
            self.interrupted.push(item);
        } else {
            self.mouth.say(item);
        }
    }

    /// Asks for the sound of the next clauses.
    fn ask_for_sound(&mut self) {
        if self.hung_up || self.left || self.answer.is_none() {
            return;
        }
        let (language, rate) = (self.language, self.mouth.rate());
        while let Some(item) = self.mouth.wanted() {
            item.stage = Stage::Requested;
            let text = crate::language::spoken(&item.text, language);
            let request = event::Synthesis { id: item.id, language, text, rate };
            self.out.push_back(Output::Synthesize { request });
        }
    }

    fn next_id(&mut self) -> RequestId {
        self.last_id += 1;
        RequestId(self.last_id)
    }

    fn note(&mut self, note: Note) {
        self.out.push_back(Output::Note { note });
    }
}

/// Clauses lost in a row after which a person takes over: one may be odd, two are a voice that is gone.
const UNSPOKEN: u32 = 2;
