//! A language model's answers, torn, late, broken and strange.

use std::sync::Arc;
use std::time::Duration;

use orderline::conversation::Input;
use orderline::conversation::event::{Briefing, Completion, EngineFault, Message, Thought};
use orderline::engines::llm::Shop;
use orderline::engines::llm::fallback::Fallback;
use orderline::engines::llm::openai::{OpenAi, Settings};
use orderline::engines::{Full, Inbox, Thinking};
use orderline::ids::RequestId;
use orderline::language::Language;
use orderline::orders::ToolName;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::openai::{Reply, ScriptedOpenAi, delta, finish};

/// Longer than any deadline of these tests.
const FOREVER: Duration = Duration::from_secs(600);

fn settings(server: &ScriptedOpenAi) -> Settings {
    Settings {
        url: server.url.clone(),
        model: "scripted".into(),
        // Never reached on a slow machine; the tests of a deadline set their own.
        first_token_ms: 20_000,
        stall_ms: 20_000,
        deadline_ms: 60_000,
        ..Settings::default()
    }
}

fn engine(settings: Settings) -> OpenAi {
    let shop = Shop { ru: "Шины".into(), en: "Tires".into() };
    OpenAi::new(settings, shop, Handle::current()).unwrap()
}

fn asked() -> Completion {
    Completion {
        id: RequestId(5),
        language: Language::Russian,
        briefing: Briefing::default(),
        history: vec![
            Message::Agent { text: "Здравствуйте!".into() },
            Message::Caller { text: "мне нужны зимние шины".into() },
        ],
        tools: vec![ToolName::FindProducts],
    }
}

async fn pieces(thinking: &dyn Thinking) -> Vec<Thought> {
    let (inbox, mut outbox) = mpsc::channel(4);
    thinking.complete(asked(), CancellationToken::new(), inbox).unwrap();
    let mut pieces = Vec::new();
    while let Some(Input::Completed { id: RequestId(5), piece }) = outbox.recv().await {
        pieces.push(piece);
    }
    pieces
}

async fn answer(server: &ScriptedOpenAi) -> Vec<Thought> {
    pieces(&engine(settings(server))).await
}

fn words(pieces: &[Thought]) -> String {
    pieces
        .iter()
        .filter_map(|piece| if let Thought::Delta { text } = piece { Some(text.as_str()) } else { None })
        .collect()
}

fn call(call_ref: &str, tool: &str, arguments: &str) -> Thought {
    Thought::ToolCall { call_ref: call_ref.into(), tool: tool.into(), arguments: arguments.into() }
}

fn failure(pieces: &[Thought]) -> &EngineFault {
    match pieces.last() {
        Some(Thought::Failed { fault }) => fault,
        other => panic!("expected a failure, found {other:?}"),
    }
}

#[tokio::test]
async fn words_come_as_they_are_written_and_the_request_is_what_servers_expect() {
    let server = ScriptedOpenAi::start().await;
    server.chat(Reply::words(&["Да, ", "есть ", "зимние."]));
    let mut settings = settings(&server);
    settings.api_key = Some("secret-key".into());
    settings.temperature = Some(0.5);
    settings.extra.insert("seed".into(), json!(7));
    let pieces = pieces(&engine(settings)).await;
    assert_eq!(words(&pieces), "Да, есть зимние.");
    assert_eq!(pieces.len(), 4);
    assert_eq!(pieces.last(), Some(&Thought::Done));

    let request = server.requests().remove(0);
    assert_eq!(request.authorization.as_deref(), Some("Bearer secret-key"));
    let body = request.json();
    assert_eq!(
        (&body["stream"], &body["temperature"], &body["seed"]),
        (&json!(true), &json!(0.5), &json!(7))
    );
    assert_eq!(body["tools"][0]["type"], "function");
    assert_eq!(body["tools"][0]["function"]["name"], "find_products");
    let roles: Vec<_> =
        body["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user"]);
    assert!(body["messages"][0]["content"].as_str().unwrap().contains("Шины"));
}

#[tokio::test]
async fn a_stream_torn_at_every_byte_even_within_a_letter_is_put_together() {
    let events = [
        delta(json!({"role": "assistant", "content": "Сейчас."})),
        delta(
            json!({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "find_products", "arguments": ""}}]}),
        ),
        delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"query\":\"зим"}}]})),
        delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": "ние\"}"}}]})),
        finish("tool_calls"),
    ];
    for size in [1, 2, 3, 7, 100] {
        let server = ScriptedOpenAi::start().await;
        server.chat(Reply::events(&events).torn(size));
        let pieces = answer(&server).await;
        assert_eq!(words(&pieces), "Сейчас.", "{size}");
        let expected = [call("c1", "find_products", "{\"query\":\"зимние\"}"), Thought::Done];
        assert_eq!(pieces[pieces.len() - 2..], expected, "{size}");
    }
}

#[tokio::test]
async fn calls_without_ids_get_their_own() {
    let server = ScriptedOpenAi::start().await;
    let bare = |name: &str| delta(json!({"tool_calls": [{"function": {"name": name, "arguments": "{}"}}]}));
    server.chat(Reply::events(&[bare("find_products"), bare("get_order_status"), finish("stop")]));
    let pieces = answer(&server).await;
    assert_eq!(
        pieces,
        [
            call("c00000500", "find_products", "{}"),
            call("c00000501", "get_order_status", "{}"),
            Thought::Done
        ]
    );
}

#[tokio::test]
async fn an_unknown_tool_and_arguments_that_are_no_json_are_passed_on_as_they_are() {
    let server = ScriptedOpenAi::start().await;
    server
        .chat(Reply::calls(&[], &[("give_discount", "{\"percent\":90}"), ("find_products", "{\"query\":")]));
    let expected = [
        call("call_0", "give_discount", "{\"percent\":90}"),
        call("call_1", "find_products", "{\"query\":"),
        Thought::Done,
    ];
    assert_eq!(answer(&server).await, expected);
}

#[tokio::test]
async fn an_answer_without_done_is_whole_and_one_without_a_finish_reason_is_not() {
    let server = ScriptedOpenAi::start().await;
    server.chat(Reply::words(&["Да."]).ending_after(2)).chat(Reply::words(&["Да."]).ending_after(1));
    assert_eq!(answer(&server).await.last(), Some(&Thought::Done));
    let pieces = answer(&server).await;
    assert_eq!(words(&pieces), "Да.");
    assert!(matches!(failure(&pieces), EngineFault::Broken { .. }));
}

#[tokio::test]
async fn a_busy_or_broken_server_is_asked_once_more() {
    for reply in [
        Reply::error(429),
        Reply::error(500),
        Reply::error(503),
        Reply::words(&[]),
        Reply::body("text/html", b"<html>".to_vec()),
    ] {
        let server = ScriptedOpenAi::start().await;
        server.chat(reply.clone()).chat(Reply::words(&["Да."]));
        let pieces = answer(&server).await;
        assert_eq!((words(&pieces).as_str(), pieces.last()), ("Да.", Some(&Thought::Done)), "{reply:?}");
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_server_that_stays_broken_is_not_asked_a_third_time() {
    let server = ScriptedOpenAi::start().await;
    server.chat(Reply::error(500));
    let pieces = answer(&server).await;
    assert!(
        matches!(failure(&pieces), EngineFault::Broken { detail } if detail.contains("500")),
        "{pieces:?}"
    );
    assert_eq!((pieces.len(), server.requests().len()), (1, 2));
}

#[tokio::test]
async fn a_refused_request_is_not_asked_again() {
    let server = ScriptedOpenAi::start().await;
    server.chat(Reply::error(401));
    let pieces = answer(&server).await;
    assert!(
        matches!(failure(&pieces), EngineFault::Broken { detail } if detail.contains("401")),
        "{pieces:?}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_fault() {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", unused.local_addr().unwrap());
    drop(unused);
    let pieces = pieces(&engine(Settings { url, ..Settings::default() })).await;
    assert!(matches!(failure(&pieces), EngineFault::Broken { .. }), "{pieces:?}");
}

#[tokio::test]
async fn a_late_first_word_is_not_waited_for() {
    let server = ScriptedOpenAi::start().await;
    server
        .chat(Reply::words(&["Да."]).delayed(FOREVER))
        .chat(Reply::words(&["Да."]).pausing_after(0, FOREVER))
        .chat(Reply::words(&["<think>", "Да."]).pausing_after(1, FOREVER));
    for _ in 0..3 {
        let settings = Settings { first_token_ms: 200, ..settings(&server) };
        assert_eq!(pieces(&engine(settings)).await, [Thought::Failed { fault: EngineFault::TimedOut }]);
    }
}

#[tokio::test]
async fn an_answer_that_stalls_or_breaks_off_fails_after_what_was_said() {
    let server = ScriptedOpenAi::start().await;
    server
        .chat(Reply::words(&["Да, ", "есть."]).pausing_after(1, FOREVER))
        .chat(Reply::words(&["Да, ", "есть."]).breaking_after(1));
    let settings = Settings { stall_ms: 200, ..settings(&server) };
    let stalled = pieces(&engine(settings.clone())).await;
    assert_eq!((words(&stalled).as_str(), failure(&stalled)), ("Да, ", &EngineFault::TimedOut));
    let broken = pieces(&engine(settings)).await;
    assert_eq!(words(&broken), "Да, ");
    assert!(matches!(failure(&broken), EngineFault::Broken { .. }));
    assert_eq!(server.requests().len(), 2, "what was said is not said again");
}

#[tokio::test]
async fn an_error_within_the_stream_is_a_fault() {
    let server = ScriptedOpenAi::start().await;
    server.chat(Reply::events(&[
        delta(json!({"content": "Да"})),
        json!({"error": {"message": "out of memory"}}),
    ]));
    let pieces = answer(&server).await;
    assert!(matches!(failure(&pieces), EngineFault::Broken { detail } if detail.contains("out of memory")));
}

#[tokio::test]
async fn a_cancelled_request_closes_its_connection_and_says_nothing_more() {
    let server = ScriptedOpenAi::start().await;
    server.chat(Reply::words(&["Да, ", "есть."]).pausing_after(1, FOREVER));
    let engine = engine(settings(&server));
    let (inbox, mut outbox) = mpsc::channel(4);
    let cancel = CancellationToken::new();
    engine.complete(asked(), cancel.clone(), inbox).unwrap();
    assert!(matches!(outbox.recv().await, Some(Input::Completed { piece: Thought::Delta { .. }, .. })));
    cancel.cancel();
    assert!(outbox.recv().await.is_none());
}

#[tokio::test]
async fn a_full_engine_refuses() {
    let server = ScriptedOpenAi::start().await;
    server.chat(Reply::words(&["Да."]).delayed(FOREVER));
    let engine = engine(Settings { concurrent: 1, waiting: 1, ..settings(&server) });
    let (inbox, _outbox) = mpsc::channel(4);
    let cancel = CancellationToken::new();
    for _ in 0..2 {
        engine.complete(asked(), cancel.clone(), inbox.clone()).unwrap();
    }
    assert_eq!(engine.complete(asked(), cancel.clone(), inbox), Err(Full));
    cancel.cancel();
}

/// In the rules' place.
#[derive(Debug)]
struct Rules;

impl Thinking for Rules {
    fn complete(&self, request: Completion, _cancel: CancellationToken, inbox: Inbox) -> Result<(), Full> {
        for piece in [Thought::Delta { text: "По правилам.".into() }, Thought::Done] {
            inbox.try_send(Input::Completed { id: request.id, piece }).map_err(|_| Full)?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn the_rules_take_over_a_dead_model_which_is_soon_not_asked_any_more() {
    let server = ScriptedOpenAi::start().await;
    server.chat(Reply::error(401));
    let model = Arc::new(engine(settings(&server)));
    let thinking = Fallback::new(model, Arc::new(Rules), ("openai", "rules"), Handle::current());
    for _ in 0..5 {
        let pieces = pieces(&thinking).await;
        assert!(
            matches!(&pieces[0], Thought::FellBack { from, to, .. } if from == "openai" && to == "rules")
        );
        assert_eq!((words(&pieces).as_str(), pieces.last()), ("По правилам.", Some(&Thought::Done)));
    }
    assert_eq!(server.requests().len(), 3, "the breaker opens after three failures");
}

#[tokio::test]
async fn the_rules_go_on_where_a_stream_broke_off_and_half_a_clause_is_not_said() {
    let server = ScriptedOpenAi::start().await;
    server.chat(Reply::words(&["Есть две модели. Первая сто", "ит"]).breaking_after(2));
    let model = Arc::new(engine(settings(&server)));
    let thinking = Fallback::new(model, Arc::new(Rules), ("openai", "rules"), Handle::current());
    assert_eq!(words(&pieces(&thinking).await), "Есть две модели.\nПо правилам.");
}
