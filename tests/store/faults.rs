//! What must hold when requests come twice, at once or broken, and when the shop's world fails in the middle.

use orderline::postgres::Cluster;
use orderline::store::{self, EmailSettings, Settings, SmsSettings};
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::desk::{BUYER, Desk, Reply, TOKEN, basket, reply, until};

#[tokio::test]
async fn a_key_gives_the_same_answer_again_byte_for_byte() {
    let desk = Desk::open().await;
    let product = desk.product("кама 175 70 13").await;
    let first = desk.post("/api/v1/orders", "\"key-1\"", basket(BUYER, &product, 2)).await;
    // The same members in another order, the key bare.
    let body = format!(
        "{{\"call_id\":\"call-1\", \"source\":\"ai_agent\",\"customer_phone\":\"{BUYER}\",\"items\":[{{\"quantity\":2,\"product_id\":{}}}]}}",
        product["id"]
    );
    let request = desk.client.post(format!("{}/store/api/v1/orders", desk.base)).bearer_auth(TOKEN);
    let request =
        request.header("Idempotency-Key", "key-1").header("content-type", "application/json; charset=utf-8");
    let again = reply(request.body(body)).await;
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    for name in ["location", "etag", "content-type"] {
        assert_eq!(first.headers[name], again.headers[name]);
    }
    assert!(!first.headers.contains_key("idempotent-replayed"));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    desk.post("/api/v1/orders", "key-1", basket(BUYER, &product, 3))
        .await
        .refused(422, "idempotency-key-reused");
    assert_eq!(desk.count("select count(*) from orders.orders where state = 'draft'").await, 1);

    let no_key = desk.send(Method::POST, "/api/v1/orders", None, Some(basket(BUYER, &product, 2))).await;
    no_key.refused(400, "idempotency-key-missing");
    desk.post("/api/v1/orders", "a b", basket(BUYER, &product, 2))
        .await
        .refused(400, "idempotency-key-malformed");

    // A definite no is kept; what was not executed is not.
    let short = basket(BUYER, &product, 999);
    let refused = desk.post("/api/v1/orders", "key-2", short.clone()).await;
    let text = refused.text.clone();
    refused.refused(409, "out-of-stock");
    let again = desk.post("/api/v1/orders", "key-2", short).await;
    assert_eq!(
        (again.text.as_str(), &again.headers["idempotent-replayed"].to_str().unwrap()),
        (text.as_str(), &"true")
    );
    desk.post("/api/v1/orders", "key-3", json!({"items": []})).await.refused(422, "invalid-request");
    desk.post("/api/v1/orders", "key-3", basket(BUYER, &product, 2)).await.expect(201);

    // The fence below: a key that has been forgotten still makes no second order.
    desk.run("delete from orders.idempotency_keys").await;
    let id = first.json()["id"].clone();
    let late = desk.post("/api/v1/orders", "key-1", basket(BUYER, &product, 2)).await.expect(201);
    assert_eq!(late["id"], id);
    desk.close().await;
}

#[tokio::test]
async fn twenty_equal_requests_at_once_make_one_order() {
    let desk = Desk::open().await;
    let product = desk.product("кама 175 70 13").await;
    let body = basket(BUYER, &product, 1);
    let send = || async { desk.post("/api/v1/orders", "same", body.clone()).await };
    let replies = futures_util::future::join_all((0..20).map(|_| send())).await;
    let mut ids = Vec::new();
    for reply in replies {
        if reply.status == StatusCode::CONFLICT {
            assert_eq!(reply.headers["retry-after"], "1");
            reply.refused(409, "request-in-progress");
        } else {
            ids.push(reply.expect(201)["id"].as_str().unwrap().to_owned());
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(desk.count("select count(*) from orders.orders where source = 'ai_agent'").await, 1);
    desk.close().await;
}

#[tokio::test]
async fn the_last_four_tyres_are_sold_once() {
    let desk = Desk::open_with(|settings| settings.max_unpaid_orders = 100).await;
    desk.run("update stock.stock_items set on_hand = reserved + 10").await;
    let mut drafts = Vec::new();
    for _ in 0..6 {
        drafts.push(desk.ready(BUYER).await);
    }
    let replies = futures_util::future::join_all(drafts.iter().map(|id| desk.confirm(id))).await;
    let (sold, refused): (Vec<Reply>, Vec<Reply>) =
        replies.into_iter().partition(|r| r.status == StatusCode::OK);
    assert_eq!(sold.len(), 2, "ten pieces are enough for two orders of four");
    for reply in refused {
        let problem = reply.refused(409, "out-of-stock");
        assert_eq!(problem["errors"][0]["requested"], 4);
        assert_eq!(problem["errors"][0]["available"], 2);
    }
    assert_eq!(desk.count("select count(*) from stock.stock_items where reserved > on_hand").await, 0);
    assert_eq!(desk.count("select count(*) from stock.reservations where status = 'active'").await, 2 + 2);
    assert_eq!(desk.count("select count(*) from notify.notifications").await, 2);
    desk.close().await;
}

#[tokio::test]
async fn drafts_and_unpaid_orders_run_out() {
    let desk = Desk::open().await;
    let late = desk.ready(BUYER).await;
    desk.run("update orders.orders set expires_at = now() where state = 'draft'").await;
    desk.confirm(&late).await.refused(409, "expired");
    let online = desk.ready(BUYER).await;
    let body = json!({"payment_method": "online"});
    let pending = desk.post(&format!("/api/v1/orders/{online}/confirm"), "o", body).await.expect(200);
    assert_eq!(pending["status"], "pending_payment");
    assert!(pending["payment"]["pay_url"].as_str().unwrap().starts_with("https://pay.example/"));
    let sms: String =
        sqlx::query_scalar("select body from notify.notifications").fetch_one(&desk.pool).await.unwrap();
    assert!(sms.contains(pending["payment"]["pay_url"].as_str().unwrap()), "{sms}");
    desk.run("update stock.reservations set expires_at = now() where expires_at is not null").await;
    let gone = "select count(*) from orders.orders where state = 'cancelled' \
                and state_reason in ('draft_expired', 'payment_expired')";
    until(async || desk.count(gone).await == 2).await;
    assert_eq!(desk.count("select count(*) from stock.reservations where status = 'expired'").await, 1);
    desk.confirm(&late).await.refused(409, "expired");
    desk.confirm(&online).await.refused(409, "invalid-transition");
    desk.close().await;
}

#[tokio::test]
async fn messages_leave_again_and_again_until_the_gateway_takes_them() {
    use wiremock::matchers::body_string_contains;
    use wiremock::{Mock, MockServer, ResponseTemplate};
    let gateway = MockServer::start().await;
    let broken =
        Mock::given(body_string_contains(BUYER)).respond_with(ResponseTemplate::new(503)).expect(1..);
    let broken = broken.mount_as_scoped(&gateway).await;
    let url = gateway.uri();
    let desk = Desk::open_with(move |settings| {
        settings.sms = SmsSettings::Http {
            url,
            body: Some(r#"{"to":"{to}","text":"{text}","id":"{id}"}"#.into()),
            content_type: None,
            authorization: None,
            timeout_ms: 2000,
        };
    })
    .await;
    let id = desk.ready(BUYER).await;
    assert_eq!(desk.confirm(&id).await.expect(200)["sms_sent"], true);
    until(async || {
        desk.count("select count(*) from notify.notifications where error_message is not null").await == 1
    })
    .await;
    assert_eq!(desk.count("select count(*) from notify.notifications where status = 'queued'").await, 1);
    drop(broken);
    Mock::given(body_string_contains("принят"))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&gateway)
        .await;
    desk.run("update notify.notifications set next_attempt_at = now()").await;
    until(async || desk.count("select count(*) from notify.notifications where status = 'sent'").await == 1)
        .await;
    desk.close().await;
}

#[tokio::test]
async fn who_has_no_token_or_sends_nonsense_is_told_so() {
    let desk = Desk::open().await;
    let url = format!("{}/api/v1/pickup-points", desk.base);
    for token in [None, Some("wrong"), Some(""), Some("0123456789abcdef0123456789abcdeF")] {
        let mut request = desk.client.get(&url).header("x-request-id", "mine-1");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let refused = reply(request).await;
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        assert_eq!(refused.headers["x-request-id"], "mine-1");
        assert_eq!(refused.refused(401, "unauthorized")["request_id"], "mine-1");
    }
    let orders = format!("{}/api/v1/orders", desk.base);
    let post = |body: String, media: &str| {
        let request = desk.client.post(&orders).bearer_auth(TOKEN).header("Idempotency-Key", "x");
        reply(request.header("content-type", media.to_owned()).body(body))
    };
    post("{".into(), "application/json").await.refused(400, "bad-request");
    post("{\"a\":\"\u{0}\"}".into(), "application/json").await.refused(400, "bad-request");
    post("[".repeat(10_000), "application/json").await.refused(400, "bad-request");
    post("{}".into(), "text/plain").await.refused(415, "unsupported-media-type");
    post(format!("\"{}\"", "x".repeat(1 << 20)), "application/json").await.refused(413, "body-too-large");
    desk.get("/api/v1/nothing").await.refused(404, "not-found");
    desk.send(Method::DELETE, "/api/v1/orders", None, None).await.refused(405, "method-not-allowed");
    let health = reply(desk.client.get(format!("{}/ready", desk.base))).await;
    assert_eq!(health.expect(200)["status"], "ready");
    desk.close().await;
}

#[tokio::test]
async fn a_failure_between_effect_and_answer_leaves_nothing_behind() {
    let desk = Desk::open().await;
    let id = desk.ready(BUYER).await;
    // The very last write of the transaction fails.
    desk.run(
        "create function orders.fail() returns trigger language plpgsql as $$ begin raise 'broken'; end $$; \
         create trigger fail before insert on orders.idempotency_keys for each row execute function orders.fail()",
    )
    .await;
    let reserved = desk.count("select sum(reserved) from stock.stock_items").await;
    let confirm = format!("/api/v1/orders/{id}/confirm");
    let body = json!({"payment_method": "cash_on_delivery"});
    desk.post(&confirm, "once", body.clone()).await.refused(500, "internal");
    assert_eq!(desk.count("select sum(reserved) from stock.stock_items").await, reserved);
    assert_eq!(desk.count("select count(*) from notify.notifications").await, 0);
    assert_eq!(desk.get(&format!("/api/v1/orders/{id}")).await.expect(200)["status"], "draft");
    desk.run("drop trigger fail on orders.idempotency_keys").await;
    let retried = desk.post(&confirm, "once", body).await;
    assert!(!retried.headers.contains_key("idempotent-replayed"));
    assert_eq!(retried.expect(200)["status"], "confirmed");
    desk.close().await;
}

#[tokio::test]
async fn a_stopped_postgresql_is_a_503_and_then_it_goes_on() {
    let place = tempfile::tempdir().unwrap();
    std::fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let folder = place.path().join("pg");
    let cluster = Cluster::start(&folder).await.unwrap();
    let desk = Desk::open_on(&cluster, |_| {}).await;
    let product = desk.product("кама 175 70 13").await;
    cluster.stop().await;
    let down = desk.post("/api/v1/orders", "k", basket(BUYER, &product, 1)).await;
    assert_eq!(down.headers["retry-after"], "1");
    down.refused(503, "unavailable");
    desk.get("/api/v1/pickup-points").await.refused(503, "unavailable");
    reply(desk.client.get(format!("{}/ready", desk.base))).await.refused(503, "unavailable");
    let cluster = Cluster::start(&folder).await.unwrap();
    desk.post("/api/v1/orders", "k", basket(BUYER, &product, 1)).await.expect(201);
    desk.close().await;
    cluster.stop().await;
}

#[tokio::test]
async fn a_database_that_is_not_there_is_said_so_in_time() {
    let settings = Settings {
        database_url: "postgres://someone:hidden-password@127.0.0.1:1/shop".into(),
        token: TOKEN.into(),
        database_wait_ms: 300,
        ..Settings::default()
    };
    let error = store::connect(&settings).await.unwrap_err();
    assert!(matches!(error, store::StoreError::Unreachable { .. }));
    let said = format!("{error} {error:?}");
    assert!(said.contains("127.0.0.1:1/shop") && !said.contains("hidden-password"), "{said}");
    assert!(said.contains("refused"), "the reason is kept: {said}");

    let desk = Desk::open().await;
    let address = desk.settings.database_url.expose_secret().replace("/shop_", "/no_such_shop_");
    let settings = Settings { database_url: address.into(), ..desk.settings.clone() };
    let error = store::connect(&settings).await.unwrap_err();
    assert!(matches!(error, store::StoreError::Refused { .. }), "{error}");
    desk.close().await;
}

/// Plays a mail server for one letter; the whole conversation of the client.
async fn receive_letter(listener: tokio::net::TcpListener) -> String {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let (stream, _) = listener.accept().await.unwrap();
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 mail ready\r\n").await.unwrap();
    let (mut heard, mut in_letter) = (String::new(), false);
    while let Some(line) = lines.next_line().await.unwrap() {
        heard.push_str(&line);
        heard.push('\n');
        let answer = match (in_letter, line.as_str()) {
            (true, ".") => "250 queued\r\n",
            (true, _) => continue,
            (false, "DATA") => "354 go on\r\n",
            (false, _) => "250 fine\r\n",
        };
        in_letter = line == "DATA";
        writer.write_all(answer.as_bytes()).await.unwrap();
        if line == "." {
            break;
        }
    }
    heard
}

#[tokio::test]
async fn a_customer_with_an_address_gets_a_letter_too() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let smtp_url = format!("smtp://{}", listener.local_addr().unwrap());
    let letter = tokio::spawn(receive_letter(listener));
    let desk = Desk::open_with(move |settings| {
        let from = "Shop <orders@shop.example>".to_owned();
        settings.email = Some(EmailSettings { smtp_url: smtp_url.into(), from });
    })
    .await;
    desk.run("update identity.customers set email = 'anna@example.org'").await;
    let id = desk.ready(BUYER).await;
    let number = desk.confirm(&id).await.expect(200)["order_number"].as_str().unwrap().to_owned();
    let heard = letter.await.unwrap();
    assert!(heard.contains("RCPT TO:<anna@example.org>"), "{heard}");
    assert!(
        heard.contains("From: Shop <orders@shop.example>") || heard.contains("From: \"Shop\" <"),
        "{heard}"
    );
    let body: String = sqlx::query_scalar("select body from notify.notifications where channel = 'email'")
        .fetch_one(&desk.pool)
        .await
        .unwrap();
    assert!(body.contains(&number), "{body}");
    until(async || desk.count("select count(*) from notify.notifications where status = 'sent'").await == 2)
        .await;
    desk.close().await;
}
