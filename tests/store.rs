//! The Store API from outside, on a real PostgreSQL: every endpoint, its own errors, and what must hold when things go
//! wrong in the middle.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use std::path::Path;
use std::time::Duration;

use orderline::postgres::Cluster;
use orderline::store::{self, Settings, Shop, SmsSettings};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const BUYER: &str = "+79161234567";
const REGULAR: &str = "+375291234567";

/// One server for all tests here; its keeper stops it and removes it when this process ends.
static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

/// A shop of its own: database, goods, a running Store API.
struct Desk {
    base: String,
    pool: PgPool,
    client: reqwest::Client,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), store::StoreError>>,
}

struct Reply {
    status: StatusCode,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    #[track_caller]
    fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// A problem document with this status and code.
    #[track_caller]
    fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["type"], format!("/problems/{code}"));
        assert_eq!(problem["status"], status);
        assert!(problem["request_id"].is_string() && problem["instance"].is_string(), "{problem}");
        problem
    }
}

impl Desk {
    async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    async fn open_with(change: impl FnOnce(&mut Settings)) -> Self {
        let cluster = CLUSTER.get_or_init(|| async { Cluster::temporary().await.unwrap() }).await;
        Self::open_on(cluster, change).await
    }

    async fn open_on(cluster: &Cluster, change: impl FnOnce(&mut Settings)) -> Self {
        let url = cluster.create_database(&format!("shop_{}", Uuid::new_v4().simple())).await.unwrap();
        let mut settings = Settings {
            database_url: url.into(),
            token: TOKEN.into(),
            max_connections: 8,
            pay_url: Some("https://pay.example/{payment_id}".into()),
            ..Settings::default()
        };
        change(&mut settings);
        let pool = store::connect(&settings).await.unwrap();
        let shop = Shop::load(Path::new("samples/shop/tyres.toml")).unwrap();
        store::seed(&pool, &shop, settings.utc_offset_min).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let serving = tokio::spawn(store::serve(settings, listener, pool.clone(), stop.clone()));
        Self { base, pool, client: reqwest::Client::new(), stop, serving }
    }

    async fn close(self) {
        self.stop.cancel();
        self.serving.await.unwrap().unwrap();
    }

    async fn send(&self, method: Method, path: &str, key: Option<&str>, body: Option<Value>) -> Reply {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(TOKEN);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        reply(request).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None, None).await
    }

    async fn post(&self, path: &str, key: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(key), Some(body)).await
    }

    async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, None, Some(body)).await
    }

    /// The first product that is found.
    async fn product(&self, words: &str) -> Value {
        let found = self.find(words).await;
        found.first().unwrap_or_else(|| panic!("nothing for {words:?}")).clone()
    }

    async fn find(&self, words: &str) -> Vec<Value> {
        let url = reqwest::Url::parse_with_params(&format!("{}/api/v1/products", self.base), [("q", words)]);
        let request = self.client.get(url.unwrap()).bearer_auth(TOKEN);
        reply(request).await.expect(200)["items"].as_array().unwrap().clone()
    }

    /// A draft of four pieces.
    async fn draft(&self, phone: &str) -> Value {
        let product = self.product("нокиан зимние 205 55 16 нешипованные").await;
        let body = basket(phone, &product, 4);
        self.post("/api/v1/orders", &Uuid::new_v4().to_string(), body).await.expect(201)
    }

    /// A draft that lacks only its confirmation.
    async fn ready(&self, phone: &str) -> String {
        let id = self.draft(phone).await["id"].as_str().unwrap().to_owned();
        self.patch(&format!("/api/v1/orders/{id}/delivery"), to_moscow()).await.expect(200);
        id
    }

    async fn confirm(&self, id: &str) -> Reply {
        let key = Uuid::new_v4().to_string();
        self.post(
            &format!("/api/v1/orders/{id}/confirm"),
            &key,
            json!({"payment_method": "cash_on_delivery"}),
        )
        .await
    }

    async fn count(&self, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement).fetch_one(&self.pool).await.unwrap()
    }

    async fn run(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&self.pool).await.unwrap();
    }
}

async fn reply(request: reqwest::RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Reply { status, headers, text: response.text().await.unwrap() }
}

fn basket(phone: &str, product: &Value, quantity: u32) -> Value {
    json!({
        "items": [{"product_id": product["id"], "quantity": quantity}],
        "customer_phone": phone, "source": "ai_agent", "call_id": "call-1",
    })
}

fn to_moscow() -> Value {
    json!({"delivery_type": "delivery", "city": "москву", "address": "улица Ленина, дом 5"})
}

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

/// Waits for something that another task does, at most half a minute.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking).await.expect("it happens within half a minute");
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
