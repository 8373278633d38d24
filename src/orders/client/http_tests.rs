//! The client against HTTP as it is on the wire, in real time with small limits.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;
use wiremock::matchers::{body_json, header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::ids::{PhoneNumber, RequestId};
use crate::orders::{Assent, Evidence, PaymentMethod};

const ORDER: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);

/// Limits that a loopback answer never meets, however busy the machine is.
fn settings(base_url: String) -> Settings {
    Settings {
        base_url,
        token: Some("a-token-of-the-tests".to_owned().into()),
        read_timeout_ms: 30_000,
        write_timeout_ms: 30_000,
        ..Settings::default()
    }
}

async fn act(client: &StoreClient, action: OrderAction) -> (ActionOutcome, Vec<Attempt>) {
    let key = action.mutates().then(|| Uuid::from_u128(7));
    let evidence = matches!(action, OrderAction::Confirm { .. }).then(|| Evidence {
        order_digest: String::new(),
        order_version: 3,
        read_back_digest: String::new(),
        assent: Assent::Keyed,
        read_back_ended_ms: 1,
        assent_began_ms: 2,
    });
    let request = ActionRequest { id: RequestId(1), action, key, evidence };
    let mut attempts = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    let outcome = client.perform(&request, CallId(Uuid::nil()), deadline, |a| attempts.push(a)).await;
    (outcome, attempts)
}

fn confirm() -> OrderAction {
    OrderAction::Confirm { order_id: ORDER, payment: PaymentMethod::Online, name: None }
}

fn placed() -> ResponseTemplate {
    // Raw text: the amount must come through as it is written.
    let body = format!(
        r#"{{"id":"{ORDER}","order_number":"ORD-1","status":"pending_payment","total":1500.10,"currency":"BYN",
            "sms_sent":true,"payment":{{"method":"online","pay_url":"https://pay.example/1"}},"new_field":[1]}}"#
    );
    ResponseTemplate::new(200).set_body_raw(body, "application/json")
}

/// A server that reads a request and writes these bytes, then closes; one connection for each.
async fn raw_server(answers: Vec<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let _ = socket.read(&mut buffer).await.unwrap();
            socket.write_all(answer.as_bytes()).await.unwrap();
            socket.shutdown().await.unwrap();
        }
    });
    url
}

#[tokio::test]
async fn a_confirmation_carries_token_key_and_version_and_is_read_to_the_kopeck() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(format!("/shop/api/v1/orders/{ORDER}/confirm")))
        .and(header("authorization", "Bearer a-token-of-the-tests"))
        .and(header("idempotency-key", Uuid::from_u128(7).to_string()))
        .and(header("if-match", "\"3\""))
        .and(body_json(json!({"payment_method": "online", "send_sms_confirmation": true})))
        .respond_with(placed().insert_header("Idempotent-Replayed", "true"))
        .expect(1)
        .mount(&server)
        .await;
    let client = StoreClient::new(settings(format!("{}/shop/", server.uri()))).unwrap();
    let (outcome, attempts) = act(&client, confirm()).await;
    let ActionOutcome::Confirmed { confirmation } = outcome else { panic!("{outcome:?}") };
    assert_eq!(confirmation.total.to_string(), "1500.10 BYN");
    assert_eq!(confirmation.pay_url.as_deref(), Some("https://pay.example/1"));
    let [Attempt { end: AttemptEnd::Answered { status: 200, replayed: true, body_sha256 }, .. }] =
        &attempts[..]
    else {
        panic!("{attempts:?}")
    };
    assert_eq!(body_sha256.len(), 64);
}

#[tokio::test]
async fn a_search_sends_the_callers_number_and_takes_none_found() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/api/v1/orders/search"))
        .and(query_param("phone", "+375291234567"))
        .and(query_param_is_missing("order_number"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"items": [], "total": 0})))
        .mount(&server)
        .await;
    let client = StoreClient::new(settings(server.uri())).unwrap();
    let phone = Some(PhoneNumber::try_from("+375291234567".to_owned()).unwrap());
    let (outcome, _) = act(&client, OrderAction::SearchOrders { phone, order_number: None }).await;
    assert_eq!(outcome, ActionOutcome::Orders { orders: Vec::new() });
}

#[tokio::test]
async fn the_catalogue_and_a_delivery_quote_are_read() {
    let server = MockServer::start().await;
    Mock::given(path("/api/v1/products"))
        .and(query_param("q", "лампа & co"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"items": [
            {"id": ORDER, "name": "Lamp", "price": "9.90", "currency": "EUR", "stock": 4, "attributes": null}]})))
        .mount(&server)
        .await;
    Mock::given(path("/api/v1/delivery/calculate"))
        .and(query_param("delivery_type", "pickup"))
        .respond_with(ResponseTemplate::new(200).set_body_json(
            json!({"delivery_type": "pickup", "city": "Минск", "cost": 0, "estimated_days": {"min": 1, "max": 2}}),
        ))
        .mount(&server)
        .await;
    let client = StoreClient::new(settings(server.uri())).unwrap();
    let products = client.products(Some("лампа & co"), client.deadline()).await.unwrap();
    assert_eq!(products[0].price.to_string(), "9.90 EUR");
    let pickup = Delivery::Pickup { pickup_point_id: ORDER, city: "Минск".to_owned() };
    let quote = client.calculate_delivery(ORDER, &pickup, client.deadline()).await.unwrap();
    assert_eq!((quote.cost.minor, quote.days_max), (0, 2));
}

#[tokio::test]
async fn a_store_that_is_silent_once_is_asked_again() {
    let server = MockServer::start().await;
    let silent = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
    Mock::given(method("POST")).respond_with(silent).up_to_n_times(1).with_priority(1).mount(&server).await;
    Mock::given(method("POST")).respond_with(placed()).with_priority(2).mount(&server).await;
    let client = StoreClient::new(Settings { write_timeout_ms: 1_000, ..settings(server.uri()) }).unwrap();
    let (outcome, attempts) = act(&client, confirm()).await;
    assert!(matches!(outcome, ActionOutcome::Confirmed { .. }), "{outcome:?}");
    assert!(matches!(attempts[0].end, AttemptEnd::Lost { .. }), "{attempts:?}");
}

#[tokio::test]
async fn nobody_listening_is_known_as_never_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = StoreClient::new(settings(url)).unwrap();
    let (outcome, attempts) = act(&client, confirm()).await;
    assert_eq!(outcome, ActionOutcome::Unavailable { reason: Unavailable::Store });
    assert!(attempts.iter().all(|a| matches!(a.end, AttemptEnd::NotSent { .. })), "{attempts:?}");
}

#[tokio::test]
async fn a_connection_closed_after_the_request_and_a_torn_body_leave_it_unknown() {
    let torn = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"id\":";
    for answers in [vec!["", "", ""], vec![torn, torn, torn], vec!["nonsense\r\n\r\n", "", torn]] {
        let client = StoreClient::new(settings(raw_server(answers).await)).unwrap();
        let (outcome, attempts) = act(&client, confirm()).await;
        assert_eq!(outcome, ActionOutcome::Unknown, "{attempts:?}");
        assert_eq!(attempts.len(), 3);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = MockServer::start().await;
    Mock::given(method("GET")).respond_with(placed()).expect(0).mount(&target).await;
    let server = MockServer::start().await;
    let away = ResponseTemplate::new(307).insert_header("Location", target.uri());
    Mock::given(method("GET")).respond_with(away).expect(1).mount(&server).await;
    let client = StoreClient::new(settings(server.uri())).unwrap();
    let (outcome, _) = act(&client, OrderAction::OrderDetails { order_id: ORDER }).await;
    assert_eq!(outcome, ActionOutcome::Unavailable { reason: Unavailable::Store });
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let server = MockServer::start().await;
    let flood = ResponseTemplate::new(200).set_body_string("x".repeat(100_000));
    Mock::given(method("GET")).respond_with(flood).mount(&server).await;
    let settings = Settings { max_body_bytes: 4096, ..settings(server.uri()) };
    let client = StoreClient::new(settings).unwrap();
    let (outcome, attempts) = act(&client, OrderAction::OrderDetails { order_id: ORDER }).await;
    assert_eq!(outcome, ActionOutcome::Unavailable { reason: Unavailable::Store });
    assert!(format!("{attempts:?}").contains("at most 4096 bytes"), "{attempts:?}");
}

#[tokio::test]
async fn neither_the_token_nor_the_callers_number_is_told_by_errors() {
    let client = StoreClient::new(settings(raw_server(vec!["", "", ""]).await)).unwrap();
    let phone = Some(PhoneNumber::try_from("+375291234567".to_owned()).unwrap());
    let (_, attempts) = act(&client, OrderAction::SearchOrders { phone, order_number: None }).await;
    let told = format!("{attempts:?} {client:?}");
    assert!(!told.contains("291234567") && !told.contains("a-token"), "{told}");
}
