//! The order desk of a call: order actions, journaled before they leave and before their outcome is told.
//!
//! An action runs in a task of its own that outlives the call: neither a barge-in nor a hang-up nor a drain cancels it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::BackoffBuilder as _;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::audit::{Entry, EntryKind, Journal, JournalError, crash, reconcile};
use crate::call::observer::Summary;
use crate::conversation::event::Identity;
use crate::ids::{CallId, PhoneNumber};
use crate::orders::client::{Attempt, StoreClient, Transport};
use crate::orders::{ActionOutcome, ActionRequest, Order, Unavailable};
use crate::telemetry::figures;

/// Where order actions go.
pub trait Desk: Send + Sync + fmt::Debug {
    /// A call has begun. Must not wait.
    fn began(&self, call: CallId);

    /// It became known who calls. Must not wait.
    fn identified(&self, call: CallId, caller: &Identity);

    /// Carries out one action of a call that was accepted then, to its end. The future is run in a task of its own and never dropped early.
    fn carry_out(
        &self,
        call: CallId,
        accepted: Instant,
        request: ActionRequest,
    ) -> BoxFuture<'static, ActionOutcome>;

    /// The caller was told that the call is recorded, or it turned out that it may not be: to be kept at once. Must not
    /// wait; what it returns is run in a task of its own.
    fn consented(&self, _: CallId, _: Instant, _: Consent) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    /// A call is over and all its actions are settled. The future is run in a task of its own and never dropped early.
    fn ended(&self, call: CallId, summary: &Summary) -> BoxFuture<'static, ()>;
}

/// Whether a call may be recorded, as its caller knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// They have heard the notice whole and stayed.
    Told,
    /// They do not want it, or could not be told.
    Refused,
    /// They said or keyed in the number of a card.
    CardHeard,
}

impl Consent {
    fn entry(self, offset_ms: u64) -> Entry {
        let (given, why) = match self {
            Self::Told => (true, "told"),
            Self::Refused => (false, "refused"),
            Self::CardHeard => (false, "card_heard"),
        };
        let body = serde_json::json!({ "to": "recording", "given": given, "why": why });
        Entry::new(EntryKind::Consent, body, offset_ms)
    }
}

/// A desk where nothing can be ordered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Closed;

impl Desk for Closed {
    fn began(&self, _: CallId) {}

    fn identified(&self, _: CallId, _: &Identity) {}

    fn carry_out(&self, _: CallId, _: Instant, _: ActionRequest) -> BoxFuture<'static, ActionOutcome> {
        Box::pin(std::future::ready(ActionOutcome::Unavailable { reason: Unavailable::Store }))
    }

    fn ended(&self, _: CallId, _: &Summary) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The desk that orders: intent to the journal, request to the store, outcome to the journal, answer to the call.
#[derive(Debug)]
pub struct OrderDesk<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    journal: Journal,
    store: Arc<StoreClient<T>>,
    calls: Mutex<HashMap<CallId, Arc<Books>>>,
}

/// The journal's side of one call.
#[derive(Debug)]
struct Books {
    since: DateTime<Utc>,
    caller: Mutex<Option<PhoneNumber>>,
    /// What the caller knows of the recording and is not in the journal yet; one at a time writes it there.
    consents: Mutex<Vec<Entry>>,
    writing: tokio::sync::Mutex<()>,
    /// Nobody will say any more who calls: it was told, or given up, or the call is over.
    known: CancellationToken,
    /// Set once the call's chain is on the disk.
    opened: OnceCell<()>,
    /// An opening was given up while a slow disk was still at it: it may have been written after all.
    stalled: AtomicBool,
}

impl<T: Transport> OrderDesk<T> {
    /// A desk with this journal and this store.
    pub fn new(journal: Journal, store: Arc<StoreClient<T>>) -> Self {
        Self(Arc::new(Shared { journal, store, calls: Mutex::default() }))
    }
}

impl<T: Transport + Send + Sync + fmt::Debug + 'static> Desk for OrderDesk<T> {
    fn began(&self, call: CallId) {
        let books = Books {
            since: self.0.journal.now(),
            caller: Mutex::new(None),
            consents: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            known: CancellationToken::new(),
            opened: OnceCell::new(),
            stalled: AtomicBool::new(false),
        };
        self.0.calls().insert(call, Arc::new(books));
    }

    fn identified(&self, call: CallId, caller: &Identity) {
        if let Some(books) = self.0.calls().get(&call) {
            *books.caller.lock().unwrap_or_else(PoisonError::into_inner) = caller.number.number().cloned();
            books.known.cancel();
        }
    }

    fn carry_out(
        &self,
        call: CallId,
        accepted: Instant,
        request: ActionRequest,
    ) -> BoxFuture<'static, ActionOutcome> {
        let shared = self.0.clone();
        Box::pin(async move { shared.carry_out(call, accepted, &request).await })
    }

    fn consented(&self, call: CallId, accepted: Instant, consent: Consent) -> BoxFuture<'static, ()> {
        let known = self.0.calls().get(&call).map(|books| {
            let mut consents = books.consents.lock().unwrap_or_else(PoisonError::into_inner);
            consents.push(consent.entry(offset_ms(accepted)));
            books.known.clone()
        });
        let shared = self.0.clone();
        Box::pin(async move {
            // A chain that is opened before is nobody's, and whoever asks to be erased is not found by it.
            if let Some(known) = known {
                known.cancelled().await;
            }
            shared.write_consents(call).await;
        })
    }

    fn ended(&self, call: CallId, _: &Summary) -> BoxFuture<'static, ()> {
        let shared = self.0.clone();
        if let Some(books) = shared.calls().get(&call) {
            books.known.cancel();
        }
        Box::pin(async move {
            let _books = Leaving { shared: &shared, call };
            shared.write_consents(call).await;
            shared.close(call).await;
        })
    }
}

/// Takes a call's books away when its closing is over, however that ends: they hold the caller's number.
struct Leaving<'a, T> {
    shared: &'a Shared<T>,
    call: CallId,
}

impl<T> Drop for Leaving<'_, T> {
    fn drop(&mut self) {
        self.shared.calls().remove(&self.call);
    }
}

impl<T> Shared<T> {
    fn calls(&self) -> MutexGuard<'_, HashMap<CallId, Arc<Books>>> {
        // Each change under this lock is one insertion or removal, so a panic elsewhere leaves it whole.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Transport> Shared<T> {
    /// Into the journal with what is known of the caller's consent, in the order in which it became known.
    async fn write_consents(&self, call: CallId) {
        let Some(books) = self.calls().get(&call).cloned() else { return };
        let _writing = books.writing.lock().await;
        let consents = std::mem::take(&mut *books.consents.lock().unwrap_or_else(PoisonError::into_inner));
        for consent in consents {
            let written = match self.open(call).await {
                Ok(()) => self.journal.append(call, consent).await.map(drop),
                Err(error) => Err(error),
            };
            if let Err(error) = written {
                metrics::counter!(figures::UNJOURNALED_TOTAL, "what" => "consent").increment(1);
                tracing::error!(call.id = %call, %error, "what the caller knows of the recording was not journaled");
            }
        }
    }

    /// Closes the call's chain, and tries again while the disk is only slow.
    async fn close(&self, call: CallId) {
        let began = Instant::now();
        let mut pauses = backon::ExponentialBuilder::default()
            .with_min_delay(PAUSE_MIN)
            .with_max_delay(PAUSE_MAX)
            .without_max_times()
            .build();
        let mut stalled = false;
        loop {
            // A call without any order action is in the audit too.
            let closed = match self.open(call).await {
                Ok(()) => self.journal.close_call(call).await,
                Err(error) => Err(error),
            };
            match closed {
                Ok(()) => return,
                // The disk came round to a closing that nobody waited for any more.
                Err(JournalError::NotOpen(_)) if stalled => return,
                Err(error @ (JournalError::Stalled | JournalError::QueueFull))
                    if began.elapsed() < CLOSING =>
                {
                    stalled = true;
                    tracing::warn!(call.id = %call, %error, "the call could not be closed in the journal yet");
                }
                Err(error) => {
                    tracing::warn!(call.id = %call, %error, "the call could not be closed in the journal");
                    return;
                }
            }
            tokio::time::sleep(pauses.next().unwrap_or(PAUSE_MAX)).await;
        }
    }

    /// Opens the call's chain, once. It waits for the first action or the call's end, so that the caller's number is
    /// known as a rule.
    async fn open(&self, call: CallId) -> Result<(), JournalError> {
        let Some(books) = self.calls().get(&call).cloned() else { return Err(JournalError::NotOpen(call)) };
        let open = async || {
            let caller = books.caller.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match self.journal.open_call(call, caller.as_ref(), books.since).await {
                Err(JournalError::OpenedBefore(_)) if books.stalled.load(Ordering::Relaxed) => Ok(()),
                Err(error @ JournalError::Stalled) => {
                    books.stalled.store(true, Ordering::Relaxed);
                    Err(error)
                }
                other => other,
            }
        };
        books.opened.get_or_try_init(open).await.map(drop)
    }

    async fn carry_out(&self, call: CallId, accepted: Instant, request: &ActionRequest) -> ActionOutcome {
        // No audit, no action.
        let unwritten = |error: JournalError, what: &'static str| {
            tracing::error!(call.id = %call, action = request.action.name(), %error, what, "not journaled");
            metrics::counter!(figures::UNJOURNALED_TOTAL, "what" => what).increment(1);
        };
        if let Err(error) = self.open(call).await {
            unwritten(error, "call");
            return ActionOutcome::Unavailable { reason: Unavailable::Journal };
        }
        let mutates = request.action.mutates();
        if mutates {
            let intent = Entry::intent(request, offset_ms(accepted));
            crash::point("cp0");
            if let Err(error) = self.journal.append(call, intent).await {
                unwritten(error, "intent");
                return ActionOutcome::Unavailable { reason: Unavailable::Journal };
            }
            crash::point("cp2");
        }
        let mut lost = 0u32;
        let on_attempt = |attempt: Attempt| {
            let found = format!("{}: {:?}", attempt.end.label(), attempt.end);
            let entry = Entry::attempt(request, attempt.number, &found, offset_ms(accepted));
            if attempt.end.label() != "answered" && self.journal.note(call, entry).is_err() {
                lost += 1;
            }
        };
        let outcome = self.store.perform(request, call, self.store.deadline(), on_attempt).await;
        if lost > 0 {
            tracing::warn!(call.id = %call, lost, "attempts were not journaled");
        }
        let entry = if mutates {
            Entry::outcome(request, &outcome, offset_ms(accepted))
        } else {
            Entry::read(request, &outcome, offset_ms(accepted))
        };
        if mutates {
            crash::point("cp4");
        }
        match self.journal.append(call, entry).await {
            Ok(_) => {
                if mutates {
                    crash::point("cp5");
                }
                outcome
            }
            Err(error) if mutates => {
                // It may have happened, and nothing may be told of it: the intent stays open and is settled later.
                unwritten(error, "outcome");
                self.journal.leave_open(call, request.id);
                ActionOutcome::Unknown
            }
            Err(error) => {
                unwritten(error, "read");
                ActionOutcome::Unavailable { reason: Unavailable::Journal }
            }
        }
    }
}

/// The reconciler's way to the same store.
#[derive(Debug)]
pub struct Resolver<T>(pub Arc<StoreClient<T>>);

impl<T: Transport> reconcile::Desk for Resolver<T> {
    async fn perform(&self, call: CallId, request: ActionRequest) -> ActionOutcome {
        self.0.perform_again(&request, call, self.0.deadline()).await
    }

    fn order_digest(&self, order: &Order) -> String {
        crate::conversation::order_digest(order)
    }
}

/// Pauses between tries to close a call while the disk stands still.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long a call's closing is tried. Chosen: a disk that stands still for an hour is mended by a restart, which closes
/// what was left open. A journal that was shut down ends it at once.
const CLOSING: Duration = Duration::from_secs(3600);

fn offset_ms(accepted: Instant) -> u64 {
    u64::try_from(accepted.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
