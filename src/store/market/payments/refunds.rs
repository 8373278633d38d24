//! Refunds: money that goes back, in one piece or in several, never more than came.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{notice, source};
use crate::store::App;
use crate::store::auth::Principal;
use crate::store::http::{json, path_id};
use crate::store::idempotency::Answer;
use crate::store::market::refusals::{Missing, Read, Written};
use crate::store::market::{OFFICE, pan};
use crate::store::money::Amount;
use crate::store::mutation::{Effect, Mutation};
use crate::store::order::OrderRow;
use crate::store::payments;
use crate::store::problem::{Code, Fault, Problem};
use crate::store::transition::Context;

/// Money to go back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewRefund {
    order_id: Uuid,
    payment_id: Uuid,
    amount: Amount,
}

/// A refund that has begun.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartedRefund {
    refund_id: Uuid,
    /// `pending`.
    status: String,
}

/// A refund.
#[derive(Debug, FromRow, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Refund)]
pub(crate) struct RefundView {
    #[sqlx(rename = "id")]
    refund_id: Uuid,
    payment_id: Uuid,
    order_id: Uuid,
    /// `pending`, `succeeded`, `failed`.
    status: String,
    #[sqlx(rename = "amount_minor")]
    amount: Amount,
    /// ISO 4217.
    currency: String,
    failure_code: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A refund.
#[utoipa::path(get, path = "/api/v1/refunds/{id}", params(("id" = Uuid, Path)), security(("bearer" = [])),
    responses((status = 200, body = RefundView), Missing, Read))]
pub(crate) async fn refund(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    principal.must_be(OFFICE)?;
    let id = path_id(&id)?;
    let row: Option<RefundView> = sqlx::query_as(
        "select id, payment_id, order_id, status, amount_minor, currency, failure_code, created_at, updated_at \
         from pay.refunds where id = $1",
    )
    .bind(id)
    .fetch_optional(&app.pool)
    .await?;
    let missing = || Problem::new(Code::NotFound, format!("expected a refund, found none with the id {id}"));
    json(&row.ok_or_else(missing)?)
}

/// Sends money back. The order stays as it is; cancelling one sends back what was paid by itself.
#[utoipa::path(post, path = "/api/v1/refunds", request_body = NewRefund, security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = StartedRefund), Missing, Written))]
pub(crate) async fn create(
    State(app): State<App>,
    principal: Principal,
    request: Mutation,
) -> Result<Answer, Fault> {
    principal.must_be(OFFICE)?;
    pan::refuse(&request)?;
    let refund: NewRefund = request.body()?;
    if refund.amount.0 < 1 {
        return Err(Problem::field("/amount", "expected at least 0.01").into());
    }
    source::must_be_taken(&app.settings)?;
    request.carry_out(&app, &principal, refund).await
}

impl Effect for NewRefund {
    async fn carry_out(self, conn: &mut PgConnection, context: &Context<'_>) -> Result<Answer, Fault> {
        let order = OrderRow::lock(conn, self.order_id).await?;
        let found: Option<(String, String)> = sqlx::query_as(
            "select method, currency from pay.payments where id = $1 and order_id = $2 for update",
        )
        .bind(self.payment_id)
        .bind(order.id)
        .fetch_optional(&mut *conn)
        .await?;
        let missing = || {
            let detail =
                format!("expected a payment of this order, found none with the id {}", self.payment_id);
            Problem::new(Code::NotFound, detail)
        };
        let (method, currency) = found.ok_or_else(missing)?;
        if method.ends_with("_on_delivery") {
            let detail = "expected money that a provider took; what was taken at the door goes back by hand";
            return Err(Problem::new(Code::PaymentUnavailable, detail).into());
        }
        let written =
            payments::refund(conn, context, order.id, self.payment_id, self.amount, &currency).await;
        let refund_id = written.map_err(too_large)?;
        notice::follow(conn, context, &order, self.payment_id).await?;
        let started = StartedRefund { refund_id, status: "pending".to_owned() };
        Ok(Answer::json(StatusCode::CREATED, &started)?.at(format!("/api/v1/refunds/{refund_id}")))
    }
}

/// The database adds up the refunds of a payment and refuses what would be more than came.
fn too_large(fault: Fault) -> Fault {
    match &fault {
        Fault::Database(sqlx::Error::Database(error))
            if error.constraint() == Some("refunded_within_captured") =>
        {
            let detail = "expected no more than what was paid and has not gone back yet";
            Problem::new(Code::RefundTooLarge, detail).into()
        }
        _ => fault,
    }
}
