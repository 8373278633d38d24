//! Which calls are announced, which are live, and what the dialplan should do after them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::time::Instant;

use crate::call::transfer::{self, Card};
use crate::conversation::Input;
use crate::conversation::event::{Handover, Identity, Leave};
use crate::engines::Inbox;
use crate::ids::{CallId, PresentedNumber};
use crate::language::Language;
use crate::telemetry::figures;

/// How long an announced call may take to arrive (chosen: a dialplan connects within a second, a busy PBX within some).
const ANNOUNCED_FOR: Duration = Duration::from_secs(60);
/// Calls that may be announced and not here yet; more are refused.
const MAX_ANNOUNCED: usize = 10_000;
/// Ended calls that are remembered, for the dialplan's question what to do next.
const REMEMBERED: usize = 10_000;

/// The calls of this server.
#[derive(Debug, Default)]
pub struct Registry {
    transfer: transfer::Settings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Where the session of a live call takes what others know.
    inboxes: HashMap<CallId, Inbox>,
    announced: HashMap<CallId, (Announced, Instant)>,
    live: BTreeMap<CallId, (Live, Known)>,
    ended: HashMap<CallId, Ended>,
    ended_order: VecDeque<CallId>,
}

#[derive(Debug)]
struct Announced {
    caller: Identity,
    returns: u32,
    told: Option<Handover>,
}

/// What the next leg of the same call will need.
#[derive(Clone, Debug, Default)]
struct Known {
    caller: Option<Identity>,
    /// How often the agent has taken this call back.
    returns: u32,
    /// What the agent said of an earlier leg of the call.
    told: Option<Handover>,
}

#[derive(Clone, Debug, Default)]
struct Ended {
    how: How,
    known: Known,
}

#[derive(Clone, Debug, Default)]
enum How {
    HangUp,
    Transfer(Handover),
    #[default]
    Unknown,
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
        /// Who that is, and what the person should know.
        card: Card,
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
    /// The UUID was never announced, or too long ago, and ARI does not know it.
    #[error(
        "this UUID was neither announced with POST /calls nor does ARI know a channel with it as CALL_UUID; \
         registration_required asks for one of them"
    )]
    Stranger,
}

/// Too many calls are announced and not here yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_ANNOUNCED} calls are announced and have not arrived")]
pub struct TooManyAnnounced;

/// Why the agent does not take a call back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoReturn {
    /// It has done so as often as it may.
    #[error("this call has come back {0} times, and transfer.returns allows no more")]
    Enough(u32),
    /// The second leg has the first one's UUID.
    #[error("expected a new UUID for the leg that comes back, found the earlier leg's")]
    SameUuid,
    #[error(transparent)]
    Full(#[from] TooManyAnnounced),
}

/// A live call's place in the registry; leaving it ends the call.
#[derive(Debug)]
pub(crate) struct Place {
    registry: Arc<Registry>,
    call: CallId,
    how: How,
    returning: bool,
    on_trial: bool,
}

impl Registry {
    /// No calls; transfers as they are by default.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// No calls.
    pub fn with(transfer: transfer::Settings) -> Arc<Self> {
        Arc::new(Self { transfer, state: Mutex::default() })
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
        self.expect(call, Announced { caller, returns: 0, told: None })
    }

    /// A dialplan says that no person answered a call which the agent has left, and that the caller comes back as a leg
    /// with a UUID of its own (idempotency keys and the audit's chain are derived from it). What is known of the earlier
    /// leg is carried over; `caller` fills the holes, and is all there is where the earlier leg is not known any more.
    ///
    /// # Errors
    /// [`NoReturn`].
    pub fn announce_return(&self, call: CallId, earlier: CallId, caller: Identity) -> Result<(), NoReturn> {
        if call == earlier {
            return Err(NoReturn::SameUuid);
        }
        let (how, known) = self.state().known_of(earlier);
        let told = told(how, known.told);
        if known.returns >= self.transfer.returns {
            return Err(NoReturn::Enough(known.returns));
        }
        let mut caller = match known.caller {
            None => caller,
            // ARI may have known more than the dialplan says, or the dialplan more now than ARI did.
            Some(earlier) => Identity {
                number: match earlier.number {
                    PresentedNumber::Number(_) => earlier.number,
                    _ => caller.number,
                },
                dialled: earlier.dialled.or(caller.dialled),
                language: earlier.language.or(caller.language),
            },
        };
        tracing::info!(call.id = %call, call.earlier = %earlier, returns = known.returns + 1, "a call comes back");
        caller.language = told.as_ref().map(|told| told.language).or(caller.language);
        self.expect(call, Announced { caller, returns: known.returns + 1, told })?;
        metrics::counter!(figures::RETURNS_TOTAL).increment(1);
        Ok(())
    }

    fn expect(&self, call: CallId, announced: Announced) -> Result<(), TooManyAnnounced> {
        let now = Instant::now();
        let mut state = self.state();
        if state.announced.len() >= MAX_ANNOUNCED {
            state.announced.retain(|_, (_, at)| now.saturating_duration_since(*at) < ANNOUNCED_FOR);
        }
        if state.announced.len() >= MAX_ANNOUNCED {
            return Err(TooManyAnnounced);
        }
        state.announced.insert(call, (announced, now));
        Ok(())
    }

    /// The calls that are going on, ordered by their UUID.
    pub fn live(&self) -> Vec<Live> {
        self.state().live.values().map(|(live, _)| live.clone()).collect()
    }

    /// Whether this call is going on.
    pub fn is_live(&self, call: CallId) -> bool {
        self.state().live.contains_key(&call)
    }

    /// Tells a live call's session something. A call that is over, or does not take it in, is not told.
    pub fn tell(&self, call: CallId, input: Input) {
        if let Some(inbox) = self.state().inboxes.get(&call) {
            let _ = inbox.try_send(input);
        }
    }

    /// What the dialplan should do after this call.
    pub fn next(&self, call: CallId) -> Next {
        let ended = self.state().ended.get(&call).cloned().unwrap_or_default();
        match ended.how {
            How::HangUp => Next::HangUp,
            How::Transfer(_) => Next::Operator { card: self.card_of(ended.how, ended.known) },
            How::Unknown => Next::Unknown,
        }
    }

    /// What goes with this call to a person, however it ended.
    pub fn card(&self, call: CallId) -> Card {
        let (how, known) = self.state().known_of(call);
        self.card_of(how, known)
    }

    fn card_of(&self, how: How, known: Known) -> Card {
        let handover = told(how, known.told);
        let chosen = known.caller.as_ref().and_then(|caller| caller.language);
        Card {
            target: self.transfer.target.clone(),
            caller: known.caller.and_then(|caller| caller.number.number().cloned()),
            language: handover.as_ref().map(|handover| handover.language).or(chosen),
            handover,
        }
    }

    /// Takes a call in. Its announcement, if there is one, is used up.
    pub(crate) fn begin(self: &Arc<Self>, call: CallId) -> Result<(Place, Option<Identity>), Refusal> {
        let mut state = self.state();
        if state.live.contains_key(&call) {
            return Err(Refusal::Duplicate);
        }
        if let Some(ended) = state.ended.get_mut(&call) {
            // The word for the earlier call must not hang this caller up, nor may its caller be taken for this one.
            *ended = Ended::default();
            return Err(Refusal::Used);
        }
        let now = Instant::now();
        let announced = state
            .announced
            .remove(&call)
            .filter(|(_, at)| now.saturating_duration_since(*at) < ANNOUNCED_FOR)
            .map(|(announced, _)| announced);
        let live = Live { call, since: Utc::now(), caller: None, dialled: None };
        let (caller, returns, told) =
            announced.map_or_else(Default::default, |a| (Some(a.caller), a.returns, a.told));
        state.live.insert(call, (live, Known { caller: None, returns, told }));
        let returning = returns > 0;
        let place = Place { registry: self.clone(), call, how: How::Unknown, returning, on_trial: false };
        Ok((place, caller))
    }
}

/// What goes to a person after a leg that ended so, where `earlier` was said of an earlier one: the latest that an order was
/// spoken of in, as who asks again for a person at once still waits for the order of a minute ago.
fn told(how: How, earlier: Option<Handover>) -> Option<Handover> {
    match (how, earlier) {
        (How::Transfer(now), Some(earlier)) if now.order.is_none() => {
            Some(Handover { language: now.language, ..earlier })
        }
        (How::Transfer(now), _) => Some(now),
        (How::HangUp | How::Unknown, earlier) => earlier,
    }
}

impl Place {
    /// Whose it is.
    pub(crate) fn call(&self) -> CallId {
        self.call
    }

    /// It is not known yet whether there is such a call. Until [`passed`](Self::passed) leaving the place leaves no trace:
    /// whoever invents UUIDs must not push real calls out of what is remembered.
    pub(crate) fn on_trial(&mut self) {
        self.on_trial = true;
    }

    /// There is such a call.
    pub(crate) fn passed(&mut self) {
        self.on_trial = false;
    }

    /// Where the session takes what others know of its call.
    pub(crate) fn reachable_at(&self, inbox: Inbox) {
        self.registry.state().inboxes.insert(self.call, inbox);
    }

    /// It became known who calls.
    pub(crate) fn identified(&self, caller: &Identity) {
        if let Some((live, known)) = self.registry.state().live.get_mut(&self.call) {
            live.caller = caller.number.number().map(ToString::to_string);
            live.dialled.clone_from(&caller.dialled);
            known.caller = Some(caller.clone());
        }
    }

    /// Whether the agent takes this call back from people who did not answer.
    pub(crate) fn is_return(&self) -> bool {
        self.returning
    }

    /// How the agent leaves. Known before the hangup message goes out, as the dialplan asks right after it.
    pub(crate) fn leaving(&mut self, how: &Leave) {
        self.how = match how {
            Leave::HangUp => How::HangUp,
            Leave::Transfer { handover } => How::Transfer(handover.clone()),
        };
        let mut state = self.registry.state();
        let known = state.live.get(&self.call).map(|(_, known)| known.clone()).unwrap_or_default();
        state.remember(self.call, self.how.clone(), known);
    }
}

impl State {
    /// How a call ended, if it did, and what is known of it.
    fn known_of(&self, call: CallId) -> (How, Known) {
        match (self.ended.get(&call), self.live.get(&call)) {
            (Some(ended), _) => (ended.how.clone(), ended.known.clone()),
            (None, Some((_, known))) => (How::Unknown, known.clone()),
            (None, None) => Default::default(),
        }
    }

    fn remember(&mut self, call: CallId, how: How, mut known: Known) {
        if matches!(how, How::HangUp) {
            // Nobody will need it.
            known = Known { returns: known.returns, ..Known::default() };
        }
        if self.ended.insert(call, Ended { how, known }).is_none() {
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
        state.inboxes.remove(&self.call);
        let known = state.live.remove(&self.call).map(|(_, known)| known).unwrap_or_default();
        if !self.on_trial {
            state.remember(self.call, std::mem::take(&mut self.how), known);
        }
    }
}

/// The language that a dialled number or the dialplan chooses.
pub(crate) fn language_for(caller: &Identity, dialled: &BTreeMap<String, Language>) -> Option<Language> {
    caller.language.or_else(|| caller.dialled.as_ref().and_then(|number| dialled.get(number).copied()))
}

#[cfg(test)]
mod tests;
