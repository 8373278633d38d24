//! `[store]`: where the shop's Store API is and how patiently it is asked.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::orders::Currency;

/// Whether the store keeps the promise behind `Idempotency-Key`. `orderline store check` finds out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Idempotency {
    /// The same key never acts twice, so a mutation may be retried.
    #[default]
    Keyed,
    /// Keys are ignored: a mutation is sent once, and a lost answer leaves it unknown.
    None,
}

/// `[store]`: the shop's Store API.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where the Store API is, without `/api/v1`. Plain `http` only on loopback, unless `allow_plain_http`.
    pub base_url: String,
    /// The bearer token, best given as `ORDERLINE__STORE__TOKEN`. None sends no token.
    pub token: Option<SecretString>,
    /// A file that holds the token in its first line; instead of `token`.
    pub token_file: Option<PathBuf>,
    /// Allows `http` beyond loopback (a container network); the token then travels readable.
    pub allow_plain_http: bool,
    /// Whether the store obeys `Idempotency-Key`: `keyed` or `none`. With `none` no mutation is ever retried.
    pub idempotency: Idempotency,
    /// The currency of amounts for which the store names none.
    pub currency: Currency,
    /// How long a connection may take to stand, in milliseconds. Below the attempt's limits, so that a dead host is known
    /// as never reached.
    pub connect_timeout_ms: u64,
    /// How long one attempt to read may take, in milliseconds.
    pub read_timeout_ms: u64,
    /// How long one attempt to change something may take, in milliseconds.
    pub write_timeout_ms: u64,
    /// How long a caller waits for an action with all its attempts, in milliseconds.
    pub deadline_ms: u64,
    /// The largest answer that is read, in bytes.
    pub max_body_bytes: usize,
}

impl Default for Settings {
    /// The times are those specified for a caller who waits on the line: 1.5 s a read, 2.5 s a write, 4 s in all.
    fn default() -> Self {
        Self {
            base_url: "http://127.0.0.1:8080".to_owned(),
            token: None,
            token_file: None,
            allow_plain_http: false,
            idempotency: Idempotency::Keyed,
            currency: Currency::Rub,
            connect_timeout_ms: 1_000,
            read_timeout_ms: 1_500,
            write_timeout_ms: 2_500,
            deadline_ms: 4_000,
            max_body_bytes: 1024 * 1024,
        }
    }
}

impl Settings {
    /// What is wrong with these values.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Err(problem) = self.url() {
            problems.push(format!("base_url: {problem}"));
        }
        if self.token.is_some() && self.token_file.is_some() {
            problems.push("token_file: expected token or token_file, found both".to_owned());
        }
        if let Err(problem) = self.secret() {
            problems.push(problem);
        }
        let mut range = |name: &str, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                problems.push(format!("{name}: expected {least} to {most}, found {value}"));
            }
        };
        range("connect_timeout_ms", self.connect_timeout_ms, 10, 30_000);
        range("read_timeout_ms", self.read_timeout_ms, 50, 30_000);
        range("write_timeout_ms", self.write_timeout_ms, 50, 30_000);
        range("deadline_ms", self.deadline_ms, 100, 60_000);
        range("max_body_bytes", self.max_body_bytes as u64, 4 * 1024, 16 * 1024 * 1024);
        problems
    }

    /// How long a caller waits for an action.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    /// How long one attempt may take.
    pub(super) fn attempt_timeout(&self, mutates: bool) -> Duration {
        Duration::from_millis(if mutates { self.write_timeout_ms } else { self.read_timeout_ms })
    }

    /// The base, checked: no trailing slash is left on its path.
    pub(super) fn url(&self) -> Result<Url, String> {
        let mut url = Url::parse(&self.base_url).map_err(|error| {
            format!("expected a URL such as https://shop.example, found one with {error}")
        })?;
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => return Err("expected a URL with a host, found none".to_owned()),
        };
        match url.scheme() {
            "https" => {}
            "http" if loopback || self.allow_plain_http => {}
            "http" => {
                return Err(
                    "expected https, found http beyond loopback (allow_plain_http permits it)".to_owned()
                );
            }
            other => return Err(format!("expected https, found {other}")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("expected no user name or password in the URL, found one (use token)".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("expected no query and no fragment in the URL, found one".to_owned());
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(url)
    }

    /// The token from wherever it is.
    pub(super) fn secret(&self) -> Result<Option<SecretString>, String> {
        let (name, token) = match (&self.token, &self.token_file) {
            (Some(token), _) => ("token", token.clone()),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    format!("token_file: expected a readable file, found {}: {error}", path.display())
                })?;
                ("token_file", text.lines().next().unwrap_or("").trim().to_owned().into())
            }
            (None, None) => return Ok(None),
        };
        let text = token.expose_secret();
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!("{name}: expected visible ASCII characters, found none or others"));
        }
        Ok(Some(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(settings: Settings) -> String {
        settings.problems().join("\n")
    }

    #[test]
    fn the_defaults_are_sound() {
        assert_eq!(problems(Settings::default()), "");
    }

    #[test]
    fn a_url_must_be_safe_to_send_a_token_to() {
        let with = |url: &str| problems(Settings { base_url: url.to_owned(), ..Settings::default() });
        for url in [
            "https://shop.example",
            "https://shop.example/store/",
            "http://localhost:8080",
            "http://[::1]:80",
        ] {
            assert_eq!(with(url), "", "{url}");
        }
        for (url, word) in [
            ("shop.example", "expected a URL"),
            ("http://shop.example", "beyond loopback"),
            ("http://127.0.0.1@shop.example", "beyond loopback"),
            ("https://me:secret@shop.example", "user name"),
            ("file:///etc/passwd", "host"),
            ("ftp://shop.example", "found ftp"),
            ("https://shop.example/?a=b", "query"),
        ] {
            assert!(with(url).contains(word), "{url}: {}", with(url));
        }
        let plain =
            Settings { base_url: "http://store:8080".into(), allow_plain_http: true, ..Settings::default() };
        assert_eq!(problems(plain), "");
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let told = problems(Settings {
            base_url: String::new(),
            token: Some("с пробелом".to_owned().into()),
            token_file: Some("/nowhere".into()),
            read_timeout_ms: 0,
            max_body_bytes: 1,
            ..Settings::default()
        });
        for word in ["base_url", "token:", "token_file", "read_timeout_ms", "max_body_bytes"] {
            assert!(told.contains(word), "{word} in {told}");
        }
        assert!(!told.contains("пробелом"), "a secret was told: {told}");
    }
}
