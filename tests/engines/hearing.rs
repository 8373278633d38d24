//! A transcription server's answers.

use std::sync::Arc;
use std::time::Duration;

use orderline::conversation::Input;
use orderline::conversation::event::{EngineFault, Recognition, Transcript};
use orderline::engines::Hearing;
use orderline::engines::stt::openai::{OpenAi, Settings};
use orderline::ids::TurnId;
use orderline::language::Language;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::openai::{Reply, ScriptedOpenAi};

async fn heard(settings: Settings, language: Option<Language>) -> Result<Transcript, EngineFault> {
    let engine = OpenAi::new(settings, Handle::current()).unwrap();
    let job = Recognition {
        turn: TurnId(2),
        revision: 3,
        samples: vec![7; 16_000].into(),
        language,
        last: true,
        hints: Arc::new(["Нокиан".to_owned(), "Мишлен".to_owned()]),
    };
    let (inbox, mut outbox) = mpsc::channel(1);
    engine.recognize(job, CancellationToken::new(), inbox).unwrap();
    match outbox.recv().await {
        Some(Input::Transcribed { turn: TurnId(2), revision: 3, result }) => result,
        other => panic!("{other:?}"),
    }
}

fn text(text: &str) -> Reply {
    Reply::body("application/json", format!("{{\"text\": \"{text}\", \"usage\": {{}}}}").into_bytes())
}

fn settings(server: &ScriptedOpenAi) -> Settings {
    Settings { url: server.url.clone(), deadline_ms: 20_000, ..Settings::default() }
}

#[tokio::test]
async fn an_utterance_goes_out_as_a_wav_with_its_hints_and_comes_back_as_text() {
    let server = ScriptedOpenAi::start().await;
    server.transcription(text(" Четыре шины. "));
    let transcript = heard(settings(&server), Some(Language::Russian)).await.unwrap();
    assert_eq!((transcript.text.as_str(), transcript.language), ("Четыре шины.", Language::Russian));
    let body = server.requests().remove(0).body;
    let form = String::from_utf8_lossy(&body);
    for part in [
        "name=\"file\"; filename=\"turn.wav\"",
        "RIFF",
        "WAVEfmt ",
        "Нокиан, Мишлен",
        "gpt-4o-mini-transcribe",
        "\r\nru\r\n",
    ] {
        assert!(form.contains(part), "{part}");
    }
}

#[tokio::test]
async fn without_a_language_it_is_told_by_the_letters() {
    let server = ScriptedOpenAi::start().await;
    server.transcription(text("four tires")).transcription(text("четыре шины"));
    assert_eq!(heard(settings(&server), None).await.unwrap().language, Language::English);
    assert_eq!(heard(settings(&server), None).await.unwrap().language, Language::Russian);
    assert!(!String::from_utf8_lossy(&server.requests()[0].body).contains("name=\"language\""));
}

#[tokio::test]
async fn a_busy_server_is_asked_once_more_and_a_dead_one_is_a_fault() {
    let server = ScriptedOpenAi::start().await;
    server.transcription(Reply::error(503)).transcription(text("да"));
    assert_eq!(heard(settings(&server), None).await.unwrap().text, "да");
    let server = ScriptedOpenAi::start().await;
    server.transcription(Reply::error(500));
    assert!(matches!(heard(settings(&server), None).await, Err(EngineFault::Broken { .. })));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_late_text_is_not_waited_for() {
    let server = ScriptedOpenAi::start().await;
    server.transcription(text("да").delayed(Duration::from_secs(600)));
    let settings = Settings { deadline_ms: 200, ..settings(&server) };
    assert_eq!(heard(settings, None).await, Err(EngineFault::TimedOut));
}
