//! How the voice server's parts are, looked at again and again for `/ready`.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::ari::Ari;
use crate::audit::Journal;
use crate::http::{PartState, Readiness};
use crate::orders::client::{BreakerState, Http, StoreClient};

/// How often the journal and the store's breaker are looked at; both are a glance at memory.
const GLANCE: Duration = Duration::from_secs(2);
/// How often a part that did not answer is asked again, in glances. A request each, so not too often.
const ASK_AGAIN: u32 = 5;

/// What is watched.
pub(super) struct Watch {
    pub(super) readiness: Readiness,
    pub(super) journal: Journal,
    pub(super) store: Arc<StoreClient<Http>>,
    /// None where ARI is not configured.
    pub(super) ari: Option<Ari>,
    /// Cancelled when the server begins to go away.
    pub(super) draining: CancellationToken,
}

impl Watch {
    /// Watches until the server goes away, and says so then.
    pub(super) async fn run(self) {
        let mut glances = 0u32;
        loop {
            tokio::select! {
                () = self.draining.cancelled() => {
                    // Whoever balances calls should stop sending them here.
                    self.readiness.set("calls", down("the server is going away"));
                    return;
                }
                () = tokio::time::sleep(GLANCE) => {}
            }
            glances = glances.wrapping_add(1);
            self.glance();
            if glances.is_multiple_of(ASK_AGAIN) {
                self.ask().await;
            }
        }
    }

    fn glance(&self) {
        self.readiness.set(
            "journal",
            match self.journal.read_only() {
                None => PartState::Up,
                Some(why) => degraded(format!("no order is taken: {why}")),
            },
        );
        if self.ari.as_ref().is_some_and(|ari| !ari.is_streaming()) {
            self.readiness
                .set("ari", degraded("no event stream from Asterisk: calls cannot be set up".into()));
        }
        if self.store.breaker() == BreakerState::Open {
            self.readiness
                .set("store", degraded("it has failed too often and is not asked for a while".into()));
        }
    }

    async fn ask(&self) {
        let parts = self.readiness.parts();
        let bad = |part: &str| matches!(parts.get(part), Some(state) if *state != PartState::Up);
        if bad("store") && self.store.breaker() != BreakerState::Open {
            let state = match self.store.products(None, self.store.deadline()).await {
                Ok(_) => PartState::Up,
                Err(error) => degraded(error.to_string()),
            };
            self.readiness.set("store", state);
        }
        if let Some(ari) = self.ari.as_ref().filter(|_| bad("ari")) {
            let state = match ari.check().await {
                Ok(_) if !ari.is_streaming() => return,
                Ok(_) => PartState::Up,
                Err(error) => degraded(error.to_string()),
            };
            self.readiness.set("ari", state);
        }
    }
}

fn degraded(why: String) -> PartState {
    PartState::Degraded { why }
}

fn down(why: &str) -> PartState {
    PartState::Down { why: why.to_owned() }
}
