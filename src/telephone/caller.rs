//! Who holds the telephone: the script against the clock and what is heard of the agent. No I/O.

use std::time::Duration;

use super::TelephoneError;
use super::report::{Agent, Ended, Moment, Turn};
use super::script::{Script, Step, When};
use crate::audio::Rate;
use crate::audio::resample::Streaming;
use crate::audio::vad::level_dbfs;

/// Sound this far under a line's loudest 10 ms is no longer its words, in decibels.
const WORDS_RANGE_DB: i16 = 30;

/// What the caller does in the next 20 ms.
pub(super) enum Act {
    Frame(Vec<i16>),
    Key(char, Vec<i16>),
    End(Ended),
}

/// The caller in a call.
pub(super) struct Caller<'a> {
    script: &'a Script,
    rate: Rate,
    /// The lines of the script at the call's rate; empty for steps that say nothing.
    lines: Vec<Sound>,
    step: usize,
    doing: Doing,
    turns: Vec<Turn>,
    /// Since when the agent's sound is an answer to us.
    turn_began: Duration,
    /// Since when we have been waiting for the agent.
    waiting_since: Duration,
    /// The agent's utterance of which we have told that it ended.
    told_finished: usize,
}

struct Sound {
    samples: Vec<i16>,
    first_word: usize,
    last_word: usize,
}

enum Doing {
    /// The step at hand is not yet due.
    Attending,
    /// The line of the step at hand is being said, from this sample on.
    Saying { from: usize },
    /// Silent until then.
    Waiting { until: Duration },
}

impl<'a> Caller<'a> {
    pub(super) fn new(script: &'a Script, rate: Rate) -> Result<Self, TelephoneError> {
        let lines = script.steps.iter().map(|step| Sound::of(step, rate)).collect::<Result<_, _>>()?;
        Ok(Self {
            script,
            rate,
            lines,
            step: 0,
            doing: Doing::Attending,
            turns: Vec::new(),
            turn_began: Duration::ZERO,
            waiting_since: Duration::ZERO,
            told_finished: 0,
        })
    }

    /// The next 20 ms at this time of the call.
    pub(super) fn act(&mut self, at: Duration, agent: &Agent, observe: &mut impl FnMut(Moment)) -> Act {
        if at >= millis(self.script.longest_ms) {
            return Act::End(Ended::TooLong);
        }
        self.tell_finished(at, agent, observe);
        if let Doing::Waiting { until } = self.doing {
            if at < until {
                return self.silence();
            }
            self.step_done(at);
        }
        if let Doing::Saying { from } = self.doing {
            return self.say_on(at, from);
        }
        let Some(step) = self.script.steps.get(self.step) else {
            return self.wait_for_hang_up(at, agent);
        };
        let when = match step {
            Step::Wait { ms } => {
                self.doing = Doing::Waiting { until: at + millis(*ms) };
                return self.silence();
            }
            Step::Say { when, .. } | Step::Key { when, .. } | Step::HangUp { when } => *when,
        };
        if !self.is_due(when, at, agent) {
            if !agent.is_speaking(at, millis(self.script.quiet_ms))
                && at >= self.waiting_since.max(agent.last_sound()) + millis(self.script.patience_ms)
            {
                return Act::End(Ended::NoAnswer { step: self.step + 1 });
            }
            return self.silence();
        }
        let at_ms = at.as_millis() as u64;
        match step {
            Step::Say { line, .. } => {
                observe(Moment::Saying { at_ms, text: line.text.clone() });
                let sound = &self.lines[self.step];
                self.turns.push(Turn::new(
                    self.step + 1,
                    line.text.clone(),
                    at + self.time_of(sound.first_word),
                    at + self.time_of(sound.last_word),
                ));
                self.turn_began = at;
                self.say_on(at, 0)
            }
            Step::Key { digit, .. } => {
                observe(Moment::Keying { at_ms, digit: *digit });
                self.turns.push(Turn::new(self.step + 1, digit.to_string(), at, at));
                self.turn_began = at;
                self.step_done(at);
                Act::Key(*digit, vec![0; self.rate.frame_samples()])
            }
            Step::HangUp { .. } => {
                self.step_done(at);
                Act::End(Ended::Caller)
            }
            Step::Wait { .. } => self.silence(),
        }
    }

    /// The turns, the steps that were carried out, and all there are.
    pub(super) fn finish(self) -> (Vec<Turn>, usize, usize) {
        (self.turns, self.step, self.script.steps.len())
    }

    fn is_due(&self, when: When, at: Duration, agent: &Agent) -> bool {
        match when {
            When::AtOnce => true,
            When::AgentFinished => {
                agent.began_since(self.turn_began).is_some()
                    && !agent.is_speaking(at, millis(self.script.quiet_ms))
            }
            When::AgentSpokeFor { ms } => {
                agent.began_since(self.turn_began).is_some_and(|began| at >= began + millis(ms))
            }
        }
    }

    fn wait_for_hang_up(&mut self, at: Duration, agent: &Agent) -> Act {
        let since = self.waiting_since.max(agent.last_sound());
        if at >= since + millis(self.script.patience_ms) {
            return Act::End(Ended::Caller);
        }
        self.silence()
    }

    fn say_on(&mut self, at: Duration, from: usize) -> Act {
        let samples = &self.lines[self.step].samples;
        let to = (from + self.rate.frame_samples()).min(samples.len());
        let mut frame = samples[from..to].to_vec();
        frame.resize(self.rate.frame_samples(), 0);
        if to == samples.len() {
            self.step_done(at);
        } else {
            self.doing = Doing::Saying { from: to };
        }
        Act::Frame(frame)
    }

    fn step_done(&mut self, at: Duration) {
        self.step += 1;
        self.doing = Doing::Attending;
        self.waiting_since = at;
    }

    fn tell_finished(&mut self, at: Duration, agent: &Agent, observe: &mut impl FnMut(Moment)) {
        if agent.utterances() > self.told_finished && !agent.is_speaking(at, millis(self.script.quiet_ms)) {
            self.told_finished = agent.utterances();
            observe(Moment::AgentFinished { at_ms: agent.last_sound().as_millis() as u64 });
        }
    }

    fn silence(&self) -> Act {
        Act::Frame(vec![0; self.rate.frame_samples()])
    }

    fn time_of(&self, samples: usize) -> Duration {
        Duration::from_micros(samples as u64 * 1_000_000 / u64::from(self.rate.0))
    }
}

impl Sound {
    fn of(step: &Step, rate: Rate) -> Result<Self, TelephoneError> {
        let Step::Say { line, .. } = step else {
            return Ok(Self { samples: Vec::new(), first_word: 0, last_word: 0 });
        };
        let mut resampler = Streaming::new(line.sound.rate.0, rate.0)
            .map_err(|source| TelephoneError::Line { line: line.text.clone(), source })?;
        let mut samples = resampler.push(&line.sound.samples);
        samples.extend(resampler.finish());
        let block = (rate.frame_samples() / 2).max(1);
        let levels: Vec<i16> = samples.chunks(block).map(level_dbfs).collect();
        let words = levels.iter().copied().max().unwrap_or(-100) - WORDS_RANGE_DB;
        let first_word = levels.iter().position(|level| *level >= words).unwrap_or(0) * block;
        let last_word = levels.iter().rposition(|level| *level >= words).map_or(0, |last| (last + 1) * block);
        Ok(Self { first_word, last_word: last_word.min(samples.len()), samples })
    }
}

fn millis(ms: u32) -> Duration {
    Duration::from_millis(u64::from(ms))
}
