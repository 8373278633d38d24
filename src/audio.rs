//! Sound as numbers: 20 ms frames, reframing, resampling, voice activity, WAV files.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod ear;
mod frames;
pub mod reframe;
pub mod resample;
pub mod vad;
pub mod wav;
mod witness;

pub use ear::Ear;
pub use frames::Frames;

/// A sample rate of the telephone side, in hertz: one of the nine that AudioSocket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(pub u32);

impl Rate {
    /// Plain telephony, kind 0x10.
    pub const HZ_8000: Self = Self(8_000);
    /// Wideband telephony, kind 0x12, and what every recogniser here hears.
    pub const HZ_16000: Self = Self(16_000);

    /// Samples in one 20 ms frame.
    pub const fn frame_samples(self) -> usize {
        (self.0 / 50) as usize
    }
}

/// 20 ms of signed 16-bit mono sound; its rate is known from where it flows. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Frame(pub Arc<[i16]>);

impl Frame {
    /// A frame of digital silence.
    pub fn silence(rate: Rate) -> Self {
        Self(vec![0; rate.frame_samples()].into())
    }
}

/// What the voice-activity detector says of one 20 ms frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// How likely this is a person speaking, 0 to 1000, after the second witness has had its say against tones and buzz.
    pub speech_permille: u16,
    /// Loudness in decibels relative to full scale, -100 for digital silence.
    pub level_dbfs: i16,
}

impl Activity {
    /// The detector's own verdict at its usual threshold (one half).
    pub fn is_speech(self) -> bool {
        self.speech_permille >= 500
    }
}
