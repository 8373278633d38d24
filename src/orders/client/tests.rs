//! Retries, deadlines, certainty and the breaker, against a scripted store in virtual time.

#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

pub(super) use serde_json::{Value, json};
pub(super) use tokio::time::advance;
use tokio::time::{Instant, sleep};

use super::*;
use crate::ids::{PhoneNumber, Pii, RequestId};
pub(super) use crate::orders::DraftLine;
use crate::orders::PaymentMethod;

/// A store that answers by a script, each answer after its time; beyond the script it is not reached.
#[derive(Debug, Default)]
pub(super) struct Script {
    steps: Mutex<VecDeque<(u64, Result<StoreResponse, Loss>)>>,
    seen: Mutex<Vec<(Instant, StoreRequest)>>,
}

impl Transport for Script {
    async fn send(&self, request: &StoreRequest) -> Result<StoreResponse, Loss> {
        self.seen.lock().unwrap().push((Instant::now(), request.clone()));
        let step = self.steps.lock().unwrap().pop_front();
        let (ms, result) = step.unwrap_or((1, refused_connection()));
        sleep(Duration::from_millis(ms)).await;
        result
    }
}

fn refused_connection() -> Result<StoreResponse, Loss> {
    Err(Loss::NotSent("connection refused".to_owned()))
}

pub(super) fn torn() -> Result<StoreResponse, Loss> {
    Err(Loss::Lost("the body broke off".to_owned()))
}

pub(super) fn says(status: u16, body: Value) -> Result<StoreResponse, Loss> {
    Ok(StoreResponse { status, body: body.to_string().into(), ..StoreResponse::default() })
}

fn says_later(status: u16, body: Value, seconds: u64) -> Result<StoreResponse, Loss> {
    let after = Some(Duration::from_secs(seconds));
    says(status, body).map(|response| StoreResponse { retry_after: after, ..response })
}

pub(super) const ORDER: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);

pub(super) fn draft() -> Value {
    json!({
        "id": ORDER, "order_number": "ORD-20260214-017", "status": "draft", "version": 1, "currency": "RUB",
        "items": [{"product_id": ORDER, "name": "Lamp", "quantity": 2, "price": 100, "total": 200}],
        "subtotal": 200, "total": 200,
    })
}

pub(super) fn delivered_to_door() -> Value {
    let mut order = draft();
    order["delivery"] = json!({"type": "delivery", "city": "Минск", "address": "Мира 1", "cost": "15.50",
        "estimated_days": {"min": 1, "max": 3}});
    order
}

pub(super) fn placed() -> Value {
    json!({"id": ORDER, "order_number": "ORD-20260214-017", "status": "confirmed", "total": 200, "sms_sent": true,
        "estimated_delivery": "2026-02-17"})
}

pub(super) fn confirm() -> OrderAction {
    OrderAction::Confirm { order_id: ORDER, payment: PaymentMethod::CashOnDelivery, name: None }
}

fn create() -> OrderAction {
    OrderAction::CreateDraft {
        lines: vec![DraftLine { product_id: ORDER, quantity: 2 }],
        phone: PhoneNumber::try_from("+375291234567".to_owned()).unwrap(),
        name: Some(Pii::new("Анна".to_owned())),
    }
}

fn find() -> OrderAction {
    OrderAction::FindProducts { query: "лампа".to_owned() }
}

pub(super) struct Play {
    pub(super) client: StoreClient<Script>,
    attempts: Vec<Attempt>,
}

impl Play {
    pub(super) fn of(steps: impl IntoIterator<Item = (u64, Result<StoreResponse, Loss>)>) -> Self {
        Self::with(Settings::default(), steps)
    }

    fn with(settings: Settings, steps: impl IntoIterator<Item = (u64, Result<StoreResponse, Loss>)>) -> Self {
        let script = Script { steps: Mutex::new(steps.into_iter().collect()), ..Script::default() };
        Self { client: StoreClient::over(script, settings), attempts: Vec::new() }
    }

    pub(super) fn script(&self, steps: impl IntoIterator<Item = (u64, Result<StoreResponse, Loss>)>) {
        self.client.transport.steps.lock().unwrap().extend(steps);
    }

    /// [`Self::act`] for an action that an earlier run may have sent.
    pub(super) async fn act_again(&mut self, action: OrderAction) -> ActionOutcome {
        let request =
            ActionRequest { id: RequestId(1), action, key: Some(Uuid::from_u128(7)), evidence: None };
        self.client.perform_again(&request, CallId(Uuid::from_u128(1)), self.client.deadline()).await
    }

    pub(super) async fn act(&mut self, action: OrderAction) -> ActionOutcome {
        let key = action.mutates().then(|| Uuid::from_u128(7));
        let request = ActionRequest { id: RequestId(1), action, key, evidence: None };
        let deadline = self.client.deadline();
        let attempts = &mut self.attempts;
        let outcome = self
            .client
            .perform(&request, CallId(Uuid::from_u128(1)), deadline, |attempt| attempts.push(attempt))
            .await;
        assert!(Instant::now() <= deadline + Duration::from_millis(2), "past the deadline");
        outcome
    }

    pub(super) fn seen(&self) -> Vec<(Instant, StoreRequest)> {
        self.client.transport.seen.lock().unwrap().clone()
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.seen().iter().map(|(_, request)| format!("{} {}", request.method, request.path)).collect()
    }
}

pub(super) const UNAVAILABLE: ActionOutcome = ActionOutcome::Unavailable { reason: Unavailable::Store };

pub(super) fn rejection(outcome: ActionOutcome) -> Rejection {
    match outcome {
        ActionOutcome::Rejected { rejection } => rejection,
        other => panic!("expected a rejection, found {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_again_with_the_same_key() {
    let mut play = Play::of([(10, torn()), (10, says(503, json!({}))), (10, says(201, draft()))]);
    let outcome = play.act(create()).await;
    assert!(matches!(outcome, ActionOutcome::Drafted { order } if order.total.minor == 20_000));
    let seen = play.seen();
    assert_eq!(seen.len(), 3);
    for (_, request) in &seen {
        assert_eq!(request.key, Some(Uuid::from_u128(7)));
        assert_eq!(request.body, seen[0].1.body);
    }
    for pair in seen.windows(2) {
        let pause = pair[1].0 - pair[0].0 - Duration::from_millis(10);
        assert!((100..=801).contains(&pause.as_millis()), "{pause:?}");
    }
    let numbers: Vec<_> = play.attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(matches!(play.attempts[0].end, AttemptEnd::Lost { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_mutation_that_may_have_arrived_is_unknown() {
    for end in
        [torn(), says(500, json!({})), says(502, json!({})), says(503, json!({})), says(504, json!({}))]
    {
        let mut play = Play::of([(10, end.clone())]);
        assert_eq!(
            play.act(confirm()).await,
            ActionOutcome::Unknown,
            "{end:?} and then nothing more reached"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_mutation_that_never_arrived_is_unavailable() {
    let mut play = Play::of([]);
    assert_eq!(play.act(confirm()).await, UNAVAILABLE);
    assert_eq!(play.attempts.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_silent_store_costs_a_caller_the_deadline_at_most() {
    let began = Instant::now();
    let silent = || (60_000, torn());
    let mut play = Play::of([silent(), silent(), silent()]);
    assert_eq!(play.act(confirm()).await, ActionOutcome::Unknown);
    assert!(began.elapsed() <= Duration::from_millis(4_000));
    assert_eq!(play.attempts.len(), 2, "2.5 s, a pause, and what is left");
    assert_eq!(play.attempts[0].took_ms, 2_500);

    let mut play = Play::of([silent(), silent(), silent()]);
    assert_eq!(play.act(find()).await, UNAVAILABLE);
    assert_eq!(play.attempts[0].took_ms, 1_500);
}

#[tokio::test(start_paused = true)]
async fn an_internal_error_is_not_repeated() {
    let mut play = Play::of([(10, says(500, json!({}))), (10, says(200, placed()))]);
    assert_eq!(play.act(confirm()).await, ActionOutcome::Unknown);
    assert_eq!(play.attempts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_definite_no_is_taken_at_the_first_word() {
    for (status, code, expected) in [
        (409, "out-of-stock", ProblemCode::OutOfStock),
        (409, "price-changed", ProblemCode::PriceChanged),
        (409, "expired", ProblemCode::Expired),
        (422, "unknown-product", ProblemCode::UnknownProduct),
        (404, "not-found", ProblemCode::NotFound),
        (429, "too-many-orders", ProblemCode::TooManyOrders),
        (400, "malformed", ProblemCode::Other),
    ] {
        let mut play = Play::of([(10, says(status, json!({"code": code})))]);
        assert_eq!(rejection(play.act(confirm()).await).code, expected);
        assert_eq!(play.attempts.len(), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_no_after_a_lost_answer_counts_only_if_it_was_decided_under_the_key() {
    let mut play = Play::of([(10, torn()), (10, says(409, json!({"code": "out-of-stock"})))]);
    assert_eq!(rejection(play.act(create()).await).code, ProblemCode::OutOfStock);
    for status in [400, 401, 403, 413] {
        let mut play = Play::of([(10, torn()), (10, says(status, json!({})))]);
        assert_eq!(play.act(create()).await, ActionOutcome::Unknown, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_no_to_what_an_earlier_run_may_have_sent_counts_only_if_it_was_decided_under_the_key() {
    for (status, code) in [
        (400, "bad-request"),
        (405, "method-not-allowed"),
        (413, "body-too-large"),
        (422, "invalid-request"),
        (422, "idempotency-key-reused"),
        (404, "no-such-route"),
    ] {
        let mut play = Play::of([(10, says(status, json!({"code": code})))]);
        assert_eq!(play.act_again(create()).await, ActionOutcome::Unknown, "{status} {code}");
    }
    for (status, code) in
        [(409, "out-of-stock"), (409, "of-another-shop"), (412, "version-mismatch"), (404, "not-found")]
    {
        let mut play = Play::of([(10, says(status, json!({"code": code})))]);
        assert!(matches!(play.act_again(create()).await, ActionOutcome::Rejected { .. }), "{status} {code}");
    }
    // The idempotency layer gives again what it kept, whatever that was.
    let kept = says(422, json!({"code": "payment-method-unavailable"}));
    let mut play = Play::of([(10, kept.map(|response| StoreResponse { replayed: true, ..response }))]);
    assert!(matches!(play.act_again(confirm()).await, ActionOutcome::Rejected { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_says_404_is_no_answer_of_the_store() {
    let page = || {
        let body = "<html>default backend - 404</html>".into();
        (10, Ok(StoreResponse { status: 404, body, ..StoreResponse::default() }))
    };
    let details = OrderAction::OrderDetails { order_id: ORDER };
    let mut play = Play::of([page(), page(), page(), (10, torn()), page()]);
    assert_eq!(play.act(details).await, UNAVAILABLE);
    assert_eq!(play.act(create()).await, UNAVAILABLE, "turned away unread, so certainly not done");
    assert!(!matches!(play.act_again(create()).await, ActionOutcome::Rejected { .. }));
    assert_eq!(play.act(create()).await, ActionOutcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_our_fault_and_nothing_happened() {
    let mut play = Play::of([(10, says(401, json!({})))]);
    assert_eq!(play.act(create()).await, UNAVAILABLE);
    assert_eq!(play.attempts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_waits_as_long_as_told_within_the_deadline() {
    let mut play = Play::of([(10, says_later(429, json!({}), 2)), (10, says(200, placed()))]);
    assert!(matches!(play.act(confirm()).await, ActionOutcome::Confirmed { .. }));
    let seen = play.seen();
    assert_eq!((seen[1].0 - seen[0].0).as_millis(), 2_010);

    for seconds in [4, u64::MAX] {
        let mut play = Play::of([(10, says_later(429, json!({}), seconds))]);
        assert_eq!(play.act(confirm()).await, UNAVAILABLE, "turned away unread, so certainly not done");
        assert_eq!(play.attempts.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_in_progress_is_waited_for_and_otherwise_unknown() {
    let busy = || (10, says_later(409, json!({"code": "request-in-progress"}), 1));
    let mut play = Play::of([busy(), (10, says(200, placed()))]);
    assert!(matches!(play.act(confirm()).await, ActionOutcome::Confirmed { .. }));

    let mut play = Play::of([busy(), busy(), busy()]);
    assert_eq!(play.act(confirm()).await, ActionOutcome::Unknown);
    assert_eq!(play.attempts.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn without_keys_a_mutation_is_sent_once_and_a_read_up_to_three_times() {
    let settings = Settings { idempotency: Idempotency::None, ..Settings::default() };
    let mut play = Play::with(settings.clone(), [(10, torn()), (10, says(201, draft()))]);
    assert_eq!(play.act(create()).await, ActionOutcome::Unknown);
    assert_eq!(play.attempts.len(), 1);

    let mut play = Play::with(settings, [(10, torn()), (10, torn()), (10, says(200, json!({"items": []})))]);
    assert_eq!(play.act(find()).await, ActionOutcome::Products { products: Vec::new() });
}

#[tokio::test(start_paused = true)]
async fn a_yes_that_says_too_little_is_completed_from_the_order() {
    let short = json!({"id": ORDER, "status": "draft", "total": 215.5});
    let mut play = Play::of([(10, says(200, short)), (10, says(200, delivered_to_door()))]);
    let delivery =
        Delivery::Delivery { city: "Минск".to_owned(), address: Pii::new("Мира 1".to_owned()) };
    let outcome = play.act(OrderAction::SetDelivery { order_id: ORDER, delivery }).await;
    let ActionOutcome::DeliverySet { order } = outcome else { panic!("{outcome:?}") };
    let terms = order.delivery.unwrap();
    assert_eq!((terms.cost.minor, terms.days_min, terms.days_max), (1_550, 1, 3));
    assert_eq!(play.asked(), [format!("PATCH orders/{ORDER}/delivery"), format!("GET orders/{ORDER}")]);
    assert_eq!(play.attempts.len(), 1, "the audit is told of the action's own attempts");
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_yes_is_resolved_by_the_order_or_unknown() {
    let page = || Ok(StoreResponse { status: 200, body: "<html>".into(), ..StoreResponse::default() });
    let mut order = draft();

    let mut play = Play::of([(10, page()), (10, says(200, order.clone()))]);
    assert_eq!(play.act(confirm()).await, ActionOutcome::Unknown, "still a draft");

    order["status"] = "confirmed".into();
    let mut play = Play::of([(10, page()), (10, says(200, order.clone()))]);
    let outcome = play.act(confirm()).await;
    assert!(
        matches!(&outcome, ActionOutcome::Confirmed { confirmation } if !confirmation.sms_sent),
        "{outcome:?}"
    );

    order["status"] = "cancelled".into();
    let cancel = || OrderAction::Cancel { order_id: ORDER, reason: "caller".to_owned() };
    let mut play = Play::of([(10, page()), (10, says(200, order))]);
    assert_eq!(play.act(cancel()).await, ActionOutcome::Cancelled { order_id: ORDER });
    let mut play = Play::of([(10, page())]);
    assert_eq!(play.act(cancel()).await, ActionOutcome::Unknown);

    let located = StoreResponse { location: Some(format!("/api/v1/orders/{ORDER}")), ..page().unwrap() };
    let mut play = Play::of([(10, Ok(located)), (10, says(200, draft()))]);
    assert!(matches!(play.act(create()).await, ActionOutcome::Drafted { .. }));
    let mut play = Play::of([(10, page())]);
    assert_eq!(play.act(create()).await, ActionOutcome::Unknown, "no id, nothing to ask about");
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_of_another_order_is_no_confirmation() {
    let mut other = placed();
    other["id"] = json!(Uuid::nil());
    let mut play = Play::of([(10, says(200, other)), (10, says(200, draft()))]);
    assert_eq!(play.act(confirm()).await, ActionOutcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_draft_carries_the_phone_the_call_and_no_price() {
    let mut play = Play::of([(10, says(201, draft()))]);
    play.act(create()).await;
    let body: Value = serde_json::from_slice(play.seen()[0].1.body.as_ref().unwrap()).unwrap();
    let expected = json!({
        "items": [{"product_id": ORDER, "quantity": 2}], "customer_phone": "+375291234567",
        "customer_name": "Анна", "source": "ai_agent", "call_id": Uuid::from_u128(1),
    });
    assert_eq!(body, expected);
}

#[tokio::test(start_paused = true)]
async fn the_third_failing_action_opens_the_breaker_and_the_next_caller_does_not_wait() {
    let mut play = Play::of([]);
    for _ in 0..3 {
        assert_eq!(play.client.breaker(), BreakerState::Closed);
        play.act(find()).await;
    }
    assert_eq!(play.client.breaker(), BreakerState::Open);
    let began = Instant::now();
    let asked = play.seen().len();
    assert_eq!(play.act(confirm()).await, UNAVAILABLE);
    assert_eq!(play.act(find()).await, UNAVAILABLE);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(play.seen().len(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_mutation_after_the_open_time_lets_a_read_go_first() {
    let mut play = Play::of([]);
    for _ in 0..3 {
        play.act(find()).await;
    }
    advance(Duration::from_secs(5)).await;
    let asked = play.seen().len();
    assert_eq!(play.act(confirm()).await, UNAVAILABLE, "the probe failed");
    assert_eq!(play.asked()[asked..], [format!("GET orders/{ORDER}")], "one attempt, no mutation");

    advance(Duration::from_secs(10)).await;
    play.script([(10, says(404, json!({}))), (10, says(200, placed()))]);
    assert!(matches!(play.act(confirm()).await, ActionOutcome::Confirmed { .. }));
    let asked = play.asked();
    assert_eq!(
        asked[asked.len() - 2..],
        [format!("GET orders/{ORDER}"), format!("POST orders/{ORDER}/confirm")]
    );
    assert_eq!(play.client.breaker(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn slow_answers_open_the_breaker_too_and_refusals_do_not() {
    let mut play = Play::of((0..3).map(|_| (2_400, says(200, placed()))));
    for _ in 0..3 {
        assert!(matches!(play.act(confirm()).await, ActionOutcome::Confirmed { .. }));
    }
    assert_eq!(play.client.breaker(), BreakerState::Open);

    let mut play = Play::of((0..9).map(|_| (10, says(409, json!({"code": "expired"})))));
    for _ in 0..9 {
        play.act(confirm()).await;
    }
    assert_eq!(play.client.breaker(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn an_action_whose_time_is_up_is_not_begun() {
    let play = Play::of([(1, says(200, placed()))]);
    let request =
        ActionRequest { id: RequestId(1), action: confirm(), key: Some(Uuid::nil()), evidence: None };
    let outcome = play.client.perform(&request, CallId(Uuid::nil()), Instant::now(), |_| ()).await;
    assert_eq!(outcome, UNAVAILABLE);
    assert_eq!(play.seen().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_is_not_told_shorter() {
    let list = json!({"items": [{"id": ORDER, "name": "Lamp", "price": 1, "stock": 1}, {"id": "x"}]});
    let mut play = Play::of([(10, says(200, list))]);
    assert_eq!(play.act(find()).await, UNAVAILABLE);
}
