//! One truth: what a caller orders is an order of every system, and what another system makes of it is what the caller
//! hears next.

use std::time::Duration;

use orderline::engines::llm::Engine;
use orderline::store::{Role, make_token};
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::caller::{hang_up, say};
use crate::house::{BUYER, House, Shop};
use crate::model::{Model, order};

/// Requirement of the light bulb store.
const SHIPPED: Uuid = uuid!("823f3c37-200e-4a7c-9466-84ea031e3af3");

/// Asks another system of the same store.
async fn ask(shop: &Shop, token: &str, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let request = reqwest::Client::new().request(method, format!("{}{path}", shop.base)).bearer_auth(token);
    let response = request.json(&body).timeout(Duration::from_secs(10)).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ordered_by_telephone_is_taken_from_the_pool_sent_off_and_told_to_the_next_caller() {
    let model = Model::start(order).await;
    let shop =
        Shop::open_with(|settings| settings.crm.pool_sources = vec!["website".into(), "ai_agent".into()])
            .await;
    let house = House::open(&model.url, &shop.base, |_| ()).await;
    let told = house.call(vec![say("ru_let_it_be_nokian"), say("ru_yes_all_right"), hang_up()]).await;
    told.check();
    assert_eq!((told.read_backs(), told.agreed()), (1, 1), "{told}");
    house.close().await;

    // A manager finds it in the pool and takes it.
    let manager = Uuid::now_v7();
    let token = make_token(&shop.pool, Role::Manager, "Olga", Some(manager), None).await.unwrap().token;
    let token = token.expose_secret();
    let (status, pool) = ask(&shop, token, Method::GET, "/api/order-management/pool", json!({})).await;
    assert_eq!(status, 200, "{pool}");
    let waiting = pool["unassigned"].as_array().unwrap();
    let ours: Vec<&Value> = waiting.iter().filter(|order| order["customerPhone"] == BUYER).collect();
    assert_eq!(ours.len(), 1, "{pool}");
    let id = ours[0]["uuid"].as_str().unwrap();
    let take = json!({
        "orderId": id, "orderType": ours[0]["orderType"], "userId": manager, "userName": "Ольга",
        "date": "2026-11-25",
    });
    let (status, taken) = ask(&shop, token, Method::POST, "/api/order-management/assign", take).await;
    assert_eq!(status, 200, "{taken}");

    // An administrator of the light bulb store sends it off.
    let token = make_token(&shop.pool, Role::Admin, "admin", None, None).await.unwrap().token;
    let path = format!("/admin/orders/{id}/status");
    let body = json!({"status_id": SHIPPED, "notes": "Заказ передан в службу доставки"});
    let (status, moved) = ask(&shop, token.expose_secret(), Method::PUT, &path, body).await;
    assert_eq!(status, 200, "{moved}");

    // The next call, with the built-in rules.
    let house = House::open("", &shop.base, |config| config.thinking.engine = Engine::Rules).await;
    let told = house.call(vec![say("ru_where_is_my_order"), hang_up()]).await;
    told.check();
    assert!(told.said().to_lowercase().contains("отправлен"), "{told}");
    house.close().await;
    shop.close().await;
}
