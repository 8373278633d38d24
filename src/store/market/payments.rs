//! PayServiceApi: payments and refunds for the shop's own programmes, and the word of the provider about them.
//!
//! Start reading at [`provider`], then [`notice`].

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use chrono::Utc;
use sqlx::PgConnection;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use uuid::Uuid;

use super::refusals::{Bearer, Missing, Read, Written};
use super::{OFFICE, Part, pan};
use crate::store::App;
use crate::store::auth::Principal;
use crate::store::http::{json, path_id};
use crate::store::idempotency::Answer;
use crate::store::mutation::{Effect, Mutation};
use crate::store::order::OrderRow;
use crate::store::problem::{Code, Fault, Problem, ProblemDocument};
use crate::store::settings::{ProviderSettings, Service};
use crate::store::state::{Event, Method};
use crate::store::transition::{Context, Step};

pub(crate) mod body;
pub(crate) mod notice;
mod page;
pub(crate) mod provider;
mod refunds;
mod sandbox;
pub(crate) mod signature;
pub(crate) mod source;

pub(crate) use body::StartedPayment;
use body::{HeardWord, NewPayment, PaymentView, WordBody};

/// The routes.
pub(crate) fn part() -> Part {
    Part {
        own: Router::new()
            .route("/api/v1/payments", post(create))
            .route("/api/v1/payments/{id}", get(payment))
            .route("/api/v1/payments/{id}/notify", post(notify))
            .route("/api/v1/refunds", post(refunds::create))
            .route("/api/v1/refunds/{id}", get(refunds::refund))
            .route("/pay/{id}", get(page::show).post(page::decide)),
        shared: Vec::new(),
        contested: Router::new(),
        document: Document::openapi(),
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "PayServiceApi"),
    paths(create, payment, notify, refunds::create, refunds::refund),
    components(schemas(ProblemDocument)),
    modifiers(&Bearer)
)]
struct Document;

/// Starts what works beside the requests: the questions to the payment provider.
pub(crate) fn start(app: &App, stop: &CancellationToken, tasks: &mut JoinSet<()>) {
    // One process of several asks: whichever runs this service.
    if !app.settings.services.contains(&Service::Payments) {
        return;
    }
    let pay = &app.settings.pay;
    let (Some(ProviderSettings::Sandbox { callback_url, think_ms }), Some(secret)) =
        (&pay.provider, &pay.callback_secret)
    else {
        return;
    };
    let think = Duration::from_millis(*think_ms);
    match sandbox::Sandbox::new(callback_url, secret.clone(), think, stop.clone()) {
        Ok(sandbox) => {
            tasks.spawn(provider::dispatch(app.clone(), Box::new(sandbox), stop.clone()));
        }
        Err(error) => tracing::error!(%error, "the payment provider cannot be set up; payments will wait"),
    }
}

/// Begins the payment of a reserved order and asks the provider for it; the payment's id.
pub(crate) async fn begin(
    conn: &mut PgConnection,
    context: &Context<'_>,
    order: Uuid,
    method: Method,
    source: &str,
) -> Result<Uuid, Fault> {
    let at_the_door: bool = sqlx::query_scalar(
        "select exists (select from pay.payments where order_id = $1 and status = 'on_delivery')",
    )
    .bind(order)
    .fetch_one(&mut *conn)
    .await?;
    if at_the_door {
        let detail = "expected an order to be paid here; this one is paid when it is handed over";
        return Err(Problem::new(Code::InvalidTransition, detail).into());
    }
    Step::plan(conn, context, order, Event::PaymentStarted(method)).await?.carry_out(conn, context).await?;
    let payment: Uuid =
        sqlx::query_scalar("select id from pay.payments where order_id = $1 and status = 'pending'")
            .bind(order)
            .fetch_one(&mut *conn)
            .await?;
    provider::ask_for(conn, context, payment, source).await?;
    Ok(payment)
}

/// Asks for the money of an order: the amount must be its total. The order must be reserved and not paid for yet.
#[utoipa::path(post, path = "/api/v1/payments", request_body = NewPayment, security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header), ("If-Match" = Option<String>, Header)),
    responses((status = 201, body = StartedPayment), Missing, Written))]
async fn create(State(app): State<App>, principal: Principal, request: Mutation) -> Result<Answer, Fault> {
    principal.must_be(OFFICE)?;
    pan::refuse(&request)?;
    let payment: NewPayment = request.body()?;
    let source = payment.source()?;
    source::must_be_taken(&app.settings)?;
    request.carry_out(&app, &principal, Create { payment, source }).await
}

struct Create {
    payment: NewPayment,
    source: source::Source,
}

impl Effect for Create {
    async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        let Self { payment, source } = self;
        let order = OrderRow::lock(conn, payment.order_id).await?;
        if (payment.amount, payment.currency.as_str()) != (order.total_minor, order.currency.as_str()) {
            let (total, currency) = (order.total_minor, &order.currency);
            let detail =
                format!("expected {total} {currency}, found {} {}", payment.amount, payment.currency);
            return Err(Problem::new(Code::AmountMismatch, detail).into());
        }
        let id = begin(conn, context, order.id, source.means.method(), &source.value).await?;
        let view = PaymentView::read(conn, id).await?;
        let started = StartedPayment { payment_id: id, status: view.status };
        let order = OrderRow::read(conn, order.id).await?;
        let answer = Answer::json(StatusCode::CREATED, &started)?;
        Ok(answer.of_order(order.id, order.version).at(format!("/api/v1/payments/{id}")))
    }
}

/// A payment.
#[utoipa::path(get, path = "/api/v1/payments/{id}", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses((status = 200, body = PaymentView), Missing, Read))]
async fn payment(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    principal.must_be(OFFICE)?;
    let mut conn = app.pool.acquire().await?;
    json(&PaymentView::read(&mut conn, path_id(&id)?).await?)
}

/// The provider's word about a payment or, with `refundId`, about a refund. Signed: `X-Orderline-Timestamp` is the time in
/// seconds, `X-Orderline-Signature` is `v1=` and the hexadecimal HMAC-SHA256 over `TIMESTAMP.ID.BODY`. What is said twice,
/// and a failure after the success, is answered alike and changes nothing.
#[utoipa::path(post, path = "/api/v1/payments/{id}/notify", request_body = WordBody,
    params(("id" = Uuid, Path), ("X-Orderline-Timestamp" = String, Header), ("X-Orderline-Signature" = String, Header)),
    responses((status = 200, body = HeardWord), Missing, Written))]
async fn notify(
    State(app): State<App>,
    headers: HeaderMap,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    let id = path_id(&id)?;
    let provider = signed(&app, &headers, id, &request)?;
    let word: WordBody = request.body()?;
    request.carry_out(&app, &provider, Hear(word.notice(id, None))).await
}

/// The provider, if its signature is good for this path and body.
pub(crate) fn signed(
    app: &App,
    headers: &HeaderMap,
    about: Uuid,
    request: &Mutation,
) -> Result<Principal, Problem> {
    let secret = app.settings.pay.callback_secret.as_ref();
    signature::verify(secret, headers, about, &request.raw, Utc::now())?;
    Ok(Principal { subject: notice::ACTOR.to_owned(), roles: Vec::new(), user: None, signed_in: false })
}

struct Hear(notice::Notice);

impl Effect for Hear {
    async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        let payment_id = self.0.payment;
        let order_id = notice::take(conn, context, self.0).await?;
        let status = PaymentView::read(conn, payment_id).await?.status;
        Answer::json(StatusCode::OK, &HeardWord { payment_id, order_id, status })
    }
}
