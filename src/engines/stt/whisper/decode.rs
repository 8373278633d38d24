//! One utterance through the network.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;
use whisper_rs::{FullParams, SamplingStrategy, WhisperError, WhisperState};

use super::{Model, Settings};
use crate::conversation::event::{EngineFault, Recognition, Transcript};
use crate::engines::EngineError;
use crate::language::Language;

/// Samples of one encoder position: 20 ms at 16 kHz.
const POSITION: usize = 320;
/// whisper.cpp hears nothing in less than 100 ms; twice that leaves the first word its onset.
const LEAST_SAMPLES: usize = 3200;
/// The last part of a window in which a cut is looked for when an utterance is longer than the model's window: 2 s.
const CUT_SAMPLES: usize = 32_000;
/// Positions of an ordinary model, and how many it needs at least; see [`Settings::least_audio_ctx`].
const ORDINARY: (u32, u32) = (1500, 512);
/// Words of hints given at most, in tokens: half of whisper.cpp's context is 224.
const HINT_TOKENS: usize = 160;

/// A state of the network and what steers it; one per thread.
pub struct Decoder {
    model: Arc<Model>,
    state: WhisperState,
    /// One set per language: whisper-rs keeps what `set_language` allocates for ever, so it is called once.
    russian: FullParams<'static, 'static>,
    english: FullParams<'static, 'static>,
    stop: Arc<Mutex<Stop>>,
    samples: Vec<f32>,
    least_audio_ctx: u32,
    hints: bool,
}

/// When the decoding that runs is to end early.
#[derive(Default)]
struct Stop {
    cancel: Option<CancellationToken>,
    deadline: Option<Instant>,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("model", &self.model).finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder over a loaded model.
    ///
    /// # Errors
    /// [`EngineError::Whisper`] where whisper.cpp has no memory for a state.
    pub fn new(model: Arc<Model>, settings: &Settings) -> Result<Self, EngineError> {
        let state = model.context.create_state().map_err(|error| EngineError::Whisper(error.to_string()))?;
        let stop = Arc::new(Mutex::new(Stop::default()));
        let ordinary = if model.n_audio_ctx == ORDINARY.0 { ORDINARY.1 } else { 0 };
        let least = if settings.least_audio_ctx == 0 { ordinary } else { settings.least_audio_ctx };
        Ok(Self {
            least_audio_ctx: least.min(model.n_audio_ctx),
            russian: params(Language::Russian, settings.threads, &stop),
            english: params(Language::English, settings.threads, &stop),
            hints: settings.hints,
            samples: Vec::new(),
            model,
            state,
            stop,
        })
    }

    /// Writes down an utterance.
    ///
    /// # Errors
    /// [`EngineFault::TimedOut`] past the deadline; [`EngineFault::Broken`] when cancelled or when whisper.cpp fails.
    pub fn decode(
        &mut self,
        job: &Recognition,
        cancel: &CancellationToken,
        deadline: Option<Instant>,
    ) -> Result<Transcript, EngineFault> {
        let began = Instant::now();
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) =
            Stop { cancel: Some(cancel.clone()), deadline };
        let heard = self.pieces(job);
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = Stop::default();
        match heard {
            Ok((text, language, confidence_permille)) => {
                let decode_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
                Ok(Transcript { text, language, confidence_permille, decode_ms })
            }
            Err(_) if deadline.is_some_and(|d| Instant::now() >= d) => Err(EngineFault::TimedOut),
            Err(error) => Err(EngineFault::Broken { detail: format!("whisper: {error}") }),
        }
    }

    fn pieces(&mut self, job: &Recognition) -> Result<(String, Language, u16), WhisperError> {
        let prompt = if self.hints { self.prompt(&job.hints) } else { Vec::new() };
        let window = self.model.n_audio_ctx as usize * POSITION;
        let mut language = job.language;
        let (mut texts, mut sum, mut tokens) = (Vec::new(), 0.0, 0);
        for piece in windows(&job.samples, window) {
            self.samples.clear();
            self.samples.extend(job.samples[piece].iter().map(|&s| f32::from(s) / 32768.0));
            if self.samples.len() < LEAST_SAMPLES {
                self.samples.resize(LEAST_SAMPLES, 0.0);
            }
            let spoken = match language {
                Some(language) => {
                    self.full(language, &prompt)?;
                    language
                }
                None => self.detect(&prompt)?,
            };
            language = Some(spoken);
            self.collect(&mut texts, &mut sum, &mut tokens);
        }
        let confidence = if tokens == 0 { 0.0 } else { 1000.0 * sum / f64::from(tokens) };
        // Between 0 and 1000: a mean of probabilities.
        Ok((texts.join(" "), language.unwrap_or_default(), confidence.round() as u16))
    }

    /// The network decodes as Russian, and once more if its encoder then finds English the likelier of the two. (Detection
    /// after a decoding sees exactly this utterance's positions; before, it would see those of the one before.)
    fn detect(&mut self, prompt: &[i32]) -> Result<Language, WhisperError> {
        self.full(Language::Russian, prompt)?;
        let (_, likely) = self.state.lang_detect(0, 1)?;
        let of = |language: Language| {
            let id = whisper_rs::get_lang_id(language.code()).and_then(|id| usize::try_from(id).ok());
            id.and_then(|id| likely.get(id)).copied().unwrap_or(0.0)
        };
        if of(Language::English) <= of(Language::Russian) {
            return Ok(Language::Russian);
        }
        self.full(Language::English, prompt)?;
        Ok(Language::English)
    }

    fn full(&mut self, language: Language, prompt: &[i32]) -> Result<(), WhisperError> {
        let params = match language {
            Language::Russian => &self.russian,
            Language::English => &self.english,
        };
        let mut params: FullParams<'_, '_> = params.clone();
        let needed = (self.samples.len() / POSITION + 16).next_multiple_of(16) as u32;
        let positions = needed.max(self.least_audio_ctx).min(self.model.n_audio_ctx);
        // At most 4096, checked in the header.
        params.set_audio_ctx(positions as i32);
        if !prompt.is_empty() {
            params.set_tokens(prompt);
        }
        self.state.full(params, &self.samples)
    }

    fn collect(&self, texts: &mut Vec<String>, sum: &mut f64, tokens: &mut u32) {
        let special = self.model.context.token_eot();
        for segment in self.state.as_iter() {
            let Ok(text) = segment.to_str_lossy() else { continue };
            let text = text.trim();
            if !text.is_empty() {
                texts.push(text.to_owned());
            }
            for token in (0..segment.n_tokens()).filter_map(|n| segment.get_token(n)) {
                if token.token_id() < special {
                    *sum += f64::from(token.token_probability());
                    *tokens += 1;
                }
            }
        }
    }

    fn prompt(&self, hints: &[String]) -> Vec<i32> {
        let text = hints.join(", ").replace('\0', " ");
        if text.is_empty() {
            return Vec::new();
        }
        let mut tokens = self.model.context.tokenize(&text, 1024).unwrap_or_default();
        tokens.truncate(HINT_TOKENS);
        tokens
    }
}

fn params(language: Language, threads: usize, stop: &Arc<Mutex<Stop>>) -> FullParams<'static, 'static> {
    let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
    params.set_n_threads(i32::try_from(threads).unwrap_or(1));
    params.set_language(Some(language.code()));
    params.set_no_timestamps(true);
    params.set_single_segment(true);
    params.set_no_context(true);
    params.set_temperature_inc(0.0);
    params.set_suppress_nst(true);
    params.set_print_progress(false);
    params.set_print_special(false);
    params.set_print_realtime(false);
    let stop = Arc::clone(stop);
    // whisper-rs 0.16 hands its callback a box of a box; the types only agree when the closure itself is given boxed.
    // It is never freed, so it is made once per decoder and told of each job through `stop`.
    let abort: Box<dyn FnMut() -> bool> = Box::new(move || {
        let stop = stop.lock().unwrap_or_else(PoisonError::into_inner);
        stop.cancel.as_ref().is_some_and(CancellationToken::is_cancelled)
            || stop.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    });
    params.set_abort_callback_safe::<_, Box<dyn FnMut() -> bool>>(abort);
    params
}

/// Cuts an utterance into pieces that fit the model's window, at the quietest 20 ms near each window's end.
fn windows(samples: &[i16], window: usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while samples.len() - start > window {
        let end = start + window;
        let from = end.saturating_sub(CUT_SAMPLES).max(start + window / 2);
        let loudness =
            |at: usize| samples[at..at + POSITION].iter().map(|s| u64::from(s.unsigned_abs())).sum::<u64>();
        let cut = (from..end - POSITION).step_by(POSITION).min_by_key(|&at| loudness(at)).unwrap_or(end);
        pieces.push(start..cut);
        start = cut;
    }
    pieces.push(start..samples.len());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_utterance_is_cut_in_its_quietest_place_and_nothing_is_lost() {
        let mut samples = vec![1000_i16; 30 * 16_000];
        samples[9 * 16_000..9 * 16_000 + 640].fill(3);
        let pieces = windows(&samples, 160_000);
        assert!(pieces[0].end.abs_diff(9 * 16_000) <= 640, "{pieces:?}");
        assert_eq!(pieces.iter().map(ExactSizeIterator::len).sum::<usize>(), samples.len());
        assert!(pieces.iter().all(|p| p.len() <= 160_000));
        assert!(pieces.windows(2).all(|p| p[0].end == p[1].start));
    }

    #[test]
    fn a_short_utterance_is_one_piece_even_when_empty() {
        assert_eq!(windows(&[], 160_000), vec![0..0; 1]);
        assert_eq!(windows(&[1; 160_000], 160_000), vec![0..160_000; 1]);
    }
}
