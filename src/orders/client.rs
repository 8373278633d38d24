//! The client of the Store API: an [`OrderAction`] in, what is certain about it out.
//!
//! **Certainty is the point.** A mutation ends in one of four ways: done, refused by the store, certainly not done
//! ([`ActionOutcome::Unavailable`]: nothing reached the store, or it turned the request away unread), or unknown. Only a
//! whole answer of the store makes the first two; any attempt that may have arrived and has no such answer makes the last,
//! and nobody may speak that as a no. Retries keep the action's one idempotency key.
//!
//! Where to read next: `exchange` for attempts and what each teaches, `breaker`, `http`, `forms` for the JSON.

use bytes::Bytes;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::ids::CallId;
use crate::orders::{
    ActionOutcome, ActionRequest, Confirmation, Delivery, Order, OrderAction, OrderStatus, Product,
    Rejection, Unavailable,
};
use crate::telemetry::figures::{STORE_ATTEMPTS_TOTAL, STORE_BREAKER, STORE_SECONDS};

mod breaker;
pub mod check;
mod exchange;
mod forms;
mod http;
mod settings;

pub use breaker::BreakerState;
pub use exchange::{Attempt, AttemptEnd, Loss, StoreRequest, StoreResponse, Transport};
pub use forms::{DeliveryQuote, FormError};
pub use http::{ClientError, Http};
pub use settings::{Idempotency, Settings};

use breaker::Breaker;
use exchange::{Ending, exchange};

// Chosen: the requirement lets the agent handle several orders of one caller; more than five cannot be told by voice.
const SEARCH_LIMIT: u32 = 5;
// Chosen: how many products a search brings; the dialogue offers three of them.
const PRODUCT_LIMIT: u32 = 10;

/// The shop's Store API. One per process, on the service runtime; share it in an `Arc`.
#[derive(Debug)]
pub struct StoreClient<T = Http> {
    transport: T,
    breaker: Breaker,
    settings: Settings,
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
        Self { transport, breaker: Breaker::new(), settings }
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
        // What was read back and nothing else: a change that arrives late must not be agreed to.
        request.version = asked.evidence.as_ref().map(|evidence| evidence.order_version).filter(|v| *v > 0);
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
            Ending::NotDone => UNAVAILABLE,
            Ending::Doubtful => ActionOutcome::Unknown,
        }
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
            OrderAction::SetDelivery { order_id, .. } => {
                let told = forms::order(body, currency).ok().filter(|order| order.id == *order_id);
                let order = match told {
                    Some(order) => Some(order),
                    None => self.order(*order_id, deadline).await,
                };
                // The delivery is what was asked for, so an order without one does not say that it was set.
                order
                    .filter(|order| order.delivery.is_some())
                    .map(|order| ActionOutcome::DeliverySet { order })
            }
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
            Ending::NotDone | Ending::Doubtful => Err(StoreError::Unavailable),
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

fn order_of(action: &OrderAction) -> Option<Uuid> {
    match action {
        OrderAction::SetDelivery { order_id, .. }
        | OrderAction::Confirm { order_id, .. }
        | OrderAction::Cancel { order_id, .. }
        | OrderAction::OrderDetails { order_id } => Some(*order_id),
        _ => None,
    }
}

fn details(order_id: Uuid) -> StoreRequest {
    StoreRequest::get(format!("orders/{order_id}"), Vec::new())
}

fn products(query: Option<&str>) -> StoreRequest {
    let mut parameters = vec![("limit", PRODUCT_LIMIT.to_string())];
    parameters.extend(query.map(|q| ("q", q.to_owned())));
    StoreRequest::get("products", parameters)
}

/// The request of an action that reads.
fn question(action: &OrderAction) -> Option<StoreRequest> {
    Some(match action {
        OrderAction::SearchOrders { phone, order_number } => {
            let mut query = vec![("limit", SEARCH_LIMIT.to_string())];
            // The number leaves its mask here: it is how the store knows whose orders these are.
            query.extend(phone.as_ref().map(|phone| ("phone", phone.e164().to_owned())));
            query.extend(order_number.as_ref().map(|number| ("order_number", number.clone())));
            StoreRequest::get("orders/search", query)
        }
        OrderAction::OrderDetails { order_id } => details(*order_id),
        OrderAction::FindProducts { query } => products(Some(query)),
        OrderAction::PickupPoints { city } => {
            StoreRequest::get("pickup-points", city.iter().map(|city| ("city", city.clone())).collect())
        }
        OrderAction::CreateDraft { .. }
        | OrderAction::SetDelivery { .. }
        | OrderAction::Confirm { .. }
        | OrderAction::Cancel { .. } => return None,
    })
}

/// The request of an action that changes something. Names, addresses and the telephone number leave their masks here: the
/// store delivers by them.
fn change(action: &OrderAction, key: Option<Uuid>, call: CallId) -> Option<StoreRequest> {
    let (method, path, mut body) = match action {
        OrderAction::CreateDraft { lines, phone, name } => (
            "POST",
            "orders".to_owned(),
            json!({
                "items": lines.iter().map(|line| json!({"product_id": line.product_id, "quantity": line.quantity}))
                    .collect::<Vec<_>>(),
                "customer_phone": phone.e164(),
                "customer_name": name.as_ref().map(|name| name.reveal()),
                "source": "ai_agent",
                "call_id": call,
            }),
        ),
        OrderAction::SetDelivery { order_id, delivery } => (
            "PATCH",
            format!("orders/{order_id}/delivery"),
            match delivery {
                Delivery::Delivery { city, address } => {
                    json!({"delivery_type": "delivery", "city": city, "address": address.reveal()})
                }
                Delivery::Pickup { pickup_point_id, city } => {
                    json!({"delivery_type": "pickup", "city": city, "pickup_point_id": pickup_point_id})
                }
            },
        ),
        OrderAction::Confirm { order_id, payment, name } => (
            "POST",
            format!("orders/{order_id}/confirm"),
            json!({
                "payment_method": payment,
                "customer_name": name.as_ref().map(|name| name.reveal()),
                "send_sms_confirmation": true,
            }),
        ),
        OrderAction::Cancel { order_id, reason } => {
            ("POST", format!("orders/{order_id}/cancel"), json!({"reason": reason}))
        }
        OrderAction::SearchOrders { .. }
        | OrderAction::OrderDetails { .. }
        | OrderAction::FindProducts { .. }
        | OrderAction::PickupPoints { .. } => return None,
    };
    if let Some(fields) = body.as_object_mut() {
        // What is not known is left out rather than sent empty.
        fields.retain(|_, value| !value.is_null() && value != "");
    }
    Some(StoreRequest {
        method,
        path,
        query: Vec::new(),
        body: Some(body.to_string().into()),
        key,
        version: None,
        again: false,
    })
}

#[cfg(test)]
mod check_tests;
#[cfg(test)]
mod http_tests;
#[cfg(test)]
mod tests;
