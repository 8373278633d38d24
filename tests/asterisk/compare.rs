//! Whether what a telephone heard is what was played to it: whole, in order, nothing missing, nothing twice.
//!
//! Both are cut into utterances and 20 ms frames. Each utterance of what was played is looked for where the one before
//! leads to expect it; there, each frame that carries sound must correlate. What was heard besides is told too.

use orderline::audio::Rate;

/// Samples in 20 ms.
const FRAME: usize = Rate::HZ_8000.frame_samples();
/// A frame below this root mean square is silence: -55 dBFS; A-law's own noise on silence is 8 (-72 dBFS).
const SILENT: f64 = 60.0;
/// A pause of this many frames parts two utterances.
const PAUSE: usize = 10;
/// What a frame's correlation must reach. A-law alone leaves 0.999; a resampler's half sample of delay takes speech to
/// about 0.95; another frame of speech gives 0.0 to 0.6.
const ALIKE: f64 = 0.9;

/// How an utterance was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// How many samples later it was heard.
    pub(crate) lag: i64,
    /// How alike the two are, 1 being the same.
    pub(crate) correlation: f64,
}

/// The outcome of a comparison.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) utterances: Vec<Found>,
    /// What is wrong, in words.
    pub(crate) faults: Vec<String>,
}

impl Report {
    /// The least alike utterance's correlation.
    pub(crate) fn worst(&self) -> f64 {
        self.utterances.iter().map(|found| found.correlation).fold(1.0, f64::min)
    }

    /// The largest difference between two utterances' lags, in milliseconds: what Asterisk and the telephone stretched.
    pub(crate) fn drift_ms(&self) -> f64 {
        let lags = self.utterances.iter().map(|found| found.lag);
        let span = lags.clone().max().unwrap_or(0) - lags.min().unwrap_or(0);
        span as f64 / 8.0
    }
}

/// Looks for all of `played` in `heard`, both 8 kHz. `most_lag` is how many samples later than played the first word may
/// be heard, or earlier.
pub(crate) fn compare(played: &[i16], heard: &[i16], most_lag: usize) -> Report {
    let mut report = Report { utterances: Vec::new(), faults: Vec::new() };
    let mut covered = vec![false; heard.len() / FRAME + 1];
    let mut lag = None;
    for (at, length) in utterances(played) {
        let wanted = &played[at..at + length];
        let around = lag.unwrap_or(0);
        // Asterisk and a jitter buffer may move an utterance by a few frames; the first may be anywhere near.
        let reach = if lag.is_some() { 6 * FRAME } else { most_lag };
        let found = find(wanted, heard, at as i64 + around, reach);
        let Some((begin, correlation)) = found.filter(|(_, c)| *c >= ALIKE / 2.0) else {
            report.faults.push(format!("the words played at {} were not heard", time(at)));
            continue;
        };
        lag = Some(begin - at as i64);
        report.utterances.push(Found { lag: begin - at as i64, correlation });
        let mut torn = Vec::new();
        for start in (0..length).step_by(FRAME) {
            let frame = &wanted[start..(start + FRAME).min(length)];
            let from = begin + start as i64;
            let other = slice(heard, from, frame.len());
            if let Some(other) = other {
                let marks = from as usize / FRAME..=(from as usize + frame.len() - 1) / FRAME;
                covered[marks].fill(true);
                if loudness(frame) < SILENT * 2.0 || alike(frame, other) >= ALIKE {
                    continue;
                }
            }
            torn.push(time(at + start));
        }
        if !torn.is_empty() {
            report.faults.push(format!(
                "{} frames of the words at {} differ: {}",
                torn.len(),
                time(at),
                torn.join(" ")
            ));
        }
    }
    let extra: Vec<_> = heard
        .chunks_exact(FRAME)
        .enumerate()
        .filter(|(n, frame)| loudness(frame) >= SILENT * 2.0 && !near(&covered, *n))
        .map(|(n, _)| time(n * FRAME))
        .collect();
    if !extra.is_empty() {
        report.faults.push(format!(
            "{} frames were heard that were not played: {}",
            extra.len(),
            extra.join(" ")
        ));
    }
    report
}

/// Whether a quarter of a second of these words, the loudest, is somewhere in what was heard.
pub(crate) fn contains(heard: &[i16], words: &[i16]) -> bool {
    let length = 2000;
    let loudest =
        words.chunks_exact(length).max_by_key(|part| energy(part)).expect("words of a second or more");
    heard.windows(length).any(|part| alike(loudest, part) >= ALIKE)
}

/// A resampler rings and a sound's edge falls between two frames: one frame aside still belongs.
fn near(covered: &[bool], n: usize) -> bool {
    covered[n.saturating_sub(1)..(n + 2).min(covered.len())].iter().any(|mark| *mark)
}

/// Begin and length of each stretch of sound.
pub(crate) fn utterances(samples: &[i16]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (n, frame) in samples.chunks_exact(FRAME).enumerate() {
        if loudness(frame) < SILENT {
            continue;
        }
        match found.last_mut() {
            Some((at, length)) if n * FRAME < *at + *length + PAUSE * FRAME => {
                *length = (n + 1) * FRAME - *at
            }
            _ => found.push((n * FRAME, FRAME)),
        }
    }
    found
}

/// Where in `heard` the words are most alike, within `reach` samples of `near`.
fn find(words: &[i16], heard: &[i16], near: i64, reach: usize) -> Option<(i64, f64)> {
    // The loudest half second says where; all of it then says how well.
    let probe = words.len().min(25 * FRAME);
    let from =
        (0..=words.len() - probe).step_by(FRAME).max_by_key(|from| energy(&words[*from..*from + probe]))?;
    let key = &words[from..from + probe];
    let reach = reach as i64;
    let best = |lags: &mut dyn Iterator<Item = i64>| {
        lags.filter_map(|begin| {
            slice(heard, begin + from as i64, probe).map(|other| (begin, alike(key, other)))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))
    };
    let (begin, _) = best(&mut (near - reach..=near + reach))?;
    // The end may be missing; what is there is compared.
    let there = (heard.len() as i64 - begin.max(0)).clamp(0, words.len() as i64) as usize;
    let other = slice(heard, begin.max(0), there)?;
    let skipped = (-begin).clamp(0, words.len() as i64) as usize;
    let words = &words[skipped..];
    let n = words.len().min(other.len());
    Some((begin, alike(&words[..n], &other[..n])))
}

fn slice(samples: &[i16], from: i64, length: usize) -> Option<&[i16]> {
    let from = usize::try_from(from).ok()?;
    samples.get(from..from + length)
}

/// The normalised correlation at zero lag.
fn alike(a: &[i16], b: &[i16]) -> f64 {
    let (mut ab, mut aa, mut bb) = (0i64, 0i64, 0i64);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (i64::from(*x), i64::from(*y));
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    if aa == 0 || bb == 0 { 0.0 } else { ab as f64 / ((aa as f64) * (bb as f64)).sqrt() }
}

fn energy(samples: &[i16]) -> i64 {
    samples.iter().map(|s| i64::from(*s) * i64::from(*s)).sum()
}

fn loudness(samples: &[i16]) -> f64 {
    (energy(samples) as f64 / samples.len().max(1) as f64).sqrt()
}

fn time(sample: usize) -> String {
    format!("{:.2}s", sample as f64 / 8000.0)
}

/// Sound that is like nothing but itself, in bursts as words are: smooth noise of a seeded generator.
pub(crate) fn words(seed: u64, seconds: usize) -> Vec<i16> {
    let mut state = seed | 1;
    let mut next = || {
        // Xorshift64 of Marsaglia 2003.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut samples = Vec::with_capacity(seconds * 8000);
    // Two poles at some 350 Hz: most of it below 1 kHz, as in speech, so that a resampler's half sample of delay matters
    // as little as it does to speech.
    let (mut smooth, mut smoother) = (0.0, 0.0);
    while samples.len() < seconds * 8000 {
        let (on, off) = (1600 + (next() % 6400) as usize, 2000 + (next() % 4000) as usize);
        for _ in 0..on {
            let noise = (next() >> 40) as f64 / f64::from(1 << 24) - 0.5;
            smooth += 0.25 * (noise - smooth);
            smoother += 0.25 * (smooth - smoother);
            samples.push((smoother * 32_000.0) as i16);
        }
        samples.extend(std::iter::repeat_n(0, off));
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(played: &[i16], heard: &[i16]) -> Vec<String> {
        compare(played, heard, 8000).faults
    }

    #[test]
    fn the_same_sound_later_is_the_same_sound() {
        let played = words(7, 5);
        let heard = [vec![8; 1234], played.clone(), vec![-8; 500]].concat();
        let report = compare(&played, &heard, 8000);
        assert_eq!(report.faults, Vec::<String>::new());
        assert_eq!((report.utterances[0].lag, report.drift_ms()), (1234, 0.0));
    }

    #[test]
    fn a_lost_frame_a_doubled_frame_and_a_foreign_word_are_found() {
        let played = words(7, 5);
        let (at, length) = utterances(&played)[1];
        let middle = at + length / 2 / FRAME * FRAME;
        let lost = [&played[..middle], &played[middle + FRAME..]].concat();
        let twice = [&played[..middle + FRAME], &played[middle..]].concat();
        let foreign = [played.clone(), vec![0; 4000], words(8, 1)].concat();
        let silent = [&played[..at], &vec![0; length], &played[at + length..]].concat();
        for heard in [lost, twice, foreign, silent] {
            assert_ne!(faults(&played, &heard), Vec::<String>::new());
        }
    }
}
