//! The client against scripted peers: wiremock for the REST side, a WebSocket of our own for the events.
#![allow(clippy::unwrap_used, clippy::result_large_err)]

use futures_util::SinkExt;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use wiremock::matchers::{basic_auth, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::ids::PhoneNumber;

const CALL: &str = "0b7f2c1e-5d7c-4a53-9a55-2f6f1f0f7a10";

fn call() -> CallId {
    CallId(Uuid::try_parse(CALL).unwrap())
}

fn channels() -> serde_json::Value {
    json!([
        {"id": "1.0", "name": "PJSIP/other-1", "caller": {"name": "", "number": "101"}, "channelvars": {"CALL_UUID": ""}},
        {"id": "1.1", "name": "PJSIP/phone-2", "caller": {"name": "", "number": "+375291234567"},
         "connected": {"name": "", "number": ""}, "dialplan": {"context": "orderline", "exten": "100", "priority": 9},
         "channelvars": {"CALL_UUID": CALL, "CALL_LANG": "ru"}},
    ])
}

fn ari(base_url: &str) -> Ari {
    Ari::new(Settings {
        base_url: Some(base_url.into()),
        password: Some("word".into()),
        ..Settings::default()
    })
    .unwrap()
}

fn e164(identity: &Identity) -> Option<&str> {
    identity.number.number().map(PhoneNumber::e164)
}

const LONG: Duration = Duration::from_secs(5);

#[tokio::test]
async fn without_a_stream_the_listing_tells_who_calls() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/ari/channels"))
        .and(basic_auth("orderline", "word"))
        .respond_with(ResponseTemplate::new(200).set_body_json(channels()))
        .expect(1)
        .mount(&server)
        .await;
    let ari = ari(&server.uri());
    let identity = ari.caller_of(call(), LONG).await.unwrap();
    assert_eq!(e164(&identity), Some("+375291234567"));
    assert_eq!(identity.dialled.as_deref(), Some("100"));
    assert_eq!(identity.language, Some(crate::language::Language::Russian));
    // The second question is answered from the picture: the mock expects one request.
    assert_eq!(ari.caller_of(call(), LONG).await.unwrap(), identity);
    assert_eq!(ari.channel_of(call()).unwrap().as_str(), "1.1");
}

#[tokio::test]
async fn a_call_that_asterisk_does_not_know_is_said_so() {
    let server = MockServer::start().await;
    Mock::given(path("/ari/channels"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!([])))
        .mount(&server)
        .await;
    let error = ari(&server.uri()).caller_of(call(), LONG).await.unwrap_err();
    assert!(matches!(error, AriError::NoSuchChannel), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_told_with_the_setting_and_the_section() {
    let server = MockServer::start().await;
    Mock::given(path("/ari/asterisk/info")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let error = ari(&server.uri()).check().await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, AriError::Refused { .. }), "{text}");
    assert!(text.contains("ari.password") && text.contains("[orderline] of ari.conf"), "{text}");
    assert!(!text.contains("word\""), "{text}");
}

#[tokio::test]
async fn a_good_password_gives_the_version() {
    let server = MockServer::start().await;
    Mock::given(path("/ari/asterisk/info"))
        .and(query_param("only", "system"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({"system": {"version": "22.10.1", "entity_id": "x"}})),
        )
        .mount(&server)
        .await;
    assert_eq!(ari(&server.uri()).check().await.unwrap(), Version("22.10.1".into()));
}

#[tokio::test]
async fn a_call_without_ari_is_a_call_of_somebody_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let ari = ari(&format!("http://{address}"));
    assert!(matches!(ari.caller_of(call(), LONG).await, Err(AriError::Unreachable { .. })));
    assert_eq!(ari.identify(call()).await.number, PresentedNumber::Withheld);
    let off = Ari::new(Settings::default()).unwrap();
    assert!(matches!(off.caller_of(call(), LONG).await, Err(AriError::Off)));
    assert_eq!(off.identify(call()).await.number, PresentedNumber::Withheld);
}

#[tokio::test]
async fn a_slow_asterisk_costs_no_more_than_the_deadline() {
    let server = MockServer::start().await;
    Mock::given(path("/ari/channels"))
        .respond_with(ResponseTemplate::new(200).set_body_json(channels()).set_delay(Duration::from_secs(60)))
        .mount(&server)
        .await;
    let error = ari(&server.uri()).caller_of(call(), Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, AriError::TimedOut { deadline_ms: 50 }), "{error}");
}

#[tokio::test]
async fn answers_that_are_not_aris_are_told_and_survived() {
    let server = MockServer::start().await;
    Mock::given(path("/ari/channels"))
        .respond_with(ResponseTemplate::new(200).set_body_string("<html>"))
        .mount(&server)
        .await;
    Mock::given(path("/ari/asterisk/info"))
        .respond_with(ResponseTemplate::new(503).set_body_json(json!({"message": "Asterisk not booted"})))
        .mount(&server)
        .await;
    let ari = ari(&server.uri());
    assert!(matches!(ari.caller_of(call(), LONG).await, Err(AriError::Garbled { .. })));
    let text = ari.check().await.unwrap_err().to_string();
    assert!(text.contains("HTTP 503: Asterisk not booted"), "{text}");
}

#[tokio::test]
async fn variables_are_set_and_read_on_the_escaped_channel() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/ari/channels/a%2Fb/variable"))
        .and(query_param("variable", "NEXT"))
        .and(query_param("value", "operator"))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path("/ari/channels/a%2Fb/variable"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"value": "ru"})))
        .mount(&server)
        .await;
    let ari = ari(&server.uri());
    let channel: ChannelId = serde_json::from_value(json!("a/b")).unwrap();
    ari.set_variable(&channel, "NEXT", "operator").await.unwrap();
    assert_eq!(ari.variable(&channel, "CALL_LANG").await.unwrap().as_deref(), Some("ru"));
    let gone: ChannelId = serde_json::from_value(json!("gone")).unwrap();
    assert_eq!(ari.variable(&gone, "CALL_LANG").await.unwrap(), None);
}

/// One server for both sides, as Asterisk is: a listing on plain GET, events after an upgrade.
struct Pbx {
    listener: TcpListener,
    listing: serde_json::Value,
}

impl Pbx {
    async fn start(listing: serde_json::Value) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        (Self { listener, listing }, base)
    }

    /// Serves connections until a WebSocket is open, and gives that one back.
    async fn open(
        &self,
        uris: &mut Vec<String>,
    ) -> tokio_tungstenite::WebSocketStream<tokio::net::TcpStream> {
        loop {
            let (stream, _) = self.listener.accept().await.unwrap();
            let mut head = [0; 1024];
            let n = stream.peek(&mut head).await.unwrap();
            if String::from_utf8_lossy(&head[..n]).starts_with("GET /ari/events") {
                let mut note = |request: &Request, response: Response| {
                    uris.push(request.uri().to_string());
                    assert_eq!(request.headers()["authorization"], "Basic b3JkZXJsaW5lOndvcmQ=");
                    Ok(response)
                };
                return tokio_tungstenite::accept_hdr_async(stream, &mut note).await.unwrap();
            }
            self.list(stream).await;
        }
    }

    async fn list(&self, mut stream: tokio::net::TcpStream) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let body = self.listing.to_string();
        let answer =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    async fn serve_lists(&self) {
        loop {
            let (stream, _) = self.listener.accept().await.unwrap();
            self.list(stream).await;
        }
    }
}

#[tokio::test]
async fn an_event_names_the_caller_before_any_listing_does() {
    let (pbx, base) = Pbx::start(json!([])).await;
    let ari = ari(&base);
    let cancel = CancellationToken::new();
    let running = tokio::spawn(ari.clone().run(cancel.clone()));
    let mut uris = Vec::new();
    let mut socket = pbx.open(&mut uris).await;
    assert_eq!(uris, ["/ari/events?app=orderline&subscribeAll=true"]);
    // The client's own first listing: it is streaming now.
    let (stream, _) = pbx.listener.accept().await.unwrap();
    pbx.list(stream).await;
    let asked = {
        let ari = ari.clone();
        tokio::spawn(async move { ari.caller_of(call(), LONG).await })
    };
    // Not JSON, not an event, another event, and then the one.
    for text in ["{", "[]", r#"{"type":"DeviceStateChanged","device_state":{"name":"x"}}"#] {
        socket.send(Message::text(text)).await.unwrap();
    }
    let set = json!({"type": "ChannelVarset", "variable": "CALL_UUID", "value": CALL,
        "channel": {"id": "1.1", "name": "PJSIP/phone-2", "caller": {"name": "", "number": "80291234567"},
                    "dialplan": {"exten": "100"}, "channelvars": {}}});
    socket.send(Message::text(set.to_string())).await.unwrap();
    let identity = tokio::select! {
        asked = asked => asked.unwrap().unwrap(),
        () = pbx.serve_lists() => unreachable!("serves for ever"),
    };
    assert_eq!(e164(&identity), Some("+375291234567"));
    cancel.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_broken_stream_comes_back_with_a_fresh_picture() {
    let (pbx, base) = Pbx::start(channels()).await;
    let ari = ari(&base);
    let cancel = CancellationToken::new();
    let running = tokio::spawn(ari.clone().run(cancel.clone()));
    let mut uris = Vec::new();
    let first = pbx.open(&mut uris).await;
    drop(first);
    let second = pbx.open(&mut uris).await;
    assert_eq!(uris.len(), 2);
    let identity = tokio::select! {
        identity = ari.caller_of(call(), LONG) => identity.unwrap(),
        () = pbx.serve_lists() => unreachable!("serves for ever"),
    };
    assert_eq!(e164(&identity), Some("+375291234567"));
    cancel.cancel();
    running.await.unwrap();
    drop(second);
}
