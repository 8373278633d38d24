//! The four requests that change an order, each carried out in one transaction together with its key, its answer and its
//! messages.

use axum::http::{StatusCode, header};
use chrono::Utc;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::App;
use super::draft;
use super::fulfil;
use super::idempotency::{self, Answer};
use super::order::OrderView;
use super::problem::{Code, Fault, PROBLEM_JSON, Problem};
use super::state::{Event, Method};
use super::transition::{Context, Step};

/// A request that changes something, read but not yet understood.
#[derive(Debug)]
pub(crate) struct Mutation {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) request_id: String,
    pub(crate) key: Option<String>,
    pub(crate) expected_version: Option<i32>,
    pub(crate) body: Value,
}

impl Mutation {
    /// The body as a type.
    ///
    /// # Errors
    /// `invalid-request` with what was expected.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        T::deserialize(&self.body).map_err(|error| Problem::new(Code::Invalid, error.to_string()))
    }

    /// Refuses a request without a key.
    pub(crate) fn must_have_key(&self) -> Result<(), Problem> {
        let missing = || Problem::new(Code::KeyMissing, "expected an Idempotency-Key header");
        self.key.as_ref().map(drop).ok_or_else(missing)
    }
}

/// One of the changes.
#[derive(Debug)]
pub(crate) enum Command {
    Draft(draft::NewOrder),
    SetDelivery(Uuid, fulfil::Destination),
    Confirm(Uuid, Confirmation),
    Cancel(Uuid, String),
}

/// The body of a confirmation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    pub(crate) payment_method: Method,
    pub(crate) customer_name: Option<String>,
    #[serde(default = "yes")]
    pub(crate) send_sms_confirmation: bool,
}

fn yes() -> bool {
    true
}

/// The only caller so far: the voice server, by its token.
const PRINCIPAL: &str = "agent";

impl Command {
    /// Carries the change out, or gives the answer that its key already has.
    pub(crate) async fn run(self, app: &App, request: &Mutation) -> Result<Answer, Fault> {
        let context = Context {
            settings: &app.settings,
            now: Utc::now(),
            actor: PRINCIPAL,
            key: request.key.as_deref(),
            request_id: &request.request_id,
            expected_version: request.expected_version,
        };
        let fingerprint = idempotency::fingerprint(&request.method, &request.path, &request.body);
        let mut transaction = app.pool.begin().await?;
        if let Some(key) = context.key {
            let kept = idempotency::take(&mut transaction, PRINCIPAL, key, &fingerprint, context.now).await?;
            if let Some(answer) = kept {
                return Ok(answer);
            }
        }
        let mut effect = transaction.begin().await?;
        let answer = match self.execute(&mut effect, &context).await {
            Ok(answer) => {
                effect.commit().await?;
                answer
            }
            Err(Fault::No(problem)) => {
                effect.rollback().await?;
                refusal(&problem, request)
            }
            Err(fault) => return Err(fault),
        };
        // A version that did not match is about a header, which the fingerprint does not cover.
        if let Some(key) = context.key.filter(|_| answer.status != StatusCode::PRECONDITION_FAILED) {
            let days = app.settings.key_ttl_days;
            idempotency::keep(&mut transaction, PRINCIPAL, key, &fingerprint, &answer, context.now, days)
                .await?;
        }
        transaction.commit().await?;
        app.outbox.notify_one();
        Ok(answer)
    }

    async fn execute(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        match self {
            Self::Draft(order) => {
                let id = draft::create(conn, context, PRINCIPAL, order).await?;
                answer(StatusCode::CREATED, OrderView::read(conn, id).await?)
            }
            Self::SetDelivery(id, destination) => {
                fulfil::set_delivery(conn, context, id, destination).await?;
                answer(StatusCode::OK, OrderView::read(conn, id).await?)
            }
            Self::Confirm(id, confirmation) => {
                let sms_sent = fulfil::confirm(conn, context, id, confirmation).await?;
                let order = OrderView::read(conn, id).await?;
                answer_with(StatusCode::OK, order, Some(sms_sent))
            }
            Self::Cancel(id, reason) => {
                let step = Step::plan(conn, context, id, Event::CancelledByCustomer { reason }).await?;
                step.carry_out(conn, context).await?;
                answer(StatusCode::OK, OrderView::read(conn, id).await?)
            }
        }
    }
}

fn answer(status: StatusCode, order: OrderView) -> Result<Answer, Fault> {
    answer_with(status, order, None)
}

fn answer_with(status: StatusCode, order: OrderView, sms_sent: Option<bool>) -> Result<Answer, Fault> {
    #[derive(serde::Serialize)]
    struct Reply<'a> {
        #[serde(flatten)]
        order: &'a OrderView,
        #[serde(skip_serializing_if = "Option::is_none")]
        sms_sent: Option<bool>,
    }
    let mut headers = vec![
        (header::CONTENT_TYPE.to_string(), "application/json".to_owned()),
        (header::ETAG.to_string(), format!("\"{}\"", order.version)),
    ];
    if status == StatusCode::CREATED {
        headers.push((header::LOCATION.to_string(), format!("/api/v1/orders/{}", order.id)));
    }
    let body = serde_json::to_vec(&Reply { order: &order, sms_sent })
        .map_err(|error| Fault::Database(sqlx::Error::Encode(error.into())))?;
    Ok(Answer { status, headers, body, order_id: Some(order.id), replayed: false })
}

fn refusal(problem: &Problem, request: &Mutation) -> Answer {
    Answer {
        status: problem.status(),
        headers: vec![(header::CONTENT_TYPE.to_string(), PROBLEM_JSON.to_owned())],
        body: problem.body(&request.path, &request.request_id),
        order_id: None,
        replayed: false,
    }
}
