//! Who works in the shop, and what they ask of the CRM.

use orderline::store::{self, Role, Settings};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::desk::{Desk, Reply, reply};

/// The website's key.
pub(crate) const WEBSITE: &str = "website-website-website-website-1";

/// Somebody with a token.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) token: String,
    pub(crate) user: Uuid,
    pub(crate) name: String,
}

pub(crate) async fn hire(desk: &Desk, role: Role, name: &str) -> Worker {
    let user = Uuid::new_v4();
    let made = store::make_token(&desk.pool, role, name, Some(user), None).await.unwrap();
    Worker { token: made.token.expose_secret().to_owned(), user, name: name.to_owned() }
}

/// A shop whose website has a key.
pub(crate) async fn open() -> Desk {
    open_with(|_| {}).await
}

pub(crate) async fn open_with(change: impl FnOnce(&mut Settings)) -> Desk {
    let desk = Desk::open_with(|settings| {
        settings.crm.website_api_key = Some(WEBSITE.into());
        change(settings);
    })
    .await;
    // The sample's earlier orders came from the website too; here the pool begins empty.
    desk.run("update orders.orders set source = 'crm'").await;
    desk
}

impl Worker {
    pub(crate) async fn send(&self, desk: &Desk, method: Method, path: &str, body: Option<Value>) -> Reply {
        let request = desk.client.request(method, format!("{}{path}", desk.base)).bearer_auth(&self.token);
        reply(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    pub(crate) async fn get(&self, desk: &Desk, path: &str) -> Reply {
        self.send(desk, Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, desk: &Desk, path: &str, body: Value) -> Reply {
        self.send(desk, Method::POST, path, Some(body)).await
    }

    /// Takes an order of the pool.
    pub(crate) async fn take(&self, desk: &Desk, kind: &str, order: &Value) -> Reply {
        let body = json!({
            "orderId": order, "orderType": kind, "userId": self.user, "userName": self.name, "date": "2026-11-25",
        });
        self.post(desk, "/api/order-management/assign", body).await
    }

    pub(crate) async fn pool(&self, desk: &Desk) -> Value {
        self.get(desk, "/api/order-management/pool").await.expect(200)
    }
}

/// Asks as the website.
pub(crate) async fn website(desk: &Desk, body: Value) -> Reply {
    let request = desk.client.post(format!("{}/api/orders/from-website", desk.base));
    reply(request.header("X-API-Key", WEBSITE).json(&body)).await
}

/// The order numbers (for a photograph its caption) of one list of the pool.
pub(crate) fn names(pool: &Value, list: &str) -> Vec<String> {
    let name = |entry: &Value| {
        let name = entry["orderNumber"].as_str().or(entry["itemsSummary"].as_str());
        name.unwrap().to_owned()
    };
    pool[list].as_array().unwrap().iter().map(name).collect()
}
