//! What the reference store can be told.

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
    /// The token that callers of the Store API present (`Authorization: Bearer`), at least 32 bytes. No default.
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
        let tokens = [("token", Some(&self.token)), ("previous_token", self.previous_token.as_ref())];
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
