//! HTTP beside the calls: health, readiness, metrics, caller registration, the list of calls and their events.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /health` | 200 `ok` while the process answers at all |
//! | `GET /ready` | 200 or 503, with each part's state as JSON |
//! | `GET /metrics` | the figures, in Prometheus' text form |
//! | `POST /calls?uuid=…&from=…&exten=…&lang=…` | 200 `ok`: the dialplan announces a call; also as a form |
//! | `POST /calls?uuid=…&returns=UUID&…` | as above, for a leg that comes back because no person answered: `returns` is the earlier leg's UUID; 409 when it has come back as often as it may |
//! | `GET /calls` | the calls that go on, as JSON |
//! | `GET /calls/{uuid}/next` | `hangup`, `operator` or `unknown`: what the dialplan should do after the agent |
//! | `GET /calls/{uuid}/handover` | what goes with the call to a person: target, caller, order, language, summary, between bars; always five fields, empty where nothing is known, and harmless in a dialplan ([`crate::call::transfer::harmless`]) |
//! | `GET /calls/{uuid}/events` | server-sent events: what happens in a call, from now on |
//!
//! All but the first two ask for the token, where one is set.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::call::{Observer, Registry};
use crate::ids::Region;

mod routes;

pub use routes::router;

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
                "http.token: expected a shared token, as {} can be reached from elsewhere; found none",
                self.listen
            )),
            Some(token) if token.expose_secret().len() < 16 => {
                problems.push("http.token: expected at least 16 characters".to_owned());
            }
            _ => {}
        }
        problems
    }
}

/// What the routes need.
#[derive(Clone)]
pub struct Console {
    /// The calls.
    pub registry: Arc<Registry>,
    /// What happens in them.
    pub observer: Observer,
    /// How the server's parts are.
    pub readiness: Readiness,
    /// Renders the figures.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// The shared token, if there is one.
    pub token: Option<SecretString>,
    /// Numbering plans for numbers without a country code.
    pub regions: Arc<[Region]>,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console").finish_non_exhaustive()
    }
}

/// How the server's parts are, as far as it knows. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, PartState>>>);

/// How one part is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PartState {
    /// It works.
    Up,
    /// It does not, and calls are served all the same.
    Degraded {
        /// What was expected and what came.
        why: String,
    },
    /// It does not, and no call can be served.
    Down {
        /// What was expected and what came.
        why: String,
    },
}

impl Readiness {
    /// Notes how a part is.
    pub fn set(&self, part: &'static str, state: PartState) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(part, state);
    }

    /// Every part that has been noted.
    pub fn parts(&self) -> BTreeMap<&'static str, PartState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether calls can be served.
    pub fn is_ready(&self) -> bool {
        let parts = self.parts();
        !parts.is_empty() && parts.values().all(|state| !matches!(state, PartState::Down { .. }))
    }
}
