//! Which calls are announced, which are live, and what the dialplan should do after them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::time::Instant;

use crate::conversation::event::{Identity, Leave};
use crate::ids::CallId;
use crate::language::Language;

/// How long an announced call may take to arrive (chosen: a dialplan connects within a second, a busy PBX within some).
const ANNOUNCED_FOR: Duration = Duration::from_secs(60);
/// Calls that may be announced and not here yet; more are refused.
const MAX_ANNOUNCED: usize = 10_000;
/// Ended calls that are remembered, for the dialplan's question what to do next.
const REMEMBERED: usize = 10_000;

/// The calls of this server.
#[derive(Debug, Default)]
pub struct Registry {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    announced: HashMap<CallId, (Identity, Instant)>,
    live: BTreeMap<CallId, Live>,
    ended: HashMap<CallId, Next>,
    ended_order: VecDeque<CallId>,
}

/// A call that is going on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Live {
    /// Which.
    pub call: CallId,
    /// When it was taken.
    pub since: DateTime<Utc>,
    /// The caller's number, masked, once known.
    pub caller: Option<String>,
    /// The dialled number, once known.
    pub dialled: Option<String>,
}

/// What the dialplan should do when the agent's leg is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "next", rename_all = "snake_case")]
pub enum Next {
    /// Everything is said.
    HangUp,
    /// To a person, and the agent has said so.
    Operator {
        /// What the person should know.
        summary: String,
    },
    /// Nothing is known of the call, or it ended without a word of the agent's. If the caller is still there, a person
    /// should take over.
    Unknown,
}

impl Next {
    /// The word that the dialplan compares: `hangup`, `operator` or `unknown`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::HangUp => "hangup",
            Self::Operator { .. } => "operator",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a call is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The UUID belongs to a call that is going on.
    #[error("a call with this UUID is going on; the dialplan should make one per call with ${{UUID()}}")]
    Duplicate,
    /// The UUID belonged to a call that is over. Its orders' idempotency keys and its chain in the audit are derived from
    /// it, so a second call must not have it.
    #[error("an earlier call had this UUID; the dialplan should make one per call with ${{UUID()}}")]
    Used,
    /// The UUID was never announced, or too long ago, or has been used.
    #[error("this UUID was not announced with POST /calls, which registration_required asks for")]
    NotAnnounced,
}

/// Too many calls are announced and not here yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_ANNOUNCED} calls are announced and have not arrived")]
pub struct TooManyAnnounced;

/// A live call's place in the registry; leaving it ends the call.
#[derive(Debug)]
pub(crate) struct Place {
    registry: Arc<Registry>,
    call: CallId,
    next: Option<Next>,
}

impl Registry {
    /// No calls.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change under this lock is one insertion or removal, so a panic elsewhere leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A dialplan says who is about to call. Saying it twice keeps the later.
    ///
    /// # Errors
    /// [`TooManyAnnounced`].
    pub fn announce(&self, call: CallId, caller: Identity) -> Result<(), TooManyAnnounced> {
        let now = Instant::now();
        let mut state = self.state();
        if state.announced.len() >= MAX_ANNOUNCED {
            state.announced.retain(|_, (_, at)| now.saturating_duration_since(*at) < ANNOUNCED_FOR);
        }
        if state.announced.len() >= MAX_ANNOUNCED {
            return Err(TooManyAnnounced);
        }
        state.announced.insert(call, (caller, now));
        Ok(())
    }

    /// The calls that are going on, ordered by their UUID.
    pub fn live(&self) -> Vec<Live> {
        self.state().live.values().cloned().collect()
    }

    /// Whether this call is going on.
    pub fn is_live(&self, call: CallId) -> bool {
        self.state().live.contains_key(&call)
    }

    /// What the dialplan should do after this call.
    pub fn next(&self, call: CallId) -> Next {
        self.state().ended.get(&call).cloned().unwrap_or(Next::Unknown)
    }

    /// Takes a call in. Its announcement, if there is one, is used up.
    pub(crate) fn begin(
        self: &Arc<Self>,
        call: CallId,
        announced_only: bool,
    ) -> Result<(Place, Option<Identity>), Refusal> {
        let mut state = self.state();
        if state.live.contains_key(&call) {
            return Err(Refusal::Duplicate);
        }
        if let Some(next) = state.ended.get_mut(&call) {
            // The word for the earlier call must not hang this caller up.
            *next = Next::Unknown;
            return Err(Refusal::Used);
        }
        let now = Instant::now();
        let announced = state
            .announced
            .remove(&call)
            .filter(|(_, at)| now.saturating_duration_since(*at) < ANNOUNCED_FOR)
            .map(|(caller, _)| caller);
        if announced.is_none() && announced_only {
            return Err(Refusal::NotAnnounced);
        }
        state.live.insert(call, Live { call, since: Utc::now(), caller: None, dialled: None });
        Ok((Place { registry: self.clone(), call, next: None }, announced))
    }
}

impl Place {
    /// It became known who calls.
    pub(crate) fn identified(&self, caller: &Identity) {
        if let Some(live) = self.registry.state().live.get_mut(&self.call) {
            live.caller = match &caller.number {
                crate::ids::PresentedNumber::Number(number) => Some(number.to_string()),
                _ => None,
            };
            live.dialled.clone_from(&caller.dialled);
        }
    }

    /// How the agent leaves. Known before the hangup message goes out, as the dialplan asks right after it.
    pub(crate) fn leaving(&mut self, how: &Leave) {
        let next = match how {
            Leave::HangUp => Next::HangUp,
            Leave::Transfer { summary } => Next::Operator { summary: summary.clone() },
        };
        self.registry.state().remember(self.call, next.clone());
        self.next = Some(next);
    }
}

impl State {
    fn remember(&mut self, call: CallId, next: Next) {
        if self.ended.insert(call, next).is_none() {
            self.ended_order.push_back(call);
        }
        while self.ended_order.len() > REMEMBERED {
            if let Some(oldest) = self.ended_order.pop_front() {
                self.ended.remove(&oldest);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.registry.state();
        state.live.remove(&self.call);
        state.remember(self.call, self.next.take().unwrap_or(Next::Unknown));
    }
}

/// The language that a dialled number or the dialplan chooses.
pub(crate) fn language_for(caller: &Identity, dialled: &BTreeMap<String, Language>) -> Option<Language> {
    caller.language.or_else(|| caller.dialled.as_ref().and_then(|number| dialled.get(number).copied()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use uuid::Uuid;

    use super::*;
    use crate::ids::PresentedNumber;

    fn caller() -> Identity {
        Identity { number: PresentedNumber::Withheld, dialled: Some("200".into()), language: None }
    }

    #[test]
    fn an_announcement_counts_for_one_call() {
        let registry = Registry::new();
        let call = CallId(Uuid::from_u128(1));
        registry.announce(call, caller()).unwrap();
        let (place, announced) = registry.begin(call, true).unwrap();
        assert_eq!(announced, Some(caller()));
        assert_eq!(registry.begin(call, true).unwrap_err(), Refusal::Duplicate);
        drop(place);
        registry.announce(call, caller()).unwrap();
        assert_eq!(registry.begin(call, true).unwrap_err(), Refusal::Used);
        assert_eq!(registry.begin(CallId(Uuid::from_u128(2)), true).unwrap_err(), Refusal::NotAnnounced);
    }

    #[tokio::test(start_paused = true)]
    async fn an_announcement_grows_old() {
        let registry = Registry::new();
        let call = CallId(Uuid::from_u128(1));
        registry.announce(call, caller()).unwrap();
        tokio::time::advance(ANNOUNCED_FOR).await;
        assert_eq!(registry.begin(call, true).unwrap_err(), Refusal::NotAnnounced);
    }

    #[test]
    fn only_a_call_that_the_agent_ended_is_hung_up() {
        let registry = Registry::new();
        let call = CallId(Uuid::from_u128(1));
        assert_eq!(registry.next(call).word(), "unknown");
        let cut = CallId(Uuid::from_u128(2));
        drop(registry.begin(cut, false).unwrap());
        assert_eq!(registry.next(cut).word(), "unknown");
        let (mut place, _) = registry.begin(call, false).unwrap();
        place.leaving(&Leave::HangUp);
        assert_eq!(registry.next(call).word(), "hangup");
        drop(place);
        assert_eq!(registry.next(call).word(), "hangup");
        assert!(registry.live().is_empty());
        assert_eq!(registry.begin(call, false).unwrap_err(), Refusal::Used);
        assert_eq!(registry.next(call).word(), "unknown", "the second caller is not hung up");
    }

    #[test]
    fn the_dialplans_language_wins_over_the_dialled_number() {
        let map = BTreeMap::from([("200".to_owned(), Language::English)]);
        assert_eq!(language_for(&caller(), &map), Some(Language::English));
        let said = Identity { language: Some(Language::Russian), ..caller() };
        assert_eq!(language_for(&said, &map), Some(Language::Russian));
    }
}
