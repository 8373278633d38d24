//! Whose turn it is: how long to wait for more words, when the caller cuts the agent off, and what a turn's words were.

use std::time::Duration;

use crate::audio::{Activity, Frame};
use crate::conversation::endpoint::Change;
use crate::conversation::event::{EngineFault, Note, Recognition, Transcript};
use crate::conversation::playout::Stage;
use crate::conversation::{CallTime, Conversation, Output, Timer};
use crate::ids::TurnId;
use crate::language;

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
    /// The agent was cut off by this turn.
    cut: bool,
    /// The turn before, when the caller went on before its words had come: they belong to this one.
    before: Option<(TurnId, u32)>,
    /// Its words, once they came.
    prefix: String,
}

impl Turn {
    pub(super) fn began(&self) -> CallTime {
        self.began
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
        let threshold = Duration::from_millis(u64::from(self.settings.barge_in_ms));
        if self.ear.in_turn() && !self.turn.cut && self.mouth.is_speaking() && self.ear.voiced() >= threshold
        {
            self.barge_in();
        }
    }

    /// How long a quiet ends the turn, by what the words so far look like.
    fn patience(&self) -> Duration {
        let default = self.settings.end_of_turn_ms;
        let fresh = self.turn.words.as_ref().filter(|(revision, _)| {
            *revision == self.turn.revision && self.turn.covers == self.ear.last_sound()
        });
        let ms = match fresh {
            Some((_, words)) if self.consent.is_awaiting() => {
                match language::answer(&words.text, words.language) {
                    language::Answer::Unsure => default,
                    _ => self.settings.end_of_answer_ms,
                }
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
                let before = self.turn.ended.then_some((self.turn.id, self.turn.revision));
                self.turn = Turn {
                    id: TurnId(self.turn.id.0 + 1),
                    began: self.ear.began(),
                    prefix: before.map_or_else(String::new, |_| std::mem::take(&mut self.turn.prefix)),
                    before,
                    ..Turn::default()
                };
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
        let last_sound = self.ear.last_sound();
        self.turn.last_sound = last_sound;
        if self.ear.voiced() < NOISE {
            return self.nothing();
        }
        self.note(Note::TurnEnded { turn: self.turn.id, last_sound, decided: self.now });
        self.turn.ended = true;
        if self.turn.revision == 0 || self.turn.covers != last_sound {
            self.recognize(true);
        }
        match self.turn.words.take() {
            Some((revision, words)) if revision == self.turn.revision => self.understood(words),
            _ => {
                self.timers.insert(Timer::Transcript, self.now + Duration::from_secs(4));
            }
        }
    }

    pub(super) fn transcribed(
        &mut self,
        turn: TurnId,
        revision: u32,
        result: Result<Transcript, EngineFault>,
    ) {
        if self.turn.before == Some((turn, revision)) {
            self.turn.before = None;
            if let Ok(words) = result {
                self.turn.prefix = format!("{} {}", self.turn.prefix, words.text.trim());
            }
            return;
        }
        if turn != self.turn.id || revision < self.turn.revision && self.turn.ended {
            return;
        }
        match result {
            Ok(words) if self.turn.ended => self.understood(words),
            Ok(words) => self.turn.words = Some((revision, words)),
            Err(_) if self.turn.ended => self.unheard(),
            Err(_) => {}
        }
    }

    /// The turn's words are known.
    fn understood(&mut self, words: Transcript) {
        self.timers.remove(&Timer::Transcript);
        self.turn.ended = false;
        let text = format!("{} {}", std::mem::take(&mut self.turn.prefix), words.text);
        let text = text.trim().to_owned();
        if !text.chars().any(char::is_alphanumeric) {
            return self.nothing();
        }
        if self.mind.detects_language() {
            self.speak_language(words.language);
        }
        self.silences = 0;
        let turn = self.turn.id;
        self.note(Note::Understood { turn, text: text.clone(), decode_ms: words.decode_ms });
        self.unanswered = Some((turn, self.turn.last_sound));
        self.abandon_thought();
        self.drop_interrupted();
        self.caller_said(&text);
    }

    /// The turn was noise: whatever it cut goes on.
    fn nothing(&mut self) {
        self.turn.ended = false;
        self.note(Note::Nothing { turn: self.turn.id });
        let rest = std::mem::take(&mut self.interrupted);
        self.mouth.resume(rest);
        if self.mouth.is_idle() {
            self.watch_silence();
        }
    }

    /// The recogniser gave no words for a turn that certainly was speech.
    pub(super) fn unheard(&mut self) {
        if !std::mem::take(&mut self.turn.ended) {
            return;
        }
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
        if let Some(item) = rest.first() {
            self.note(Note::Said { id: item.id, played_ms: item.played_ms(rate), cut: true });
        }
        self.interrupted = rest;
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
        self.mind.heard_only(&rest);
    }
}

/// Less speech than this in a turn is a cough. Chosen: the shortest word of a caller ("да") lasts about 200 ms.
const NOISE: Duration = Duration::from_millis(120);
