//! The light bulb store's statuses from outside: who may, what is answered, what the history says.

use chrono::{DateTime, Utc};
use orderline::store::Role;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::desk::{BUYER, Desk, Reply, TOKEN, reply};
use crate::passport::{self, Passports, ask};

/// The requirement's table, to the letter.
pub(crate) const STATUSES: [(&str, &str, &str, &str); 6] = [
    ("f7661699-0081-4b93-b227-f51c2a188936", "NEW", "Новый", "Заказ создан"),
    (
        "d5ee11b3-2dc2-4eeb-81fd-ebeeb7fa35cd",
        "PENDING_PAYMENT",
        "Ожидает оплаты",
        "Заказ ожидает подтверждения оплаты",
    ),
    ("e87d2783-d80f-4a42-a7e4-a7302f6b7510", "PROCESSING", "В обработке", "Заказ принят к обработке"),
    ("823f3c37-200e-4a7c-9466-84ea031e3af3", "SHIPPED", "Отправлен", "Заказ отправлен"),
    ("823d75db-b9c6-4f58-a2f0-1bbc294cc910", "DELIVERED", "Доставлен", "Заказ доставлен"),
    ("0a455718-3182-4366-a857-94ada249ed11", "CANCELLED", "Отменен", "Заказ отменен"),
];

/// The id of a status.
pub(crate) fn id_of(code: &str) -> &'static str {
    STATUSES.iter().find(|status| status.1 == code).unwrap().0
}

/// An administrator of a shop.
pub(crate) struct Admin {
    pub(crate) desk: Desk,
    pub(crate) token: String,
}

impl Admin {
    pub(crate) async fn open() -> Self {
        let desk = Desk::open_with(|settings| settings.max_unpaid_orders = 1000).await;
        let token = passport::token(&desk, Role::Admin).await;
        Self { desk, token }
    }

    pub(crate) async fn put(&self, order: &str, body: &Value) -> Reply {
        let path = format!("/admin/orders/{order}/status");
        ask(&self.desk, Some(&self.token), Method::PUT, &path, Some(body)).await
    }

    pub(crate) async fn to(&self, order: &str, code: &str) -> Reply {
        self.put(order, &json!({"status_id": id_of(code)})).await
    }

    pub(crate) async fn history(&self, order: &str) -> Vec<Value> {
        let path = format!("/api/v1/orders/{order}/history");
        let rows = ask(&self.desk, Some(&self.token), Method::GET, &path, None).await.expect(200);
        rows.as_array().unwrap().clone()
    }

    /// A confirmed order of four pieces, to be paid at the door.
    pub(crate) async fn order(&self) -> String {
        let id = self.desk.ready(BUYER).await;
        self.desk.confirm(&id).await.expect(200);
        id
    }
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_answer_to_a_move_is_the_order_whole_and_the_caller_hears_of_it_next() {
    let admin = Admin::open().await;
    let id = admin.order().await;
    let before = admin.desk.get(&format!("/api/v1/orders/{id}")).await.expect(200);
    let body = json!({
        "status_id": id_of("SHIPPED"),
        "actor_details": "Admin: admin@lightbulbstore.com",
        "notes": "Заказ передан в службу доставки. Трек-номер: RU123456789",
    });
    let moved = admin.put(&id, &body).await;
    assert_eq!(moved.headers["etag"], "\"4\"");
    assert!(moved.text.contains("\"total_amount\":36350.00"), "{}", moved.text);
    let order = moved.expect(200);
    let expected = json!({
        "id": id, "order_number": before["order_number"], "source": "ai_agent", "is_draft": false,
        "customer_phone": BUYER, "currency": "RUB", "version": 4, "status_id": id_of("SHIPPED"),
        "status": {
            "id": id_of("SHIPPED"), "code": "SHIPPED", "name": "Отправлен", "description": "Заказ отправлен",
        },
        "items": before["items"], "total_amount": 36350.00, "created_at": before["created_at"],
        "payment": {"method": "cash_on_delivery", "status": "on_delivery"},
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&order[name], value, "{name}");
    }
    assert_eq!(order["delivery"]["address"], "улица Ленина, дом 5");
    assert!(time(&order["updated_at"]) > time(&before["updated_at"]));

    // One truth: the order that was made by telephone is what the next caller asks for.
    let found = admin.desk.get("/api/v1/orders/search?phone=%2B79161234567").await.expect(200);
    assert_eq!((&found["items"][0]["id"], &found["items"][0]["status"]), (&json!(id), &json!("shipped")));
    assert_eq!(found["items"][0]["status_label"], "Отправлен");

    // The same by the order service's own address, and under the system's prefix.
    let path = format!("/lightbulb/api/v1/orders/{id}/status");
    let body = json!({"status_id": id_of("DELIVERED"), "actor_details": null, "notes": null});
    let done = ask(&admin.desk, Some(&admin.token), Method::PATCH, &path, Some(&body)).await.expect(200);
    assert_eq!((&done["status"]["code"], &done["payment"]["status"]), (&json!("DELIVERED"), &json!("paid")));
    let found = admin.desk.get("/api/v1/orders/search?phone=%2B79161234567").await.expect(200);
    assert_eq!(found["items"][0]["status"], "delivered");
    admin.desk.close().await;
}

#[tokio::test]
async fn every_update_is_a_row_of_the_history_and_the_same_status_again_is_nothing_else() {
    let admin = Admin::open().await;
    let id = admin.order().await;
    let mut updated_at = Vec::new();
    for (code, details, notes) in [
        ("PROCESSING", None, Some("принят")),
        ("SHIPPED", Some("Warehouse: order_processing_system"), None),
        ("SHIPPED", Some("Admin: curl_user"), Some("трек-номер исправлен")),
        ("DELIVERED", None, None),
        ("DELIVERED", None, Some("проверено")),
    ] {
        let shelf = "select sum(on_hand)::bigint from stock.stock_items";
        let (before, said) = (
            admin.desk.count(shelf).await,
            admin.desk.count("select count(*) from notify.notifications").await,
        );
        let body = json!({"status_id": id_of(code), "actor_details": details, "notes": notes});
        let order = admin.put(&id, &body).await.expect(200);
        updated_at.push(time(&order["updated_at"]));
        if notes == Some("трек-номер исправлен") || notes == Some("проверено") {
            assert_eq!(admin.desk.count(shelf).await, before);
            assert_eq!(admin.desk.count("select count(*) from notify.notifications").await, said);
        }
    }
    assert!(updated_at.is_sorted_by(|a, b| a < b), "{updated_at:?}");
    let rows = admin.history(&id).await;
    let said: Vec<(&str, &Value, &Value)> = rows
        .iter()
        .map(|row| (row["status_code"].as_str().unwrap(), &row["actor_details"], &row["notes"]))
        .collect();
    let none = Value::Null;
    assert_eq!(
        said,
        [
            ("NEW", &none, &none),
            ("NEW", &none, &none),
            ("PROCESSING", &none, &json!("принят")),
            ("SHIPPED", &json!("Warehouse: order_processing_system"), &none),
            ("SHIPPED", &json!("Admin: curl_user"), &json!("трек-номер исправлен")),
            ("DELIVERED", &none, &none),
            ("DELIVERED", &none, &json!("проверено")),
        ]
    );
    for row in &rows {
        let known = STATUSES.iter().find(|status| row["status_id"] == status.0).unwrap();
        assert_eq!((&row["status_code"], &row["status_name"]), (&json!(known.1), &json!(known.2)));
        assert_eq!(row["order_id"], id.as_str());
    }
    let times: Vec<DateTime<Utc>> = rows.iter().map(|row| time(&row["changed_at"])).collect();
    assert!(times.is_sorted() && times[2..] == updated_at[..], "{times:?} {updated_at:?}");
    admin.desk.close().await;
}

#[tokio::test]
async fn updates_at_once_are_one_after_the_other() {
    let admin = Admin::open().await;
    let id = admin.order().await;
    let body = json!({"status_id": id_of("PROCESSING")});
    let all = futures_util::future::join_all((0..8).map(|_| admin.put(&id, &body))).await;
    let mut seen: Vec<(i64, DateTime<Utc>)> = all
        .into_iter()
        .map(|reply| reply.expect(200))
        .map(|order| (order["version"].as_i64().unwrap(), time(&order["updated_at"])))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen.iter().map(|one| one.0).collect::<Vec<_>>(), (4..12).collect::<Vec<_>>());
    assert!(seen.is_sorted_by(|a, b| a.1 < b.1), "{seen:?}");
    let times: Vec<DateTime<Utc>> =
        admin.history(&id).await.iter().map(|row| time(&row["changed_at"])).collect();
    assert!(times.len() == 10 && times.is_sorted(), "{times:?}");
    admin.desk.close().await;
}

#[tokio::test]
async fn the_statuses_are_those_of_the_requirement_in_their_order() {
    let admin = Admin::open().await;
    let expected: Vec<Value> = STATUSES
        .iter()
        .map(|(id, code, name, description)| json!({"id": id, "code": code, "name": name, "description": description}))
        .collect();
    for path in ["/api/v1/orders/statuses", "/lightbulb/api/v1/orders/statuses"] {
        assert_eq!(admin.desk.get(path).await.expect(200), json!(expected), "{path}");
    }
    admin.desk.close().await;
}

#[tokio::test]
async fn a_wrong_body_is_refused_with_every_part_that_is_wrong_and_nothing_happens() {
    let admin = Admin::open().await;
    let id = admin.order().await;
    let shipped = id_of("SHIPPED");
    let rows = admin.history(&id).await;
    let long = "Ж".repeat(256);
    for (body, pointers) in [
        (json!({}), &[""][..]),
        (json!([]), &[""]),
        (json!({"status_id": null}), &["/status_id"]),
        (json!({"status_id": 4}), &["/status_id"]),
        (json!({"status_id": "SHIPPED"}), &["/status_id"]),
        (json!({"status_id": format!("{shipped}'; drop table orders.orders; --")}), &["/status_id"]),
        (json!({"status_id": Uuid::now_v7()}), &["/status_id"]),
        (json!({"status_id": Uuid::new_v4()}), &["/status_id"]),
        (json!({"status_id": Uuid::nil()}), &["/status_id"]),
        (json!({"status_id": shipped.replace('-', "")}), &["/status_id"]),
        (json!({"status_id": shipped, "actor_details": long}), &["/actor_details"]),
        (json!({"status_id": "x", "actor_details": long}), &["/status_id", "/actor_details"]),
        (json!({"status_id": shipped, "actor_details": 1}), &["/actor_details"]),
        (json!({"status_id": shipped, "notes": ["a"]}), &["/notes"]),
        (json!({"status_id": shipped, "notes": "a\u{0}b"}), &["/notes"]),
        (json!({"status_id": shipped, "actor_details": "\u{0}"}), &["/actor_details"]),
        (json!({"status_id": shipped, "status": "SHIPPED"}), &["/status"]),
    ] {
        let problem = admin.put(&id, &body).await.refused(422, "invalid-request");
        let found: Vec<&str> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(found, pointers, "{problem}");
    }
    let unknown = admin.put(&id, &json!({"status_id": Uuid::new_v4()})).await.refused(422, "invalid-request");
    assert_eq!(unknown["errors"][0]["code"], "unknown-status");
    assert_eq!(admin.history(&id).await, rows);
    admin.desk.close().await;
}

#[tokio::test]
async fn an_actor_of_255_characters_and_a_long_note_are_kept_whole() {
    let admin = Admin::open().await;
    let id = admin.order().await;
    for (details, notes) in [
        ("Ж".repeat(255), "я".repeat(500_000)),
        ("🚚".repeat(255), String::new()),
        ("'; drop table orders.orders; --".to_owned(), "<script>\u{202e}\r\n\t\\ \"".to_owned()),
    ] {
        let body = json!({"status_id": id_of("PROCESSING"), "actor_details": details, "notes": notes});
        admin.put(&id, &body).await.expect(200);
        let row = admin.history(&id).await.pop().unwrap();
        assert!(row["actor_details"] == details && row["notes"] == notes);
    }
    let body = json!({"status_id": id_of("PROCESSING"), "notes": "x".repeat(1 << 20)});
    admin.put(&id, &body).await.refused(413, "body-too-large");
    admin.desk.close().await;
}

#[tokio::test]
async fn what_is_no_order_is_not_found() {
    let admin = Admin::open().await;
    let body = json!({"status_id": id_of("SHIPPED")});
    let unknown = Uuid::now_v7().to_string();
    for id in [unknown.as_str(), "1", "not-a-uuid", "%27%20or%201=1", "%00"] {
        for (method, path, body) in [
            (Method::PUT, format!("/admin/orders/{id}/status"), Some(&body)),
            (Method::PATCH, format!("/api/v1/orders/{id}/status"), Some(&body)),
            (Method::GET, format!("/api/v1/orders/{id}/history"), None),
        ] {
            ask(&admin.desk, Some(&admin.token), method, &path, body).await.refused(404, "not-found");
        }
    }
    // Not even text.
    for (method, path) in
        [(Method::GET, "/api/v1/orders/%FF/history"), (Method::PUT, "/admin/orders/%FF/status")]
    {
        let asked = ask(&admin.desk, Some(&admin.token), method, path, Some(&body)).await;
        asked.refused(400, "bad-request");
    }
    let request = admin.desk.client.put(format!("{}/admin/orders/{unknown}/status", admin.desk.base));
    let request = request.bearer_auth(&admin.token);
    for (media, text, status, code) in [
        ("application/json", "{", 400, "bad-request"),
        ("application/json", "{\"status_id\":\"\\ud800\"}", 400, "bad-request"),
        ("text/plain", "{}", 415, "unsupported-media-type"),
    ] {
        let request = request.try_clone().unwrap().header("content-type", media).body(text);
        reply(request).await.refused(status, code);
    }
    let deep = request.header("content-type", "application/json").body("[".repeat(10_000));
    reply(deep).await.refused(400, "bad-request");
    admin.desk.close().await;
}

#[tokio::test]
async fn each_role_may_do_its_own() {
    let passports = Passports::new();
    let desk = passport::open(&passports).await;
    let order = desk.ready(BUYER).await;
    desk.confirm(&order).await.expect(200);
    let buyer = passports.user(&desk, BUYER, true).await;
    let expired_admin = passport::expired_token(&desk, Role::Admin).await;
    let tokens = [
        ("nobody", None, [401, 401, 401]),
        ("garbage", Some("olt_garbage".to_owned()), [401, 401, 401]),
        ("expired", Some(expired_admin), [401, 401, 401]),
        ("expired sign-in", Some(passports.sign(&desk, buyer, &["admin"], -60).await), [401, 401, 401]),
        ("voice server", Some(TOKEN.to_owned()), [403, 403, 200]),
        ("service", Some(passport::token(&desk, Role::Service).await), [403, 403, 200]),
        ("the buyer", Some(passports.sign(&desk, buyer, &["customer"], 60).await), [403, 200, 200]),
        ("manager", Some(passport::token(&desk, Role::Manager).await), [403, 200, 200]),
        ("signed-in manager", Some(passports.sign(&desk, buyer, &["manager"], 60).await), [403, 200, 200]),
        ("admin", Some(passport::token(&desk, Role::Admin).await), [200, 200, 200]),
        (
            "signed-in admin",
            Some(passports.sign(&desk, buyer, &["customer", "admin"], 60).await),
            [200, 200, 200],
        ),
    ];
    let body = json!({"status_id": id_of("NEW")});
    for (who, token, [moves, reads, lists]) in tokens {
        for (method, path, sent, status) in [
            (Method::PUT, format!("/admin/orders/{order}/status"), Some(&body), moves),
            (Method::PATCH, format!("/api/v1/orders/{order}/status"), Some(&body), moves),
            (Method::PATCH, format!("/lightbulb/api/v1/orders/{order}/status"), Some(&body), moves),
            (Method::GET, format!("/api/v1/orders/{order}/history"), None, reads),
            (Method::GET, "/api/v1/orders/statuses".to_owned(), None, lists),
        ] {
            let said = format!("{who}: {method} {path}");
            let answer = ask(&desk, token.as_deref(), method, &path, sent).await;
            assert_eq!(answer.status.as_u16(), status, "{said}: {}", answer.text);
            match status {
                401 => assert_eq!(answer.refused(401, "unauthorized")["status"], 401),
                403 => assert_eq!(answer.refused(403, "forbidden")["status"], 403),
                _ => {}
            }
        }
    }
    // Whoever may not do it learns nothing of the body or the order.
    let nowhere = format!("/admin/orders/{}/status", Uuid::now_v7());
    ask(&desk, Some(TOKEN), Method::PUT, &nowhere, Some(&json!([]))).await.refused(403, "forbidden");
    ask(&desk, None, Method::PUT, &nowhere, Some(&json!([]))).await.refused(401, "unauthorized");
    desk.close().await;
}

#[tokio::test]
async fn a_customer_reads_the_history_of_an_own_order_and_of_no_other() {
    let passports = Passports::new();
    let desk = passport::open(&passports).await;
    let own = desk.ready(BUYER).await;
    let others = desk.ready("+79035550101").await;
    let verified = passports.user(&desk, BUYER, true).await;
    let linked = passports.user(&desk, "+79035550102", false).await;
    let unverified = passports.user(&desk, "+79035550101", false).await;
    sqlx::query("update identity.customers set user_id = $1 where phone_e164 = $2")
        .bind(linked)
        .bind(BUYER)
        .execute(&desk.pool)
        .await
        .unwrap();
    for (user, order, status) in [
        (verified, &own, 200),
        (linked, &own, 200),
        (unverified, &own, 404),
        (unverified, &others, 404),
        (verified, &others, 404),
        (Uuid::now_v7(), &own, 404),
    ] {
        let token = passports.sign(&desk, user, &["customer"], 60).await;
        let path = format!("/api/v1/orders/{order}/history");
        let answer = ask(&desk, Some(&token), Method::GET, &path, None).await;
        assert_eq!(answer.status.as_u16(), status, "{user} {order}: {}", answer.text);
    }
    desk.close().await;
}
