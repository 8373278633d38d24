//! Who asks: tokens of every role, and sign-ins of users who are written straight into the database, so that these tests
//! need nothing of the marketplace but its key.

use std::path::PathBuf;

use chrono::{TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use orderline::store::{self, Role};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::desk::{Desk, Reply, reply};

/// A shop whose signing key is known here.
pub(crate) struct Passports {
    folder: TempDir,
}

impl Passports {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Where the store is to make its key.
    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    /// A user who is in the database.
    pub(crate) async fn user(&self, desk: &Desk, phone: &str, verified: bool) -> Uuid {
        let id = Uuid::now_v7();
        sqlx::query(
            "insert into identity.users (id, first_name, last_name, phone_e164, phone_verified) \
             values ($1, 'Анна', 'Иванова', $2, $3)",
        )
        .bind(id)
        .bind(phone)
        .bind(verified)
        .execute(&desk.pool)
        .await
        .unwrap();
        id
    }

    /// The access token that a sign-in of this user would give, good for so many seconds from now.
    pub(crate) async fn sign(&self, desk: &Desk, user: Uuid, roles: &[&str], seconds: i64) -> String {
        // The key is there once the store answers.
        let ready = desk.client.get(format!("{}/health", desk.base)).send().await.unwrap();
        assert_eq!(ready.status(), 200);
        let key = EncodingKey::from_ed_der(&std::fs::read(self.key()).unwrap());
        let begin = Utc::now() - TimeDelta::seconds(3600);
        let claims = json!({
            "sub": user, "roles": roles, "iss": "orderline-store", "aud": "market", "jti": Uuid::now_v7(),
            "iat": begin.timestamp(), "nbf": begin.timestamp(),
            "exp": (Utc::now() + TimeDelta::seconds(seconds)).timestamp(),
        });
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &key).unwrap()
    }
}

/// A shop that knows these passports.
pub(crate) async fn open(passports: &Passports) -> Desk {
    let key = passports.key();
    Desk::open_with(move |settings| {
        settings.identity.signing_key_file = Some(key);
        settings.max_unpaid_orders = 1000;
        settings.limits.misses_per_min = 0;
    })
    .await
}

/// A token of the shop's own with a role.
pub(crate) async fn token(desk: &Desk, role: Role) -> String {
    let made = store::make_token(&desk.pool, role, role.name(), None, None).await.unwrap();
    made.token.expose_secret().to_owned()
}

/// A token of the shop's own that was good once.
pub(crate) async fn expired_token(desk: &Desk, role: Role) -> String {
    let end = Utc::now() - TimeDelta::seconds(60);
    let made = store::make_token(&desk.pool, role, "old", None, Some(end)).await.unwrap();
    made.token.expose_secret().to_owned()
}

/// Asks with a token or without one.
pub(crate) async fn ask(
    desk: &Desk,
    token: Option<&str>,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Reply {
    let mut request = desk.client.request(method, format!("{}{path}", desk.base));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    reply(request).await
}
