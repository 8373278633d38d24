//! ProductOrderApi from outside: a buyer's whole way, and everything that it refuses.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::desk::{TOKEN, reply, until};
use crate::market_desk::{Buyer, Market};

const PHONE: &str = "+79051112233";
const OTHER: &str = "+79051112244";

#[tokio::test]
async fn an_order_is_reserved_paid_and_confirmed_and_each_step_may_be_repeated() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let body = market.body(2).await;
    let reply = market.post(&buyer.token, "/api/v1/orders", body.clone()).await;
    assert!(reply.text.contains("\"currency\":\"RUB\"") && reply.text.contains(".00"), "{}", reply.text);
    let id = reply.headers["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let placed = reply.expect(201);
    assert_eq!((placed["status"].as_str(), placed["orderId"].as_str()), (Some("CREATED"), Some(id.as_str())));
    let mut members: Vec<&str> = placed.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    let expected = ["createdAt", "currency", "items", "orderId", "orderNumber", "status", "totalAmount"];
    assert_eq!(members, expected);
    assert_eq!(placed["items"][0]["quantity"], 2);
    let details = market.see(&buyer, &id).await;
    for (name, value) in
        [("country", "Россия"), ("region", "Тверская"), ("city", "Бологое"), ("street", "Ленина, 5")]
    {
        assert_eq!(details[name], value);
    }

    let reserved = market.does(&buyer, &id, "reserve", json!({})).await;
    assert_eq!(reserved.headers["etag"], "\"2\"");
    let reserved = reserved.expect(200);
    assert_eq!(reserved["status"], "RESERVED");
    assert!(reserved["reservationId"].is_string() && reserved["expiresAt"].is_string(), "{reserved}");
    assert_eq!(market.does(&buyer, &id, "reserve", json!({})).await.expect(200), reserved);

    let paying = market.does(&buyer, &id, "pay", json!({"cardToken": "tok_ok_1"})).await.expect(202);
    assert_eq!(paying["status"], "pending");
    let paid = market.until(&buyer, &id, "PAID").await;
    assert_eq!((&paid["expiresAt"], &paid["paymentStatus"]), (&json!(null), &json!("paid")));
    let again = market.does(&buyer, &id, "pay", json!({"cardToken": "tok_ok_1"})).await.expect(202);
    assert_eq!((&again["paymentId"], &again["status"]), (&paying["paymentId"], &json!("paid")));

    let confirmed = market.does(&buyer, &id, "confirm", json!({})).await.expect(200);
    assert_eq!(confirmed["status"], "CONFIRMED");
    assert_eq!(market.does(&buyer, &id, "confirm", json!({})).await.expect(200), confirmed);
    assert_eq!(market.does(&buyer, &id, "reserve", json!({})).await.expect(200), confirmed);
    assert_eq!(market.told(&id).await, ["order_created", "order_paid", "order_confirmed"]);

    let cancelled = market.does(&buyer, &id, "cancel", json!({"reason": "передумал"})).await.expect(200);
    assert_eq!((&cancelled["status"], &cancelled["reason"]), (&json!("CANCELLED"), &json!("передумал")));
    let again = market.does(&buyer, &id, "cancel", json!({"reason": "ещё раз"})).await.expect(200);
    assert_eq!((&again["reason"], &again["updatedAt"]), (&cancelled["reason"], &cancelled["updatedAt"]));
    until(async || market.see(&buyer, &id).await["paymentStatus"] == "refunded").await;
    assert_eq!(market.told(&id).await.last().unwrap(), "order_cancelled");
    let events = "select count(*) from orders.events where order_id = $1";
    assert_eq!(market.number(events, &id).await, 6, "repeated steps leave no trace");
    market.close().await;
}

#[tokio::test]
async fn an_order_to_a_known_city_costs_its_delivery_and_is_paid_as_it_said() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let mut body = market.body(1).await;
    let product = market.desk.product("кама 175 70 13").await["id"].clone();
    body.as_object_mut().unwrap().remove("items");
    body["productId"] = product;
    body["city"] = json!("москве");
    body["phone"] = json!("+7 905 111-22-33");
    let reply = market.post(&buyer.token, "/api/v1/orders", body).await;
    let placed = reply.expect(201);
    let id = placed["orderId"].as_str().unwrap();
    let details = market.see(&buyer, id).await;
    assert_eq!((&details["city"], details["deliveryAmount"].as_f64()), (&json!("Москва"), Some(390.0)));
    let sum = placed["items"][0]["total"].as_f64().unwrap() + 390.0;
    assert_eq!(placed["totalAmount"].as_f64().unwrap(), sum);
    market.does(&buyer, id, "reserve", json!({})).await.expect(200);
    // A method that the order does not have is no method.
    market.does(&buyer, id, "pay", json!({"method": "card"})).await.refused(422, "invalid-request");
    let paying = market.ask(&buyer.token, Method::POST, &format!("/api/v1/orders/{id}/pay"), None).await;
    let payment = paying.expect(202)["paymentId"].clone();
    market.until(&buyer, id, "PAID").await;
    let payment =
        market.get(&market.service, &format!("/api/v1/payments/{}", payment.as_str().unwrap())).await;
    assert_eq!(payment.expect(200)["method"], "phone");
    assert_eq!(market.desk.count("select count(*) from pay.chosen").await, 0);
    market.close().await;
}

#[tokio::test]
async fn a_buyer_pages_through_their_own_orders_and_those_of_their_verified_number() {
    let market = Market::open().await;
    let desk = &market.desk;
    let (buyer, stranger) = (market.buyer(PHONE, true).await, market.buyer(OTHER, false).await);
    // Made by telephone: one under each number, and a draft, which is nobody's yet.
    let by_phone = desk.ready(PHONE).await;
    desk.confirm(&by_phone).await.expect(200);
    let draft = desk.ready(PHONE).await;
    let others = desk.ready(OTHER).await;
    desk.confirm(&others).await.expect(200);
    let mut own = vec![by_phone.clone()];
    for _ in 0..4 {
        own.insert(0, market.order(&buyer).await);
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/orders/me?limit=2".to_owned();
    loop {
        let page = market.get(&buyer.token, &path).await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|order| order["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/api/v1/orders/me?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, own);
    let phoned = market.see(&buyer, &by_phone).await;
    assert_eq!((&phoned["status"], &phoned["street"]), (&json!("RESERVED"), &json!("улица Ленина, дом 5")));
    for bad in ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=%00"] {
        let path = format!("/api/v1/orders/me?{bad}");
        market.get(&buyer.token, &path).await.refused(422, "invalid-request");
    }

    // A number that is not verified opens nothing, and neither do drafts.
    let none = market.get(&stranger.token, "/api/v1/orders/me").await.expect(200);
    assert_eq!(none, json!({"items": [], "nextCursor": null}));
    for (whose, id) in [(&stranger, &others), (&buyer, &draft), (&stranger, &own[0]), (&buyer, &others)] {
        market.get(&whose.token, &format!("/api/v1/orders/{id}")).await.refused(404, "not-found");
        for (deed, body) in [
            ("reserve", json!({})),
            ("pay", json!({"cardToken": "tok_ok"})),
            ("confirm", json!({})),
            ("cancel", json!({"reason": "no"})),
        ] {
            market.does(whose, id, deed, body).await.refused(404, "not-found");
        }
    }
    // The stranger's own order does not go to the number of somebody whom the shop knows.
    let id = market.order(&stranger).await;
    let phone = "select count(customer_phone) from orders.orders where id = $1";
    assert_eq!(market.number(phone, &id).await, 0);
    market.close().await;
}

#[tokio::test]
async fn only_buyers_order_and_a_token_must_be_good() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let id = market.order(&buyer).await;
    let manager = market.sign(buyer.user, &["manager"]);
    let body = market.body(1).await;
    for (method, path, body) in [
        (Method::POST, "/market/api/v1/orders".to_owned(), Some(body)),
        (Method::GET, "/market/api/v1/orders/me".to_owned(), None),
        (Method::GET, format!("/market/api/v1/orders/{id}"), None),
        (Method::POST, format!("/market/api/v1/orders/{id}/reserve"), None),
        (Method::POST, format!("/market/api/v1/orders/{id}/pay"), Some(json!({"cardToken": "tok_ok"}))),
        (Method::POST, format!("/market/api/v1/orders/{id}/confirm"), None),
        (Method::POST, format!("/market/api/v1/orders/{id}/cancel"), Some(json!({"reason": "x"}))),
    ] {
        let ask = |token: String| {
            let (market, method, path, body) = (&market, method.clone(), path.clone(), body.clone());
            async move { market.ask(&token, method, &path, body).await }
        };
        for token in ["", "nonsense", "a.b.c"] {
            ask(token.to_owned()).await.refused(401, "unauthorized");
        }
        for token in [TOKEN, &market.service, &manager] {
            ask(token.to_owned()).await.refused(403, "forbidden");
        }
    }
    // An account that is gone.
    let ghost = market.sign(Uuid::now_v7(), &["customer"]);
    market.get(&ghost, "/api/v1/orders/me").await.refused(401, "unauthorized");
    market.post(&ghost, "/api/v1/orders", market.body(1).await).await.refused(401, "unauthorized");
    let status = json!({"paymentId": Uuid::now_v7(), "status": "succeeded"});
    let path = format!("/api/v1/orders/{id}/payment-status");
    market.post(&buyer.token, &path, status.clone()).await.refused(403, "forbidden");
    market.post("", &path, status).await.refused(401, "unauthorized");
    market.close().await;
}

/// A body with one member changed, or dropped for null.
fn with(body: &Value, name: &str, value: Value) -> Value {
    let mut body = body.clone();
    match value {
        Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
        value => body[name] = value,
    }
    body
}

#[tokio::test]
async fn what_makes_no_order_is_refused_by_the_name_of_its_field() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let good = market.body(1).await;
    let product = good["items"][0]["productId"].clone();
    let line = |quantity: Value| json!([{"productId": product, "quantity": quantity}]);
    let many: Vec<Value> = (0..51).map(|_| json!({"productId": Uuid::now_v7(), "quantity": 1})).collect();
    for (name, value, pointer) in [
        ("items", json!([]), "/items"),
        ("items", json!(many), "/items"),
        ("items", json!(null), "/productId"),
        ("productId", product.clone(), "/productId"),
        ("items", line(json!(0)), "/items/0/quantity"),
        ("items", line(json!(-1)), "/items/0/quantity"),
        ("items", line(json!(1.5)), "/items/0/quantity"),
        ("items", line(json!("1")), "/items/0/quantity"),
        ("items", line(json!(1000)), "/items/0/quantity"),
        ("items", line(json!(99_999_999_999_i64)), "/items/0/quantity"),
        ("items", line(json!(2e300)), "/items/0/quantity"),
        ("items", json!([{"productId": "1; drop table orders.orders", "quantity": 1}]), "/items/0/productId"),
        ("items", json!([{"productId": product, "quantity": 1, "price": 1}]), "/items/0/price"),
        ("country", json!(null), ""),
        ("country", json!(" "), "/country"),
        ("region", json!("\u{0}"), "/region"),
        ("city", json!("a\nb"), "/city"),
        ("street", json!("я".repeat(501)), "/street"),
        ("card", json!(""), "/card"),
        ("card", json!("два слова"), "/card"),
        ("card", json!("x".repeat(201)), "/card"),
        ("phone", json!("12"), "/phone"),
        ("phone", json!("+7\u{0}9051112233"), "/phone"),
        ("price", json!(1), "/price"),
    ] {
        let body = with(&good, name, value);
        let problem = market.post(&buyer.token, "/api/v1/orders", body).await.refused(422, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{name}: {problem}");
    }
    let both = with(&with(&good, "card", json!("tok_ok")), "phone", json!(PHONE));
    market.post(&buyer.token, "/api/v1/orders", both).await.refused(422, "invalid-request");
    let unknown = with(&good, "items", json!([{"productId": Uuid::now_v7(), "quantity": 1}]));
    market.post(&buyer.token, "/api/v1/orders", unknown).await.refused(422, "unknown-product");
    let short = with(&good, "items", line(json!(999)));
    market.post(&buyer.token, "/api/v1/orders", short).await.refused(409, "out-of-stock");
    assert_eq!(market.desk.count("select count(*) from orders.orders where source = 'market'").await, 0);

    // Words of SQL are words.
    let words = "'; drop table orders.orders; -- \" \\ %s $1";
    let odd = with(&with(&good, "street", json!(words)), "country", json!("🇷🇺"));
    let id = market.post(&buyer.token, "/api/v1/orders", odd).await.expect(201)["orderId"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(market.see(&buyer, id).await["street"], words);
    for reason in [json!(null), json!(""), json!("\u{0}"), json!("я".repeat(501)), json!(1)] {
        market
            .does(&buyer, id, "cancel", with(&json!({}), "reason", reason))
            .await
            .refused(422, "invalid-request");
    }
    for (deed, body) in [("reserve", json!({"x": 1})), ("confirm", json!([1])), ("pay", json!({"amount": 1}))]
    {
        market.does(&buyer, id, deed, body).await.refused(422, "invalid-request");
    }
    market.get(&buyer.token, "/api/v1/orders/no-uuid").await.refused(404, "not-found");
    let nowhere = Uuid::now_v7().to_string();
    market.does(&buyer, &nowhere, "reserve", json!({})).await.refused(404, "not-found");
    market.close().await;
}

#[tokio::test]
async fn steps_out_of_their_order_are_refused_and_change_nothing() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let id = market.order(&buyer).await;
    market.does(&buyer, &id, "confirm", json!({})).await.refused(409, "invalid-transition");
    let pay = json!({"cardToken": "tok_timeout"});
    market.does(&buyer, &id, "pay", pay.clone()).await.refused(409, "reservation-missing");
    market.does(&buyer, &id, "reserve", json!({})).await.expect(200);
    market.does(&buyer, &id, "pay", json!({})).await.refused(422, "invalid-request");
    market.does(&buyer, &id, "pay", pay.clone()).await.expect(202);
    market.does(&buyer, &id, "confirm", json!({})).await.refused(409, "payment-missing");
    let stale = market.desk.client.post(format!("{}/api/v1/orders/{id}/cancel", market.desk.base));
    let stale = stale.bearer_auth(&buyer.token).header("If-Match", "\"1\"").json(&json!({"reason": "x"}));
    reply(stale).await.refused(412, "version-mismatch");
    market.does(&buyer, &id, "cancel", json!({"reason": "x"})).await.expect(200);
    market.does(&buyer, &id, "reserve", json!({})).await.refused(409, "invalid-transition");
    market.does(&buyer, &id, "pay", pay).await.refused(409, "invalid-transition");
    market.does(&buyer, &id, "confirm", json!({})).await.refused(409, "invalid-transition");
    assert_eq!(market.told(&id).await, ["order_created", "order_cancelled"]);

    // Somebody bought the rest between the order and its reservation.
    let id = market.order(&buyer).await;
    market.desk.run("update stock.stock_items set on_hand = reserved").await;
    let short = market.does(&buyer, &id, "reserve", json!({})).await.refused(409, "out-of-stock");
    assert_eq!((&short["errors"][0]["requested"], &short["errors"][0]["available"]), (&json!(2), &json!(0)));
    market.desk.close().await;
}

#[tokio::test]
async fn a_repeated_key_makes_one_order_and_too_many_unpaid_ones_are_refused() {
    let market = Market::open_with(|settings| settings.max_unpaid_orders = 2).await;
    let buyer = market.buyer(PHONE, true).await;
    let body = market.body(1).await;
    let place = async || {
        let request = market.desk.client.post(format!("{}/api/v1/orders", market.desk.base));
        reply(request.bearer_auth(&buyer.token).header("Idempotency-Key", "k").json(&body)).await
    };
    let (first, second) = (place().await, place().await);
    assert_eq!((first.text, second.headers["idempotent-replayed"].to_str().unwrap()), (second.text, "true"));
    market.post(&buyer.token, "/api/v1/orders", body.clone()).await.expect(201);
    market.post(&buyer.token, "/api/v1/orders", body.clone()).await.refused(409, "too-many-orders");
    // Without a number a buyer is still counted.
    let other = market.buyer(OTHER, true).await;
    market.desk.run("update identity.users set phone_e164 = null, phone_verified = false").await;
    for _ in 0..2 {
        market.post(&other.token, "/api/v1/orders", body.clone()).await.expect(201);
    }
    market.post(&other.token, "/api/v1/orders", body).await.refused(409, "too-many-orders");
    market.close().await;
}

#[tokio::test]
async fn somebody_who_registers_buys_at_once_and_hears_of_it() {
    let market = Market::open().await;
    let body =
        json!({"firstName": "Олег", "lastName": "Ян", "phone": "+79051112255", "password": "верный конь 7"});
    let registered = market.post("", "/api/v1/auth/register/phone", body).await.expect(201);
    let token = registered["accessToken"].as_str().unwrap().to_owned();
    let buyer = Buyer { user: registered["user"]["id"].as_str().unwrap().parse().unwrap(), token };
    let (order, _) = market.paying(&buyer, "tok_ok").await;
    market.until(&buyer, &order, "PAID").await;
    assert_eq!(market.does(&buyer, &order, "confirm", json!({})).await.expect(200)["status"], "CONFIRMED");
    assert_eq!(market.told(&order).await, ["order_created", "order_paid", "order_confirmed"]);
    market.close().await;
}
