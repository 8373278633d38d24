//! The paths that the Store API and the marketplace both have: who asks decides which of them answers, before the body is
//! read.

use orderline::store::{Role, Service};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::desk::{BUYER, Desk, Reply, TOKEN, basket, reply};
use crate::passport::{self, Passports};

/// Which system answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Face {
    Store,
    Market,
    /// There is no credential: the marketplace, which shows its products to everybody.
    Nobody,
    /// The credential is not good: nobody knows whose it was.
    Neither,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// A body of the Store API.
    Store,
    /// A body of the marketplace.
    Market,
    /// The members of both.
    Both,
    Empty,
}

/// A path of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    Create,
    Read,
    Confirm,
    Cancel,
    Products,
    Product,
}

const PAIRS: [Pair; 6] =
    [Pair::Create, Pair::Read, Pair::Confirm, Pair::Cancel, Pair::Products, Pair::Product];
const SENT: [Sent; 4] = [Sent::Store, Sent::Market, Sent::Both, Sent::Empty];

/// The status, and words that only this face writes.
type Expected = (u16, &'static str);

/// The table: what a face answers to a body.
fn expected(face: Face, pair: Pair, sent: Sent) -> Expected {
    match (face, pair, sent) {
        // Products are no secret of the marketplace's.
        (Face::Nobody, Pair::Products, _) => (200, "\"nextCursor\":"),
        (Face::Nobody, Pair::Product, _) => (200, "\"isActive\":"),
        (Face::Nobody | Face::Neither, ..) => (401, "\"code\":\"unauthorized\""),

        (Face::Store, Pair::Create, Sent::Store) => (201, "\"order_number\":"),
        (Face::Store, Pair::Create, Sent::Market | Sent::Both) => {
            (422, "expected one of `items`, `customer_phone`")
        }
        (Face::Store, Pair::Create, Sent::Empty) => (422, "missing field `items`"),
        (Face::Store, Pair::Read, _) => (200, "\"order_number\":"),
        (Face::Store, Pair::Confirm, Sent::Store) => (200, "\"sms_sent\":"),
        (Face::Store, Pair::Confirm, Sent::Market | Sent::Both) => (422, "expected one of `payment_method`"),
        (Face::Store, Pair::Confirm, Sent::Empty) => (422, "missing field `payment_method`"),
        (Face::Store, Pair::Cancel, Sent::Market | Sent::Both) => (422, "expected `reason`"),
        (Face::Store, Pair::Cancel, _) => (200, "\"order_number\":"),
        (Face::Store, Pair::Products, _) => (200, "\"next_cursor\":"),
        (Face::Store, Pair::Product, _) => (200, "\"attributes\":"),

        (Face::Market, Pair::Create, Sent::Market) => (201, "\"orderId\":"),
        (Face::Market, Pair::Create, _) => (422, "\"code\":\"invalid-request\""),
        (Face::Market, Pair::Read, _) => (200, "\"totalAmount\":"),
        (Face::Market, Pair::Confirm, Sent::Empty) => (409, "\"code\":\"invalid-transition\""),
        (Face::Market, Pair::Confirm, _) => (422, "\"code\":\"invalid-request\""),
        (Face::Market, Pair::Cancel, Sent::Store) => (200, "\"totalAmount\":"),
        (Face::Market, Pair::Cancel, _) => (422, "\"code\":\"invalid-request\""),
        (Face::Market, Pair::Products, _) => (200, "\"nextCursor\":"),
        (Face::Market, Pair::Product, _) => (200, "\"isActive\":"),
    }
}

/// A shop, and what is asked for in it.
struct Shop {
    desk: Desk,
    product: Value,
}

impl Shop {
    async fn open(passports: &Passports) -> Self {
        let desk = passport::open(passports).await;
        desk.run("update stock.stock_items set on_hand = 100000").await;
        let product = desk.product("кама 175 70 13").await;
        Self { desk, product }
    }

    fn body(&self, pair: Pair, sent: Sent) -> Option<Value> {
        let store = match pair {
            Pair::Confirm => json!({"payment_method": "cash_on_delivery"}),
            Pair::Cancel => json!({"reason": "передумал"}),
            _ => basket(BUYER, &self.product, 1),
        };
        let market = json!({
            "productId": self.product["id"], "country": "Россия", "region": "Москва", "city": "Москва",
            "street": "улица Ленина, дом 5",
        });
        match sent {
            Sent::Store => Some(store),
            Sent::Market => Some(market),
            Sent::Both => {
                let mut both = store;
                both.as_object_mut().unwrap().extend(market.as_object().unwrap().clone());
                Some(both)
            }
            Sent::Empty => None,
        }
    }

    /// An order that this face shows and that can still be confirmed and cancelled.
    async fn order(&self, face: Face, token: Option<&str>) -> String {
        match (face, token) {
            (Face::Market, Some(token)) => {
                let body = self.body(Pair::Create, Sent::Market);
                let made = passport::ask(
                    &self.desk,
                    Some(token),
                    Method::POST,
                    "/market/api/v1/orders",
                    body.as_ref(),
                );
                made.await.expect(201)["orderId"].as_str().unwrap().to_owned()
            }
            _ => self.desk.ready(BUYER).await,
        }
    }

    async fn ask(&self, pair: Pair, token: Option<&str>, order: &str, sent: Sent) -> Reply {
        let product = self.product["id"].as_str().unwrap();
        let (method, path) = match pair {
            Pair::Create => (Method::POST, "/api/v1/orders".to_owned()),
            Pair::Read => (Method::GET, format!("/api/v1/orders/{order}")),
            Pair::Confirm => (Method::POST, format!("/api/v1/orders/{order}/confirm")),
            Pair::Cancel => (Method::POST, format!("/api/v1/orders/{order}/cancel")),
            Pair::Products => (Method::GET, "/api/v1/products?limit=1".to_owned()),
            Pair::Product => (Method::GET, format!("/api/v1/products/{product}")),
        };
        let mut request = self.desk.client.request(method, format!("{}{path}", self.desk.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        // One key for each request: the Store API wants one, the marketplace honours one.
        request = request.header("Idempotency-Key", uuid::Uuid::new_v4().to_string());
        if let Some(body) = self.body(pair, sent) {
            request = request.json(&body);
        }
        reply(request).await
    }
}

/// A customer who has just registered at the marketplace.
async fn customer_token(desk: &Desk) -> String {
    let registered = crate::identity::register(desk, "anna@shop.example").await;
    registered["accessToken"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_asks_decides_which_system_answers_and_the_body_never_does() {
    let passports = Passports::new();
    let shop = Shop::open(&passports).await;
    let desk = &shop.desk;
    let user = passports.user(desk, BUYER, true).await;
    let roles = |roles: &'static [&'static str]| passports.sign(desk, user, roles, 600);
    let callers = [
        ("voice server", Some(TOKEN.to_owned()), Face::Store),
        ("service", Some(passport::token(desk, Role::Service).await), Face::Store),
        ("manager", Some(passport::token(desk, Role::Manager).await), Face::Store),
        ("admin", Some(passport::token(desk, Role::Admin).await), Face::Store),
        ("signed-in manager", Some(roles(&["customer", "manager"]).await), Face::Store),
        ("signed-in admin", Some(roles(&["admin"]).await), Face::Store),
        ("customer", Some(roles(&["customer"]).await), Face::Market),
        ("registered customer", Some(customer_token(desk).await), Face::Market),
        ("nobody", None, Face::Nobody),
        ("garbage", Some("garbage".to_owned()), Face::Neither),
        ("garbage of ours", Some("olt_garbage".to_owned()), Face::Neither),
        ("expired token", Some(passport::expired_token(desk, Role::Agent).await), Face::Neither),
        ("expired customer", Some(passports.sign(desk, user, &["customer"], -60).await), Face::Neither),
        ("expired admin", Some(passports.sign(desk, user, &["admin"], -60).await), Face::Neither),
    ];
    let mut asked = 0;
    for (who, token, face) in &callers {
        for pair in PAIRS {
            for sent in SENT {
                let order = shop.order(*face, token.as_deref()).await;
                let before = desk.count("select count(*) from orders.orders").await;
                let answer = shop.ask(pair, token.as_deref(), &order, sent).await;
                let (status, words) = expected(*face, pair, sent);
                let said = format!("{who}: {pair:?} with {sent:?}: {} {}", answer.status, answer.text);
                assert!(
                    answer.status.as_u16() == status && answer.text.contains(words),
                    "{status} {words} {said}"
                );
                let made = desk.count("select count(*) from orders.orders").await - before;
                assert_eq!(made, i64::from(answer.status == StatusCode::CREATED), "{said}");
                asked += 1;
            }
        }
    }
    assert_eq!(asked, 14 * 6 * 4);
    shop.desk.close().await;
}

#[tokio::test]
async fn a_method_that_neither_system_has_is_refused_for_everybody() {
    let passports = Passports::new();
    let shop = Shop::open(&passports).await;
    let desk = &shop.desk;
    let user = passports.user(desk, BUYER, true).await;
    let customer = passports.sign(desk, user, &["customer"], 600).await;
    for token in [None, Some(TOKEN), Some(customer.as_str())] {
        for (method, path) in [
            (Method::DELETE, "/api/v1/orders"),
            (Method::PUT, "/api/v1/orders/018f0000-0000-7000-8000-000000000000"),
            (Method::GET, "/api/v1/orders/018f0000-0000-7000-8000-000000000000/confirm"),
            (Method::POST, "/api/v1/products"),
        ] {
            let answer = passport::ask(desk, token, method.clone(), path, None).await;
            let allow = answer.headers.contains_key("allow");
            assert!(allow, "{method} {path}: {} {}", answer.status, answer.text);
            answer.refused(405, "method-not-allowed");
        }
    }
    shop.desk.close().await;
}

#[tokio::test]
async fn where_only_the_store_api_runs_it_has_its_paths_to_itself() {
    let passports = Passports::new();
    let key = passports.key();
    let desk = Desk::open_with(move |settings| {
        settings.identity.signing_key_file = Some(key);
        settings.services = vec![Service::Store];
    })
    .await;
    let user = passports.user(&desk, BUYER, true).await;
    let customer = passports.sign(&desk, user, &["customer"], 600).await;
    let id = desk.ready(BUYER).await;
    for path in [format!("/api/v1/orders/{id}"), "/api/v1/products".to_owned()] {
        let get = async |token: Option<&str>| passport::ask(&desk, token, Method::GET, &path, None).await;
        get(Some(TOKEN)).await.expect(200);
        get(Some(&customer)).await.refused(403, "forbidden");
        get(None).await.refused(401, "unauthorized");
    }
    for path in ["/lightbulb/openapi.json", "/market/docs", "/api/v1/orders/statuses/x", "/crm/docs"] {
        passport::ask(&desk, Some(TOKEN), Method::GET, path, None).await.refused(404, "not-found");
    }
    let index = passport::ask(&desk, None, Method::GET, "/", None).await;
    assert!(index.text.contains("/store/docs") && !index.text.contains("/market/docs"), "{}", index.text);
    desk.close().await;
}
