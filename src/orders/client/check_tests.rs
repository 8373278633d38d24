//! The contract test against small stores that keep or break its promises.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::check::{Verdict, check};
use super::*;
use crate::ids::PhoneNumber;

/// A store in memory; its vices are switched on one by one.
#[derive(Debug, Default)]
struct Small {
    ignores_keys: bool,
    tells_anybody: bool,
    never_cancels: bool,
    cannot_change: bool,
    orders: Mutex<Vec<Value>>,
    /// Key, body, and which order it made.
    keys: Mutex<BTreeMap<Uuid, (Bytes, usize)>>,
}

fn answer(status: u16, body: &Value) -> Result<StoreResponse, Loss> {
    Ok(StoreResponse { status, body: body.to_string().into(), ..StoreResponse::default() })
}

impl Small {
    fn create(&self, request: &StoreRequest) -> Result<StoreResponse, Loss> {
        let (key, body) = (request.key.unwrap(), request.body.clone().unwrap());
        let mut orders = self.orders.lock().unwrap();
        if !self.ignores_keys {
            match self.keys.lock().unwrap().get(&key) {
                Some((same, n)) if *same == body => return answer(201, &orders[*n]),
                Some(_) => return answer(422, &json!({"code": "idempotency-key-reused"})),
                None => {}
            }
        }
        let n = orders.len();
        self.keys.lock().unwrap().insert(key, (body, n));
        orders.push(json!({
            "id": Uuid::from_u128(100 + n as u128), "order_number": format!("ORD-{n}"), "status": "draft",
            "version": 1, "total": 10, "items": [{"name": "Lamp", "quantity": 1, "price": 10}],
        }));
        answer(201, &orders[n])
    }

    fn order(&self, request: &StoreRequest, id: &str, verb: &str) -> Result<StoreResponse, Loss> {
        let mut orders = self.orders.lock().unwrap();
        let Some(order) = orders.iter_mut().find(|order| order["id"] == id) else {
            return answer(404, &json!({}));
        };
        match verb {
            "delivery" => {
                let body: Value = serde_json::from_slice(request.body.as_ref().unwrap()).unwrap();
                order["version"] = 2.into();
                order["delivery"] = json!({"type": "pickup", "city": "Минск", "cost": 0,
                    "pickup_point_id": body["pickup_point_id"], "estimated_days": 1});
            }
            "lines" if self.cannot_change => return answer(405, &json!({})),
            "lines" => {
                let body: Value = serde_json::from_slice(request.body.as_ref().unwrap()).unwrap();
                order["version"] = 3.into();
                order["items"][0]["quantity"] = body["lines"][0]["quantity"].clone();
            }
            "cancel" if !self.never_cancels => order["status"] = "cancelled".into(),
            _ => {}
        }
        answer(200, order)
    }
}

impl Transport for Small {
    async fn send(&self, request: &StoreRequest) -> Result<StoreResponse, Loss> {
        let asks =
            |name: &str| request.query.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let parts: Vec<&str> = request.path.split('/').collect();
        match parts[..] {
            ["orders", "search"] => {
                let own = asks("phone").is_some_and(|phone| phone == customer().e164());
                let mut orders = self.orders.lock().unwrap().clone();
                orders.retain(|_| own || self.tells_anybody);
                answer(200, &json!({"items": orders}))
            }
            ["products"] => {
                let lamp = json!({"id": Uuid::from_u128(1), "name": "Lamp", "price": 10, "stock": 5});
                answer(200, &json!({"items": [lamp]}))
            }
            ["pickup-points"] => {
                let point = json!({"id": Uuid::from_u128(2), "city": "Минск", "address": "Мира 1"});
                answer(200, &json!({"items": [point]}))
            }
            ["orders"] => self.create(request),
            ["orders", id] => self.order(request, id, "read"),
            ["orders", id, verb] => self.order(request, id, verb),
            _ => answer(404, &json!({})),
        }
    }
}

fn customer() -> PhoneNumber {
    PhoneNumber::try_from("+375291234567".to_owned()).unwrap()
}

async fn report(store: Small) -> (check::Report, StoreClient<Small>) {
    let client = StoreClient::over(store, Settings::default());
    let other = PhoneNumber::try_from("+375297654321".to_owned()).unwrap();
    (check(&client, &customer(), &other).await, client)
}

fn broken(report: &check::Report) -> Vec<&str> {
    let broken = report.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Broken(_)));
    broken.map(|finding| finding.promise).collect()
}

#[tokio::test(start_paused = true)]
async fn a_store_that_keeps_its_promises_is_usable_and_left_clean() {
    let (report, client) = report(Small::default()).await;
    assert!(report.usable(), "{report}");
    assert_eq!(report.idempotency, Some(Idempotency::Keyed));
    assert!(report.findings.iter().all(|finding| finding.verdict == Verdict::Kept), "{report}");
    let orders = client.transport.orders.lock().unwrap().clone();
    assert_eq!(orders.len(), 1);
    assert!(orders.iter().all(|order| order["status"] == "cancelled"));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_ignores_keys_is_known_by_it_and_every_draft_is_cancelled() {
    let (report, client) = report(Small { ignores_keys: true, ..Small::default() }).await;
    assert_eq!(report.idempotency, Some(Idempotency::None));
    assert_eq!(broken(&report), ["the same key does not act twice"]);
    assert!(report.usable(), "without keys the desk works, with idempotency = none");
    assert!(report.to_string().ends_with("idempotency = \"none\""), "{report}");
    let orders = client.transport.orders.lock().unwrap().clone();
    assert_eq!(orders.len(), 3);
    assert!(orders.iter().all(|order| order["status"] == "cancelled"));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_tells_anybody_or_never_cancels_is_not_usable() {
    let (open, _) = report(Small { tells_anybody: true, ..Small::default() }).await;
    assert_eq!(broken(&open), ["an order number does not open another customer's order"]);
    let (stuck, _) = report(Small { never_cancels: true, ..Small::default() }).await;
    assert_eq!(broken(&stuck), ["a draft can be cancelled"]);
    assert!(!open.usable() && !stuck.usable());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_change_lines_is_usable() {
    let (report, _) = report(Small { cannot_change: true, ..Small::default() }).await;
    assert!(report.usable(), "{report}");
    let untried: Vec<_> =
        report.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Untried(_))).collect();
    assert!(matches!(untried[..], [only] if only.promise.contains("lines")), "{report}");
}
