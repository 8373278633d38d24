//! What no honest caller sends, at every operation that changes something, taken from the systems' own documents: refused
//! in words that name what is wrong, and nothing is changed.

use std::time::Duration;

use orderline::store::{LimitSettings, Role};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::crash;
use crate::desk::{BUYER, Desk, Reply, TOKEN, basket, read, reply, until};
use crate::passport::{self, Passports};

/// The largest body, as documented.
const MAX_BODY_BYTES: usize = 1 << 20;
const SQL: &str = "x'); delete from orders.order_items; drop table orders.events; --";

/// One operation that changes something.
struct Operation {
    system: &'static str,
    method: Method,
    path: String,
    /// The JSON Schema of its body, references resolved; null when it has none.
    body: Value,
}

/// All operations of the systems that answer here, from their documents.
async fn operations(desk: &Desk) -> Vec<Operation> {
    let mut found = Vec::new();
    for system in ["store", "lightbulb", "crm", "market"] {
        let document = reply(desk.client.get(format!("{}/{system}/openapi.json", desk.base))).await;
        let document = document.expect(200);
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let Some(operation) = item.get(method.as_str().to_lowercase()) else { continue };
                let body = &operation["requestBody"]["content"]["application/json"]["schema"];
                found.push(Operation {
                    system,
                    method,
                    path: format!("/{system}{path}"),
                    body: resolved(&document, body),
                });
            }
        }
    }
    found
}

/// A schema with what it points to in its place.
fn resolved(document: &Value, schema: &Value) -> Value {
    let Some(reference) = schema["$ref"].as_str() else { return schema.clone() };
    document.pointer(reference.trim_start_matches('#')).cloned().unwrap_or_default()
}

struct Yard {
    desk: Desk,
    admin: String,
    buyer: String,
    draft: String,
}

impl Yard {
    async fn open() -> Self {
        let passports = Passports::new();
        let key = passports.key();
        let desk = Desk::open_with(move |settings| {
            settings.identity.signing_key_file = Some(key);
            settings.limits = LimitSettings { requests_per_min: 0, misses_per_min: 0, guesses_per_min: 0 };
            settings.crm.website_api_key = Some(TOKEN.into());
            settings.pay.callback_secret = Some(TOKEN.into());
        })
        .await;
        let admin = passport::token(&desk, Role::Admin).await;
        let user = passports.user(&desk, "+79161112233", true).await;
        let buyer = passports.sign(&desk, user, &["customer"], 900).await;
        let held = desk.ready(BUYER).await;
        desk.confirm(&held).await.expect(200);
        let draft = desk.ready(BUYER).await;
        // The outbox has nothing left to write.
        until(async || {
            desk.count("select count(*) from notify.notifications where status = 'queued'").await == 0
        })
        .await;
        Self { desk, admin, buyer, draft }
    }

    /// The tokens that open a system, so that what is refused is refused for what it is.
    fn tokens(&self, system: &str) -> [&str; 2] {
        match system {
            "store" => [TOKEN; 2],
            // The website's key is this too.
            "crm" => [&self.admin, TOKEN],
            _ => [&self.admin, &self.buyer],
        }
    }

    /// Asks with the token that may.
    async fn ask(&self, operation: &Operation, id: &str, media: &str, body: String) -> Reply {
        let url = format!("{}{}", self.desk.base, at(&operation.path, id));
        let mut answered = None;
        for token in self.tokens(operation.system) {
            let request = self.desk.client.request(operation.method.clone(), &url).bearer_auth(token);
            let request = request.header("Idempotency-Key", Uuid::new_v4().to_string());
            let request = request.header("content-type", media).body(body.clone());
            // Of a body that is too large the rest is not read, and the reset may overtake the answer.
            let large = body.len() > MAX_BODY_BYTES;
            let reply = loop {
                match request.try_clone().unwrap().send().await {
                    Ok(response) => break read(response).await,
                    Err(error) => assert!(large, "{error:?}"),
                }
            };
            let known = !matches!(reply.status.as_u16(), 401 | 403);
            answered = Some(reply);
            if known {
                break;
            }
        }
        answered.unwrap()
    }

    async fn send(&self, operation: &Operation, body: String) -> Reply {
        self.ask(operation, &self.draft, "application/json", body).await
    }

    /// A digest of each table; what remembers refusals is left out.
    async fn digest(&self) -> Vec<(String, String)> {
        sqlx::query_as(
            "select table_schema || '.' || table_name, (xpath('/row/d/text()', query_to_xml(format( \
              'select md5(coalesce(string_agg(t::text, '','' order by t::text), '''')) as d from %I.%I t', \
              table_schema, table_name), false, true, '')))[1]::text from information_schema.tables \
             where table_schema in ('identity', 'catalog', 'stock', 'orders', 'pay', 'notify', 'crm') \
             and table_name not in ('idempotency_keys', 'user_credentials', 'verification_codes') order by 1",
        )
        .fetch_all(&self.desk.pool)
        .await
        .unwrap()
    }
}

/// A path with an id in its place.
fn at(path: &str, id: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { id } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Says what is wrong with a refusal; none when it is as it should be.
fn fault(reply: &Reply, statuses: &[u16]) -> Option<String> {
    let problem: Result<Value, _> = serde_json::from_str(&reply.text);
    let named = problem.is_ok_and(|problem| problem["code"].is_string() && problem["request_id"].is_string());
    let media = reply.headers.get("content-type").and_then(|value| value.to_str().ok());
    // Of a provider's callback the signature is looked at before the body is.
    let forged = reply.status == 401 && reply.text.contains("\"wrong-signature\"");
    let good = (forged || statuses.contains(&reply.status.as_u16()))
        && named
        && media == Some("application/problem+json");
    (!good).then(|| {
        let text: String = reply.text.chars().take(300).collect();
        format!("expected a problem with one of {statuses:?}, found {} {text}", reply.status)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_request_is_refused_everywhere_and_changes_nothing() {
    let yard = Yard::open().await;
    let before = yard.digest().await;
    let mut wrong = Vec::new();
    let operations = operations(&yard.desk).await;
    assert!(operations.len() >= 4, "{}", operations.len());
    for operation in &operations {
        let name = format!("{} {}", operation.method, operation.path);
        let bodies: [(&str, String, &[u16]); 9] = [
            ("broken JSON", "{".into(), &[400]),
            ("two values", "{} {}".into(), &[400]),
            ("a raw NUL", "{\"a\":\"\u{0}\"}".into(), &[400]),
            ("deep lists", "[".repeat(10_000), &[400]),
            ("deep objects", "{\"a\":".repeat(10_000) + "1" + &"}".repeat(10_000), &[400]),
            ("a list", "[]".into(), &[422]),
            ("a number", "1".into(), &[422]),
            ("an unknown field", r#"{"no_such_field":1}"#.into(), &[422]),
            ("too much", format!("\"{}\"", "x".repeat(MAX_BODY_BYTES)), &[413]),
        ];
        for (what, body, statuses) in bodies {
            // An operation without a body does not look at one, but for what can be no JSON at all.
            if operation.body.is_null() && statuses == [422] {
                continue;
            }
            let refused = yard.send(operation, body).await;
            wrong.extend(fault(&refused, statuses).map(|fault| format!("{name}, {what}: {fault}")));
        }
        let text = yard.ask(operation, &yard.draft, "text/plain", "{}".into()).await;
        wrong.extend(fault(&text, &[415]).map(|fault| format!("{name}, text: {fault}")));
        for id in [
            "1",
            "not-a-uuid",
            "%00",
            "'%20or%201=1%20--",
            "%F0%9F%98%80",
            "00000000-0000-4000-8000-00000000000g",
        ] {
            if operation.path.contains('{') {
                let refused = yard.ask(operation, id, "application/json", "{}".into()).await;
                wrong.extend(
                    fault(&refused, &[400, 404, 422]).map(|fault| format!("{name}, id {id}: {fault}")),
                );
            }
        }
        let nobody = yard
            .desk
            .client
            .request(operation.method.clone(), format!("{}{}", yard.desk.base, operation.path));
        let nobody =
            reply(nobody.bearer_auth("forged").header("content-type", "application/json").body("{")).await;
        if nobody.status.is_server_error() || nobody.status.is_success() {
            wrong.push(format!("{name}, a forged token: {} {}", nobody.status, nobody.text));
        }
    }
    assert!(wrong.is_empty(), "{} faults\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(yard.digest().await, before);
    yard.desk.close().await;
}

/// The types that a schema allows.
fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        // A reference, or one of several: an object or a text from a list; never a number.
        _ => vec!["object", "string", "array", "null", "boolean"],
    }
}

/// Values of a type that this schema does not allow.
fn misfits(schema: &Value) -> Vec<Value> {
    let allowed = types(schema);
    let kinds: [(&str, Value); 6] = [
        ("string", json!("x\u{1}")),
        ("object", json!({"no_such_field": 1})),
        ("array", json!([[1]])),
        ("boolean", json!(true)),
        ("number", json!(-7)),
        ("number", json!(1e300)),
    ];
    let fits = |kind: &str| allowed.contains(&kind) || kind == "number" && allowed.contains(&"integer");
    let mut found: Vec<Value> =
        kinds.into_iter().filter(|(kind, _)| !fits(kind)).map(|(_, value)| value).collect();
    if allowed.contains(&"integer") {
        found.extend([json!(0.5), json!(1e300), json!(99_999_999_999_999_999_999_u128 as f64)]);
    }
    if schema["format"] == "uuid" {
        found.extend([json!("not-a-uuid"), json!(SQL), json!("")]);
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_of_the_wrong_type_is_named_everywhere_and_changes_nothing() {
    let yard = Yard::open().await;
    let before = yard.digest().await;
    let (mut wrong, mut sent) = (Vec::new(), 0);
    for operation in &operations(&yard.desk).await {
        for (field, schema) in operation.body["properties"].as_object().into_iter().flatten() {
            for value in misfits(schema) {
                let refused = yard.send(operation, json!({field: value}).to_string()).await;
                sent += 1;
                // Whether the provider said it comes first, and what it said after that.
                if refused.status == 401 && refused.json()["code"] == "wrong-signature" {
                    continue;
                }
                let name = format!("{} {} {field}: {value}", operation.method, operation.path);
                if let Some(fault) = fault(&refused, &[422]) {
                    wrong.push(format!("{name}: {fault}"));
                    continue;
                }
                let problem = refused.json();
                let pointer = format!("/{field}");
                let names =
                    |error: &Value| error["pointer"].as_str().is_some_and(|at| at.starts_with(&pointer));
                if !problem["errors"].as_array().is_some_and(|errors| errors.iter().any(names)) {
                    wrong.push(format!("{name}: expected {pointer} to be named, found {problem}"));
                }
            }
        }
    }
    assert!(sent > 40, "{sent}");
    assert!(wrong.is_empty(), "{} faults of {sent}\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(yard.digest().await, before);
    yard.desk.close().await;
}

/// Every text of a good body replaced by another, one at a time.
fn with_text(body: &Value, text: &str) -> Vec<Value> {
    fn walk(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::String(_) => found.push(at.to_owned()),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(n, item)| walk(item, &format!("{at}/{n}"), found));
            }
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| walk(field, &format!("{at}/{name}"), found))
            }
            _ => {}
        }
    }
    let mut places = Vec::new();
    walk(body, "", &mut places);
    let replaced = |place: &String| {
        let mut body = body.clone();
        *body.pointer_mut(place).unwrap() = json!(text);
        body
    };
    places.iter().map(replaced).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_with_sql_or_nul_in_them_are_texts_or_refused() {
    let yard = Yard::open().await;
    let product = yard.desk.product("кама 175 70 13").await;
    let id = &yard.draft;
    let bodies = [
        (Method::POST, "/store/api/v1/orders".to_owned(), basket("+79167654321", &product, 1)),
        (
            Method::PUT,
            format!("/store/api/v1/orders/{id}/lines"),
            json!({"lines": [{"product_id": product["id"], "quantity": 1}]}),
        ),
        (
            Method::PATCH,
            format!("/store/api/v1/orders/{id}/delivery"),
            json!({"delivery_type": "delivery", "city": "Москва", "address": "улица Ленина, дом 5"}),
        ),
        (
            Method::POST,
            format!("/store/api/v1/orders/{id}/confirm"),
            json!({"payment_method": "cash_on_delivery", "customer_name": "Анна"}),
        ),
        (Method::POST, format!("/store/api/v1/orders/{id}/cancel"), json!({"reason": "передумала"})),
        (
            Method::PUT,
            format!("/lightbulb/admin/orders/{id}/status"),
            json!({"status_id": "0a455718-3182-4366-a857-94ada249ed11", "actor_details": "a", "notes": "b"}),
        ),
        (
            Method::POST,
            "/crm/api/orders/from-website".to_owned(),
            json!({"customerName": "Анна", "customerPhone": "+79167654321", "customerEmail": "a@example.org",
                   "items": [{"name": "thing", "quantity": 1}]}),
        ),
        (
            Method::POST,
            "/crm/api/photo-orders".to_owned(),
            json!({"telegramUser": "a", "photoUrl": "https://example.org/a.jpg", "caption": "b"}),
        ),
        (
            Method::POST,
            "/crm/api/order-management/assign".to_owned(),
            json!({"orderId": id, "orderType": "website", "userId": id, "userName": "A", "date": "2026-02-14"}),
        ),
        (
            Method::POST,
            "/market/api/v1/notifications/send".to_owned(),
            json!({"channel": "email", "to": "a@example.org", "template": "order_created",
                   "variables": {"order_number": "1"}}),
        ),
        (
            Method::POST,
            "/market/api/v1/auth/register/email".to_owned(),
            json!({"firstName": "A", "lastName": "B", "email": "a@example.org", "password": "correct horse battery"}),
        ),
    ];
    let count = "select count(*) from orders.events e, orders.order_items i where e.order_id = i.order_id";
    let before = yard.desk.count(count).await;
    let mut wrong = Vec::new();
    for (method, path, body) in bodies {
        for (text, may_be_taken) in [("a\u{0}b", false), (SQL, true), ("\u{fffe}\u{202e}'\"\\", true)] {
            for body in with_text(&body, text) {
                let system = path.split('/').nth(1).unwrap();
                let [first, second] = yard.tokens(system);
                let token = if path.ends_with("from-website") { second } else { first };
                let request = yard.desk.client.request(method.clone(), format!("{}{path}", yard.desk.base));
                let request =
                    request.bearer_auth(token).header("Idempotency-Key", Uuid::new_v4().to_string());
                let answered = reply(request.json(&body)).await;
                let good = answered.status.is_client_error() || may_be_taken && answered.status.is_success();
                if !good {
                    wrong.push(format!("{method} {path} {body}: {} {}", answered.status, answered.text));
                }
            }
        }
    }
    for path in [
        "orders/search?phone=%00",
        "orders/search?order_number=1%00",
        "orders/search?phone=%2B79161234567&status=%00",
        "orders/search?phone='%20or%201=1",
        "products?q=%00",
        "products?q='%25",
        "products?cursor=%00",
        "products/%00",
        "pickup-points?city=%00",
        "pickup-points?city='--",
        "delivery/calculate?delivery_type=delivery&city=%00",
        "delivery/calculate?delivery_type=delivery&items=%00:1",
    ] {
        let answered = yard.desk.get(&format!("/store/api/v1/{path}")).await;
        if answered.status.is_server_error() {
            wrong.push(format!("{path}: {} {}", answered.status, answered.text));
        }
    }
    assert!(wrong.is_empty(), "{} faults\n{}", wrong.len(), wrong.join("\n"));
    assert!(yard.desk.count(count).await >= before, "what was there is there");
    yard.desk.close().await;
}

/// What the process holds in memory, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_megabytes_are_refused_after_the_first_and_are_never_held() {
    const MEGABYTES: usize = 100;
    let desk = Desk::open().await;
    let (mut child, base) = crash::start(desk.settings.database_url.expose_secret()).await;
    let pid = child.id().unwrap();
    let address = base.trim_start_matches("http://").to_owned();
    // Warm: whatever one request costs has been paid.
    reply(desk.client.get(format!("{base}/ready"))).await.expect(200);
    let before = resident(pid);
    for (path, length) in [
        ("/api/v1/orders", format!("Content-Length: {}", MEGABYTES << 20)),
        ("/api/v1/orders", "Transfer-Encoding: chunked".to_owned()),
        ("/store/api/v1/orders", "Transfer-Encoding: chunked".to_owned()),
        ("/crm/api/orders/from-website", "Transfer-Encoding: chunked".to_owned()),
        ("/market/api/v1/auth/register/email", "Transfer-Encoding: chunked".to_owned()),
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nIdempotency-Key: big\r\n\
             Content-Type: application/json\r\n{length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let mut taken = 0;
        let pour = async {
            let megabyte = vec![b' '; 1 << 20];
            for _ in 0..MEGABYTES {
                if length.starts_with("Transfer") && writer.write_all(b"100000\r\n").await.is_err() {
                    break;
                }
                if writer.write_all(&megabyte).await.is_err() {
                    break;
                }
                taken += 1;
                if length.starts_with("Transfer") && writer.write_all(b"\r\n").await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        };
        let mut answer = [0; 12];
        let answered = tokio::select! {
            () = pour => unreachable!("it never ends by itself"),
            read = tokio::time::timeout(Duration::from_secs(20), reader.read_exact(&mut answer)) => read,
        };
        let read = answered.expect("an answer in time");
        // The connection may be reset while much is still under way; then there is no answer left to read.
        if read.is_ok() {
            let status = std::str::from_utf8(&answer[9..]).unwrap();
            assert!(["413", "401", "503", "404"].contains(&status), "{path}: {status}");
        }
        assert!(taken < 20, "{path}: {taken} megabytes were taken before it was refused");
    }
    let grown = resident(pid).saturating_sub(before);
    assert!(grown < 24 << 10, "{grown} KiB more at the most");
    child.kill().await.unwrap();
    desk.close().await;
}
