//! Finds out what became of intents whose outcome nobody knows: at start for what an earlier run left, and whenever
//! the store is back.
//!
//! Never a new key for an old intent: the store executes a key once and replays its answer ever after. So a creation,
//! a cancellation, other lines or a delivery are simply sent again. A confirmation is looked up first: it is sent again only while
//! the order is still what the caller agreed to, and that recently; otherwise a person decides. The callers of these
//! intents are gone, so a draft that turns out to exist, and still to be one, is cancelled at once.

use std::collections::{BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::BackoffBuilder as _;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::crash;
use super::entry::Entry;
use super::journal::{Journal, JournalError};
use super::open_intent::OpenIntent;
use crate::ids::{CallId, RequestId};
use crate::orders::{ActionOutcome, ActionRequest, Evidence, Order, OrderAction, OrderStatus};

/// The store, as far as the reconciler needs it.
pub trait Desk {
    /// Carries out a request of this call, which the request's body names, under the key that it has. An earlier run may
    /// have sent it, so [`ActionOutcome::Rejected`] is an answer that speaks for that attempt too. What cannot be known
    /// comes back as [`ActionOutcome::Unknown`], what did not reach the store as [`ActionOutcome::Unavailable`].
    fn perform(&self, call: CallId, request: ActionRequest) -> impl Future<Output = ActionOutcome> + Send;

    /// The digest of an order as it was made for [`Evidence::order_digest`].
    fn order_digest(&self, order: &Order) -> String;
}

/// What came of a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Found out.
    pub reconciled: usize,
    /// Left to a person.
    pub needs_operator: usize,
    /// The store does not say yet.
    pub still_open: usize,
}

impl Summary {
    fn and(self, other: Self) -> Self {
        Self {
            reconciled: self.reconciled + other.reconciled,
            needs_operator: self.needs_operator + other.needs_operator,
            still_open: self.still_open + other.still_open,
        }
    }
}

/// One round over these intents, the oldest first: each call's one after the other, as they depend on each other, and
/// eight calls at a time, so that their entries share the disk's syncs. `now` tells how old they are.
///
/// # Errors
/// The journal takes nothing, or not what came of one call. The calls under way are brought to their end all the same;
/// where the journal takes nothing, nothing more is asked of the store for others.
pub async fn reconcile<D: Desk + Sync>(
    journal: &Journal,
    desk: &D,
    intents: &[OpenIntent],
    now: DateTime<Utc>,
) -> Result<Summary, JournalError> {
    let mut calls: Vec<Vec<OpenIntent>> = Vec::new();
    let mut places = HashMap::new();
    for intent in intents {
        let place = *places.entry(intent.call).or_insert_with(|| {
            calls.push(Vec::new());
            calls.len() - 1
        });
        calls[place].push(intent.clone());
    }
    let takes_nothing = AtomicBool::new(false);
    let settle = |intents: Vec<OpenIntent>| async {
        let open = Summary { still_open: intents.len(), ..Summary::default() };
        if takes_nothing.load(Ordering::Relaxed) {
            return Ok(open);
        }
        // One answer that nothing is prepared for must not end the looking after all others.
        let settled = AssertUnwindSafe(settle_call(journal, desk, intents, now)).catch_unwind().await;
        let settled = settled.unwrap_or_else(|_| {
            tracing::error!("settling a call's order actions panicked; they stay open");
            Ok(open)
        });
        if settled.as_ref().is_err_and(is_of_the_journal) {
            takes_nothing.store(true, Ordering::Relaxed);
        }
        settled
    };
    let mut settled = stream::iter(calls).map(settle).buffer_unordered(AT_ONCE);
    let mut round = Ok(Summary::default());
    while let Some(call) = settled.next().await {
        round = round.and_then(|sum: Summary| call.map(|call| sum.and(call)));
    }
    round
}

/// Whether the next call would fare no better.
fn is_of_the_journal(error: &JournalError) -> bool {
    !matches!(error, JournalError::NotOpen(_) | JournalError::TooLarge | JournalError::Seal(_))
}

async fn settle_call<D: Desk + Sync>(
    journal: &Journal,
    desk: &D,
    intents: Vec<OpenIntent>,
    now: DateTime<Utc>,
) -> Result<Summary, JournalError> {
    let mut summary = Summary::default();
    for intent in &intents {
        settle_one(journal, desk, intent, now, &mut summary).await?;
    }
    Ok(summary)
}

async fn settle_one<D: Desk + Sync>(
    journal: &Journal,
    desk: &D,
    intent: &OpenIntent,
    now: DateTime<Utc>,
    summary: &mut Summary,
) -> Result<(), JournalError> {
    // The cancellation of a draft is settled with its creation, which stands before it.
    if !journal.is_open(intent.call, intent.id) {
        return Ok(());
    }
    match resolve(desk, intent, now).await {
        Found::Out { outcome, how } => {
            settle(journal, desk, intent, &outcome, how).await?;
            tracing::info!(call.id = %intent.call, action = intent.action, "it is known what became of an action");
            summary.reconciled += 1;
        }
        Found::Nobody { why } => {
            journal.append(intent.call, Entry::needs_operator(intent, why)).await?;
            tracing::error!(call.id = %intent.call, action = intent.action, "an operator is needed: {why}");
            metrics::counter!("audit_needs_operator_total").increment(1);
            summary.needs_operator += 1;
        }
        Found::Nothing => summary.still_open += 1,
    }
    Ok(())
}

/// Writes what was found out; a draft that nobody will ever confirm is cancelled, as an action of its own.
async fn settle<D: Desk + Sync>(
    journal: &Journal,
    desk: &D,
    intent: &OpenIntent,
    outcome: &ActionOutcome,
    how: &str,
) -> Result<(), JournalError> {
    crash::point("cp9");
    let ActionOutcome::Drafted { order } = outcome else {
        journal.append(intent.call, Entry::reconciled(intent, outcome, how)).await?;
        return Ok(());
    };
    let cancel = ActionRequest {
        id: RequestId(intent.id.0.saturating_add(CANCEL_IDS)),
        action: OrderAction::Cancel { order_id: order.id, reason: "the caller was cut off".to_owned() },
        // The same after another crash: the store cancels once.
        key: intent.key.map(|key| Uuid::new_v5(&key, b"cancel after a crash")),
        evidence: None,
    };
    // The intent first: a call is closed when its last intent is settled. A run that died between the two has left it.
    if !journal.is_open(intent.call, cancel.id) {
        journal.append(intent.call, Entry::intent(&cancel, intent.offset_ms)).await?;
    }
    // Whatever goes wrong from here on, the next round finds it.
    journal.leave_open(intent.call, cancel.id);
    crash::point("cp9");
    journal.append(intent.call, Entry::reconciled(intent, outcome, how)).await?;
    crash::point("cp9");
    let cancelled = desk.perform(intent.call, cancel.clone()).await;
    crash::point("cp9");
    journal.append(intent.call, Entry::outcome(&cancel, &as_known(cancelled), intent.offset_ms)).await?;
    Ok(())
}

/// Not having reached the store settles nothing here: the cancellation is still wanted.
fn as_known(outcome: ActionOutcome) -> ActionOutcome {
    match outcome {
        ActionOutcome::Unavailable { .. } => ActionOutcome::Unknown,
        outcome => outcome,
    }
}

/// Rounds over the intents that an earlier run left, until none is open or `stop`.
///
/// # Errors
/// The journal takes nothing.
pub async fn until_settled<D: Desk + Sync>(
    journal: &Journal,
    desk: &D,
    mut intents: Vec<OpenIntent>,
    stop: &CancellationToken,
) -> Result<Summary, JournalError> {
    let mut total = Summary::default();
    let mut pauses = backon::ExponentialBuilder::default()
        .with_min_delay(PAUSE_MIN)
        .with_max_delay(PAUSE_MAX)
        .without_max_times()
        .build();
    // A draft's cancellation is a new intent of the same call.
    let calls: BTreeSet<CallId> = intents.iter().map(|intent| intent.call).collect();
    while !intents.is_empty() && !stop.is_cancelled() {
        let round = reconcile(journal, desk, &intents, journal.now()).await?;
        total.reconciled += round.reconciled;
        total.needs_operator += round.needs_operator;
        total.still_open = round.still_open;
        intents = journal.open_intents();
        intents.retain(|intent| calls.contains(&intent.call));
        if !intents.is_empty() {
            tokio::select! {
                () = tokio::time::sleep(pauses.next().unwrap_or(PAUSE_MAX)) => {}
                () = stop.cancelled() => {}
            }
        }
    }
    Ok(total)
}

/// Looks after the intents of this run and of the earlier one that left `recovered`, until `stop`. Of this run those whose
/// calls are over by `is_over`, and whose outcome was found unknown or is missing for longer than any action takes. A
/// journal that takes nothing is asked again later.
pub async fn keep_settled<D: Desk + Sync>(
    journal: &Journal,
    desk: &D,
    recovered: Vec<OpenIntent>,
    is_over: impl Fn(CallId) -> bool + Send,
    stop: &CancellationToken,
) {
    let earlier: BTreeSet<CallId> = recovered.iter().map(|intent| intent.call).collect();
    let pauses = backon::ExponentialBuilder::default()
        .with_min_delay(PAUSE_MIN)
        .with_max_delay(PAUSE_MAX)
        .without_max_times();
    let mut growing = pauses.build();
    loop {
        let mut due = journal.open_intents();
        let now = journal.now();
        due.retain(|intent| {
            let nobody_acts = intent.asked || intent.age(now) > ACTING;
            earlier.contains(&intent.call) || nobody_acts && is_over(intent.call)
        });
        let round =
            if due.is_empty() { Ok(Summary::default()) } else { reconcile(journal, desk, &due, now).await };
        let pause = match round {
            Ok(Summary { still_open: 0, .. }) => {
                growing = pauses.build();
                PAUSE_IDLE
            }
            Ok(_) => growing.next().unwrap_or(PAUSE_MAX),
            Err(error) => {
                tracing::error!(%error, "open order actions could not be settled; they are tried again");
                PAUSE_MAX
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// What was found out about an intent.
enum Found {
    Out { outcome: Box<ActionOutcome>, how: &'static str },
    Nobody { why: &'static str },
    Nothing,
}

async fn resolve<D: Desk + Sync>(desk: &D, intent: &OpenIntent, now: DateTime<Utc>) -> Found {
    let Some(request) = intent.request() else {
        return Found::Nobody { why: "the sealed request cannot be read" };
    };
    if intent.age(now) > HORIZON {
        return Found::Nobody { why: "the intent is older than 24 hours" };
    }
    if request.key.is_none() {
        return Found::Nobody { why: "the intent has no key to be sent again with" };
    }
    match &request.action {
        OrderAction::Confirm { order_id, .. } => confirmation(desk, intent, &request, *order_id, now).await,
        OrderAction::CreateDraft { .. } => match desk.perform(intent.call, request.clone()).await {
            // That is what the store answered then. The caller may have asked again under the same key, and agreed.
            ActionOutcome::Drafted { order } => still_a_draft(desk, intent, &request, order).await,
            other => found(other, "resent"),
        },
        OrderAction::ChangeLines { .. } | OrderAction::SetDelivery { .. } | OrderAction::Cancel { .. } => {
            found(desk.perform(intent.call, request.clone()).await, "resent")
        }
        // Reads have no intent; a journal that holds one is not of this program's making.
        OrderAction::SearchOrders { .. }
        | OrderAction::OrderDetails { .. }
        | OrderAction::FindProducts { .. }
        | OrderAction::DeliveryQuote { .. }
        | OrderAction::PickupPoints { .. } => Found::Nobody { why: "the intent is of a read" },
    }
}

async fn still_a_draft<D: Desk + Sync>(
    desk: &D,
    intent: &OpenIntent,
    request: &ActionRequest,
    order: Order,
) -> Found {
    match look_up(desk, intent, request, order.id).await {
        ActionOutcome::Details { order: now } if now.status == OrderStatus::Draft => {
            Found::Out { outcome: Box::new(ActionOutcome::Drafted { order }), how: "resent" }
        }
        other => looked_up(other),
    }
}

async fn look_up<D: Desk + Sync>(
    desk: &D,
    intent: &OpenIntent,
    request: &ActionRequest,
    order_id: Uuid,
) -> ActionOutcome {
    let action = OrderAction::OrderDetails { order_id };
    desk.perform(intent.call, ActionRequest { id: request.id, action, key: None, evidence: None }).await
}

async fn confirmation<D: Desk + Sync>(
    desk: &D,
    intent: &OpenIntent,
    request: &ActionRequest,
    order_id: Uuid,
    now: DateTime<Utc>,
) -> Found {
    let order = match look_up(desk, intent, request, order_id).await {
        ActionOutcome::Details { order } => order,
        other => return looked_up(other),
    };
    if order.status != OrderStatus::Draft {
        return Found::Out { outcome: Box::new(ActionOutcome::Details { order }), how: "found" };
    }
    let agreed = |evidence: &Evidence| evidence.order_digest == desk.order_digest(&order);
    match &request.evidence {
        None => Found::Nobody { why: "the confirmation has no evidence" },
        Some(evidence) if !agreed(evidence) => {
            Found::Nobody { why: "the order is not what the caller agreed to any more" }
        }
        Some(_) if intent.age(now) > EVIDENCE_LIVES => {
            Found::Nobody { why: "the caller's yes is older than ten minutes" }
        }
        Some(_) if intent.age(now) < -CLOCK_SLACK => {
            Found::Nobody { why: "the clock was set back: how old the caller's yes is, nobody knows" }
        }
        Some(_) => found(desk.perform(intent.call, request.clone()).await, "resent"),
    }
}

/// What an order says of an action on it. That it cannot be read says nothing: the store may be just being set up anew.
fn looked_up(outcome: ActionOutcome) -> Found {
    match outcome {
        ActionOutcome::Details { .. } => found(outcome, "found"),
        _ => Found::Nothing,
    }
}

fn found(outcome: ActionOutcome, how: &'static str) -> Found {
    match outcome {
        ActionOutcome::Unknown | ActionOutcome::Unavailable { .. } => Found::Nothing,
        outcome => Found::Out { outcome: Box::new(outcome), how },
    }
}

/// Calls whose intents are looked into at the same time. Chosen: a store with ten connections has some left for callers.
const AT_ONCE: usize = 8;
/// After this an intent is not sent again: far less than the 31 days that the store keeps a key.
const HORIZON: TimeDelta = TimeDelta::hours(24);
/// After this nobody acts on an intent any more: whoever did has panicked, or lost it. Chosen: several times what an action
/// may take, which is the store's deadline (a minute at most) and twice the disk's.
const ACTING: TimeDelta = TimeDelta::minutes(5);
/// How long a caller's yes holds without the caller.
const EVIDENCE_LIVES: TimeDelta = TimeDelta::minutes(10);
/// An intent may come from so far in the future: chosen, above what a clock that is kept in step is corrected by.
const CLOCK_SLACK: TimeDelta = TimeDelta::seconds(5);
/// Pauses between rounds: an unknown outcome is to be known within 30 s of a restart when the store is there.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Pause between looks when nothing is open. Chosen: a caller is told that it will be checked, not that it was.
const PAUSE_IDLE: Duration = Duration::from_secs(5);
/// Added to the id of a creation for its cancellation's: far above what a call counts to, exact as a JSON number.
const CANCEL_IDS: u64 = 1 << 40;

#[cfg(test)]
mod tests;
