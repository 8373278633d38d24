//! ReserverProductApi from outside.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::desk::TOKEN;
use crate::market_desk::Market;

const PHONE: &str = "+79051112233";

#[tokio::test]
async fn a_programme_reserves_releases_and_confirms_and_each_may_be_repeated() {
    let market = Market::open().await;
    let (buyer, service) = (market.buyer(PHONE, true).await, market.service.clone());
    let order = market.order(&buyer).await;
    let product = market.see(&buyer, &order).await["items"][0]["productId"].clone();
    let body = json!({"orderId": order, "items": [{"productId": product, "quantity": 2}]});
    let made = market.post(&service, "/api/v1/reservations", body.clone()).await;
    let location = made.headers["location"].to_str().unwrap().to_owned();
    let made = made.expect(201);
    assert_eq!(made["status"], "active");
    let seen = market.get(&service, &location).await.expect(200);
    assert_eq!(seen["items"], json!([{"productId": product, "reservedQuantity": 2}]));
    assert_eq!((&seen["reservationId"], &seen["orderId"]), (&made["reservationId"], &json!(order)));
    assert!(seen["createdAt"].is_string() && seen["expiresAt"].is_string(), "{seen}");
    let exists =
        market.post(&service, "/api/v1/reservations", body.clone()).await.refused(409, "reservation-exists");
    assert_eq!(exists["reservation_id"], made["reservationId"]);
    assert_eq!(market.see(&buyer, &order).await["status"], "RESERVED");

    // Goods that wait for their money are not taken.
    let end = async |location: &str, how: &str| {
        market.ask(&service, Method::POST, &format!("{location}/{how}"), None).await
    };
    end(&location, "confirm").await.refused(409, "payment-missing");
    let released = end(&location, "release").await.expect(200);
    assert_eq!((&released["status"], &released["expiresAt"]), (&json!("released"), &json!(null)));
    assert_eq!(end(&location, "release").await.expect(200), released);
    end(&location, "confirm").await.refused(409, "invalid-transition");
    assert_eq!(market.see(&buyer, &order).await["status"], "CREATED");

    let again = market.post(&service, "/api/v1/reservations", body).await.expect(201);
    let location = format!("/api/v1/reservations/{}", again["reservationId"].as_str().unwrap());
    market.does(&buyer, &order, "pay", json!({"cardToken": "tok_ok"})).await.expect(202);
    market.until(&buyer, &order, "PAID").await;
    end(&location, "release").await.refused(409, "invalid-transition");
    let confirmed = end(&location, "confirm").await.expect(200);
    assert_eq!(confirmed["status"], "confirmed");
    assert_eq!(end(&location, "confirm").await.expect(200), confirmed);
    end(&location, "release").await.refused(409, "invalid-transition");
    market.adds_up().await;
    // The buyer's confirmation takes nothing a second time, and a cancellation puts back what was taken.
    market.does(&buyer, &order, "confirm", json!({})).await.expect(200);
    market.adds_up().await;
    market.does(&buyer, &order, "cancel", json!({"reason": "x"})).await.expect(200);
    market.close().await;
}

#[tokio::test]
async fn a_reservation_names_the_whole_order_and_nothing_else() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let order = market.order(&buyer).await;
    let product = market.see(&buyer, &order).await["items"][0]["productId"].clone();
    let line = |quantity: Value| json!([{"productId": product, "quantity": quantity}]);
    let two = json!([{"productId": product, "quantity": 1}, {"productId": product, "quantity": 1}]);
    for (items, pointer) in [
        (json!([]), "/items"),
        (line(json!(1)), "/items"),
        (line(json!(3)), "/items/0/quantity"),
        (line(json!(0)), "/items/0/quantity"),
        (line(json!(-2)), "/items/0/quantity"),
        (line(json!(1.5)), "/items/0/quantity"),
        (line(json!(2_147_483_648_i64)), "/items/0/quantity"),
        (json!([{"productId": Uuid::now_v7(), "quantity": 2}]), "/items/0/productId"),
        (json!([{"productId": "\u{0}", "quantity": 2}]), "/items/0/productId"),
    ] {
        let body = json!({"orderId": order, "items": items});
        let refused = market.post(&market.service, "/api/v1/reservations", body).await;
        assert_eq!(refused.refused(422, "invalid-request")["errors"][0]["pointer"], pointer);
    }
    let nowhere = json!({"orderId": Uuid::now_v7(), "items": two});
    market.post(&market.service, "/api/v1/reservations", nowhere).await.refused(404, "not-found");
    // Two lines of one product are as good as one.
    let body = json!({"orderId": order, "items": two});
    market.post(&market.service, "/api/v1/reservations", body.clone()).await.expect(201);
    market.does(&buyer, &order, "cancel", json!({"reason": "x"})).await.expect(200);
    market.post(&market.service, "/api/v1/reservations", body).await.refused(409, "invalid-transition");
    market.close().await;
}

#[tokio::test]
async fn the_shelf_is_the_shops_own_business() {
    let market = Market::open().await;
    let buyer = market.buyer(PHONE, true).await;
    let order = market.reserved(&buyer).await;
    let reservation = market.see(&buyer, &order).await["reservationId"].as_str().unwrap().to_owned();
    let admin = market.sign(Uuid::now_v7(), &["admin"]);
    let mut seen = 0;
    let mut path = "/api/v1/stocks?limit=20".to_owned();
    loop {
        let page = market.get(&admin, &path).await.expect(200);
        for item in page["items"].as_array().unwrap() {
            let number = |name: &str| item[name].as_i64().unwrap();
            assert_eq!(number("available"), number("onHand") - number("reserved"));
            seen += 1;
        }
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/api/v1/stocks?limit=20&cursor={cursor}");
    }
    assert_eq!(seen, 27);
    for bad in ["limit=0", "cursor=x", "limit=a"] {
        market.get(&admin, &format!("/api/v1/stocks?{bad}")).await.refused(422, "invalid-request");
    }
    let one = format!("/api/v1/reservations/{reservation}");
    for (method, path) in [
        (Method::GET, "/api/v1/stocks".to_owned()),
        (Method::POST, "/api/v1/reservations".to_owned()),
        (Method::GET, one.clone()),
        (Method::POST, format!("{one}/confirm")),
        (Method::POST, format!("{one}/release")),
    ] {
        market.ask("", method.clone(), &path, None).await.refused(401, "unauthorized");
        for token in [&buyer.token, TOKEN, &market.sign(buyer.user, &["manager"])] {
            market.ask(token, method.clone(), &path, None).await.refused(403, "forbidden");
        }
    }
    for id in [Uuid::now_v7().to_string(), "x".into()] {
        market.get(&admin, &format!("/api/v1/reservations/{id}")).await.refused(404, "not-found");
        for how in ["confirm", "release"] {
            let path = format!("/api/v1/reservations/{id}/{how}");
            market.ask(&admin, Method::POST, &path, None).await.refused(404, "not-found");
        }
    }
    market.close().await;
}
