//! What a caller does in a call, read from TOML.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::audio::{Rate, wav};

/// A caller's part in a call.
///
/// ```toml
/// from = "+375291234567"          # the number that is presented
/// exten = "100"                   # the number dialled
///
/// [[step]]
/// say = "../../lines/ru_where_is_my_order.wav"
/// text = "где мой заказ"
///
/// [[step]]
/// key = "1"
///
/// [[step]]
/// say = "../../lines/ru_no.wav"
/// text = "нет"
/// interrupt_after_ms = 800        # speak when the agent has spoken for so long, instead of hearing it out
///
/// [expect]
/// spoken = ["заказ"]
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    /// What is done, in order. After the last the caller waits for the agent to hang up.
    pub steps: Vec<Step>,
    /// The number that the caller presents, as a trunk would send it.
    pub from: Option<String>,
    /// The number dialled.
    pub exten: Option<String>,
    /// The rate the telephone speaks; 8 kHz unless said otherwise.
    pub rate: Rate,
    /// An agent that is silent for so long has finished.
    pub quiet_ms: u32,
    /// How long the caller waits for the agent to begin, or to hang up at the end, before giving up.
    pub patience_ms: u32,
    /// The longest call.
    pub longest_ms: u32,
    /// What must be true at the end; checked by whoever can see it.
    pub expect: Expect,
}

/// One thing that a caller does.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Says a line.
    Say {
        /// What is said.
        line: Line,
        /// Since when.
        when: When,
    },
    /// Presses a key: `0`-`9`, `*`, `#`, `A`-`D`.
    Key {
        /// Which.
        digit: char,
        /// Since when.
        when: When,
    },
    /// Is silent for so long.
    Wait {
        /// Milliseconds.
        ms: u32,
    },
    /// Hangs up.
    HangUp {
        /// Since when.
        when: When,
    },
}

/// When a step is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The agent has spoken since the caller's last turn, and finished.
    AgentFinished,
    /// The agent has spoken for so long: an interruption.
    AgentSpokeFor {
        /// Milliseconds since its first sound.
        ms: u32,
    },
    /// Now.
    AtOnce,
}

/// Spoken words.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The words, for those who read along.
    pub text: String,
    /// Their sound.
    pub sound: wav::Sound,
}

/// What must be true when the call is over. The telephone itself checks `agent_hangs_up`; the rest is for those who
/// see the server's side as well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// The agent, not the caller, ended the call.
    pub agent_hangs_up: Option<bool>,
    /// The agent said each of these somewhere.
    pub spoken: Vec<String>,
    /// The state of the order of this call: `confirmed`, `cancelled`, `none`.
    pub ordered: Option<String>,
}

/// Why a script cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file could not be read.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no script.
    #[error("{}: {source}", .path.display())]
    Toml {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A step says too little or too much.
    #[error("{}: step {step}: {problem}", .path.display())]
    Step {
        /// Which file.
        path: PathBuf,
        /// Which step, from 1.
        step: usize,
        /// What is wrong.
        problem: String,
    },
    /// The rate is none that a telephone speaks.
    #[error("{}: rate_hz = {found}: expected 8000 or 16000", .path.display())]
    Rate {
        /// Which file.
        path: PathBuf,
        /// What it says.
        found: u32,
    },
    /// A line has no sound.
    #[error("{}: step {step}: {source}", .path.display())]
    Sound {
        /// Which file.
        path: PathBuf,
        /// Which step, from 1.
        step: usize,
        /// Which WAV, and why.
        source: wav::WavError,
    },
}

impl Script {
    /// A script of these steps with the defaults: 8 kHz, an agent finished after 800 ms, 15 s of patience, at most 5
    /// minutes.
    pub fn new(steps: Vec<Step>) -> Self {
        Self {
            steps,
            from: None,
            exten: None,
            rate: Rate::HZ_8000,
            quiet_ms: DEFAULT_QUIET_MS,
            patience_ms: DEFAULT_PATIENCE_MS,
            longest_ms: DEFAULT_LONGEST_MS,
            expect: Expect::default(),
        }
    }

    /// Reads a script and all its lines; a folder stands for the `script.toml` in it.
    ///
    /// # Errors
    /// [`ScriptError`] names the file, the step and what was expected.
    pub fn load(path: &Path) -> Result<Self, ScriptError> {
        let path = if path.is_dir() { path.join("script.toml") } else { path.to_owned() };
        let text =
            fs::read_to_string(&path).map_err(|source| ScriptError::Io { path: path.clone(), source })?;
        Self::parse(&text, &path)
    }

    /// The same from text; the lines are found relative to the path's folder.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, path: &Path) -> Result<Self, ScriptError> {
        let written: Written = toml::from_str(text)
            .map_err(|source| ScriptError::Toml { path: path.to_owned(), source: Box::new(source) })?;
        if !matches!(written.rate_hz, 8_000 | 16_000) {
            return Err(ScriptError::Rate { path: path.to_owned(), found: written.rate_hz });
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let steps = (1..)
            .zip(written.step)
            .map(|(number, step)| step.into_step(path, folder, number))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            steps,
            from: written.from,
            exten: written.exten,
            rate: Rate(written.rate_hz),
            quiet_ms: written.quiet_ms,
            patience_ms: written.patience_ms,
            longest_ms: written.longest_ms,
            expect: written.expect,
        })
    }
}

/// Chosen: longer than the agent's pause between two clauses, shorter than a caller's patience.
const DEFAULT_QUIET_MS: u32 = 800;
/// Chosen: the agent's own deadlines (filler, apology) all come sooner.
const DEFAULT_PATIENCE_MS: u32 = 15_000;
/// Chosen: no sample call takes two minutes.
const DEFAULT_LONGEST_MS: u32 = 300_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    from: Option<String>,
    exten: Option<String>,
    #[serde(default = "default_rate_hz")]
    rate_hz: u32,
    #[serde(default = "default_quiet_ms")]
    quiet_ms: u32,
    #[serde(default = "default_patience_ms")]
    patience_ms: u32,
    #[serde(default = "default_longest_ms")]
    longest_ms: u32,
    #[serde(default)]
    step: Vec<WrittenStep>,
    #[serde(default)]
    expect: Expect,
}

fn default_rate_hz() -> u32 {
    Rate::HZ_8000.0
}

fn default_quiet_ms() -> u32 {
    DEFAULT_QUIET_MS
}

fn default_patience_ms() -> u32 {
    DEFAULT_PATIENCE_MS
}

fn default_longest_ms() -> u32 {
    DEFAULT_LONGEST_MS
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStep {
    say: Option<PathBuf>,
    text: Option<String>,
    key: Option<String>,
    wait_ms: Option<u32>,
    hangup: Option<bool>,
    interrupt_after_ms: Option<u32>,
    #[serde(default)]
    at_once: bool,
}

impl WrittenStep {
    fn into_step(self, path: &Path, folder: &Path, step: usize) -> Result<Step, ScriptError> {
        let wrong =
            |problem: &str| ScriptError::Step { path: path.to_owned(), step, problem: problem.to_owned() };
        let when = match (self.interrupt_after_ms, self.at_once) {
            (Some(_), true) => return Err(wrong("expected interrupt_after_ms or at_once, found both")),
            (Some(ms), false) => When::AgentSpokeFor { ms },
            (None, true) => When::AtOnce,
            (None, false) => When::AgentFinished,
        };
        match (self.say, self.key, self.wait_ms, self.hangup) {
            (Some(file), None, None, None) => {
                let sound = wav::read(&folder.join(&file)).map_err(|source| ScriptError::Sound {
                    path: path.to_owned(),
                    step,
                    source,
                })?;
                let text = self.text.unwrap_or_else(|| file.display().to_string());
                Ok(Step::Say { line: Line { text, sound }, when })
            }
            (None, Some(key), None, None) => {
                let mut keys = key.chars();
                match (keys.next(), keys.next()) {
                    (Some(digit), None) if audiosocket::Digit::new(digit).is_some() => {
                        Ok(Step::Key { digit, when })
                    }
                    _ => Err(wrong(&format!("key = {key:?}: expected one of 0-9 * # A-D"))),
                }
            }
            (None, None, Some(ms), None) => Ok(Step::Wait { ms }),
            (None, None, None, Some(true)) => Ok(Step::HangUp { when }),
            _ => Err(wrong("expected exactly one of say, key, wait_ms, hangup = true")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Script, String> {
        Script::parse(text, Path::new("x/script.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn steps_are_read_in_order_with_their_when() {
        let script = parse(
            "from = '+375291234567'\nrate_hz = 16000\n\
             [[step]]\nkey = '5'\n[[step]]\nwait_ms = 300\n[[step]]\nhangup = true\ninterrupt_after_ms = 700\n\
             [expect]\nordered = 'none'",
        )
        .expect("a script");
        assert_eq!(script.rate, Rate::HZ_16000);
        assert_eq!(script.quiet_ms, 800);
        assert_eq!(
            script.steps,
            [
                Step::Key { digit: '5', when: When::AgentFinished },
                Step::Wait { ms: 300 },
                Step::HangUp { when: When::AgentSpokeFor { ms: 700 } },
            ]
        );
        assert_eq!(script.expect.ordered.as_deref(), Some("none"));
    }

    #[test]
    fn a_wrong_step_is_named_with_what_was_expected() {
        let cases = [
            (
                "[[step]]\nwait_ms = 1\n[[step]]\nkey = '12'",
                "step 2: key = \"12\": expected one of 0-9 * # A-D",
            ),
            ("[[step]]\ntext = 'x'", "step 1: expected exactly one of say, key, wait_ms, hangup = true"),
            ("[[step]]\nkey = '1'\nwait_ms = 5", "step 1: expected exactly one of"),
            ("[[step]]\nsay = 'no.wav'", "step 1: x/no.wav: "),
            ("rate_hz = 44100", "rate_hz = 44100: expected 8000 or 16000"),
            ("[[step]]\nsya = 'no.wav'", "unknown field `sya`"),
        ];
        for (text, expected) in cases {
            let error = parse(text).expect_err(text);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn every_line_of_the_samples_is_sound_of_a_telephone() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/lines");
        let list = fs::read_to_string(folder.join("list.tsv")).expect("the list of lines");
        for entry in list.lines() {
            let file = entry.split('\t').next().expect("a file name");
            let sound = wav::read(&folder.join(file)).expect("a line");
            assert_eq!(sound.rate, Rate::HZ_8000, "{file}");
        }
    }
}
