//! What came of a call: the moments, the turns, the sound of both sides.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use crate::audio::vad::level_dbfs;
use crate::audio::{Rate, wav};

/// An agent's frame this loud is sound. It sends digital silence when it has nothing to say; mu-law on the way adds
/// noise at about -75.
const SOUND_DBFS: i16 = -60;
/// A silence this long parts two utterances of the agent: longer than the closure of any stop consonant.
const PART: Duration = Duration::from_millis(200);

/// Something that happens in a call, told as it happens. Times are milliseconds since the call began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "moment", rename_all = "snake_case")]
pub enum Moment {
    /// The caller begins a line.
    Saying { at_ms: u64, text: String },
    /// The caller presses a key.
    Keying { at_ms: u64, digit: char },
    /// The agent's first sound after a silence.
    AgentBegan { at_ms: u64 },
    /// The agent's last sound, told when it has been silent long enough.
    AgentFinished { at_ms: u64 },
    /// The call is over.
    Ended { at_ms: u64, ended: Ended },
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The agent sent the hangup message.
    Agent,
    /// The server closed the connection without it.
    Closed,
    /// The server reset the connection: in Asterisk's app form the caller is cut off.
    Reset,
    /// The caller hung up: by the script, or for want of the agent doing so at the end.
    Caller,
    /// The agent said nothing for the caller's whole patience; from 1, the step that waited.
    NoAnswer {
        /// Which.
        step: usize,
    },
    /// The script's longest time passed.
    TooLong,
    /// The server sent what makes Asterisk end a call.
    Protocol(String),
}

/// One turn of the caller: a line or a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turn {
    /// Which step of the script, from 1.
    pub step: usize,
    /// What was said, or the key.
    pub text: String,
    /// The first sound of the line, from the start of the call.
    pub began_ms: u64,
    /// Its last sound.
    pub last_sound_ms: u64,
    /// From the caller's last sound to the agent's first, at the caller's ear; negative where the agent began before
    /// the caller had finished. None: no answer.
    pub answer_after_ms: Option<i64>,
    /// Where the caller spoke into the agent: from the caller's first sound to the agent's last.
    pub cut_after_ms: Option<u64>,
}

impl Turn {
    pub(super) fn new(step: usize, text: String, began: Duration, last_sound: Duration) -> Self {
        Self {
            step,
            text,
            began_ms: began.as_millis() as u64,
            last_sound_ms: last_sound.as_millis() as u64,
            answer_after_ms: None,
            cut_after_ms: None,
        }
    }
}

/// The spacing of the agent's frames as they arrived, in microseconds. One each 20,000 is the aim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Gaps {
    /// Half of the gaps are at most this.
    pub median_us: u32,
    /// 99 of 100 are at most this.
    pub p99_us: u32,
    /// The longest.
    pub longest_us: u32,
}

/// A call from the caller's side.
#[derive(Clone, Debug, Serialize)]
pub struct CallReport {
    /// Which call.
    pub call: Uuid,
    /// The rate on the wire.
    pub rate: Rate,
    /// How it ended.
    pub ended: Ended,
    /// Steps of the script that were carried out.
    pub steps_done: usize,
    /// Steps that the script has.
    pub steps: usize,
    /// How long it took.
    pub duration_ms: u64,
    /// From the connection to the agent's first sound.
    pub greeted_after_ms: Option<u64>,
    /// The caller's turns, in order.
    pub turns: Vec<Turn>,
    /// Frames that the agent sent.
    pub agent_frames: usize,
    /// How evenly they came.
    pub gaps: Gaps,
    /// What the caller said, from the start of the call.
    #[serde(skip)]
    pub caller_sound: Vec<i16>,
    /// What the caller heard, in step with it to within a few frames.
    #[serde(skip)]
    pub agent_sound: Vec<i16>,
}

impl CallReport {
    /// Every step was carried out, and the call ended as calls do.
    pub fn completed(&self) -> bool {
        self.steps_done == self.steps && matches!(self.ended, Ended::Agent | Ended::Closed | Ended::Caller)
    }

    /// Writes `caller.wav` and `agent.wav` into a folder, which is made.
    ///
    /// # Errors
    /// [`wav::WavError`] names the file.
    pub fn save(&self, folder: &Path) -> Result<(), wav::WavError> {
        std::fs::create_dir_all(folder)
            .map_err(|source| wav::WavError::Io { path: folder.to_owned(), source })?;
        wav::write(&folder.join("caller.wav"), self.rate, &self.caller_sound)?;
        wav::write(&folder.join("agent.wav"), self.rate, &self.agent_sound)
    }
}

// === what is heard of the agent ===

/// The agent's utterances so far.
#[derive(Default)]
pub(super) struct Agent {
    utterances: Vec<Utterance>,
}

#[derive(Clone, Copy)]
struct Utterance {
    began: Duration,
    last: Duration,
}

impl Agent {
    pub(super) fn utterances(&self) -> usize {
        self.utterances.len()
    }

    /// When the first utterance began that began at this time or later.
    pub(super) fn began_since(&self, since: Duration) -> Option<Duration> {
        self.utterances.iter().map(|utterance| utterance.began).find(|began| *began >= since)
    }

    pub(super) fn is_speaking(&self, at: Duration, quiet: Duration) -> bool {
        self.utterances.last().is_some_and(|utterance| at < utterance.last + quiet)
    }

    /// The end of the last sound, or the start of the call.
    pub(super) fn last_sound(&self) -> Duration {
        self.utterances.last().map_or(Duration::ZERO, |utterance| utterance.last)
    }

    /// Takes a frame; true where an utterance begins with it.
    fn heard(&mut self, at: Duration, samples: &[i16]) -> bool {
        if level_dbfs(samples) < SOUND_DBFS {
            return false;
        }
        match self.utterances.last_mut() {
            Some(utterance) if at < utterance.last + PART => {
                utterance.last = at;
                false
            }
            _ => {
                self.utterances.push(Utterance { began: at, last: at });
                true
            }
        }
    }
}

/// Both directions of a call.
pub(super) struct Recorder {
    rate: Rate,
    agent: Agent,
    caller_sound: Vec<i16>,
    agent_sound: Vec<i16>,
    arrivals: Vec<Duration>,
}

impl Recorder {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            agent: Agent::default(),
            caller_sound: Vec::new(),
            agent_sound: Vec::new(),
            arrivals: Vec::new(),
        }
    }

    pub(super) fn agent(&self) -> &Agent {
        &self.agent
    }

    pub(super) fn sent(&mut self, frame: &[i16]) {
        self.caller_sound.extend_from_slice(frame);
    }

    /// Takes a frame of the agent; true where an utterance begins with it.
    pub(super) fn heard(&mut self, at: Duration, samples: &[i16]) -> bool {
        self.arrivals.push(at);
        // In step with the caller's track: a hole in the agent's frames is a hole in its sound.
        let missing = self.caller_sound.len().saturating_sub(self.agent_sound.len() + samples.len());
        if missing > 3 * self.rate.frame_samples() {
            self.agent_sound.resize(self.agent_sound.len() + missing, 0);
        }
        self.agent_sound.extend_from_slice(samples);
        self.agent.heard(at, samples)
    }

    pub(super) fn report(
        self,
        call: Uuid,
        mut turns: Vec<Turn>,
        steps_done: usize,
        steps: usize,
        duration: Duration,
        ended: Ended,
    ) -> CallReport {
        for place in 0..turns.len() {
            let until = turns.get(place + 1).map_or(u64::MAX, |next| next.began_ms);
            measure(&mut turns[place], until, &self.agent.utterances);
        }
        CallReport {
            call,
            rate: self.rate,
            ended,
            steps_done,
            steps,
            duration_ms: duration.as_millis() as u64,
            greeted_after_ms: self
                .agent
                .utterances
                .first()
                .map(|utterance| utterance.began.as_millis() as u64)
                .filter(|began| turns.first().is_none_or(|turn| *began < turn.began_ms)),
            turns,
            agent_frames: self.arrivals.len(),
            gaps: gaps(&self.arrivals),
            caller_sound: self.caller_sound,
            agent_sound: self.agent_sound,
        }
    }
}

fn measure(turn: &mut Turn, until_ms: u64, utterances: &[Utterance]) {
    for utterance in utterances {
        let began = utterance.began.as_millis() as u64;
        let last = utterance.last.as_millis() as u64;
        if began < turn.began_ms && last >= turn.began_ms {
            turn.cut_after_ms = Some(last - turn.began_ms);
        }
        if turn.answer_after_ms.is_none() && (turn.began_ms..until_ms).contains(&began) {
            turn.answer_after_ms = Some(began as i64 - turn.last_sound_ms as i64);
        }
    }
}

fn gaps(arrivals: &[Duration]) -> Gaps {
    let mut gaps: Vec<u32> = arrivals
        .windows(2)
        .map(|pair| u32::try_from((pair[1] - pair[0]).as_micros()).unwrap_or(u32::MAX))
        .collect();
    gaps.sort_unstable();
    let at = |percent: usize| gaps.get((gaps.len() * percent / 100).min(gaps.len().saturating_sub(1)));
    Gaps {
        median_us: at(50).copied().unwrap_or(0),
        p99_us: at(99).copied().unwrap_or(0),
        longest_us: gaps.last().copied().unwrap_or(0),
    }
}
