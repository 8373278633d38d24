//! A speech server's sound.

use std::time::Duration;

use orderline::audio::Rate;
use orderline::conversation::Input;
use orderline::conversation::event::{EngineFault, Speech, Synthesis};
use orderline::engines::Speaking;
use orderline::engines::tts::openai::{OpenAi, Settings};
use orderline::ids::RequestId;
use orderline::language::Language;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::openai::{Reply, ScriptedOpenAi};

const FOREVER: Duration = Duration::from_secs(600);

fn settings(server: &ScriptedOpenAi) -> Settings {
    Settings {
        url: server.url.clone(),
        voice_ru: "ru-voice".into(),
        first_sound_ms: 20_000,
        ..Settings::default()
    }
}

fn engine(settings: Settings) -> OpenAi {
    OpenAi::new(settings, Handle::current()).unwrap()
}

/// Samples, pieces, and the last piece.
async fn spoken(engine: &OpenAi) -> (usize, usize, Speech) {
    let request = Synthesis {
        id: RequestId(4),
        language: Language::Russian,
        text: "Здравствуйте.".into(),
        rate: Rate::HZ_8000,
    };
    let (inbox, mut outbox) = mpsc::channel(4);
    engine.synthesize(request, CancellationToken::new(), inbox).unwrap();
    let (mut samples, mut pieces) = (0, 0);
    loop {
        match outbox.recv().await {
            Some(Input::Synthesized { id: RequestId(4), piece: Speech::Chunk { samples: chunk } }) => {
                samples += chunk.len();
                pieces += 1;
            }
            Some(Input::Synthesized { id: RequestId(4), piece }) => return (samples, pieces, piece),
            other => panic!("{other:?}"),
        }
    }
}

/// So much sound at 24 kHz.
fn sound(samples: usize) -> Vec<u8> {
    (0..samples).flat_map(|n| (if n / 40 % 2 == 0 { 8000_i16 } else { -8000 }).to_le_bytes()).collect()
}

#[tokio::test]
async fn raw_sound_torn_within_samples_comes_at_the_wire_rate() {
    let server = ScriptedOpenAi::start().await;
    server.speech(Reply::body("audio/pcm", sound(24_000)).torn(777));
    let engine = engine(settings(&server));
    let (samples, pieces, last) = spoken(&engine).await;
    assert_eq!(last, Speech::Done);
    assert!(samples.abs_diff(8000) < 40, "{samples}");
    assert!(pieces > 3);
    let body = server.requests().remove(0).json();
    assert_eq!((&body["voice"], &body["response_format"]), (&"ru-voice".into(), &"pcm".into()));
    // Said again, it comes from the cache.
    assert_eq!(spoken(&engine).await, (samples, 1, Speech::Done));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn the_first_frame_does_not_wait_for_the_rest() {
    let server = ScriptedOpenAi::start().await;
    server.speech(Reply::body("audio/pcm", sound(24_000)).torn(4800).pausing_after(1, FOREVER));
    let (samples, _, last) = spoken(&engine(Settings { deadline_ms: 500, ..settings(&server) })).await;
    assert_eq!((samples, last), (160, Speech::Failed { fault: EngineFault::TimedOut }));
}

#[tokio::test]
async fn what_is_no_sound_is_named() {
    for (kind, body) in [
        ("audio/mpeg", sound(100)),
        ("application/json", b"{}".to_vec()),
        ("audio/wav", b"RIFF....WAVEdata1234".to_vec()),
    ] {
        let server = ScriptedOpenAi::start().await;
        server.speech(Reply::body(kind, body));
        let (samples, _, last) = spoken(&engine(settings(&server))).await;
        assert_eq!(samples, 0);
        let named = |detail: &str| detail.contains(kind) || detail.contains("before its format");
        assert!(
            matches!(&last, Speech::Failed { fault: EngineFault::Broken { detail } } if named(detail)),
            "{last:?}"
        );
    }
}

#[tokio::test]
async fn a_broken_answer_is_asked_for_once_more_only_before_its_first_sound() {
    let server = ScriptedOpenAi::start().await;
    server.speech(Reply::error(500)).speech(Reply::body("", sound(2400)));
    assert_eq!(spoken(&engine(settings(&server))).await.2, Speech::Done);
    let server = ScriptedOpenAi::start().await;
    server.speech(Reply::body("audio/pcm", sound(24_000)).torn(4800).breaking_after(2));
    let (samples, _, last) = spoken(&engine(settings(&server))).await;
    assert!(samples > 0 && matches!(last, Speech::Failed { .. }), "{samples} {last:?}");
    assert_eq!(server.requests().len(), 1);
}
