//! NotificationApi, with real peers behind it.

use orderline::store::{self, Role, SmsSettings};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;
use wiremock::matchers::body_string_contains;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::desk::{BUYER, Desk, Reply, TOKEN, reply, until};
use crate::identity::{ask_as, register, text};
use crate::mail::MailServer;

async fn service(desk: &Desk) -> String {
    let token = store::make_token(&desk.pool, Role::Service, "shop", None, None).await.unwrap();
    token.token.expose_secret().to_owned()
}

async fn send(desk: &Desk, token: &str, body: Value) -> Reply {
    ask_as(desk, token, Method::POST, "notifications/send", Some(body)).await
}

/// What became of a message, once it is this.
async fn becomes(desk: &Desk, token: &str, id: &str, status: &str) -> Value {
    let path = format!("notifications/{id}");
    let look = async || ask_as(desk, token, Method::GET, &path, None).await.expect(200);
    until(async || look().await["status"] == status).await;
    look().await
}

fn cancelled(channel: &str, to: &str) -> Value {
    json!({"channel": channel, "to": to, "template": "order_cancelled", "variables": {"orderNumber": "ORD-1"}})
}

#[tokio::test]
async fn an_sms_is_queued_leaves_by_the_gateway_and_says_so() {
    let gateway = MockServer::start().await;
    Mock::given(body_string_contains(BUYER)).respond_with(ResponseTemplate::new(200)).mount(&gateway).await;
    Mock::given(body_string_contains("+79990000000"))
        .respond_with(ResponseTemplate::new(400))
        .mount(&gateway)
        .await;
    let url = gateway.uri();
    let desk = Desk::open_with(move |settings| {
        settings.sms = SmsSettings::Http {
            url,
            body: Some(r#"{"to":"{to}","text":"{text}"}"#.into()),
            content_type: None,
            authorization: None,
            timeout_ms: 2000,
        };
    })
    .await;
    let token = service(&desk).await;
    let answer = send(&desk, &token, cancelled("sms", "+7 (916) 123-45-67")).await;
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let queued = answer.expect(202);
    let id = text(&queued, "notificationId");
    assert_eq!(queued, json!({"notificationId": id, "status": "queued"}));
    assert_eq!(location, format!("/api/v1/notifications/{id}"));
    let sent = becomes(&desk, &token, id, "sent").await;
    let expected = json!({
        "notificationId": id, "status": "sent", "channel": "sms", "to": BUYER, "template": "order_cancelled",
        "createdAt": sent["createdAt"],
    });
    assert_eq!(sent, expected);
    let heard = gateway.received_requests().await.unwrap();
    let heard: Value = serde_json::from_slice(&heard[0].body).unwrap();
    assert_eq!(heard, json!({"to": BUYER, "text": "Заказ ORD-1 отменён."}));

    let mut english = cancelled("sms", BUYER);
    english["variables"]["language"] = "en".into();
    let key = |body: &Value| {
        let request =
            desk.client.post(format!("{}/api/v1/notifications/send", desk.base)).bearer_auth(&token);
        reply(request.header("Idempotency-Key", "once").json(body))
    };
    let first = key(&english).await.expect(202);
    assert_eq!(key(&english).await.expect(202), first, "one key, one message");
    key(&cancelled("sms", BUYER)).await.refused(422, "idempotency-key-reused");
    becomes(&desk, &token, text(&first, "notificationId"), "sent").await;
    let heard = gateway.received_requests().await.unwrap();
    assert!(String::from_utf8_lossy(&heard[1].body).contains("Order ORD-1 is cancelled."));
    assert_eq!(heard.len(), 2);

    let refused = send(&desk, &token, cancelled("sms", "+79990000000")).await.expect(202);
    let failed = becomes(&desk, &token, text(&refused, "notificationId"), "failed").await;
    assert!(text(&failed, "errorMessage").contains("400"), "{failed}");
    desk.close().await;
}

#[tokio::test]
async fn a_letter_leaves_by_smtp_is_tried_again_or_given_up() {
    let mail = MailServer::start().await;
    let desk = Desk::open_with(|settings| mail.serve(settings)).await;
    let token = service(&desk).await;
    let mut letter = cancelled("email", "Anna@Example.org");
    letter["variables"]["language"] = "ru".into();
    mail.say("451 not now");
    let id = text(&send(&desk, &token, letter.clone()).await.expect(202), "notificationId").to_owned();
    let path = format!("notifications/{id}");
    let look = async || ask_as(&desk, &token, Method::GET, &path, None).await.expect(200);
    until(async || look().await["errorMessage"].is_string()).await;
    let waiting = look().await;
    assert_eq!((&waiting["status"], &waiting["to"]), (&json!("queued"), &json!("anna@example.org")));
    mail.say("250 fine");
    desk.run("update notify.notifications set next_attempt_at = now()").await;
    let sent = becomes(&desk, &token, &id, "sent").await;
    assert!(sent["errorMessage"].is_null(), "{sent}");
    let letters = mail.letters();
    assert_eq!((letters.len(), letters[0].to.as_str()), (1, "anna@example.org"));
    assert_eq!(letters[0].text.trim(), "Заказ ORD-1 отменён.");
    assert!(letters[0].head.contains(&format!("Message-ID: <{id}@orderline>")), "{}", letters[0].head);

    mail.say("550 no such mailbox");
    let id = text(&send(&desk, &token, letter).await.expect(202), "notificationId").to_owned();
    let failed = becomes(&desk, &token, &id, "failed").await;
    assert!(text(&failed, "errorMessage").contains("550"), "{failed}");
    desk.close().await;
}

#[tokio::test]
async fn only_the_shops_own_programmes_have_messages_sent() {
    let desk = Desk::open().await;
    let registered = register(&desk, "anna@example.org").await;
    let unknown = format!("notifications/{}", Uuid::new_v4());
    for (token, status, code) in [
        (TOKEN, 403, "forbidden"),
        (text(&registered, "accessToken"), 403, "forbidden"),
        ("nonsense", 401, "unauthorized"),
    ] {
        send(&desk, token, cancelled("sms", BUYER)).await.refused(status, code);
        ask_as(&desk, token, Method::GET, &unknown, None).await.refused(status, code);
    }
    let admin = store::make_token(&desk.pool, Role::Admin, "a", None, None).await.unwrap();
    let admin = admin.token.expose_secret();
    send(&desk, admin, cancelled("sms", BUYER)).await.expect(202);
    ask_as(&desk, admin, Method::GET, &unknown, None).await.refused(404, "not-found");
    ask_as(&desk, admin, Method::GET, "notifications/x", None).await.refused(404, "not-found");
    assert_eq!(desk.count("select count(*) from notify.notifications").await, 1);
    desk.close().await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_by_what_is_wrong_with_it() {
    let desk = Desk::open().await;
    let token = service(&desk).await;
    let long = "x".repeat(10_000);
    for (pointer, change) in [
        ("/channel", json!({"channel": "fax"})),
        ("/to", json!({"to": "anna@example.org"})),
        ("/to", json!({"to": ""})),
        ("/to", json!({"to": "+7\u{0}9161234567"})),
        ("/to", json!({"to": long})),
        ("/to", json!({"channel": "email"})),
        ("/to", json!({"channel": "email", "to": "anna@example.org\r\nBcc: all@example.org"})),
        ("/template", json!({"template": "order_lost"})),
        ("/template", json!({"template": long})),
        ("/variables/orderNumber", json!({"variables": {}})),
        ("/variables/orderNumber", json!({"variables": {"orderNumber": "a\u{0}"}})),
        ("/variables/orderNumber", json!({"variables": {"orderNumber": long}})),
        ("/variables/price", json!({"variables": {"orderNumber": "ORD-1", "price": "1"}})),
        ("/variables", json!({"variables": []})),
    ] {
        let mut body = cancelled("sms", BUYER);
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = send(&desk, &token, body).await;
        let code = if pointer == "/template" { "unknown-template" } else { "invalid-request" };
        assert_eq!(refused.refused(422, code)["errors"][0]["pointer"], pointer, "{change}");
    }
    let mut more = cancelled("sms", BUYER);
    more["from"] = "me".into();
    send(&desk, &token, more).await.refused(422, "invalid-request");
    send(&desk, &token, cancelled("email", "anna@example.org")).await.refused(503, "not-configured");
    assert_eq!(desk.count("select count(*) from notify.notifications").await, 0);
    desk.close().await;
}

#[tokio::test]
async fn a_secret_is_not_kept_once_it_has_left() {
    let desk = Desk::open().await;
    let token = service(&desk).await;
    for (template, variables) in
        [("verification_code", json!({"code": "402817"})), ("password_reset", json!({"token": "402817"}))]
    {
        let body = json!({"channel": "sms", "to": BUYER, "template": template, "variables": variables});
        let id = text(&send(&desk, &token, body).await.expect(202), "notificationId").to_owned();
        becomes(&desk, &token, &id, "sent").await;
    }
    send(&desk, &token, cancelled("sms", BUYER)).await.expect(202);
    let readable = "select count(*) from notify.notifications n where n::text like '%402817%'";
    assert_eq!(desk.count(readable).await, 0);
    assert_eq!(desk.count("select count(*) from notify.notifications where body <> ''").await, 1);
    desk.close().await;
}

#[tokio::test]
async fn the_document_names_every_path_of_identity_and_notifications() {
    let desk = Desk::open().await;
    let document = reply(desk.client.get(format!("{}/market/openapi.json", desk.base))).await.expect(200);
    let paths = document["paths"].as_object().unwrap();
    for (method, path) in [
        ("post", "auth/register/email"),
        ("post", "auth/register/phone"),
        ("post", "auth/login/email"),
        ("post", "auth/login/phone"),
        ("post", "auth/refresh"),
        ("post", "auth/logout"),
        ("post", "auth/verify/email/send"),
        ("post", "auth/verify/email/confirm"),
        ("post", "auth/verify/phone/send"),
        ("post", "auth/verify/phone/confirm"),
        ("post", "auth/password/change"),
        ("post", "auth/password/reset/request"),
        ("post", "auth/password/reset/confirm"),
        ("get", "users/me"),
        ("patch", "users/me"),
        ("post", "notifications/send"),
        ("get", "notifications/{notificationId}"),
    ] {
        let operation = &paths[&format!("/api/v1/{path}")][method];
        assert!(operation["responses"]["503"].is_object(), "{method} {path}: {operation}");
        assert!(operation["responses"]["429"].is_object(), "{method} {path}");
    }
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    desk.close().await;
}
