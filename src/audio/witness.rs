//! The second witness: does the sound move as speech does?
//!
//! A voice-activity network hears the shape of one moment, and takes steady sounds with much low frequency for a voice:
//! earshot 1.2.2 gives brown noise, mains buzz and the 425 Hz ring and busy tones a full score. What a voice does and
//! they do not is to change its whole spectrum all the time: a syllable lasts a fifth of a second. So this measures
//! how far the bands of the spectrum move within 40 ms, and believes in a voice where most of the last frames moved, or
//! where the bands glided without a step: one step (a tone that begins or ends) is over sooner, noise stays at the
//! little that chance gives it, and keyed tones leave most bands alone.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// 32 ms at 16 kHz.
const FFT_SAMPLES: usize = 512;
const BANDS: usize = 12;
/// Band edges in bins of 31.25 Hz: about 150 Hz to 3.6 kHz, the telephone band, each band a quarter wider than the last.
const EDGES: [usize; BANDS + 1] = [5, 8, 11, 15, 20, 25, 32, 40, 49, 60, 75, 93, 115];
/// Bands this far under the loudest of the last half second say nothing, in decibels. What a tone's edge spreads over all
/// bands is further down: at 27 dB most keyed tones would pass for speech, at 25 dB two percent of the worst.
const RANGE_DB: f32 = 25.0;
/// Nor do bands under this level, in decibels relative to full scale: mu-law's idle noise is at about -75.
const FLOOR_DBFS: f32 = -70.0;
/// Frames between the two spectra that are compared: 40 ms, so that their windows do not overlap.
const LAG: usize = 2;
/// A frame moved when its bands did so by this much in the mean. Measured: at 3.5 dB brown noise passes for speech 1.5 %
/// of the time, at 3.8 never in two minutes.
const MOVED_DB: f32 = 3.8;
/// And when the bands did so by this much that moved least: keyed tones leave them alone.
const ALL_MOVED_DB: f32 = 1.0;
/// How many bands those are: two tones, each on the border of two bands, move the other four.
const LEAST_MOVED: usize = BANDS - 4;
/// So many of the last so many frames must have moved: 140 ms, of which speech gives 80 to be believed.
const MOVED_FRAMES: u32 = 4;
const OF_FRAMES: u32 = 7;
/// Frames over which a glide is looked for: a slow vowel (the one of "yes") moves little in 40 ms and far in 160.
const GLIDE: usize = 8;
/// Spectra averaged at either end of it, so that chance gives noise no glide.
const GLIDE_ENDS: usize = 3;
/// How far the bands must glide in the mean, and those that glide least.
const GLIDED_DB: f32 = 4.0;
const ALL_GLIDED_DB: f32 = 0.5;
/// The most of a glide that a single movement within 40 ms may be: beyond, it is a step and no glide.
const STEP_SHARE: f32 = 0.7;
/// How long a voice is believed in without moving, in frames: 400 ms, a long vowel.
const BELIEF_FRAMES: u32 = 20;
/// How fast the memory of the loudest band fades: 25 dB in some 0.4 s.
const FADE_DB_A_FRAME: f32 = 1.2;

/// Watches one call's sound, in frames of 320 samples at 16 kHz.
pub(super) struct Witness {
    sound: VecDeque<f32>,
    /// The newest last.
    spectra: VecDeque<[f32; BANDS]>,
    movements_db: VecDeque<f32>,
    loudest_db: f32,
    /// One bit a frame, the newest lowest: it moved.
    moved: u32,
    believed_frames: u32,
}

impl Witness {
    pub(super) fn new() -> Self {
        Self {
            sound: VecDeque::from(vec![0.0; FFT_SAMPLES]),
            spectra: VecDeque::from(vec![[FLOOR_DBFS; BANDS]; GLIDE + 1]),
            movements_db: VecDeque::from(vec![0.0; GLIDE]),
            loudest_db: FLOOR_DBFS,
            moved: 0,
            believed_frames: 0,
        }
    }

    /// Takes the next 20 ms; tells whether the sound moves as a voice does.
    pub(super) fn believes(&mut self, frame: &[i16]) -> bool {
        let spectrum = self.spectrum(frame);
        let loudest = spectrum.iter().copied().fold(FLOOR_DBFS, f32::max);
        self.loudest_db = loudest.max(self.loudest_db - FADE_DB_A_FRAME);
        let floor = FLOOR_DBFS.max(self.loudest_db - RANGE_DB);
        self.spectra.pop_front();
        self.spectra.push_back(spectrum);
        // The mean level of a band, this many frames ago and those before.
        let level = |ago: usize, frames: usize, band: usize| {
            let newest = self.spectra.len() - 1 - ago;
            (0..frames).map(|older| self.spectra[newest - older][band].max(floor)).sum::<f32>()
                / frames as f32
        };
        let moved = Movement::of(std::array::from_fn(|band| level(0, 1, band) - level(LAG, 1, band)));
        let glided = Movement::of(std::array::from_fn(|band| {
            level(0, GLIDE_ENDS, band) - level(GLIDE + 1 - GLIDE_ENDS, GLIDE_ENDS, band)
        }));
        self.movements_db.pop_front();
        self.movements_db.push_back(moved.mean_db);
        let step_db = self.movements_db.iter().copied().fold(0.0, f32::max);

        self.moved = self.moved << 1 | u32::from(moved.reaches(MOVED_DB, ALL_MOVED_DB));
        let recent = self.moved & ((1 << OF_FRAMES) - 1);
        let talks = recent.count_ones() >= MOVED_FRAMES;
        let glides = glided.reaches(GLIDED_DB, ALL_GLIDED_DB) && step_db <= STEP_SHARE * glided.mean_db;
        self.believed_frames =
            if talks || glides { BELIEF_FRAMES } else { self.believed_frames.saturating_sub(1) };
        self.believed_frames > 0
    }

    /// The level of each band in decibels relative to a full-scale sine.
    fn spectrum(&mut self, frame: &[i16]) -> [f32; BANDS] {
        self.sound.drain(..frame.len().min(self.sound.len()));
        self.sound.extend(frame.iter().map(|x| f32::from(*x) / 32_768.0));
        // A frame of another length than 320 would leave another window; keep the newest 512 whatever comes.
        let surplus = self.sound.len().saturating_sub(FFT_SAMPLES);
        self.sound.drain(..surplus);
        TRANSFORM.with_borrow_mut(|transform| transform.bands_db(&self.sound))
    }
}

thread_local! {
    /// One for all calls of a thread: its tables stay in the processor's nearest cache, where each call's own would have
    /// left it by the next frame.
    static TRANSFORM: RefCell<Transform> = RefCell::new(Transform::new());
}

/// From a window of sound to its bands.
struct Transform {
    fft: Arc<dyn RealToComplex<f32>>,
    /// Hann's window.
    shape: Vec<f32>,
    input: Vec<f32>,
    output: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Transform {
    fn new() -> Self {
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(FFT_SAMPLES);
        let shape = (0..FFT_SAMPLES)
            .map(|n| 0.5 - 0.5 * (std::f32::consts::TAU * n as f32 / FFT_SAMPLES as f32).cos())
            .collect();
        Self {
            shape,
            input: fft.make_input_vec(),
            output: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
        }
    }

    fn bands_db(&mut self, sound: &VecDeque<f32>) -> [f32; BANDS] {
        for ((place, x), weight) in self.input.iter_mut().zip(sound).zip(&self.shape) {
            *place = x * weight;
        }
        let done = self.fft.process_with_scratch(&mut self.input, &mut self.output, &mut self.scratch);
        debug_assert!(done.is_ok(), "the vectors were made by this transform");
        // A full-scale sine has this power in a Hann window: (N / 4)² at its bin, half as much again with its neighbours.
        let full_scale = (FFT_SAMPLES as f32 / 4.0).powi(2) * 1.5;
        std::array::from_fn(|band| {
            let power: f32 = self.output[EDGES[band]..EDGES[band + 1]].iter().map(Complex::norm_sqr).sum();
            10.0 * (power / full_scale + 1e-12).log10()
        })
    }
}

/// How far the bands moved between two moments.
struct Movement {
    /// All of them, in the mean.
    mean_db: f32,
    /// Those that moved least, in the mean.
    least_db: f32,
}

impl Movement {
    fn of(mut bands_db: [f32; BANDS]) -> Self {
        bands_db.iter_mut().for_each(|db| *db = db.abs());
        bands_db.sort_by(f32::total_cmp);
        let mean = |bands: &[f32]| bands.iter().sum::<f32>() / bands.len() as f32;
        Self { mean_db: mean(&bands_db), least_db: mean(&bands_db[..LEAST_MOVED]) }
    }

    fn reaches(&self, mean_db: f32, least_db: f32) -> bool {
        self.mean_db >= mean_db && self.least_db >= least_db
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness").field("loudest_db", &self.loudest_db).finish_non_exhaustive()
    }
}
