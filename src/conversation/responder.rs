//! The simplest agent with an ear: whatever the caller says, it answers with the same words, and it yields when spoken to.
//!
//! It has the real ear and the real mouth and nothing between them. With it a PBX is tried by voice, and the cost of
//! hearing and speaking is measured without anybody's thinking.

use std::collections::VecDeque;
use std::time::Duration;

use super::clock::CallTime;
use super::endpoint::{Change, Endpointer};
use super::event::{Answer, Input, Leave, Note, Output, Speech, Synthesis};
use super::playout::{self, Item, Playout, Stage};
use super::settings::Settings;
use crate::ids::{RequestId, TurnId};
use crate::language::Language;

/// One call's responder.
#[derive(Debug)]
pub struct Responder {
    end_of_turn: Duration,
    barge_in: Duration,
    language: Language,
    now: CallTime,
    out: VecDeque<Output>,
    changes: Vec<playout::Change>,
    ear: Endpointer,
    mouth: Playout,
    last_id: u64,
    turn: u32,
    /// The turn that is to be answered, and when its last sound was.
    unanswered: Option<(TurnId, CallTime)>,
    answered: bool,
    leaving: bool,
    over: bool,
}

impl Responder {
    /// A responder with the turn-taking of these settings.
    pub fn new(settings: &Settings) -> Self {
        let ms = |ms: u32| Duration::from_millis(u64::from(ms));
        Self {
            end_of_turn: ms(settings.end_of_turn_ms),
            barge_in: ms(settings.barge_in_ms),
            language: settings.language,
            now: CallTime::default(),
            out: VecDeque::new(),
            changes: Vec::new(),
            ear: Endpointer::new(),
            mouth: Playout::new(),
            last_id: 0,
            turn: 0,
            unanswered: None,
            answered: false,
            leaving: false,
            over: false,
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, at: CallTime, input: Input) {
        self.now = self.now.max(at);
        match input {
            Input::Answered { caller } => self.answer(&caller),
            Input::Heard { frame, activity } if self.answered => {
                if let Some(change) = self.ear.hear(self.now, &frame, activity, self.end_of_turn) {
                    self.changed(change);
                }
                if self.ear.in_turn() && self.mouth.is_speaking() && self.ear.voiced() >= self.barge_in {
                    self.yield_floor();
                }
            }
            Input::Synthesized { id, piece } => self.synthesized(id, piece),
            Input::Lagged { id, .. } => drop(self.mouth.remove(id)),
            Input::Draining => self.leaving = true,
            Input::HungUp { .. } => self.over = true,
            _ => {}
        }
        if let Some(change) = self.ear.starve(self.now) {
            self.changed(change);
        }
    }

    /// What to do next.
    pub fn poll(&mut self) -> Output {
        if let Some(output) = self.out.pop_front() {
            return output;
        }
        if self.over {
            return Output::Idle { until: None };
        }
        if self.leaving && self.mouth.is_idle() {
            self.over = true;
            return Output::Leave { how: Leave::HangUp };
        }
        if let Some(frame) = self.mouth.due(self.now, &mut self.changes) {
            for change in self.changes.drain(..) {
                let note = match change {
                    playout::Change::Started(id) => {
                        if let Some((turn, last_sound)) = self.unanswered.take() {
                            let after = self.now.since(last_sound).as_millis();
                            let after_last_sound_ms = u32::try_from(after).unwrap_or(u32::MAX);
                            self.out.push_back(Output::Note {
                                note: Note::Answering { turn, after_last_sound_ms },
                            });
                        }
                        Note::Saying { id, text: String::new() }
                    }
                    playout::Change::Resumed(_) => continue,
                    playout::Change::Finished { id, played_ms, .. } => {
                        Note::Said { id, played_ms, cut: false }
                    }
                };
                self.out.push_back(Output::Note { note });
            }
            return Output::Play { frame };
        }
        Output::Idle {
            until: [Some(self.mouth.next_frame()), self.ear.starves_at()].into_iter().flatten().min(),
        }
    }

    fn answer(&mut self, caller: &Answer) {
        self.mouth.set_rate(caller.rate);
        self.language = caller.language;
        self.answered = true;
        self.say();
    }

    fn changed(&mut self, change: Change) {
        match change {
            Change::Began => {
                self.turn += 1;
                self.out.push_back(Output::Note { note: Note::TurnBegan { turn: TurnId(self.turn) } });
            }
            Change::Ended => {
                let (turn, last_sound) = (TurnId(self.turn), self.ear.last_sound());
                self.out.push_back(Output::Note {
                    note: Note::TurnEnded { turn, last_sound, decided: self.now },
                });
                self.unanswered = Some((turn, last_sound));
                if self.mouth.is_idle() {
                    self.say();
                }
            }
            Change::Continued | Change::Paused => {}
        }
    }

    fn yield_floor(&mut self) {
        for item in self.mouth.cut() {
            self.out.push_back(Output::Abandon { id: item.id });
        }
    }

    /// Says the one thing it has to say; what it is, its voice knows.
    fn say(&mut self) {
        self.last_id += 1;
        let id = RequestId(self.last_id);
        let mut item = Item::new(id, String::new(), false);
        item.stage = Stage::Requested;
        self.mouth.say(item);
        let request = Synthesis { id, language: self.language, text: String::new(), rate: self.mouth.rate() };
        self.out.push_back(Output::Synthesize { request });
    }

    fn synthesized(&mut self, id: RequestId, piece: Speech) {
        match piece {
            Speech::Chunk { samples } => {
                if let Some(item) = self.mouth.item(id) {
                    item.add(&samples);
                }
            }
            Speech::Done => {
                if let Some(item) = self.mouth.item(id) {
                    item.stage = Stage::Complete;
                }
            }
            Speech::Failed { .. } => drop(self.mouth.remove(id)),
        }
    }
}
