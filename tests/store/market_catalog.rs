//! ProductCatalogApi from outside.

use serde_json::json;
use uuid::Uuid;

use crate::market_desk::Market;

#[tokio::test]
async fn anybody_sees_products_their_prices_and_their_stock() {
    let market = Market::open().await;
    let mut seen = Vec::new();
    let mut path = "/api/v1/products?limit=10".to_owned();
    loop {
        let page = market.get("", &path).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/api/v1/products?limit=10&cursor={cursor}");
    }
    assert_eq!(seen.len(), 27);
    let mut members: Vec<&String> = seen[0].as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["currency", "id", "name", "price", "stock"]);

    let found = market.get("", "/api/v1/products?q=кама 175 70 13&limit=1").await.expect(200);
    let product = &found["items"][0];
    assert!(found["nextCursor"].is_null());
    let id = product["id"].as_str().unwrap();
    let whole = market.get("", &format!("/api/v1/products/{id}")).await.expect(200);
    assert_eq!((&whole["isActive"], &whole["attributes"]["brand"]), (&json!(true), &json!("kama")));
    assert!(whole["description"].is_string());
    let price = market.get("", &format!("/api/v1/products/{id}/price")).await;
    assert!(price.text.contains(".00"), "{}", price.text);
    assert_eq!(price.expect(200), json!({"productId": id, "price": product["price"], "currency": "RUB"}));

    // What is reserved is not available.
    let buyer = market.buyer("+79051112233", true).await;
    market.reserved(&buyer).await;
    let left = product["stock"].as_i64().unwrap() - 2;
    let stock = market.get("", &format!("/api/v1/products/{id}/stock")).await.expect(200);
    assert_eq!(stock, json!({"productId": id, "available": left}));
    // A buyer sees the marketplace's face; the voice server the Store API's.
    let listed = market.get(&buyer.token, &format!("/api/v1/products/{id}")).await.expect(200);
    assert_eq!(listed["stock"], left);
    assert!(market.desk.get(&format!("/api/v1/products/{id}")).await.expect(200)["is_active"].is_boolean());
    market.close().await;
}

#[tokio::test]
async fn nonsense_is_no_product() {
    let market = Market::open().await;
    for part in ["", "/price", "/stock"] {
        for id in [Uuid::now_v7().to_string(), "x".to_owned(), "%00".to_owned(), "'--".to_owned()] {
            market.get("", &format!("/api/v1/products/{id}{part}")).await.refused(404, "not-found");
        }
    }
    for bad in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=1.5",
        "cursor=x",
        "cursor=%00",
        "cursor=ffffffffffffffffff-0",
    ] {
        market.get("", &format!("/api/v1/products?{bad}")).await.refused(422, "invalid-request");
    }
    for odd in ["%00", "'; drop table catalog.products; --", "%25%5C_", "🛞"] {
        market.get("", &format!("/api/v1/products?q={odd}")).await.expect(200);
    }
    market.close().await;
}
