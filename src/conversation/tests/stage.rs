//! A stage for the core: virtual time, a voice that always works, whatever thinker and shop a test brings.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::audio::{Activity, Frame, Rate};
use crate::conversation::event::{
    Answer, Completion, EngineFault, Identity, Input, Leave, Note, Output, Speech, Thought, Transcript,
};
use crate::conversation::{CallTime, Conversation, Settings};
use crate::ids::{CallId, PresentedNumber};
use crate::language::Language;
use crate::orders::{ActionOutcome, ActionRequest, OrderAction};

pub(super) type Thinker = Box<dyn FnMut(&Completion) -> Vec<Thought>>;
pub(super) type Shop = Box<dyn FnMut(&ActionRequest) -> Option<ActionOutcome>>;

/// Something of a call's timeline.
#[derive(Clone, Debug)]
pub(super) enum Happened {
    Note(Note),
    Act(ActionRequest),
    Keyed(char),
}

/// One call, played in virtual time.
pub(super) struct Stage {
    pub(super) core: Conversation,
    pub(super) now: u64,
    wake: Option<CallTime>,
    pub(super) thinker: Thinker,
    shop: Shop,
    /// What the caller says next, in the order of their turns.
    lines: VecDeque<String>,
    pub(super) acts: Vec<ActionRequest>,
    pub(super) notes: Vec<Note>,
    pub(super) said: Vec<String>,
    pub(super) frames: Vec<(u64, bool)>,
    pub(super) left: Option<Leave>,
    /// Every output as it is stored, unless a test that plays many calls does without.
    pub(super) idle_digest: Vec<String>,
    pub(super) keeps_digest: bool,
    /// What was noted, done and pressed, in its order.
    pub(super) timeline: Vec<(u64, Happened)>,
    /// While set, what the recogniser answers is kept here.
    pub(super) held: Option<Vec<Input>>,
    /// The recogniser fails at its next job.
    pub(super) deaf: bool,
    /// How sure the recogniser is.
    pub(super) confidence: u16,
    /// The voice fails.
    pub(super) mute: bool,
}

impl Stage {
    pub(super) fn new(thinker: Thinker, shop: Shop) -> Self {
        Self::answered(thinker, shop, Language::English, false)
    }

    /// A stage whose call is still to be answered.
    pub(super) fn unanswered(thinker: Thinker, shop: Shop) -> Self {
        Self {
            core: Conversation::new(Arc::new(Settings::default())),
            now: 0,
            wake: None,
            thinker,
            shop,
            lines: VecDeque::new(),
            acts: Vec::new(),
            notes: Vec::new(),
            said: Vec::new(),
            frames: Vec::new(),
            left: None,
            idle_digest: Vec::new(),
            keeps_digest: true,
            timeline: Vec::new(),
            held: None,
            deaf: false,
            confidence: 1000,
            mute: false,
        }
    }

    /// A call in this language, which no person answered if it is `returning`.
    pub(super) fn answered(thinker: Thinker, shop: Shop, language: Language, returning: bool) -> Self {
        let mut stage = Self::unanswered(thinker, shop);
        stage.input(Input::Answered {
            caller: Answer {
                call: CallId(uuid::Uuid::from_u128(7)),
                rate: Rate::HZ_8000,
                language,
                detect_language: false,
                today: "2026-11-21".parse().expect("a date"),
                accepted_at_s: Some(1_795_262_400),
                seed: 1,
                returning,
                recording: None,
            },
        });
        let number = PresentedNumber::Number("+375291234567".to_owned().try_into().expect("a number"));
        stage.input(Input::Identified { caller: Identity { number, dialled: None, language: None } });
        stage
    }

    pub(super) fn input(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.core.handle(CallTime::from_ms(self.now), input);
            loop {
                match self.core.poll() {
                    Output::Idle { until } => {
                        self.wake = until;
                        break;
                    }
                    output => inputs.extend(self.carry_out(output)),
                }
            }
        }
    }

    pub(super) fn carry_out(&mut self, output: Output) -> Vec<Input> {
        // As it is stored: what is shown of words is their length alone.
        if self.keeps_digest {
            let output_as_stored = serde_json::to_string(&output).expect("JSON");
            self.idle_digest.push(format!("{} {output_as_stored}", self.now));
        }
        match output {
            Output::Play { frame } => {
                self.frames.push((self.now, frame.0.iter().any(|s| *s != 0)));
                vec![]
            }
            Output::Recognize { job } => {
                let text = self.lines.front().cloned().unwrap_or_default();
                let result = Ok(Transcript {
                    text,
                    language: job.language.unwrap_or(Language::English),
                    confidence_permille: self.confidence,
                    decode_ms: 40,
                });
                let result = if std::mem::take(&mut self.deaf) { Err(EngineFault::TimedOut) } else { result };
                let answer = Input::Transcribed { turn: job.turn, revision: job.revision, result };
                match &mut self.held {
                    Some(held) => {
                        held.push(answer);
                        vec![]
                    }
                    None => vec![answer],
                }
            }
            Output::Complete { request } => {
                let id = request.id;
                (self.thinker)(&request).into_iter().map(|piece| Input::Completed { id, piece }).collect()
            }
            Output::Synthesize { request } if self.mute => {
                let fault = EngineFault::TimedOut;
                vec![Input::Synthesized { id: request.id, piece: Speech::Failed { fault } }]
            }
            Output::Synthesize { request } => {
                let id = request.id;
                let samples = vec![500; request.text.len() * 400].into();
                vec![
                    Input::Synthesized { id, piece: Speech::Chunk { samples } },
                    Input::Synthesized { id, piece: Speech::Done },
                ]
            }
            Output::Act { request } => {
                let outcome = (self.shop)(&request);
                let id = request.id;
                self.timeline.push((self.now, Happened::Act(request.clone())));
                self.acts.push(request);
                outcome.map(|outcome| Input::Settled { id, outcome }).into_iter().collect()
            }
            Output::Leave { how } => {
                self.left = Some(how);
                vec![]
            }
            Output::Note { note } => {
                match &note {
                    Note::Saying { text, .. } => self.said.push(text.clone()),
                    Note::Understood { .. } | Note::CardHeard { .. } => {
                        self.lines.pop_front();
                    }
                    _ => {}
                }
                self.timeline.push((self.now, Happened::Note(note.clone())));
                self.notes.push(note);
                vec![]
            }
            Output::Abandon { .. } | Output::Idle { .. } => vec![],
        }
    }

    /// A key is pressed.
    pub(super) fn press(&mut self, digit: char) {
        self.timeline.push((self.now, Happened::Keyed(digit)));
        self.input(Input::Keyed { digit });
    }

    /// Lets time pass in 20 ms frames of the caller's silence or speech.
    pub(super) fn pass(&mut self, ms: u64, speech: bool) {
        for _ in 0..ms / 20 {
            let activity = Activity {
                speech_permille: if speech { 900 } else { 0 },
                level_dbfs: if speech { -20 } else { -90 },
            };
            self.input(Input::Heard { frame: Frame::silence(Rate::HZ_16000), activity });
            self.now += 20;
            self.input(Input::Woken);
        }
    }

    /// The agent finishes speaking, and is then quiet for a moment.
    pub(super) fn listen(&mut self) {
        for _ in 0..3000 {
            self.pass(20, false);
            if self.left.is_some() || !self.frames.iter().rev().take(25).any(|(_, sound)| *sound) {
                return;
            }
        }
        panic!("the agent speaks for a minute without end");
    }

    /// The caller says this and waits for the answer.
    pub(super) fn say(&mut self, text: &str) {
        self.speak(text, 800);
        self.pass(600, false);
        self.listen();
    }

    pub(super) fn speak(&mut self, text: &str, ms: u64) {
        self.lines.push_back(text.to_owned());
        self.pass(ms, true);
    }

    /// Whatever the recogniser hears from now on is this.
    pub(super) fn only_line(&mut self, text: &str) {
        self.lines = VecDeque::from([text.to_owned()]);
    }

    /// The caller's lines before this one are passed over.
    pub(super) fn lines_from(&mut self, text: &str) {
        while self.lines.front().is_some_and(|line| line != text) {
            self.lines.pop_front();
        }
    }

    pub(super) fn last_said(&self) -> &str {
        self.said.last().map_or("", String::as_str)
    }

    pub(super) fn confirms(&self) -> usize {
        self.acts.iter().filter(|act| matches!(act.action, OrderAction::Confirm { .. })).count()
    }
}
