//! One call, in text and in virtual time: what the caller types is what is recognised, what the agent says is text that
//! lasts as long as speech would.
//!
//! The core is the real [`Conversation`] and hears real frames, so that turn-taking, barge-in and the gate of the read-back
//! run as on a telephone. Around it there is no engine, socket, thread or sleep: the thinker is a function (the built-in
//! rules unless another is given), the shop is [`shop::Shop`], and sound is one sample a frame, of which only the length
//! counts. The same setup and the same words always give the same call.
//!
//! | file | what it is |
//! | --- | --- |
//! | `caller` | words as voiced frames, and the recogniser that hears them |
//! | `heard` | what happened: the timeline, and each step's part of it |
//! | [`shop`] | the shop in memory |
//! | [`script`] | calls written down, with what must come of them |
//! | `transcript` | a call in writing, for people |

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::audio::{Activity, Frame, Rate};
use crate::conversation::event::{
    Answer, Completion, HangupCause, Identity, Input, Note, Output, Speech, Thought,
};
use crate::conversation::{CallTime, Conversation, Settings};
use crate::engines::llm::rules::Rules;
use crate::ids::{CallId, PresentedNumber};
use crate::language::Language;

mod caller;
mod heard;
pub mod script;
pub mod shop;
mod transcript;

pub use heard::{End, Happened, Heard, Moment, ToolCall, Utterance};
pub use transcript::transcript;

use caller::{CHARACTER_MS, Caller};
use shop::{Catalogue, Shop};

/// What answers the core's questions. The pieces are an engine's; [`Thought::Done`] at their end may be left out.
pub type Thinker = Box<dyn FnMut(&Completion) -> Vec<Thought> + Send>;

/// What a call begins with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The language of the greeting.
    pub language: Language,
    /// Who calls.
    pub number: PresentedNumber,
    /// The shop's goods, shared by all calls.
    pub shop: Arc<Catalogue>,
    /// How the core talks.
    pub settings: Arc<Settings>,
    /// Seeds derived ids and any choice between equal phrases.
    pub seed: u64,
    /// The day of the call. Earlier orders of the shop count their days from it.
    pub today: NaiveDate,
}

impl Setup {
    /// A call to this shop on a Saturday in November, from a withheld number, in the settings' language.
    pub fn new(shop: Arc<Catalogue>) -> Self {
        let settings = Arc::new(Settings::default());
        let today = NaiveDate::from_ymd_opt(2026, 11, 21).unwrap_or_default();
        Self {
            language: settings.language,
            number: PresentedNumber::Withheld,
            shop,
            settings,
            seed: 1,
            today,
        }
    }
}

/// One call.
pub struct Rehearsal {
    core: Conversation,
    now: u64,
    accepted: DateTime<Utc>,
    caller: Caller,
    thinker: Thinker,
    shop: Shop,
    timeline: Vec<Moment>,
    end: Option<End>,
    /// Answers on their way to the core.
    inbox: VecDeque<Input>,
    voiced: Frame,
    unvoiced: Frame,
    /// Until when the caller's line carries sound: while nothing was said for longer than any patience, the ear is at rest,
    /// and frames of silence would change nothing.
    ears_until: u64,
    /// The longest patience of the settings, in milliseconds.
    patience: u64,
    /// The caller's turn is not over, or its words have not counted yet.
    in_turn: bool,
    /// Keys may still become words until then.
    keys_until: u64,
    /// When the agent was last heard.
    sounded: u64,
    /// When the caller last did something, or a turn's words last counted.
    stirred: u64,
    /// The next answer is listened to only for so long.
    cut_in: Option<u64>,
    /// Frames of the agent's voice: in all, in the present run, in the longest run.
    frames: (u64, u64, u64),
}

masked!(Rehearsal);

/// How the core begins to read a whole order (`conversation/phrases/read_back.rs`).
const READ_BACK: [&str; 2] = ["Проверьте, пожалуйста, заказ", "Let me read your order back"];
/// The rate of the agent's sound: one sample a frame.
const RATE: Rate = Rate(50);
const FRAME_MS: u64 = 20;
/// Quiet after which the agent has finished. More than a farewell's own last 300 ms, so that its end belongs to the answer.
const QUIET_MS: u64 = 500;
/// Between two keys of a telephone.
const KEY_MS: u64 = 200;
/// Keys become words after two seconds without another.
const KEYS_MS: u64 = 2_040;
/// No answer lasts longer: what listens for one gives up.
const ANSWER_MS: u64 = 10 * 60 * 1000;

impl Rehearsal {
    /// A call that was answered and identified; the greeting is played to its end. The built-in rules think.
    pub fn begin(setup: Setup) -> Self {
        let rules = Rules::new(setup.shop.dialogue(), crate::dialogue::Messages::default());
        Self::with(setup, Box::new(move |request| rules.think(request)))
    }

    /// [`Self::begin`] with another thinker.
    pub fn with(setup: Setup, thinker: Thinker) -> Self {
        let mut rehearsal = Self::answered(setup, thinker);
        rehearsal.listen();
        rehearsal
    }

    /// A call that was answered and identified just now: nothing of the greeting has been heard yet.
    pub fn answered(setup: Setup, thinker: Thinker) -> Self {
        let accepted = setup.today.and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(15);
        let settings = &setup.settings;
        let patience =
            settings.end_of_turn_ms.max(settings.end_of_answer_ms).max(settings.end_of_dictation_ms);
        let mut rehearsal = Self {
            core: Conversation::new(Arc::clone(settings)),
            now: 0,
            accepted,
            caller: Caller::default(),
            thinker,
            shop: Shop::open(Arc::clone(&setup.shop), setup.today, setup.seed),
            timeline: Vec::with_capacity(64),
            end: None,
            inbox: VecDeque::new(),
            voiced: Frame(vec![1_000; Rate::HZ_16000.frame_samples()].into()),
            unvoiced: Frame::silence(Rate::HZ_16000),
            ears_until: 0,
            patience: u64::from(patience),
            in_turn: false,
            keys_until: 0,
            sounded: 0,
            stirred: 0,
            cut_in: None,
            frames: (0, 0, 0),
        };
        rehearsal.input(Input::Answered {
            caller: Answer {
                call: CallId(Uuid::from_u64_pair(0, setup.seed)),
                rate: RATE,
                language: setup.language,
                detect_language: setup.settings.detect_language,
                today: setup.today,
                accepted_at_s: Some(accepted.timestamp()),
                seed: setup.seed,
                returning: false,
                recording: None,
            },
        });
        let caller = Identity { number: setup.number, dialled: None, language: None };
        rehearsal.input(Input::Identified { caller });
        rehearsal
    }

    /// The caller says this whole; then the agent is listened to until it is quiet. `…` in the words is a pause of 600 ms.
    pub fn say(&mut self, words: &str) -> Heard {
        let from = self.mark();
        if self.end.is_none() {
            self.happened(Happened::Caller(words.to_owned()));
            self.caller.say(words);
            while self.end.is_none()
                && let Some(speech) = self.caller.next_frame()
            {
                self.frame(Some(speech));
            }
            self.stirred = self.now;
            // The turn begins in its first frames; a sound too short for that is none.
            self.hear_out();
        }
        self.since(from)
    }

    /// The next answer is listened to only until the agent has spoken for so long; what is said or pressed then interrupts it.
    /// Of [`Self::say`], [`Self::press`], [`Self::wait`] and [`Self::listen`] the next one alone returns so early.
    pub fn cut_in(&mut self, after_ms: u64) {
        self.cut_in = Some(after_ms);
    }

    /// The caller waits until the agent has spoken for so long (of its next utterance, if it is quiet now), and then says this
    /// over it.
    pub fn interrupt(&mut self, words: &str, after_ms: u64) -> Heard {
        let from = self.mark();
        while self.frames.1 * FRAME_MS < after_ms && self.end.is_none() && self.now < self.stirred + ANSWER_MS
        {
            self.frame(None);
        }
        self.say(words);
        self.since(from)
    }

    /// The caller presses these keys, one after the other; then the agent is listened to until it is quiet.
    pub fn press(&mut self, keys: &str) -> Heard {
        let from = self.mark();
        for key in keys.chars().filter(|key| !key.is_whitespace()) {
            if self.end.is_none() {
                self.happened(Happened::Key(key));
                self.input(Input::Keyed { digit: key });
                self.pass(KEY_MS);
            }
        }
        self.stirred = self.now;
        self.keys_until = self.now + KEYS_MS;
        self.hear_out();
        self.since(from)
    }

    /// The caller is silent for so long, and then until the agent is quiet.
    pub fn wait(&mut self, ms: u64) -> Heard {
        let from = self.mark();
        match self.cut_in {
            Some(after_ms) => {
                let until = self.now + ms;
                while self.now < until && self.end.is_none() && self.frames.1 * FRAME_MS < after_ms.max(1) {
                    self.frame(None);
                }
            }
            None => self.pass(ms),
        }
        self.hear_out();
        self.since(from)
    }

    /// The agent is listened to until it is quiet.
    pub fn listen(&mut self) -> Heard {
        self.wait(0)
    }

    /// The caller hangs up. What the agent then still does with the shop (an unfinished draft is cancelled) is told.
    pub fn hang_up(&mut self) -> Heard {
        let from = self.mark();
        if self.end.is_none() {
            self.input(Input::HungUp { cause: HangupCause::Caller });
            self.ended(End::Caller);
        }
        self.since(from)
    }

    /// The shop as this call has left it.
    pub fn shop(&self) -> &Shop {
        &self.shop
    }

    /// How the call ended, if it did.
    pub fn over(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// All that happened, in its order.
    pub fn timeline(&self) -> &[Moment] {
        &self.timeline
    }

    /// The whole call as one step.
    pub fn heard(&self) -> Heard {
        let mut heard = Heard::of(&self.timeline, 0);
        heard.speech_ms = self.speech_ms();
        heard.passed_ms = self.now;
        heard
    }

    /// Whether the agent is being heard just now: after [`Self::cut_in`], whether it had so much to say.
    pub fn is_speaking(&self) -> bool {
        self.frames.1 > 0
    }

    /// Milliseconds since the call was accepted.
    pub fn now_ms(&self) -> u64 {
        self.now
    }

    /// Milliseconds of the agent's voice so far.
    pub fn speech_ms(&self) -> u64 {
        self.frames.0 * FRAME_MS
    }

    /// The longest that the agent has spoken without a break, in milliseconds.
    pub fn longest_ms(&self) -> u64 {
        self.frames.2 * FRAME_MS
    }

    /// Whole orders that were read back to their end: not the question alone, asked again, nor a change alone.
    pub fn read_backs(&self) -> usize {
        let (mut whole, mut count) = (false, 0);
        for moment in &self.timeline {
            match &moment.what {
                Happened::Note(Note::Saying { text, .. }) => {
                    whole |= READ_BACK.iter().any(|head| text.starts_with(head));
                }
                Happened::Note(Note::ReadBack { .. }) => count += usize::from(std::mem::take(&mut whole)),
                _ => {}
            }
        }
        count
    }

    fn mark(&self) -> (usize, u64, u64) {
        (self.timeline.len(), self.speech_ms(), self.now)
    }

    fn since(&self, (from, speech_ms, now): (usize, u64, u64)) -> Heard {
        let mut heard = Heard::of(&self.timeline, from);
        heard.speech_ms = self.speech_ms() - speech_ms;
        heard.passed_ms = self.now - now;
        heard
    }

    /// Until the agent is quiet, the caller's turn is over and no key waits.
    fn hear_out(&mut self) {
        let until = self.now + ANSWER_MS;
        let mut began = self.frames.1 > 0;
        let cut_in = self.cut_in.take();
        while self.end.is_none() && self.now < until {
            began |= self.frames.1 > 0;
            if cut_in.is_some_and(|after_ms| began && self.frames.1 * FRAME_MS >= after_ms) {
                return;
            }
            let since = self.sounded.max(self.stirred);
            let is_quiet = !self.in_turn && self.now >= since + QUIET_MS && self.now >= self.keys_until;
            if is_quiet && self.now >= self.ears_until {
                return;
            }
            self.frame(None);
        }
    }

    fn pass(&mut self, ms: u64) {
        for _ in 0..ms / FRAME_MS {
            if self.end.is_none() {
                self.frame(None);
            }
        }
    }

    /// 20 ms, in which the caller speaks, pauses, or says nothing.
    fn frame(&mut self, speech: Option<bool>) {
        if speech.is_some() {
            self.ears_until = self.now + self.patience + 10 * FRAME_MS;
        }
        if speech.is_some() || self.now < self.ears_until {
            let is_speech = speech == Some(true);
            let frame = if is_speech { &self.voiced } else { &self.unvoiced }.clone();
            let activity = match is_speech {
                true => Activity { speech_permille: 900, level_dbfs: -20 },
                false => Activity { speech_permille: 0, level_dbfs: -90 },
            };
            self.input(Input::Heard { frame, activity });
        }
        self.now += FRAME_MS;
        self.input(Input::Woken);
    }

    fn input(&mut self, input: Input) {
        let mut next = Some(input);
        while let Some(input) = next {
            self.core.handle(CallTime::from_ms(self.now), input);
            loop {
                match self.core.poll() {
                    Output::Idle { .. } => break,
                    Output::Play { frame } => self.play(&frame),
                    output => self.carry_out(output),
                }
            }
            next = self.inbox.pop_front();
        }
    }

    fn play(&mut self, frame: &Frame) {
        let (all, run, longest) = &mut self.frames;
        if frame.0.iter().all(|sample| *sample == 0) {
            *run = 0;
            return;
        }
        *all += 1;
        *run += 1;
        *longest = (*longest).max(*run);
        self.sounded = self.now;
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Recognize { job } => {
                let result = Ok(self.caller.recognize(&job));
                let (turn, revision) = (job.turn, job.revision);
                self.inbox.push_back(Input::Transcribed { turn, revision, result });
            }
            Output::Complete { request } => {
                let mut pieces = (self.thinker)(&request);
                if !matches!(pieces.last(), Some(Thought::Done | Thought::Failed { .. })) {
                    pieces.push(Thought::Done);
                }
                let id = request.id;
                self.inbox.extend(pieces.into_iter().map(|piece| Input::Completed { id, piece }));
            }
            Output::Synthesize { request } => {
                let id = request.id;
                let samples = request.text.chars().count() as u64 * CHARACTER_MS / FRAME_MS;
                let samples = vec![1; usize::try_from(samples.max(1)).unwrap_or(1)].into();
                self.inbox.push_back(Input::Synthesized { id, piece: Speech::Chunk { samples } });
                self.inbox.push_back(Input::Synthesized { id, piece: Speech::Done });
            }
            Output::Act { request } => {
                let now = self.accepted + TimeDelta::milliseconds(i64::try_from(self.now).unwrap_or(0));
                let outcome = self.shop.perform(&request, now);
                self.inbox.push_back(Input::Settled { id: request.id, outcome: outcome.clone() });
                self.happened(Happened::Act(Box::new((request, outcome))));
            }
            Output::Leave { how } => {
                self.inbox.push_back(Input::HungUp { cause: HangupCause::Agent });
                self.ended(End::of(how));
            }
            Output::Note { note } => self.noted(note),
            Output::Play { .. } | Output::Abandon { .. } | Output::Idle { .. } => {}
        }
    }

    fn noted(&mut self, note: Note) {
        match &note {
            Note::TurnBegan { turn } => {
                self.in_turn = true;
                self.caller.turn_began(*turn);
            }
            Note::Understood { .. } | Note::Nothing { .. } | Note::CardHeard { .. } => {
                self.in_turn = false;
                self.stirred = self.now;
            }
            _ => {}
        }
        self.happened(Happened::Note(note));
    }

    fn ended(&mut self, end: End) {
        self.happened(Happened::End(end.clone()));
        self.end = Some(end);
    }

    fn happened(&mut self, what: Happened) {
        self.timeline.push(Moment { at_ms: self.now, what });
    }
}

#[cfg(test)]
mod tests;
