//! A script played, and what came of it.

use chrono::TimeDelta;

use super::expect::Spoken;
use super::{Script, Step, What};
use crate::engines::llm::rules::Rules;
use crate::rehearsal::transcript::transcript;
use crate::rehearsal::{Heard, Rehearsal, Setup, Thinker};

/// How long before the call the caller placed what a script says they have placed.
const EARLIER: TimeDelta = TimeDelta::hours(1);

/// What came of a script.
#[derive(Clone)]
pub struct Outcome {
    /// In the order of the lines; empty when all is as expected.
    pub failures: Vec<Failure>,
    /// The whole call, for people; each failure stands where it happened.
    pub transcript: String,
    /// Milliseconds of the agent's voice, and of the whole call.
    pub speech_ms: u64,
    pub call_ms: u64,
    /// The longest that the agent spoke without a break.
    pub longest_ms: u64,
}

masked!(Outcome);

/// An expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Of the script, from 1.
    pub line: usize,
    /// What stands there.
    pub expected: String,
    pub found: String,
}

impl Script {
    /// Plays the call with the built-in rules.
    pub fn play(&self, verbose: bool) -> Outcome {
        let rules = Rules::new(self.shop.dialogue(), crate::dialogue::Messages::default());
        self.play_with(Box::new(move |request| rules.think(request)), verbose)
    }

    /// Plays the call with another thinker; the transcript of a `verbose` one shows tools, the shop and milestones, too.
    pub fn play_with(&self, thinker: Thinker, verbose: bool) -> Outcome {
        let setup = Setup {
            language: self.language,
            number: self.from.clone(),
            ..Setup::new(std::sync::Arc::clone(&self.shop))
        };
        let mut call = Rehearsal::answered(setup, thinker);
        if let Some(phone) = self.from.number() {
            let at = call.accepted - EARLIER;
            for form in &self.placed {
                form.place_before(&mut call.shop, phone, at);
            }
        }
        let mut failures = Vec::new();
        let mut shown = String::new();
        let mut told = 0;
        // The greeting is the answer to the call itself.
        self.interrupt_next(0, &mut call);
        let mut answer = call.listen();
        for (at, line) in self.lines.iter().enumerate() {
            let failure = match &line.what {
                What::Expect(expectation) => expectation.fails(&call, &answer, self.language),
                What::Step(Step::SayIf(asked, _))
                    if !Spoken::of(&answer.text(), self.language).has_any(asked) =>
                {
                    None
                }
                What::Step(step) if call.over().is_some() && *step != Step::HangUp => {
                    answer = Heard::default();
                    Some("a call that was over before".to_owned())
                }
                What::Step(step) => {
                    let early =
                        matches!(step, Step::Interrupt(..) | Step::InterruptKeys(..)) && !call.is_speaking();
                    self.interrupt_next(at + 1, &mut call);
                    answer = match step {
                        Step::Say(words) | Step::SayIf(_, words) | Step::Interrupt(_, words) => {
                            call.say(words)
                        }
                        Step::Keys(keys) | Step::InterruptKeys(_, keys) => call.press(keys),
                        Step::Wait(ms) => call.wait(*ms),
                        Step::HangUp => call.hang_up(),
                    };
                    early.then(|| "an agent that had finished before".to_owned())
                }
            };
            if let Some(found) = failure {
                let expected = line.text.clone();
                shown.push_str(&transcript(&call.timeline()[told..], verbose));
                told = call.timeline().len();
                shown
                    .push_str(&format!("  ✗ line {}: expected {expected}\n    found {found}\n", line.number));
                failures.push(Failure { line: line.number, expected, found });
            }
        }
        shown.push_str(&transcript(&call.timeline()[told..], verbose));
        Outcome {
            failures,
            transcript: shown,
            speech_ms: call.speech_ms(),
            call_ms: call.now_ms(),
            longest_ms: call.longest_ms(),
        }
    }

    /// If the step that follows this line is an interruption, the answer before it is heard only until then.
    fn interrupt_next(&self, from: usize, call: &mut Rehearsal) {
        let mut steps = self.lines[from..].iter().filter_map(|line| match &line.what {
            What::Step(step) => Some(step),
            What::Expect(_) => None,
        });
        if let Some(Step::Interrupt(after_ms, _) | Step::InterruptKeys(after_ms, _)) = steps.next() {
            call.cut_in(*after_ms);
        }
    }
}
