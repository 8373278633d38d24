//! Who calls: what the dialplan announced, else what ARI knows, else nobody will say.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use crate::ari::Ari;
use crate::conversation::event::Identity;
use crate::ids::{CallId, PresentedNumber};

/// Someone who can be asked who calls.
pub trait Identify: Send + Sync + fmt::Debug {
    /// Who this call's caller is; none if it is not known here. The asker has a deadline of its own.
    fn caller_of(&self, call: CallId) -> BoxFuture<'static, Option<Identity>>;

    /// The same, where a caller who is not known must not be taken for one who hides: none unless there is such a call for
    /// certain. The asker has a deadline of its own.
    fn vouch_for(&self, call: CallId) -> BoxFuture<'static, Option<Identity>>;
}

impl Identify for Ari {
    /// ARI's own deadline (`ari.deadline_ms`) is the short one.
    fn caller_of(&self, call: CallId) -> BoxFuture<'static, Option<Identity>> {
        let ari = self.clone();
        Box::pin(async move { if ari.is_on() { Some(ari.identify(call).await) } else { None } })
    }

    fn vouch_for(&self, call: CallId) -> BoxFuture<'static, Option<Identity>> {
        let ari = self.clone();
        Box::pin(async move { ari.known(call).await })
    }
}

/// Nobody to ask: no ARI is configured.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Identify for Nobody {
    fn caller_of(&self, _: CallId) -> BoxFuture<'static, Option<Identity>> {
        Box::pin(std::future::ready(None))
    }

    fn vouch_for(&self, _: CallId) -> BoxFuture<'static, Option<Identity>> {
        Box::pin(std::future::ready(None))
    }
}

/// Asks, for so long at most; an unknown caller is one who withheld the number.
pub(crate) async fn ask(asked: BoxFuture<'static, Option<Identity>>, at_most: Duration) -> Identity {
    match timeout(at_most, asked).await {
        Ok(Some(caller)) => caller,
        Ok(None) => unknown(),
        Err(_) => {
            tracing::debug!(deadline_ms = at_most.as_millis(), "nobody said in time who calls");
            unknown()
        }
    }
}

fn unknown() -> Identity {
    Identity { number: PresentedNumber::Withheld, dialled: None, language: None }
}
