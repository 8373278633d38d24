//! The lines of a tape.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::audio::{Activity, Frame, Rate};
use crate::conversation::event::Speech;
use crate::conversation::{CallTime, Input, Output};
use crate::ids::RequestId;

/// One line of `inputs.jsonl`. Times are microseconds since accept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum InputLine {
    /// The next 20 ms of `heard.wav`, with their speech score (per mille) and level (dBFS).
    Heard {
        /// When.
        at: CallTime,
        /// Score and level.
        heard: (u16, i16),
    },
    /// A piece of synthesised speech: little-endian 16-bit samples in base64.
    Sound {
        /// When.
        at: CallTime,
        /// Of which synthesis.
        sound: RequestId,
        /// The samples.
        pcm: String,
    },
    /// Any other input.
    Other {
        /// When.
        at: CallTime,
        /// As it was given.
        input: Input,
    },
}

/// An input as its line. Its sound, if it is the caller's, goes to `heard.wav`.
pub fn input_line(at: CallTime, input: Input) -> InputLine {
    match input {
        Input::Heard { activity, .. } => {
            InputLine::Heard { at, heard: (activity.speech_permille, activity.level_dbfs) }
        }
        Input::Synthesized { id, piece: Speech::Chunk { samples } } => {
            let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            InputLine::Sound { at, sound: id, pcm: STANDARD.encode(bytes) }
        }
        input => InputLine::Other { at, input },
    }
}

/// Why a line gives no input.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// `heard.wav` has fewer frames than `inputs.jsonl` says.
    #[error("expected another 20 ms in heard.wav, found its end")]
    HeardEnds,
    /// The sound is no base64.
    #[error("expected base64 sound")]
    NoBase64(#[from] base64::DecodeError),
}

impl InputLine {
    /// The input again; the caller's sound is taken from `heard`.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn into_input(self, heard: &mut &[i16]) -> Result<(CallTime, Input), LineError> {
        Ok(match self {
            Self::Heard { at, heard: (speech_permille, level_dbfs) } => {
                let (frame, rest) =
                    heard.split_at_checked(Rate::HZ_16000.frame_samples()).ok_or(LineError::HeardEnds)?;
                *heard = rest;
                let activity = Activity { speech_permille, level_dbfs };
                (at, Input::Heard { frame: Frame(frame.into()), activity })
            }
            Self::Sound { at, sound, pcm } => {
                let bytes = STANDARD.decode(pcm)?;
                let samples: Arc<[i16]> =
                    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
                (at, Input::Synthesized { id: sound, piece: Speech::Chunk { samples } })
            }
            Self::Other { at, input } => (at, input),
        })
    }
}

/// Turns outputs into the lines of `outputs.jsonl`: frames that follow each other are counted and digested in one line.
#[derive(Default)]
pub struct OutputLines {
    run: Option<Run>,
}

struct Run {
    at: CallTime,
    frames: u64,
    hash: Sha256,
}

impl std::fmt::Debug for OutputLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutputLines").finish_non_exhaustive()
    }
}

impl OutputLines {
    /// Frames told in one line at most: one second, so that a difference is found to the second.
    const RUN: u64 = 50;

    /// Takes one output; hands on the lines that are finished by it.
    ///
    /// # Errors
    /// Those of `line`.
    pub fn push<E>(
        &mut self,
        at: CallTime,
        output: &Output,
        mut line: impl FnMut(&Value) -> Result<(), E>,
    ) -> Result<(), E> {
        let value = match output {
            Output::Play { frame } => {
                let run = self.run.get_or_insert_with(|| Run { at, frames: 0, hash: Sha256::new() });
                run.frames += 1;
                update(&mut run.hash, &frame.0);
                if run.frames >= Self::RUN {
                    self.finish(line)?;
                }
                return Ok(());
            }
            Output::Idle { .. } => return Ok(()),
            Output::Recognize { job } => {
                let mut value = serde_json::json!({ "at": at, "output": { "output": "recognize", "job": {
                    "turn": job.turn, "revision": job.revision, "language": job.language, "last": job.last,
                    "hints": job.hints,
                }}});
                let mut hash = Sha256::new();
                update(&mut hash, &job.samples);
                value["output"]["job"]["samples"] =
                    format!("{} of sha256 {}", job.samples.len(), hex(&hash.finalize())).into();
                value
            }
            output => serde_json::json!({ "at": at, "output": output }),
        };
        self.finish(&mut line)?;
        line(&value)
    }

    /// Hands on the line that is not finished yet.
    ///
    /// # Errors
    /// Those of `line`.
    pub fn finish<E>(&mut self, mut line: impl FnMut(&Value) -> Result<(), E>) -> Result<(), E> {
        match self.run.take() {
            None => Ok(()),
            Some(Run { at, frames, hash }) => {
                line(&serde_json::json!({ "at": at, "play": frames, "sha256": hex(&hash.finalize()) }))
            }
        }
    }
}

fn update(hash: &mut Sha256, samples: &[i16]) {
    for sample in samples {
        hash.update(sample.to_le_bytes());
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
