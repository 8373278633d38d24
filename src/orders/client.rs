//! The client of the Store API: an [`OrderAction`] in, what is certain about it out.
//!
//! **Certainty is the point.** A mutation ends in one of four ways: done, refused by the store, certainly not done
//! ([`ActionOutcome::Unavailable`]: nothing reached the store, or it turned the request away unread), or unknown. Only a
//! whole answer of the store makes the first two; any attempt that may have arrived and has no such answer makes the last,
//! and nobody may speak that as a no. Retries keep the action's one idempotency key.
//!
//! Where to read next: `exchange` for attempts and what each teaches, `breaker`, `http`, `requests` and `forms` for the JSON.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use uuid::Uuid;

use crate::ids::CallId;
use crate::orders::{
    ActionOutcome, ActionRequest, Confirmation, Delivery, DeliveryQuote, Order, OrderAction, OrderStatus,
    ProblemCode, Product, Rejection, Unavailable,
};
use crate::telemetry::figures::{STORE_ATTEMPTS_TOTAL, STORE_BREAKER, STORE_SECONDS};

mod breaker;
pub mod check;
mod exchange;
mod forms;
mod http;
mod requests;
mod settings;

pub use breaker::BreakerState;
pub use exchange::{Attempt, AttemptEnd, Loss, StoreRequest, StoreResponse, Transport};
pub use forms::FormError;
pub use http::{ClientError, Http};
pub use settings::{Idempotency, Settings};

use breaker::Breaker;
use exchange::{Ending, exchange};
use requests::{change, details, order_of, products, question};

/// So long a shop is taken to be without a request that it did not have. Chosen: a shop that is brought up to date is
/// found out within the hour, and until then one action an hour costs a caller the wait.
const LACKS: Duration = Duration::from_secs(3600);

/// The shop's Store API. One per process, on the service runtime; share it in an `Arc`.
#[derive(Debug)]
pub struct StoreClient<T = Http> {
    transport: T,
    breaker: Breaker,
    settings: Settings,
    /// When the shop was last found to have no way to change a draft's lines.
    no_lines: Mutex<Option<Instant>>,
}

/// Why a question to the store has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It was not asked, not reached, or did not answer in time.
    #[error("expected an answer from the store, found none in time")]
    Unavailable,
    /// It understood and said no.
    #[error("the store refused: {}", .0.detail)]
    Rejected(Rejection),
    /// It answered something else.
    #[error(transparent)]
    Unreadable(#[from] FormError),
}

impl StoreClient<Http> {
    /// A client over HTTP. Reads the token's file, if one is set.
    ///
    /// # Errors
    /// A setting that [`Settings::problems`] would have told, or TLS that cannot be set up.
    pub fn new(settings: Settings) -> Result<Self, ClientError> {
        Ok(Self::over(Http::new(&settings)?, settings))
    }
}

impl<T: Transport> StoreClient<T> {
    /// A client over another transport.
    pub fn over(transport: T, settings: Settings) -> Self {
        Self { transport, breaker: Breaker::new(), settings, no_lines: Mutex::new(None) }
    }

    /// By when an action that begins now must have ended for the caller who waits.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.settings.deadline()
    }

    /// Whether the store is asked at present: for readiness, metrics and the console.
    pub fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// Carries an action out and says what is certain about it. `on_attempt` is told of every attempt of the action itself,
    /// for the audit. Never takes longer than until `deadline`. Do not cancel it once a mutation has begun: the outcome
    /// would be lost, though never the order.
    pub async fn perform(
        &self,
        request: &ActionRequest,
        call: CallId,
        deadline: Instant,
        on_attempt: impl FnMut(Attempt) + Send,
    ) -> ActionOutcome {
        self.act(request, false, call, deadline, on_attempt).await
    }

    /// [`Self::perform`] for a request that an earlier run may have sent: only what the store decided under its key is a
    /// no. What says nothing of the earlier attempt leaves it unknown.
    pub async fn perform_again(
        &self,
        request: &ActionRequest,
        call: CallId,
        deadline: Instant,
    ) -> ActionOutcome {
        self.act(request, true, call, deadline, |_| ()).await
    }

    async fn act(
        &self,
        request: &ActionRequest,
        again: bool,
        call: CallId,
        deadline: Instant,
        mut on_attempt: impl FnMut(Attempt) + Send,
    ) -> ActionOutcome {
        let action = &request.action;
        let began = Instant::now();
        let mut on_attempt = |attempt: Attempt| {
            metrics::counter!(STORE_ATTEMPTS_TOTAL, "end" => attempt.end.label()).increment(1);
            on_attempt(attempt);
        };
        let outcome = if action.mutates() {
            self.mutate(request, again, call, deadline, &mut on_attempt).await
        } else {
            match self.read(action, deadline, &mut on_attempt).await {
                Ok(outcome) => outcome,
                Err(StoreError::Rejected(rejection)) => ActionOutcome::Rejected { rejection },
                Err(error) => {
                    tracing::warn!(action = action.name(), %error, "a question to the store has no answer");
                    ActionOutcome::Unavailable { reason: Unavailable::Store }
                }
            }
        };
        metrics::histogram!(STORE_SECONDS, "action" => action.name(), "outcome" => label(&outcome))
            .record(began.elapsed());
        metrics::gauge!(STORE_BREAKER).set(match self.breaker.state() {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 0.5,
            BreakerState::Open => 1.0,
        });
        outcome
    }

    /// `GET /products`: the catalogue, or what fits the words.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn products(&self, query: Option<&str>, deadline: Instant) -> Result<Vec<Product>, StoreError> {
        let request = products(query);
        let body = self.get(&request, deadline, &mut |_| ()).await?;
        Ok(forms::products(&body, self.settings.currency)?)
    }

    /// `GET /products`, page by page: the whole catalogue, at most 5,000 products of it.
    ///
    /// # Errors
    /// [`StoreError`], of the first page that cannot be read.
    pub async fn catalogue(&self, deadline: Instant) -> Result<Vec<Product>, StoreError> {
        let mut all: Vec<Product> = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let body = self.get(&requests::page(cursor.as_deref()), deadline, &mut |_| ()).await?;
            let (products, next) = forms::products_page(&body, self.settings.currency)?;
            let found = products.len();
            all.extend(products);
            // A store that gives the same page for ever is read no further than its own number of pages.
            if found == 0 || next.is_none() || next == cursor || all.len() >= requests::CATALOGUE {
                all.truncate(requests::CATALOGUE);
                return Ok(all);
            }
            cursor = next;
        }
    }

    /// `GET /delivery/calculate`: what this delivery of this order would cost.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn calculate_delivery(
        &self,
        order_id: Uuid,
        delivery: &Delivery,
        deadline: Instant,
    ) -> Result<DeliveryQuote, StoreError> {
        let mut query = vec![("order_id", order_id.to_string())];
        match delivery {
            Delivery::Delivery { city, .. } => {
                query.extend([("delivery_type", "delivery".to_owned()), ("city", city.clone())]);
            }
            Delivery::Pickup { pickup_point_id, city } => query.extend([
                ("delivery_type", "pickup".to_owned()),
                ("city", city.clone()),
                ("pickup_point_id", pickup_point_id.to_string()),
            ]),
        }
        let request = StoreRequest::get("delivery/calculate", query);
        let body = self.get(&request, deadline, &mut |_| ()).await?;
        Ok(forms::quote(&body, self.settings.currency)?)
    }

    async fn read(
        &self,
        action: &OrderAction,
        deadline: Instant,
        on_attempt: &mut (dyn FnMut(Attempt) + Send),
    ) -> Result<ActionOutcome, StoreError> {
        let currency = self.settings.currency;
        let Some(request) = question(action) else {
            return Err(StoreError::Unavailable);
        };
        let body = self.get(&request, deadline, on_attempt).await?;
        Ok(match action {
            OrderAction::SearchOrders { .. } => {
                ActionOutcome::Orders { orders: forms::orders(&body, currency)? }
            }
            OrderAction::FindProducts { .. } => {
                ActionOutcome::Products { products: forms::products(&body, currency)? }
            }
            OrderAction::PickupPoints { .. } => {
                ActionOutcome::PickupPoints { points: forms::pickup_points(&body)? }
            }
            OrderAction::DeliveryQuote { city } => {
                let quote = forms::quote(&body, currency)?;
                let city = if quote.city.is_empty() { city.clone() } else { quote.city.clone() };
                ActionOutcome::Quoted { quote: DeliveryQuote { city, ..quote } }
            }
            _ => ActionOutcome::Details { order: forms::order(&body, currency)? },
        })
    }

    async fn mutate(
        &self,
        asked: &ActionRequest,
        again: bool,
        call: CallId,
        deadline: Instant,
        on_attempt: &mut (dyn FnMut(Attempt) + Send),
    ) -> ActionOutcome {
        let action = &asked.action;
        const UNAVAILABLE: ActionOutcome = ActionOutcome::Unavailable { reason: Unavailable::Store };
        let Some(mut request) = change(action, asked.key, call) else {
            return UNAVAILABLE;
        };
        request.again = again;
        if request.optional && self.lacks_lines() {
            return unsupported();
        }
        // What was read back and nothing else: a change that arrives late must not be agreed to.
        let agreed = asked.evidence.as_ref().map(|evidence| evidence.order_version).filter(|v| *v > 0);
        request.version = agreed.or(request.version);
        // A mutation is never the probe of a half-open breaker, so a read goes before it.
        if self.breaker.state() == BreakerState::HalfOpen {
            let probe = match order_of(action) {
                Some(order_id) => details(order_id),
                None => StoreRequest::get("pickup-points", Vec::new()),
            };
            // What it answers does not matter here; the breaker has seen it.
            let _ = self.get(&probe, deadline, &mut |_| ()).await;
        }
        let ending =
            exchange(&self.transport, &self.breaker, &self.settings, &request, deadline, on_attempt).await;
        match ending {
            Ending::Answered(response) => self.done(action, &response, deadline).await,
            Ending::Refused(rejection) => ActionOutcome::Rejected { rejection },
            Ending::Absent(rejection) => self.absent(action, rejection, deadline).await,
            Ending::NotDone => UNAVAILABLE,
            Ending::Doubtful => ActionOutcome::Unknown,
        }
    }

    /// The store does not know the path, or not the method. Without a word which of the two, an order that can be read tells
    /// that it is the request that is unknown, not the order.
    async fn absent(
        &self,
        action: &OrderAction,
        rejection: Option<Rejection>,
        deadline: Instant,
    ) -> ActionOutcome {
        if let Some(rejection) = rejection {
            let order = match order_of(action) {
                Some(order_id) => self.get(&details(order_id), deadline, &mut |_| ()).await,
                None => Err(StoreError::Unavailable),
            };
            match order {
                Ok(_) => {}
                Err(StoreError::Rejected(_)) => return ActionOutcome::Rejected { rejection },
                Err(_) => return ActionOutcome::Unavailable { reason: Unavailable::Store },
            }
        }
        tracing::warn!(
            action = action.name(),
            "the shop's Store API has no such request; a new draft is made instead, and its delivery asked for again"
        );
        *self.no_lines.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        unsupported()
    }

    fn lacks_lines(&self) -> bool {
        let found = *self.no_lines.lock().unwrap_or_else(PoisonError::into_inner);
        found.is_some_and(|found| found.elapsed() < LACKS)
    }

    /// The store said yes; what exactly it did is in its answer, or else in the order itself.
    async fn done(&self, action: &OrderAction, response: &StoreResponse, deadline: Instant) -> ActionOutcome {
        let currency = self.settings.currency;
        let body = &response.body;
        let unreadable = |error: &dyn std::fmt::Display| {
            tracing::warn!(action = action.name(), status = response.status, %error, "a yes of the store cannot be read");
        };
        let outcome = match action {
            OrderAction::CreateDraft { .. } => match forms::order(body, currency) {
                Ok(order) => Some(ActionOutcome::Drafted { order }),
                Err(error) => match forms::order_id(response) {
                    Some(order_id) => {
                        self.order(order_id, deadline).await.map(|order| ActionOutcome::Drafted { order })
                    }
                    None => {
                        unreadable(&error);
                        None
                    }
                },
            },
            OrderAction::ChangeLines { order_id, .. } => self
                .told(*order_id, body, deadline)
                .await
                .filter(|order| !order.lines.is_empty())
                .map(|order| ActionOutcome::LinesChanged { order }),
            OrderAction::SetDelivery { order_id, .. } => self
                .told(*order_id, body, deadline)
                .await
                // The delivery is what was asked for, so an order without one does not say that it was set.
                .filter(|order| order.delivery.is_some())
                .map(|order| ActionOutcome::DeliverySet { order }),
            OrderAction::Confirm { order_id, .. } => match forms::confirmation(body, currency) {
                Ok(confirmation) if confirmation.order_id == *order_id => {
                    Some(ActionOutcome::Confirmed { confirmation })
                }
                told => {
                    if let Err(error) = &told {
                        unreadable(error);
                    }
                    let order = self.order(*order_id, deadline).await;
                    order.and_then(confirmed).map(|confirmation| ActionOutcome::Confirmed { confirmation })
                }
            },
            OrderAction::Cancel { order_id, .. } => {
                let told = response.status == 204 || forms::cancelled(body).is_ok_and(|id| id == *order_id);
                let cancelled = told
                    || self
                        .order(*order_id, deadline)
                        .await
                        .is_some_and(|order| order.status == OrderStatus::Cancelled);
                cancelled.then_some(ActionOutcome::Cancelled { order_id: *order_id })
            }
            // Reads do not come here.
            _ => None,
        };
        outcome.unwrap_or(ActionOutcome::Unknown)
    }

    /// The order that an answer tells whole, or else the order itself.
    async fn told(&self, order_id: Uuid, body: &[u8], deadline: Instant) -> Option<Order> {
        match forms::order(body, self.settings.currency).ok().filter(|order| order.id == order_id) {
            Some(order) => Some(order),
            None => self.order(order_id, deadline).await,
        }
    }

    async fn order(&self, order_id: Uuid, deadline: Instant) -> Option<Order> {
        let body = self.get(&details(order_id), deadline, &mut |_| ()).await.ok()?;
        forms::order(&body, self.settings.currency)
            .inspect_err(|error| tracing::warn!(%error, "an order cannot be read"))
            .ok()
            .filter(|order| order.id == order_id)
    }

    async fn get(
        &self,
        request: &StoreRequest,
        deadline: Instant,
        on_attempt: &mut (dyn FnMut(Attempt) + Send),
    ) -> Result<Bytes, StoreError> {
        match exchange(&self.transport, &self.breaker, &self.settings, request, deadline, on_attempt).await {
            Ending::Answered(response) => Ok(response.body),
            Ending::Refused(rejection) => Err(StoreError::Rejected(rejection)),
            Ending::NotDone | Ending::Doubtful | Ending::Absent(_) => Err(StoreError::Unavailable),
        }
    }
}

fn label(outcome: &ActionOutcome) -> &'static str {
    match outcome {
        ActionOutcome::Rejected { .. } => "rejected",
        ActionOutcome::Unknown => "unknown",
        ActionOutcome::Unavailable { .. } => "unavailable",
        _ => "done",
    }
}

/// The shop has no such request, so that nothing was done.
fn unsupported() -> ActionOutcome {
    let detail = "the shop's Store API has no such request".to_owned();
    let rejection = Rejection { code: ProblemCode::Unsupported, detail, order_number: None };
    ActionOutcome::Rejected { rejection }
}

/// The confirmation that an order itself bears witness to; whether an SMS went out, it does not say.
fn confirmed(order: Order) -> Option<Confirmation> {
    let placed = !matches!(order.status, OrderStatus::Draft | OrderStatus::Cancelled);
    placed.then_some(Confirmation {
        order_id: order.id,
        order_number: order.order_number,
        status: order.status,
        total: order.total,
        estimated_delivery: order.estimated_delivery,
        sms_sent: false,
        pay_url: None,
    })
}

#[cfg(test)]
mod check_tests;
#[cfg(test)]
mod http_tests;
#[cfg(test)]
mod lines_tests;
#[cfg(test)]
mod tests;
