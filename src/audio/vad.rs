//! Voice activity: is this 20 ms of a person speaking?
//!
//! Two witnesses must agree: earshot's network, which knows what a voice sounds like, and the movement of the spectrum
//! (`witness.rs`), which knows what a line sounds like.

use std::fmt;

use super::witness::Witness;
use super::{Activity, Frame};

/// What earshot takes at a time: 16 ms at 16 kHz.
const STEP_SAMPLES: usize = 256;

/// The most that the network's word counts where the second witness sees no movement: half of what speech needs.
const UNBELIEVED_PERMILLE: u16 = 250;

/// One call's voice-activity detector. It hears 16 kHz, and allocates nothing once it is made.
pub struct Detector {
    network: Box<earshot::Detector>,
    pending: Vec<i16>,
    /// The network's last score, for a frame that no step ends in.
    score: f32,
    witness: Witness,
    /// Frames in a row in which nobody can be heard.
    quiet: u32,
}

/// Under this level, in decibels relative to full scale, nobody is heard: the second witness has the same floor, and the
/// idle noise of mu-law lies five below.
const QUIET_DBFS: i16 = -70;
/// So many such frames in a row, and the witnesses need not be asked any more: half a second, longer than either remembers.
const QUIET_FRAMES: u32 = 25;

impl Detector {
    /// A detector that has heard nothing yet.
    pub fn new() -> Self {
        Self {
            network: Box::default(),
            pending: Vec::with_capacity(3 * STEP_SAMPLES),
            score: 0.0,
            witness: Witness::new(),
            quiet: 0,
        }
    }

    /// Judges the next frame of 320 samples.
    pub fn judge(&mut self, frame: &Frame) -> Activity {
        let level_dbfs = level_dbfs(&frame.0);
        self.quiet = if level_dbfs < QUIET_DBFS { self.quiet.saturating_add(1) } else { 0 };
        if self.quiet > QUIET_FRAMES {
            // A caller who listens costs next to nothing.
            return Activity { speech_permille: 0, level_dbfs };
        }
        // A frame holds one step or two: the higher score counts.
        self.pending.extend_from_slice(&frame.0);
        let mut steps = self.pending.chunks_exact(STEP_SAMPLES);
        let score = steps.by_ref().map(|step| self.network.predict_i16(step)).reduce(f32::max);
        let used = self.pending.len() - steps.remainder().len();
        self.pending.drain(..used);
        self.score = score.unwrap_or(self.score);

        let heard = (self.score.clamp(0.0, 1.0) * 1_000.0) as u16;
        let believed = self.witness.believes(&frame.0);
        Activity {
            speech_permille: if believed { heard } else { heard.min(UNBELIEVED_PERMILLE) },
            level_dbfs,
        }
    }
}

/// Loudness as the root of the mean square, in decibels relative to full scale; -100 for digital silence.
pub fn level_dbfs(samples: &[i16]) -> i16 {
    let sum: u64 = samples.iter().map(|x| u64::from(x.unsigned_abs()).pow(2)).sum();
    if sum == 0 {
        return -100;
    }
    let mean_square = sum as f64 / samples.len() as f64 / 32_768.0f64.powi(2);
    (10.0 * mean_square.log10()).round().max(-100.0) as i16
}

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detector")
            .field("score", &self.score)
            .field("witness", &self.witness)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;
    use std::path::Path;

    use super::*;
    use crate::audio::{Ear, Rate, wav};

    const SECONDS: usize = 6;

    /// The share of 20 ms frames that count as speech, in percent, of sound at 8 kHz.
    fn speech_share(samples: &[i16]) -> f32 {
        let mut ear = Ear::new(Rate::HZ_8000).expect("8 kHz");
        let (mut frames, mut speech) = (0, 0);
        ear.push(samples, |_, activity| {
            frames += 1;
            speech += u32::from(activity.is_speech());
        });
        100.0 * speech as f32 / frames as f32
    }

    fn at_level(level_dbfs: f32, sound: impl Fn(f32) -> f32) -> Vec<i16> {
        let sound: Vec<f32> = (0..8_000 * SECONDS).map(|n| sound(n as f32 / 8_000.0)).collect();
        scaled(level_dbfs, &sound)
    }

    fn scaled(level_dbfs: f32, sound: &[f32]) -> Vec<i16> {
        let power = sound.iter().map(|x| x * x).sum::<f32>() / sound.len() as f32;
        let gain = 32_768.0 * 10.0f32.powf(level_dbfs / 20.0) / power.sqrt();
        sound.iter().map(|x| (x * gain) as i16).collect()
    }

    /// White noise through one pole: 0 leaves it white, 0.99 makes it brown.
    fn noise(pole: f32) -> Vec<f32> {
        let mut seed = 1u64;
        let mut last = 0.0;
        (0..8_000 * SECONDS)
            .map(|_| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                last = pole * last + (seed >> 40) as f32 / 8_388_608.0 - 1.0;
                last
            })
            .collect()
    }

    fn tone(hz: f32, at: f32) -> f32 {
        (TAU * hz * at).sin()
    }

    #[test]
    fn the_noises_of_a_line_are_not_speech() {
        let keyed = |on_ms: u32, offset_ms: u32| {
            move |at: f32| {
                let ms = (at * 1_000.0) as u32 + offset_ms;
                let (key, within) = (ms / (2 * on_ms), ms % (2 * on_ms));
                let low = [697.0, 770.0, 852.0, 941.0][key as usize % 4];
                let high = [1_209.0, 1_336.0, 1_477.0][key as usize % 3];
                if within < on_ms { tone(low, at) + tone(high, at) } else { 0.0 }
            }
        };
        let cadence = |on_ms: u32, off_ms: u32| {
            move |at: f32| {
                if (at * 1_000.0) as u32 % (on_ms + off_ms) < on_ms { tone(425.0, at) } else { 0.0 }
            }
        };
        let sounds = [
            ("digital silence", vec![0; 8_000 * SECONDS]),
            ("white noise", scaled(-25.0, &noise(0.0))),
            ("brown noise, quiet", scaled(-40.0, &noise(0.99))),
            ("brown noise", scaled(-25.0, &noise(0.99))),
            ("brown noise, loud", scaled(-12.0, &noise(0.97))),
            ("50 Hz square", at_level(-20.0, |at| if (at * 50.0).fract() < 0.5 { 1.0 } else { -1.0 })),
            ("60 Hz saw", at_level(-20.0, |at| (at * 60.0).fract() - 0.5)),
            ("steady 425 Hz", at_level(-15.0, |at| tone(425.0, at))),
            ("ring 425 Hz", at_level(-15.0, cadence(1_000, 4_000))),
            ("busy 425 Hz", at_level(-15.0, cadence(400, 400))),
            ("congestion 425 Hz", at_level(-15.0, cadence(200, 200))),
            ("dial 350 + 440 Hz", at_level(-15.0, |at| tone(350.0, at) + tone(440.0, at))),
            ("ring 440 + 480 Hz", at_level(-15.0, |at| tone(440.0, at) + tone(480.0, at))),
            ("keys, 100 ms", at_level(-12.0, keyed(100, 0))),
            ("keys, 50 ms", at_level(-12.0, keyed(50, 0))),
            ("keys, 50 ms, +5", at_level(-12.0, keyed(50, 5))),
            ("keys, 50 ms, +10", at_level(-12.0, keyed(50, 10))),
            ("keys, 50 ms, +15", at_level(-12.0, keyed(50, 15))),
        ];
        for (name, sound) in sounds {
            let share = speech_share(&sound);
            println!("{name:20} {share:5.1} %");
            assert!(share <= 1.0, "{name}: {share} % of it counts as speech");
        }
    }

    #[test]
    fn callers_are_speech() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/stt-demo/test");
        let mut shares = Vec::new();
        for language in ["ru", "en"] {
            for number in (1..=32).step_by(3) {
                let path = folder.join(format!("{language}_{number:03}.wav"));
                let share = speech_share(&wav::read(&path).expect("a held-out call").samples);
                // The files hold up to 1.3 s of lead and tail around the words.
                assert!(share >= 25.0, "{}: only {share} % of it counts as speech", path.display());
                shares.push(share);
            }
        }
        let mean = shares.iter().sum::<f32>() / shares.len() as f32;
        println!("held-out callers      {mean:5.1} % in the mean of {}", shares.len());
        assert!(mean >= 60.0, "{mean} %");
    }

    #[test]
    fn level_is_relative_to_full_scale() {
        assert_eq!(level_dbfs(&[0; 320]), -100);
        assert_eq!(level_dbfs(&[]), -100);
        assert_eq!(level_dbfs(&[i16::MIN; 320]), 0);
        assert_eq!(level_dbfs(&[3_277; 320]), -20);
    }
}
