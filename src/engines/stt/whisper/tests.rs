#![allow(clippy::unwrap_used)]

use std::io::Write;

use tokio::sync::mpsc;

use super::*;
use crate::conversation::event::Transcript;
use crate::ids::TurnId;
use crate::language::Language;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/stt-demo/ggml-tires-q5_0.bin");
const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/stt-demo/test/list.tsv");

fn settings() -> Settings {
    Settings { model: MODEL.into(), workers: 1, ..Settings::default() }
}

fn decoder() -> Decoder {
    Decoder::new(Arc::new(Model::load(Path::new(MODEL)).unwrap()), &settings()).unwrap()
}

fn utterance(samples: Vec<i16>, language: Option<Language>) -> Recognition {
    Recognition {
        turn: TurnId(3),
        revision: 2,
        samples: samples.into(),
        language,
        last: true,
        hints: Arc::new([]),
    }
}

/// A recording of the samples at 16 kHz, and its words.
fn recording(language: Language, n: usize) -> (Vec<i16>, String) {
    let list = std::fs::read_to_string(LIST).unwrap();
    let line = list.lines().filter(|l| l.split('\t').nth(1) == Some(language.code())).nth(n).unwrap();
    let mut fields = line.split('\t');
    let sound = crate::audio::wav::read(&Path::new(LIST).with_file_name(fields.next().unwrap())).unwrap();
    let mut resampler = crate::audio::resample::Streaming::new(sound.rate.0, 16_000).unwrap();
    (resampler.push(&sound.samples), fields.nth(1).unwrap().into())
}

fn decode(decoder: &mut Decoder, job: &Recognition) -> Transcript {
    decoder.decode(job, &CancellationToken::new(), None).unwrap()
}

#[test]
fn the_sample_callers_are_understood_in_both_languages() {
    let figures = super::super::wer::transcribe_list(&settings(), Path::new(LIST), false, |_| {}).unwrap();
    // Measured: 6.3 % and 4.0 %; the bound leaves room for another compiler's rounding.
    for (language, count) in &figures.by_language {
        assert!(count.wer_percent() < 9.0, "{language:?}: {count:?}");
        assert_eq!(count.sentences, 32);
    }
}

#[test]
fn the_language_is_found_out_when_none_is_given() {
    let mut decoder = decoder();
    for language in [Language::English, Language::Russian, Language::English] {
        let (samples, _) = recording(language, 2);
        let asked = decode(&mut decoder, &utterance(samples.clone(), Some(language)));
        let found = decode(&mut decoder, &utterance(samples, None));
        assert_eq!((found.language, &found.text), (language, &asked.text));
        assert!(found.confidence_permille > 500, "{found:?}");
    }
}

#[test]
fn sound_of_any_length_is_taken() {
    let mut decoder = decoder();
    for samples in [0, 1, 159, 1600, 3201, 16_000 * 25] {
        decode(&mut decoder, &utterance(vec![0; samples], Some(Language::Russian)));
    }
}

#[test]
fn two_utterances_longer_than_the_window_are_both_heard() {
    let mut decoder = decoder();
    let (first, words) = recording(Language::English, 2);
    let alone = decode(&mut decoder, &utterance(first.clone(), Some(Language::English))).text;
    let mut both = first.clone();
    both.resize(9 * 16_000, 0);
    both.extend(first);
    both.resize(12 * 16_000, 0);
    let text = decode(&mut decoder, &utterance(both, Some(Language::English))).text;
    assert!(text.starts_with(&alone) && text.ends_with(&alone), "{words}: {text}");
}

#[test]
fn a_cancelled_decoding_ends_early_and_the_next_one_is_whole() {
    let mut decoder = decoder();
    let (samples, _) = recording(Language::English, 2);
    let job = utterance(samples, Some(Language::English));
    let before = decode(&mut decoder, &job);
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert!(matches!(decoder.decode(&job, &cancel, None), Err(EngineFault::Broken { .. })));
    let late = decoder.decode(&job, &CancellationToken::new(), Some(Instant::now()));
    assert_eq!(late, Err(EngineFault::TimedOut));
    assert_eq!(decode(&mut decoder, &job).text, before.text);
}

#[tokio::test]
async fn answers_carry_the_turn_and_the_revision_and_cancelled_jobs_have_none() {
    let whisper = Whisper::start(&settings(), Handle::current()).unwrap();
    let (inbox, mut outbox) = mpsc::channel(1);
    let (samples, _) = recording(Language::Russian, 2);
    let unwanted = CancellationToken::new();
    unwanted.cancel();
    let job = utterance(samples, Some(Language::Russian));
    whisper.recognize(Recognition { revision: 1, ..job.clone() }, unwanted, inbox.clone()).unwrap();
    // The inbox has room for one: the second answer waits for it without holding the thread.
    whisper.recognize(job.clone(), CancellationToken::new(), inbox.clone()).unwrap();
    whisper.recognize(Recognition { revision: 3, ..job }, CancellationToken::new(), inbox).unwrap();
    for expected in [2, 3] {
        match outbox.recv().await.unwrap() {
            Input::Transcribed { turn: TurnId(3), revision, result: Ok(transcript) } => {
                assert_eq!(revision, expected);
                assert!(!transcript.text.is_empty());
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(outbox.recv().await.is_none());
}

#[tokio::test]
async fn a_model_that_is_missing_cut_or_something_else_is_refused_with_its_reason() {
    let missing = Settings { model: "no/such/model.bin".into(), ..settings() };
    let error = Whisper::start(&missing, Handle::current()).unwrap_err();
    assert!(
        matches!(&error, EngineError::Model(e) if matches!(e.problem, ModelProblem::Unreadable(_))),
        "{error}"
    );

    let whole = std::fs::read(MODEL).unwrap();
    for cut in [whole.len() - 1, whole.len() / 2, 80_000, 64_384, 300] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&whole[..cut]).unwrap();
        let settings = Settings { model: file.path().into(), ..settings() };
        let error = Whisper::start(&settings, Handle::current()).unwrap_err();
        assert!(error.to_string().contains("was not copied or downloaded whole"), "{cut}: {error}");
    }
}

#[test]
fn a_file_of_the_right_form_without_its_weights_is_refused_by_whisper_itself() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&model::tests::form()).unwrap();
    let error = Model::load(file.path()).unwrap_err();
    assert!(matches!(error.problem, ModelProblem::Refused(_)), "{error}");
}
