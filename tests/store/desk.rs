//! A shop of its own for each test: a database, the sample's goods, a running Store API.

use std::path::Path;
use std::time::Duration;

use orderline::postgres::Cluster;
use orderline::store::{self, Settings, Shop};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const BUYER: &str = "+79161234567";
pub(crate) const REGULAR: &str = "+375291234567";

/// One server for all tests here; its keeper stops it and removes it when this process ends.
pub(crate) static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

/// A shop of its own: database, goods, a running Store API.
pub(crate) struct Desk {
    pub(crate) base: String,
    pub(crate) pool: PgPool,
    pub(crate) settings: Settings,
    pub(crate) client: reqwest::Client,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: JoinHandle<Result<(), store::StoreError>>,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// A problem document with this status and code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
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
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub(crate) async fn open_with(change: impl FnOnce(&mut Settings)) -> Self {
        let cluster = CLUSTER.get_or_init(|| async { Cluster::temporary().await.unwrap() }).await;
        Self::open_on(cluster, change).await
    }

    pub(crate) async fn open_on(cluster: &Cluster, change: impl FnOnce(&mut Settings)) -> Self {
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
        Self::serving(settings, pool).await
    }

    /// A shop over a database that has its goods already.
    pub(crate) async fn over(url: &str) -> Self {
        let settings = Settings {
            database_url: url.into(),
            token: TOKEN.into(),
            max_connections: 8,
            ..Settings::default()
        };
        let pool = store::connect(&settings).await.unwrap();
        Self::serving(settings, pool).await
    }

    async fn serving(settings: Settings, pool: PgPool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let serving = tokio::spawn(store::serve(settings.clone(), listener, pool.clone(), stop.clone()));
        Self { base, pool, settings, client: reqwest::Client::new(), stop, serving }
    }

    pub(crate) async fn close(self) {
        self.stop.cancel();
        self.serving.await.unwrap().unwrap();
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<Value>,
    ) -> Reply {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(TOKEN);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        reply(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None, None).await
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(key), Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, None, Some(body)).await
    }

    /// The first product that is found.
    pub(crate) async fn product(&self, words: &str) -> Value {
        let found = self.find(words).await;
        found.first().unwrap_or_else(|| panic!("nothing for {words:?}")).clone()
    }

    pub(crate) async fn find(&self, words: &str) -> Vec<Value> {
        let url = reqwest::Url::parse_with_params(&format!("{}/api/v1/products", self.base), [("q", words)]);
        let request = self.client.get(url.unwrap()).bearer_auth(TOKEN);
        reply(request).await.expect(200)["items"].as_array().unwrap().clone()
    }

    /// A draft of four pieces.
    pub(crate) async fn draft(&self, phone: &str) -> Value {
        let product = self.product("нокиан зимние 205 55 16 нешипованные").await;
        let body = basket(phone, &product, 4);
        self.post("/api/v1/orders", &Uuid::new_v4().to_string(), body).await.expect(201)
    }

    /// A draft that lacks only its confirmation.
    pub(crate) async fn ready(&self, phone: &str) -> String {
        let id = self.draft(phone).await["id"].as_str().unwrap().to_owned();
        self.patch(&format!("/api/v1/orders/{id}/delivery"), to_moscow()).await.expect(200);
        id
    }

    pub(crate) async fn confirm(&self, id: &str) -> Reply {
        let key = Uuid::new_v4().to_string();
        self.post(
            &format!("/api/v1/orders/{id}/confirm"),
            &key,
            json!({"payment_method": "cash_on_delivery"}),
        )
        .await
    }

    pub(crate) async fn count(&self, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement).fetch_one(&self.pool).await.unwrap()
    }

    pub(crate) async fn run(&self, statement: &'static str) {
        sqlx::raw_sql(statement).execute(&self.pool).await.unwrap();
    }
}

pub(crate) async fn reply(request: reqwest::RequestBuilder) -> Reply {
    read(request.send().await.unwrap()).await
}

/// An answer whole.
pub(crate) async fn read(response: reqwest::Response) -> Reply {
    let (status, headers) = (response.status(), response.headers().clone());
    Reply { status, headers, text: response.text().await.unwrap() }
}

pub(crate) fn basket(phone: &str, product: &Value, quantity: u32) -> Value {
    json!({
        "items": [{"product_id": product["id"], "quantity": quantity}],
        "customer_phone": phone, "source": "ai_agent", "call_id": "call-1",
    })
}

pub(crate) fn to_moscow() -> Value {
    json!({"delivery_type": "delivery", "city": "москву", "address": "улица Ленина, дом 5"})
}

/// Waits for something that another task does, at most half a minute.
pub(crate) async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking).await.expect("it happens within half a minute");
}
