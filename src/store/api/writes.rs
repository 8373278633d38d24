//! The handlers that change orders: each reads its request into a [`Command`] and runs it.

use axum::extract::{Path, State};

use super::command::Command;
use super::draft::NewOrder;
use crate::store::App;
use crate::store::auth::Principal;
use crate::store::http::path_id;
use crate::store::idempotency::Answer;
use crate::store::mutation::Mutation;
use crate::store::problem::{Code, Fault, Problem};

/// `POST /orders`.
pub(crate) async fn create(
    State(app): State<App>,
    principal: Principal,
    request: Mutation,
) -> Result<Answer, Fault> {
    request.must_have_key()?;
    let order: NewOrder = request.body()?;
    let command = Command::Draft(order.checked()?);
    request.carry_out(&app, &principal, command).await
}

/// `PATCH /orders/{id}/delivery`.
pub(crate) async fn set_delivery(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    let command = Command::SetDelivery(path_id(&id)?, request.body()?);
    request.carry_out(&app, &principal, command).await
}

/// `POST /orders/{id}/confirm`.
pub(crate) async fn confirm(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    request.must_have_key()?;
    let command = Command::Confirm(path_id(&id)?, request.body()?);
    request.carry_out(&app, &principal, command).await
}

/// `POST /orders/{id}/cancel`.
pub(crate) async fn cancel(
    State(app): State<App>,
    principal: Principal,
    Path(id): Path<String>,
    request: Mutation,
) -> Result<Answer, Fault> {
    #[derive(Default, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Cancellation {
        reason: Option<String>,
    }
    let body: Cancellation = request.body()?;
    let reason = body.reason.unwrap_or_else(|| "cancelled by the customer".to_owned());
    if reason.chars().count() > 500 {
        return Err(Problem::new(Code::Invalid, "reason: expected at most 500 characters").into());
    }
    let command = Command::Cancel(path_id(&id)?, reason);
    request.carry_out(&app, &principal, command).await
}
