//! What the reference store can be told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sqlx::postgres::PgConnectOptions;

/// The settings of `orderline store`, the `[shop]` section of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where it listens. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// The PostgreSQL database, `postgres://user:password@host:port/name`. Default `postgres://localhost/orderline`.
    pub database_url: SecretString,
    /// Connections to the database, 1 to 200. Default 10: more than PostgreSQL has cores only queue inside it.
    pub max_connections: u32,
    /// How long to wait for the database at start, in milliseconds. Default 10 000; afterwards the store gives up.
    pub database_wait_ms: u64,
    /// The token that callers of the Store API present (`Authorization: Bearer`), at least 32 bytes. No default; needed
    /// where the Store API is served.
    pub token: SecretString,
    /// The token before it, still accepted while callers change over. None by default.
    pub previous_token: Option<SecretString>,
    /// How long a request may take, in milliseconds. Default 10 000; then 503.
    pub request_timeout_ms: u64,
    /// How long a draft lives, in seconds. Default 7200.
    pub draft_ttl_s: u32,
    /// How long an online order waits for its money, in seconds, before it is cancelled. Default 86 400.
    pub payment_ttl_s: u32,
    /// Orders of one telephone number that nobody has paid or started on; one more is refused. Default 3.
    pub max_unpaid_orders: u32,
    /// How long an Idempotency-Key is remembered, in days. Default 31.
    pub key_ttl_days: u32,
    /// Minutes by which the shop's clock is ahead of UTC, -840 to 840: order numbers and delivery days are counted in
    /// it. Default 180 (Moscow).
    pub utc_offset_min: i32,
    /// Where to pay online, with `{payment_id}` in it; sent by SMS. None by default: `online` is then refused.
    pub pay_url: Option<String>,
    /// How SMS leave.
    pub sms: SmsSettings,
    /// How e-mail leaves; none by default, and then no e-mail is written.
    pub email: Option<EmailSettings>,
    /// Attempts to deliver one message. Default 12, the last about an hour after the first.
    pub max_delivery_attempts: u32,
    /// What runs in this process. Default: everything.
    pub services: Vec<Service>,
    /// Further listeners, each for one system alone at its own paths: `market = "127.0.0.1:8081"`. None by default.
    pub listeners: BTreeMap<System, SocketAddr>,
    /// Origins whose pages may ask (CORS), such as `https://shop.example`. None by default.
    pub cors_origins: Vec<String>,
    /// How often somebody may ask.
    pub limits: LimitSettings,
    /// Sign-ins at the marketplace.
    pub identity: IdentitySettings,
    /// The CRM's pool of orders.
    pub crm: CrmSettings,
    /// The payment provider.
    pub pay: PaySettings,
}

/// A requirement's system: its own paths, and a prefix of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    /// The Store API, for the voice server.
    Store,
    /// The light bulb store's order statuses.
    Lightbulb,
    /// The CRM's pool of orders.
    Crm,
    /// The marketplace's six services.
    Market,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Store, Self::Lightbulb, Self::Crm, Self::Market];

    /// The name in the settings and in the prefix of its paths.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Lightbulb => "lightbulb",
            Self::Crm => "crm",
            Self::Market => "market",
        }
    }
}

impl FromStr for System {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|system| system.name() == name);
        known.ok_or_else(|| format!("expected store, lightbulb, crm or market, found {name:?}"))
    }
}

/// A part that can run in a process of its own. The marketplace is six of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    Store,
    Lightbulb,
    Crm,
    /// IdentityApi.
    Identity,
    /// ProductOrderApi.
    Orders,
    /// ProductCatalogApi.
    Catalog,
    /// ReserverProductApi.
    Reservations,
    /// PayServiceApi.
    Payments,
    /// NotificationApi.
    Notifications,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Store,
        Self::Lightbulb,
        Self::Crm,
        Self::Identity,
        Self::Orders,
        Self::Catalog,
        Self::Reservations,
        Self::Payments,
        Self::Notifications,
    ];
    /// The marketplace's.
    pub const MARKET: [Self; 6] = [
        Self::Identity,
        Self::Orders,
        Self::Catalog,
        Self::Reservations,
        Self::Payments,
        Self::Notifications,
    ];

    /// The name in the settings and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Lightbulb => "lightbulb",
            Self::Crm => "crm",
            Self::Identity => "identity",
            Self::Orders => "orders",
            Self::Catalog => "catalog",
            Self::Reservations => "reservations",
            Self::Payments => "payments",
            Self::Notifications => "notifications",
        }
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|service| service.name() == name);
        let names: Vec<&str> = Self::ALL.iter().map(|service| service.name()).collect();
        known.ok_or_else(|| format!("expected one of {}, found {name:?}", names.join(", ")))
    }
}

/// How often somebody (the owner of a token, else a network address) may ask.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// Requests a minute, all of which may come at once. Default 6000; 0 is no limit.
    pub requests_per_min: u32,
    /// Requests a minute for what is not there (404); afterwards the answer is 429. Default 120; 0 is no limit.
    pub misses_per_min: u32,
    /// Sign-ins, registrations and codes a minute, by address and by account. Default 10; 0 is no limit.
    pub guesses_per_min: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self { requests_per_min: 6000, misses_per_min: 120, guesses_per_min: 10 }
    }
}

/// Sign-ins at the marketplace.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentitySettings {
    /// The file of the key that signs access tokens; made when it is not there. None by default: the key lives as long as
    /// the process. Needed when systems run apart, which must know the same key.
    pub signing_key_file: Option<PathBuf>,
    /// How long an access token is good, in seconds. Default 900.
    pub access_ttl_s: u32,
    /// How long a refresh token is good, in seconds. Default 2 592 000 (30 days).
    pub refresh_ttl_s: u32,
    /// Passwords hashed at once; each takes 19 MiB. Default 2: more only slow each other down on two cores.
    pub hashing: u32,
}

impl Default for IdentitySettings {
    fn default() -> Self {
        Self { signing_key_file: None, access_ttl_s: 900, refresh_ttl_s: 2_592_000, hashing: 2 }
    }
}

/// The CRM's pool of orders.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrmSettings {
    /// The website's key for `POST /api/orders/from-website`, at least 32 bytes; the variable `WEBSITE_ORDER_API_KEY`
    /// of the environment wins. None by default: the answer is then 503.
    pub website_api_key: Option<SecretString>,
    /// Orders from where are in the pool, besides those from Telegram: `website`, `ai_agent`, `market`, `crm`.
    /// Default `website`.
    pub pool_sources: Vec<String>,
    /// The currency of orders that no product gives one (ISO 4217). Default RUB.
    pub currency: String,
}

impl Default for CrmSettings {
    fn default() -> Self {
        Self { website_api_key: None, pool_sources: vec!["website".to_owned()], currency: "RUB".to_owned() }
    }
}

/// The payment provider.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaySettings {
    /// Who takes the money. None by default: payments are then refused.
    pub provider: Option<ProviderSettings>,
    /// Signs and checks callbacks (HMAC-SHA256), at least 32 bytes. Needed with a provider.
    pub callback_secret: Option<SecretString>,
}

/// Who takes the money.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ProviderSettings {
    /// A provider without money, in this process: it decides by the card's token and calls back over HTTP, signed.
    Sandbox {
        /// Where it calls back: the address of this store, `http://127.0.0.1:8080`.
        callback_url: String,
        /// How long it thinks, in milliseconds. Default 200.
        #[serde(default = "two_hundred")]
        think_ms: u64,
    },
}

fn two_hundred() -> u64 {
    200
}

/// How SMS leave.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SmsSettings {
    /// Written to the log, number masked. The default.
    #[default]
    Log,
    /// Appended to a file, one JSON object a line.
    File {
        /// The file; made if absent.
        path: PathBuf,
    },
    /// Sent to an HTTP gateway. `{to}`, `{text}` and `{id}` in `url` and `body` are replaced, escaped as their place
    /// needs; `{id}` is the same at every attempt, so a gateway that knows duplicates can drop them.
    Http {
        /// `POST` goes there; `GET` when `body` is absent.
        url: String,
        /// The body's template.
        body: Option<String>,
        /// `application/json` (default) or `application/x-www-form-urlencoded`.
        content_type: Option<String>,
        /// The value of the `Authorization` header.
        authorization: Option<SecretString>,
        /// How long one attempt may take, in milliseconds. Default 5000.
        #[serde(default = "five_seconds")]
        timeout_ms: u64,
    },
}

/// How e-mail leaves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailSettings {
    /// `smtps://user:password@host:465` or `smtp://host:587?tls=required`.
    pub smtp_url: SecretString,
    /// The sender, such as `Shop <orders@example.org>`.
    pub from: String,
}

fn five_seconds() -> u64 {
    5000
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            database_url: "postgres://localhost/orderline".into(),
            max_connections: 10,
            database_wait_ms: 10_000,
            token: SecretString::default(),
            previous_token: None,
            request_timeout_ms: 10_000,
            draft_ttl_s: 7200,
            payment_ttl_s: 86_400,
            max_unpaid_orders: 3,
            key_ttl_days: 31,
            utc_offset_min: 180,
            pay_url: None,
            sms: SmsSettings::Log,
            email: None,
            max_delivery_attempts: 12,
            services: Service::ALL.to_vec(),
            listeners: BTreeMap::new(),
            cors_origins: Vec::new(),
            limits: LimitSettings::default(),
            identity: IdentitySettings::default(),
            crm: CrmSettings::default(),
            pay: PaySettings::default(),
        }
    }
}

impl Settings {
    /// Everything wrong with it, each as a sentence; empty when it can be used.
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut expect = |holds: bool, sentence: String| {
            if !holds {
                found.push(sentence);
            }
        };
        // The address may hold a password: it is never shown.
        expect(
            PgConnectOptions::from_str(self.database_url.expose_secret()).is_ok(),
            "shop.database_url: expected postgres://user:password@host:port/name".to_owned(),
        );
        let served = self.services.contains(&Service::Store);
        let tokens = [
            ("token", served.then_some(&self.token)),
            ("previous_token", self.previous_token.as_ref()),
            ("crm.website_api_key", self.crm.website_api_key.as_ref()),
            ("pay.callback_secret", self.pay.callback_secret.as_ref()),
        ];
        for (name, token) in tokens {
            let bytes = token.map_or(32, |token| token.expose_secret().len());
            expect(bytes >= 32, format!("shop.{name}: expected at least 32 bytes, found {bytes}"));
        }
        let mut range = |name: &str, value: i64, low: i64, high: i64| {
            expect(
                (low..=high).contains(&value),
                format!("shop.{name}: expected {low} to {high}, found {value}"),
            );
        };
        range("max_connections", i64::from(self.max_connections), 1, 200);
        range("database_wait_ms", i64::try_from(self.database_wait_ms).unwrap_or(i64::MAX), 0, 600_000);
        range("request_timeout_ms", i64::try_from(self.request_timeout_ms).unwrap_or(i64::MAX), 100, 600_000);
        range("draft_ttl_s", i64::from(self.draft_ttl_s), 1, 2_592_000);
        range("payment_ttl_s", i64::from(self.payment_ttl_s), 60, 2_592_000);
        range("max_unpaid_orders", i64::from(self.max_unpaid_orders), 1, 10_000);
        range("key_ttl_days", i64::from(self.key_ttl_days), 1, 3650);
        range("utc_offset_min", i64::from(self.utc_offset_min), -840, 840);
        range("max_delivery_attempts", i64::from(self.max_delivery_attempts), 1, 100);
        range("identity.access_ttl_s", i64::from(self.identity.access_ttl_s), 60, 86_400);
        range("identity.refresh_ttl_s", i64::from(self.identity.refresh_ttl_s), 60, 31_536_000);
        range("identity.hashing", i64::from(self.identity.hashing), 1, 64);
        for origin in &self.cors_origins {
            let good = url::Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
            expect(good, format!("shop.cors_origins: expected https://host, found {origin:?}"));
        }
        for source in &self.crm.pool_sources {
            let known = ["website", "ai_agent", "market", "crm"].contains(&source.as_str());
            let names = "website, ai_agent, market or crm";
            expect(known, format!("shop.crm.pool_sources: expected {names}, found {source:?}"));
        }
        let currency = &self.crm.currency;
        expect(
            currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase()),
            format!("shop.crm.currency: expected an ISO 4217 code such as RUB, found {currency:?}"),
        );
        if let Some(ProviderSettings::Sandbox { callback_url, .. }) = &self.pay.provider {
            expect(
                url::Url::parse(callback_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")),
                "shop.pay.provider.callback_url: expected an http or https address".to_owned(),
            );
            expect(
                self.pay.callback_secret.is_some(),
                "shop.pay.callback_secret: expected at least 32 bytes, found none".to_owned(),
            );
        }
        if let Some(template) = &self.pay_url {
            expect(
                template.contains("{payment_id}") && url::Url::parse(template).is_ok(),
                format!("shop.pay_url: expected an address with {{payment_id}} in it, found {template:?}"),
            );
        }
        if let SmsSettings::Http { url, body, .. } = &self.sms {
            let whole = format!("{url}{}", body.as_deref().unwrap_or_default());
            expect(
                url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")),
                "shop.sms.url: expected an http or https address".to_owned(),
            );
            expect(
                whole.contains("{to}") && whole.contains("{text}"),
                "shop.sms: expected {to} and {text} in url or body".to_owned(),
            );
        }
        if let Some(email) = &self.email {
            expect(
                email.from.parse::<lettre::message::Mailbox>().is_ok(),
                format!(
                    "shop.email.from: expected an address such as Shop <orders@example.org>, found {:?}",
                    email.from
                ),
            );
            expect(
                url::Url::parse(email.smtp_url.expose_secret()).is_ok(),
                "shop.email.smtp_url: expected smtps://user:password@host:465".to_owned(),
            );
        }
        found
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_problem_is_named_at_once_and_no_secret_is_shown() {
        let settings: Settings = toml::from_str(
            "token = \"short-secret\"\ndatabase_url = \"nonsense-secret\"\nmax_connections = 0\npay_url = \"x\"",
        )
        .unwrap();
        let problems = settings.problems();
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(!format!("{problems:?} {settings:?}").contains("secret\""));
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        assert!(toml::from_str::<Settings>("tokn = \"\"").is_err());
        assert!(toml::from_str::<Settings>("[sms]\nkind = \"file\"\npath = \"a\"\npth = 1").is_err());
        let sms: Settings =
            toml::from_str("[sms]\nkind = \"http\"\nurl = \"https://sms.example/?to={to}&m={text}\"")
                .unwrap();
        assert!(matches!(sms.sms, SmsSettings::Http { timeout_ms: 5000, .. }));
    }
}
