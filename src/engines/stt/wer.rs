//! How well a model hears: a list of recordings, decoded exactly as calls are, against what was said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::whisper::{Decoder, Model, Settings};
use crate::audio::Rate;
use crate::audio::resample::{Streaming, UnsupportedRates};
use crate::audio::wav::{self, WavError};
use crate::conversation::event::{EngineFault, Recognition};
use crate::engines::EngineError;
use crate::ids::TurnId;
use crate::language::Language;

/// Why no figures could be made.
#[derive(Debug, thiserror::Error)]
pub enum WerError {
    /// The model cannot be used.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The list cannot be read.
    #[error("{} cannot be read", path.display())]
    List { path: PathBuf, source: std::io::Error },
    /// A line of the list is not one.
    #[error("{} line {line}: expected file, ru or en, and the words, with tabs between; found {found:?}", path.display())]
    Line { path: PathBuf, line: usize, found: String },
    /// A recording cannot be read.
    #[error(transparent)]
    Wav(#[from] WavError),
    /// A recording's rate is out of reach.
    #[error(transparent)]
    Rate(#[from] UnsupportedRates),
    /// The engine gave no text.
    #[error("{file}: {fault:?}")]
    Fault { file: String, fault: EngineFault },
}

/// One recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// As the list names it.
    pub file: String,
    /// What was spoken, and as which language it was heard.
    pub language: (Language, Language),
    pub said: String,
    pub understood: String,
    /// Words put in, left out or changed, and words said.
    pub errors: usize,
    pub words: usize,
    pub confidence_permille: u16,
    pub took: Duration,
}

/// The figures of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// By language: wrong words, words, sentences wholly right, sentences.
    pub by_language: BTreeMap<Language, Count>,
    /// Decoding times, ascending.
    pub took: Vec<Duration>,
    /// Sound decoded.
    pub sound: Duration,
}

/// Figures of one language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub errors: usize,
    pub words: usize,
    pub right: usize,
    pub sentences: usize,
}

impl Count {
    /// Word error rate in percent.
    pub fn wer_percent(self) -> f64 {
        if self.words == 0 { 0.0 } else { 100.0 * self.errors as f64 / self.words as f64 }
    }
}

impl Figures {
    /// The decoding time that so many percent of the recordings stayed under.
    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.took.len().saturating_sub(1);
        self.took.get((self.took.len() * percent / 100).min(last)).copied().unwrap_or_default()
    }
}

/// Decodes every recording of a list (`file<TAB>language<TAB>words`, files relative to the list).
///
/// `detect` leaves the language to the model.
///
/// # Errors
/// [`WerError`], at the first recording that cannot be decoded.
pub fn transcribe_list(
    settings: &Settings,
    list: &Path,
    detect: bool,
    mut each: impl FnMut(&Heard),
) -> Result<Figures, WerError> {
    let model = Model::load(&settings.model).map_err(EngineError::from)?;
    let mut decoder = Decoder::new(Arc::new(model), settings)?;
    let text =
        std::fs::read_to_string(list).map_err(|source| WerError::List { path: list.to_owned(), source })?;
    let folder = list.parent().unwrap_or(Path::new(""));
    let mut figures = Figures::default();
    for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let mut fields = line.split('\t');
        let (Some(file), Some(language), Some(said)) =
            (fields.next(), fields.next().and_then(parse), fields.next())
        else {
            return Err(WerError::Line { path: list.to_owned(), line: n + 1, found: line.into() });
        };
        let samples = at_16k(wav::read(&folder.join(file))?)?;
        figures.sound += Duration::from_micros(samples.len() as u64 * 1_000_000 / 16_000);
        let recognition = Recognition {
            turn: TurnId(1),
            revision: 1,
            samples: samples.into(),
            language: (!detect).then_some(language),
            last: true,
            hints: Arc::new([]),
        };
        let began = Instant::now();
        let transcript = decoder
            .decode(&recognition, &CancellationToken::new(), None)
            .map_err(|fault| WerError::Fault { file: file.into(), fault })?;
        let took = began.elapsed();
        let (said_words, understood_words) = (words(said), words(&transcript.text));
        let heard = Heard {
            file: file.into(),
            language: (language, transcript.language),
            errors: distance(&said_words, &understood_words),
            words: said_words.len(),
            said: said.into(),
            understood: transcript.text,
            confidence_permille: transcript.confidence_permille,
            took,
        };
        let count = figures.by_language.entry(language).or_default();
        count.errors += heard.errors;
        count.words += heard.words;
        count.right += usize::from(heard.errors == 0);
        count.sentences += 1;
        figures.took.push(took);
        each(&heard);
    }
    figures.took.sort();
    Ok(figures)
}

/// As a call's sound reaches the recogniser.
fn at_16k(sound: wav::Sound) -> Result<Vec<i16>, UnsupportedRates> {
    let mut resampler = Streaming::new(sound.rate.0, Rate::HZ_16000.0)?;
    let mut samples = resampler.push(&sound.samples);
    samples.extend(resampler.finish());
    Ok(samples)
}

fn parse(code: &str) -> Option<Language> {
    Language::ALL.into_iter().find(|language| language.code() == code)
}

/// Lower case, without punctuation, ё as е: models differ in these and nobody is misunderstood for it.
fn words(text: &str) -> Vec<String> {
    let plain: String = text
        .to_lowercase()
        .replace('ё', "е")
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    plain.split_whitespace().map(str::to_owned).collect()
}

/// Levenshtein's distance in words.
fn distance(said: &[String], understood: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=understood.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in understood.iter().enumerate() {
            let changed = diagonal + usize::from(word != other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[understood.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_put_in_left_out_and_changed_each_count_once() {
        let of = |said: &str, understood: &str| distance(&words(said), &words(understood));
        assert_eq!(of("да, всё верно", "Да все верно."), 0);
        assert_eq!(of("one two three", "one three"), 1);
        assert_eq!(of("one two", "one too two"), 1);
        assert_eq!(of("one two", "won two"), 1);
        assert_eq!(of("", "noise"), 1);
        assert_eq!(of("said", ""), 1);
    }
}
