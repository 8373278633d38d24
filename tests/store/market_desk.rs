//! A marketplace of its own for each test: the sandbox really calls back, buyers are signed in, and afterwards money and
//! stock must add up.

use std::path::Path;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use orderline::postgres::Cluster;
use orderline::store::{self, PaySettings, ProviderSettings, Role, Settings, Shop};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::AssertSqlSafe;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::desk::{CLUSTER, Desk, Reply, TOKEN, reply, until};

pub(crate) const SECRET: &str = "callback-secret-0123456789abcdef";

/// The shop, its key for access tokens, and a token of a programme.
pub(crate) struct Market {
    pub(crate) desk: Desk,
    pub(crate) service: String,
    key: EncodingKey,
    _folder: tempfile::TempDir,
}

/// A buyer who is signed in.
#[derive(Clone)]
pub(crate) struct Buyer {
    pub(crate) user: Uuid,
    pub(crate) token: String,
}

impl Market {
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub(crate) async fn open_with(change: impl FnOnce(&mut Settings)) -> Self {
        let cluster = CLUSTER.get_or_init(|| async { Cluster::temporary().await.unwrap() }).await;
        let url = cluster.create_database(&format!("market_{}", Uuid::new_v4().simple())).await.unwrap();
        // Bound first: the sandbox must know where to call back.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            database_url: url.into(),
            token: TOKEN.into(),
            max_connections: 8,
            max_unpaid_orders: 100,
            pay_url: Some(format!("{base}/pay/{{payment_id}}")),
            pay: PaySettings {
                provider: Some(ProviderSettings::Sandbox { callback_url: base.clone(), think_ms: 1 }),
                callback_secret: Some(SECRET.into()),
            },
            ..Settings::default()
        };
        settings.identity.signing_key_file = Some(folder.path().join("key"));
        change(&mut settings);
        let pool = store::connect(&settings).await.unwrap();
        let shop = Shop::load(Path::new("samples/shop/tyres.toml")).unwrap();
        store::seed(&pool, &shop, settings.utc_offset_min).await.unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(store::serve(settings.clone(), listener, pool.clone(), stop.clone()));
        let desk = Desk { base, pool, settings, client: reqwest::Client::new(), stop, serving };
        // The key is there before the first answer.
        reply(desk.client.get(format!("{}/ready", desk.base))).await.expect(200);
        let key = EncodingKey::from_ed_der(&std::fs::read(folder.path().join("key")).unwrap());
        let token = store::make_token(&desk.pool, Role::Service, "test", None, None).await.unwrap();
        let service = token.token.expose_secret().to_owned();
        Self { desk, service, key, _folder: folder }
    }

    /// Nothing is left over: money and stock add up.
    pub(crate) async fn close(self) {
        self.adds_up().await;
        self.desk.close().await;
    }

    /// A buyer whose number is verified or not.
    pub(crate) async fn buyer(&self, phone: &str, verified: bool) -> Buyer {
        let user = Uuid::now_v7();
        sqlx::query(
            "insert into identity.users (id, first_name, last_name, email, phone_e164, phone_verified) \
             values ($1, 'Анна', 'Ким', $2, $3, $4)",
        )
        .bind(user)
        .bind(format!("{user}@example.org"))
        .bind(phone)
        .bind(verified)
        .execute(&self.desk.pool)
        .await
        .unwrap();
        Buyer { user, token: self.sign(user, &["customer"]) }
    }

    pub(crate) fn sign(&self, user: Uuid, roles: &[&str]) -> String {
        let now = chrono::Utc::now().timestamp();
        let claims = json!({
            "sub": user, "roles": roles, "iss": "orderline-store", "aud": "market",
            "iat": now, "nbf": now, "exp": now + 900, "jti": Uuid::now_v7(),
        });
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.key).unwrap()
    }

    pub(crate) async fn ask(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Reply {
        let mut request = self.desk.client.request(method, format!("{}{path}", self.desk.base));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        reply(request).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Reply {
        self.ask(token, Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: Value) -> Reply {
        self.ask(token, Method::POST, path, Some(body)).await
    }

    /// Does something with an order.
    pub(crate) async fn does(&self, buyer: &Buyer, order: &str, deed: &str, body: Value) -> Reply {
        self.post(&buyer.token, &format!("/api/v1/orders/{order}/{deed}"), body).await
    }

    /// A body that orders so many of a product, to a city without a rate.
    pub(crate) async fn body(&self, quantity: u32) -> Value {
        let product = self.desk.product("кама 175 70 13").await;
        json!({
            "items": [{"productId": product["id"], "quantity": quantity}],
            "country": "Россия", "region": "Тверская", "city": "Бологое", "street": "Ленина, 5",
        })
    }

    /// An order; its id.
    pub(crate) async fn order(&self, buyer: &Buyer) -> String {
        let body = self.body(2).await;
        let placed = self.post(&buyer.token, "/api/v1/orders", body).await.expect(201);
        placed["orderId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn reserved(&self, buyer: &Buyer) -> String {
        let id = self.order(buyer).await;
        self.does(buyer, &id, "reserve", json!({})).await.expect(200);
        id
    }

    /// An order that is being paid with this token; its id and its payment's.
    pub(crate) async fn paying(&self, buyer: &Buyer, token: &str) -> (String, String) {
        let id = self.reserved(buyer).await;
        let paid = self.does(buyer, &id, "pay", json!({"cardToken": token})).await.expect(202);
        (id, paid["paymentId"].as_str().unwrap().to_owned())
    }

    pub(crate) async fn see(&self, buyer: &Buyer, order: &str) -> Value {
        self.get(&buyer.token, &format!("/api/v1/orders/{order}")).await.expect(200)
    }

    /// Waits until the order is so.
    pub(crate) async fn until(&self, buyer: &Buyer, order: &str, status: &str) -> Value {
        until(async || self.see(buyer, order).await["status"] == status).await;
        self.see(buyer, order).await
    }

    /// A number from the database.
    pub(crate) async fn number(&self, statement: &str, id: &str) -> i64 {
        let id: Uuid = id.parse().unwrap();
        sqlx::query_scalar(AssertSqlSafe(statement.to_owned()))
            .bind(id)
            .fetch_one(&self.desk.pool)
            .await
            .unwrap()
    }

    /// The messages about an order, in their order.
    pub(crate) async fn told(&self, order: &str) -> Vec<String> {
        let id: Uuid = order.parse().unwrap();
        let statement =
            "select template from notify.notifications where order_id = $1 and channel = 'sms' order by id";
        sqlx::query_scalar(statement).bind(id).fetch_all(&self.desk.pool).await.unwrap()
    }

    /// A callback, signed as the provider signs.
    pub(crate) async fn call_back(&self, path: &str, about: &str, body: &Value) -> Reply {
        let (at, body) = (chrono::Utc::now().timestamp(), body.to_string());
        self.call_back_as(path, at, &sign(SECRET, at, about, &body), body).await
    }

    pub(crate) async fn call_back_as(&self, path: &str, at: i64, signature: &str, body: String) -> Reply {
        let request = self.desk.client.post(format!("{}{path}", self.desk.base));
        let request = request.header("content-type", "application/json").body(body);
        reply(request.header("x-orderline-timestamp", at).header("x-orderline-signature", signature)).await
    }

    /// The provider says what became of a payment.
    pub(crate) async fn notify(&self, payment: &str, status: &str) -> Reply {
        self.call_back(&format!("/api/v1/payments/{payment}/notify"), payment, &json!({"status": status}))
            .await
    }

    /// What is owed is what came and has not gone back; what is held and taken is what the orders say.
    pub(crate) async fn adds_up(&self) {
        for (sentence, statement) in [
            (
                "what came for a cancelled order goes back",
                "select count(*) from orders.orders o \
              join pay.payments p on p.order_id = o.id where o.state = 'cancelled' \
              and p.captured_minor <> p.refunded_minor",
            ),
            (
                "an order is paid once at most",
                "select count(*) from (select 1 from orders.orders o \
              join pay.payments p on p.order_id = o.id group by o.id, o.total_minor \
              having sum(p.captured_minor) not in (0, o.total_minor)) wrong",
            ),
            (
                "a payment knows what went back",
                "select count(*) from pay.payments p where refunded_minor <> \
              (select coalesce(sum(amount_minor), 0) from pay.refunds r where r.payment_id = p.id and r.status <> 'failed')",
            ),
            (
                "what is held is what reservations hold",
                "select count(*) from stock.stock_items s where reserved <> \
              (select coalesce(sum(i.quantity), 0) from stock.reservation_items i join stock.reservations r \
               on r.id = i.reservation_id where r.status = 'active' and i.product_id = s.product_id)",
            ),
            (
                "a cancelled order holds nothing",
                "select count(*) from orders.orders o join stock.reservations r \
              on r.order_id = o.id where o.state = 'cancelled' and r.status in ('active', 'confirmed')",
            ),
            (
                "a paid order holds its goods, or has taken them",
                "select count(*) from orders.orders o \
              join pay.payments p on p.order_id = o.id where p.status = 'paid' and o.source <> 'website' and not exists \
              (select from stock.reservations r where r.order_id = o.id and r.status in ('active', 'confirmed'))",
            ),
            (
                "a source is forgotten once the provider has it",
                "select count(*) from pay.provider_calls \
              where status <> 'queued' and source is not null",
            ),
            (
                "a chosen card is forgotten once the order is past paying",
                "select count(*) from pay.chosen c \
              join orders.orders o on o.id = c.order_id where o.state <> 'new'",
            ),
            (
                "each change of an order is one version",
                "select count(*) from orders.orders o where source = 'market' \
              and version <> (select count(*) from orders.events e where e.order_id = o.id)",
            ),
        ] {
            assert_eq!(self.desk.count(statement).await, 0, "{sentence}");
        }
        let taken = "select coalesce(sum(i.quantity), 0) from stock.reservation_items i join stock.reservations r \
             on r.id = i.reservation_id where r.status = 'confirmed'";
        let left = self.desk.count("select sum(on_hand) from stock.stock_items").await;
        assert_eq!(left + self.desk.count(taken).await, stocked(), "no piece is lost or found");
    }
}

/// How many pieces the sample shop begins with.
fn stocked() -> i64 {
    let text = std::fs::read_to_string("samples/shop/tyres.toml").unwrap();
    let shop: toml::Value = toml::from_str(&text).unwrap();
    let products = shop["products"].as_array().unwrap();
    products.iter().map(|product| product["stock"].as_integer().unwrap()).sum()
}

/// HMAC-SHA256 (RFC 2104), written out: the store's own code must not check itself.
pub(crate) fn sign(secret: &str, at: i64, about: &str, body: &str) -> String {
    let pad = |with: u8| {
        let mut key = [with; 64];
        secret.bytes().enumerate().for_each(|(n, byte)| key[n] ^= byte);
        key
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(format!("{at}.{about}.{body}")).finalize();
    let tag = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v1={hex}")
}
