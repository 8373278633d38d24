//! A streaming band-limited converter between any two rates.
//!
//! One windowed-sinc filter per output phase. Everything above the lower of the two Nyquist frequencies is at least
//! 70 dB down, so that an s at 22,050 Hz does not fold back as a hiss at 8,000.

/// Zero crossings of the sinc on each side. 24 with a Blackman window: a transition band of about a tenth of Nyquist.
const CROSSINGS: usize = 24;
/// The pass band as a share of the lower Nyquist frequency. Chosen so that the stop band begins at Nyquist.
const CUTOFF: f64 = 0.9;

/// Mono, 16 bit.
#[derive(Debug)]
pub(super) struct Resampler {
    up: usize,
    down: usize,
    taps: usize,
    /// `up` filters of `taps` weights.
    bank: Vec<f32>,
    /// Source samples that a coming output may need.
    history: Vec<f32>,
    /// The phase of the next output within the sample at the filter's first tap.
    phase: usize,
    taken: u64,
    given: u64,
}

impl Resampler {
    pub(super) fn new(from: u32, to: u32) -> Self {
        let divisor = gcd(from, to);
        let (up, down) = ((to / divisor) as usize, (from / divisor) as usize);
        let narrow = CUTOFF * (f64::from(to) / f64::from(from)).min(1.0);
        let half = (CROSSINGS as f64 / narrow).ceil();
        let taps = 2 * half as usize;
        let mut bank = Vec::with_capacity(up * taps);
        for phase in 0..up {
            let start = bank.len();
            for tap in 0..taps {
                // Where this tap lies from the output's own time, in source samples.
                let at = tap as f64 - (half - 1.0) - phase as f64 / up as f64;
                bank.push((sinc(at * narrow) * blackman(at / half)) as f32);
            }
            let sum: f32 = bank[start..].iter().sum();
            bank[start..].iter_mut().for_each(|w| *w /= sum);
        }
        // The first output falls on the first source sample: the taps before it see silence.
        Self { up, down, taps, bank, history: vec![0.0; half as usize - 1], phase: 0, taken: 0, given: 0 }
    }

    /// Takes source samples and gives what can be given.
    pub(super) fn push(&mut self, samples: &[i16], out: &mut Vec<i16>) {
        self.taken += samples.len() as u64;
        self.history.extend(samples.iter().map(|&s| f32::from(s)));
        self.give(out, u64::MAX);
    }

    /// Gives the rest: as many outputs in all as the source's length is worth.
    pub(super) fn finish(&mut self, out: &mut Vec<i16>) {
        let total = (self.taken * self.up as u64).div_ceil(self.down as u64);
        self.history.extend(std::iter::repeat_n(0.0, self.taps));
        self.give(out, total);
    }

    fn give(&mut self, out: &mut Vec<i16>, total: u64) {
        let mut first = 0;
        while first + self.taps <= self.history.len() && self.given < total {
            let filter = &self.bank[self.phase * self.taps..][..self.taps];
            let sum: f32 = filter.iter().zip(&self.history[first..]).map(|(w, s)| w * s).sum();
            out.push(sum.round().clamp(-32768.0, 32767.0) as i16);
            self.given += 1;
            self.phase += self.down;
            first += self.phase / self.up;
            self.phase %= self.up;
        }
        let first = first.min(self.history.len());
        self.history.drain(..first);
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x == 0.0 { 1.0 } else { x.sin() / x }
}

/// The window over -1 to 1.
fn blackman(x: f64) -> f64 {
    if x.abs() >= 1.0 {
        return 0.0;
    }
    let x = x * std::f64::consts::PI;
    0.42 + 0.5 * x.cos() + 0.08 * (2.0 * x).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate: u32, samples: usize) -> Vec<i16> {
        (0..samples)
            .map(|n| (20_000.0 * (std::f64::consts::TAU * hz * n as f64 / f64::from(rate)).sin()) as i16)
            .collect()
    }

    fn convert(from: u32, to: u32, sound: &[i16], piece: usize) -> Vec<i16> {
        let mut resampler = Resampler::new(from, to);
        let mut out = Vec::new();
        sound.chunks(piece).for_each(|c| resampler.push(c, &mut out));
        resampler.finish(&mut out);
        out
    }

    fn level(sound: &[i16]) -> f64 {
        let sum: f64 = sound.iter().map(|&s| f64::from(s).powi(2)).sum();
        20.0 * ((sum / sound.len() as f64).sqrt() / 14_142.0).log10()
    }

    #[test]
    fn speech_passes_and_what_would_fold_back_is_gone() {
        for (from, to) in [(22_050, 8000), (22_050, 16_000), (24_000, 8000), (24_000, 16_000), (48_000, 8000)]
        {
            let kept = convert(from, to, &tone(1000.0, from, from as usize), 441);
            assert_eq!(kept.len(), to as usize);
            assert!(level(&kept).abs() < 0.2, "{from} to {to}: {}", level(&kept));
            let above = f64::from(to) * 0.5 + 300.0;
            let folded = convert(from, to, &tone(above, from, from as usize), 441);
            let middle = &folded[folded.len() / 4..folded.len() * 3 / 4];
            assert!(level(middle) < -60.0, "{from} to {to}: {}", level(middle));
        }
    }

    #[test]
    fn torn_input_gives_the_same_sound() {
        let sound = tone(700.0, 22_050, 5000);
        assert_eq!(convert(22_050, 8000, &sound, 5000), convert(22_050, 8000, &sound, 7));
    }

    #[test]
    fn a_tone_keeps_its_place_in_time() {
        let out = convert(8000, 16_000, &tone(500.0, 8000, 800), 160);
        let same = tone(500.0, 16_000, 1600);
        for n in 100..1500 {
            assert!((i32::from(out[n]) - i32::from(same[n])).abs() < 200, "sample {n}");
        }
    }
}
