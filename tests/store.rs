//! The Store API from outside, on a real PostgreSQL.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use std::path::Path;

use orderline::store::{self, Shop};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

#[path = "store/browser.rs"]
mod browser;
#[path = "store/collisions.rs"]
mod collisions;
#[path = "store/concurrency.rs"]
mod concurrency;
#[path = "store/crash.rs"]
mod crash;
#[path = "store/crm.rs"]
mod crm;
#[path = "store/crm_pool.rs"]
mod crm_pool;
#[path = "store/desk.rs"]
mod desk;
#[path = "store/documents.rs"]
mod documents;
#[path = "store/faults.rs"]
mod faults;
#[path = "store/hostile.rs"]
mod hostile;
#[path = "store/identity.rs"]
mod identity;
#[path = "store/identity_guesses.rs"]
mod identity_guesses;
#[path = "store/identity_proofs.rs"]
mod identity_proofs;
#[path = "store/lightbulb.rs"]
mod lightbulb;
#[path = "store/lines.rs"]
mod lines;
#[path = "store/mail.rs"]
mod mail;
#[path = "store/market_catalog.rs"]
mod market_catalog;
#[path = "store/market_desk.rs"]
mod market_desk;
#[path = "store/market_orders.rs"]
mod market_orders;
#[path = "store/market_payments.rs"]
mod market_payments;
#[path = "store/market_privacy.rs"]
mod market_privacy;
#[path = "store/market_provider.rs"]
mod market_provider;
#[path = "store/market_races.rs"]
mod market_races;
#[path = "store/market_reservations.rs"]
mod market_reservations;
#[path = "store/migrations.rs"]
mod migrations;
#[path = "store/moves.rs"]
mod moves;
#[path = "store/notifications.rs"]
mod notifications;
#[path = "store/passport.rs"]
mod passport;
#[path = "store/pool_door.rs"]
mod pool_door;
#[path = "store/pool_page.rs"]
mod pool_page;
#[path = "store/schemathesis.rs"]
mod schemathesis;
#[path = "store/staff.rs"]
mod staff;

use desk::{BUYER, Desk, REGULAR, TOKEN, basket, reply, to_moscow};

#[tokio::test]
async fn an_order_goes_from_search_to_confirmation() {
    let desk = Desk::open().await;
    let product = desk.product("хочу 4 зимние шины нокиан 205 55 16 нешипованные").await;
    assert_eq!(product["name"], "Нокиан зимняя 205/55 R16");
    assert_eq!(product["attributes"]["name_en"], "Nokian winter tire 205/55 R16");
    let same = desk.get(&format!("/api/v1/products/{}", product["id"].as_str().unwrap())).await;
    assert_eq!(same.expect(200), product);

    let drafted = desk.post("/api/v1/orders", "k1", basket(BUYER, &product, 4)).await;
    let location = drafted.headers["location"].to_str().unwrap().to_owned();
    assert!(drafted.text.contains("\"subtotal\":35960.00"), "{}", drafted.text);
    let draft = drafted.expect(201);
    assert_eq!((&draft["status"], &draft["status_label"]), (&json!("draft"), &json!("Черновик")));
    assert_eq!(draft["currency"], "RUB");
    assert!(draft["expires_at"].is_string());
    let number = draft["order_number"].as_str().unwrap().to_owned();
    assert_eq!((number.len(), &number[..4]), (17, "ORD-"));

    let sent = desk.patch(&format!("{location}/delivery"), to_moscow()).await;
    assert!(
        sent.text.contains("\"cost\":390.00") && sent.text.contains("\"total\":36350.00"),
        "{}",
        sent.text
    );
    let sent = sent.expect(200);
    assert_eq!(sent["delivery"]["city"], "Москва");
    assert_eq!(sent["delivery"]["estimated_days"], json!({"min": 1, "max": 2}));
    assert_eq!(sent["version"], 2);

    let confirmed = desk
        .post(
            &format!("{location}/confirm"),
            "k2",
            json!({"payment_method": "cash_on_delivery", "customer_name": "Анна", "send_sms_confirmation": true}),
        )
        .await;
    assert_eq!(confirmed.headers["etag"], "\"3\"");
    let confirmed = confirmed.expect(200);
    assert_eq!((&confirmed["status"], &confirmed["sms_sent"]), (&json!("confirmed"), &json!(true)));
    assert_eq!(confirmed["payment"], json!({"method": "cash_on_delivery", "status": "on_delivery"}));
    assert_eq!(confirmed["order_number"], number.as_str());
    assert!(confirmed["estimated_delivery"].is_string());

    let whole = desk.get(&location).await.expect(200);
    let steps: Vec<&str> =
        whole["status_history"].as_array().unwrap().iter().map(|s| s["status"].as_str().unwrap()).collect();
    assert_eq!(steps, ["draft", "confirmed"]);
    assert_eq!(whole["items"][0]["quantity"], 4);
    assert_eq!(whole["customer_name"], "Анна");
    let found = desk.get("/api/v1/orders/search?phone=%2B79161234567").await.expect(200);
    assert_eq!((&found["total"], &found["items"][0]["order_number"]), (&json!(1), &json!(number)));
    assert_eq!(found["items"][0]["items_summary"], "Нокиан зимняя 205/55 R16 × 4");
    let left = desk.product("нокиан зимние 205 55 16 нешипованные").await["stock"].as_i64().unwrap();
    assert_eq!(left, product["stock"].as_i64().unwrap() - 4);
    let sms: (String, String) = sqlx::query_as("select recipient, body from notify.notifications")
        .fetch_one(&desk.pool)
        .await
        .unwrap();
    assert_eq!(sms.0, BUYER);
    assert!(sms.1.contains(&number) && sms.1.contains("36\u{a0}350 руб."), "{}", sms.1);
    let events: Vec<(String, Option<String>)> =
        sqlx::query_as("select event, idem_key from orders.events where actor = 'agent' order by id")
            .fetch_all(&desk.pool)
            .await
            .unwrap();
    let expected = [("drafted", Some("k1")), ("delivery_set", None), ("confirmed", Some("k2"))];
    assert_eq!(events, expected.map(|(event, key)| (event.to_owned(), key.map(str::to_owned))));
    desk.close().await;
}

#[tokio::test]
async fn products_are_found_in_both_languages_and_by_size() {
    let desk = Desk::open().await;
    for words in [
        "зимнюю резину мишлен 205 на 55 на 16",
        "michelin winter tires 205 55 r 16",
        "МИШЛЕН зимних 205/55 R16",
    ] {
        assert_eq!(desk.product(words).await["name"], "Мишлен зимняя 205/55 R16", "{words}");
    }
    let all = desk.find("205 55 16").await;
    assert!(
        all.len() >= 10
            && all.iter().all(|p| p["attributes"]["size"].is_null() && p["attributes"]["width"] == "205")
    );
    assert!(desk.find("195 55 16").await.is_empty(), "a size that does not exist is not replaced by another");
    assert!(desk.find("хочу слона").await.is_empty());
    assert_eq!(
        desk.product("something studded by nokian 225 45 17 please").await["attributes"]["studs"],
        "studded"
    );
    assert!(desk.find("летние на 13").await.iter().all(|p| p["attributes"]["diameter"] == "13"));

    let mut seen = Vec::new();
    let mut path = "/api/v1/products?limit=10".to_owned();
    loop {
        let page = desk.get(&path).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/products?limit=10&cursor={cursor}");
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 27);
    desk.get("/api/v1/products?cursor=x").await.refused(422, "invalid-request");
    desk.get("/api/v1/products?limit=101").await.refused(422, "invalid-request");
    desk.get(&format!("/api/v1/products/{}", Uuid::nil())).await.refused(404, "not-found");
    desk.close().await;
}

#[tokio::test]
async fn orders_are_searched_by_telephone_and_by_the_spoken_part_of_their_number() {
    let desk = Desk::open().await;
    let tails = |found: &Value| -> Vec<String> {
        let number = |o: &Value| o["order_number"].as_str().unwrap().rsplit('-').next().unwrap().to_owned();
        found["items"].as_array().unwrap().iter().map(number).collect()
    };
    let all = desk.get("/api/v1/orders/search?phone=%2B375291234567").await.expect(200);
    assert_eq!(tails(&all), ["4521", "1786", "3340"]);
    assert_eq!(all["items"][0]["status"], "processing");
    assert!(all["items"][1]["estimated_delivery"].is_string());
    // A plus that arrived as a space is still a plus.
    let page = desk.get("/api/v1/orders/search?phone=+375291234567&limit=1").await.expect(200);
    assert_eq!((tails(&page), &page["total"]), (vec!["4521".to_owned()], &json!(3)));
    for number in ["1786", "01786", all["items"][1]["order_number"].as_str().unwrap()] {
        let one = desk.get(&format!("/api/v1/orders/search?order_number={number}")).await.expect(200);
        assert_eq!(tails(&one), ["1786"]);
    }
    let other = desk.get("/api/v1/orders/search?phone=%2B79161234567&order_number=1786").await.expect(200);
    assert_eq!(other, json!({"items": [], "total": 0}));
    let shipped = desk.get("/api/v1/orders/search?phone=%2B375291234567&status=shipped").await.expect(200);
    assert_eq!(tails(&shipped), ["1786"]);
    desk.draft(BUYER).await;
    assert_eq!(desk.get("/api/v1/orders/search?phone=%2B79161234567").await.expect(200)["total"], 0);
    assert_eq!(
        desk.get("/api/v1/orders/search?phone=%2B79161234567&status=draft").await.expect(200)["total"],
        1
    );
    for bad in [
        "",
        "?phone=12",
        "?order_number=abc",
        "?phone=%2B79161234567&status=lost",
        "?phone=%2B79161234567&limit=0",
    ] {
        desk.get(&format!("/api/v1/orders/search{bad}")).await.refused(422, "invalid-request");
    }
    desk.get("/api/v1/orders/no-uuid").await.refused(404, "not-found");
    desk.close().await;
}

#[tokio::test]
async fn a_refusal_of_each_kind_has_its_code() {
    let desk = Desk::open_with(|settings| settings.pay_url = None).await;
    let product = desk.product("кама 175 70 13").await;
    let unknown = json!({"id": Uuid::new_v4()});
    desk.post("/api/v1/orders", "a", basket(BUYER, &unknown, 1)).await.refused(422, "unknown-product");
    for (n, body) in [
        json!({"items": [{"product_id": product["id"], "quantity": 1}], "customer_phone": "123"}),
        json!({"items": [{"product_id": product["id"], "quantity": 1000}], "customer_phone": BUYER}),
        json!({"items": [{"product_id": "x", "quantity": 1}], "customer_phone": BUYER}),
        json!({"items": [], "customer_phone": BUYER, "price": 1}),
        json!([]),
    ]
    .into_iter()
    .enumerate()
    {
        desk.post("/api/v1/orders", &format!("b{n}"), body).await.refused(422, "invalid-request");
    }
    let id = desk.draft(BUYER).await["id"].as_str().unwrap().to_owned();
    desk.confirm(&id).await.refused(409, "delivery-missing");
    let delivery = format!("/api/v1/orders/{id}/delivery");
    let no_address = json!({"delivery_type": "delivery", "city": "Казань"});
    desk.patch(&delivery, no_address).await.refused(422, "address-missing");
    let elsewhere = json!({"delivery_type": "delivery", "city": "Атлантида", "address": "дом 1"});
    desk.patch(&delivery, elsewhere).await.refused(422, "city-not-served");
    desk.patch(&delivery, json!({"delivery_type": "pickup"})).await.refused(422, "pickup-point-missing");
    let nowhere = json!({"delivery_type": "pickup", "pickup_point_id": Uuid::new_v4()});
    desk.patch(&delivery, nowhere).await.refused(422, "pickup-point-unknown");
    desk.patch(&delivery, to_moscow()).await.expect(200);
    let online = json!({"payment_method": "online"});
    let confirm = format!("/api/v1/orders/{id}/confirm");
    desk.post(&confirm, "c", online).await.refused(422, "payment-method-unavailable");
    desk.post(&confirm, "d", json!({"payment_method": "gold"})).await.refused(422, "invalid-request");

    desk.run("update catalog.products set price_minor = price_minor + 100").await;
    let changed = desk.confirm(&id).await.refused(409, "price-changed");
    assert_eq!(
        (&changed["errors"][0]["was"], &changed["errors"][0]["now"]),
        (&json!("8990.00"), &json!("8991.00"))
    );
    let anew = desk.patch(&delivery, to_moscow()).await;
    assert!(anew.text.contains("\"subtotal\":35964.00"), "{}", anew.text);

    let stale =
        desk.client.post(format!("{}{confirm}", desk.base)).bearer_auth(TOKEN).header("If-Match", "\"1\"");
    let stale = stale.header("Idempotency-Key", "e").json(&json!({"payment_method": "cash_on_delivery"}));
    reply(stale).await.refused(412, "version-mismatch");
    let number = desk.confirm(&id).await.expect(200)["order_number"].clone();
    assert_eq!(desk.confirm(&id).await.refused(409, "already-confirmed")["order_number"], number);
    desk.patch(&delivery, to_moscow()).await.refused(409, "invalid-transition");
    desk.confirm(&Uuid::new_v4().to_string()).await.refused(404, "not-found");
    desk.close().await;
}

#[tokio::test]
async fn a_fourth_unpaid_order_of_one_number_is_refused() {
    let desk = Desk::open().await;
    let spare = desk.ready(BUYER).await;
    for _ in 0..3 {
        let id = desk.ready(BUYER).await;
        desk.confirm(&id).await.expect(200);
    }
    desk.confirm(&spare).await.refused(409, "too-many-orders");
    let product = desk.product("кама 175 70 13").await;
    desk.post("/api/v1/orders", "k", basket(BUYER, &product, 1)).await.refused(409, "too-many-orders");
    desk.post("/api/v1/orders", "l", basket("+79035550101", &product, 1)).await.expect(201);
    desk.close().await;
}

#[tokio::test]
async fn cancelling_gives_the_goods_back_and_tells_the_customer_once() {
    let desk = Desk::open().await;
    let before = desk.count("select sum(reserved) from stock.stock_items").await;
    let id = desk.ready(BUYER).await;
    desk.confirm(&id).await.expect(200);
    assert_eq!(desk.count("select sum(reserved) from stock.stock_items").await, before + 4);
    let path = format!("/api/v1/orders/{id}/cancel");
    let cancelled =
        desk.send(Method::POST, &path, None, Some(json!({"reason": "передумал"}))).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["status_history"][2]["notes"], "передумал");
    assert_eq!(cancelled["payment"]["status"], "cancelled");
    assert_eq!(desk.count("select sum(reserved) from stock.stock_items").await, before);
    desk.send(Method::POST, &path, None, None).await.refused(409, "invalid-transition");
    assert_eq!(
        desk.count("select count(*) from notify.notifications where template = 'order_cancelled'").await,
        1
    );

    // A draft is dropped without a word, and is no order that a caller would ask for.
    let draft = desk.draft(BUYER).await["id"].as_str().unwrap().to_owned();
    let dropped = desk.send(Method::POST, &format!("/api/v1/orders/{draft}/cancel"), Some("c"), None).await;
    assert_eq!(dropped.expect(200)["status"], "cancelled");
    assert_eq!(desk.count("select count(*) from notify.notifications").await, 2);
    let found = desk.get("/api/v1/orders/search?phone=%2B79161234567").await.expect(200);
    assert_eq!((&found["total"], &found["items"][0]["id"]), (&json!(1), &json!(id)));

    let shipped =
        desk.get("/api/v1/orders/search?order_number=1786").await.expect(200)["items"][0]["id"].clone();
    let path = format!("/api/v1/orders/{}/cancel", shipped.as_str().unwrap());
    desk.send(Method::POST, &path, None, None).await.refused(409, "invalid-transition");
    desk.close().await;
}

#[tokio::test]
async fn delivery_is_priced_and_pickup_points_are_listed() {
    let desk = Desk::open().await;
    let answer = desk.get("/api/v1/delivery/calculate?city=Казань&delivery_type=delivery").await;
    assert!(answer.text.contains("\"cost\":590.00") && !answer.text.contains("\"total\""), "{}", answer.text);
    assert_eq!(answer.expect(200)["estimated_days"], json!({"min": 3, "max": 4}));
    let draft = desk.draft(BUYER).await;
    let id = draft["id"].as_str().unwrap();
    let answer = desk
        .get(&format!("/api/v1/delivery/calculate?city=boston&delivery_type=delivery&order_id={id}"))
        .await;
    assert!(answer.text.contains("\"total\":37160.00"), "{}", answer.text);
    let product = draft["items"][0]["product_id"].as_str().unwrap();
    let answer = desk
        .get(&format!("/api/v1/delivery/calculate?city=тулу&delivery_type=delivery&items={product}:2"))
        .await;
    assert!(answer.text.contains("\"total\":18370.00"), "{}", answer.text);
    desk.get("/api/v1/delivery/calculate?city=Атлантида&delivery_type=delivery")
        .await
        .refused(422, "city-not-served");
    desk.get("/api/v1/delivery/calculate?city=Тула&delivery_type=swim").await.refused(422, "invalid-request");

    let all = desk.get("/api/v1/pickup-points").await.expect(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 5);
    let moscow = desk.get("/api/v1/pickup-points?city=москве").await.expect(200);
    assert_eq!(moscow["items"].as_array().unwrap().len(), 2);
    let point = &moscow["items"][0];
    let body = json!({"delivery_type": "pickup", "pickup_point_id": point["id"], "city": "Москва"});
    let set = desk.patch(&format!("/api/v1/orders/{id}/delivery"), body).await.expect(200);
    assert_eq!(set["delivery"]["pickup_address"], point["address"]);
    assert_eq!((&set["delivery"]["city"], &set["delivery"]["address"]), (&json!("Москва"), &Value::Null));
    desk.close().await;
}

#[tokio::test]
async fn a_shop_can_be_loaded_twice() {
    let desk = Desk::open().await;
    let shop = Shop::load(Path::new("samples/shop/tyres.toml")).unwrap();
    let again = store::seed(&desk.pool, &shop, 180).await.unwrap();
    assert_eq!((again.products, again.orders), (27, 0));
    assert_eq!(desk.count("select count(*) from orders.orders").await, 4);
    let known =
        desk.get(&format!("/api/v1/orders/search?phone={}", REGULAR.replace('+', "%2B"))).await.expect(200);
    assert_eq!(known["total"], 3);
    assert_eq!(desk.count("select count(*) from stock.stock_items where reserved > on_hand").await, 0);
    desk.close().await;
}

#[tokio::test]
async fn the_voice_servers_own_check_finds_every_promise_kept() {
    use orderline::ids::PhoneNumber;
    use orderline::orders::client::{self, StoreClient};
    let desk = Desk::open().await;
    let settings = client::Settings {
        base_url: desk.base.clone(),
        token: Some(TOKEN.into()),
        // A busy machine is no broken promise.
        read_timeout_ms: 20_000,
        write_timeout_ms: 20_000,
        deadline_ms: 60_000,
        ..client::Settings::default()
    };
    let store = StoreClient::new(settings).unwrap();
    let phone = |text: &str| PhoneNumber::try_from(text.to_owned()).unwrap();
    let report = client::check::check(&store, &phone(BUYER), &phone("+79990000000")).await;
    assert!(report.usable(), "{report}");
    assert!(!report.to_string().contains("BROKEN") && !report.to_string().contains("untried"), "{report}");
    assert!(report.to_string().ends_with("\"keyed\""), "{report}");
    desk.close().await;
}

#[tokio::test]
async fn store_and_audit_can_share_a_database_and_be_migrated_twice() {
    use secrecy::ExposeSecret;
    let desk = Desk::open().await;
    let url = desk.settings.database_url.expose_secret();
    for _ in 0..2 {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_orderline"))
            .arg("migrate")
            .env("ORDERLINE__SHOP__DATABASE_URL", url)
            .env("ORDERLINE__SHOP__TOKEN", TOKEN)
            .env("ORDERLINE__AUDIT__DATABASE_URL", url)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said, "the store's tables are up to date\nthe audit's tables are up to date\n");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(
        desk.count("select count(*) from information_schema.schemata where schema_name = 'audit'").await,
        1
    );
    desk.close().await;
}
