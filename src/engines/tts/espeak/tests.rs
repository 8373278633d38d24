#![allow(clippy::unwrap_used)]

use tokio::sync::mpsc;

use super::*;
use crate::audio::Rate;
use crate::ids::RequestId;

fn asked(language: Language, text: &str) -> Synthesis {
    Synthesis { id: RequestId(7), language, text: text.into(), rate: Rate::HZ_8000 }
}

async fn heard(espeak: &Espeak, request: Synthesis) -> (Vec<i16>, Vec<Speech>) {
    let (inbox, mut outbox) = mpsc::channel(4);
    espeak.synthesize(request, CancellationToken::new(), inbox).unwrap();
    let (mut sound, mut rest) = (Vec::new(), Vec::new());
    while let Some(Input::Synthesized { id: RequestId(7), piece }) = outbox.recv().await {
        match piece {
            Speech::Chunk { samples } => sound.extend_from_slice(&samples),
            piece => rest.push(piece),
        }
    }
    (sound, rest)
}

async fn started(settings: Settings) -> Espeak {
    Espeak::start(settings, Handle::current()).await.unwrap()
}

/// A program in espeak-ng's place. A child writes it: a file open for writing here would be inherited by a process that
/// another test starts meanwhile, and could not be run.
fn stand_in(script: &str) -> (tempfile::TempPath, Settings) {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let written = std::process::Command::new("sh")
        .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh", script])
        .arg(&path)
        .status();
    assert!(written.unwrap().success());
    let settings = Settings { program: path.to_str().unwrap().into(), ..Settings::default() };
    (path, settings)
}

/// An engine over a program that its own start would refuse.
fn unchecked(settings: Settings) -> Espeak {
    Espeak {
        gate: Gate::new(settings.concurrent, settings.waiting),
        shared: Arc::new(Shared { settings, cache: SharedCache::new(Cache::of_kib(0)) }),
        runtime: Handle::current(),
    }
}

#[tokio::test]
async fn a_clause_becomes_sound_whose_first_frame_is_heard() {
    let espeak = started(Settings::default()).await;
    for (language, text) in [(Language::Russian, "Здравствуйте, слушаю вас."), (Language::English, "Hello.")]
    {
        let (sound, rest) = heard(&espeak, asked(language, text)).await;
        assert_eq!(rest, [Speech::Done]);
        assert!(sound.len() > 3000, "{} samples", sound.len());
        assert!(sound[..160].iter().any(|s| s.abs() > 100), "the first frame is silent");
    }
}

#[tokio::test]
async fn a_phrase_said_again_is_the_same_sound_from_the_cache() {
    let espeak = started(Settings::default()).await;
    let first = heard(&espeak, asked(Language::English, "One moment.")).await;
    espeak.shared.cache.get(&asked(Language::English, "One moment.")).unwrap();
    assert_eq!(heard(&espeak, asked(Language::English, "One moment.")).await, first);
}

#[tokio::test]
async fn words_that_look_like_options_or_phonemes_are_only_said() {
    let espeak = started(Settings::default()).await;
    let (sound, rest) = heard(&espeak, asked(Language::English, "-w /tmp/x [[h@l'oU]] $(id)")).await;
    assert_eq!(rest, [Speech::Done]);
    assert!(sound.len() > 8000);
}

#[tokio::test]
async fn a_missing_program_names_its_package() {
    let settings = Settings { program: "no-such-espeak".into(), ..Settings::default() };
    let error = Espeak::start(settings, Handle::current()).await.unwrap_err();
    assert!(matches!(error, EngineError::Program { package: "espeak-ng", .. }), "{error}");
    assert!(error.to_string().contains("install the package espeak-ng"), "{error}");
}

#[tokio::test]
async fn an_unknown_voice_is_refused_at_start() {
    let settings = Settings { voice_ru: "klingon-none".into(), ..Settings::default() };
    let error = Espeak::start(settings, Handle::current()).await.unwrap_err();
    assert!(matches!(error, EngineError::Voice { .. }), "{error}");
}

#[tokio::test]
async fn a_program_that_breaks_or_talks_no_wav_is_a_fault_of_the_engine() {
    for script in ["exit 3", "cat >/dev/null; head -c 100 /dev/zero", "cat /etc/hostname; exit 1"] {
        let (_path, settings) = stand_in(script);
        let (sound, rest) = heard(&unchecked(settings), asked(Language::English, "Hello.")).await;
        assert!(sound.is_empty());
        assert!(
            matches!(&rest[..], [Speech::Failed { fault: EngineFault::Broken { .. } }]),
            "{script}: {rest:?}"
        );
    }
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_at_the_deadline() {
    let (_path, settings) = stand_in("exec sleep 600");
    let espeak = unchecked(Settings { deadline_ms: 100, ..settings });
    let (_, rest) = heard(&espeak, asked(Language::English, "Hello.")).await;
    assert_eq!(rest, [Speech::Failed { fault: EngineFault::TimedOut }]);
}

#[tokio::test]
async fn a_cancelled_request_frees_its_place_and_answers_nothing() {
    let (_path, settings) = stand_in("exec sleep 600");
    let espeak = unchecked(Settings { concurrent: 1, waiting: 0, ..settings });
    let (inbox, mut outbox) = mpsc::channel(4);
    let cancel = CancellationToken::new();
    let request = asked(Language::English, "Hello.");
    espeak.synthesize(request.clone(), cancel.clone(), inbox.clone()).unwrap();
    assert_eq!(espeak.synthesize(request, cancel.clone(), inbox), Err(Full));
    cancel.cancel();
    assert!(outbox.recv().await.is_none());
    assert!(espeak.gate.enter().is_ok());
}

#[test]
fn settings_out_of_range_are_all_named() {
    let settings = Settings { pitch: 100, concurrent: 0, voice_en: "-x".into(), ..Settings::default() };
    let problems = settings.problems("speaking.espeak");
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].starts_with("speaking.espeak.pitch: expected 0 to 99, found 100"), "{problems:?}");
}

/// `cargo test -p orderline --lib espeak::tests::every_clause -- --nocapture` prints how soon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_clause_begins_to_sound_before_it_is_whole() {
    let espeak = started(Settings { cache_kib: 0, ..Settings::default() }).await;
    for (language, text) in [
        (
            Language::Russian,
            "Есть зимние шины Нокиан Хакапелита, четыре штуки стоят тридцать две тысячи рублей.",
        ),
        (
            Language::English,
            "We have winter tires, four of them cost three hundred and twenty dollars in all.",
        ),
    ] {
        let (mut firsts, mut wholes) = (Vec::new(), Vec::new());
        for _ in 0..20 {
            let (inbox, mut outbox) = mpsc::channel(64);
            let begun = std::time::Instant::now();
            espeak.synthesize(asked(language, text), CancellationToken::new(), inbox).unwrap();
            let first = outbox.recv().await.unwrap();
            assert!(matches!(first, Input::Synthesized { piece: Speech::Chunk { .. }, .. }), "{first:?}");
            firsts.push(begun.elapsed());
            while outbox.recv().await.is_some() {}
            wholes.push(begun.elapsed());
        }
        firsts.sort();
        wholes.sort();
        println!(
            "{language:?}: first chunk {:?} p95 {:?}, whole {:?} p95 {:?}",
            firsts[10], firsts[18], wholes[10], wholes[18]
        );
    }
}
