//! HTTP beside the calls: health, readiness, metrics, caller registration, the list of calls and their events.

use std::net::SocketAddr;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// `[http]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Shared token that every request but `/health` and `/ready` must carry (`Authorization: Bearer …` or `?token=…`,
    /// which a dialplan's CURL() can send). Required when `listen` is no loopback address; at least 16 characters.
    pub token: Option<SecretString>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9090)), token: None }
    }
}

impl Settings {
    /// What is wrong with these values.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match &self.token {
            None if !self.listen.ip().is_loopback() => problems.push(format!(
                "token: expected a shared token, as {} can be reached from elsewhere; found none",
                self.listen
            )),
            Some(token) if token.expose_secret().len() < 16 => {
                problems.push("token: expected at least 16 characters".to_owned());
            }
            _ => {}
        }
        problems
    }
}
