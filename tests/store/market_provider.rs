//! The provider's outbox: asked at least once, whoever dies, and a sandbox that calls only where it was told to.

use orderline::store::ProviderSettings;
use serde_json::json;
use wiremock::matchers::{any, header_exists, method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::desk::until;
use crate::market_desk::{Market, SECRET, sign};

const PHONE: &str = "+79051112233";

/// A marketplace whose sandbox calls back elsewhere.
async fn calling(server: &MockServer) -> Market {
    let callback_url = format!("{}/", server.uri());
    Market::open_with(|settings| {
        settings.pay.provider = Some(ProviderSettings::Sandbox { callback_url, think_ms: 1 });
    })
    .await
}

#[tokio::test]
async fn a_callback_is_repeated_until_it_is_heard_and_signed_each_time() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).up_to_n_times(2).mount(&server).await;
    Mock::given(method("POST"))
        .and(path_regex("^/api/v1/payments/[0-9a-f-]{36}/notify$"))
        .and(header_exists("x-orderline-signature"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let market = calling(&server).await;
    let buyer = market.buyer(PHONE, true).await;
    let (order, payment) = market.paying(&buyer, "tok_ok").await;
    until(async || server.received_requests().await.unwrap().len() == 3).await;
    for request in server.received_requests().await.unwrap() {
        let at: i64 = request.headers["x-orderline-timestamp"].to_str().unwrap().parse().unwrap();
        let body = String::from_utf8(request.body.clone()).unwrap();
        let signature = sign(SECRET, at, &payment, &body);
        assert_eq!(request.headers["x-orderline-signature"].to_str().unwrap(), signature);
        let word: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&word["status"], &word["orderId"]), (&json!("succeeded"), &json!(order)));
    }
    market.close().await;
}

#[tokio::test]
async fn a_callback_follows_no_redirect() {
    let server = MockServer::start().await;
    let market = calling(&server).await;
    let target = format!("{}/ready", market.desk.base);
    let elsewhere = ResponseTemplate::new(307).insert_header("location", target.as_str());
    Mock::given(any()).respond_with(elsewhere).expect(1).mount(&server).await;
    let buyer = market.buyer(PHONE, true).await;
    let (order, _) = market.paying(&buyer, "tok_ok").await;
    until(async || !server.received_requests().await.unwrap().is_empty()).await;
    assert_eq!(market.see(&buyer, &order).await["status"], "PAYMENT_PENDING");
    market.close().await;
}

#[tokio::test]
async fn what_a_killed_store_did_not_ask_is_asked_by_the_next_and_what_is_not_wanted_never() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let (wanted, _) = market.paying(&buyer, "tok_timeout").await;
    let (cancelled, payment) = market.paying(&buyer, "tok_timeout").await;
    until(async || {
        market.desk.count("select count(*) from pay.provider_calls where status = 'sent'").await == 2
    })
    .await;
    market.does(&buyer, &cancelled, "cancel", json!({"reason": "x"})).await.expect(200);
    // As a store leaves them that was killed after it had taken them: the lease has run out.
    market
        .desk
        .run("update pay.provider_calls set status = 'queued', source = 'tok_ok', next_attempt_at = now()")
        .await;
    market.until(&buyer, &wanted, "PAID").await;
    until(async || {
        market.desk.count("select count(*) from pay.provider_calls where status = 'failed'").await == 1
    })
    .await;
    let seen = market.get(&market.service, &format!("/api/v1/payments/{payment}")).await.expect(200);
    assert_eq!(seen["status"], "cancelled", "nobody was charged for what was cancelled");
    market.close().await;
}

#[tokio::test]
async fn a_refund_that_is_not_reported_is_asked_for_again() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(404)).mount(&server).await;
    let market = calling(&server).await;
    let buyer = market.buyer(PHONE, true).await;
    let (order, payment) = market.paying(&buyer, "tok_timeout").await;
    market.notify(&payment, "succeeded").await.expect(200);
    market.does(&buyer, &order, "cancel", json!({"reason": "x"})).await.expect(200);
    let attempts = "select coalesce(max(attempts), 0)::bigint from pay.provider_calls \
         where kind = 'refund' and status = 'sent'";
    until(async || market.desk.count(attempts).await == 1).await;
    market.desk.run("update pay.provider_calls set next_attempt_at = now() where kind = 'refund'").await;
    until(async || market.desk.count(attempts).await == 2).await;
    market.close().await;
}
