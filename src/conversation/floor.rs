//! Whose turn it is: how long to wait for more words, when the caller cuts the agent off, and what a turn's words were.

use std::time::Duration;

use crate::audio::{Activity, Frame};
use crate::conversation::endpoint::Change;
use crate::conversation::event::{EngineFault, Note, Recognition, Transcript};
use crate::conversation::playout::Stage;
use crate::conversation::{CallTime, Conversation, Output, Timer};
use crate::ids::TurnId;
use crate::language::{self, Reply};

/// The caller's present or last turn.
#[derive(Debug, Default)]
pub(super) struct Turn {
    id: TurnId,
    /// The last recognition asked for.
    revision: u32,
    /// Of that recognition, when the last sound was that it holds.
    covers: CallTime,
    /// The newest words that have come back, and the revision they belong to.
    words: Option<(u32, Transcript)>,
    /// The caller has finished; the words are still on their way.
    ended: bool,
    began: CallTime,
    last_sound: CallTime,
    /// Whether the words of this revision answer a question whole, once that was asked for.
    answers: Option<(u32, bool)>,
    /// The agent was cut off by this turn.
    cut: bool,
    /// How sure the recogniser is of the words, 0 to 1000.
    confidence: u16,
    /// The turns before, when the caller went on before their words had come: they belong to this one. Oldest first.
    before: Vec<Earlier>,
}

/// A turn that the caller went on from.
#[derive(Debug)]
struct Earlier {
    id: TurnId,
    revision: u32,
    /// None: still on their way.
    words: Option<Transcript>,
}

impl Turn {
    /// Which it is.
    pub(super) fn id(&self) -> TurnId {
        self.id
    }

    /// When it began, or the first of those that it goes on from.
    pub(super) fn began(&self) -> CallTime {
        self.began
    }

    /// Whether it is over and its words are still awaited.
    pub(super) fn awaits_words(&self) -> bool {
        self.ended
    }

    /// Whether its words may be taken for a yes.
    pub(super) fn is_sure(&self) -> bool {
        self.confidence >= SURE
    }

    /// Whether the agent was cut off for it.
    pub(super) fn holds_floor(&self) -> bool {
        self.cut
    }
}

impl Conversation {
    pub(super) fn heard(&mut self, frame: &Frame, activity: Activity) {
        if self.answer.is_none() || self.hung_up || self.left {
            return;
        }
        let patience = self.patience();
        if let Some(change) = self.ear.hear(self.now, frame, activity, patience) {
            self.ear_changed(change);
        }
        self.yield_floor();
    }

    /// The agent gives way to a caller who has spoken for long enough.
    pub(super) fn yield_floor(&mut self) {
        let threshold = Duration::from_millis(u64::from(self.settings.barge_in_ms));
        if self.ear.in_turn() && !self.turn.cut && self.mouth.is_speaking() && self.ear.voiced() >= threshold
        {
            self.barge_in();
        }
    }

    /// How long a quiet ends the turn, by what the words so far look like.
    fn patience(&mut self) -> Duration {
        let default = self.settings.end_of_turn_ms;
        let fresh = self.turn.words.as_ref().filter(|(revision, _)| {
            *revision == self.turn.revision && self.turn.covers == self.ear.last_sound()
        });
        let ms = match fresh {
            Some((revision, words)) if self.consent.is_awaiting() => {
                // Asked at every frame, and worked out once.
                let known = self.turn.answers.filter(|(of, _)| of == revision);
                let (_, answers) = known.unwrap_or_else(|| {
                    let reply = language::reply(&words.text, "");
                    (*revision, matches!(reply, Reply::Agreed { .. } | Reply::Refused))
                });
                self.turn.answers = Some((*revision, answers));
                if answers { self.settings.end_of_answer_ms } else { default }
            }
            Some((_, words)) if language::is_unfinished(&words.text, words.language) => {
                self.settings.end_of_dictation_ms
            }
            _ => default,
        };
        Duration::from_millis(u64::from(ms))
    }

    pub(super) fn ear_changed(&mut self, change: Change) {
        match change {
            Change::Began => {
                self.timers.remove(&Timer::Silence);
                // The last turn's words are still on their way: they open this one.
                self.timers.remove(&Timer::Transcript);
                let last = std::mem::take(&mut self.turn);
                self.turn = Turn { id: TurnId(last.id.0 + 1), began: self.ear.began(), ..Turn::default() };
                if last.ended {
                    let revision = last.revision;
                    let words = last.words.filter(|(of, _)| *of == revision).map(|(_, words)| words);
                    self.turn.before = last.before;
                    self.turn.before.push(Earlier { id: last.id, revision, words });
                    self.turn.began = last.began;
                    self.turn.last_sound = last.last_sound;
                }
                self.note(Note::TurnBegan { turn: self.turn.id });
            }
            Change::Continued | Change::Paused => self.recognize(false),
            Change::Ended => self.end_turn(),
        }
    }

    fn recognize(&mut self, last: bool) {
        self.turn.revision += 1;
        self.turn.covers = self.ear.last_sound();
        let detect = self.mind.detects_language();
        let job = Recognition {
            turn: self.turn.id,
            revision: self.turn.revision,
            samples: self.ear.utterance(),
            language: (!detect).then_some(self.language),
            last,
            hints: self.mind.hints(),
        };
        self.out.push_back(Output::Recognize { job });
    }

    fn end_turn(&mut self) {
        let noise = self.ear.voiced() < NOISE;
        if noise && self.turn.before.is_empty() {
            return self.nothing();
        }
        let last_sound = if noise { self.turn.last_sound } else { self.ear.last_sound() };
        self.turn.last_sound = last_sound;
        self.note(Note::TurnEnded { turn: self.turn.id, last_sound, decided: self.now });
        self.turn.ended = true;
        self.timers.insert(Timer::Transcript, self.now + Duration::from_secs(4));
        if noise {
            // A cough after words that are still on their way: it has none of its own, and loses none of theirs.
            self.turn.revision += 1;
            self.turn.words = Some((self.turn.revision, no_words(self.language)));
        } else if self.turn.revision == 0 || self.turn.covers != last_sound {
            self.recognize(true);
        }
        self.if_whole();
    }

    /// When the turn is over and all its words are here, they count.
    fn if_whole(&mut self) {
        if !self.turn.ended || self.turn.before.iter().any(|earlier| earlier.words.is_none()) {
            return;
        }
        let revision = self.turn.revision;
        if let Some((_, words)) = self.turn.words.take_if(|(of, _)| *of == revision) {
            self.understood(words);
        }
    }

    /// Words that have not come by now are given up.
    pub(super) fn transcript_overdue(&mut self) {
        let language = self.language;
        for earlier in &mut self.turn.before {
            earlier.words.get_or_insert_with(|| no_words(language));
        }
        self.if_whole();
        self.unheard();
    }

    pub(super) fn transcribed(
        &mut self,
        turn: TurnId,
        revision: u32,
        result: Result<Transcript, EngineFault>,
    ) {
        let language = self.language;
        let earlier = |earlier: &&mut Earlier| earlier.id == turn && earlier.revision == revision;
        if let Some(earlier) = self.turn.before.iter_mut().find(earlier) {
            earlier.words.get_or_insert_with(|| result.unwrap_or_else(|_| no_words(language)));
            return self.if_whole();
        }
        if turn != self.turn.id || revision < self.turn.revision && self.turn.ended {
            return;
        }
        match result {
            Ok(words) => {
                if self.turn.words.as_ref().is_none_or(|(newest, _)| *newest < revision) {
                    self.turn.words = Some((revision, words));
                }
                self.if_whole();
            }
            Err(_) if revision == self.turn.revision => self.unheard(),
            Err(_) => {}
        }
    }

    /// The turn's words are known.
    fn understood(&mut self, words: Transcript) {
        self.timers.remove(&Timer::Transcript);
        self.turn.ended = false;
        let mut text = String::new();
        self.turn.confidence = 1000;
        let (language, decode_ms) = (words.language, words.decode_ms);
        let earlier = std::mem::take(&mut self.turn.before).into_iter().filter_map(|earlier| earlier.words);
        for part in earlier.chain([words]).filter(|part| !part.text.trim().is_empty()) {
            text.push_str(part.text.trim());
            text.push(' ');
            self.turn.confidence = self.turn.confidence.min(part.confidence_permille);
        }
        let text = text.trim().to_owned();
        if !text.chars().any(char::is_alphanumeric) || language::is_artefact(&text) {
            return self.nothing();
        }
        if self.mind.detects_language() {
            self.speak_language(language);
        }
        self.silences = 0;
        let turn = self.turn.id;
        if self.is_card(&text) {
            self.unanswered = Some((turn, self.turn.last_sound));
            self.abandon_thought();
            return self.drop_interrupted();
        }
        self.note(Note::Understood { turn, text: text.clone(), decode_ms });
        if self.consent.is_asking() && language::in_either(language::is_backchannel, &text) {
            // A sign of listening neither cuts what is being read nor agrees to it.
            self.consent.forget_key();
            return self.go_on_speaking();
        }
        let listens = language::in_either(language::is_backchannel, &text)
            && language::answer(&text, self.language) != language::Answer::Yes;
        if listens && (!self.interrupted.is_empty() || self.mouth.holds_what_may_be_cut()) {
            // "Понятно" over a list: what was being said goes on.
            return self.go_on_speaking();
        }
        self.unanswered = Some((turn, self.turn.last_sound));
        self.abandon_thought();
        self.stop_for(&text);
        self.drop_interrupted();
        self.caller_said(&text);
    }

    /// Words too short to have cut the agent off ("no", "stop") end what it is saying none the less: their answer must not
    /// wait behind it. A yes lets it go on, unless that is a read-back, which begins anew; and so does whoever is being
    /// said goodbye to.
    fn stop_for(&mut self, text: &str) {
        let yes = language::answer(text, self.language) == language::Answer::Yes;
        if (!yes || self.consent.is_asking()) && self.leaving.is_none() && self.mouth.holds_what_may_be_cut()
        {
            self.barge_in();
        }
    }

    /// The turn was noise: whatever it cut goes on.
    fn nothing(&mut self) {
        self.turn.ended = false;
        self.timers.remove(&Timer::Transcript);
        self.note(Note::Nothing { turn: self.turn.id });
        self.go_on_speaking();
        self.take_kept_key();
    }

    /// Whatever the turn cut goes on where it was.
    fn go_on_speaking(&mut self) {
        let rest = std::mem::take(&mut self.interrupted);
        self.mouth.resume(rest);
        if self.mouth.is_idle() {
            self.watch_silence();
        }
    }

    /// The recogniser gave no words for a turn that certainly was speech.
    pub(super) fn unheard(&mut self) {
        if !std::mem::take(&mut self.turn.ended) {
            // The caller still holds the turn: at its end the recogniser is asked once more.
            self.turn.covers = CallTime::default();
            return;
        }
        self.turn.before.clear();
        self.timers.remove(&Timer::Transcript);
        self.drop_interrupted();
        self.unanswered = Some((self.turn.id, self.turn.last_sound));
        self.not_understood();
    }

    /// The caller speaks over the agent: stop within two frames, and remember what was really heard.
    fn barge_in(&mut self) {
        self.turn.cut = true;
        let rate = self.mouth.rate();
        let rest = self.mouth.cut();
        if let Some(item) = rest.first().filter(|item| item.played_ms(rate) > 0) {
            self.note(Note::Said { id: item.id, played_ms: item.played_ms(rate), cut: true });
        }
        self.interrupted.extend(rest);
    }

    /// The caller meant it: what was cut is not said any more, and history holds what was heard of it.
    pub(super) fn drop_interrupted(&mut self) {
        let mut rest = std::mem::take(&mut self.interrupted);
        let kept = rest.extract_if(.., |item| item.essential).collect();
        self.mouth.resume(kept);
        for item in &rest {
            if item.stage == Stage::Requested {
                self.out.push_back(Output::Abandon { id: item.id });
            }
        }
        if rest.iter().any(|item| item.read_back) {
            self.consent.cut();
        }
        self.mind.heard_only(&rest);
    }
}

fn no_words(language: language::Language) -> Transcript {
    Transcript { text: String::new(), language, confidence_permille: 0, decode_ms: 0 }
}

/// How sure a recogniser must be of a yes, in thousandths. Chosen below what the sample model says of words that it heard
/// rightly: 561 to 989 over the 75 sample lines, 958 and more of a yes (`orderline transcribe --verbose`).
const SURE: u16 = 400;
/// Less speech than this in a turn is a cough. Chosen: the shortest word of a caller ("да") lasts about 200 ms.
const NOISE: Duration = Duration::from_millis(120);
