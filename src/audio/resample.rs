//! One sample rate to another, band-limited, as a stream.
//!
//! A polyphase filter at the exact ratio of the two rates: every piece of input gives its share of output at once, in
//! whatever pieces it comes, which the block sizes of FFT resamplers do not allow on a 20 ms clock. The low-pass is a
//! Kaiser-windowed sinc. It keeps the band up to 85 % of what the lower rate can hold (3,400 Hz at 8 kHz: the telephone
//! band). Going down, what the lower rate cannot hold is 80 dB down, so that the s and sh of a 22,050 Hz voice do not
//! fold into the telephone band as a hiss; going up, the image of that band is.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// How far down the stop-band is, in decibels: chosen, under the noise of 16-bit telephony after mu-law (38 dB).
const STOP_BAND_DB: f64 = 80.0;
/// The share of the lower rate's band that passes untouched: 3,400 of 4,000 Hz, the telephone band of ITU-T G.712.
const PASS_SHARE: f64 = 0.85;
/// A tap below this is none: 120 dB down, far under half a step of 16 bits.
const NO_TAP: f64 = 1e-6;
/// The longest table of filter taps: 44.1 to 192 kHz needs some 44,000. Keeps a strange rate from taking the memory.
const MAX_TAPS: usize = 100_000;

/// A resampler between two fixed rates.
pub struct Streaming {
    filter: Option<Arc<Filter>>,
    /// The last `taps_per_phase - 1` input samples, then what is new.
    window: Vec<f32>,
    /// Where the next output stands: input samples from the start of what is new, and the phase behind it.
    next_input: usize,
    phase: usize,
}

impl Streaming {
    /// Resamples from one rate to the other; equal rates pass untouched.
    ///
    /// # Errors
    /// [`UnsupportedRates`] where a rate is outside 4 to 192 kHz or the two have no simple ratio.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, UnsupportedRates> {
        let filter = Filter::between(from_hz, to_hz)?;
        let history = filter.as_ref().map_or(0, |filter| filter.taps_per_phase - 1);
        Ok(Self { filter, window: vec![0.0; history], next_input: 0, phase: 0 })
    }

    /// Takes samples and gives those that they make.
    pub fn push(&mut self, samples: &[i16]) -> Vec<i16> {
        let mut out = Vec::new();
        self.push_into(samples, &mut out);
        out
    }

    /// The same, appended to a vector that is used again.
    pub fn push_into(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        let Some(filter) = &self.filter else {
            out.extend_from_slice(samples);
            return;
        };
        self.window.extend(samples.iter().map(|sample| f32::from(*sample)));
        out.reserve(samples.len() * filter.up / filter.down + 1);
        while let Some(span) = self.window.get(self.next_input..self.next_input + filter.taps_per_phase) {
            out.push(round(filter.at(self.phase, span)));
            self.phase += filter.down;
            self.next_input += self.phase / filter.up;
            self.phase %= filter.up;
        }
        // What no later output looks back at.
        let done = self.next_input.min(self.window.len());
        self.window.drain(..done);
        self.next_input -= done;
    }

    /// The sound still inside the filter; then the stream begins anew.
    pub fn finish(&mut self) -> Vec<i16> {
        let Some(filter) = self.filter.clone() else { return Vec::new() };
        let out = self.push(&vec![0; filter.taps_per_phase / 2]);
        self.window.clear();
        self.window.resize(filter.taps_per_phase - 1, 0.0);
        self.next_input = 0;
        self.phase = 0;
        out
    }

    /// How long sound takes through the filter, in microseconds of its own time.
    pub fn delay_us(&self) -> u32 {
        self.filter.as_ref().map_or(0, |filter| filter.delay_us)
    }
}

impl fmt::Debug for Streaming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming").field("filter", &self.filter).finish_non_exhaustive()
    }
}

/// Two rates that this module does not join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot resample {from_hz} Hz to {to_hz} Hz: expected rates of 4000 to 192000 Hz with a simple ratio"
)]
pub struct UnsupportedRates {
    /// The rate that comes.
    pub from_hz: u32,
    /// The rate that is wanted.
    pub to_hz: u32,
}

fn round(sample: f32) -> i16 {
    // Half away from zero, without the library call that `round` is on a processor without SSE 4.1. `as` saturates:
    // overshoot of a loud sound clips instead of wrapping.
    (sample + 0.5f32.copysign(sample)) as i16
}

// === impl Filter ===

/// The taps for `up / down` times the rate, cut into phases. Shared by all streams of a pair of rates.
struct Filter {
    up: usize,
    down: usize,
    taps_per_phase: usize,
    /// Phase after phase, each in the order of the input, oldest sample first.
    taps: Vec<f32>,
    /// For each phase that only copies an input sample, which one of the span.
    copies: Vec<Option<usize>>,
    delay_us: u32,
}

impl Filter {
    /// The filter of a pair of rates, made once for the process; none for equal rates.
    fn between(from_hz: u32, to_hz: u32) -> Result<Option<Arc<Self>>, UnsupportedRates> {
        static MADE: Mutex<BTreeMap<(u32, u32), Arc<Filter>>> = Mutex::new(BTreeMap::new());
        let unsupported = UnsupportedRates { from_hz, to_hz };
        if [from_hz, to_hz].iter().any(|hz| !(4_000..=192_000).contains(hz)) {
            return Err(unsupported);
        }
        if from_hz == to_hz {
            return Ok(None);
        }
        // A filter is put in whole or not at all: a panic elsewhere leaves the map good.
        if let Some(filter) = MADE.lock().unwrap_or_else(PoisonError::into_inner).get(&(from_hz, to_hz)) {
            return Ok(Some(Arc::clone(filter)));
        }
        let filter = Arc::new(Self::design(from_hz, to_hz).ok_or(unsupported)?);
        MADE.lock().unwrap_or_else(PoisonError::into_inner).insert((from_hz, to_hz), Arc::clone(&filter));
        Ok(Some(filter))
    }

    /// Kaiser's formulas: F. J. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", 1974.
    fn design(from_hz: u32, to_hz: u32) -> Option<Self> {
        let common = gcd(from_hz, to_hz);
        let (up, down) = ((to_hz / common) as usize, (from_hz / common) as usize);
        let inner_hz = f64::from(from_hz) * up as f64;
        let nyquist_hz = f64::from(from_hz.min(to_hz)) / 2.0;
        let pass_hz = nyquist_hz * PASS_SHARE;
        // Going down, nothing above the lower rate's band may fold into it. Going up, the image of the pass-band begins
        // as far above the band as the pass-band ends below it: half the taps, half the work of every call's hearing.
        let stop_hz = if to_hz < from_hz { nyquist_hz } else { 2.0 * nyquist_hz - pass_hz };
        let cutoff = (pass_hz + stop_hz) / inner_hz; // of the inner rate's Nyquist frequency
        let width = 2.0 * PI * (stop_hz - pass_hz) / inner_hz;
        let wanted = (STOP_BAND_DB - 8.0) / (2.285 * width);
        let taps_per_phase = (wanted / up as f64).ceil() as usize + 1;
        if taps_per_phase * up > MAX_TAPS {
            return None;
        }
        // Going up by a whole number the filter is an M-th band one: with its centre on a tap, the input samples themselves
        // come out untouched, and cost nothing.
        let length = taps_per_phase * up - usize::from(down == 1 && (taps_per_phase * up).is_multiple_of(2));
        let beta = 0.1102 * (STOP_BAND_DB - 8.7);
        let centre = (length - 1) as f64 / 2.0;
        let prototype = |n: usize| {
            if n >= length {
                return 0.0;
            }
            let x = n as f64 - centre;
            let sinc = if x == 0.0 { cutoff } else { (PI * cutoff * x).sin() / (PI * x) };
            let place = x / (centre + 0.5);
            sinc * bessel_i0(beta * (1.0 - place * place).max(0.0).sqrt()) / bessel_i0(beta)
        };
        let mut taps = Vec::with_capacity(taps_per_phase * up);
        let mut copies = Vec::with_capacity(up);
        for phase in 0..up {
            let first = taps.len();
            taps.extend((0..taps_per_phase).rev().map(|k| prototype(phase + k * up)));
            // Each phase passes a constant at exactly 1: no tone at the rate's difference on a steady sound.
            let sum: f64 = taps[first..].iter().sum();
            taps[first..].iter_mut().for_each(|tap| *tap /= sum);
            let one = taps[first..].iter().position(|tap| (tap - 1.0).abs() < NO_TAP);
            copies.push(one.filter(|_| taps[first..].iter().filter(|tap| tap.abs() > NO_TAP).count() == 1));
        }
        Some(Self {
            up,
            down,
            taps_per_phase,
            taps: taps.into_iter().map(|tap| tap as f32).collect(),
            copies,
            delay_us: (centre / inner_hz * 1e6) as u32,
        })
    }

    /// One output sample. Many sums side by side: the compiler may not reorder a single one, and each addition waits for
    /// the one before it.
    fn at(&self, phase: usize, span: &[f32]) -> f32 {
        if let Some(place) = self.copies[phase] {
            return span[place];
        }
        let taps = &self.taps[phase * self.taps_per_phase..][..self.taps_per_phase];
        let (taps16, spans16) = (taps.chunks_exact(16), span.chunks_exact(16));
        let tail: f32 = taps16.remainder().iter().zip(spans16.remainder()).map(|(tap, x)| tap * x).sum();
        let mut sums = [0.0f32; 16];
        for (tap, x) in taps16.zip(spans16) {
            for lane in 0..16 {
                sums[lane] += tap[lane] * x[lane];
            }
        }
        sums.iter().sum::<f32>() + tail
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} in {} taps", self.up, self.down, self.taps.len())
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The modified Bessel function of order 0 by its power series; x is at most 8 here, 30 terms are plenty.
fn bessel_i0(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..30 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [u32; 10] = [8_000, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000];

    fn tone(hz: f64, rate: u32, seconds: f64) -> Vec<i16> {
        (0..(f64::from(rate) * seconds) as usize)
            .map(|n| ((2.0 * PI * hz * n as f64 / f64::from(rate)).sin() * 16_000.0).round() as i16)
            .collect()
    }

    /// Root mean square relative to the 16,000 of [`tone`], in decibels, away from both ends.
    fn level_db(samples: &[i16]) -> f64 {
        let inner = &samples[samples.len() / 4..samples.len() * 3 / 4];
        let power: f64 = inner.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / inner.len() as f64;
        10.0 * ((power + 1e-3) / (16_000.0f64.powi(2) / 2.0)).log10()
    }

    fn through(from_hz: u32, to_hz: u32, hz: f64) -> f64 {
        let mut resampler = Streaming::new(from_hz, to_hz).expect("supported rates");
        level_db(&resampler.push(&tone(hz, from_hz, 0.2)))
    }

    #[test]
    fn a_sibilant_of_the_voice_does_not_fold_into_the_telephone_band() {
        for (from_hz, to_hz) in [(22_050, 8_000), (24_000, 8_000), (16_000, 8_000), (48_000, 16_000)] {
            let nyquist = f64::from(to_hz) / 2.0;
            let mut worst: f64 = -200.0;
            let mut hz = nyquist;
            while hz < f64::from(from_hz) / 2.0 {
                worst = worst.max(through(from_hz, to_hz, hz));
                hz += 170.0;
            }
            println!("{from_hz} to {to_hz}: worst stop-band tone {worst:.1} dB");
            assert!(worst < -75.0, "{from_hz} to {to_hz}: {worst:.1} dB");
        }
    }

    #[test]
    fn the_telephone_band_passes_untouched_both_ways() {
        for (from_hz, to_hz) in [(22_050, 8_000), (24_000, 8_000), (8_000, 16_000), (16_000, 8_000)] {
            for hz in [100.0, 440.0, 1_000.0, 2_500.0, 3_400.0] {
                let gain = through(from_hz, to_hz, hz);
                assert!(gain.abs() < 0.05, "{hz} Hz from {from_hz} to {to_hz}: {gain:.3} dB");
            }
        }
    }

    #[test]
    fn going_up_adds_no_image_of_the_sound() {
        // 1 kHz at 8 kHz has its image at 7 kHz in 16 kHz: taking the tone away leaves it and the rounding.
        let mut resampler = Streaming::new(8_000, 16_000).expect("supported rates");
        let sound = resampler.push(&tone(1_000.0, 8_000, 0.2));
        let middle = &sound[800..2_400];
        let (mut cosine, mut sine) = (0.0, 0.0);
        for (n, x) in middle.iter().enumerate() {
            let angle = 2.0 * PI * 7_000.0 * n as f64 / 16_000.0;
            cosine += f64::from(*x) * angle.cos();
            sine += f64::from(*x) * angle.sin();
        }
        let image = (cosine.powi(2) + sine.powi(2)).sqrt() * 2.0 / middle.len() as f64;
        let image_db = 20.0 * (image / 16_000.0).log10();
        println!("image at 7 kHz: {image_db:.1} dB");
        assert!(image_db < -75.0, "{image_db:.1} dB");
    }

    #[test]
    fn every_pair_of_rates_gives_its_number_of_samples() {
        for from_hz in RATES {
            for to_hz in RATES {
                let mut resampler = Streaming::new(from_hz, to_hz).expect("supported rates");
                let tenth = resampler.push(&vec![1_000; from_hz as usize / 10]);
                assert_eq!(tenth.len(), (to_hz as usize).div_ceil(10), "{from_hz} to {to_hz}");
                let last = *tenth.last().expect("a tenth of a second");
                assert!((999..=1_001).contains(&last), "{from_hz} to {to_hz}: a constant became {last}");
            }
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_sound() {
        let sound = tone(700.0, 22_050, 0.1);
        let mut whole = Streaming::new(22_050, 8_000).expect("supported rates");
        let mut at_once = whole.push(&sound);
        at_once.extend(whole.finish());
        let mut pieces = Streaming::new(22_050, 8_000).expect("supported rates");
        let mut piece_by_piece = Vec::new();
        for (size, at) in [(1, 0), (0, 1), (999, 1), (7, 1_000), (1_198, 1_007)] {
            piece_by_piece.extend(pieces.push(&sound[at..at + size]));
        }
        piece_by_piece.extend(pieces.finish());
        assert_eq!(at_once, piece_by_piece);
        // Finished streams begin anew.
        assert_eq!(whole.push(&sound), pieces.push(&sound));
    }

    #[test]
    fn every_packet_of_a_call_gives_its_frame_at_once() {
        let mut resampler = Streaming::new(8_000, 16_000).expect("supported rates");
        for _ in 0..10 {
            assert_eq!(resampler.push(&[5; 160]).len(), 320);
        }
        assert!(resampler.delay_us() < 5_000, "{} us", resampler.delay_us());
    }

    #[test]
    fn full_scale_clips_and_does_not_wrap() {
        let square: Vec<i16> = (0..800).map(|n| if n / 8 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let mut resampler = Streaming::new(8_000, 16_000).expect("supported rates");
        let out = resampler.push(&square);
        // Halfway through a half-wave the sign is the square's, whatever overshoots at its edges.
        let delay = 34;
        assert!(
            out[delay + 8 + 32 * 10..][..4].iter().all(|x| *x > 20_000),
            "{:?}",
            &out[delay + 320..][..32]
        );
    }

    #[test]
    fn rates_without_a_simple_ratio_are_refused() {
        for (from_hz, to_hz) in [(0, 8_000), (8_000, 3_999), (8_000, 192_001), (22_051, 8_000)] {
            assert_eq!(
                Streaming::new(from_hz, to_hz).err(),
                Some(UnsupportedRates { from_hz, to_hz }),
                "{from_hz} to {to_hz}"
            );
        }
    }
}
